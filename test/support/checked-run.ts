import { randomUUID } from "node:crypto";
import type { Run } from "@deckhand/core";
import { differenceOf, type NumberedScript } from "./numbered-script.ts";
import { pause, type Followed, type PatientClient } from "./patient-client.ts";

/** What became of a run, compared with what its script did. */
export interface Verdict {
  readonly runId: string;
  readonly executionId: string;
  readonly way: string;
  readonly bytes: number;
  readonly resumed: number;
  /** Sentences; none when everything is as it must be. */
  readonly wrong: readonly string[];
}

export interface CheckedRun {
  readonly id: string;
  /** Never rejects: what goes wrong is in it. */
  readonly verdict: Promise<Verdict>;
}

export interface CheckedRunOptions {
  readonly on: string;
  readonly script: NumberedScript;
  readonly followers: number;
  readonly endsWithinMs: number;
}

/** Starts a script whose output is known, and compares all that can be read of it when it has ended. */
export async function startChecked(
  client: PatientClient,
  options: CheckedRunOptions,
): Promise<CheckedRun> {
  const { id } = await client.submit(randomUUID(), {
    inline: { text: options.script.text, interpreter: "sh" },
    on: [options.on],
  });
  const verdict = judge(client, id, options).catch((error: unknown) => ({
    ...{ runId: id, executionId: "", way: "", bytes: 0, resumed: 0 },
    wrong: [`${id}: ${String(error)}`],
  }));
  return { id, verdict };
}

async function judge(
  client: PatientClient,
  runId: string,
  { script, followers, endsWithinMs }: CheckedRunOptions,
): Promise<Verdict> {
  const following = Promise.all(Array.from({ length: followers }, () => client.follow(runId)));
  const [run, followed] = await Promise.all([client.waitForEnd(runId, endsWithinMs), following]);
  const stored = {
    stdout: await client.readRaw(runId, "stdout"),
    stderr: await client.readRaw(runId, "stderr"),
  };
  const wrong = [
    ...wrongInOutcome(run, script),
    ...wrongInBytes("the stored", stored, script),
    ...followed.flatMap((one) => wrongInFollowed(one, script)),
  ];
  return {
    runId,
    executionId: run.executions[0]?.id ?? "",
    way: run.executions[0]?.guarantees?.way ?? "none",
    bytes: stored.stdout.length + stored.stderr.length,
    resumed: followed.reduce((sum, one) => sum + one.resumed, 0),
    wrong: wrong.map((words) => `${runId}: ${words}`),
  };
}

function wrongInOutcome(run: Run, script: NumberedScript): string[] {
  const [execution] = run.executions;
  if (!execution || run.executions.length !== 1) return [`${run.executions.length} executions`];
  const { state, exitCode, signal, output, leftovers } = execution;
  if (run.state !== state || run.counts[state] !== 1)
    return [`the run is ${run.state} ${JSON.stringify(run.counts)}, its execution ${state}`];
  const seen = { state, exitCode, signal, leftovers: leftovers.length, ...countsOf(output) };
  const expected = {
    state: script.exitCode === 0 ? "succeeded" : "failed",
    exitCode: script.exitCode,
    signal: null,
    leftovers: 0,
    complete: true,
    truncated: false,
    stdoutBytes: script.stdout().length,
    stderrBytes: script.stderr().length,
  };
  if (JSON.stringify(seen) === JSON.stringify(expected)) return [];
  const why = execution.reason ? ` (${execution.reason.code}: ${execution.reason.detail})` : "";
  return [`${JSON.stringify(seen)} in place of ${JSON.stringify(expected)}${why}`];
}

function countsOf(output: Run["executions"][number]["output"]) {
  const { complete, truncated, stdoutBytes, stderrBytes } = output;
  return { complete, truncated, stdoutBytes, stderrBytes };
}

function wrongInFollowed(followed: Followed, script: NumberedScript): string[] {
  const repeated = followed.repeated > 0 ? [`${followed.repeated} frames came again`] : [];
  return [...repeated, ...wrongInBytes("the followed", followed, script)];
}

function wrongInBytes(
  whose: string,
  bytes: { readonly stdout: Buffer; readonly stderr: Buffer },
  script: NumberedScript,
): string[] {
  return (["stdout", "stderr"] as const).flatMap((stream) => {
    const difference = differenceOf(bytes[stream], script[stream]());
    return difference ? [`${whose} ${stream} has ${difference}`] : [];
  });
}

/** Clients that run one script after the other. */
export interface BusyClients {
  /** Resolves when so many runs were accepted in all. */
  untilStarted(runs: number): Promise<void>;
  /** No client starts a further script; resolves when the last has ended. */
  finish(): Promise<readonly Verdict[]>;
}

export function busyClients(
  clients: number,
  startRun: (index: number) => Promise<CheckedRun>,
): BusyClients {
  const verdicts: Verdict[] = [];
  let started = 0;
  let isOver = false;
  const work = async (client: number) => {
    for (let index = client; !isOver; index += clients) {
      const run = await startRun(index);
      started++;
      verdicts.push(await run.verdict);
    }
  };
  const all = Promise.allSettled(Array.from({ length: clients }, (_, client) => work(client)));
  return {
    untilStarted: async (runs) => {
      while (started < runs && !(await isSettled(all))) await pause(50);
    },
    finish: async () => {
      isOver = true;
      for (const one of await all) if (one.status === "rejected") throw one.reason;
      return verdicts;
    },
  };
}

async function isSettled(work: Promise<unknown>): Promise<boolean> {
  return Promise.race([work.then(() => true), Promise.resolve(false)]);
}

export interface VerdictSummary {
  readonly runs: number;
  readonly megabytes: number;
  readonly resumed: number;
  readonly ways: readonly string[];
  /** The first sentence about each run that is not as it must be. */
  readonly wrong: readonly string[];
}

export function summaryOf(verdicts: readonly Verdict[]): VerdictSummary {
  const sum = (pick: (verdict: Verdict) => number) =>
    verdicts.reduce((total, verdict) => total + pick(verdict), 0);
  return {
    runs: verdicts.length,
    megabytes: Math.round(sum(({ bytes }) => bytes) / 1e6),
    resumed: sum(({ resumed }) => resumed),
    ways: [...new Set(verdicts.map(({ way }) => way))],
    wrong: verdicts.flatMap(({ wrong }) => wrong.slice(0, 1)),
  };
}
