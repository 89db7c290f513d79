import { newToken } from "./token-format.ts";
import type { StoredToken, TokenStore } from "./token-store.ts";

export interface CreateTokenInput {
  readonly name: string;
  readonly expiresInMs?: number | undefined;
}

export interface CreateTokenDeps {
  readonly tokens: Pick<TokenStore, "insert">;
  readonly now: () => number;
}

/** Makes a token; its text is given here and never again. */
export async function createToken(
  deps: CreateTokenDeps,
  { name, expiresInMs }: CreateTokenInput,
): Promise<{ readonly token: StoredToken; readonly text: string }> {
  const createdAtMs = deps.now();
  const { id, text, secretHash } = newToken(createdAtMs);
  const expiresAtMs = expiresInMs === undefined ? null : createdAtMs + expiresInMs;
  const token = { id, name, secretHash, createdAtMs, expiresAtMs, lastUsedAtMs: null };
  await deps.tokens.insert(token);
  return { token, text };
}
