import { createHash } from "node:crypto";
import {
  compressNames,
  type ExecutionState,
  isTerminal,
  type SameOutput,
  type SameOutputGroup,
} from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import type { OutputLog } from "../output/output-log.ts";
import { type OutputFingerprint, readFingerprint } from "./output-fingerprint.ts";
import { toLastAttempts } from "./last-attempts.ts";
import { includeOutput } from "./run-output-view.ts";
import { type ExecutionRow, getRun, listExecutions } from "./run-store.ts";
import { toExecution, toRun } from "./run-view.ts";

/** An execution that ended never writes again; so many are remembered, which is about two megabytes. */
const MOST_REMEMBERED = 5_000;

export interface SameOutputDeps {
  readonly db: Kysely<Database>;
  readonly output: OutputLog;
}

export type OutputComparer = (runId: string, by: "normalised" | "exact") => Promise<SameOutput>;

/** Groups the executions of a run that ended in the same way and wrote the same; throws RUN_NOT_FOUND. */
export function outputComparer(deps: SameOutputDeps): OutputComparer {
  const known = new Map<string, OutputFingerprint>();

  async function fingerprintOf(row: ExecutionRow): Promise<OutputFingerprint> {
    const fingerprint = known.get(row.id) ?? (await readFingerprint(deps.output, row));
    known.delete(row.id);
    known.set(row.id, fingerprint);
    for (const oldest of known.keys()) {
      if (known.size <= MOST_REMEMBERED) break;
      known.delete(oldest);
    }
    return fingerprint;
  }

  return async (runId, by) => {
    const run = await getRun(deps.db, runId);
    const rows = toLastAttempts(await listExecutions(deps.db, runId));
    const ended = rows.filter(({ state }) => isTerminal(state as ExecutionState));
    const groups = new Map<string, Member[]>();
    // One after the other: each holds a block of its file, and the server has other things to do as well.
    for (const row of ended) {
      const fingerprint = await fingerprintOf(row);
      const hash = toHash(row, fingerprint[by]);
      const group = groups.get(hash) ?? [];
      groups.set(hash, group);
      group.push({ row, fingerprint });
    }
    const largestFirst = [...groups].sort(([, one], [, other]) => other.length - one.length);
    const firsts = largestFirst.map(([, members]) => (members[0] as Member).row);
    const samples = await includeOutput(deps.output, toRun(run, firsts, []));
    return {
      data: largestFirst.map(([hash, members], at) => ({
        hash,
        ...toGroup(members),
        sample: toSample(samples.executions[at]),
      })),
      total: rows.length,
      open: rows.length - ended.length,
    };
  };
}

interface Member {
  readonly row: ExecutionRow;
  readonly fingerprint: OutputFingerprint;
}

function toHash({ state, reason_code, exit_code, signal }: ExecutionRow, output: string): string {
  return createHash("sha256")
    .update(JSON.stringify([state, reason_code, exit_code, signal, output]))
    .digest("hex");
}

function toGroup(members: readonly Member[]): Omit<SameOutputGroup, "hash" | "sample"> {
  const first = toExecution((members[0] as Member).row);
  return {
    count: members.length,
    targets: compressNames(members.map(({ row }) => row.target_name)),
    state: first.state,
    reasonCode: first.reason?.code ?? null,
    exitCode: first.exitCode,
    signal: first.signal,
    variants: new Set(members.map(({ fingerprint }) => fingerprint.exact)).size,
    shortened: members.some(({ fingerprint }) => fingerprint.shortened),
    members: members.map(({ row }) => ({
      executionId: row.id,
      target: row.target_name,
      engine: row.engine,
    })),
  };
}

function toSample(
  execution: ReturnType<typeof toExecution> | undefined,
): SameOutputGroup["sample"] {
  const { id = "", target, output } = execution ?? {};
  const { stdout, stderr, encoding, shortened } = output ?? {};
  return { executionId: id, target: target?.name ?? "", stdout, stderr, encoding, shortened };
}
