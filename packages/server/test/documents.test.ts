import { readFileSync } from "node:fs";
import {
  DEFAULT_LIMITS,
  ERROR_CATALOG,
  type ErrorCode,
  parseSelector,
  STATUS_BY_CLASS,
} from "@deckhand/core";
import { expect, test } from "vitest";
import { VARIABLE_NAMES } from "../src/config/environment.ts";
import { durationMs, sizeBytes } from "../src/config/quantities.ts";
import { findErrorSection, toErrorPage } from "../src/http/error-page.ts";

const errors = readDocument("errors.md");
const configuration = readDocument("configuration.md");
const codes = Object.keys(ERROR_CATALOG) as ErrorCode[];

function readDocument(name: string): string {
  return readFileSync(new URL(`../../../docs/${name}`, import.meta.url), "utf8");
}

test.each(codes)(
  "docs/errors.md tells what %s means, its causes, the fix and an example",
  (code) => {
    const section = findErrorSection(errors, code) ?? "";
    for (const part of ["**Meaning.**", "**Causes.**", "**Fix.**", "**Example.**"])
      expect(section).toContain(part);
    const example = JSON.parse(/```json\n([\s\S]*?)\n```/.exec(section)?.[1] ?? "{}");
    const { title, class: errorClass } = ERROR_CATALOG[code];
    const status = STATUS_BY_CLASS[errorClass];
    expect(example).toMatchObject({ code, title, status, type: `/docs/errors/${code}` });
  },
);

test("docs/errors.md tells of no code that is not in the catalog, and keeps its order", () => {
  const told = [...errors.matchAll(/^## (.+)$/gm)].map(([, code]) => code);
  expect(told).toEqual(codes);
});

test("an error's page shows its section and escapes what it holds", () => {
  const page = toErrorPage(
    "## PARAM_INVALID\n\n**Meaning.** a <b> & `c<d>`\n\n- one\n- two\n",
    "PARAM_INVALID",
  );
  expect(page).toContain("<strong>Meaning.</strong> a &lt;b&gt; &amp; <code>c&lt;d&gt;</code>");
  expect(page).toContain("<li>one</li><li>two</li>");
});

test.each(VARIABLE_NAMES)(
  "docs/configuration.md has the key $key with its variable $variable",
  ({ key, variable }) => {
    expect(configuration).toContain(`| \`${key}\` | \`${variable}\` |`);
  },
);

test("docs/configuration.md tells of no key that is not there", () => {
  const told = [...configuration.matchAll(/^\| `([a-z]\w*(?:\.\w+)*)` \| `DECKHAND_/gm)].map(
    ([, key]) => key,
  );
  expect(told).toEqual(expect.arrayContaining(VARIABLE_NAMES.map(({ key }) => key)));
  expect(told).toHaveLength(VARIABLE_NAMES.length);
});

test.each(Object.entries(DEFAULT_LIMITS))(
  "docs/configuration.md gives the default of limits.%s",
  (name, value) => {
    const [, text = ""] =
      new RegExp(`^\\| \`limits\\.${name}\` \\| [^|]+ \\| \`([^\`]+)\` \\|`, "m").exec(
        configuration,
      ) ?? [];
    const parse = name.endsWith("Ms") ? durationMs : sizeBytes;
    expect(parse.parse(text)).toBe(value);
  },
);

test("every selector of docs/selectors.md is one that can be read", () => {
  const [, table = ""] =
    /\n\| selector \| picks \|\n\|---\|---\|\n([\s\S]+?)\n\n/.exec(readDocument("selectors.md")) ??
    [];
  const shown = table.split("\n").map((row) => /^\| `([^`]+)` \|/.exec(row)?.[1] ?? row);
  expect(shown.length).toBeGreaterThan(10);
  for (const text of shown) parseSelector(text.replaceAll("\\|", "|"));
});
