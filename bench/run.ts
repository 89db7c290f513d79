import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { misused, readFlags } from "./flags.ts";
import { openLab } from "./lab.ts";
import { PROFILED_ENV, profiling } from "./inside/profiler.ts";
import { type Claim, isHeld, type Series, type Shown } from "./promises/promise.ts";
import { PROMISES } from "./promises/promises.ts";
import { median, quantile } from "./statistics.ts";

const RESULTS = new URL("results/", import.meta.url);

const USAGE = `npm run bench [-- FLAGS]          the promises of speed against the peers, in turns, in one run
npm run bench -- history          what a long history costs

  --only p1,p3     these promises: ${PROMISES.map(({ name }) => name.toLowerCase()).join(", ")}
  --effort 0.5     multiplies the number of rounds
  --peers base     without the docker command and FastAPI
  --profile        keeps a CPU profile of the server during each; the figures are then of no use

Results go to bench/results.`;

const values = readFlags(
  {
    only: { type: "string", multiple: true },
    effort: { type: "string", default: "1" },
    peers: { type: "string", default: "all" },
    profile: { type: "boolean", default: false },
  },
  USAGE,
);

const at = new Date().toISOString();
const file = (suffix: string) => new URL(`${at.replaceAll(":", "-")}${suffix}`, RESULTS);
const wanted = values.only?.flatMap((names) => names.toLowerCase().split(","));
const chosen = PROMISES.filter(({ name }) => wanted?.includes(name.toLowerCase()) ?? true);
const effort = Number(values.effort);
if (chosen.length === 0) misused(`there is no promise ${wanted?.join(", ")}`, USAGE);
if (!(effort > 0)) misused(`--effort is no number above 0: ${values.effort}`, USAGE);
if (!["all", "base"].includes(values.peers))
  misused(`--peers is all or base: ${values.peers}`, USAGE);

await mkdir(RESULTS, { recursive: true });
const lab = await openLab({
  effort,
  baseOnly: values.peers === "base",
  serverEnv: values.profile ? PROFILED_ENV : {},
});
try {
  const results = [];
  for (const { name, title, measure } of chosen) {
    console.log(`\n${name}: ${title}`);
    const act = () => measure(lab);
    const shown = values.profile
      ? await profiling(lab.deckhand.log, file(`-${name}.cpuprofile`), act)
      : await act();
    print(shown);
    results.push({ promise: name, title, ...toResult(shown) });
  }
  await writeResults(results);
} finally {
  await lab.close();
}

function print({ series, claims }: Shown): void {
  for (const one of series) console.log(toLine(one));
  for (const claim of claims) console.log(toVerdict(claim));
}

function toLine({ of, unit, values: figures }: Series): string {
  const [p50, p95] = [median(figures), quantile(figures, 0.95)].map(toFigure);
  const spread = figures.length > 1 ? `  p95 ${p95}  of ${figures.length}` : "";
  return `  ${of.padEnd(38)} p50 ${p50} ${unit}${spread}`;
}

function toVerdict(claim: Claim): string {
  const { what, figure, unit, bound } = claim;
  const promised = "atMost" in bound ? `at most ${bound.atMost}` : `at least ${bound.atLeast}`;
  const verdict = isHeld(claim) ? "holds" : "DOES NOT HOLD";
  return `  => ${what}: ${figure.toFixed(2)} ${unit}; promised ${promised}: ${verdict}`;
}

function toFigure(value: number): string {
  return value.toFixed(2).padStart(9);
}

function toResult({ series, claims }: Shown) {
  return {
    series: series.map((one) => ({
      ...one,
      median: median(one.values),
      p95: quantile(one.values, 0.95),
    })),
    claims: claims.map((claim) => ({ ...claim, holds: isHeld(claim) })),
  };
}

async function writeResults(results: readonly unknown[]): Promise<void> {
  const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? "", node: process.version };
  const { effort, peers, profile } = values;
  await writeFile(
    file(".json"),
    `${JSON.stringify({ at, machine, options: { effort, peers, profile }, results }, undefined, 2)}\n`,
  );
  console.log(`\nwritten: bench/results/${file(".json").pathname.split("/").at(-1)}`);
}
