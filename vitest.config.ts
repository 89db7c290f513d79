import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";

const INTEGRATION = ["packages/**/*.int.test.ts", "test/**/*.int.test.ts"];

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "unit",
          include: ["packages/**/*.test.ts", "test/**/*.test.ts"],
          exclude: ["**/node_modules/**", ...INTEGRATION],
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "integration",
          include: INTEGRATION,
          exclude: ["**/node_modules/**"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Long enough for an engine or a store that is busy with other suites.
          expect: { poll: { timeout: 20_000 } },
          // Three suites at a time, whatever the machine: one waits for a clock while the engine works for another.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
