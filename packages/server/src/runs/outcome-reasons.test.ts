import { readFileSync } from "node:fs";
import { OUTCOME_REASONS } from "@deckhand/core";
import { expect, test } from "vitest";

const DOCUMENT = new URL("../../../../docs/run-life-cycle.md", import.meta.url);

test("docs/run-life-cycle.md has every reason with its states, and no other", () => {
  const rows = [...readFileSync(DOCUMENT, "utf8").matchAll(/^\| `([a-z-]+)` \| ([a-z, -]+) \|/gm)];
  const documented = Object.fromEntries(
    rows.map(([, code, states]) => [code, (states ?? "").split(", ")]),
  );
  expect(documented).toEqual(OUTCOME_REASONS);
});
