import type { Kysely, Selectable } from "kysely";
import type { Database, DefinitionsTable } from "../database/database.ts";
import type { Definition, DefinitionKind } from "./definition.ts";

/** Which of a kind to list, by name. */
export interface DefinitionRange {
  readonly after?: string | undefined;
  readonly limit?: number;
}

export async function selectDefinitions<Body>(
  db: Kysely<Database>,
  kind: DefinitionKind<Body>,
  { after = "", limit }: DefinitionRange = {},
): Promise<Definition<Body>[]> {
  let query = db
    .selectFrom("definitions")
    .selectAll()
    .where("kind", "=", kind.kind)
    .where("name", ">", after)
    .orderBy("name");
  if (limit !== undefined) query = query.limit(limit);
  return (await query.execute()).map((row) => toDefinition(kind, row));
}

export async function findDefinition<Body>(
  db: Kysely<Database>,
  kind: DefinitionKind<Body>,
  name: string,
): Promise<Definition<Body> | undefined> {
  const row = await db
    .selectFrom("definitions")
    .selectAll()
    .where("kind", "=", kind.kind)
    .where("name", "=", name)
    .executeTakeFirst();
  return row && toDefinition(kind, row);
}

export async function insertDefinition<Body>(
  db: Kysely<Database>,
  kind: DefinitionKind<Body>,
  definition: Definition<Body>,
): Promise<void> {
  await db.insertInto("definitions").values(toRow(kind, definition)).execute();
}

export async function updateDefinition<Body>(
  db: Kysely<Database>,
  kind: DefinitionKind<Body>,
  definition: Definition<Body>,
): Promise<void> {
  await db
    .updateTable("definitions")
    .set(toRow(kind, definition))
    .where("id", "=", definition.id)
    .execute();
}

export async function deleteDefinition(db: Kysely<Database>, id: string): Promise<void> {
  await db.deleteFrom("definitions").where("id", "=", id).execute();
}

function toRow<Body>({ kind }: DefinitionKind<Body>, one: Definition<Body>): DefinitionsTable {
  return {
    id: one.id,
    kind,
    name: one.name,
    version: one.version,
    body_json: JSON.stringify(one.body),
    created_at: one.createdAtMs,
    updated_at: one.updatedAtMs,
    by_json: JSON.stringify(one.by),
  };
}

function toDefinition<Body>(
  { body }: DefinitionKind<Body>,
  row: Selectable<DefinitionsTable>,
): Definition<Body> {
  return {
    id: row.id,
    name: row.name,
    version: row.version,
    body: body.parse(JSON.parse(row.body_json)),
    createdAtMs: row.created_at,
    updatedAtMs: row.updated_at,
    by: JSON.parse(row.by_json) as Definition<Body>["by"],
  };
}
