import {
  AppError,
  type Concurrency,
  firstProgress,
  type RunOrigin,
  type RunRequest,
} from "@deckhand/core";
import type { Transaction } from "kysely";
import type { Caller } from "../audit/caller.ts";
import type { Database } from "../database/database.ts";
import type { Synced } from "../database/wal-sync.ts";
import type { Vault } from "../secrets/vault.ts";
import type { KeyClaim } from "./concurrency/claim-key.ts";
import type { PlannedRun } from "./plan-run.ts";
import { type AcceptedRun, type RunConductor, toKeyed } from "./run-conductor.ts";
import { type EarlierRun, findEarlierRun } from "./idempotency-store.ts";
import { type HeadStartDeps, takeHeadStarts } from "./head-starts.ts";
import { type IdempotencyKey, type InsertedRun, insertRun, type NewRun } from "./insert-run.ts";
import type { StartInputs } from "./prepare-execution.ts";
import { keepRunSecrets, toRunSecrets } from "./run-secrets.ts";
import type { RunWrites } from "./run-writes.ts";

const KEY_KEPT_MS = 24 * 60 * 60 * 1000;
const NO_SECRET_NOW = "was given as a secret, and is no secret parameter of the script now";

export interface SubmitDeps extends RunWrites, HeadStartDeps {
  readonly synced: Synced;
  readonly plan: (request: RunRequest) => Promise<PlannedRun>;
  readonly conductor: Pick<RunConductor, "accept">;
  /** How many executions wait, for whatever. */
  readonly waiting: () => number;
  readonly vault: Pick<Vault, "seal" | "digest">;
  readonly mostQueued: number;
  readonly newId: (kind: "run" | "execution") => string;
  readonly now: () => number;
  /** Throws when nothing may be accepted now: the disk is nearly full, or the server is ending. */
  readonly assertAccepting: () => Promise<void>;
  readonly audit: (transaction: Transaction<Database>, entry: RunAudit) => Promise<void>;
}

export interface RunAudit {
  readonly caller: Caller;
  readonly runId: string;
  readonly targets: number;
  readonly title: string;
  readonly origin: RunOrigin;
}

export interface SubmitInput {
  readonly request: RunRequest;
  readonly caller: Caller;
  readonly idempotencyKey: string | undefined;
  /** What started it; the caller is whom it runs for. */
  readonly origin: RunOrigin;
  /** Parameters whose values were given as secrets; a program that does not take them as such gets none of them. */
  readonly secretParams?: readonly string[];
  /** A key for a run that brings none, and what becomes of it while another run has its key. */
  readonly overlap?: Concurrency | undefined;
  /** What is written together with the run, or not at all. */
  readonly within?: (transaction: Transaction<Database>, runId: string) => Promise<void>;
}

export interface SubmittedRun {
  readonly runId: string;
  /** True when the key had been used for this request before: nothing new was made. */
  readonly replayed: boolean;
  /** The parameters that it takes as secrets; none of a replay. */
  readonly secretNames: readonly string[];
}

/** Accepts a run: one transaction, then its executions wait for their places. */
export async function submitRun(deps: SubmitDeps, input: SubmitInput): Promise<SubmittedRun> {
  const idempotency = toIdempotency(deps, input);
  const earlier =
    idempotency && (await findEarlierRun(deps.db, toKeyOf(input.caller, idempotency)));
  if (earlier) return toReplay(deps, earlier, idempotency);
  await deps.assertAccepting();
  const planned = withOverlap(await deps.plan(input.request), input);
  assertStaysSecret(planned, input.secretParams ?? []);
  assertRoom(deps, planned.targets.length);
  const starts = takeHeadStarts(deps, toNewRun(deps, { input, planned, idempotency }));
  const { run } = starts;
  const inserted = await insert(deps, run, { input, planned }).catch((error: unknown) => {
    starts.giveBack();
    throw error;
  });
  if (inserted.kind === "earlier") {
    starts.giveBack();
    return toReplay(deps, inserted.run, idempotency);
  }
  // Its start waits for the disk too, so that both waits are one.
  starts.begin(inserted.executions, toStartInputs(planned));
  if (inserted.isOpen) deps.conductor.accept(toAccepted(run, inserted.claim));
  await deps.synced();
  return { runId: run.id, replayed: false, secretNames: run.plan.secretNames };
}

function insert(
  deps: SubmitDeps,
  run: NewRun,
  { input, planned }: Pick<RunParts, "input" | "planned">,
): Promise<InsertedRun> {
  return insertRun(deps, run, async (transaction, { isOpen }) => {
    const secrets = { runId: run.id, values: planned.secrets };
    if (isOpen) await keepRunSecrets(transaction, deps.vault, secrets);
    await deps.audit(transaction, toAudit(run, input));
    await input.within?.(transaction, run.id);
  });
}

function toStartInputs({ plan, secrets, scriptText, stdin }: PlannedRun): StartInputs {
  return { plan, isFirst: true, secrets: toRunSecrets(secrets), scriptText, stdin };
}

/** A script's key is kept; what is done about it is what the overlap says. Only a request's own goes before both. */
function withOverlap(planned: PlannedRun, { request, overlap }: SubmitInput): PlannedRun {
  if (!overlap || request.concurrency) return planned;
  const { plan, keptRequest } = planned;
  const concurrency = { ...overlap, key: plan.concurrency?.key ?? overlap.key };
  return {
    ...planned,
    plan: { ...plan, concurrency },
    keptRequest: { ...keptRequest, concurrency },
  };
}

function toIdempotency(
  deps: SubmitDeps,
  { idempotencyKey: key, request }: SubmitInput,
): IdempotencyKey | undefined {
  if (!key) return undefined;
  return {
    key,
    requestSha256: fingerprint(deps, request),
    notBeforeMs: deps.now() - KEY_KEPT_MS,
  };
}

function toKeyOf({ principal }: Caller, { key, notBeforeMs }: IdempotencyKey) {
  return { tokenId: principal?.tokenId ?? "", key, notBeforeMs };
}

async function toReplay(
  { synced }: SubmitDeps,
  { requestSha256, runId }: EarlierRun,
  used: IdempotencyKey | undefined,
): Promise<SubmittedRun> {
  // Whoever used the key first may still wait for the disk.
  await synced();
  if (requestSha256 === used?.requestSha256) return { runId, replayed: true, secretNames: [] };
  throw new AppError("IDEMPOTENCY_MISMATCH", {
    detail: `The Idempotency-Key ${JSON.stringify(used?.key)} was used for another request (run ${runId}).`,
    hint: "Use a new key for a new request.",
  });
}

/** A value that somebody gave as a secret never becomes a plain one because the script is another by now. */
function assertStaysSecret({ secrets }: PlannedRun, names: readonly string[]): void {
  const open = names.filter((name) => !Object.hasOwn(secrets, name));
  if (open.length === 0) return;
  throw new AppError("PARAM_INVALID", {
    detail: `${open[0]} ${NO_SECRET_NOW}.`,
    errors: open.map((name) => ({ pointer: `/params/${name}`, detail: NO_SECRET_NOW })),
    hint: "Declare it as @secret again, or give its value anew; then it is shown.",
  });
}

function toAccepted(run: NewRun, claim: KeyClaim | undefined): AcceptedRun {
  return {
    runId: run.id,
    keyed: toKeyed(run, claim?.ticket ?? null),
    isCancelled: false,
    retries: [],
    rollout: run.plan.rollout && {
      plan: run.plan.rollout,
      progress: firstProgress(run.plan.rollout),
      lastEndedAtMs: run.createdAtMs,
    },
    waiting: run.executions
      .filter(({ startsWith }) => !startsWith)
      .map(({ id, target }) => ({ executionId: id, ...target })),
  };
}

function assertRoom(deps: SubmitDeps, wanted: number): void {
  const waiting = deps.waiting();
  if (waiting + wanted <= deps.mostQueued) return;
  throw new AppError("QUEUE_FULL", {
    detail: `${waiting} executions wait already; the limit is ${deps.mostQueued}.`,
    hint: "Try again when some have ended, or raise limits.queuedExecutions.",
    extra: { retryAfterSeconds: 5 },
  });
}

interface RunParts {
  readonly input: SubmitInput;
  readonly planned: PlannedRun;
  readonly idempotency: IdempotencyKey | undefined;
}

function toNewRun(deps: SubmitDeps, { input, planned, idempotency }: RunParts): NewRun {
  const { caller, origin } = input;
  return {
    id: deps.newId("run"),
    plan: planned.plan,
    request: planned.keptRequest,
    scriptText: planned.scriptText,
    stdin: planned.stdin,
    by: caller.principal,
    origin,
    createdAtMs: deps.now(),
    executions: planned.targets.map((target) => ({ id: deps.newId("execution"), target })),
    idempotency,
  };
}

function toAudit(run: NewRun, { caller, origin }: SubmitInput): RunAudit {
  return { caller, origin, runId: run.id, targets: run.executions.length, title: run.plan.title };
}

/** Two requests are the same when their parsed forms are; the order of keys does not matter. It says nothing of a secret in one. */
function fingerprint({ vault }: SubmitDeps, request: RunRequest): string {
  return vault.digest(JSON.stringify(sortKeys(request)));
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, inner]) => [key, sortKeys(inner)]),
  );
}
