import type { RunUpdate } from "@deckhand/client";
import type { Run } from "@deckhand/core";

/** One way to show a run while it goes on. */
export interface RunView {
  update(update: RunUpdate): Promise<void>;
  /** After the last update; the run is as it ended. */
  finish(run: Run): Promise<void>;
  /** Shows a line of our own without spoiling what is on the screen. */
  notice(text: string): void;
  /** Takes away what would change again; also when the end is never seen. */
  close?(): void;
}

/** The bytes of an output frame. */
export function frameBytes(frame: {
  readonly text?: string | undefined;
  readonly base64?: string | undefined;
}): Buffer {
  return frame.base64 === undefined
    ? Buffer.from(frame.text ?? "")
    : Buffer.from(frame.base64, "base64");
}
