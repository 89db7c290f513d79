import type { ScriptLaunch } from "@deckhand/core";

/** The shell that every container of the suites has. */
export const SH: ScriptLaunch = {
  commands: ["sh"],
  flags: [],
  delivery: "descriptor",
  extension: ".sh",
  prelude: "",
};
