import { AppError } from "@deckhand/core";
import type { Principal } from "./action.ts";
import { isSecretOf, parseToken, type TokenParts } from "./token-format.ts";
import type { StoredToken, TokenStore } from "./token-store.ts";

/** A token's last use is written at most this often. */
const LAST_USED_EVERY_MS = 60_000;

export interface Access {
  /** Says who shows this Authorization header; throws TOKEN_MISSING or TOKEN_INVALID. */
  authenticate(header: string | undefined): Promise<Principal>;
}

export interface AccessDeps {
  readonly tokens: Pick<TokenStore, "find" | "markUsed" | "onDeleted">;
  readonly now: () => number;
}

interface KnownToken {
  readonly token: StoredToken;
  usedAtMs: number;
}

/** Checks tokens; a token that was valid once is kept in memory until it is deleted. */
export function tokenAccess(deps: AccessDeps): Access {
  const known = new Map<string, KnownToken>();
  deps.tokens.onDeleted((tokenId) => known.delete(tokenId));

  async function lookUp(parts: TokenParts): Promise<KnownToken | undefined> {
    const kept = known.get(parts.tokenId);
    if (kept) return kept;
    const token = await deps.tokens.find(parts.tokenId);
    return token && { token, usedAtMs: token.lastUsedAtMs ?? 0 };
  }

  return {
    authenticate: async (header) => {
      const parts = readHeader(header);
      const found = await lookUp(parts);
      if (!found || !isSecretOf(found.token.secretHash, parts.secret))
        throw invalid("The token is not known here.");
      if (isExpired(found.token, deps.now()))
        throw invalid(`The token ${found.token.name} has expired.`);
      known.set(parts.tokenId, found);
      noteUse(deps, found);
      return { tokenId: found.token.id, name: found.token.name };
    },
  };
}

function readHeader(header: string | undefined): TokenParts {
  if (header === undefined) throw missing();
  const [scheme = "", text = "", ...rest] = header.trim().split(/ +/);
  if (scheme.toLowerCase() !== "bearer") throw missing();
  const parts = rest.length === 0 ? parseToken(text) : undefined;
  if (!parts) throw invalid("That does not look like a token of this server.");
  return parts;
}

export function isExpired(token: Pick<StoredToken, "expiresAtMs">, nowMs: number): boolean {
  return token.expiresAtMs !== null && token.expiresAtMs <= nowMs;
}

/** A request is not refused because its time could not be noted. */
function noteUse(deps: AccessDeps, known: KnownToken): void {
  const now = deps.now();
  if (now - known.usedAtMs < LAST_USED_EVERY_MS) return;
  known.usedAtMs = now;
  deps.tokens.markUsed(known.token.id, now).catch(() => undefined);
}

function missing(): AppError {
  return new AppError("TOKEN_MISSING", {
    detail: "This needs a token in the header Authorization: Bearer dh_….",
    hint: "The first token is in the file first-token of the server's data directory.",
  });
}

function invalid(detail: string): AppError {
  return new AppError("TOKEN_INVALID", {
    detail,
    hint: "Make a new one with `deckhand tokens create`, or look at the file first-token of the server's data directory.",
  });
}
