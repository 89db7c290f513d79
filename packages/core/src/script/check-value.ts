import type { ParamValue } from "../contract/run.ts";
import type { ScriptParam } from "../contract/script.ts";
import { findDurationMs } from "../duration.ts";
import { findSelectorProblem } from "../selector/find-selector-problem.ts";
import { findNearMatch } from "../near-match.ts";

/** A parameter's value: the bytes that the script gets, and the value that is shown. */
export type CheckedValue =
  | { readonly kind: "valid"; readonly text: string; readonly value: ParamValue }
  | { readonly kind: "wrong"; readonly detail: string };

type Check = (given: ParamValue, param: ScriptParam) => CheckedValue;

const WHOLE = /^[+-]?\d{1,20}$/;
const DECIMAL = /^[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,4})?$/;
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;

const TRUTH_BY_WORD: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  "1": true,
  false: false,
  no: false,
  off: false,
  "0": false,
};

const CHECK_BY_TYPE: Readonly<Record<ScriptParam["type"], Check>> = {
  string: checkText,
  text: checkText,
  int: checkInt,
  number: checkNumber,
  bool: checkBool,
  choice: checkChoice,
  choices: checkChoices,
  date: checkDate,
  duration: checkDuration,
  json: checkJson,
  file: checkFile,
  target: checkTarget,
};

/** Checks a value against a parameter's type and range. */
export function checkValue(given: ParamValue, param: ScriptParam): CheckedValue {
  return CHECK_BY_TYPE[param.type](given, param);
}

/** Writes a value as text when nothing is declared about it; a list becomes lines. */
export function toPlainText(given: ParamValue): string {
  return Array.isArray(given) ? given.join("\n") : String(given);
}

function checkText(given: ParamValue, { min, max }: ScriptParam): CheckedValue {
  if (Array.isArray(given)) return wrong("has to be one text, not a list");
  const text = String(given);
  if (min === null && max === null) return valid(text, text);
  const length = countCharacters(text);
  if (min !== null && length < min)
    return wrong(`has ${length} characters; at least ${min} are needed`);
  if (max !== null && length > max)
    return wrong(`has ${length} characters; at most ${max} are allowed`);
  return valid(text, text);
}

/** The content, as only the caller's side has the file. */
function checkFile(given: ParamValue, param: ScriptParam): CheckedValue {
  return typeof given === "string"
    ? checkText(given, param)
    : wrong("has to be the content of a text file");
}

/** Counts pairs of surrogates as one. */
function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Numbers are written anew: a shell reads `08` as a wrong octal number. */
function checkInt(given: ParamValue, param: ScriptParam): CheckedValue {
  const value = typeof given === "string" && WHOLE.test(given) ? Number(given) : given;
  if (typeof value !== "number" || !Number.isInteger(value))
    return wrong("has to be a whole number, such as 3");
  if (!Number.isSafeInteger(value)) return wrong("is too large for a whole number");
  return (
    checkRange(value, param) ?? valid(value === 0 ? "0" : String(value), value === 0 ? 0 : value)
  );
}

function checkNumber(given: ParamValue, param: ScriptParam): CheckedValue {
  const isText = typeof given === "string";
  const value = isText && DECIMAL.test(given) ? Number(given) : given;
  if (typeof value !== "number" || !Number.isFinite(value))
    return wrong("has to be a number, such as 0.5");
  return checkRange(value, param) ?? valid(isText ? given : String(value), value);
}

function checkRange(value: number, { min, max }: ScriptParam): CheckedValue | undefined {
  if (min !== null && value < min) return wrong(`is ${value}; the least is ${min}`);
  if (max !== null && value > max) return wrong(`is ${value}; the most is ${max}`);
  return undefined;
}

function checkBool(given: ParamValue): CheckedValue {
  const word = String(given).toLowerCase();
  const value =
    !Array.isArray(given) && Object.hasOwn(TRUTH_BY_WORD, word) ? TRUTH_BY_WORD[word] : undefined;
  return value === undefined ? wrong("has to be true or false") : valid(String(value), value);
}

function checkChoice(given: ParamValue, { choices }: ScriptParam): CheckedValue {
  const text = Array.isArray(given) ? undefined : String(given);
  if (text === undefined) return wrong("has to be one of its choices, not a list");
  return choices?.includes(text) ? valid(text, text) : wrong(notAChoice(text, choices ?? []));
}

/** A list, or a text with commas or line ends between the choices; each is taken once, in the order given. */
function checkChoices(given: ParamValue, { choices }: ScriptParam): CheckedValue {
  const known = choices ?? [];
  const items = Array.isArray(given) ? given : splitChoices(String(given), known);
  const bad = items.find((item) => !known.includes(item));
  if (bad !== undefined) return wrong(notAChoice(bad, known));
  const taken = [...new Set(items)];
  return valid(taken.join("\n"), taken);
}

function splitChoices(text: string, known: readonly string[]): readonly string[] {
  if (text === "") return [];
  return known.includes(text) ? [text] : text.split(/[,\n]/).map((item) => item.trim());
}

function notAChoice(text: string, choices: readonly string[]): string {
  const near = findNearMatch(text, choices);
  const meant = near === undefined ? "" : `; did you mean ${near}?`;
  return `is not one of ${choices.slice(0, 20).join(", ")}${meant}`;
}

function checkDate(given: ParamValue): CheckedValue {
  const text = String(given);
  const [, year = "", month = "", day = ""] = (!Array.isArray(given) && DATE.exec(text)) || [];
  const isReal = Number(day) >= 1 && Number(day) <= daysIn(Number(year), Number(month));
  return isReal ? valid(text, text) : wrong("has to be a date, such as 2026-01-31");
}

function daysIn(year: number, month: number): number {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}

function checkDuration(given: ParamValue): CheckedValue {
  const isDuration = typeof given === "string" && findDurationMs(given) !== undefined;
  return isDuration
    ? valid(given, given)
    : wrong("has to be a duration, such as 30s, 10m or 1h30m");
}

/** Which target it is depends on the hour; here only whether it is a selector. */
function checkTarget(given: ParamValue): CheckedValue {
  if (typeof given !== "string") return wrong("has to be a target's name, or a selector");
  const problem = findSelectorProblem(given);
  return problem === undefined ? valid(given, given) : wrong(`is no selector: ${problem.detail}`);
}

function checkJson(given: ParamValue): CheckedValue {
  if (typeof given !== "string") return valid(JSON.stringify(given), JSON.stringify(given));
  try {
    JSON.parse(given);
    return valid(given, given);
  } catch (error) {
    return wrong(
      `is not JSON: ${error instanceof Error ? error.message.slice(0, 200) : "it can not be read"}`,
    );
  }
}

function valid(text: string, value: ParamValue): CheckedValue {
  return { kind: "valid", text, value };
}

function wrong(detail: string): CheckedValue {
  return { kind: "wrong", detail };
}
