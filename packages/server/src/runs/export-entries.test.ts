import fc from "fast-check";
import { expect, test } from "vitest";
import { toHeader } from "../archive/tar.ts";
import { toOutputEntries } from "./export-entries.ts";
import type { ExecutionRow } from "./run-store.ts";

const nothing = { readFrames: async function* () {} };

test("whatever a target is called, its files stay in the archive's folder and fit a header", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary" }), fc.nat(9_998), async (name, position) => {
      const row = { id: "exe_1", run_id: "run_1", position, target_name: name } as ExecutionRow;
      const { files, folder } = await toOutputEntries(nothing, row);
      expect(folder).toMatch(/^executions\/\d{4}-[A-Za-z0-9_-]{0,40}$/);
      for (const file of files) {
        const whole = `run_${"0".repeat(26)}/${file.name}`;
        expect(whole.length).toBeLessThanOrEqual(100);
        const header = toHeader({ kind: "file", name: whole, mode: 0o644 }, file.size);
        expect(header.toString("latin1", 0, whole.length)).toBe(whole);
      }
    }),
  );
});
