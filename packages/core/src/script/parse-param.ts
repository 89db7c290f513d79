import { type ScriptParam, scriptParam } from "../contract/script.ts";
import { secretName } from "../contract/secret.ts";
import { findNearMatch } from "../near-match.ts";
import { checkValue } from "./check-value.ts";
import { findNameProblem } from "./reserved-names.ts";
import { findTextProblem } from "./text-bytes.ts";

/** A fault in a line, with the place in it counted from 0. */
interface LineFault {
  readonly at: number;
  readonly detail: string;
}

/** A line that is read from left to right; what is wrong in it goes into `faults`. */
interface Reading {
  readonly text: string;
  at: number;
  readonly faults: LineFault[];
}

export interface ParsedParam {
  readonly param: ScriptParam | undefined;
  readonly faults: readonly LineFault[];
}

const TYPES: readonly ScriptParam["type"][] = scriptParam.shape.type.options;
const LENGTH_TYPES: readonly string[] = ["string", "text", "file"];
const NO_ARG_TYPES: readonly string[] = ["choices", "file", "target"];
const NUMBER_TYPES: readonly string[] = ["int", "number"];
const CHOICE_TYPES: readonly string[] = ["choice", "choices"];
const WORD = /[^\s(?=]+/y;
const HELP = /\s*--(?:\s+|$)/y;
const BARE_END = /(?:^|\s)--(?:\s|$)/;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };
const MOST_CHOICES = 200;
const COMMA_IN_CHOICE =
  "choices are separated by |, as in (a|b); a choice that holds a comma needs quotes";

/** Reads what follows `@param`: NAME type(range)? arg = default -- help. */
export function parseParam(text: string): ParsedParam {
  const reading: Reading = { text, at: 0, faults: [] };
  const name = readName(reading, "@param");
  if (name === undefined) return { param: undefined, faults: reading.faults };
  const type = readType(reading);
  if (type === undefined) return { param: undefined, faults: reading.faults };
  const range = readRange(reading, type);
  const optional = readMark(reading, "?");
  const arg = readArg(reading, { type, optional });
  const defaultAt = reading.at;
  const value = readDefault(reading);
  const help = readHelp(reading);
  const required = value === undefined && !optional;
  const param = {
    name,
    type,
    required,
    secret: false,
    from: null,
    arg,
    default: value ?? null,
    ...range,
    help,
  };
  checkDefault(reading, { param, optional, defaultAt });
  return { param, faults: reading.faults };
}

/** Reads what follows `@secret`: NAME? env from=NAME -- help. */
export function parseSecret(text: string): ParsedParam {
  const reading: Reading = { text, at: 0, faults: [] };
  const name = readName(reading, "@secret");
  if (name === undefined) return { param: undefined, faults: reading.faults };
  const optional = readMark(reading, "?");
  const from = readSecretWords(reading);
  const help = readHelp(reading);
  const none = { default: null, choices: null, min: null, max: null };
  return {
    param: {
      name,
      type: "string",
      required: !optional,
      secret: true,
      from,
      arg: false,
      ...none,
      help,
    },
    faults: reading.faults,
  };
}

function readName(reading: Reading, key: string): string | undefined {
  skipBlanks(reading);
  const at = reading.at;
  const name = take(reading, WORD);
  const problem = name === "" ? "is missing" : findNameProblem(name);
  if (problem === undefined) return name;
  fault(reading, at, name === "" ? `${key} needs a name` : `"${name.slice(0, 128)}" ${problem}`);
  return undefined;
}

function readType(reading: Reading): ScriptParam["type"] | undefined {
  skipBlanks(reading);
  const at = reading.at;
  const word = take(reading, WORD);
  const type = TYPES.find((known) => known === word);
  if (type === undefined) fault(reading, at, explainType(word));
  return type;
}

/** The place of an argument is its meaning, so none can be left out or become several. */
function readArg(
  reading: Reading,
  { type, optional }: { readonly type: ScriptParam["type"]; readonly optional: boolean },
): boolean {
  const before = reading.at;
  skipBlanks(reading);
  const at = reading.at;
  if (take(reading, /arg(?=[\s=]|$)/y) === "") {
    reading.at = before;
    return false;
  }
  if (optional)
    fault(reading, at, "an argument can not be left out; give it a default in place of ?");
  if (NO_ARG_TYPES.includes(type))
    fault(reading, at, `${type} can be no argument; read the variable`);
  return true;
}

function explainType(word: string): string {
  if (word === "") return `a type is missing; it is one of ${TYPES.join(", ")}`;
  const near = findNearMatch(word, TYPES);
  return near
    ? `"${word}" is not a type; did you mean ${near}?`
    : `"${word.slice(0, 40)}" is not a type; it is one of ${TYPES.join(", ")}`;
}

type Range = Pick<ScriptParam, "choices" | "min" | "max">;
const NO_RANGE: Range = { choices: null, min: null, max: null };

function readRange(reading: Reading, type: ScriptParam["type"]): Range {
  const at = reading.at;
  const isChoice = CHOICE_TYPES.includes(type);
  if (reading.text[at] !== "(") {
    if (isChoice) fault(reading, at, `${type} needs its choices: ${type}(a|b)`);
    return isChoice ? { ...NO_RANGE, choices: [] } : NO_RANGE;
  }
  reading.at++;
  if (isChoice) return { ...NO_RANGE, choices: readChoices(reading, at) };
  const bounds = takeToParenthesis(reading, at);
  if (LENGTH_TYPES.includes(type) || NUMBER_TYPES.includes(type))
    return toBounds(reading, { bounds, type, at });
  fault(reading, at, `${type} takes no range`);
  return NO_RANGE;
}

function readChoices(reading: Reading, at: number): string[] {
  const choices: string[] = [];
  let character = "|";
  while (character === "|") {
    choices.push(readChoice(reading));
    character = reading.text.charAt(reading.at++);
  }
  if (character !== ")") fault(reading, at, "this parenthesis is not closed");
  if (choices.includes("")) fault(reading, at, "a choice is empty");
  if (new Set(choices).size < choices.length) fault(reading, at, "a choice is given twice");
  if (choices.length > MOST_CHOICES)
    fault(reading, at, `there are more than ${MOST_CHOICES} choices`);
  return choices;
}

function readChoice(reading: Reading): string {
  skipBlanks(reading);
  const quoted = readQuoted(reading);
  if (quoted === undefined) return readBareChoice(reading);
  skipBlanks(reading);
  return quoted;
}

function readBareChoice(reading: Reading): string {
  const at = reading.at;
  const choice = take(reading, /[^|)]*/y);
  const comma = choice.indexOf(",");
  if (comma >= 0 && reading.faults.length === 0) fault(reading, at + comma, COMMA_IN_CHOICE);
  return choice.trim();
}

function takeToParenthesis(reading: Reading, at: number): string {
  const bounds = take(reading, /[^)]*/y);
  if (reading.at === reading.text.length) fault(reading, at, "this parenthesis is not closed");
  else reading.at++;
  return bounds;
}

function toBounds(
  reading: Reading,
  { bounds, type, at }: { bounds: string; type: string; at: number },
): Range {
  const [low = "", high, ...more] = bounds.split("..").map((bound) => bound.trim());
  const [min, max] = [toBound(low), toBound(high ?? "")];
  const isWrong =
    high === undefined ||
    more.length > 0 ||
    Number.isNaN(min) ||
    Number.isNaN(max) ||
    (min ?? max) === null;
  const mustBeWhole =
    type !== "number" && [min, max].some((bound) => bound !== null && !Number.isSafeInteger(bound));
  const isNegative = LENGTH_TYPES.includes(type) && (min ?? 0) < 0;
  if (isWrong || mustBeWhole || isNegative)
    fault(reading, at, `this is no range; write ${type}(1..8), ${type}(1..) or ${type}(..8)`);
  else if (min !== null && max !== null && min > max)
    fault(reading, at, "the range ends before it starts");
  else return { choices: null, min, max };
  return NO_RANGE;
}

function toBound(text: string): number | null {
  if (text === "") return null;
  return /^-?\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : Number.NaN;
}

function readDefault(reading: Reading): string | undefined {
  if (!readMark(reading, "=")) return undefined;
  skipBlanks(reading);
  const at = reading.at;
  const quoted = readQuoted(reading);
  if (quoted !== undefined) return quoted;
  const rest = reading.text.slice(at);
  const end = BARE_END.exec(rest)?.index ?? rest.length;
  const bare = rest.slice(0, end).trim();
  reading.at = at + end;
  if (bare === "") fault(reading, at, 'a default is missing; write "" for an empty text');
  return bare;
}

function readQuoted(reading: Reading): string | undefined {
  const quote = reading.text.charAt(reading.at);
  if (quote !== '"' && quote !== "'") return undefined;
  const start = reading.at++;
  let text = "";
  while (reading.at < reading.text.length) {
    const character = reading.text.charAt(reading.at++);
    if (character === quote) return text;
    text += character === "\\" && quote === '"' ? readEscape(reading) : character;
  }
  fault(reading, start, `this quote (${quote}) is not closed`);
  return text;
}

function readEscape(reading: Reading): string {
  const character = reading.text.charAt(reading.at++);
  return ESCAPES[character] ?? character;
}

/** Gives the stored secret that fills it. */
function readSecretWords(reading: Reading): string | null {
  let from: string | null = null;
  skipBlanks(reading);
  while (reading.at < reading.text.length && !startsHelp(reading)) {
    const at = reading.at;
    const word = take(reading, /\S+/y);
    const [, name] = /^from=(.*)$/.exec(word) ?? [];
    if (name !== undefined && secretName.safeParse(name).success) from = name;
    else if (word !== "env") fault(reading, at, explainSecretWord(word));
    skipBlanks(reading);
  }
  return from;
}

function explainSecretWord(word: string): string {
  if (word === "file") return '"file" is not supported by this version; the value is a variable';
  return word.startsWith("from=")
    ? `"${word.slice(0, 40)}" names no stored secret; write from=db/main`
    : `"${word.slice(0, 40)}" is not expected here`;
}

function startsHelp(reading: Reading): boolean {
  HELP.lastIndex = reading.at;
  return HELP.test(reading.text);
}

function readHelp(reading: Reading): string {
  if (take(reading, HELP) !== "") return takeRest(reading);
  skipBlanks(reading);
  if (reading.at < reading.text.length)
    fault(reading, reading.at, "this is not expected here; help comes after --");
  return takeRest(reading);
}

function takeRest(reading: Reading): string {
  const rest = reading.text.slice(reading.at).trim();
  reading.at = reading.text.length;
  return rest;
}

interface DefaultCheck {
  readonly param: ScriptParam;
  readonly optional: boolean;
  readonly defaultAt: number;
}

function checkDefault(reading: Reading, { param, optional, defaultAt }: DefaultCheck): void {
  if (param.default === null || reading.faults.length > 0) return;
  if (param.type === "file")
    return fault(reading, defaultAt, "a file has no default; with ? it may be left out");
  const checked = checkValue(param.default, param);
  const textProblem = findTextProblem(param.default);
  if (checked.kind === "wrong")
    fault(reading, defaultAt, `the default of ${param.name} ${checked.detail}`);
  else if (textProblem !== undefined)
    fault(reading, defaultAt, `the default of ${param.name} ${textProblem}`);
  else if (optional)
    fault(
      reading,
      defaultAt,
      `${param.name} has a default, so ? says nothing; leave one of them out`,
    );
}

function readMark(reading: Reading, mark: string): boolean {
  skipBlanks(reading);
  const isThere = reading.text[reading.at] === mark;
  if (isThere) reading.at++;
  return isThere;
}

function skipBlanks(reading: Reading): void {
  take(reading, /\s*/y);
}

function take(reading: Reading, pattern: RegExp): string {
  pattern.lastIndex = reading.at;
  const match = pattern.exec(reading.text)?.[0] ?? "";
  reading.at += match.length;
  return match;
}

function fault(reading: Reading, at: number, detail: string): void {
  reading.faults.push({ at, detail });
}
