import { AppError, explainNoMatch, matchTargets, parseSelector, type Target } from "@deckhand/core";

export interface PickTargetDeps {
  readonly listTargets: () => readonly Target[];
  /** Asks the engines now; a container that started a moment ago may not be listed yet. */
  readonly refreshTargets: () => Promise<void>;
}

const SHOWN = 5;

/** Gives the one target that a selector matches; throws NO_TARGET_MATCHED, TARGET_AMBIGUOUS or TARGET_STATE_CONFLICT. */
export async function pickTarget(deps: PickTargetDeps, on: string): Promise<Target> {
  const selector = parseSelector(on);
  const find = () => matchTargets({ on: [selector], except: [] }, deps.listTargets());
  let found = find();
  if (found.length === 0) {
    await deps.refreshTargets();
    found = find();
  }
  const [target, ...others] = found;
  if (!target) throw noneMatched(explainNoMatch([selector], deps.listTargets()));
  if (others.length > 0) throw severalMatched(found);
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

function noneMatched(explanation: ReturnType<typeof explainNoMatch>): AppError {
  const errors = [{ pointer: "/on", detail: "matches nothing" }];
  return new AppError("NO_TARGET_MATCHED", { ...explanation, errors });
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
