import type { Kysely, Selectable, Transaction } from "kysely";
import type { Database, RunsTable } from "../database/database.ts";

/** What others do in the transaction that ends a run: what they owe then is never lost. */
export type RunEnded = (
  transaction: Transaction<Database>,
  run: Selectable<RunsTable>,
) => Promise<void>;

/** Where steps are written down, and who hears of a run's end within. */
export interface RunWrites {
  readonly db: Kysely<Database>;
  readonly runEnded: RunEnded;
}
