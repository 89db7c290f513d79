import type { Guarantees } from "@deckhand/core";
import type { ExecuteDeps } from "./execution-deps.ts";
import type { Running } from "./prepare-execution.ts";
import {
  changeWay,
  type ExecutionChange,
  type ExecutionRow,
  type MovedExecution,
  moveExecution,
} from "./run-store.ts";
import { whenStorageAllows } from "./when-storage-allows.ts";

const NOTE_AFTER_MS = 25;

/** Written down before anything can run, so that after a crash we know where to look for it. */
export async function noteWay(
  deps: ExecuteDeps,
  { id, state, guarantees_json }: ExecutionRow,
  guarantees: Guarantees,
): Promise<void> {
  if (state === "queued") {
    await move(deps, id, { state: "starting", atMs: deps.now(), guarantees });
    return;
  }
  // It was accepted with the way that was open then, or an earlier server process had come this far.
  if (guarantees_json !== JSON.stringify(guarantees)) await changeWay(deps.db, id, guarantees);
  await deps.synced();
}

/** Says that the script runs, when that is not known yet. */
export function noteRunning(deps: ExecuteDeps, { row, running, isResumed }: Running): Noting {
  if (isResumed && row.state === "running") return { end: async () => undefined };
  const { guarantees } = running;
  const atMs = deps.now();
  let noted: Promise<void> | undefined;
  const note = async () => {
    const moved = await move(deps, row.id, { state: "running", atMs, guarantees });
    deps.observe.started(moved.execution, guarantees);
  };
  // A fault is told where the end is waited for, after the output was taken.
  const timer = setTimeout(() => {
    noted = note();
    noted.catch(() => {});
  }, NOTE_AFTER_MS);
  return {
    end: async () => {
      clearTimeout(timer);
      await noted;
      if (noted) return undefined;
      deps.observe.started({ ...row, started_at: atMs }, guarantees);
      return atMs;
    },
  };
}

/** That a script runs is written down on its own only when it does not end at once: that step can be left out then. */
export interface Noting {
  /** Gives when it began to run, where that was not written down. */
  end(): Promise<number | undefined>;
}

/** Writes a step down; on a full or failing disk it waits, because what happened is known only here. */
export async function move(
  deps: ExecuteDeps,
  executionId: string,
  change: ExecutionChange,
): Promise<MovedExecution> {
  let moved: MovedExecution | undefined;
  return whenStorageAllows(async () => {
    moved ??= await moveExecution(deps, executionId, change);
    const { run } = moved;
    const mayBeOver = run.finished_at !== null;
    // A script may be said to run a moment before that is on the disk: its start is, and its end will be.
    const onDisk = change.state === "running" ? undefined : deps.synced();
    if (mayBeOver && onDisk)
      deps.signals.notify(run.id, { mayBeOver, ended: { row: run, onDisk } });
    await onDisk;
    deps.signals.notify(run.id, { mayBeOver });
    return moved;
  });
}
