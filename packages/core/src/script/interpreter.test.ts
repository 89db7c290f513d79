import { describe, expect, test } from "vitest";
import { parseScriptHeader } from "./parse-script-header.ts";
import { resolveLaunch } from "./resolve-launch.ts";

function launch(text: string, path: string, interpreter?: string) {
  const { header, problems } = parseScriptHeader(text, path);
  expect(problems).toEqual([]);
  return resolveLaunch({ header, path, interpreter });
}

describe("what starts a script", () => {
  test.each([
    ["#!/bin/bash -e", "x", ["/bin/bash", "bash"], ["-e"]],
    ["#!/usr/bin/env bash", "x.py", ["bash"], []],
    ["#!/usr/bin/env -S bash -eu -o pipefail", "x", ["bash"], ["-eu", "-o", "pipefail"]],
    ["#!/usr/bin/env -Sperl -w", "x", ["perl"], ["-w"]],
    ["#!/opt/venv/bin/python3", "x", ["/opt/venv/bin/python3"], []],
    ["#! /usr/bin/python3.11 -I", "x", ["/usr/bin/python3.11", "python3.11"], ["-I"]],
    ["echo", "db/x.SH", ["sh"], []],
    ["print()", "x.py", ["python3", "python"], []],
    ["puts", "x.rb", ["ruby"], []],
  ])("%s in %s, by descriptor", (first, path, commands, flags) => {
    expect(launch(`${first}\n`, path)).toEqual({
      commands,
      flags,
      delivery: "descriptor",
      extension: "",
      prelude: "",
    });
  });

  test.each([
    ["#!/usr/bin/env node", "x", ["node"], [], ".js"],
    ["export {}", "x.mjs", ["node"], [], ".mjs"],
    ["<?php", "x.php", ["php"], [], ".php"],
    ["#!/usr/bin/env -i A=1 lua", "x.lua", ["/usr/bin/env", "env"], ["-i", "A=1", "lua"], ".lua"],
    ["#!/usr/bin/awk -f", "x", ["/usr/bin/awk", "awk"], ["-f"], ""],
  ])("%s in %s, by file", (first, path, commands, flags, extension) => {
    expect(launch(`${first}\n`, path)).toEqual({
      commands,
      flags,
      delivery: "file",
      extension,
      prelude: "",
    });
  });

  test("goes by header before the first line, and by the caller before both", () => {
    const text = "#!/bin/sh\n# @deckhand 1\n# @interpreter python3|python -I\n";
    expect(launch(text, "x")).toMatchObject({ commands: ["python3", "python"], flags: ["-I"] });
    expect(launch(text, "x", "perl -w")).toMatchObject({ commands: ["perl"], flags: ["-w"] });
  });

  test("is unknown when nothing tells", () => {
    expect(() => launch("hello", "notes.txt")).toThrow(
      expect.objectContaining({ code: "INTERPRETER_UNKNOWN" }),
    );
    expect(() => launch("hello", "x.sh", '"')).toThrow(
      expect.objectContaining({ code: "INTERPRETER_UNKNOWN" }),
    );
  });
});

test("psql reads its variables from the environment", () => {
  const text =
    "-- @deckhand 1\n-- @interpreter psql -X -v ON_ERROR_STOP=1\n-- @param A int\n-- @param B string?\nSELECT 1;";
  expect(launch(text, "x.sql")).toEqual({
    commands: ["psql"],
    flags: ["-X", "-v", "ON_ERROR_STOP=1", "-f"],
    delivery: "descriptor",
    extension: "",
    prelude: "\\getenv A A\n\\getenv B B\n",
  });
  expect(launch("SELECT 1;", "x.sql").flags).toEqual(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"]);
});
