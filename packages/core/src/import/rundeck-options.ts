import type { ScriptParam } from "../contract/script.ts";
import { findNameProblem } from "../script/reserved-names.ts";
import { type Findings, quoteForHeader, toOneLine } from "./imported-job.ts";
import type { RundeckOption } from "./rundeck-job.ts";

export interface OptionParam {
  readonly option: string;
  readonly name: string;
  readonly isOptional: boolean;
  /** The header's line. */
  readonly line: string;
}

/** Variables by which common programs are set up, so that none is set by accident. */
const KNOWN_VARIABLE =
  /^(?:HOME|USER|SHELL|TERM|TZ|LANG|LC_\w+|PG[A-Z]+|MYSQL_\w+|[a-z]+_proxy|[A-Z]+_PROXY)$/;
const LONGEST_DEFAULT = 1_000;

/** Makes a parameter of each option; what an option says and a parameter can not is told. */
export function toOptionParams(
  options: readonly RundeckOption[],
  { text, findings }: { text: string; findings: Findings },
): OptionParam[] {
  const taken = new Set<string>();
  return options.map((option) => {
    const name = toParamName(option.name, { text, taken });
    taken.add(name);
    const place = `options.${option.name}`;
    if (name !== option.name) findings.add("changed", place, `the parameter is called ${name}`);
    tellOfOption(option, place, findings);
    return { option: option.name, ...toLine(option, name, findings) };
  });
}

/** Keeps the option's name, unless it would set up a program, or is a variable that the script itself sets. */
function toParamName(
  option: string,
  { text, taken }: { text: string; taken: ReadonlySet<string> },
): string {
  const plain = option.replaceAll(/[^A-Za-z0-9_]/g, "_").slice(0, 100);
  const isSet = new RegExp(
    `(?<![\\w.-])${plain}\\+?=|\\b(?:read|for|export|local)\\s[^\\n]*\\b${plain}\\b`,
  ).test(text);
  const isFree = findNameProblem(plain) === undefined && !KNOWN_VARIABLE.test(plain) && !isSet;
  let name = isFree ? plain : `option_${plain}`;
  while (taken.has(name)) name += "_";
  return name;
}

function toLine(
  option: RundeckOption,
  name: string,
  findings: Findings,
): Omit<OptionParam, "option"> {
  const help = toOneLine(option.description ?? option.label ?? "").slice(0, 300);
  const tail = help === "" ? "" : ` -- ${help}`;
  if (option.secure) {
    const isOptional = !option.required;
    return { name, isOptional, line: `@secret ${name}${isOptional ? "?" : ""}${tail}` };
  }
  const type = toType(option);
  const value = toDefault(option, type, findings);
  const isOptional = value === undefined && !option.required;
  const rest = value === undefined ? (isOptional ? "?" : "") : ` = ${quoteForHeader(value)}`;
  return { name, isOptional, line: `@param ${name} ${type.text}${rest}${tail}` };
}

interface ParamType {
  readonly type: ScriptParam["type"];
  readonly text: string;
  readonly choices: readonly string[];
}

function toType({ values, enforced, multivalued, type }: RundeckOption): ParamType {
  if (type === "multiline") return { type: "text", text: "text", choices: [] };
  const choices = [...new Set(values)].filter((value) => value !== "");
  if (!enforced || multivalued || choices.length === 0 || choices.some((one) => /[\n\r]/.test(one)))
    return { type: "string", text: "string", choices: [] };
  return { type: "choice", text: `choice(${choices.map(quoteForHeader).join("|")})`, choices };
}

function toDefault(
  { name, value }: RundeckOption,
  { choices }: ParamType,
  findings: Findings,
): string | undefined {
  if (value === undefined || value === "") return undefined;
  const place = `options.${name}.value`;
  if (value.length > LONGEST_DEFAULT || /\$\{|[\r\n]/.test(value)) {
    findings.add(
      "left-out",
      place,
      "the default is put together by Rundeck, or is too long for a header",
    );
    return undefined;
  }
  if (choices.length === 0 || choices.includes(value)) return value;
  findings.add("left-out", place, "the default is none of the values");
  return undefined;
}

type Teller = readonly [key: keyof RundeckOption, detail: string];

const NOT_KEPT: readonly Teller[] = [
  ["regex", "a value is not checked against the pattern; check it in the script"],
  ["valuesUrl", "values are not fetched from an address"],
  [
    "storagePath",
    "the value in Rundeck's key storage is not read: store it with `deckhand secrets set`",
  ],
  ["isDate", "the value is any text, not a date in Rundeck's format"],
  ["hidden", "the parameter is shown"],
];

function tellOfOption(option: RundeckOption, place: string, findings: Findings): void {
  for (const [key, detail] of NOT_KEPT)
    if (option[key]) findings.add("left-out", `${place}.${key}`, detail);
  if (option.multivalued) {
    const detail = `several values are one text, with ${JSON.stringify(option.delimiter ?? ",")} between them`;
    findings.add("changed", `${place}.multivalued`, detail);
  } else if (option.values.length > 0 && !option.enforced)
    findings.add(
      "left-out",
      `${place}.values`,
      "values are not suggested, as any other is allowed too",
    );
  if (option.type === "file")
    findings.add("changed", `${place}.type`, "the script gets a text, and no file with it");
}
