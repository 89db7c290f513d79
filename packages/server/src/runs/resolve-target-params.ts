import {
  AppError,
  type ErrorPlace,
  type ResolvedParams,
  type ScriptHeader,
  type Target,
  toTargetFacts,
} from "@deckhand/core";
import { type SelectTargetsDeps, selectTargets } from "../targets/select-targets.ts";

/** Finds the target that each parameter of that type means now, and what the script gets to know of it. */
export async function resolveTargetParams(
  select: SelectTargetsDeps,
  header: ScriptHeader | undefined,
  { env }: Pick<ResolvedParams, "env">,
): Promise<Readonly<Record<string, string>>> {
  const errors: ErrorPlace[] = [];
  const facts: Record<string, string> = {};
  for (const { name, type } of header?.params ?? []) {
    const selector = type === "target" ? env[name] : undefined;
    if (selector === undefined) continue;
    const found = await findOne(select, selector);
    if (typeof found === "string") errors.push({ pointer: `/params/${name}`, detail: found });
    else Object.assign(facts, toTargetFacts(name, found));
  }
  if (errors.length === 0) return facts;
  throw new AppError("PARAM_INVALID", {
    detail: errors.map(({ pointer, detail }) => `${pointer.slice(8)} ${detail}.`).join(" "),
    errors,
    hint: "See what a selector matches: deckhand targets --on SELECTOR",
  });
}

/** Gives the target, or what is wrong. */
async function findOne(select: SelectTargetsDeps, selector: string): Promise<Target | string> {
  const { targets } = await selectTargets(select, { on: [selector] });
  const [target] = targets;
  if (!target) return "matches no running target";
  const names = targets.slice(0, 3).map(({ name }) => name);
  return targets.length === 1
    ? target
    : `matches ${targets.length} targets, and one is wanted: ${names.join(", ")}${targets.length > 3 ? ", …" : ""}`;
}
