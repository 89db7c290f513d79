// npm test [-- VITEST ARGS]: everything, on real engines, which are installed and started where there are none.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureDocker, ensurePodman } from "./engine/ensure-engine.mjs";
import { ensureTestedGuard } from "./guard/ensure-guard-tools.mjs";
import { ensureImages } from "./images/ensure-images.mjs";
import { main } from "./main.mjs";
import { ensureToolchain, runInForeground } from "./toolchain.mjs";

await main(async (args) => {
  const env = await ensureToolchain();
  await ensureTestedGuard();
  const docker = await ensureDocker();
  const podman = await ensurePodman();
  await ensureImages(docker, ["busybox", "scratch", "postgres"]);
  await ensureImages(podman, ["busybox", "scratch"]);
  return test(args, { ...env, ...toVariables({ docker, podman }) });
});

/** How the suites learn where the engines are. */
function toVariables({ docker, podman }) {
  return {
    DECKHAND_TEST_DOCKER_SOCKET: docker.address.socketPath ?? "",
    DECKHAND_TEST_PODMAN_SOCKET: podman.address.socketPath ?? "",
  };
}

async function test(args, env) {
  const folder = mkdtempSync(join(tmpdir(), "deckhand-test-"));
  const report = join(folder, "report.json");
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const exitCode = await runInForeground("vitest", ["run", ...reporters, ...args], { env });
    process.stdout.write(`${summaryOf(report)}\n`);
    return exitCode;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The last line; a test that could not even be loaded counts as a failed one. */
function summaryOf(report) {
  if (!existsSync(report)) return "0 passed, 1 failed (the tests did not run to their end)";
  const { testResults, numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, "utf8"));
  const notLoaded = testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
  );
  return `${numPassedTests} passed, ${numFailedTests + notLoaded.length} failed`;
}
