import type { RunningExecution, SessionOutcome } from "../session.ts";

export interface Ended {
  readonly outcome: SessionOutcome;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** Takes all output of an execution, says so as a log would, and waits for its outcome. */
export async function readToEnd(execution: RunningExecution): Promise<Ended> {
  const pieces = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  const taken = { stdout: 0, stderr: 0 };
  for await (const { stream, bytes } of execution.output) {
    pieces[stream].push(bytes);
    taken[stream] += bytes.length;
    execution.acknowledge({ ...taken });
  }
  const [stdout, stderr] = [Buffer.concat(pieces.stdout), Buffer.concat(pieces.stderr)];
  return { outcome: await execution.outcome, stdout, stderr };
}
