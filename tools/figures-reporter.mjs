import { appendFileSync } from "node:fs";

/** Keeps what the tests print, which are their figures, in the file that DECKHAND_FIGURES names. */
// Vitest loads a reporter by its default export.
export default class FiguresReporter {
  onUserConsoleLog({ type, content }) {
    if (type === "stdout") appendFileSync(process.env.DECKHAND_FIGURES, content);
  }
}
