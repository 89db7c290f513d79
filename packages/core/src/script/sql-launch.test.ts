import { expect, test } from "vitest";
import type { SqlRequest } from "../contract/sql.ts";
import { parseScriptHeader } from "./parse-script-header.ts";
import { resolveLaunch } from "./resolve-launch.ts";

function launch(text: string, more: { sql?: SqlRequest; given?: string[]; interpreter?: string }) {
  const { header, problems } = parseScriptHeader(text, "x");
  expect(problems).toEqual([]);
  const { interpreter, ...rest } = more;
  return resolveLaunch({ header, path: "x", interpreter, ...rest });
}

function problemsOf(...lines: readonly string[]): string[] {
  const text = `${["@deckhand 1", ...lines].map((line) => `-- ${line}\n`).join("")}select 1;\n`;
  return parseScriptHeader(text, "x").problems.map(({ detail }) => detail);
}

test("sql is a shell with a program of ours, read-only and as a table where nothing else is said", () => {
  expect(launch("select 1;", { interpreter: "sql" })).toEqual({
    commands: ["sh"],
    flags: ["-f"],
    delivery: "descriptor",
    extension: "",
    prelude: "",
    sql: { client: "auto", rows: "table", readOnly: true, params: [], database: undefined },
  });
});

test("the header says client, rows, database and whether it writes; the caller goes before it", () => {
  const text =
    "-- @deckhand 1\n-- @interpreter sql sqlite3\n-- @rows csv\n-- @database $FILE\n-- @effect write\n-- @param FILE string\n-- @param N int?\n";
  expect(launch(text, {}).sql).toEqual({
    client: "sqlite3",
    rows: "csv",
    readOnly: false,
    params: ["FILE", "N"],
    database: { kind: "param", param: "FILE" },
  });
  const sql = { rows: "json", database: "/data/$x.db", readOnly: true } as const;
  expect(launch(text, { sql }).sql).toMatchObject({
    rows: "json",
    readOnly: true,
    database: { kind: "named", name: "/data/$x.db" },
  });
});

test("a script without a header gets whatever parameters are given", () => {
  expect(launch("select 1", { interpreter: "sql", given: ["A", "b"] }).sql?.params).toEqual([
    "A",
    "b",
  ]);
});

test.each([
  ["a program behind it", { interpreter: "sql bash" }, "INTERPRETER_UNKNOWN"],
  ["a client and more", { interpreter: "sql psql -X" }, "INTERPRETER_UNKNOWN"],
  ["one of several", { interpreter: "sql|psql" }, "INTERPRETER_UNKNOWN"],
  ["settings for another interpreter", { interpreter: "psql", sql: {} }, "PARAM_INVALID"],
  ["psql's own settings", { interpreter: "sql", given: ["ON_ERROR_STOP"] }, "PARAM_INVALID"],
  [
    "a parameter that is not there as database",
    { interpreter: "sql", sql: { database: "$X" } },
    "PARAM_INVALID",
  ],
])("%s is refused", (_what, more, code) => {
  expect(() => launch("select 1", more)).toThrow(expect.objectContaining({ code }));
});

test("a name that only psql gives a meaning is free for another client", () => {
  const more = { interpreter: "sql mysql", given: ["QUIET"] };
  expect(launch("select @QUIET", more).sql?.params).toEqual(["QUIET"]);
});

test("what is wrong in a header is named where it stands", () => {
  expect(problemsOf("@interpreter sql oracle")).toEqual([
    "sql takes the name of a client and nothing else: psql, mysql, sqlite3",
  ]);
  expect(problemsOf("@interpreter sql", "@rows xml")).toEqual(["@rows is one of table, csv, json"]);
  expect(problemsOf("@interpreter psql", "@rows csv")).toEqual([
    "@database and @rows are for @interpreter sql",
  ]);
  expect(problemsOf("@interpreter sql", "@database $FILE")).toEqual([
    "@database names the parameter FILE, which is not declared",
  ]);
  expect(problemsOf("@interpreter sql", "@param ON_ERROR_STOP int = 0")[0]).toContain("psql's own");
});
