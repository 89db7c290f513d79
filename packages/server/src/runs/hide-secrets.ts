import type { OutcomeReason } from "@deckhand/core";
import type { OutputLog } from "../output/output-log.ts";
import { maskOutput } from "../secrets/mask-output.ts";
import type { SecretMask } from "../secrets/secret-mask.ts";
import type { Leftover, RunningExecution } from "../sessions/session.ts";
import type { Running } from "./prepare-execution.ts";
import type { ExecutionChange, ExecutionRow } from "./run-store.ts";

/** The output of an execution without its run's secrets. */
export async function withoutSecrets(
  log: Pick<OutputLog, "readRaw">,
  { running, mask, row, isResumed }: Running,
): Promise<RunningExecution["output"]> {
  if (!mask) return running.output;
  return maskOutput(running.output, {
    mask,
    before: isResumed ? await readEnds(log, row, mask.longestBytes) : undefined,
    goesOn: async () => (await running.outcome).kind === "detached",
  });
}

/** The last bytes of each stream that an earlier server process wrote. */
async function readEnds(log: Pick<OutputLog, "readRaw">, row: ExecutionRow, mostBytes: number) {
  const readEnd = async (stream: "stdout" | "stderr") => {
    let end = Buffer.alloc(0);
    for await (const piece of log.readRaw(row.run_id, row.id, stream))
      end = Buffer.from(Buffer.concat([end, piece]).subarray(-mostBytes));
    return end;
  };
  return { stdout: await readEnd("stdout"), stderr: await readEnd("stderr") };
}

/** Engines and containers may repeat what they were given. */
export function hideInReason(mask: SecretMask | undefined, reason: OutcomeReason): OutcomeReason {
  return mask ? { ...reason, detail: mask.text(reason.detail) } : reason;
}

export function hideInLeftovers(
  mask: SecretMask | undefined,
  leftovers: readonly Leftover[],
): readonly Leftover[] {
  if (!mask) return leftovers;
  return leftovers.map(({ pid, command }) => ({ pid, command: mask.text(command) }));
}

/** What is written down of an end. */
export function hideInChange(
  mask: SecretMask | undefined,
  change: ExecutionChange,
): ExecutionChange {
  const { reason, leftovers } = change;
  return {
    ...change,
    ...(reason && { reason: hideInReason(mask, reason) }),
    ...(leftovers && { leftovers: hideInLeftovers(mask, leftovers) }),
  };
}
