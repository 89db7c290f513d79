/** What a token stands for: a variable that the script gets. */
export interface TokenVariable {
  readonly name: string;
  /** Whether it may be unset; unquoted it is then no word at all, as a text that is put in would be. */
  readonly isOptional: boolean;
}

export interface RewriteRequest {
  /** The text of a POSIX shell. */
  readonly text: string;
  /** Sticky; its first group is what the token asks for. */
  readonly token: RegExp;
  /** Gives nothing for what is not known. */
  readonly find: (asked: string) => TokenVariable | undefined;
}

export interface Rewritten {
  readonly text: string;
  readonly faults: readonly string[];
  /** Tokens that stood unquoted: a value with blanks was several words there, and is one now. */
  readonly unquoted: readonly string[];
}

/** `paren` is what `$(` opens, `brace` what `${` opens; `tick` stands for a backtick. */
type Frame =
  | "plain"
  | "brace"
  | "double"
  | "single"
  | "escaped"
  | "comment"
  | "paren"
  | "tick"
  | "document"
  | "raw-document";

interface Scan {
  readonly request: RewriteRequest;
  at: number;
  written: string;
  readonly frames: Frame[];
  /** Here-documents that begin with the next line. */
  readonly documents: {
    readonly end: string;
    readonly isRaw: boolean;
    readonly hasTabs: boolean;
  }[];
  documentEnd: { readonly end: string; readonly hasTabs: boolean } | undefined;
  /** A `case` inside of `$( )` has parentheses that close nothing: from there on nothing is sure. */
  isLost: boolean;
  readonly faults: string[];
  readonly unquoted: string[];
}

const NESTING: readonly Frame[] = ["paren", "tick", "brace"];

/**
 * Replaces tokens that a tool puts values in for, in a shell's text, by variables in the right quotes, so that a value is
 * never read as a part of the script. Where the text is too involved to be sure of the quotes there is a fault instead.
 */
export function rewriteTokens(request: RewriteRequest): Rewritten {
  const scan: Scan = {
    request,
    at: 0,
    written: "",
    frames: ["plain"],
    documents: [],
    documentEnd: undefined,
    isLost: false,
    faults: [],
    unquoted: [],
  };
  while (scan.at < request.text.length) if (!takeToken(scan)) takeText(scan);
  const { written: text, faults, unquoted } = scan;
  return { text, faults, unquoted };
}

function takeToken(scan: Scan): boolean {
  const { token, find, text } = scan.request;
  token.lastIndex = scan.at;
  const match = token.exec(text);
  if (!match) return false;
  const [whole, asked = ""] = match;
  scan.at += whole.length;
  const variable = find(asked);
  if (!variable) scan.faults.push(`${whole} is put in by the other tool, and is nothing here`);
  scan.written += variable ? toExpansion(scan, variable, whole) : whole;
  return true;
}

function toExpansion(scan: Scan, { name, isOptional }: TokenVariable, whole: string): string {
  const top = topOf(scan);
  if (scan.isLost || scan.frames.some((frame) => NESTING.includes(frame)))
    return toFault(scan, whole, "stands inside of $( ), ${ } or backticks");
  if (top === "escaped") return toFault(scan, whole, "stands inside of $' '");
  if (top === "raw-document")
    return toFault(scan, whole, "stands in a here-document that expands nothing");
  if (top === "double" || top === "document") return `\${${name}}`;
  if (top === "single") return `'"\${${name}}"'`;
  if (top === "comment") return name;
  scan.unquoted.push(whole);
  return isOptional ? `\${${name}:+"\${${name}}"}` : `"\${${name}}"`;
}

function toFault(scan: Scan, whole: string, why: string): string {
  scan.faults.push(
    `${whole} ${why}, where it can not be made a variable safely; write it as one by hand`,
  );
  return whole;
}

function topOf({ frames }: Scan): Frame {
  return frames.at(-1) ?? "plain";
}

function takeText(scan: Scan): void {
  const top = topOf(scan);
  if (top === "document" || top === "raw-document") return takeDocumentText(scan);
  const { text } = scan.request;
  const character = text.charAt(scan.at);
  if (character === "\n" && top !== "single" && top !== "double") return takeLineEnd(scan);
  TAKE_BY_FRAME[top](scan, character);
}

type Take = (scan: Scan, character: string) => void;

const TAKE_BY_FRAME: Readonly<Record<Exclude<Frame, "document" | "raw-document">, Take>> = {
  plain: takePlain,
  paren: takePlain,
  tick: takePlain,
  double: (scan, character) => {
    if (character === "\\") return take(scan, 2);
    if (character === '"') return close(scan);
    if (takeNesting(scan, character)) return;
    take(scan, 1);
  },
  brace: (scan, character) => {
    if (character === "\\") return take(scan, 2);
    if (character === "}") return close(scan);
    if (character === '"') return open(scan, "double", 1);
    if (character === "'" && !scan.frames.includes("double")) return open(scan, "single", 1);
    if (!takeNesting(scan, character)) take(scan, 1);
  },
  single: (scan, character) => (character === "'" ? close(scan) : take(scan, 1)),
  escaped: (scan, character) => {
    if (character === "\\") return take(scan, 2);
    return character === "'" ? close(scan) : take(scan, 1);
  },
  comment: (scan) => take(scan, 1),
};

function takePlain(scan: Scan, character: string): void {
  const rest = scan.request.text.slice(scan.at, scan.at + 3);
  if (character === "\\") return take(scan, 2);
  if (character === "'") return open(scan, "single", 1);
  if (character === '"') return open(scan, "double", 1);
  if (rest.startsWith("$'")) return open(scan, "escaped", 2);
  if (takeNesting(scan, character)) return;
  if (topOf(scan) === "paren" && character === "(") return open(scan, "paren", 1);
  if (topOf(scan) === "paren" && character === ")") return close(scan);
  if (
    topOf(scan) === "paren" &&
    startsWord(scan) &&
    /^case\s/.test(scan.request.text.slice(scan.at, scan.at + 5))
  )
    scan.isLost = true;
  if (character === "#" && startsWord(scan)) return open(scan, "comment", 1);
  if (rest.startsWith("<<") && rest !== "<<<" && takeDocumentStart(scan)) return;
  take(scan, rest === "<<<" ? 3 : 1);
}

function takeNesting(scan: Scan, character: string): boolean {
  const { text } = scan.request;
  if (character === "`") {
    if (topOf(scan) === "tick") close(scan);
    else open(scan, "tick", 1);
    return true;
  }
  const opened = text.slice(scan.at, scan.at + 2);
  if (opened !== "$(" && opened !== "${") return false;
  open(scan, opened === "$(" ? "paren" : "brace", 2);
  return true;
}

function startsWord({ request, at }: Scan): boolean {
  return at === 0 || /[\s;&|()]/.test(request.text.charAt(at - 1));
}

const DOCUMENT_START = /<<(-?)[ \t]*(?:'([^'\n]+)'|"([^"\n]+)"|\\?([\w.-]+))/y;

/** A shift is written alike; what never ends is no document. */
function takeDocumentStart(scan: Scan): boolean {
  const { text } = scan.request;
  DOCUMENT_START.lastIndex = scan.at;
  const match = DOCUMENT_START.exec(text);
  if (!match) return false;
  const [whole, dash, single, double, bare] = match;
  const end = single ?? double ?? bare ?? "";
  const hasTabs = dash === "-";
  const lines = text.slice(scan.at).split("\n").slice(1);
  if (!lines.some((line) => endsDocument(line, { end, hasTabs }))) return false;
  scan.documents.push({ end, hasTabs, isRaw: bare === undefined || whole.includes("\\") });
  take(scan, whole.length);
  return true;
}

function endsDocument(line: string, { end, hasTabs }: { end: string; hasTabs: boolean }): boolean {
  return (hasTabs ? line.replace(/^\t+/, "") : line) === end;
}

function takeLineEnd(scan: Scan): void {
  take(scan, 1);
  if (topOf(scan) === "comment") scan.frames.pop();
  startDocument(scan);
}

function startDocument(scan: Scan): void {
  const next = scan.documents.shift();
  if (!next) return;
  scan.documentEnd = next;
  scan.frames.push(next.isRaw ? "raw-document" : "document");
}

function takeDocumentText(scan: Scan): void {
  const { text } = scan.request;
  const isLineStart = text.charAt(scan.at - 1) === "\n";
  const [line = ""] = text.slice(scan.at).split("\n", 1);
  if (isLineStart && scan.documentEnd && endsDocument(line, scan.documentEnd)) {
    scan.frames.pop();
    take(scan, line.length);
    startDocumentAfter(scan);
  } else if (topOf(scan) === "document" && text.charAt(scan.at) === "\\") take(scan, 2);
  else if (topOf(scan) === "document" && takeNesting(scan, text.charAt(scan.at))) return;
  else take(scan, 1);
}

/** Several documents of one line follow each other. */
function startDocumentAfter(scan: Scan): void {
  if (scan.documents.length === 0) return;
  take(scan, 1);
  startDocument(scan);
}

function open(scan: Scan, frame: Frame, length: number): void {
  take(scan, length);
  scan.frames.push(frame);
}

function close(scan: Scan): void {
  take(scan, 1);
  scan.frames.pop();
}

function take(scan: Scan, length: number): void {
  scan.written += scan.request.text.slice(scan.at, scan.at + length);
  scan.at += length;
}
