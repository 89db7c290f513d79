import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInForeground } from "./toolchain.mjs";

/** Runs vitest in the foreground; gives its exit code and how many tests passed and failed. */
export async function runSuites(args, env) {
  const folder = mkdtempSync(join(tmpdir(), "deckhand-test-"));
  const report = join(folder, "report.json");
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const exitCode = await runInForeground("vitest", ["run", ...reporters, ...args], { env });
    return { exitCode, summary: summaryOf(report) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A suite that failed without a test of its own that did (it could not be loaded, or set up) counts as a failed one. */
function summaryOf(report) {
  if (!existsSync(report)) return "0 passed, 1 failed (the tests did not run to their end)";
  const { testResults, numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, "utf8"));
  const brokenSuites = testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((result) => result.status === "failed"),
  );
  return `${numPassedTests} passed, ${numFailedTests + brokenSuites.length} failed`;
}
