import { expect, test } from "vitest";
import { type ColorSituation, createStyle } from "./style.ts";

const PIPE: ColorSituation = { choice: "auto", env: {}, isTerminal: false };
const TERMINAL: ColorSituation = { ...PIPE, isTerminal: true };

test.each<[string, ColorSituation, boolean]>([
  ["a pipe", PIPE, false],
  ["a terminal", TERMINAL, true],
  ["a dumb terminal", { ...TERMINAL, env: { TERM: "dumb" } }, false],
  ["NO_COLOR on a terminal", { ...TERMINAL, env: { NO_COLOR: "1" } }, false],
  ["an empty NO_COLOR on a terminal", { ...TERMINAL, env: { NO_COLOR: "" } }, true],
  ["CLICOLOR_FORCE in a pipe", { ...PIPE, env: { CLICOLOR_FORCE: "1" } }, true],
  ["CLICOLOR_FORCE=0 in a pipe", { ...PIPE, env: { CLICOLOR_FORCE: "0" } }, false],
  ["NO_COLOR over CLICOLOR_FORCE", { ...PIPE, env: { NO_COLOR: "1", CLICOLOR_FORCE: "1" } }, false],
  ["--color always over NO_COLOR", { ...PIPE, choice: "always", env: { NO_COLOR: "1" } }, true],
  ["--color never on a terminal", { ...TERMINAL, choice: "never" }, false],
])("%s: colours are wanted or not", (_name, situation, isOn) => {
  const style = createStyle(situation);
  expect(style.isOn).toBe(isOn);
  expect(style("red", "text")).toBe(isOn ? "\u001b[31mtext\u001b[39m" : "text");
});
