import { createHash } from "node:crypto";
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
import { join } from "node:path";
import { isAppError } from "@deckhand/core";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ScriptLibrary } from "../script-library.ts";
import { directoryLibrary } from "./directory-library.ts";

const BASH = "#!/usr/bin/env bash\n# @deckhand 1\n# @title Say it\necho one\n";

let base: string;
let directory: string;
let library: ScriptLibrary;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "deckhand-scripts-"));
  directory = join(base, "scripts");
  library = await open();
});

afterEach(async () => {
  await library.close();
  await rm(base, { recursive: true, force: true });
});

function open(): Promise<ScriptLibrary> {
  return directoryLibrary({ directory, historyDirectory: join(base, "history") });
}

function toSha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  return isAppError(error) ? error.code : String(error);
}

describe("a script in the library", () => {
  test("is created as a file and read back with its header", async () => {
    const created = await library.create({ path: "db/say.sh", text: BASH });
    expect(created).toMatchObject({
      name: "db/say",
      path: "db/say.sh",
      version: 1,
      sha256: toSha256(BASH),
      text: BASH,
    });
    expect(created.header.title).toBe("Say it");
    expect(await readFile(join(directory, "db/say.sh"), "utf8")).toBe(BASH);
    expect(await library.get("db/say")).toEqual(created);
    expect((await library.get("db/say.sh")).name).toBe("db/say");
  });

  test("leaves nothing but itself in the directory", async () => {
    await library.create({ path: "db/say.sh", text: BASH });
    await library.update({ name: "db/say", text: `${BASH}echo two\n`, ifMatch: toSha256(BASH) });
    expect(await readdir(directory, { recursive: true })).toEqual(["db", "db/say.sh"]);
  });

  test("counts its versions, and each stays readable as it was", async () => {
    await library.create({ path: "say.sh", text: BASH });
    const next = `${BASH}echo two\n`;
    expect(
      (await library.update({ name: "say", text: next, ifMatch: toSha256(BASH) })).version,
    ).toBe(2);
    expect((await library.getVersion("say", 1)).text).toBe(BASH);
    expect((await library.getVersion("say", 2)).text).toBe(next);
    expect((await library.listVersions("say")).map(({ version }) => version)).toEqual([2, 1]);
    expect(await codeOf(library.getVersion("say", 3))).toBe("SCRIPT_NOT_FOUND");
  });

  test("keeps its permissions when it is updated", async () => {
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, "say.sh"), BASH, { mode: 0o755 });
    await library.update({ name: "say", text: `${BASH}#\n`, ifMatch: toSha256(BASH) });
    expect((await stat(join(directory, "say.sh"))).mode & 0o777).toBe(0o755);
  });

  test("is not overwritten by a second one of the same name, whatever its extension", async () => {
    await library.create({ path: "say.sh", text: BASH });
    expect(await codeOf(library.create({ path: "say.sh", text: BASH }))).toBe("SCRIPT_EXISTS");
    expect(await codeOf(library.create({ path: "say.py", text: "print()\n" }))).toBe(
      "SCRIPT_EXISTS",
    );
  });

  test("goes on counting when it is made again after its removal", async () => {
    await library.create({ path: "say.sh", text: BASH });
    await library.remove({ name: "say", ifMatch: toSha256(BASH) });
    expect(await library.find("say")).toBeUndefined();
    expect((await library.getVersion("say", 1)).text).toBe(BASH);
    expect((await library.create({ path: "say.sh", text: `${BASH}#\n` })).version).toBe(2);
  });

  test("needs something that says what starts it", async () => {
    expect(await codeOf(library.create({ path: "notes.txt", text: "hello\n" }))).toBe(
      "INTERPRETER_UNKNOWN",
    );
    expect(await codeOf(library.create({ path: "nul.sh", text: "echo \0\n" }))).toBe(
      "SCRIPT_INVALID",
    );
    expect(
      await codeOf(library.create({ path: "big.sh", text: "#".repeat(1024 * 1024 + 1) })),
    ).toBe("LIMIT_EXCEEDED");
  });

  test("is found under a near name in the error", async () => {
    await library.create({ path: "db/vacuum.sh", text: BASH });
    await expect(library.get("db/vacum")).rejects.toThrow("did you mean db/vacuum?");
  });
});

describe("an edit on disk", () => {
  test("is a new version at the next read, also when it is quick and of the same length", async () => {
    await library.create({ path: "say.sh", text: BASH });
    for (const word of ["two", "six", "ten", "one"]) {
      const text = BASH.replace("one", word);
      await writeFile(join(directory, "say.sh"), text);
      expect((await library.get("say")).text).toBe(text);
    }
    expect((await library.listVersions("say")).length).toBe(5);
  });

  test("is kept as a version although nobody asks for it", async () => {
    await library.create({ path: "say.sh", text: BASH });
    await writeFile(join(directory, "say.sh"), `${BASH}# second\n`);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await writeFile(join(directory, "say.sh"), `${BASH}# third\n`);
    await expect.poll(async () => (await library.listVersions("say")).length).toBe(3);
    expect((await library.getVersion("say", 2)).text).toBe(`${BASH}# second\n`);
  });

  test("between reading and writing is a conflict that names both", async () => {
    await library.create({ path: "say.sh", text: BASH });
    const onDisk = `${BASH}# by hand\n`;
    await writeFile(join(directory, "say.sh"), onDisk);
    const update = library.update({
      name: "say",
      text: `${BASH}# by API\n`,
      ifMatch: toSha256(BASH),
    });
    await expect(update).rejects.toMatchObject({
      code: "VERSION_CONFLICT",
      extra: { ifMatch: toSha256(BASH), current: { version: 2, sha256: toSha256(onDisk) } },
    });
    expect(await codeOf(library.remove({ name: "say", ifMatch: toSha256(BASH) }))).toBe(
      "VERSION_CONFLICT",
    );
    expect(await readFile(join(directory, "say.sh"), "utf8")).toBe(onDisk);
  });

  test("that moves the file moves the script; the versions stay with the names", async () => {
    await library.create({ path: "say.sh", text: BASH });
    await rename(join(directory, "say.sh"), join(directory, "tell.sh"));
    expect((await library.list()).map(({ name }) => name)).toEqual(["tell"]);
    expect((await library.getVersion("say", 1)).text).toBe(BASH);
  });
});

describe("the list", () => {
  test("has scripts only: no dot files, no documents, nothing outside by a link", async () => {
    await writeFile(join(base, "outside.sh"), BASH);
    await mkdir(join(directory, ".git"), { recursive: true });
    await writeFile(join(directory, ".git/hook.sh"), BASH);
    await writeFile(join(directory, "README.md"), "# Read me\n");
    await writeFile(join(directory, "real.sh"), BASH);
    await symlink(join(base, "outside.sh"), join(directory, "link.sh"));
    await symlink(base, join(directory, "folder"));
    await symlink("real.sh", join(directory, "alias.sh"));
    await symlink("loop.sh", join(directory, "loop.sh"));
    expect((await library.list()).map(({ name }) => name)).toEqual(["alias", "real"]);
    expect(await codeOf(library.get("link"))).toBe("SCRIPT_NOT_FOUND");
    expect(await codeOf(library.get("folder/outside"))).toBe("SCRIPT_NOT_FOUND");
    expect(await codeOf(library.create({ path: "folder/new.sh", text: BASH }))).toBe(
      "SCRIPT_NAME_INVALID",
    );
    expect(await readdir(base)).not.toContain("new.sh");
  });

  test("shows what can not be used, with the reason", async () => {
    await writeFile(join(directory, "both.py"), "print()\n");
    await writeFile(join(directory, "both.sh"), BASH);
    await writeFile(join(directory, "latin.sh"), Buffer.from("echo \xe4\n", "latin1"));
    await writeFile(join(directory, "huge.sh"), "#".repeat(1024 * 1024 + 1));
    await writeFile(join(directory, "two words.sh"), BASH);
    const list = await library.list();
    const shown = Object.fromEntries(
      list.map(({ name, problems }) => [name, problems[0]?.detail ?? ""]),
    );
    expect(shown).toEqual({
      both: "",
      "both.sh": "both.py has the same name; rename one of them",
      "huge.sh": `the file has ${1024 * 1024 + 1} bytes; the limit is ${1024 * 1024}`,
      "latin.sh": "the file is not UTF-8 text",
      "two words.sh":
        "this is no script name: rename the file, with letters, digits, . _ and - only",
    });
    expect((await library.get("both")).path).toBe("both.py");
    expect(await codeOf(library.get("both.sh"))).toBe("SCRIPT_INVALID");
  });

  test("reads a mounted directory that swaps a link, as Kubernetes does", async () => {
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

describe("at the same time", () => {
  test("of many updates from one version, one wins", async () => {
    await library.create({ path: "say.sh", text: BASH });
    const updates = Array.from({ length: 20 }, (_, index) =>
      codeOf(library.update({ name: "say", text: `${BASH}# ${index}\n`, ifMatch: toSha256(BASH) })),
    );
    const codes = await Promise.all(updates);
    expect(codes.filter((code) => code === "VERSION_CONFLICT").length).toBe(19);
    expect((await library.listVersions("say")).length).toBe(2);
  });

  test("of many creations of one name, one wins", async () => {
    const creations = Array.from({ length: 10 }, () =>
      codeOf(library.create({ path: "say.sh", text: BASH })),
    );
    expect((await Promise.all(creations)).filter((code) => code === "SCRIPT_EXISTS").length).toBe(
      9,
    );
  });
});

test("versions survive a restart", async () => {
  await library.create({ path: "say.sh", text: BASH });
  await library.update({ name: "say", text: `${BASH}#\n`, ifMatch: toSha256(BASH) });
  await library.close();
  library = await open();
  expect(await library.get("say")).toMatchObject({ version: 2, text: `${BASH}#\n` });
  expect((await library.getVersion("say", 1)).text).toBe(BASH);
});

test("whatever a script is called, nothing outside the library is read or written", async () => {
  await writeFile(join(base, "secret.sh"), `${BASH}# secret\n`);
  const part = fc.constantFrom(
    "..",
    ".",
    "",
    "a",
    "a.sh",
    "secret.sh",
    "secret",
    "%2e%2e",
    "..\\",
    "\0",
    "/",
    "~",
    "-x",
    "ö",
    "a b",
    ".git",
    "etc",
    "passwd",
    "x".repeat(300),
  );
  const name = fc.oneof(
    fc.array(part, { minLength: 1, maxLength: 10 }).map((parts) => parts.join("/")),
    fc.string({ unit: "binary", maxLength: 40 }),
  );
  await fc.assert(
    fc.asyncProperty(name, async (hostile) => {
      const text = await library.find(hostile).then(
        (found) => found?.text,
        () => undefined,
      );
      expect(text ?? "").not.toContain("secret");
      await library.create({ path: hostile, text: BASH }).catch(() => undefined);
      await library
        .update({ name: hostile, text: `${BASH}#\n`, ifMatch: toSha256(BASH) })
        .catch(() => undefined);
      await library
        .remove({ name: hostile, ifMatch: toSha256(`${BASH}#\n`) })
        .catch(() => undefined);
      expect((await readdir(base)).sort()).toEqual(["history", "scripts", "secret.sh"]);
      expect(await readFile(join(base, "secret.sh"), "utf8")).toBe(`${BASH}# secret\n`);
    }),
    { numRuns: 150 },
  );
});
