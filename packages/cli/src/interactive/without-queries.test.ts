import { expect, test } from "vitest";
import { withoutQueries } from "./without-queries.ts";

const ESC = "\u001b";

test.each([
  ["where the cursor is", `${ESC}[6n`],
  ["what kind it is", `${ESC}[c`],
  ["what kind it is, secondary", `${ESC}[>0c`],
  ["its version", `${ESC}[>0q`],
  ["a mode", `${ESC}[?2026$p`],
  ["its background", `${ESC}]11;?\u0007`],
  ["a colour of its palette", `${ESC}]4;1;?${ESC}\\`],
  ["a setting", `${ESC}P$q q${ESC}\\`],
  ["a capability", `${ESC}P+q544e${ESC}\\`],
  ["its keyboard", `${ESC}[?u`],
  ["its size", `${ESC}[18t`],
])("a replay does not ask a terminal for %s, split anywhere", (_name, query) => {
  const text = `before${ESC}[1;31m${query}after${ESC}[0m`;
  for (let at = 0; at <= text.length; at++) {
    const filter = withoutQueries();
    const pieces = [text.slice(0, at), text.slice(at)].map((one) =>
      filter.push(Buffer.from(one, "latin1")),
    );
    const shown = Buffer.concat([...pieces, filter.flush()]).toString("latin1");
    expect(shown).toBe(`before${ESC}[1;31mafter${ESC}[0m`);
  }
});

test("every other byte is as it was, also what begins like a sequence and ends there", () => {
  const text = `caf\u00c3\u00a9 ${ESC}]0;title\u0007${ESC}[?2004h${ESC}[2J${ESC}[`;
  const filter = withoutQueries();
  const shown = Buffer.concat([filter.push(Buffer.from(text, "latin1")), filter.flush()]);
  expect(shown.toString("latin1")).toBe(text);
});
