import { type ParamValue, SECRET_SHOWN } from "@deckhand/core";
import type { Vault } from "./vault.ts";

type Params = Readonly<Record<string, ParamValue>>;

/** A body whose run has fixed values of parameters; those of secret ones are only kept sealed, by name. */
export interface FixedParams {
  readonly run: { readonly params: Params };
  readonly sealedParams: Readonly<Record<string, string>>;
}

/** Whose values they are, such as `schedule/nightly`: they can be opened for it only. */
export interface FixedPlace {
  readonly vault: Vault;
  readonly place: string;
}

/** Seals the values of these parameters; those that are sealed stay so. */
export function sealFixed<Body extends FixedParams>(
  { vault, place }: FixedPlace,
  body: Body,
  names: readonly string[],
): Body {
  const entries = Object.entries(body.run.params);
  const sealed = entries
    .filter(([name]) => names.includes(name))
    .map(([name, value]) => [name, vault.seal(String(value), toContext(place, name))]);
  const open = entries.filter(([name]) => !names.includes(name));
  return {
    ...body,
    run: { ...body.run, params: Object.fromEntries(open) },
    sealedParams: { ...body.sealedParams, ...Object.fromEntries(sealed) },
  };
}

/** All fixed values, for the moment of a start. */
export function openFixed(
  { vault, place }: FixedPlace,
  body: FixedParams,
): Record<string, ParamValue> {
  const opened = Object.entries(body.sealedParams).map(([name, sealed]) => [
    name,
    vault.open(sealed, toContext(place, name)),
  ]);
  return { ...body.run.params, ...Object.fromEntries(opened) };
}

/** All fixed values, as they are shown. */
export function hideFixed(body: FixedParams): Record<string, ParamValue> {
  const hidden = Object.keys(body.sealedParams).map((name) => [name, SECRET_SHOWN]);
  return { ...body.run.params, ...Object.fromEntries(hidden) };
}

/** The names of those that somebody who saves what was shown wants to stay as they are. */
export function findUnchanged(params: Params, before: FixedParams | undefined): string[] {
  const sealed = before?.sealedParams ?? {};
  return Object.keys(params).filter(
    (name) => params[name] === SECRET_SHOWN && Object.hasOwn(sealed, name),
  );
}

function toContext(place: string, param: string): string {
  return `${place}/${param}`;
}
