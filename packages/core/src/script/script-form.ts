import type { FormField, ScriptForm, ScriptParam } from "../contract/script.ts";
import { checkValue } from "./check-value.ts";
import type { ScriptHeader } from "./script-header.ts";
import { SECRET_PATTERN } from "./secret-value.ts";

type Schema = Readonly<Record<string, unknown>>;

/** Days that there are, leap years included. */
const DATE_PATTERN =
  "^(?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))" +
  "|(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)$";
const DURATION_PATTERN = "^(?=.{1,64}$)(?:\\d{1,15}(?:\\.\\d{1,15})?(?:ms|s|m|h|d))+$";
/** A variable can not hold a NUL. */
const TEXT_PATTERN = "^[^\\u0000]*$";

const SCHEMA_BY_TYPE: Readonly<Record<ScriptParam["type"], (param: ScriptParam) => Schema>> = {
  string: toTextSchema,
  text: toTextSchema,
  int: ({ min, max }) => ({
    type: "integer",
    minimum: min ?? Number.MIN_SAFE_INTEGER,
    maximum: max ?? Number.MAX_SAFE_INTEGER,
  }),
  number: ({ min, max }) => ({
    type: "number",
    ...(min !== null && { minimum: min }),
    ...(max !== null && { maximum: max }),
  }),
  bool: () => ({ type: "boolean" }),
  choice: ({ choices }) => ({ enum: choices ?? [] }),
  choices: ({ choices }) => ({ type: "array", items: { enum: choices ?? [] } }),
  date: () => ({ type: "string", format: "date", pattern: DATE_PATTERN }),
  duration: () => ({ type: "string", pattern: DURATION_PATTERN }),
  json: () => ({ type: "string", contentMediaType: "application/json", pattern: TEXT_PATTERN }),
  file: (param) => ({ ...toTextSchema(param), contentMediaType: "text/plain" }),
  target: () => ({ type: "string", minLength: 1, pattern: TEXT_PATTERN }),
};

/**
 * Describes what a script takes: its fields in order, and a JSON Schema of `params` in the types of JSON. The server
 * also reads what people type (`yes`, `08`), and a schema that says less: sizes in bytes, and what is in a JSON text.
 */
export function toScriptForm(header: Pick<ScriptHeader, "declared" | "params">): ScriptForm {
  const { declared, params } = header;
  const required = params.filter((param) => param.required && param.from === null);
  return {
    fields: params.map(toField),
    schema: {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      additionalProperties: !declared,
      required: required.map(({ name }) => name),
      properties: Object.fromEntries(params.map((param) => [param.name, toSchema(param)])),
    },
  };
}

function toField(param: ScriptParam): FormField {
  const words = param.name.toLowerCase().split("_").filter(Boolean).join(" ");
  return { ...param, label: words.charAt(0).toUpperCase() + words.slice(1) };
}

function toSchema(param: ScriptParam): Schema {
  const { secret, help, default: given } = param;
  const initial = given === null ? undefined : checkValue(given, param);
  return {
    ...(secret ? SECRET_SCHEMA : SCHEMA_BY_TYPE[param.type](param)),
    ...(initial?.kind === "valid" && { default: initial.value }),
    ...(help !== "" && { description: help }),
  };
}

const SECRET_SCHEMA: Schema = {
  type: "string",
  format: "password",
  writeOnly: true,
  pattern: SECRET_PATTERN,
};

function toTextSchema({ min, max }: ScriptParam): Schema {
  return {
    type: "string",
    ...(min !== null && { minLength: min }),
    ...(max !== null && { maxLength: max }),
    pattern: TEXT_PATTERN,
  };
}
