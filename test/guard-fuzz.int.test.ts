import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);
const FUZZ = fileURLToPath(new URL("../tools/guard/fuzz-guard.mjs", import.meta.url));

/** `npm run fuzz:guard -- --seconds 600` is the long form. */
const SECONDS = Number(process.env.DECKHAND_FUZZ_SECONDS ?? 10);

test("any bytes whatsoever leave the guard whole", {
  timeout: SECONDS * 1000 + 300_000,
}, async () => {
  const { stdout } = await run("node", [FUZZ, "--seconds", `${SECONDS}`]);
  const counts = [...stdout.matchAll(/: (\d+) executions, (\d+) findings/g)];
  expect(counts).toHaveLength(2);
  for (const [, executions, findings] of counts) {
    expect(Number(executions)).toBeGreaterThan(1_000);
    expect(Number(findings)).toBe(0);
  }
});
