import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { examplesOf } from "./commands/command.ts";
import { programForReading, REFERENCE_PATH, toReference } from "./generate-reference.ts";

function allOf(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(allOf)];
}

const program = await programForReading();
const commands = program.commands.flatMap(allOf);

test("docs/cli.md is what the command tree says", async () => {
  const page = await readFile(REFERENCE_PATH, "utf8");
  expect(page, "run: node packages/cli/src/generate-reference.ts").toBe(toReference(program));
});

test.each(commands.map((command) => [command.name(), command]))(
  "the help of %s begins with three examples",
  (_name, command) => {
    expect(examplesOf(command).length).toBeGreaterThanOrEqual(3);
    expect(command.description()).not.toBe("");
  },
);

test("no command takes two options of the same letters", () => {
  const global = program.options.flatMap(({ long, short }) => [long, short]);
  for (const command of commands.filter((one) => one.commands.length === 0)) {
    const own = command.options.flatMap(({ long, short }) => [long, short]);
    const flags = [...global, ...own].filter((flag) => flag !== undefined);
    expect(flags, command.name()).toHaveLength(new Set(flags).size);
  }
});
