import {
  type CompiledQuery,
  type Insertable,
  type Kysely,
  type Selectable,
  sql,
  type Updateable,
} from "kysely";
import type { Database } from "./database.ts";
import { ConnectedAdapter } from "./sqlite-connection.ts";

type Table = keyof Database;
type Where<Name extends Table> = Partial<Selectable<Database[Name]>>;

/** By table and columns: to make a statement's text anew each time would cost more than SQLite takes to carry it out. */
const texts = new Map<string, CompiledQuery<never>>();

/** Inserts one row. */
export async function insertRow<Name extends Table>(
  db: Kysely<Database>,
  table: Name,
  row: Insertable<Database[Name]>,
): Promise<void> {
  const { columns, values } = split(row);
  const text = textOf(`insert ${table} ${columns.join()}`, () =>
    sql`insert into ${sql.table(table)} (${refs(columns)}) values (${sql.join(values)})`.compile(
      db,
    ),
  );
  await execute(db, { ...text, parameters: values });
}

/** Changes the row with this id. */
export async function updateRow<Name extends "runs" | "executions">(
  db: Kysely<Database>,
  table: Name,
  { id, changes }: { readonly id: string; readonly changes: Updateable<Database[Name]> },
): Promise<void> {
  const { columns, values } = split(changes);
  const text = textOf(`update ${table} ${columns.join()}`, () => {
    const sets = sql.join(columns.map(toAssignment));
    return sql`update ${sql.table(table)} set ${sets} where id = ${id}`.compile(db);
  });
  await execute(db, { ...text, parameters: [...values, id] });
}

/** The first row that has all these values. */
export async function findRow<Name extends Table>(
  db: Kysely<Database>,
  table: Name,
  where: Where<Name>,
): Promise<Selectable<Database[Name]> | undefined> {
  const [row] = await findRows(db, table, where);
  return row;
}

/**
 * All rows that have all these values, none of which is null, in no order: SQLite would make a new plan for it each time, which
 * takes ten times as long as to read a row.
 */
export async function findRows<Name extends Table>(
  db: Kysely<Database>,
  table: Name,
  where: Where<Name>,
): Promise<readonly Selectable<Database[Name]>[]> {
  const { columns, values } = split(where);
  const text = textOf(`select ${table} ${columns.join()}`, () => {
    const conditions = sql.join(columns.map(toAssignment), sql` and `);
    return sql`select * from ${sql.table(table)} where ${conditions}`.compile(db);
  });
  return execute<Selectable<Database[Name]>>(db, { ...text, parameters: values });
}

/**
 * Goes straight to the connection when nobody else has it: Kysely asks for it anew for each statement, which takes longer than most
 * statements do.
 */
async function execute<Row>(
  db: Kysely<Database>,
  query: CompiledQuery<Row>,
): Promise<readonly Row[]> {
  const { adapter } = db.getExecutor();
  const connection = adapter instanceof ConnectedAdapter ? adapter.connection : undefined;
  if (!connection || (connection.inTransaction && !db.isTransaction))
    return (await db.executeQuery(query)).rows;
  const statement = connection.prepare(query.sql);
  if (statement.reader) return statement.all(query.parameters) as Row[];
  statement.run(query.parameters);
  return [];
}

function textOf(key: string, compile: () => CompiledQuery): CompiledQuery<never> {
  const known = texts.get(key);
  if (known) return known;
  const made = compile() as CompiledQuery<never>;
  texts.set(key, made);
  return made;
}

function split(row: object): { readonly columns: readonly string[]; readonly values: unknown[] } {
  const given = Object.entries(row).filter(([, value]) => value !== undefined);
  return { columns: given.map(([column]) => column), values: given.map(([, value]) => value) };
}

function refs(columns: readonly string[]) {
  return sql.join(columns.map((column) => sql.ref(column)));
}

/** The value is another one each time. */
function toAssignment(column: string) {
  return sql`${sql.ref(column)} = ${null}`;
}
