import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { newToken } from "./token-format.ts";
import type { TokenStore } from "./token-store.ts";

export interface FirstTokenDeps {
  readonly tokens: Pick<TokenStore, "insert" | "countValid">;
  readonly dataDir: string;
  readonly now: () => number;
  /** Shows a line to who starts the server. */
  readonly print: (line: string) => void;
}

/** Makes the first token when no valid one exists: into a file that only the server's user can read, and shown once. */
export async function ensureFirstToken(deps: FirstTokenDeps): Promise<void> {
  const createdAtMs = deps.now();
  if ((await deps.tokens.countValid(createdAtMs)) > 0) return;
  const { id, text, secretHash } = newToken(createdAtMs);
  const path = join(deps.dataDir, "first-token");
  // The file comes first: a token in the database that nobody can read would keep everybody out.
  await writePrivateFile(path, `${text}\n`);
  await deps.tokens.insert({
    id,
    name: "first",
    secretHash,
    createdAtMs,
    expiresAtMs: null,
    lastUsedAtMs: null,
  });
  deps.print(`First token (shown once, also in ${path}): ${text}`);
  deps.print(
    `Use it as the header "Authorization: Bearer …", or: export DECKHAND_TOKEN_FILE=${path}`,
  );
}

async function writePrivateFile(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, "w", 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}
