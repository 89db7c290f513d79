import { isAppError } from "@deckhand/core";
import type { Engine } from "../../engines/engine.ts";
import type { ExecutionPlace } from "../session.ts";
import { RELEASE_COMMAND } from "./programs.ts";

const TRIES = 60;
const AGAIN_MS = 5_000;

/** Removes an execution's directory, now or as soon as its container lets us. Never throws. */
export async function releaseFiles(engine: Engine, place: ExecutionPlace): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      await engine.startDetached({
        containerId: place.containerId,
        cmd: RELEASE_COMMAND,
        env: { DECKHAND_FILED_ID: place.executionId },
        user: place.user,
        workdir: "/",
      });
      return;
    } catch (error) {
      if (!isPassing(error)) return;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS).unref());
    }
  }
}

function isPassing(error: unknown): boolean {
  if (isAppError(error, "ENGINE_UNREACHABLE")) return true;
  return (
    isAppError(error, "TARGET_STATE_CONFLICT") && String(error.extra.containerStatus) === "paused"
  );
}
