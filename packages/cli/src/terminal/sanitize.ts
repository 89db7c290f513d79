// Colours (SGR) are harmless; every other escape could move the cursor, set the title or worse.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
const ESCAPES =
  /\u001b\[([0-9;:]*)m|\u001b\[[0-?]*[ -/]*[@-~]?|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[PX^_][^\u001b]*(?:\u001b\\)?|\u001b.?|[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f]/g;

/** Takes what a terminal would obey out of a line, but tabs, and colours where they are wanted. */
export function sanitizeLine(
  line: string,
  { keepColors }: { readonly keepColors: boolean },
): string {
  let colored = false;
  const clean = line.replace(ESCAPES, (escape, sgr: string | undefined) => {
    if (sgr === undefined || !keepColors) return "";
    colored = true;
    return escape;
  });
  return colored ? `${clean}\u001b[0m` : clean;
}

/** The part of a line after its last carriage return, as a progress display would show it. */
export function lastState(line: string): string {
  return line.replace(/\r+$/, "").split("\r").at(-1) ?? "";
}

/** A text of somebody else's on one line: no escapes, no colours, one blank where any space was. */
export function toOneLine(text: string): string {
  return sanitizeLine(text.replaceAll(/\s+/g, " "), { keepColors: false });
}

/** A text of several lines, of which only its line ends, tabs and colours reach a terminal. */
export function sanitizeText(text: string): string {
  const lines = text.split("\n");
  return lines.map((line) => sanitizeLine(line, { keepColors: true })).join("\n");
}
