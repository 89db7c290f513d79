import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ConfigError } from "../config/config-error.ts";
import { openKeyFile } from "./key-file.ts";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "deckhand-key-"));
  path = join(folder, "secrets-key");
});
afterEach(() => rm(folder, { recursive: true }));

test("the first start makes a key that its owner alone can read, and later starts find it", async () => {
  const made = await openKeyFile({ path, mayMake: true });
  expect(made).toHaveLength(32);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await openKeyFile({ path, mayMake: true })).toEqual(made);
  expect(await openKeyFile({ path, mayMake: false })).toEqual(made);
});

test("each data directory has a key of its own", async () => {
  const other = join(folder, "other");
  expect(await openKeyFile({ path, mayMake: true })).not.toEqual(
    await openKeyFile({ path: other, mayMake: true }),
  );
});

test("a key that others can read is refused, with the command that closes it", async () => {
  await openKeyFile({ path, mayMake: true });
  for (const mode of [0o640, 0o604, 0o620]) {
    await chmod(path, mode);
    await expect(openKeyFile({ path, mayMake: true })).rejects.toThrow(`chmod 600 ${path}`);
  }
});

test("a damaged key is refused and left as it is", async () => {
  const key = await openKeyFile({ path, mayMake: true });
  const hex = Buffer.from(key).toString("hex");
  for (const damaged of ["", hex.slice(1), `${hex}0`, hex.replace(/^./, "x"), `\0${hex}`]) {
    await writeFile(path, damaged, { mode: 0o600 });
    await expect(openKeyFile({ path, mayMake: true })).rejects.toThrow(ConfigError);
    expect(await readFile(path, "latin1")).toBe(damaged);
  }
});

test("a key that is kept elsewhere and missing is not made anew: what is sealed would be lost", async () => {
  await expect(openKeyFile({ path, mayMake: false })).rejects.toThrow("openssl rand -hex 32");
  await expect(stat(path)).rejects.toThrow("ENOENT");
});

test("what can not be read is told with the path", async () => {
  await expect(openKeyFile({ path: folder, mayMake: true })).rejects.toThrow(folder);
});
