import { AppError, type Target } from "@deckhand/core";
import { noneMatched, type SelectTargetsDeps, selectTargets } from "../targets/select-targets.ts";

const SHOWN = 5;

/** Gives the one target that a selector matches; throws NO_TARGET_MATCHED, TARGET_AMBIGUOUS or TARGET_STATE_CONFLICT. */
export async function pickTarget(deps: SelectTargetsDeps, on: string): Promise<Target> {
  const { targets, noMatch } = await selectTargets(deps, { on: [on] });
  if (noMatch) throw noneMatched(noMatch);
  const [target, ...others] = targets;
  if (!target || others.length > 0) throw severalMatched(targets);
  // A run waits for a container; whoever sits before a terminal wants to know.
  if (target.state !== "running") throw notRunning(target);
  return target;
}

function notRunning({ name, state }: Target): AppError {
  return new AppError("TARGET_STATE_CONFLICT", {
    detail: `The container ${name} is ${state}.`,
    hint: "Try again when it runs; see: deckhand targets",
  });
}

function severalMatched(found: readonly Target[]): AppError {
  const names = found.slice(0, SHOWN).map(({ name, engine, id }) => `${name} on ${engine} (${id})`);
  const more = found.length > SHOWN ? ", …" : "";
  return new AppError("TARGET_AMBIGUOUS", {
    detail: `A terminal is in one container, and ${found.length} targets match: ${names.join(", ")}${more}.`,
    hint: "Give a whole name, an id, or engine=… with the name.",
    errors: [{ pointer: "/on", detail: `matches ${found.length} targets` }],
  });
}
