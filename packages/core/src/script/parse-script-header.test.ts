import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseScriptHeader } from "./parse-script-header.ts";
import { toHeaderView } from "./script-header.ts";

const PARALLEL_FORM = "@parallel is a number of targets or a share of them, such as 10 or 25%";
const ON_FAILURE_FORM =
  "@on-failure is stop, continue, or stop after 2 (or 10%): more failed targets than that stop it";
const CONCURRENCY_FORM =
  "@concurrency is a key, such as db/backup, and then nothing or queue, skip, cancel";
const NO_NUMBER =
  "@concurrency is a key, such as db/backup, of which one run goes on at a time, and no number; @parallel says how many targets at once";

function parse(lines: string, path = "x.sh") {
  return parseScriptHeader(lines, path);
}

/** A header with these lines after the version line. */
function problemsOf(...lines: string[]): string[] {
  const { problems } = parse(
    ["#!/bin/sh", "# @deckhand 1", ...lines.map((line) => `# ${line}`), "true"].join("\n"),
  );
  return problems.map(({ line, column, detail }) => `${line}:${column} ${detail}`);
}

function paramOf(text: string) {
  const { header, problems } = parse(`# @deckhand 1\n# @param ${text}\n`);
  expect(problems).toEqual([]);
  return header.params[0];
}

const FULL = `#!/usr/bin/env bash
# @deckhand 1
# @title    Vacuum tables
# @about    Reclaims dead rows in one table,
#           or in all of them.
# @on       label=role=db
# @on       project=shop
# @except   pg-3
# @user     postgres
# @workdir  /tmp
# @timeout  30m
# @nice     10
# @oom-score 800
# @cpu-time 1m30s
# @open-files 256
# @file-size 10MiB
# @max-processes 64
# @umask    0027
# @survivors wait
# @parallel 25%
# @on-failure stop after 2
# @concurrency db/vacuum skip
# @effect   write
# @tags     postgres, maintenance
# @owner    dba@example.org
# @env      PGAPPNAME=deckhand
# @args
# @param    TABLE string(1..63)?          -- schema-qualified table; empty = all
# @param    JOBS  int(1..8) = 2           -- parallel workers
# @param    MODE  choice(plan|run) = run  -- plan only prints the commands
# @secret   PGPASSWORD env                -- password of the postgres role
# @example  deckhand run vacuum TABLE=public.orders
# a plain comment
set -euo pipefail
# @param LATE int
`;

test("a header is read whole, to the first line of code", () => {
  const { header, problems } = parse(FULL);
  expect(problems).toEqual([]);
  expect(header).toMatchObject({
    declared: true,
    title: "Vacuum tables",
    about: "Reclaims dead rows in one table,\nor in all of them.",
    interpreter: { commands: ["bash"], flags: [] },
    user: "postgres",
    workdir: "/tmp",
    timeoutMs: 1_800_000,
    limits: {
      nice: 10,
      oomScore: 800,
      cpuTime: "1m30s",
      openFiles: 256,
      fileBytes: 10 * 1024 * 1024,
      processes: 64,
      umask: "0027",
    },
    survivors: "wait",
    rollout: { maxConcurrency: "25%", onError: "stop", maxErrors: 2 },
    concurrency: { key: "db/vacuum", onConflict: "skip" },
    on: ["label=role=db", "project=shop"],
    except: ["pg-3"],
    effect: "write",
    acceptsArgs: true,
    env: { PGAPPNAME: "deckhand" },
    examples: ["deckhand run vacuum TABLE=public.orders"],
    tags: ["postgres", "maintenance"],
    owner: "dba@example.org",
  });
  expect(header.params.map(({ name }) => name)).toEqual(["TABLE", "JOBS", "MODE", "PGPASSWORD"]);
  expect(header.params[0]).toMatchObject({
    required: false,
    default: null,
    min: 1,
    max: 63,
    help: "schema-qualified table; empty = all",
  });
  expect(header.params[3]).toMatchObject({
    required: true,
    secret: true,
    type: "string",
    help: "password of the postgres role",
  });
  const { interpreter, rollout, concurrency } = toHeaderView(header);
  expect(interpreter).toEqual(["bash"]);
  expect({ rollout, concurrency }).toEqual({
    rollout: header.rollout,
    concurrency: header.concurrency,
  });
});

describe("a header is found", () => {
  const param = "@param A int";
  test.each([
    ["in SQL", `-- @deckhand 1\n-- ${param}\nSELECT 1;`],
    ["in JavaScript", `#!/usr/bin/env node\n// @deckhand 1\n// ${param}\n`],
    ["in a block comment", `/**\n * @deckhand 1\n * ${param}\n */\n`],
    ["in one block of one line a key", `/* @deckhand 1\n   * ${param} */\n`],
    ["in Lisp and TeX comments", `; @deckhand 1\n% ${param}\n`],
    ["after <?php", `<?php\n# @deckhand 1\n# ${param}\n`],
    [
      "with CRLF and a BOM",
      `\uFEFF#!/bin/sh\r\n#\t@deckhand 1\r\n#\t${param.replaceAll(" ", "\t")}\r\n`,
    ],
    ["without a blank after the marker", `#@deckhand 1\n#${param}\n`],
    [
      "after a licence and an empty line",
      `#!/bin/sh\n# Licence: MIT\n\n# @deckhand 1\n# ${param}\n`,
    ],
  ])("%s", (_, text) => {
    expect(parse(text)).toMatchObject({
      problems: [],
      header: { declared: true, params: [{ name: "A", type: "int" }] },
    });
  });

  test("not where there is none", () => {
    const jsdoc = "/**\n * @param {string} a\n */\nfunction f(a) {}\n";
    expect(parse(jsdoc, "x.js")).toMatchObject({
      problems: [],
      header: { declared: false, params: [], interpreter: { commands: ["node"] } },
    });
    expect(parse("echo\n# @deckhand 1\n").header.declared).toBe(false);
    expect(parse("", "").header).toMatchObject({ declared: false, interpreter: null });
  });
});

test.each([
  ["@parallel 10", { rollout: { maxConcurrency: 10 }, concurrency: null }],
  ["@on-failure stop", { rollout: { onError: "stop" } }],
  ["@on-failure stop  after\t10%", { rollout: { onError: "stop", maxErrors: "10%" } }],
  ["@on-failure continue", { rollout: { onError: "continue" } }],
  [
    "@concurrency db/backup",
    { rollout: null, concurrency: { key: "db/backup", onConflict: "queue" } },
  ],
  ["@concurrency db/backup cancel", { concurrency: { key: "db/backup", onConflict: "cancel" } }],
])("%s says when executions start", (line, expected) => {
  const { header, problems } = parse(`# @deckhand 1\n# ${line}\n`);
  expect(problems).toEqual([]);
  expect(header).toMatchObject(expected);
});

describe("a problem says where it is and what was meant", () => {
  test.each([
    [["@parm A int"], ["3:3 @parm is not a key; did you mean @param?"]],
    [["@retain 30d"], ["3:3 @retain is not supported by this version"]],
    [["@title"], ["3:9 @title needs a value"]],
    [["@title a", "@title b"], ["4:3 @title is given twice"]],
    [["@timeout soon"], ["3:12 @timeout is a duration, such as 30s, 10m or 1h30m"]],
    [["@parallel 0"], [`3:13 ${PARALLEL_FORM}`]],
    [["@parallel 10 %"], [`3:13 ${PARALLEL_FORM}`]],
    [["@parallel 1", "@parallel 2"], ["4:3 @parallel is given twice"]],
    [["@on-failure stop after"], [`3:15 ${ON_FAILURE_FORM}`]],
    [["@on-failure continue after 2"], [`3:15 ${ON_FAILURE_FORM}`]],
    [["@on-failure ignore"], [`3:15 ${ON_FAILURE_FORM}`]],
    [["@concurrency db/backup wait"], [`3:16 ${CONCURRENCY_FORM}`]],
    [["@concurrency db backup skip"], [`3:16 ${CONCURRENCY_FORM}`]],
    [["@concurrency 1"], [`3:16 ${NO_NUMBER}`]],
    [["@concurrency 3 per host"], [`3:16 ${NO_NUMBER}`]],
    [["@effect reed"], ["3:11 @effect is one of read, write, destructive"]],
    [
      ["@on label=a,projct=x"],
      [
        '3:15 "projct" is not a key; the keys are name, id, project, service, image, engine, status, health, label, group. Did you mean project?',
      ],
    ],
    [
      ["@param PATH string"],
      ['3:10 "PATH" is reserved: it would change how the script is run; choose another name'],
    ],
    [
      ["@param 1A string"],
      ['3:10 "1A" is no name: letters, digits and _ only, no digit first, at most 128'],
    ],
    [["@param A strng"], ['3:12 "strng" is not a type; did you mean string?']],
    [
      ["@param A"],
      [
        "3:11 a type is missing; it is one of string, text, int, number, bool, choice, choices, date, duration, json, file, target",
      ],
    ],
    [["@param A file = x"], ["3:17 a file has no default; with ? it may be left out"]],
    [["@param A file arg"], ["3:17 file can be no argument; read the variable"]],
    [["@param A file(x)"], ["3:16 this is no range; write file(1..8), file(1..) or file(..8)"]],
    [
      ["@param A int? arg"],
      ["3:17 an argument can not be left out; give it a default in place of ?"],
    ],
    [["@param A choices(a|b) arg"], ["3:25 choices can be no argument; read the variable"]],
    [
      ["@param A target = name="],
      ["3:19 the default of A is no selector: A value is missing here."],
    ],
    [
      ["@param FROM_ENGINE string", "@param FROM target"],
      ["4:10 FROM is a target, and its FROM_ENGINE is declared as well"],
    ],
    [["@param A int(8..1)"], ["3:15 the range ends before it starts"]],
    [["@param A int(x)"], ["3:15 this is no range; write int(1..8), int(1..) or int(..8)"]],
    [["@param A bool(1..2)"], ["3:16 bool takes no range"]],
    [["@param A int(1..8) = 9"], ["3:22 the default of A is 9; the most is 8"]],
    [["@param A int? = 9"], ["3:16 A has a default, so ? says nothing; leave one of them out"]],
    [["@param A choice"], ["3:18 choice needs its choices: choice(a|b)"]],
    ...["choice(a, b)", "choices(a, b|c)"].map((type): [string[], string[]] => [
      [`@param A ${type}`],
      [
        `3:${type.indexOf(",") + 12} choices are separated by |, as in (a|b); a choice that holds a comma needs quotes`,
      ],
    ]),
    [["@nice 20"], ["3:9 @nice is a whole number from -20 to 19"]],
    [["@nice 1.5"], ["3:9 @nice is a whole number from -20 to 19"]],
    [["@oom-score -1"], ["3:14 @oom-score is a whole number from 0 to 1000"]],
    [["@cpu-time 500ms"], ["3:13 @cpu-time is whole seconds, such as 30s or 10m"]],
    [["@cpu-time 30"], ["3:13 @cpu-time is whole seconds, such as 30s or 10m"]],
    [["@open-files 0"], ["3:15 @open-files is a whole number from 1 to 2147483647"]],
    [["@file-size big"], ["3:14 @file-size is a size, such as 10MiB"]],
    [["@max-processes 0"], ["3:18 @max-processes is a whole number from 1 to 4194304"]],
    [["@umask 888"], ["3:10 @umask is three octal digits, such as 027"]],
    [["@umask 1022"], ["3:10 @umask is three octal digits, such as 027"]],
    [["@survivors live"], ["3:14 @survivors is one of kill, wait"]],
    [["@nice 1", "@nice 2"], ["4:3 @nice is given twice"]],
    [["@openfiles 5"], ["3:3 @openfiles is not a key; did you mean @open-files?"]],
    [["@param A choice(a|a)"], ["3:18 a choice is given twice"]],
    [["@param A string nonsense"], ["3:19 this is not expected here; help comes after --"]],
    [['@param A string = "x'], ['3:21 this quote (") is not closed']],
    [["@param A string", "@param A int"], ["4:10 A is declared twice"]],
    [
      ["@secret A from=/db", "@secret B file"],
      [
        '3:13 "from=/db" names no stored secret; write from=db/main',
        '4:13 "file" is not supported by this version; the value is a variable',
      ],
    ],
    [
      ["@env LD_PRELOAD=/x"],
      [
        "3:8 @env LD_PRELOAD is reserved: it would change how the script is run; choose another name",
      ],
    ],
  ])("%j", (lines, expected) => {
    expect(problemsOf(...lines)).toEqual(expected);
  });

  test("all of them at once", () => {
    expect(problemsOf("@parm", "@timeout x", "@param PATH int").length).toBe(3);
  });

  test("also when it is the first line", () => {
    expect(parse("# @deckhand 2\n").problems).toEqual([
      {
        line: 1,
        column: 13,
        detail: 'version "2" is not known to this Deckhand; write @deckhand 1',
      },
    ]);
    expect(parse("# @dekchand 1\n# @param A int\n").problems[0]?.detail).toContain(
      "write @deckhand 1",
    );
    expect(
      parse("-- @deckhand 1\n-- @param ON_ERROR_STOP int = 0\n", "x.sql").problems[0]?.detail,
    ).toContain("psql's own");
  });
});

describe("a parameter's parts", () => {
  test.each([
    ['A string = "a -- b \\"c\\"" -- help', { default: 'a -- b "c"', help: "help" }],
    ["A string = 'it\\n'", { default: "it\\n" }],
    ["A string = two words  -- help", { default: "two words", help: "help" }],
    ['A string = ""', { default: "", required: false }],
    ["A file -- its settings", { type: "file", required: true, help: "its settings" }],
    ["A file(..9)?", { type: "file", max: 9, required: false }],
    ["A int(1..)", { min: 1, max: null, required: true }],
    ["A number(-1.5..0.5) = 0", { min: -1.5, max: 0.5 }],
    ['A choice("a|b" | c )', { choices: ["a|b", "c"] }],
    ['A choice("a, b"|c)', { choices: ["a, b", "c"] }],
    ["A choices(size|ttl|type) = size,ttl -- columns", { default: "size,ttl" }],
    ["A date = 2024-02-29", { default: "2024-02-29" }],
    ["A duration = 1h30m", { default: "1h30m" }],
    ['A json = {"a":[1]}', { default: '{"a":[1]}' }],
    ["A bool?", { required: false, default: null }],
  ])("%s", (text, expected) => {
    expect(paramOf(text)).toMatchObject(expected);
  });
});

const word = fc.constantFrom(
  "@deckhand 1",
  "@param",
  "@secret",
  "@on",
  "@env",
  "@timeout",
  "@nice",
  "@file-size",
  "@umask",
  "@interpreter",
  "A",
  "int",
  "choice",
  "string",
  "(",
  ")",
  "1..8",
  "a|b",
  "?",
  "=",
  '"',
  "'",
  "--",
  "\\",
  "*/",
  "/*",
  "#",
  "//",
  " ",
  "\t",
  "\r",
  "😀",
  "\uD800",
  "__proto__",
  "label=a",
);
const line = fc
  .tuple(fc.constantFrom("# ", "-- ", " * ", "//", "", "\uFEFF#"), fc.array(word, { maxLength: 8 }))
  .map(([marker, words]) => marker + words.join(" "));

test("random headers never throw, and every problem lies in the text", () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.boolean(), (lines, declared) => {
      const all = declared ? ["# @deckhand 1", ...lines] : lines;
      const { problems, header } = parseScriptHeader(all.join("\n"), "x.sh");
      toHeaderView(header);
      for (const problem of problems) {
        const text = all[problem.line - 1];
        expect(text).toBeDefined();
        expect(problem.column).toBeGreaterThanOrEqual(1);
        expect(problem.column).toBeLessThanOrEqual((text?.length ?? 0) + 1);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("long lines and long headers cost little", () => {
  const hostile = [
    `# @deckhand 1\n# @param A string = ${"x -".repeat(100_000)}`,
    `# @deckhand 1\n# @param A choice(${"a|".repeat(100_000)}`,
    `# @deckhand 1\n# @param A ${"(".repeat(300_000)}`,
    `# @deckhand 1\n# @interpreter ${'"'.repeat(300_000)}`,
    `#!${" ".repeat(300_000)}x`,
    `# @deckhand 1\n${"# @param A int\n".repeat(50_000)}`,
    `# @deckhand 1\n#${" ".repeat(300_000)}x`,
  ];
  const startedAt = performance.now();
  for (const text of hostile) parseScriptHeader(text, "x.sh");
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});
