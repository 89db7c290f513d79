import type { ScriptParam } from "../contract/script.ts";
import type { CheckedValue } from "./check-value.ts";
import { findNameProblem } from "./reserved-names.ts";

/** A stored secret that fills a parameter. */
export interface GivenSecret {
  readonly name: string;
  /** `undefined` when there is none of that name. */
  readonly value: string | undefined;
  /** False when the script's header says it and the caller does not. */
  readonly isAsked: boolean;
}

/** By the name of the parameter. */
export type GivenSecrets = Readonly<Record<string, GivenSecret>>;

export interface SecretPlace {
  readonly param: string;
  /** What the header says of it; `undefined` where it says nothing. */
  readonly declared: ScriptParam | undefined;
  /** Why a name that the header does not declare is wrong; `undefined` where any name is taken. */
  readonly unknown: string | undefined;
  /** Whether the parameter has a value as well. */
  readonly isGivenToo: boolean;
}

/** Checks one; gives `undefined` when the parameter stays unset. */
export function checkStoredSecret(
  secret: GivenSecret,
  place: SecretPlace,
): CheckedValue | undefined {
  const detail = findPlaceProblem(secret, place);
  if (detail !== undefined) return { kind: "wrong", detail };
  if (secret.value !== undefined) return { kind: "valid", text: secret.value, value: "" };
  if (secret.isAsked) return missing(`is to come from ${secret.name}`, secret);
  return place.declared?.required ? missing("is required", secret) : undefined;
}

function missing(what: string, { name }: GivenSecret): CheckedValue {
  return { kind: "wrong", detail: `${what}, and there is no stored secret ${name}` };
}

function findPlaceProblem(
  { isAsked }: GivenSecret,
  { param, declared, unknown, isGivenToo }: SecretPlace,
): string | undefined {
  if (isAsked && isGivenToo) return "is given twice: as a value, and as a stored secret";
  if (declared) return declared.secret ? undefined : "is no secret parameter; give it in params";
  return unknown ?? findNameProblem(param);
}
