import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** A fenced block of a document. */
export interface Example {
  /** The line that its text begins at. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

const FENCED = /^```(\w*)\n([\s\S]*?)^```$/gm;

/** `document` is a path from the root of the checkout. */
export function readDocument(document: string): string {
  return readFileSync(new URL(`../../../${document}`, import.meta.url), "utf8");
}

export function examplesOf(markdown: string): readonly Example[] {
  return [...markdown.matchAll(FENCED)].map(({ index, 1: language = "", 2: text = "" }) => ({
    line: markdown.slice(0, index).split("\n").length + 1,
    language,
    text,
  }));
}

/** Commands to type, and not a script or what something printed. */
export function isCommands({ language, text }: Example): boolean {
  return ["sh", "bash"].includes(language) && !text.startsWith("#!");
}

/** `$ command`, and below it what that prints. */
export function readSession({ text }: Example): { command: string; shown: string } | undefined {
  const [, command, shown] = /^\$ (.+)\n([\s\S]*)$/.exec(text) ?? [];
  return command === undefined || shown === undefined ? undefined : { command, shown };
}

/** One command each, which may go over several lines. */
export function splitCommands(text: string): readonly string[] {
  const commands: string[] = [];
  let open = "";
  for (const line of text.split("\n")) {
    open += open === "" ? line : `\n${line}`;
    if (!isWhole(open)) continue;
    if (open.trim() !== "") commands.push(open);
    open = "";
  }
  if (open.trim() !== "") throw new Error(`this does not end: ${open}`);
  return commands;
}

/** Whether bash would run it, or waits for more lines. */
function isWhole(text: string): boolean {
  if (text.endsWith("\\")) return false;
  if (!/['"(|&<]|\$\{|do\b/.test(text)) return true;
  try {
    // An unfinished here-document is only a warning.
    const script = `exec 2>&1\nbash -n <<< "$1"`;
    return execFileSync("bash", ["-c", script, "bash", text], { encoding: "utf8" }) === "";
  } catch {
    return false;
  }
}
