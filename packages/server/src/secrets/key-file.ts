import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { ConfigError } from "../config/config-error.ts";
import { KEY_BYTES } from "./vault.ts";

const FORM = /^[0-9a-f]{64}\s*$/;
const MOST_BYTES = 1024;

export interface KeyPlace {
  readonly path: string;
  /** Whether a missing key is made; where the operator keeps it himself, a missing one is a mistake. */
  readonly mayMake: boolean;
}

/** Reads the key that secrets are sealed with; refuses with a ConfigError one that others can read or that is damaged. */
export async function openKeyFile({ path, mayMake }: KeyPlace): Promise<Uint8Array> {
  try {
    await using file = await openOrMake(path, mayMake);
    return await readKey(file, path);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(
      `The key of the secrets, ${path}, can not be read: ${(error as Error).message}`,
    );
  }
}

async function readKey(file: FileHandle, path: string): Promise<Uint8Array> {
  const { mode } = await file.stat();
  if ((mode & 0o077) !== 0)
    throw new ConfigError(
      `${path} holds the key of all secrets, and others can use it (mode ${(mode & 0o777).toString(8)}). Close it: chmod 600 ${path}`,
    );
  const { buffer, bytesRead } = await file.read(Buffer.alloc(MOST_BYTES), 0, MOST_BYTES, 0);
  const text = buffer.toString("latin1", 0, bytesRead);
  if (!FORM.test(text))
    throw new ConfigError(
      `${path} holds no key: ${KEY_BYTES * 2} small hexadecimal digits are wanted. Bring it back from a backup; without it no secret can be read. Where there are no secrets yet, remove it.`,
    );
  return Buffer.from(text.trim(), "hex");
}

async function openOrMake(path: string, mayMake: boolean): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    if (!mayMake) throw missing(path);
  }
  await makeKey(path);
  return open(path, "r");
}

/** Whole or not at all, also when the machine stops in between. */
async function makeKey(path: string): Promise<void> {
  const temporary = `${path}.new`;
  {
    await using file = await open(temporary, "w", 0o600);
    await file.chmod(0o600);
    await file.writeFile(`${randomBytes(KEY_BYTES).toString("hex")}\n`);
    await file.sync();
  }
  await rename(temporary, path);
  await using directory = await open(dirname(path), "r");
  await directory.sync();
}

function missing(path: string): ConfigError {
  return new ConfigError(
    `secrets.keyFile is ${path}, which is not there. Make it once, and keep it: (umask 077; openssl rand -hex ${KEY_BYTES} > ${path})`,
  );
}
