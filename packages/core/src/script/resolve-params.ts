import type { ParamValue } from "../contract/run.ts";
import type { ScriptParam } from "../contract/script.ts";
import { AppError, type ErrorPlace } from "../errors.ts";
import { DEFAULT_LIMITS, type Limits } from "../limits.ts";
import { findNearMatch } from "../near-match.ts";
import { type CheckedValue, checkValue, toPlainText } from "./check-value.ts";
import { toPointer } from "./json-pointer.ts";
import { findNameProblem } from "./reserved-names.ts";
import { checkStoredSecret, type GivenSecret, type GivenSecrets } from "./resolve-secrets.ts";
import type { ScriptHeader } from "./script-header.ts";
import { findSecretProblem, SECRET_SHOWN } from "./secret-value.ts";
import { findTextProblem, utf8Length } from "./text-bytes.ts";

/** A run's parameters, ready to travel; all records are without a prototype, as names are data. */
export interface ResolvedParams {
  /** Variables that the script gets, byte for byte, without those of secrets. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables of secret parameters; never to be kept or shown. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly shown: Readonly<Record<string, ParamValue>>;
  /** What the script gets as arguments too, in the order of its header. */
  readonly args: readonly string[];
}

type ParamLimits = Pick<Limits, "paramBytes" | "allParamsBytes" | "paramCount">;

export interface ResolveOptions {
  readonly limits?: ParamLimits;
  /** Stored secrets, in place of values of their parameters. */
  readonly secrets?: GivenSecrets;
}

interface ResolvedParam {
  readonly name: string;
  readonly secret: boolean;
  /** The stored secret that it comes from. */
  readonly from?: GivenSecret;
  readonly checked: CheckedValue;
}

/**
 * Checks given values against a script's header and fills in defaults; throws PARAM_INVALID with every place that is
 * wrong. A script without a header takes any valid name as text; one with a header takes what it declares.
 */
export function resolveParams(
  header: Pick<ScriptHeader, "declared" | "params"> | undefined,
  given: Readonly<Record<string, ParamValue>>,
  { limits = DEFAULT_LIMITS, secrets = {} }: ResolveOptions = {},
): ResolvedParams {
  const declared = header?.declared ? header.params : undefined;
  const resolved = [
    ...(declared ? resolveDeclared(declared, given, secrets) : resolveFree(given)),
    ...resolveSecrets(declared, given, secrets),
  ];
  const errors = [
    ...resolved.flatMap((param) => toErrors(param, limits)),
    ...toSizeErrors(resolved, given, limits),
  ];
  if (errors.length > 0) throw paramInvalid(errors);
  const args = (declared ?? []).filter(({ arg }) => arg);
  const result = toResult(resolved);
  return { ...result, args: args.map(({ name }) => result.env[name] ?? "") };
}

function resolveDeclared(
  params: readonly ScriptParam[],
  given: Readonly<Record<string, ParamValue>>,
  secrets: GivenSecrets,
): ResolvedParam[] {
  const open = params.filter(({ name }) => !Object.hasOwn(secrets, name));
  const declared = open.flatMap((param) =>
    resolveOne(param, Object.hasOwn(given, param.name) ? given[param.name] : undefined),
  );
  const names = params.map(({ name }) => name);
  const known = new Set(names);
  const unknown = Object.keys(given).filter((name) => !known.has(name));
  const near = unknown.slice(0, 100).map((name) => toUnknown(name, names));
  return [...declared, ...near];
}

function resolveOne(param: ScriptParam, given: ParamValue | undefined): ResolvedParam[] {
  const { name, secret, required } = param;
  const value = given ?? param.default ?? undefined;
  if (value !== undefined)
    return [{ name, secret, checked: checkSecret(checkValue(value, param), param) }];
  if (!required) return [];
  return [{ name, secret, checked: { kind: "wrong", detail: "is required" } }];
}

function checkSecret(checked: CheckedValue, { secret }: ScriptParam): CheckedValue {
  const detail = secret && checked.kind === "valid" ? findSecretProblem(checked.text) : undefined;
  return detail === undefined ? checked : { kind: "wrong", detail };
}

function resolveSecrets(
  params: readonly ScriptParam[] | undefined,
  given: Readonly<Record<string, ParamValue>>,
  secrets: GivenSecrets,
): ResolvedParam[] {
  const names = params?.map(({ name }) => name);
  return Object.entries(secrets).flatMap(([name, from]) => {
    const checked = checkStoredSecret(from, {
      param: name,
      declared: params?.find((param) => param.name === name),
      unknown: names && explainUnknown(name, names),
      isGivenToo: Object.hasOwn(given, name),
    });
    return checked ? [{ name, secret: true, from, checked }] : [];
  });
}

function toUnknown(name: string, names: readonly string[]): ResolvedParam {
  const detail = explainUnknown(name, names);
  return { name, secret: false, checked: { kind: "wrong", detail } };
}

function explainUnknown(name: string, names: readonly string[]): string {
  const near = findNearMatch(name, names);
  const takes =
    names.length === 0 ? "it takes no parameters" : `it takes ${names.slice(0, 20).join(", ")}`;
  return `is not a parameter of this script; ${near === undefined ? takes : `did you mean ${near}?`}`;
}

function resolveFree(given: Readonly<Record<string, ParamValue>>): ResolvedParam[] {
  return Object.entries(given).map(([name, value]) => ({
    name,
    secret: false,
    checked: checkFree(name, value),
  }));
}

function checkFree(name: string, value: ParamValue): CheckedValue {
  const detail = findNameProblem(name);
  return detail === undefined
    ? { kind: "valid", text: toPlainText(value), value }
    : { kind: "wrong", detail };
}

function toErrors(
  { name, from, checked }: ResolvedParam,
  { paramBytes }: ParamLimits,
): ErrorPlace[] {
  const pointer = toPointer(from?.isAsked ? "secrets" : "params", name);
  if (checked.kind === "wrong") return [{ pointer, detail: checked.detail }];
  const problem = findTextProblem(checked.text);
  if (problem !== undefined) return [{ pointer, detail: problem }];
  const bytes = utf8Length(checked.text);
  return bytes <= paramBytes
    ? []
    : [{ pointer, detail: `has ${bytes} bytes; the limit is ${paramBytes}` }];
}

function toSizeErrors(
  resolved: readonly ResolvedParam[],
  given: object,
  limits: ParamLimits,
): ErrorPlace[] {
  const count = Object.keys(given).length;
  if (count > limits.paramCount)
    return [
      { pointer: "/params", detail: `has ${count} parameters; the limit is ${limits.paramCount}` },
    ];
  const bytes = resolved.reduce(
    (sum, { name, checked }) =>
      sum + name.length + (checked.kind === "valid" ? utf8Length(checked.text) : 0),
    0,
  );
  if (bytes <= limits.allParamsBytes) return [];
  return [
    {
      pointer: "/params",
      detail: `has ${bytes} bytes in all; the limit is ${limits.allParamsBytes}`,
    },
  ];
}

function paramInvalid(errors: readonly ErrorPlace[]): AppError {
  const [first] = errors;
  const name = first?.pointer
    .replace(/^\/(params|secrets)\//, "")
    .replace("/params", "The request");
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  return new AppError("PARAM_INVALID", {
    detail: `${name} ${first?.detail}${more}.`,
    errors: errors.slice(0, 200),
    hint: "The script's header says what it takes: deckhand scripts show NAME",
  });
}

function toResult(resolved: readonly ResolvedParam[]): Omit<ResolvedParams, "args"> {
  const result = {
    env: emptyRecord<string>(),
    secrets: emptyRecord<string>(),
    shown: emptyRecord<ParamValue>(),
  };
  for (const { name, secret, from, checked } of resolved) {
    if (checked.kind === "wrong") continue;
    (secret ? result.secrets : result.env)[name] = checked.text;
    result.shown[name] = secret ? toShownSecret(from) : checked.value;
  }
  return result;
}

function toShownSecret(from: GivenSecret | undefined): string {
  return from ? `${SECRET_SHOWN} ${from.name}` : SECRET_SHOWN;
}

function emptyRecord<Value>(): Record<string, Value> {
  return Object.create(null);
}
