import { defineConfig } from "vitest/config";

const INTEGRATION = ["packages/**/*.int.test.ts", "test/**/*.int.test.ts"];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["packages/**/*.test.ts", "test/**/*.test.ts"],
          exclude: ["**/node_modules/**", ...INTEGRATION],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "integration",
          include: INTEGRATION,
          exclude: ["**/node_modules/**"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Two suites at a time: more would only wait for the engine.
          maxWorkers: 2,
        },
      },
    ],
  },
});
