// npm run check: types, lint, format, unused code, unit tests. All of them run; the first failure decides the exit code.
import { main } from "./main.mjs";
import { green, red, say, step } from "./progress.mjs";
import { ROOT } from "./paths.mjs";
import { tryCommand } from "./run-command.mjs";
import { ensureToolchain } from "./toolchain.mjs";

const PROJECTS = [
  "packages/core",
  "packages/core/tsconfig.test.json",
  "packages/server",
  "packages/client",
  "packages/client/tsconfig.test.json",
  "packages/cli",
  "bench",
  "test",
];

const CHECKS = [
  ...PROJECTS.map((project) => ({
    title: `types of ${project}`,
    command: "tsc",
    args: ["-p", project],
  })),
  { title: "lint", command: "oxlint", args: ["--type-aware", "--deny-warnings"] },
  { title: "format", command: "biome", args: ["check", "--error-on-warnings"] },
  { title: "unused code", command: "knip", args: ["--no-progress"] },
  { title: "unit tests", command: "vitest", args: ["run", "--project", "unit"] },
];

await main(async () => {
  const env = await ensureToolchain();
  const failed = [];
  for (const check of CHECKS) if (!(await passes(check, env))) failed.push(check.title);
  say(failed.length === 0 ? green("all checks pass") : red(`failed: ${failed.join(", ")}`));
  return failed.length === 0 ? 0 : 1;
});

async function passes({ title, command, args }, env) {
  let result;
  try {
    await step(title, async () => {
      result = await tryCommand(command, args, { cwd: ROOT, env });
      if (result.exitCode !== 0) throw new Error(title);
    });
    return true;
  } catch {
    say(`${result.stdout}${result.stderr}`);
    return false;
  }
}
