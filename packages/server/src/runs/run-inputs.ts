import type { Kysely, Transaction } from "kysely";
import type { Database } from "../database/database.ts";
import { findRow, insertRow } from "../database/rows.ts";
import type { RunPlan } from "./run-plan.ts";

/** What a run is made from, beside its plan. */
export interface RunInputs {
  readonly id: string;
  readonly plan: Pick<RunPlan, "program">;
  readonly scriptText: string | undefined;
  readonly stdin: Uint8Array | undefined;
}

/** Keeps what the run was made from. */
export async function insertInputs(
  transaction: Transaction<Database>,
  run: RunInputs,
): Promise<void> {
  const { plan, scriptText, stdin } = run;
  if (plan.program.kind === "script" && scriptText !== undefined) {
    const { sha256 } = plan.program;
    const isKept = (await findScriptText(transaction, sha256)) !== undefined;
    if (!isKept) await insertRow(transaction, "script_texts", { sha256, text: scriptText });
  }
  if (stdin) await transaction.insertInto("run_inputs").values({ run_id: run.id, stdin }).execute();
}

export async function findScriptText(
  db: Kysely<Database>,
  sha256: string,
): Promise<string | undefined> {
  return (await findRow(db, "script_texts", { sha256 }))?.text;
}

export async function findStdin(
  db: Kysely<Database>,
  runId: string,
): Promise<Uint8Array | undefined> {
  const row = await db
    .selectFrom("run_inputs")
    .select("stdin")
    .where("run_id", "=", runId)
    .executeTakeFirst();
  return row?.stdin;
}
