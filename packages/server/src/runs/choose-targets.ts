import type { Limits, PickView, RolloutPlan, RunRequest, Target } from "@deckhand/core";
import {
  noneMatched,
  type SelectTargetsDeps,
  selectTargets,
  tooManyMatched,
} from "../targets/select-targets.ts";
import type { TargetPicker } from "./pick-targets.ts";
import { assertHealthchecks } from "./rollout/assert-healthchecks.ts";
import { orderRun } from "./rollout/order-run.ts";
import type { PlannedTarget } from "./run-plan.ts";

export interface ChooseTargetsDeps {
  readonly select: SelectTargetsDeps;
  readonly pick: TargetPicker;
  /** For an order by chance. */
  readonly newSeed: () => number;
  readonly limits: Pick<Limits, "targetsPerRun" | "mostTargetsPerRun">;
}

export interface ChosenTargets {
  readonly targets: readonly PlannedTarget[];
  readonly pick: PickView | undefined;
  readonly rollout: RolloutPlan | undefined;
}

/** Finds the targets of a run in their order: what its selectors match, of these as many as it wants, and not more than it may. */
export async function chooseTargets(
  deps: ChooseTargetsDeps,
  request: RunRequest,
  isTrial: boolean,
): Promise<ChosenTargets> {
  const { targets: matched, noMatch } = await selectTargets(deps.select, request);
  if (noMatch && !request.allowEmpty) throw noneMatched(noMatch);
  const most = Math.min(
    request.limits.maxTargets ?? deps.limits.targetsPerRun,
    deps.limits.mostTargetsPerRun,
  );
  const wanted = Math.min(matched.length, request.pick?.count ?? matched.length);
  if (wanted > most) throw tooManyMatched(wanted, most);
  const { targets, pick } = await deps.pick({ request, targets: matched, isTrial });
  const ordered = orderRun(deps, request, targets);
  assertHealthchecks(ordered);
  return { targets: ordered.targets.map(toPlanned), pick, rollout: ordered.rollout };
}

function toPlanned(target: Target): PlannedTarget {
  const { id, name, engine, containerId, image, startedAt } = target;
  return { id, name, engine, containerId, image, containerStartedAt: startedAt ?? undefined };
}
