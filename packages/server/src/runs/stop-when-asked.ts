import type { OutcomeReason } from "@deckhand/core";
import type { Leftover, RunningExecution } from "../sessions/session.ts";
import type { ExecuteDeps } from "./execution-deps.ts";
import type { Running } from "./prepare-execution.ts";
import type { StopReason } from "./settlement.ts";

/** How long the end may take after a stop said that nothing is left, or that nothing more can be done. */
const END_AFTER_STOP_MS = 5_000;
/** What an earlier server process had started gets this long to tell an end that is past. */
const HEARD_WITHIN_MS = 5_000;

/** Waits for the deadline or a cancel, whichever is first, and stops the script; ends with the script. */
export async function stopWhenAsked(
  deps: ExecuteDeps,
  execution: Running,
): Promise<readonly Leftover[]> {
  const { plan, running, self } = execution;
  const ended = running.outcome.then(() => "ended" as const);
  const deadline = running.keepsDeadline
    ? undefined
    : setTimeout(
        () => {
          self.stopReason ??= toDeadline(plan.timeoutMs);
          self.wake();
        },
        toTimeLeft(deps, execution),
      );
  const asked = new Promise<"asked">((resolve) => {
    self.wake = () => resolve("asked");
    if (self.stopReason) resolve("asked");
  });
  const first = await Promise.race([ended, asked]);
  clearTimeout(deadline);
  if (first === "ended") return [];
  const leftovers = await running.stop({ graceMs: plan.killGraceMs });
  await abandonUnlessEnded(running, leftovers);
  return leftovers;
}

/** The time without a server counts too; what ended in it must be heard all the same. */
function toTimeLeft({ now }: ExecuteDeps, { plan, row, isResumed }: Running): number {
  if (!isResumed || row.started_at === null) return plan.timeoutMs;
  return Math.max(HEARD_WITHIN_MS, plan.timeoutMs - (now() - row.started_at));
}

export function toDeadline(timeoutMs: number): StopReason {
  return {
    state: "timed-out",
    reason: {
      code: "deadline",
      detail: `The script ran longer than its timeout of ${timeoutMs / 1000} s.`,
    },
  };
}

async function abandonUnlessEnded(
  running: RunningExecution,
  leftovers: readonly Leftover[],
): Promise<void> {
  const patience = setTimeout(() => running.abandon(toUnknownEnd(leftovers)), END_AFTER_STOP_MS);
  await running.outcome;
  clearTimeout(patience);
}

function toUnknownEnd(leftovers: readonly Leftover[]): OutcomeReason {
  const seen =
    leftovers.length === 0 ? "nothing of it was found running" : "some of it could not be ended";
  return {
    code: "exit-unknown",
    detail: `The script was told to stop and ${seen}, but its end was not reported.`,
  };
}
