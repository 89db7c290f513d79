import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

const KEY_BYTES = 32;

/** The key that this server's guards are known by: made once, kept in the data directory, readable by its owner only. */
export async function ensureGuardKey(dataDir: string): Promise<Uint8Array> {
  const path = join(dataDir, "guard-key");
  if (!existsSync(path)) await makeKey(path);
  const key = await readFile(path);
  if (key.length !== KEY_BYTES)
    throw new Error(`${path} is not a key of ${KEY_BYTES} bytes; remove it, and a new one is made`);
  return key;
}

/** Whole or not at all, also when the machine stops in between. */
async function makeKey(path: string): Promise<void> {
  const file = await open(`${path}.new`, "w", 0o600);
  try {
    await file.writeFile(randomBytes(KEY_BYTES));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}
