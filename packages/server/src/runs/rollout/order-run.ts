import {
  orderTargets,
  planRollout,
  type RolloutPlan,
  type RunRequest,
  type Target,
} from "@deckhand/core";

/** Puts the targets of a run into the order of its rollout and says what that will do with them. */
export function orderRun(
  { newSeed }: { readonly newSeed: () => number },
  { rollout }: Pick<RunRequest, "rollout">,
  targets: readonly Target[],
): { readonly targets: readonly Target[]; readonly rollout: RolloutPlan | undefined } {
  if (!rollout) return { targets, rollout: undefined };
  const { order } = rollout;
  const seed = order === "random" ? (rollout.seed ?? newSeed()) : null;
  return {
    targets: orderTargets(targets, { order, seed: seed ?? 0 }),
    rollout: planRollout(rollout, targets.length, seed),
  };
}
