import { expect, test } from "vitest";
import { terminalModes } from "./terminal-modes.ts";

const bytes = (text: string) => Buffer.from(text, "latin1");

test("what a program switched on and not off is switched off, split anywhere", () => {
  const text =
    "a\u001b[?1049h\u001b[?25l\u001b[?1000;1006hb\u001b[?1000l\u001b[?2004h\u001b[?2004l";
  for (let at = 0; at <= text.length; at++) {
    const modes = terminalModes();
    modes.see(bytes(text.slice(0, at)));
    modes.see(bytes(text.slice(at)));
    expect(modes.restore()).toBe("\u001b[?1049l\u001b[?25h\u001b[?1006l\u001b[0m");
    expect(modes.restore()).toBe("");
  }
});

test("nothing is written behind a program that left the terminal as it was", () => {
  const modes = terminalModes();
  modes.see(bytes("\u001b[31mred\u001b[0m \u001b[?7h\u001b[?25h plain"));
  expect(modes.restore()).toBe("");
});
