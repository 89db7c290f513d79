import { isAppError, toDefinitionTag } from "@deckhand/core";
import { type Kysely, sql } from "kysely";
import type { AuditLog } from "../audit/audit-log.ts";
import { OURSELVES } from "../audit/caller.ts";
import type { Database } from "../database/database.ts";
import type { Synced } from "../database/wal-sync.ts";
import { type FixedParams, sealFixed } from "../secrets/fixed-params.ts";
import type { Vault } from "../secrets/vault.ts";
import type { Definition, DefinitionKind } from "./definition.ts";
import { findDefinition, selectDefinitions, updateDefinition } from "./definition-store.ts";

export interface LateSecretsDeps<Body extends FixedParams> {
  readonly db: Kysely<Database>;
  readonly synced: Synced;
  readonly audit: Pick<AuditLog, "record">;
  readonly vault: Vault;
  readonly kind: DefinitionKind<Body>;
  /** The names of the parameters that are secret by the program as it is now. */
  readonly findSecretParams: (run: Body["run"]) => Promise<readonly string[]>;
  readonly onSealed: (definition: Definition<Body>, params: readonly string[]) => void;
  readonly onFailure: (error: unknown) => void;
}

/** Seals fixed values whose parameters have become secret since somebody saved them in clear. */
export interface LateSecrets<Body extends FixedParams> {
  /** Gives the definition as it is to be shown and changed; to people it is the same version. */
  seal(definition: Definition<Body>): Promise<Definition<Body>>;
  /** Looks at all that are kept; never rejects. */
  sealAll(): Promise<void>;
}

export function lateSecrets<Body extends FixedParams>(
  deps: LateSecretsDeps<Body>,
): LateSecrets<Body> {
  const { db, vault, kind } = deps;

  async function findLate({ body: { run } }: Definition<Body>): Promise<string[]> {
    const secret = await deps.findSecretParams(run).catch(nothingKnown);
    return secret.filter((name) => Object.hasOwn(run.params, name));
  }

  async function seal(definition: Definition<Body>): Promise<Definition<Body>> {
    const params = await findLate(definition);
    if (params.length === 0) return definition;
    const place = `${kind.kind}/${definition.name}`;
    const after = { ...definition, body: sealFixed({ vault, place }, definition.body, params) };
    if (!(await overwrite(deps, { before: definition, after, params }))) return after;
    kind.onChanged?.({ before: definition, after });
    deps.onSealed(definition, params);
    return after;
  }

  return {
    seal,
    sealAll: async () => {
      try {
        for (const definition of await selectDefinitions(db, kind)) await seal(definition);
      } catch (error) {
        deps.onFailure(error);
      }
    },
  };
}

/** A script that is gone, or a library that is away, says nothing about its parameters. */
function nothingKnown(error: unknown): readonly string[] {
  if (isAppError(error)) return [];
  throw error;
}

interface Sealing<Body> {
  readonly before: Definition<Body>;
  readonly after: Definition<Body>;
  readonly params: readonly string[];
}

/** Gives false when it is another one by now, or is kept elsewhere. What was in clear is gone from the database's files as well. */
async function overwrite<Body extends FixedParams>(
  { db, kind, audit, synced }: LateSecretsDeps<Body>,
  { before, after, params }: Sealing<Body>,
): Promise<boolean> {
  const isWritten = await db.transaction().execute(async (transaction) => {
    const now = await findDefinition(transaction, kind, before.name);
    if (!now || toDefinitionTag(now) !== toDefinitionTag(before)) return false;
    await sql`pragma secure_delete = on`.execute(transaction);
    await updateDefinition(transaction, kind, after);
    await sql`pragma secure_delete = fast`.execute(transaction);
    const { id, name: object, version } = after;
    const detail = { verb: "seal", id, version, params };
    const entry = { action: kind.action, object, outcome: "allowed", detail } as const;
    await audit.record({ caller: OURSELVES, ...entry }, transaction);
    return true;
  });
  if (!isWritten) return false;
  await synced();
  await sql`pragma wal_checkpoint(truncate)`.execute(db);
  return true;
}
