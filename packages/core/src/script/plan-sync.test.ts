import fc from "fast-check";
import { expect, test } from "vitest";
import { findSyncProblems, type LocalScript, planSync, type RemoteScript } from "./plan-sync.ts";

const path = fc.constantFrom("a.sh", "a.py", "b.sh", "ops/c.sh", "ops/d.sql", "ops/deep/e.sh");
const sha256 = fc.constantFrom("1".repeat(64), "2".repeat(64));
const nameOf = (one: string) => one.replace(/\.\w+$/, "");

const local: fc.Arbitrary<LocalScript[]> = fc.uniqueArray(fc.record({ path, sha256 }), {
  selector: (one) => nameOf(one.path),
});
const remote: fc.Arbitrary<RemoteScript[]> = fc.uniqueArray(
  fc
    .record({
      path,
      sha256,
      version: fc.integer({ min: 1, max: 9 }),
      source: fc.constantFrom(
        null,
        { kind: "sync", commit: null },
        { kind: "import", commit: null },
      ),
    })
    .map((one) => ({ ...one, name: nameOf(one.path) }) as RemoteScript),
  { selector: (one) => one.name },
);
const flags = fc.record({
  deletes: fc.boolean(),
  force: fc.boolean(),
  prefix: fc.constantFrom("", "ops/"),
});

test("carried out, the library has the folder's files, and beside them only what was not to be touched", () => {
  fc.assert(
    fc.property(local, remote, flags, (files, library, { deletes, force, prefix }) => {
      const steps = planSync({ local: files, remote: library, deletes, force, prefix });
      const after = new Map(library.map((one) => [one.path, one.sha256]));
      for (const step of steps) {
        if (step.kind === "delete") after.delete(step.path);
        const file = files.find((one) => one.path === step.path);
        if (file && (step.kind === "create" || step.kind === "update"))
          after.set(step.path, file.sha256);
      }
      const conflicts = new Set(
        steps.filter(({ kind }) => kind === "conflict").map((one) => one.path),
      );
      for (const file of files)
        if (!conflicts.has(file.path)) expect(after.get(file.path)).toBe(file.sha256);
      for (const there of library) {
        const isOurs = force || there.source?.kind === "sync";
        const isKept = after.get(there.path) === there.sha256;
        if (!isOurs) expect(isKept).toBe(true);
        if (!deletes || !there.path.startsWith(prefix)) expect(after.has(there.path)).toBe(true);
      }
    }),
  );
});

test("what is done is bound to the version that was compared, and a second time nothing is left to do", () => {
  fc.assert(
    fc.property(local, remote, (files, library) => {
      const options = { deletes: true, force: true, prefix: "" };
      const steps = planSync({ local: files, remote: library, ...options });
      for (const step of steps)
        if (step.kind === "update" || step.kind === "delete")
          expect(library).toContainEqual(
            expect.objectContaining({
              path: step.path,
              sha256: step.ifMatch,
              version: step.version,
            }),
          );
      const after = files.map((one) => ({
        ...one,
        name: nameOf(one.path),
        version: 1,
        source: null,
      }));
      const again = planSync({ local: files, remote: after, ...options });
      expect(again.every(({ kind }) => kind === "unchanged")).toBe(true);
    }),
  );
});

test("a change by hand is a conflict, and so is another file of the same name", () => {
  const byHand = { name: "a", path: "a.sh", sha256: "1".repeat(64), version: 4, source: null };
  const plan = (files: LocalScript[], deletes = false) =>
    planSync({ local: files, remote: [byHand], prefix: "", deletes, force: false });
  const changed = plan([{ path: "a.sh", sha256: "2".repeat(64) }]);
  expect(changed).toMatchObject([
    { kind: "conflict", detail: expect.stringContaining("version 4") },
  ]);
  expect(plan([{ path: "a.py", sha256: "2".repeat(64) }])).toMatchObject([
    { kind: "conflict", path: "a.py", detail: expect.stringContaining("taken by a.sh") },
  ]);
  expect(plan([], true)).toMatchObject([{ kind: "conflict", path: "a.sh" }]);
});

test("names that are none and names that are double are all told at once", () => {
  expect(findSyncProblems(["b.sh", "two words.sh", "b.py", "c.sh"])).toEqual([
    { path: "b.sh", detail: "b.py has the same name; rename one of them" },
    { path: "two words.sh", detail: expect.stringContaining("no script name") },
  ]);
});
