import { isAppError, type OutcomeReason } from "@deckhand/core";
import type { Kysely, Transaction } from "kysely";
import type { Database } from "../database/database.ts";
import { HIDE_ALL, type SecretMask, secretMask } from "../secrets/secret-mask.ts";
import type { Vault } from "../secrets/vault.ts";

type SecretValues = Readonly<Record<string, string>>;

/** The secret parameters of a run, opened to carry it out. */
export interface RunSecrets {
  readonly values: SecretValues;
  /** Hides them; `undefined` where there is nothing to hide. */
  readonly mask: SecretMask | undefined;
  /** Why they can not be had any more. */
  readonly problem: OutcomeReason | undefined;
}

interface SecretDeps {
  readonly db: Kysely<Database>;
  readonly vault: Pick<Vault, "open">;
}

interface SecretRun {
  readonly runId: string;
  readonly secretNames: readonly string[];
}

/** Those of a run that is being accepted. */
export function toRunSecrets(values: SecretValues): RunSecrets {
  const all = Object.values(values);
  return all.length === 0 ? NONE : { values, mask: secretMask(all), problem: undefined };
}

const NONE: RunSecrets = { values: {}, mask: undefined, problem: undefined };

/** Keeps the values sealed with their run; when it ends the database forgets them. */
export async function keepRunSecrets(
  transaction: Transaction<Database>,
  vault: Pick<Vault, "seal">,
  { runId, values }: { readonly runId: string; readonly values: SecretValues },
): Promise<void> {
  if (Object.keys(values).length === 0) return;
  const sealed = vault.seal(JSON.stringify(values), toContext(runId));
  await transaction.insertInto("run_secrets").values({ run_id: runId, sealed }).execute();
}

/** Opens them; where that can not be done nothing that the script writes may be shown. */
export async function openRunSecrets(deps: SecretDeps, run: SecretRun): Promise<RunSecrets> {
  if (run.secretNames.length === 0) return NONE;
  const row = await deps.db
    .selectFrom("run_secrets")
    .select("sealed")
    .where("run_id", "=", run.runId)
    .executeTakeFirst();
  if (!row) return toForgotten(run, "They are not kept any more.");
  try {
    return toRunSecrets(
      JSON.parse(deps.vault.open(row.sealed, toContext(run.runId))) as SecretValues,
    );
  } catch (error) {
    if (!isAppError(error, "SECRETS_UNREADABLE")) throw error;
    return toForgotten(run, error.message);
  }
}

function toForgotten({ secretNames }: SecretRun, why: string): RunSecrets {
  const detail = `The secrets of the run (${secretNames.join(", ")}) can not be had: ${why}`;
  return { values: {}, mask: HIDE_ALL, problem: { code: "secret-forgotten", detail } };
}

function toContext(runId: string): string {
  return `run/${runId}`;
}
