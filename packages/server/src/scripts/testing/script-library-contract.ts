import { createHash } from "node:crypto";
import { isAppError } from "@deckhand/core";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ScriptLibrary } from "../script-library.ts";

/** A place of its own where scripts are kept, also seen past the library. */
export interface LibraryPlace {
  open(): Promise<ScriptLibrary>;
  /** What somebody does who knows nothing of the library; the file is never there by half. */
  write(path: string, content: string | Uint8Array): Promise<void>;
  move(path: string, to: string): Promise<void>;
  read(path: string): Promise<string>;
  /** Every file that others see there, sorted. */
  list(): Promise<readonly string[]>;
  /** Everything around the library that it must leave alone, in a form that can be compared. */
  surroundings(): Promise<unknown>;
  remove(): Promise<void>;
}

export interface ContractOptions {
  readonly name: string;
  readonly makePlace: () => Promise<LibraryPlace>;
  /** How many hostile names are tried. */
  readonly names: number;
}

export const BASH = "#!/usr/bin/env bash\n# @deckhand 1\n# @title Say it\necho one\n";

export function toSha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The code of the refusal, or what else came of it. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  return isAppError(error) ? error.code : String(error);
}

/** What each library of scripts must do; run it against any new one first. */
export function scriptLibraryContract({ name, makePlace, names }: ContractOptions): void {
  describe(`the contract of script libraries: ${name}`, () => {
    let place: LibraryPlace;
    let library: ScriptLibrary;

    beforeEach(async () => {
      place = await makePlace();
      library = await place.open();
    });

    afterEach(async () => {
      await library.close();
      await place.remove();
    });

    test("a script is created as a file and read back with its header", async () => {
      const created = await library.create({ path: "db/say.sh", text: BASH });
      expect(created).toMatchObject({
        name: "db/say",
        path: "db/say.sh",
        version: 1,
        sha256: toSha256(BASH),
        text: BASH,
      });
      expect(created.header.title).toBe("Say it");
      expect(await place.read("db/say.sh")).toBe(BASH);
      expect(await library.get("db/say")).toEqual(created);
      expect((await library.get("db/say.sh")).name).toBe("db/say");
      expect(library.problems()).toEqual([]);
    });

    test("a script leaves nothing but itself where others look", async () => {
      await library.create({ path: "db/say.sh", text: BASH });
      await library.update({ name: "db/say", text: `${BASH}echo two\n`, ifMatch: toSha256(BASH) });
      expect(await place.list()).toEqual(["db/say.sh"]);
    });

    test("versions are counted, and each stays readable as it was", async () => {
      await library.create({ path: "say.sh", text: BASH });
      const next = `${BASH}echo two\n`;
      const updated = await library.update({ name: "say", text: next, ifMatch: toSha256(BASH) });
      expect(updated.version).toBe(2);
      expect((await library.getVersion("say", 1)).text).toBe(BASH);
      expect((await library.getVersion("say", 2)).text).toBe(next);
      expect((await library.listVersions("say")).map(({ version }) => version)).toEqual([2, 1]);
      expect(await codeOf(library.getVersion("say", 3))).toBe("SCRIPT_NOT_FOUND");
    });

    test("a version keeps what brought it, and one by hand has nothing", async () => {
      const source = { kind: "sync", commit: "8aac559-modified" } as const;
      expect(await library.create({ path: "say.sh", text: BASH, source })).toMatchObject({
        source,
      });
      const text = `${BASH}#\n`;
      await library.update({ name: "say", text, ifMatch: toSha256(BASH) });
      await place.write("say.sh", BASH);
      await library.get("say");
      await library.update({ name: "say", text, ifMatch: toSha256(BASH), source });
      await library.close();
      library = await place.open();
      expect((await library.get("say")).source).toEqual(source);
      const sources = (await library.listVersions("say")).map((one) => one.source);
      expect(sources).toEqual([source, null, null, source]);
    });

    test("a script is not overwritten by a second one of the same name, whatever its extension", async () => {
      await library.create({ path: "say.sh", text: BASH });
      const again = library.create({ path: "say.sh", text: BASH });
      expect(await codeOf(again)).toBe("SCRIPT_EXISTS");
      const other = library.create({ path: "say.py", text: "print()\n" });
      expect(await codeOf(other)).toBe("SCRIPT_EXISTS");
    });

    test("a script that is made again after its removal goes on counting", async () => {
      await library.create({ path: "say.sh", text: BASH });
      await library.remove({ name: "say", ifMatch: toSha256(BASH) });
      expect(await library.find("say")).toBeUndefined();
      expect((await library.getVersion("say", 1)).text).toBe(BASH);
      expect((await library.create({ path: "say.sh", text: `${BASH}#\n` })).version).toBe(2);
    });

    test("a script needs something that says what starts it", async () => {
      const notes = library.create({ path: "notes.txt", text: "hello\n" });
      expect(await codeOf(notes)).toBe("INTERPRETER_UNKNOWN");
      const nul = library.create({ path: "nul.sh", text: "echo \0\n" });
      expect(await codeOf(nul)).toBe("SCRIPT_INVALID");
      const big = library.create({ path: "big.sh", text: "#".repeat(1024 * 1024 + 1) });
      expect(await codeOf(big)).toBe("LIMIT_EXCEEDED");
    });

    test("a near name is told in the error", async () => {
      await library.create({ path: "db/vacuum.sh", text: BASH });
      await expect(library.get("db/vacum")).rejects.toThrow("did you mean db/vacuum?");
    });

    test("an edit by somebody else is a new version at the next read, also when it is quick and of the same length", async () => {
      await library.create({ path: "say.sh", text: BASH });
      for (const word of ["two", "six", "ten", "one"]) {
        const text = BASH.replace("one", word);
        await place.write("say.sh", text);
        expect((await library.get("say")).text).toBe(text);
      }
      expect((await library.listVersions("say")).length).toBe(5);
    });

    test("an edit by somebody else between reading and writing is a conflict that names both", async () => {
      await library.create({ path: "say.sh", text: BASH });
      const byHand = `${BASH}# by hand\n`;
      await place.write("say.sh", byHand);
      const text = `${BASH}# by API\n`;
      const update = library.update({ name: "say", text, ifMatch: toSha256(BASH) });
      await expect(update).rejects.toMatchObject({
        code: "VERSION_CONFLICT",
        extra: { ifMatch: toSha256(BASH), current: { version: 2, sha256: toSha256(byHand) } },
      });
      const removal = library.remove({ name: "say", ifMatch: toSha256(BASH) });
      expect(await codeOf(removal)).toBe("VERSION_CONFLICT");
      expect(await place.read("say.sh")).toBe(byHand);
    });

    test("who moves the file moves the script; the versions stay with the names", async () => {
      await library.create({ path: "say.sh", text: BASH });
      await place.move("say.sh", "tell.sh");
      expect((await library.list()).map(({ name: listed }) => listed)).toEqual(["tell"]);
      expect((await library.getVersion("say", 1)).text).toBe(BASH);
    });

    test("what can not be used is shown with the reason, and what is no script is not", async () => {
      await place.write("both.py", "print()\n");
      await place.write("both.sh", BASH);
      await place.write("latin.sh", Buffer.from("echo \xe4\n", "latin1"));
      await place.write("huge.sh", "#".repeat(1024 * 1024 + 1));
      await place.write("two words.sh", BASH);
      await place.write("README.md", "# Read me\n");
      await place.write(".git/hook.sh", BASH);
      const shown = (await library.list()).map((one) => [one.name, one.problems[0]?.detail ?? ""]);
      expect(Object.fromEntries(shown)).toEqual({
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

    test("of many updates from one version at the same time, one wins", async () => {
      await library.create({ path: "say.sh", text: BASH });
      const ifMatch = toSha256(BASH);
      const updates = Array.from({ length: 10 }, (_, index) =>
        codeOf(library.update({ name: "say", text: `${BASH}# ${index}\n`, ifMatch })),
      );
      const codes = await Promise.all(updates);
      expect(codes.filter((code) => code === "VERSION_CONFLICT").length).toBe(9);
      expect((await library.listVersions("say")).length).toBe(2);
    });

    test("of many creations of one name at the same time, one wins", async () => {
      const creations = Array.from({ length: 10 }, () =>
        codeOf(library.create({ path: "say.sh", text: BASH })),
      );
      const codes = await Promise.all(creations);
      expect(codes.filter((code) => code === "SCRIPT_EXISTS").length).toBe(9);
    });

    test("versions survive a restart", async () => {
      await library.create({ path: "say.sh", text: BASH });
      await library.update({ name: "say", text: `${BASH}#\n`, ifMatch: toSha256(BASH) });
      await library.close();
      library = await place.open();
      expect(await library.get("say")).toMatchObject({ version: 2, text: `${BASH}#\n` });
      expect((await library.getVersion("say", 1)).text).toBe(BASH);
    });

    test("whatever a script is called, nothing outside the library is read or written", async () => {
      const before = await place.surroundings();
      await fc.assert(
        fc.asyncProperty(hostileName(), async (hostile) => {
          const text = await library.find(hostile).then(
            (found) => found?.text,
            () => undefined,
          );
          expect(text ?? "").not.toContain("secret");
          await tryAll(library, hostile);
          expect(await place.surroundings()).toEqual(before);
        }),
        { numRuns: names },
      );
    });
  });
}

async function tryAll(library: ScriptLibrary, name: string): Promise<void> {
  const second = `${BASH}#\n`;
  await codeOf(library.create({ path: name, text: BASH }));
  await codeOf(library.update({ name, text: second, ifMatch: toSha256(BASH) }));
  await codeOf(library.remove({ name, ifMatch: toSha256(second) }));
}

const HOSTILE_PARTS = [
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
  ".deckhand",
  "etc",
  "passwd",
  "x".repeat(300),
];

function hostileName(): fc.Arbitrary<string> {
  const parts = fc.array(fc.constantFrom(...HOSTILE_PARTS), { minLength: 1, maxLength: 10 });
  return fc.oneof(
    parts.map((names) => names.join("/")),
    fc.string({ unit: "binary", maxLength: 40 }),
  );
}
