import type { DeckhandServer } from "./deckhand-server.ts";

const COMES_WITHIN_MS = 60_000;

/** Waits until it is so; a failure shows what the server warned of. */
export async function until(server: DeckhandServer, isSo: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + COMES_WITHIN_MS; !(await isSo()); ) {
    if (performance.now() > end)
      throw new Error(`it does not come: ${isSo.toString()}\n${toWarnings(server.log)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function toWarnings(log: string): string {
  return log
    .split("\n")
    .filter((line) => line.includes('"level":"warn"') || line.includes('"level":"error"'))
    .join("\n")
    .slice(-3_000);
}
