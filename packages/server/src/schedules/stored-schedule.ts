import {
  AppError,
  isAppError,
  type RunRequest,
  SECRET_SHOWN,
  type ScheduleBody,
  scheduleBody,
} from "@deckhand/core";
import { z } from "zod";
import type { Vault } from "../secrets/vault.ts";

/** A schedule as it is kept: the values of secret parameters are sealed. */
export const storedSchedule = scheduleBody.extend({
  sealedParams: z.record(z.string(), z.string()).default({}),
});
export type StoredSchedule = z.infer<typeof storedSchedule>;

export interface SealDeps {
  readonly vault: Vault;
  /** Throws when the run could never be started; gives the names of its secret parameters. */
  readonly check: (request: RunRequest) => Promise<readonly string[]>;
}

/** Seals what is secret; throws what is wrong with the run. What `before` has hidden is kept. */
export async function sealSchedule(
  { vault, check }: SealDeps,
  body: ScheduleBody,
  kept: { readonly name: string; readonly before: StoredSchedule | undefined },
): Promise<StoredSchedule> {
  const run = { ...body.run, params: revealParams(vault, body.run.params, kept) };
  const secret = new Set(await check(run).catch(refuseRun));
  const entries = Object.entries(run.params);
  const sealed = entries
    .filter(([name]) => secret.has(name))
    .map(([name, value]) => [name, vault.seal(String(value), toContext(kept.name, name))]);
  const open = entries.filter(([name]) => !secret.has(name));
  return {
    ...body,
    run: { ...run, params: Object.fromEntries(open) },
    sealedParams: Object.fromEntries(sealed),
  };
}

/** The places of what is wrong lie within the schedule. */
function refuseRun(error: unknown): never {
  if (!isAppError(error)) throw error;
  const { code, message: detail, hint, extra, cause } = error;
  const errors = error.errors.map((place) => ({ ...place, pointer: `/run${place.pointer}` }));
  throw new AppError(code, { detail, errors, extra, cause, ...(hint !== undefined && { hint }) });
}

function revealParams(
  vault: Vault,
  params: RunRequest["params"],
  { name, before }: { readonly name: string; readonly before: StoredSchedule | undefined },
): RunRequest["params"] {
  const sealed = before?.sealedParams ?? {};
  const reveal = ([param, value]: [string, RunRequest["params"][string]]) => {
    const kept = value === SECRET_SHOWN && Object.hasOwn(sealed, param) ? sealed[param] : undefined;
    return [param, kept === undefined ? value : vault.open(kept, toContext(name, param))];
  };
  return Object.fromEntries(Object.entries(params).map(reveal));
}

/** What is to be run, with the values of its secrets. */
export function openRequest(
  vault: Vault,
  { name, body }: { readonly name: string; readonly body: StoredSchedule },
): RunRequest {
  const opened = Object.entries(body.sealedParams).map(([param, sealed]) => [
    param,
    vault.open(sealed, toContext(name, param)),
  ]);
  return { ...body.run, params: { ...body.run.params, ...Object.fromEntries(opened) } };
}

/** What is to be run, as it is shown. */
export function hideSecrets({ run, sealedParams }: StoredSchedule): RunRequest {
  const hidden = Object.keys(sealedParams).map((name) => [name, SECRET_SHOWN]);
  return { ...run, params: { ...run.params, ...Object.fromEntries(hidden) } };
}

function toContext(schedule: string, param: string): string {
  return `schedule/${schedule}/${param}`;
}
