import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ScriptLibrary } from "../script-library.ts";
import {
  BASH,
  codeOf,
  type LibraryPlace,
  scriptLibraryContract,
  toSha256,
} from "../testing/script-library-contract.ts";
import { directoryLibrary } from "./directory-library.ts";

scriptLibraryContract({ name: "a directory", makePlace: directoryPlace, names: 150 });

async function directoryPlace(): Promise<LibraryPlace> {
  const base = await mkdtemp(join(tmpdir(), "deckhand-scripts-"));
  const [directory, aside] = [join(base, "scripts"), join(base, "aside")];
  for (const folder of [directory, aside]) await mkdir(folder);
  await writeFile(join(base, "secret.sh"), `${BASH}# secret\n`);
  const files = async () => {
    const found = await readdir(directory, { recursive: true, withFileTypes: true });
    return found
      .filter((one) => one.isFile())
      .map((one) => join(one.parentPath, one.name).slice(directory.length + 1))
      .sort();
  };
  return {
    open: () => directoryLibrary({ directory, historyDirectory: join(base, "history") }),
    write: async (path, content) => {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(aside, "written"), content);
      await rename(join(aside, "written"), join(directory, path));
    },
    move: (path, to) => rename(join(directory, path), join(directory, to)),
    read: (path) => readFile(join(directory, path), "utf8"),
    list: files,
    surroundings: async () => ({
      names: (await readdir(base)).sort(),
      secret: await readFile(join(base, "secret.sh"), "utf8"),
    }),
    remove: () => rm(base, { recursive: true, force: true }),
  };
}

describe("a directory of scripts", () => {
  let base: string;
  let directory: string;
  let library: ScriptLibrary;

  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), "deckhand-scripts-"));
    directory = join(base, "scripts");
    library = await directoryLibrary({ directory, historyDirectory: join(base, "history") });
  });

  afterEach(async () => {
    await library.close();
    await rm(base, { recursive: true, force: true });
  });

  test("keeps a file's permissions when it is updated", async () => {
    await writeFile(join(directory, "say.sh"), BASH, { mode: 0o755 });
    await library.update({ name: "say", text: `${BASH}#\n`, ifMatch: toSha256(BASH) });
    expect((await stat(join(directory, "say.sh"))).mode & 0o777).toBe(0o755);
  });

  test("keeps an edit as a version although nobody asks for it", async () => {
    await library.create({ path: "say.sh", text: BASH });
    // As an editor does: a file that is written in place is for a moment an empty one.
    const edit = async (text: string) => {
      await writeFile(join(base, "edited"), text);
      await rename(join(base, "edited"), join(directory, "say.sh"));
    };
    await edit(`${BASH}# second\n`);
    const kept = toSha256(`${BASH}# second\n`);
    const history = join(base, "history");
    await expect
      .poll(async () => (await readdir(history, { recursive: true })).join(), { timeout: 20_000 })
      .toContain(kept);
    await edit(`${BASH}# third\n`);
    await expect
      .poll(async () => (await library.listVersions("say")).length, { timeout: 20_000 })
      .toBe(3);
    expect((await library.getVersion("say", 2)).text).toBe(`${BASH}# second\n`);
  });

  test("has nothing outside by a link", async () => {
    await writeFile(join(base, "outside.sh"), BASH);
    await writeFile(join(directory, "real.sh"), BASH);
    await symlink(join(base, "outside.sh"), join(directory, "link.sh"));
    await symlink(base, join(directory, "folder"));
    await symlink("real.sh", join(directory, "alias.sh"));
    await symlink("loop.sh", join(directory, "loop.sh"));
    expect((await library.list()).map(({ name }) => name)).toEqual(["alias", "real"]);
    expect(await codeOf(library.get("link"))).toBe("SCRIPT_NOT_FOUND");
    expect(await codeOf(library.get("folder/outside"))).toBe("SCRIPT_NOT_FOUND");
    const through = library.create({ path: "folder/new.sh", text: BASH });
    expect(await codeOf(through)).toBe("SCRIPT_NAME_INVALID");
    expect(await readdir(base)).not.toContain("new.sh");
  });

  test("may be a mounted one that swaps a link, as Kubernetes does", async () => {
    await mkdir(join(directory, "..v1"));
    await writeFile(join(directory, "..v1/say.sh"), BASH);
    await symlink("..v1", join(directory, "..data"));
    await symlink("..data/say.sh", join(directory, "say.sh"));
    expect((await library.get("say")).text).toBe(BASH);
    await mkdir(join(directory, "..v2"));
    await writeFile(join(directory, "..v2/say.sh"), `${BASH}#\n`);
    await symlink("..v2", join(directory, "..next"));
    await rename(join(directory, "..next"), join(directory, "..data"));
    expect(await library.get("say")).toMatchObject({ text: `${BASH}#\n`, version: 2 });
  });
});
