import {
  type EndedRun,
  groupNames,
  isTold,
  parseSelector,
  type RunEvent,
  type SavedGroups,
  type Target,
  toRunEvent,
} from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import type { Definition } from "../definitions/definition.ts";
import type { RunEnded } from "../runs/run-writes.ts";
import { type EndedExecution, type EndedRunRow, readEndedRun } from "../runs/read-ended-run.ts";
import { insertDeliveries } from "./delivery-store.ts";
import type { KeptNotification } from "./notifications.ts";

export interface OweDeps {
  /** Those that are kept now. */
  readonly listNotifications: () => Iterable<Definition<KeptNotification>>;
  readonly listTargets: () => readonly Target[];
  readonly readGroups: (within: Kysely<Database>) => Promise<SavedGroups>;
  readonly newDeliveryId: () => string;
  /** Puts an address of ours behind the name that people use. */
  readonly toUrl: (path: string) => string;
  /** Something was written down that is owed now. */
  readonly onOwed: () => void;
  readonly now: () => number;
}

/** Writes down what is owed because of a run's end, in the transaction that ends it. Costs nothing where nobody asks. */
export function oweDeliveries(deps: OweDeps): RunEnded {
  return async (transaction, run) => {
    const asking = [...deps.listNotifications()].filter(({ body }) => mayTell(body, run.state));
    if (asking.length === 0) return;
    const ended = await readEndedRun(transaction, run);
    const facts = toEndedRun(ended, targetsById(needsTargets(asking) ? deps.listTargets() : []));
    const groups = needsGroups(asking) ? await deps.readGroups(transaction) : new Map();
    const told = asking.filter(({ body }) => isTold(body.tell, facts, groups));
    if (told.length === 0) return;
    await insert(deps, transaction, { event: toEvent(deps, ended), told });
    deps.onOwed();
  };
}

/** Whether a rule can ask for this state at all, without a look into the database. */
function mayTell({ enabled, tell }: KeptNotification, state: string): boolean {
  return (
    enabled &&
    tell.when.some(
      (wanted) =>
        wanted === "every" || wanted === state || (wanted === "recovered" && state === "succeeded"),
    )
  );
}

function needsTargets(asking: readonly Definition<KeptNotification>[]): boolean {
  return asking.some(({ body }) => body.tell.on.length > 0);
}

function needsGroups(asking: readonly Definition<KeptNotification>[]): boolean {
  return asking.some(({ body }) => groupNames(body.tell.on.map(parseSelector)).length > 0);
}

function targetsById(targets: readonly Target[]): ReadonlyMap<string, Target> {
  return new Map(targets.map((target) => [target.id, target]));
}

function toEndedRun(ended: EndedRunRow, known: ReadonlyMap<string, Target>): EndedRun {
  return {
    state: ended.state,
    stateBefore: ended.stateBefore,
    script: ended.script?.name,
    origin: ended.origin,
    targets: ended.executions.map(({ targetId }) => known.get(targetId)),
  };
}

function toEvent({ toUrl }: OweDeps, ended: EndedRunRow): RunEvent {
  const { executions, ...facts } = ended;
  const failedTargets = executions.filter(isNotWell).map(({ targetName }) => targetName);
  return toRunEvent({ ...facts, failedTargets, url: toUrl(`/api/v1/runs/${ended.id}`) });
}

function isNotWell({ state }: EndedExecution): boolean {
  return state !== "succeeded" && state !== "skipped";
}

interface Told {
  readonly event: RunEvent;
  readonly told: readonly Definition<KeptNotification>[];
}

async function insert(deps: OweDeps, db: Kysely<Database>, { event, told }: Told): Promise<void> {
  const atMs = deps.now();
  await insertDeliveries(
    db,
    told.map((notification) => ({
      id: deps.newDeliveryId(),
      notification,
      runId: event.data.id,
      event,
      atMs,
    })),
  );
}
