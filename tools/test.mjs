// npm test [-- VITEST ARGS]: everything, on real engines, which are installed and started where there are none.
import { main } from "./main.mjs";
import { runSuites } from "./run-suites.mjs";
import { ensureTestEnvironment } from "./test-environment.mjs";

await main(async (args) => {
  const { exitCode, summary } = await runSuites(args, await ensureTestEnvironment());
  process.stdout.write(`${summary}\n`);
  return exitCode;
});
