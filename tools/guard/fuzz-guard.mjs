// npm run fuzz:guard -- [--seconds N] [TARGET…]: any bytes for what reads the server's, until the time is over or a fault is found.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { main } from "../main.mjs";
import { STATE } from "../paths.mjs";
import { green, red, say, step } from "../progress.mjs";
import { SetUpError } from "../set-up-error.mjs";
import { ensureToolchain } from "../toolchain.mjs";
import { buildGuardTest } from "./build-guard-tests.mjs";
import { GUARD } from "./guard-compilers.mjs";

const EXIT_USAGE = 64;
const STANDARD_SECONDS = 60;
const TARGETS = { "fuzz-frames": frameSeeds, "fuzz-connection": connectionSeeds };

await main(async (args) => {
  const { seconds, targets } = readArguments(args);
  await ensureToolchain();
  const results = [];
  for (const name of targets) await buildGuardTest(name);
  await step(`fuzz ${targets.join(" and ")} for ${seconds} s`, async () => {
    results.push(...(await Promise.all(targets.map((name) => fuzz(name, seconds)))));
  });
  for (const { name, executions, found } of results) {
    process.stdout.write(`${name}: ${executions} executions, ${found.length} findings\n`);
    for (const path of found) say(red(`  ${path}`));
  }
  const isClean = results.every(({ exitCode, found }) => exitCode === 0 && found.length === 0);
  if (isClean) say(green("nothing found"));
  return isClean ? 0 : 1;
});

function readArguments(args) {
  const at = args.indexOf("--seconds");
  const seconds = at < 0 ? STANDARD_SECONDS : Number(args[at + 1]);
  const named = at < 0 ? args : args.filter((_, index) => index !== at && index !== at + 1);
  const unknown = named.find((name) => !(name in TARGETS));
  if (unknown || !(seconds > 0))
    throw new SetUpError(`${unknown ?? "--seconds"} is not understood here`, {
      exitCode: EXIT_USAGE,
      hint: `npm run fuzz:guard -- [--seconds N] [${Object.keys(TARGETS).join("] [")}]`,
    });
  return { seconds, targets: named.length > 0 ? named : Object.keys(TARGETS) };
}

/** Goes on from what was learned before; what is found lies beside it, and is tried first the next time. */
async function fuzz(name, seconds) {
  const folder = join(STATE, "fuzz", name);
  const corpus = join(folder, "corpus");
  const findings = join(folder, "findings");
  const seeds = join(folder, "seeds");
  rmSync(seeds, { recursive: true, force: true });
  for (const path of [corpus, findings, seeds]) mkdirSync(path, { recursive: true });
  for (const [index, seed] of TARGETS[name]().entries())
    writeFileSync(join(seeds, `${index}`), seed);
  const known = new Set(readdirSync(findings));
  const args = [
    `-max_total_time=${seconds}`,
    "-max_len=8192",
    "-timeout=10",
    "-print_final_stats=1",
    `-artifact_prefix=${findings}/`,
    ...[corpus, seeds],
    ...(known.size > 0 ? [findings] : []),
  ];
  const { exitCode, log } = await run(await buildGuardTest(name), args);
  const path = join(folder, "log");
  writeFileSync(path, log);
  const found = readdirSync(findings).filter((file) => !known.has(file));
  const executions = Number(/stat::number_of_executed_units: (\d+)/.exec(log)?.[1] ?? 0);
  if (exitCode !== 0 && existsSync(path)) say(log.split("\n").slice(-40).join("\n"));
  return { name, exitCode, executions, found: found.map((file) => join(findings, file)) };
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
    let log = "";
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text) => {
      log = (log + text).slice(-200_000);
    });
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ exitCode: code ?? signal, log }));
  });
}

/** Every frame of the protocol, good and bad, without its length. */
function frameSeeds() {
  const vectors = JSON.parse(readFileSync(join(GUARD, "vectors.json"), "utf8"));
  return vectors
    .filter(({ direction }) => direction === "to-guard")
    .map(({ hex }) => Buffer.from(hex, "hex").subarray(4));
}

/** The lives of scripts, in the words of guard/fuzz/connection.c. */
function connectionSeeds() {
  const start = (flags = 16) => [2, 0, flags | 0x80, 0];
  const saying = (word, a = 0, b = 0) => [word, a, b, ...Array(16).fill(0), 1];
  const says = (word, a, b) => [7, ...saying(word, a, b)];
  const [started, ended, done] = [says(1, 5), says(3, 0, 7), says(5)];
  const writes = [5, 255];
  const reads = [10, 255];
  const [attach, acknowledge, release, status, stop, input, inputEnds, list] = Array.from(
    { length: 8 },
    (_, type) => [3, type, 0, 255],
  );
  const closes = [6, 0, 6, 1];
  const cycle = [...writes, ...reads, ...acknowledge];
  const whole = [
    ...start(),
    ...started,
    ...Array(12).fill(cycle).flat(),
    ...ended,
    ...done,
    ...closes,
    ...reads,
  ];
  const comesAgain = [11, ...reads, ...attach, ...reads];
  // One word more, and the end of run-init, in one turn.
  const lastWord = [134, ...saying(5)];
  return [
    [...whole, 8, ...release, ...reads],
    [...whole, ...release, ...lastWord, ...start(), ...reads],
    [
      ...start(),
      ...started,
      ...Array(6).fill(writes).flat(),
      ...comesAgain,
      ...done,
      ...closes,
      8,
      ...release,
    ],
    [...start(), ...started, ...writes, ...release, ...done, ...closes, 8, ...reads],
    [...start(17), ...started, ...input, 3, ...inputEnds, ...stop, ...comesAgain, 8, ...reads],
    [
      ...start(),
      ...says(2, 3, 2),
      ...reads,
      ...comesAgain,
      ...release,
      8,
      ...list,
      ...status,
      ...reads,
    ],
  ].map((bytes) => Buffer.from(bytes));
}
