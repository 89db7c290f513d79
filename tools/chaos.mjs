// npm run test:chaos [-- SUITE...]: the suites that kill, crowd and exhaust, in their full form, one after the other.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { main } from "./main.mjs";
import { ROOT } from "./paths.mjs";
import { bold, formatSeconds, green, red, say } from "./progress.mjs";
import { runSuites } from "./run-suites.mjs";
import { SetUpError } from "./set-up-error.mjs";
import { ensureTestEnvironment } from "./test-environment.mjs";

const EXIT_USAGE = 64;

/** What the full form of each suite is; `npm test` runs the short one. The environment wins over these. */
const SUITES = {
  "no-harm": { DECKHAND_ROUNDS: "13" },
  oom: { DECKHAND_ROUNDS: "50" },
  soak: { DECKHAND_SOAK_RUNS: "10000" },
  stop: { DECKHAND_ROUNDS: "15" },
  "kill-server": { DECKHAND_KILLS: "200" },
  "kill-notifications": { DECKHAND_KILLS: "100" },
  "kill-launch": { DECKHAND_KILLS: "500" },
  "kill-engine": { DECKHAND_KILLS: "20" },
  "kill-target": {},
  rolling: { DECKHAND_ROUNDS: "10" },
  fleet: { DECKHAND_TARGETS: "1000" },
  schedules: { DECKHAND_KILLS: "25", DECKHAND_FIRES: "10000" },
  history: { DECKHAND_KILLS: "20", DECKHAND_RUNS: "2000" },
  "engine-traffic": {},
  "disk-full": {},
};

await main(async (args) => {
  const names = toSuiteNames(args);
  const env = await ensureTestEnvironment();
  const results = [];
  for (const name of names) results.push(await runSuite(name, env));
  for (const result of results) tell(result);
  return results.every(({ exitCode }) => exitCode === 0) ? 0 : 1;
});

function toSuiteNames(args) {
  const known = Object.keys(SUITES);
  const unknown = args.filter((name) => !known.includes(name));
  if (unknown.length === 0) return args.length > 0 ? args : known;
  throw new SetUpError(`there is no suite ${unknown.join(", ")}`, {
    exitCode: EXIT_USAGE,
    hint: `The suites are ${known.join(", ")}.`,
  });
}

async function runSuite(name, env) {
  const folder = mkdtempSync(join(tmpdir(), "deckhand-chaos-"));
  const figures = join(folder, "figures");
  const startedAt = performance.now();
  say(`\n${bold(name)} ${toWords(SUITES[name])}`);
  try {
    const { exitCode, summary } = await runSuites(
      [
        ...["--project=integration", "--maxWorkers=1", "--retry=0"],
        `--reporter=${join(ROOT, "tools/figures-reporter.mjs")}`,
        `test/${name}.int.test.ts`,
      ],
      { ...SUITES[name], ...env, DECKHAND_FIGURES: figures },
    );
    const tookMs = performance.now() - startedAt;
    return { name, exitCode, summary, tookMs, figures: readFigures(figures) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readFigures(path) {
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
}

function toWords(variables) {
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

/** What a failed suite printed is above, with its log; only figures of a whole one count. */
function tell({ name, exitCode, summary, tookMs, figures }) {
  const mark = exitCode === 0 ? green("✓") : red("✗");
  process.stdout.write(`${mark} ${name}: ${summary} (${formatSeconds(tookMs)})\n`);
  if (exitCode === 0) for (const line of figures) process.stdout.write(`    ${line}\n`);
}
