import { AppError, type MappedBody, type RunRequest, type Target } from "@deckhand/core";
import type { Transaction } from "kysely";
import type { AuditLog } from "../audit/audit-log.ts";
import { callerItself } from "../audit/caller.ts";
import type { Database } from "../database/database.ts";
import type { Definition } from "../definitions/definition.ts";
import { openFixed } from "../secrets/fixed-params.ts";
import type { Vault } from "../secrets/vault.ts";
import type { SubmitInput, SubmittedRun } from "../runs/submit-run.ts";
import type { KeptTrigger } from "./triggers.ts";

export interface StartDeps {
  readonly submit: (input: SubmitInput) => Promise<SubmittedRun>;
  readonly vault: Vault;
  /** Seals what has become secret since it was saved; never rejects. */
  readonly sealLate: (trigger: Definition<KeptTrigger>) => Promise<unknown>;
  readonly audit: Pick<AuditLog, "record">;
}

export interface Start {
  readonly trigger: Definition<KeptTrigger>;
  readonly mapped: MappedBody;
  /** The container that something happened to. */
  readonly happenedTo?: Target;
  readonly within?: (transaction: Transaction<Database>, runId: string) => Promise<void>;
}

/** Starts what a trigger says, for whoever made it; a refusal is audited and thrown. */
export async function startRun(deps: StartDeps, start: Start): Promise<string> {
  const { trigger, mapped, within } = start;
  const { id, name, by } = trigger;
  const caller = callerItself(by);
  try {
    if (mapped.errors.length > 0) throw notMappable(mapped);
    const origin = { kind: "trigger", id, name } as const;
    const request = toRequest(deps.vault, start);
    const secretParams = Object.keys(trigger.body.sealedParams);
    const submitted = await deps.submit({
      ...{ request, caller, origin, idempotencyKey: undefined, secretParams },
      ...(within && { within }),
    });
    const { params } = trigger.body.run;
    if (submitted.secretNames.some((param) => Object.hasOwn(params, param)))
      await deps.sealLate(trigger);
    return submitted.runId;
  } catch (error) {
    if (error instanceof AppError) {
      const detail = { code: error.code, detail: error.message };
      const entry = { action: "trigger.fire", object: name, outcome: "refused", detail } as const;
      await deps.audit.record({ caller, ...entry });
    }
    throw error;
  }
}

function toRequest(vault: Vault, { trigger, mapped, happenedTo }: Start): RunRequest {
  const { scope, map: _, on, ...run } = trigger.body.run;
  const params = openFixed({ vault, place: `trigger/${trigger.name}` }, trigger.body);
  const aim = happenedTo ? toAim({ scope, on }, happenedTo) : on;
  return { ...run, on: [...aim], params: { ...params, ...mapped.params } };
}

/** A container in no project is alone in it. */
function toAim(
  { scope, on }: Pick<KeptTrigger["run"], "scope" | "on">,
  { containerId, engine, project }: Target,
): readonly string[] {
  const self = `id=${containerId},engine=${engine}`;
  if (scope === "any") return on;
  if (scope === "self") return [self];
  if (project === null) return on.map((selector) => `${selector},${self}`);
  return on.map((selector) => `${selector},engine=${engine},project=${quote(project)}`);
}

/** In double quotes a value stands for itself, whatever it holds. */
function quote(value: string): string {
  return `"${value.replaceAll(/["\\]/g, "\\$&")}"`;
}

function notMappable({ errors }: MappedBody): AppError {
  return new AppError("PARAM_INVALID", {
    detail: `The message does not fit: ${errors[0]?.detail}.`,
    hint: "The trigger's run.map says which places of a message are read.",
    errors,
  });
}
