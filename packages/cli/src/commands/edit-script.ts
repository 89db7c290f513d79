import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Script } from "@deckhand/core";
import type { Command } from "commander";
import { type CommandContext, show, type Surroundings } from "../command-context.ts";
import { EXIT } from "../exit-codes.ts";
import { UsageError } from "../usage-error.ts";
import { action, newCommand } from "./command.ts";

export function editCommand(surroundings: Surroundings): Command {
  return newCommand("edit", {
    summary: "Edit a script in $VISUAL or $EDITOR and store the new version",
    examples: [
      ["deckhand scripts edit db/vacuum", "refused when somebody else changed it meanwhile"],
      ["EDITOR=nano deckhand scripts edit db/vacuum", "with another editor"],
      ["deckhand scripts versions db/vacuum", "what was there before"],
    ],
  })
    .argument("<name>")
    .action(action(surroundings, edit));
}

async function edit(context: CommandContext, name: string): Promise<void> {
  const client = await context.client();
  const script = await client.getScript(name);
  const folder = await mkdtemp(join(tmpdir(), "deckhand-edit-"));
  const file = join(folder, basename(script.path));
  await writeFile(file, script.text, { mode: 0o600 });
  await openEditor(context, file);
  const text = await readFile(file, "utf8");
  if (text === script.text) context.say(`${name} is as it was`);
  else await store(context, { script, text, file });
  await rm(folder, { recursive: true, force: true });
}

interface Edited {
  readonly script: Script;
  readonly text: string;
  readonly file: string;
}

async function store(context: CommandContext, { script, text, file }: Edited): Promise<void> {
  const client = await context.client();
  const stored = await client
    .updateScript(script.name, { text }, script.sha256)
    .catch((error: unknown) => {
      context.say(`not stored; what you wrote is in ${file}`);
      throw error;
    });
  await show(context, stored, ({ name, version }) => `${name}@${version}\n`);
}

/** The variable holds a command line, such as `code --wait`; a shell takes it apart. */
async function openEditor({ surroundings: { env } }: CommandContext, file: string): Promise<void> {
  const editor = env["VISUAL"] || env["EDITOR"] || "vi";
  const child = spawn("sh", ["-c", `${editor} "$1"`, "sh", file], { stdio: "inherit" });
  const [exitCode] = (await once(child, "exit")) as [number | null];
  if (exitCode === 0) return;
  throw new UsageError(
    `the editor (${editor}) ended with ${exitCode ?? "a signal"}; nothing was stored`,
    {
      exitCode: EXIT.failed,
      hint: `What you wrote is in ${file}`,
    },
  );
}
