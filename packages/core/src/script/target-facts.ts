import type { ScriptParam } from "../contract/script.ts";
import type { Target } from "../contract/target.ts";

/** What a script gets to know of a target that is a parameter, by the end of the variable's name. */
const FACTS: readonly (readonly [ending: string, fact: (target: Target) => string])[] = [
  ["", ({ name }) => name],
  ["_ID", ({ id }) => id],
  ["_CONTAINER_ID", ({ containerId }) => containerId],
  ["_ENGINE", ({ engine }) => engine],
];

/** The variables that tell a script of the target. */
export function toTargetFacts(param: string, target: Target): Readonly<Record<string, string>> {
  return Object.fromEntries(FACTS.map(([ending, fact]) => [param + ending, fact(target)]));
}

/** The names of the variables that a parameter becomes. */
export function variablesOf({ name, type }: Pick<ScriptParam, "name" | "type">): readonly string[] {
  return type === "target" ? FACTS.map(([ending]) => name + ending) : [name];
}
