import { AppError, type ErrorPlace } from "../errors.ts";
import { DEFAULT_LIMITS, type Limits } from "../limits.ts";
import { toPointer } from "./json-pointer.ts";
import { findNameProblem } from "./reserved-names.ts";
import { findTextProblem, utf8Length } from "./text-bytes.ts";

type EnvLimits = Pick<Limits, "paramCount" | "allParamsBytes">;

/** Refuses environment variables that may not be set from outside, all at once, with ENV_INVALID. */
export function assertEnvAllowed(
  env: Readonly<Record<string, string>>,
  limits: EnvLimits = DEFAULT_LIMITS,
): void {
  const entries = Object.entries(env);
  const errors = [...entries.flatMap(toEnvErrors), ...toSizeErrors(entries, limits)];
  const first = errors[0];
  if (first === undefined) return;
  const name = first.pointer.replace("/env/", "").replace("/env", "The environment");
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  throw new AppError("ENV_INVALID", {
    detail: `${name} ${first.detail}${more}.`,
    errors: errors.slice(0, 200),
  });
}

function toEnvErrors([name, value]: [string, string]): ErrorPlace[] {
  const detail = findNameProblem(name) ?? findTextProblem(value);
  return detail === undefined ? [] : [{ pointer: toPointer("env", name), detail }];
}

function toSizeErrors(entries: readonly [string, string][], limits: EnvLimits): ErrorPlace[] {
  if (entries.length > limits.paramCount) {
    return [
      {
        pointer: "/env",
        detail: `has ${entries.length} variables; the limit is ${limits.paramCount}`,
      },
    ];
  }
  const bytes = entries.reduce(
    (sum, [name, value]) => sum + utf8Length(name) + utf8Length(value),
    0,
  );
  if (bytes <= limits.allParamsBytes) return [];
  return [{ pointer: "/env", detail: `has ${bytes} bytes; the limit is ${limits.allParamsBytes}` }];
}
