import type {
  ProbePlan,
  RolloutPlan,
  RolloutPlanView,
  RolloutProgressView,
  RolloutView,
} from "@deckhand/core";
import type { RunPlan } from "../run-plan.ts";
import type { RunRow } from "../run-store.ts";
import { type GateRow, toGateView } from "./gate-store.ts";
import { readRecord, type RolloutRecord } from "./rollout-record.ts";

/** Shows what a rollout is to do. */
export function toRolloutPlanView(plan: RolloutPlan): RolloutPlanView {
  const { health, batches, ...rest } = plan;
  return {
    ...rest,
    batches: [...batches],
    health: health && { ...health, probe: health.probe && toProbeWords(health.probe) },
  };
}

function toProbeWords({ program }: ProbePlan): string {
  return program.kind === "argv" ? program.argv.join(" ") : program.text;
}

/** Shows how far it is. */
export function toRolloutProgress(row: RunRow): RolloutProgressView | null {
  if (row.rollout_json === null) return null;
  const { waitsFor, stopped }: RolloutRecord = readRecord(row.rollout_json);
  const goesOn = row.finished_at === null;
  return {
    waitsFor:
      waitsFor && goesOn
        ? { kind: waitsFor.kind, batch: waitsFor.batch, until: toTime(waitsFor.untilMs) }
        : null,
    stopped: stopped && { code: stopped.code, detail: stopped.detail, at: toTime(stopped.atMs) },
  };
}

/** Shows both, with the verdict of each look at the health. */
export function toRolloutView(
  row: RunRow,
  { rollout }: RunPlan,
  gates: readonly GateRow[],
): RolloutView | null {
  const progress = toRolloutProgress(row);
  if (!rollout || !progress) return null;
  return { ...toRolloutPlanView(rollout), ...progress, gates: gates.map(toGateView) };
}

function toTime(ms: number): string {
  return new Date(ms).toISOString();
}
