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

/** The statements of each table, by their columns: to make a text anew each time would cost more than SQLite takes to carry it out. */
type Statements = Map<Table, KnownStatement[]>;

interface KnownStatement {
  readonly columns: readonly string[];
  readonly query: CompiledQuery<never>;
}

const inserts: Statements = new Map();
const updates: Statements = new Map();
const selects: Statements = new Map();

/** Inserts one row. */
export async function insertRow<Name extends Table>(
  db: Kysely<Database>,
  table: Name,
  row: Insertable<Database[Name]>,
): Promise<void> {
  const { columns, values } = split(row);
  const query = queryOf(inserts, { table, columns }, () =>
    sql`insert into ${sql.table(table)} (${refs(columns)}) values (${sql.join(values)})`.compile(
      db,
    ),
  );
  await execute(db, query, values);
}

/** Changes the row with this id. */
export async function updateRow<Name extends "runs" | "executions">(
  db: Kysely<Database>,
  table: Name,
  { id, changes }: { readonly id: string; readonly changes: Updateable<Database[Name]> },
): Promise<void> {
  const { columns, values } = split(changes);
  const query = queryOf(updates, { table, columns }, () => {
    const sets = sql.join(columns.map(toAssignment));
    return sql`update ${sql.table(table)} set ${sets} where id = ${id}`.compile(db);
  });
  values.push(id);
  await execute(db, query, values);
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
  const query = queryOf(selects, { table, columns }, () => {
    const conditions = sql.join(columns.map(toAssignment), sql` and `);
    return sql`select * from ${sql.table(table)} where ${conditions}`.compile(db);
  });
  return execute<Selectable<Database[Name]>>(db, query, values);
}

/**
 * Goes straight to the connection when nobody else has it: Kysely asks for it anew for each statement, which takes longer than most
 * statements do.
 */
async function execute<Row>(
  db: Kysely<Database>,
  query: CompiledQuery<Row>,
  parameters: readonly unknown[],
): Promise<readonly Row[]> {
  const { adapter } = db.getExecutor();
  const connection = adapter instanceof ConnectedAdapter ? adapter.connection : undefined;
  if (!connection || (!db.isTransaction && connection.inTransaction))
    return (await db.executeQuery<Row>({ ...query, parameters } as CompiledQuery<Row>)).rows;
  const statement = connection.prepare(query.sql);
  if (statement.reader) return statement.all(parameters) as Row[];
  statement.run(parameters);
  return [];
}

interface Shape {
  readonly table: Table;
  readonly columns: readonly string[];
}

function queryOf(
  statements: Statements,
  { table, columns }: Shape,
  compile: () => CompiledQuery,
): CompiledQuery<never> {
  const ofTable = statements.get(table) ?? [];
  const known = ofTable.find((statement) => isSame(statement.columns, columns));
  if (known) return known.query;
  const query = compile() as CompiledQuery<never>;
  statements.set(table, [...ofTable, { columns, query }]);
  return query;
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((column, at) => column === other[at]);
}

interface Split {
  readonly columns: readonly string[];
  readonly values: unknown[];
}

function split(row: object): Split {
  const columns: string[] = [];
  const values: unknown[] = [];
  for (const [column, value] of Object.entries(row)) {
    if (value === undefined) continue;
    columns.push(column);
    values.push(value);
  }
  return { columns, values };
}

function refs(columns: readonly string[]) {
  return sql.join(columns.map((column) => sql.ref(column)));
}

/** The value is another one each time. */
function toAssignment(column: string) {
  return sql`${sql.ref(column)} = ${null}`;
}
