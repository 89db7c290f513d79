import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AppError, isAppError } from "../errors.ts";
import { formatSelector } from "./format-selector.ts";
import { parseSelector } from "./parse-selector.ts";

function refusal(text: string): AppError {
  try {
    parseSelector(text);
  } catch (error) {
    if (isAppError(error, "SELECTOR_INVALID")) return error;
    throw error;
  }
  throw new Error(`${text} was read`);
}

/** Without columns, which move when a selector is written anew. */
function toTerms(text: string): unknown {
  return parseSelector(text).terms.map((term) => ({ ...term, column: 0 }));
}

describe("a selector is read and written in its normal form", () => {
  test.each([
    ["pg-1", "pg-1"],
    [" label = role = db , project=shop ", "label=role=db,project=shop"],
    ["svc/web", "service=web"],
    ["service/web*", "service=web*"],
    ["host=prod-1", "engine=prod-1"],
    ["container=pg", "name=pg"],
    ["project", "project"],
    ["label=role", "label=role"],
    ["label!=role", "label!=role"],
    ["label!=role=db", "label!=role=db"],
    ["label=empty=", "label=empty="],
    ["project=shop|blog", "project=shop|blog"],
    ["image!=ghcr.io/a/b@sha256:0*", "image!=ghcr.io/a/b@sha256:0*"],
    ["name=\"a,b\"'|c'", 'name="a,b|c"'],
    ['name="*"', 'name="*"'],
    ["name=a**b", "name=a*b"],
    ['"service"', '"service"'],
    ["label=a=b=c", "label=a=b=c"],
    ["@db", "@db"],
    [" @db | @db-eu.1 ,project=shop", "@db|@db-eu.1,project=shop"],
    ["group=db|cache", "@db|@cache"],
    ["group!=db|cache", "group!=db|cache"],
    ["svc!=web", "service!=web"],
    ["svc/web|db", "service=web|db"],
  ])("%s", (text, normal) => {
    expect(formatSelector(parseSelector(text))).toBe(normal);
  });
});

describe("an error says what is wrong, where, and what was meant", () => {
  test.each([
    ["projct=shop", 1, "is not a key", "Did you mean project?"],
    ["label=a,role=db", 9, '"role" is not a key', "label=role="],
    ["name=x,pod=y", 8, "Kubernetes", "project or service"],
    ["group", 1, "needs a value", "group="],
    ["group=", 7, "group's name is missing", "deckhand groups ls"],
    ["@", 2, "group's name is missing", "deckhand groups ls"],
    ["@d*", 3, "comma or the end", "quotes"],
    ["@DB", 2, "small letters", "deckhand groups ls"],
    ["@db|cache", 5, "has its @", "@db|@cache"],
    ["group/db", 1, "is not a kind", "service/NAME"],
    ["deploy/web", 1, "Kubernetes", "project or service"],
    ["ghcr.io/x", 1, "is not a kind", "image=ghcr.io/"],
    ["", 1, "missing", undefined],
    ["a,", 3, "missing", undefined],
    ["project=", 9, "missing", undefined],
    ["a|", 3, "missing", undefined],
    ["image", 1, "needs a value", "name=image"],
    ["name=a b", 8, "comma or the end", "quotes"],
    ['name="a', 6, "not closed", undefined],
    ["status=runing", 8, "running, paused, restarting", "status=running"],
    ["label=role!=db", 11, "before", "label!=role="],
    ["label=a*=b", 7, "no wildcards", undefined],
    ["label=a|b", 8, "for values", "twice"],
    ["constructor=x", 1, "is not a key", "label=constructor="],
    ["=x", 1, "key is missing", "key=value"],
  ])("%s", (text, column, detail, hint) => {
    const error = refusal(text);
    expect(error.message).toContain(detail);
    expect(error.extra).toEqual({ selector: text, column });
    if (hint === undefined) expect(error.hint).toBeUndefined();
    else expect(error.hint).toContain(hint);
  });

  test("with a caret under the place", () => {
    expect(refusal("label=a,role=db").message.split("\n").slice(1)).toEqual([
      "  label=a,role=db",
      "          ^",
    ]);
  });

  test("and bounds what it takes", () => {
    expect(refusal("a".repeat(4097)).message).toContain("at most 4096");
    expect(refusal(`name=*${"a".repeat(256)}`).message).toContain("at most 256");
    expect(refusal(Array(33).fill("a").join(",")).message).toContain("at most 32");
    expect(refusal(Array(101).fill("@a").join("|")).message).toContain("at most 100");
    expect(refusal(`name=${Array(101).fill("a").join("|")}`).message).toContain("at most 100");
  });
});

const piece = fc.constantFrom(
  "a",
  "pg-1",
  "*",
  "?",
  '"',
  "'",
  '"a,b"',
  "\\",
  " ",
  "é",
  "😀",
  "\n",
  "=",
  "!",
  "!=",
  ",",
  "|",
  "/",
  "@",
  "@db",
  "group=",
  "group!=",
  "|@",
  "label",
  "label=",
  "project",
  "status=",
  "running",
  "pod",
  "image=",
);
const likely = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));

test("any text is read or refused, and what is read is the same when written and read again", () => {
  fc.assert(
    fc.property(fc.oneof(likely, fc.string({ unit: "binary" })), (text) => {
      try {
        const written = formatSelector(parseSelector(text));
        expect(toTerms(written)).toEqual(toTerms(text));
        expect(formatSelector(parseSelector(written))).toBe(written);
      } catch (error) {
        if (!isAppError(error, "SELECTOR_INVALID")) throw error;
        expect(error.extra.column).toBeGreaterThanOrEqual(1);
        expect(error.extra.column).toBeLessThanOrEqual(text.length + 1);
      }
    }),
    { numRuns: 3_000 },
  );
});
