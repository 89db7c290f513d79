import {
  AppError,
  isAppError,
  type RunRequest,
  type ScheduleBody,
  scheduleBody,
} from "@deckhand/core";
import { z } from "zod";
import { findUnchanged, hideFixed, openFixed, sealFixed } from "../secrets/fixed-params.ts";
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

interface Kept {
  readonly name: string;
  readonly before: StoredSchedule | undefined;
}

/** Seals what is secret; throws what is wrong with the run. What `before` has hidden is kept, and stays hidden. */
export async function sealSchedule(
  { vault, check }: SealDeps,
  body: ScheduleBody,
  { name, before }: Kept,
): Promise<StoredSchedule> {
  const place = { vault, place: toPlace(name) };
  const unchanged = findUnchanged(body.run.params, before);
  const known = before ? openFixed(place, before) : {};
  const revealed = Object.fromEntries(unchanged.map((param) => [param, known[param] ?? ""]));
  const run = { ...body.run, params: { ...body.run.params, ...revealed } };
  const secret = await check(run).catch(refuseRun);
  assertHidden(unchanged, secret);
  return sealFixed(place, { ...body, run, sealedParams: {} }, secret);
}

/** Whoever does not know a secret does not get to know it by another script. */
function assertHidden(unchanged: readonly string[], secret: readonly string[]): void {
  const open = unchanged.filter((name) => !secret.includes(name));
  if (open.length === 0) return;
  const detail = "is kept as a secret, and is no secret parameter of this script";
  throw new AppError("PARAM_INVALID", {
    detail: `${open[0]} ${detail}.`,
    errors: open.map((name) => ({ pointer: `/run/params/${name}`, detail })),
    hint: "Give its value anew; then it is shown.",
  });
}

/** The places of what is wrong lie within the schedule. */
function refuseRun(error: unknown): never {
  if (!isAppError(error)) throw error;
  const { code, message: detail, hint, extra, cause } = error;
  const errors = error.errors.map((place) => ({ ...place, pointer: `/run${place.pointer}` }));
  throw new AppError(code, { detail, errors, extra, cause, ...(hint !== undefined && { hint }) });
}

/** What is to be run, with the values of its secrets. */
export function openRequest(
  vault: Vault,
  { name, body }: { readonly name: string; readonly body: StoredSchedule },
): RunRequest {
  return { ...body.run, params: openFixed({ vault, place: toPlace(name) }, body) };
}

/** What is to be run, as it is shown. */
export function hideSecrets(schedule: StoredSchedule): RunRequest {
  return { ...schedule.run, params: hideFixed(schedule) };
}

function toPlace(name: string): string {
  return `schedule/${name}`;
}
