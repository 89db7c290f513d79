import {
  AppError,
  type Concurrency,
  type FireCause,
  type FireStep,
  isAppError,
  MOST_COUNTED,
  parseDurationMs,
} from "@deckhand/core";
import type { Kysely, Transaction } from "kysely";
import { type Caller, callerItself } from "../audit/caller.ts";
import type { Database } from "../database/database.ts";
import type { Definition } from "../definitions/definition.ts";
import type { SubmitInput, SubmittedRun } from "../runs/submit-run.ts";
import type { Vault } from "../secrets/vault.ts";
import { insertFire, isDecided, type NewFire } from "./fire-store.ts";
import { moveDecided } from "./schedule-state-store.ts";
import type { Carried } from "./scheduler.ts";
import { openRequest, type StoredSchedule } from "./stored-schedule.ts";

export interface CarryOutDeps {
  readonly db: Kysely<Database>;
  readonly vault: Vault;
  readonly now: () => number;
  readonly submit: (input: SubmitInput) => Promise<SubmittedRun>;
  /** Seals what has become secret since it was saved; never rejects. */
  readonly sealLate: (schedule: Schedule) => Promise<unknown>;
  readonly observe: (fire: NewFire, startsMs: number) => void;
}

type Schedule = Definition<StoredSchedule>;

/** What is away for a moment is tried again this often, as long as it is in time. */
const TRY_AGAIN_MS = 5_000;

/** Besides the one that runs, so many wait for it. */
const MOST_QUEUED = 10;

/** Refusals that say nothing about the schedule. */
const PASSING = [
  "SHUTTING_DOWN",
  "QUEUE_FULL",
  "STORAGE_FULL",
  "STORAGE_UNAVAILABLE",
  "ENGINE_UNREACHABLE",
  "SCRIPT_STORE_UNAVAILABLE",
] as const;

/** Rolls a transaction back in which it turned out that there is nothing to do any more. */
class NothingToDo extends Error {
  readonly carried: Carried;

  constructor(carried: Carried) {
    super("there is nothing to do");
    this.carried = carried;
  }
}

/** Does what was decided, once: what came of it and the run itself are written together or not at all. */
export async function carryOutStep(
  deps: CarryOutDeps,
  schedule: Schedule,
  { step, startsMs }: { readonly step: FireStep; readonly startsMs: number },
): Promise<Carried> {
  if (step.kind === "missed") return noteMissed(deps, schedule, step);
  const { dueMs, cause } = step;
  if (await isDecided(deps.db, schedule.id, dueMs)) return { kind: "decided" };
  const fire = { schedule_id: schedule.id, due_at: dueMs, cause };
  if (await isQueueLong(deps.db, schedule)) {
    const detail = `${MOST_QUEUED} runs of it wait already.`;
    return noteAlone(
      deps,
      { ...fire, decided_at: deps.now(), result: "skipped", detail },
      startsMs,
    );
  }
  try {
    await start(deps, { schedule, fire, startsMs });
    return { kind: "decided" };
  } catch (error) {
    if (error instanceof NothingToDo) return error.carried;
    if (!(error instanceof AppError)) throw error;
    if (mayPass(error, deps.now() - startsMs, schedule))
      return { kind: "later", afterMs: TRY_AGAIN_MS };
    return noteRefused(deps, { schedule, fire, startsMs }, error);
  }
}

/** Starts it now, whatever the time is; refusals are the caller's. */
export function runNow(
  deps: CarryOutDeps,
  schedule: Schedule,
  asked: { readonly caller: Caller; readonly idempotencyKey: string | undefined },
): Promise<SubmittedRun> {
  const nowMs = deps.now();
  const fire = { schedule_id: schedule.id, due_at: nowMs, cause: "request" } as const;
  return start(deps, { schedule, fire, startsMs: nowMs, ...asked });
}

interface Fire {
  readonly schedule: Schedule;
  readonly fire: {
    readonly schedule_id: string;
    readonly due_at: number;
    readonly cause: FireCause;
  };
  readonly startsMs: number;
  /** Who asked for it; else it is whoever made the schedule. */
  readonly caller?: Caller;
  readonly idempotencyKey?: string | undefined;
}

async function start(
  deps: CarryOutDeps,
  { schedule, fire, ...asked }: Fire,
): Promise<SubmittedRun> {
  let noted: NewFire | undefined;
  const submitted = await deps.submit({
    request: openRequest(deps.vault, schedule),
    overlap: toOverlap(schedule, fire.cause),
    caller: asked.caller ?? callerItself(schedule.by),
    idempotencyKey: asked.idempotencyKey,
    origin: { kind: "schedule", id: schedule.id, name: schedule.name },
    secretParams: Object.keys(schedule.body.sealedParams),
    within: async (transaction, runId) => {
      const started = await readStart(transaction, runId);
      noted = { ...fire, ...started, decided_at: deps.now(), run_id: runId };
      await note(transaction, noted);
    },
  });
  if (noted) deps.observe(noted, asked.startsMs);
  const { params } = schedule.body.run;
  if (submitted.secretNames.some((name) => Object.hasOwn(params, name)))
    await deps.sealLate(schedule);
  return submitted;
}

const ON_CONFLICT = { skip: "skip", queue: "queue", replace: "cancel" } as const;

/** The overlap policy is a key of the schedule's own, unless its run or its script brings another. */
function toOverlap({ id, body }: Schedule, cause: FireCause): Concurrency | undefined {
  const { overlap } = body;
  if (overlap === "allow") return undefined;
  // What is made up for comes all at once, and each of it is wanted.
  const isInTurn = cause === "caught-up" && overlap === "skip";
  const onConflict = isInTurn ? "queue" : ON_CONFLICT[overlap];
  return { key: toKey(id), onConflict };
}

function toKey(scheduleId: string): string {
  return `schedule/${scheduleId}`;
}

/** A script that takes longer than the time between two of its runs must not fill the queue of all. */
async function isQueueLong(db: Kysely<Database>, { id, body }: Schedule): Promise<boolean> {
  if (body.overlap !== "queue" || body.run.concurrency !== undefined) return false;
  const waiting = await db
    .selectFrom("runs")
    .select("id")
    .where("concurrency_key", "=", toKey(id))
    .where("finished_at", "is", null)
    .limit(MOST_QUEUED + 1)
    .execute();
  return waiting.length > MOST_QUEUED;
}

/** A run that another one of its key kept from starting is there, and skipped. */
async function readStart(
  transaction: Transaction<Database>,
  runId: string,
): Promise<Pick<NewFire, "result" | "detail">> {
  const { state } = await transaction
    .selectFrom("runs")
    .select("state")
    .where("id", "=", runId)
    .executeTakeFirstOrThrow();
  if (state !== "skipped") return { result: "started", detail: null };
  const execution = await transaction
    .selectFrom("executions")
    .select("reason_detail")
    .where("run_id", "=", runId)
    .executeTakeFirst();
  return { result: "skipped", detail: execution?.reason_detail ?? null };
}

async function note(transaction: Kysely<Database>, fire: NewFire): Promise<void> {
  if (fire.cause === "request") return insertFire(transaction, fire);
  if (await isDecided(transaction, fire.schedule_id, fire.due_at))
    throw new NothingToDo({ kind: "decided" });
  if (!(await moveDecided(transaction, fire.schedule_id, fire.due_at)))
    throw new NothingToDo({ kind: "gone" });
  await insertFire(transaction, fire);
}

function mayPass(error: AppError, lateMs: number, { body }: Schedule): boolean {
  if (isAppError(error, "SHUTTING_DOWN")) return true;
  return (
    isAppError(error, ...PASSING) && lateMs + TRY_AGAIN_MS <= parseDurationMs(body.missed.grace)
  );
}

async function noteRefused(
  deps: CarryOutDeps,
  { fire, startsMs }: Fire,
  error: AppError,
): Promise<Carried> {
  const places = error.errors.map(({ pointer, detail }) => ` ${pointer}: ${detail}.`);
  const detail = error.message + places.join("");
  const refused = {
    ...fire,
    decided_at: deps.now(),
    result: "refused",
    code: error.code,
    detail,
  } as const;
  return noteAlone(deps, refused, startsMs);
}

function noteMissed(
  deps: CarryOutDeps,
  schedule: Schedule,
  step: FireStep & { readonly kind: "missed" },
): Promise<Carried> {
  const { fromMs, toMs, count } = step;
  const missed = {
    schedule_id: schedule.id,
    due_at: toMs,
    decided_at: deps.now(),
    cause: "due",
    result: "missed",
    detail: toMissedWords(count),
    missed_count: count,
    missed_since: fromMs,
  } as const;
  return noteAlone(deps, missed, toMs);
}

function toMissedWords(count: number): string {
  const times = count === 1 ? "It" : `${count}${count === MOST_COUNTED ? " or more" : ""} times`;
  return `${times} passed while nothing could be started.`;
}

async function noteAlone(deps: CarryOutDeps, fire: NewFire, startsMs: number): Promise<Carried> {
  try {
    await deps.db.transaction().execute((transaction) => note(transaction, fire));
    deps.observe(fire, startsMs);
    return { kind: "decided" };
  } catch (error) {
    if (error instanceof NothingToDo) return error.carried;
    throw error;
  }
}
