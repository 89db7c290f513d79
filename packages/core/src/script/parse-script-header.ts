import { survivorPolicy } from "../contract/run.ts";
import { sqlRows } from "../contract/sql.ts";
import type { ScriptHeaderView, ScriptParam, ScriptProblem } from "../contract/script.ts";
import { findDurationMs } from "../duration.ts";
import { DEFAULT_LIMITS } from "../limits.ts";
import { findNearMatch } from "../near-match.ts";
import { findSelectorProblem } from "../selector/find-selector-problem.ts";
import { findHeader, type HeaderLine } from "./header-lines.ts";
import {
  findByExtension,
  findInterpreter,
  findShebang,
  type Interpreter,
  isPsql,
} from "./interpreter.ts";
import { type ParsedParam, parseParam, parseSecret } from "./parse-param.ts";
import {
  ON_FAILURE_FORM,
  PARALLEL_FORM,
  readConcurrency,
  readOnFailure,
  readParallel,
} from "./read-start-keys.ts";
import {
  RESOURCE_LIMITS,
  type ResourceLimitName,
  readResourceLimit,
} from "./read-resource-limit.ts";
import { findNameProblem, isPsqlName } from "./reserved-names.ts";
import type { ScriptHeader } from "./script-header.ts";
import { findExtension } from "./script-path.ts";
import { findSqlProblem, isSql, toSqlDatabase } from "./sql-launch.ts";
import { variablesOf } from "./target-facts.ts";
import { findTextProblem } from "./text-bytes.ts";

const MOST_PROBLEMS = 100;
const KEY_LINE = /^@([A-Za-z][\w-]*)([ \t]*)/;

/** Keys of the header format that this version does not act on; they are refused so that none is silently ignored. */
const LATER_KEYS: readonly string[] = ["max", "output", "retain"];

export interface ParsedHeader {
  readonly header: ScriptHeader;
  /** Everything that is wrong; a script with problems does not run. */
  readonly problems: readonly ScriptProblem[];
}

type Draft = { -readonly [Key in keyof ScriptHeader]: ScriptHeader[Key] };

/** One key with its value, and the places to which its faults point. */
interface Entry {
  readonly key: string;
  readonly value: string;
  readonly line: number;
  readonly keyColumn: number;
  readonly valueColumn: number;
}

interface Reading {
  readonly draft: Draft;
  readonly problems: ScriptProblem[];
  readonly seen: Set<string>;
  /** Lines without a key belong to the description while it lasts. */
  about: string[];
  inAbout: boolean;
}

type Take = (reading: Reading, entry: Entry) => void;

/** Reads the header of a script; finds all problems at once and never throws. */
export function parseScriptHeader(text: string, path: string): ParsedHeader {
  const { lines, suspect } = findHeader(text);
  const reading = startReading(lines.length > 0);
  if (suspect) report(reading, suspect, "this looks like a header's first line; write @deckhand 1");
  for (const [index, line] of lines.entries()) takeLine(reading, line, index === 0);
  const { draft } = reading;
  draft.about = reading.about.join("\n").trim() || null;
  draft.interpreter ??= findShebang(text) ?? findByExtension(findExtension(path)) ?? null;
  checkPsqlNames(reading, lines[0]);
  checkSqlArgs(reading, lines[0]);
  checkSql(reading, lines[0]);
  return { header: draft, problems: reading.problems };
}

function startReading(declared: boolean): Reading {
  const nothing = {
    title: null,
    about: null,
    interpreter: null,
    user: null,
    workdir: null,
    timeoutMs: null,
    survivors: null,
    rollout: null,
    concurrency: null,
    effect: null,
    database: null,
    rows: null,
    owner: null,
  };
  const lists = { on: [], except: [], params: [], examples: [], tags: [] };
  const draft: Draft = { declared, ...nothing, ...lists, acceptsArgs: false, env: {}, limits: {} };
  return { draft, problems: [], seen: new Set(), about: [], inAbout: true };
}

function takeLine(reading: Reading, line: HeaderLine, isFirst: boolean): void {
  const match = KEY_LINE.exec(line.text);
  if (!match) {
    if (reading.inAbout) reading.about.push(line.text);
    return;
  }
  const [before = "", key = ""] = match;
  const { line: number, column } = line;
  const value = line.text.slice(before.length);
  const valueColumn = column + before.length;
  const entry = { key, value, line: number, keyColumn: column, valueColumn };
  reading.inAbout = key === "about" || isFirst;
  if (isFirst) checkVersion(reading, entry);
  else takeEntry(reading, entry);
}

function checkVersion(reading: Reading, entry: Entry): void {
  if (entry.value === "1") return;
  const detail =
    entry.value === ""
      ? "the version is missing"
      : `version "${entry.value.slice(0, 20)}" is not known to this Deckhand`;
  fault(reading, entry, `${detail}; write @deckhand 1`);
}

function takeEntry(reading: Reading, entry: Entry): void {
  const { key } = entry;
  const take = Object.hasOwn(TAKE_BY_KEY, key) ? TAKE_BY_KEY[key] : undefined;
  if (!take) {
    faultAtKey(reading, entry, explainKey(key));
  } else if (entry.value === "" && key !== "args") {
    fault(reading, entry, `@${key} needs a value`);
  } else {
    const isSecond = reading.seen.has(key) && !REPEATED_KEYS.includes(key);
    if (isSecond) faultAtKey(reading, entry, `@${key} is given twice`);
    reading.seen.add(key);
    take(reading, entry);
  }
}

function explainKey(key: string): string {
  if (LATER_KEYS.includes(key)) return `@${key} is not supported by this version`;
  if (key === "deckhand") return "@deckhand comes once, as the header's first line";
  const near = findNearMatch(key, [...Object.keys(TAKE_BY_KEY), ...LATER_KEYS]);
  return near
    ? `@${key.slice(0, 40)} is not a key; did you mean @${near}?`
    : `@${key.slice(0, 40)} is not a key`;
}

const REPEATED_KEYS: readonly string[] = [
  "on",
  "except",
  "param",
  "secret",
  "env",
  "example",
  "tags",
];

const TAKE_BY_KEY: Readonly<Record<string, Take>> = {
  title: takePlain("title"),
  about: (reading, { value }) => {
    reading.about.push(value);
  },
  owner: takePlain("owner"),
  user: takePlain("user"),
  workdir: takePlain("workdir"),
  tags: ({ draft }, { value }) => {
    draft.tags = [...new Set([...draft.tags, ...value.split(/[\s,]+/).filter(Boolean)])];
  },
  example: ({ draft }, { value }) => {
    draft.examples = [...draft.examples, value];
  },
  args: ({ draft }) => {
    draft.acceptsArgs = true;
  },
  effect: takeEffect,
  database: takePlain("database"),
  rows: takeRows,
  timeout: takeTimeout,
  survivors: takeSurvivors,
  parallel: takeParallel,
  "on-failure": takeOnFailure,
  concurrency: takeConcurrency,
  interpreter: takeInterpreter,
  env: takeEnv,
  on: takeSelector("on"),
  except: takeSelector("except"),
  param: (reading, entry) => takeParam(reading, entry, parseParam(entry.value)),
  secret: (reading, entry) => takeParam(reading, entry, parseSecret(entry.value)),
  ...toTakes(RESOURCE_LIMITS),
};

/** The limits have the same words as the options of the command line. */
function toTakes(limits: typeof RESOURCE_LIMITS): Record<string, Take> {
  const names = Object.keys(limits) as ResourceLimitName[];
  return Object.fromEntries(names.map((name) => [limits[name].word, takeLimit(name)]));
}

function takeLimit(name: ResourceLimitName): Take {
  return (reading, entry) => {
    const limit = readResourceLimit(name, entry.value);
    if (limit) reading.draft.limits = { ...reading.draft.limits, ...limit };
    else fault(reading, entry, `@${entry.key} is ${RESOURCE_LIMITS[name].takes}`);
  };
}

function takePlain(key: "title" | "database" | "owner" | "user" | "workdir"): Take {
  return (reading, entry) => {
    const problem = findTextProblem(entry.value);
    if (problem !== undefined) fault(reading, entry, `@${key} ${problem}`);
    else reading.draft[key] = entry.value;
  };
}

const EFFECTS: readonly NonNullable<ScriptHeaderView["effect"]>[] = [
  "read",
  "write",
  "destructive",
];

function takeEffect(reading: Reading, entry: Entry): void {
  const effect = EFFECTS.find((known) => known === entry.value);
  if (effect) reading.draft.effect = effect;
  else fault(reading, entry, `@effect is one of ${EFFECTS.join(", ")}`);
}

function takeTimeout(reading: Reading, entry: Entry): void {
  const timeoutMs = findDurationMs(entry.value);
  if (timeoutMs !== undefined && timeoutMs > 0) reading.draft.timeoutMs = timeoutMs;
  else fault(reading, entry, "@timeout is a duration, such as 30s, 10m or 1h30m");
}

function takeSurvivors(reading: Reading, entry: Entry): void {
  const { success, data } = survivorPolicy.safeParse(entry.value);
  if (success) reading.draft.survivors = data;
  else fault(reading, entry, `@survivors is one of ${survivorPolicy.options.join(", ")}`);
}

function takeParallel(reading: Reading, entry: Entry): void {
  const maxConcurrency = readParallel(entry.value);
  if (maxConcurrency === undefined) fault(reading, entry, PARALLEL_FORM);
  else reading.draft.rollout = { ...reading.draft.rollout, maxConcurrency };
}

function takeOnFailure(reading: Reading, entry: Entry): void {
  const onFailure = readOnFailure(entry.value);
  if (onFailure === undefined) fault(reading, entry, ON_FAILURE_FORM);
  else reading.draft.rollout = { ...reading.draft.rollout, ...onFailure };
}

function takeConcurrency(reading: Reading, entry: Entry): void {
  const concurrency = readConcurrency(entry.value);
  if (typeof concurrency === "string") fault(reading, entry, concurrency);
  else reading.draft.concurrency = concurrency;
}

function takeRows(reading: Reading, entry: Entry): void {
  const { success, data } = sqlRows.safeParse(entry.value);
  if (success) reading.draft.rows = data;
  else fault(reading, entry, `@rows is one of ${sqlRows.options.join(", ")}`);
}

function takeInterpreter(reading: Reading, entry: Entry): void {
  const interpreter: Interpreter | undefined = findInterpreter(entry.value);
  const problem = interpreter && findSqlProblem(interpreter);
  if (problem !== undefined) fault(reading, entry, problem);
  else if (interpreter) reading.draft.interpreter = interpreter;
  else fault(reading, entry, "@interpreter names a program, such as python3|python or psql -X -q");
}

function takeEnv(reading: Reading, entry: Entry): void {
  const equals = entry.value.indexOf("=");
  const [name, value] = [entry.value.slice(0, equals), entry.value.slice(equals + 1)];
  const problem =
    equals < 1 ? "is written NAME=value" : (findNameProblem(name) ?? findTextProblem(value));
  if (problem !== undefined)
    fault(reading, entry, `@env ${name.slice(0, 128)} ${problem}`.replace("  ", " "));
  else
    reading.draft.env = { ...reading.draft.env, ...Object.fromEntries([[name, unquote(value)]]) };
}

function unquote(value: string): string {
  return /^"[^"]*"$|^'[^']*'$/.test(value) ? value.slice(1, -1) : value;
}

function takeSelector(key: "on" | "except"): Take {
  return (reading, entry) => {
    const problem = findSelectorProblem(entry.value);
    if (problem) fault(reading, entry, problem.detail, problem.at);
    else reading.draft[key] = [...reading.draft[key], entry.value];
  };
}

function takeParam(reading: Reading, entry: Entry, { param, faults }: ParsedParam): void {
  for (const { at, detail } of faults) fault(reading, entry, detail, at);
  if (!param) return;
  const { params } = reading.draft;
  const most = DEFAULT_LIMITS.paramCount;
  const taken = params.flatMap(variablesOf);
  const double = variablesOf(param).find((name) => taken.includes(name));
  if (double !== undefined) fault(reading, entry, explainDouble(param, double));
  else if (params.length === most) fault(reading, entry, `there are more than ${most} parameters`);
  else reading.draft.params = [...params, param];
}

function explainDouble({ name }: ScriptParam, double: string): string {
  return double === name
    ? `${name} is declared twice`
    : `${name} is a target, and its ${double} is declared as well`;
}

/** These names would set up psql itself before the script starts. */
function checkPsqlNames(reading: Reading, first: HeaderLine | undefined): void {
  const { interpreter, params } = reading.draft;
  if (!first || !interpreter || !takesPsqlNames(interpreter)) return;
  const taken: ScriptParam[] = params.filter(({ name }) => isPsqlName(name));
  for (const { name } of taken)
    report(reading, first, `the parameter ${name} is a setting of psql's own; choose another name`);
}

function checkSqlArgs(reading: Reading, first: HeaderLine | undefined): void {
  const { interpreter, params } = reading.draft;
  if (!first || !interpreter || !isSql(interpreter)) return;
  for (const { name } of params.filter(({ arg }) => arg))
    report(reading, first, `the parameter ${name} can be no argument: SQL takes none`);
}

function takesPsqlNames(interpreter: Interpreter): boolean {
  const [client = "psql"] = interpreter.flags;
  return isSql(interpreter) ? client === "psql" : isPsql(interpreter);
}

/** What only SQL has must not be said where nothing heeds it, and a database by parameter needs that parameter. */
function checkSql(reading: Reading, first: HeaderLine | undefined): void {
  const { draft } = reading;
  if (!first || (draft.database ?? draft.rows) === null) return;
  if (!draft.interpreter || !isSql(draft.interpreter))
    report(reading, first, "@database and @rows are for @interpreter sql");
  const database = draft.database === null ? undefined : toSqlDatabase(draft.database);
  if (database?.kind === "param" && !draft.params.some(({ name }) => name === database.param))
    report(
      reading,
      first,
      `@database names the parameter ${database.param}, which is not declared`,
    );
}

function faultAtKey(reading: Reading, { line, keyColumn }: Entry, detail: string): void {
  report(reading, { line, column: keyColumn }, detail);
}

function fault(
  reading: Reading,
  { line, valueColumn }: Entry,
  ...[detail, at = 0]: [string, number?]
): void {
  report(reading, { line, column: valueColumn + at }, detail);
}

function report(
  { problems }: Reading,
  { line, column }: Pick<HeaderLine, "line" | "column">,
  detail: string,
): void {
  if (problems.length < MOST_PROBLEMS) problems.push({ line, column, detail });
}
