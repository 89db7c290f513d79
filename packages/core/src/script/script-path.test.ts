import fc from "fast-check";
import { expect, test } from "vitest";
import { isAppError } from "../errors.ts";
import { parseScriptPath } from "./script-path.ts";

test.each([
  ["db/vacuum.sh", "db/vacuum", ".sh"],
  ["vacuum", "vacuum", ""],
  ["deploy-1.2", "deploy-1.2", ""],
  ["v1.2/x.y.py", "v1.2/x.y", ".py"],
])("%s is called %s", (path, name, extension) => {
  expect(parseScriptPath(path)).toEqual({ name, path, extension });
});

test.each([
  "",
  "/",
  "/etc/passwd",
  "../x",
  "a/../b",
  "a//b",
  "a/",
  ".git/x",
  "a/.b",
  "-x",
  "a b",
  "ö",
  "a\\b",
  "a\0",
  "a\n",
  "C:x",
  "x".repeat(256),
  `${"a/".repeat(8)}a`,
])("%j is no name", (path) => {
  expect(() => parseScriptPath(path)).toThrow(
    expect.objectContaining({ code: "SCRIPT_NAME_INVALID" }),
  );
});

test("what is taken stays below where it is put", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.array(fc.constantFrom("..", ".", "a", "", "/")).map((parts) => parts.join("/")),
      ),
      (path) => {
        try {
          const { name, extension } = parseScriptPath(path);
          expect(name + extension).toBe(path);
          expect(path.split("/").every((segment) => /^\w[\w.-]*$/.test(segment))).toBe(true);
        } catch (error) {
          expect(isAppError(error, "SCRIPT_NAME_INVALID")).toBe(true);
        }
      },
    ),
    { numRuns: 1_000 },
  );
});
