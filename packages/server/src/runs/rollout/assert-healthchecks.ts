import { AppError, type RolloutPlan, type Target } from "@deckhand/core";

const NAMED = 3;

/** Refuses a gate on the HEALTHCHECK of containers that have none: it could only stop there. */
export function assertHealthchecks({
  rollout,
  targets,
}: {
  readonly rollout: RolloutPlan | undefined;
  readonly targets: readonly Target[];
}): void {
  if (!rollout?.health?.healthcheck) return;
  const without = targets.filter(({ health }) => health === "none").map(({ name }) => name);
  if (without.length > 0) throw toMissing(without, targets.length);
}

function toMissing(without: readonly string[], total: number): AppError {
  const more = without.length > NAMED ? ` and ${without.length - NAMED} more` : "";
  const names = `${without.slice(0, NAMED).join(", ")}${more}`;
  const detail = `${without.length} of ${total} containers ${without.length === 1 ? "has" : "have"} no HEALTHCHECK: ${names}.`;
  return new AppError("HEALTHCHECK_MISSING", {
    detail,
    errors: [{ pointer: "/rollout/health/healthcheck", detail }],
    hint: "Leave them out (--except), or look with a probe (--probe) in place of --health healthcheck.",
  });
}
