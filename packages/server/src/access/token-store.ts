import { AppError } from "@deckhand/core";
import type { Kysely, Selectable, Transaction } from "kysely";
import type { Database } from "../database/database.ts";
import type { Synced } from "../database/wal-sync.ts";

export interface StoredToken {
  readonly id: string;
  readonly name: string;
  readonly secretHash: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly lastUsedAtMs: number | null;
}

/** Tokens as the database keeps them: of the secret only its hash. */
export interface TokenStore {
  insert(token: StoredToken): Promise<void>;
  find(tokenId: string): Promise<StoredToken | undefined>;
  /** Oldest first. */
  list(): Promise<StoredToken[]>;
  /** How many could be used now. */
  countValid(nowMs: number): Promise<number>;
  markUsed(tokenId: string, nowMs: number): Promise<void>;
  /** Refuses with TOKEN_NOT_FOUND, or with LAST_TOKEN when no other token would be valid. */
  delete(tokenId: string, nowMs: number): Promise<StoredToken>;
  onDeleted(listener: (tokenId: string) => void): void;
}

export function tokenStore(db: Kysely<Database>, synced: Synced): TokenStore {
  const listeners: ((tokenId: string) => void)[] = [];
  return {
    insert: async (token) => {
      await db.insertInto("tokens").values(toRow(token)).execute();
      await synced();
    },
    find: async (tokenId) => findToken(db, tokenId),
    list: async () =>
      (await db.selectFrom("tokens").selectAll().orderBy("id").execute()).map(toToken),
    countValid: (nowMs) => countValid(db, nowMs),
    markUsed: async (tokenId, nowMs) => {
      await db
        .updateTable("tokens")
        .set({ last_used_at: nowMs })
        .where("id", "=", tokenId)
        .execute();
    },
    delete: async (tokenId, nowMs) => {
      const deleted = await db
        .transaction()
        .execute((transaction) => deleteToken(transaction, tokenId, nowMs));
      await synced();
      for (const listener of listeners) listener(tokenId);
      return deleted;
    },
    onDeleted: (listener) => {
      listeners.push(listener);
    },
  };
}

async function findToken(db: Kysely<Database>, tokenId: string): Promise<StoredToken | undefined> {
  const row = await db
    .selectFrom("tokens")
    .selectAll()
    .where("id", "=", tokenId)
    .executeTakeFirst();
  return row && toToken(row);
}

async function countValid(db: Kysely<Database>, nowMs: number, exceptId = ""): Promise<number> {
  const { count } = await db
    .selectFrom("tokens")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("id", "!=", exceptId)
    .where((where) => where.or([where("expires_at", "is", null), where("expires_at", ">", nowMs)]))
    .executeTakeFirstOrThrow();
  return count;
}

async function deleteToken(
  db: Transaction<Database>,
  tokenId: string,
  nowMs: number,
): Promise<StoredToken> {
  const token = await findToken(db, tokenId);
  if (!token) {
    throw new AppError("TOKEN_NOT_FOUND", {
      detail: `There is no token ${tokenId}.`,
      hint: "List them with `deckhand tokens ls`.",
    });
  }
  if ((await countValid(db, nowMs, tokenId)) === 0) throw lastToken(token);
  await db.deleteFrom("tokens").where("id", "=", tokenId).execute();
  return token;
}

function lastToken(token: StoredToken): AppError {
  return new AppError("LAST_TOKEN", {
    detail: `Without ${token.name} nobody could use this server any more.`,
    hint: "Make another token first: `deckhand tokens create NAME`.",
  });
}

function toRow(token: StoredToken): Selectable<Database["tokens"]> {
  return {
    id: token.id,
    name: token.name,
    secret_hash: token.secretHash,
    created_at: token.createdAtMs,
    expires_at: token.expiresAtMs,
    last_used_at: token.lastUsedAtMs,
  };
}

function toToken(row: Selectable<Database["tokens"]>): StoredToken {
  return {
    id: row.id,
    name: row.name,
    secretHash: row.secret_hash,
    createdAtMs: row.created_at,
    expiresAtMs: row.expires_at,
    lastUsedAtMs: row.last_used_at,
  };
}
