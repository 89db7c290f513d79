import type { Guarantees, OutcomeReason } from "@deckhand/core";
import type { Synced } from "../database/wal-sync.ts";
import type { OutputLog } from "../output/output-log.ts";
import type { Vault } from "../secrets/vault.ts";
import type { Leftover, Session } from "../sessions/session.ts";
import { toAcceptedAgain } from "./accept-again.ts";
import { type AcceptedRun, type RunConductor, toQueuedExecution } from "./run-conductor.ts";
import type { RunDispatcher } from "./run-dispatcher.ts";
import { readPlan } from "./run-plan.ts";
import { hideInLeftovers } from "./hide-secrets.ts";
import { openRunSecrets } from "./run-secrets.ts";
import type { RunSignals } from "./run-signals.ts";
import type { RunWrites } from "./run-writes.ts";
import {
  type ExecutionRow,
  getRun,
  listOpenExecutions,
  listOpenRuns,
  moveExecution,
} from "./run-store.ts";

const LOOK_AT_ONCE = 8;
const LOOK_MS = 10_000;

export interface RecoverDeps extends RunWrites {
  readonly synced: Synced;
  readonly output: OutputLog;
  readonly vault: Pick<Vault, "open">;
  readonly signals: RunSignals;
  readonly dispatcher: Pick<RunDispatcher, "adopt">;
  readonly conductor: Pick<RunConductor, "accept" | "executionEnded">;
  /** Asks again for the end of a run whose end was asked for. */
  readonly cancel: (runId: string, reason: OutcomeReason) => Promise<void>;
  /** Takes up an execution that goes on in its container. */
  readonly resume: (executionId: string) => Promise<void>;
  readonly findSession: (engine: string) => Session | undefined;
  readonly now: () => number;
}

export interface Recovered {
  readonly queued: number;
  readonly resumed: number;
  readonly lost: number;
}

/**
 * Goes on with what an earlier server process left open. What only waited goes back into the queue. What a guard holds
 * is taken up where it stands. Anything else may have started and its connection is gone, so it is `lost` and never
 * started again; its processes are left alone, because killing a script's orphans can take a database down, and named.
 */
export async function recoverRuns(deps: RecoverDeps): Promise<Recovered> {
  const open = await listOpenExecutions(deps.db);
  const runs = await listOpenRuns(deps.db);
  const accepted = await Promise.all(runs.map((run) => toAcceptedAgain(deps.db, run)));
  const waiting = open.filter((execution) => execution.state === "queued");
  const started = open.filter((execution) => execution.state !== "queued");
  const durable = started.filter(isDurable);
  const cutOff = started.filter((execution) => !isDurable(execution));
  for (const row of durable) deps.dispatcher.adopt(toQueuedExecution(row), deps.resume);
  for (const run of accepted.toSorted(byTicket)) deps.conductor.accept(run);
  await settleAll(deps, cutOff);
  for (const { id, cancel_reason_json } of runs)
    if (cancel_reason_json) await deps.cancel(id, JSON.parse(cancel_reason_json) as OutcomeReason);
  return { queued: waiting.length, resumed: durable.length, lost: cutOff.length };
}

/** Whoever comes first has the key; ids of one millisecond are in no order. */
function byTicket(one: AcceptedRun, other: AcceptedRun): number {
  return (one.keyed?.ticket ?? 0) - (other.keyed?.ticket ?? 0);
}

/** The way was written down before anything of it could run. */
function isDurable({ guarantees_json }: ExecutionRow): boolean {
  if (guarantees_json === null) return false;
  return (JSON.parse(guarantees_json) as Guarantees).survivesServerRestart;
}

async function settleAll(deps: RecoverDeps, cutOff: readonly ExecutionRow[]): Promise<void> {
  const rest = [...cutOff];
  const workers = Array.from({ length: LOOK_AT_ONCE }, async () => {
    for (let row = rest.shift(); row; row = rest.shift()) await settleCutOff(deps, row);
  });
  await Promise.all(workers);
}

async function settleCutOff(deps: RecoverDeps, row: ExecutionRow): Promise<void> {
  const { user, secretNames } = readPlan((await getRun(deps.db, row.run_id)).plan_json);
  const { mask } = await openRunSecrets(deps, { runId: row.run_id, secretNames });
  const leftovers = await lookForLeftovers(deps, row, user);
  const stored = await deps.output.measure(row.run_id, row.id);
  const moved = await moveExecution(deps, row.id, {
    state: "lost",
    atMs: deps.now(),
    reason: toReason(row, leftovers),
    leftovers: hideInLeftovers(mask, leftovers ?? []),
    output: {
      stdoutBytes: stored.stdout,
      stderrBytes: stored.stderr,
      storedBytes: stored.stdout + stored.stderr,
      truncated: false,
      complete: false,
    },
  });
  await deps.synced();
  deps.conductor.executionEnded(moved);
  deps.signals.notify(moved.run.id);
}

/** `undefined` when nobody could look. */
async function lookForLeftovers(
  deps: RecoverDeps,
  row: ExecutionRow,
  user: string,
): Promise<readonly Leftover[] | undefined> {
  const session = deps.findSession(row.engine);
  if (!session) return undefined;
  const place = { executionId: row.id, containerId: row.container_id, user };
  return Promise.race([session.findLeftovers(place).catch(() => undefined), timeUp()]);
}

function timeUp(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), LOOK_MS).unref());
}

function toReason(row: ExecutionRow, leftovers: readonly Leftover[] | undefined): OutcomeReason {
  const when = row.state === "starting" ? "while the script was starting" : "while the script ran";
  return { code: "server-restarted", detail: `The server ended ${when}; ${toSeen(leftovers)}` };
}

function toSeen(leftovers: readonly Leftover[] | undefined): string {
  if (!leftovers) return "whether it still runs could not be seen.";
  if (leftovers.length === 0) return "nothing of it was found running.";
  return `process ${leftovers.map(({ pid }) => pid).join(", ")} of it still runs and was left alone.`;
}
