import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkExample, type DocContext } from "./support/docs/check-example.ts";
import { DOCUMENTS } from "./support/docs/documents.ts";
import { type Example, examplesOf, isCommands, readDocument } from "./support/docs/examples.ts";
import { openDocument } from "./support/docs/open-document.ts";
import { type Playground, startPlayground } from "./support/docs/playground.ts";

/** Documents with commands that are not run by this suite, and why. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "docs/deployment.md": "image.int.test.ts builds the image and runs it as this page does",
};

let playground: Playground;

beforeAll(async () => {
  playground = await startPlayground();
});

afterAll(async () => {
  await playground?.close();
});

function toTitle({ line, text }: Example): string {
  return `line ${line}: ${text.trim().split("\n")[0]}`;
}

describe.each(DOCUMENTS)("$document", (setUp) => {
  const text = readDocument(setUp.document);
  const examples = examplesOf(text).map((example) => ({ ...example, title: toTitle(example) }));
  let context: DocContext;

  beforeAll(async () => {
    context = await openDocument(playground, setUp);
  });

  afterAll(async () => {
    await context?.shell.close();
  });

  test.each(examples)("$title", async (example) => {
    await checkExample(context, setUp, example);
  });

  test("has all that its set-up speaks of", () => {
    const { standsFor, before, exitCodes, typed, notRun, blocks } = setUp;
    for (const table of [standsFor, before, exitCodes, typed, notRun, blocks])
      for (const part of Object.keys(table ?? {})) expect(text).toContain(part);
  });
});

test("no document with commands is left out", () => {
  const all = readdirSync(new URL("../docs", import.meta.url))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`);
  const withCommands = all.filter((one) => examplesOf(readDocument(one)).some(isCommands));
  const known = [...DOCUMENTS.map(({ document }) => document), ...Object.keys(ELSEWHERE)];
  expect(known).toEqual(expect.arrayContaining(withCommands));
});
