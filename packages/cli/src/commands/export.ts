import { open, rm } from "node:fs/promises";
import type { Command } from "commander";
import { type CommandContext, confirm, type Surroundings, writeAll } from "../command-context.ts";
import { UsageError } from "../usage-error.ts";
import { action, newCommand, runArgument } from "./command.ts";

export function exportCommand(surroundings: Surroundings): Command {
  return newCommand("export", {
    summary: "Save everything of a run as one archive: script, parameters, outputs, times",
    examples: [
      ["deckhand export run_01k…", "to run_01k….tar.gz"],
      ["deckhand export run_01k… -f ticket-412.tar.gz", "to another file"],
      ["deckhand export run_01k… -f - | tar -tz", "to a program"],
    ],
  })
    .addArgument(runArgument())
    .option("-f, --file <file>", "where to; - for standard output (default: RUN.tar.gz)")
    .action(
      action(surroundings, async (context, runId: string, flags: { readonly file?: string }) => {
        const bytes = await (await context.client()).exportRun(runId);
        if (flags.file === "-") return print(context, bytes);
        const path = flags.file ?? `${runId}.tar.gz`;
        const sizeBytes = await save(path, bytes);
        await confirm(context, `saved ${path} (${sizeBytes} bytes)`, { path, sizeBytes });
      }),
    );
}

async function print(
  { surroundings: { stdout } }: CommandContext,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  if (stdout.isTTY) throw new UsageError("an archive is nothing for a terminal; give a file");
  for await (const piece of bytes) await writeAll(stdout, piece);
}

/** Half an archive is none: what broke off is removed. */
async function save(path: string, bytes: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await open(path, "wx").catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${path} can not be written (${error.code})`, {
      hint: "Give another file with -f; one that is there already is not replaced.",
    });
  });
  let sizeBytes = 0;
  try {
    for await (const piece of bytes) {
      await file.writeFile(piece);
      sizeBytes += piece.length;
    }
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return sizeBytes;
}
