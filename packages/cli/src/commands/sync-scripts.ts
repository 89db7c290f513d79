import { type DeckhandClient, ProblemError } from "@deckhand/client";
import type { RemoteScript, ScriptSource, SyncStep } from "@deckhand/core";
import { DEFAULT_LIMITS } from "@deckhand/core/limits";
import { findSyncProblems, planSync } from "@deckhand/core/script/plan-sync";
import type { Command } from "commander";
import { type CommandContext, show, type Surroundings } from "../command-context.ts";
import { EXIT } from "../exit-codes.ts";
import { readCommits } from "../git-commit.ts";
import { listAllScripts } from "../list-all-scripts.ts";
import type { FolderProblem, ScriptFolder } from "../script-folder.ts";
import { UsageError } from "../usage-error.ts";
import { action, newCommand } from "./command.ts";

interface SyncFlags {
  readonly prefix?: string;
  readonly delete?: boolean;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** What became of a step. */
type SyncResult = SyncStep & { readonly done: boolean };

export function syncCommand(surroundings: Surroundings): Command {
  return newCommand("sync", {
    summary: "Make the library like a folder of scripts, such as one of a git checkout",
    examples: [
      ["deckhand scripts sync ./scripts --dry-run", "what would change"],
      ["deckhand scripts sync ./scripts", "new and changed scripts only"],
      ["deckhand scripts sync . --prefix ops --delete", "in a folder; removes what is gone here"],
    ],
  })
    .argument("<folder>")
    .option("--prefix <folder>", "a folder of the library to put them into")
    .option("--delete", "remove scripts that an earlier sync has put there and that are gone here")
    .option("--force", "write also over what somebody else has put there, and delete it")
    .option("--dry-run", "show what would be done")
    .action(action(surroundings, sync));
}

async function sync(context: CommandContext, folder: string, flags: SyncFlags): Promise<void> {
  const prefix = toPrefix(flags.prefix);
  const client = await context.client();
  const { limits } = await client.info();
  const { readScriptFolder } = await import("../script-folder.ts");
  const read = await readScriptFolder(folder, limits["scriptBytes"] ?? DEFAULT_LIMITS.scriptBytes);
  assertSound(folder, read, prefix);
  if (read.scripts.length === 0)
    throw new UsageError(`${folder} has no scripts`, { hint: "Nothing was changed." });
  const steps = planSync({
    local: read.scripts.map(({ path, sha256 }) => ({ path: prefix + path, sha256 })),
    remote: (await listAllScripts(client)) satisfies readonly RemoteScript[],
    prefix,
    deletes: flags.delete ?? false,
    force: flags.force ?? false,
  });
  if (flags.dryRun) return tell(context, steps.map(notDone), read.others);
  const commitOf = await readCommits(folder);
  const writer = syncWriter(client, (path) => {
    const local = path.slice(prefix.length);
    const script = read.scripts.find((one) => one.path === local);
    return { text: script?.text ?? "", source: { kind: "sync", commit: commitOf(local) } };
  });
  await carryOut(context, { steps, writer, others: read.others });
}

function toPrefix(given = ""): string {
  const folder = given.replace(/^\/+|\/+$/g, "");
  return folder === "" ? "" : `${folder}/`;
}

/** Nothing is stored of a folder that holds a broken script. */
function assertSound(folder: string, { scripts, problems }: ScriptFolder, prefix: string): void {
  const names: FolderProblem[] = findSyncProblems(scripts.map(({ path }) => prefix + path)).map(
    ({ path, detail }) => ({ path: path.slice(prefix.length), detail, line: 1, column: 1 }),
  );
  const all = [...problems, ...names];
  if (all.length === 0) return;
  const lines = all.map((one) => `${folder}/${one.path}:${one.line}:${one.column}: ${one.detail}`);
  throw new UsageError(`${lines.join("\n")}\nnothing was stored`, { exitCode: EXIT.failed });
}

interface Content {
  readonly text: string;
  readonly source: ScriptSource;
}

type Writer = (step: SyncStep) => Promise<SyncResult>;

/** Carries one step out; what somebody changes meanwhile is a conflict. */
function syncWriter(client: DeckhandClient, contentOf: (path: string) => Content): Writer {
  async function write(step: SyncStep): Promise<void> {
    if (step.kind === "create")
      await client.createScript({ path: step.path, ...contentOf(step.path) });
    if (step.kind === "update")
      await client.updateScript(step.name, contentOf(step.path), step.ifMatch);
    if (step.kind === "delete") await client.deleteScript(step.name, step.ifMatch);
  }
  return async (step) => {
    try {
      await write(step);
      return { ...step, done: step.kind !== "unchanged" && step.kind !== "conflict" };
    } catch (error) {
      if (!(error instanceof ProblemError) || error.problem.status !== 409) throw error;
      const { name, path } = step;
      return { kind: "conflict", name, path, detail: error.problem.detail ?? "", done: false };
    }
  };
}

interface Undertaking {
  readonly steps: readonly SyncStep[];
  readonly writer: Writer;
  readonly others: number;
}

/** One after the other; what was done before a failure is told as well. */
async function carryOut(
  context: CommandContext,
  { steps, writer, others }: Undertaking,
): Promise<void> {
  const results: SyncResult[] = [];
  try {
    for (const step of steps) results.push(await writer(step));
  } catch (error) {
    await tell(context, [...results, ...steps.slice(results.length).map(notDone)], others);
    throw error;
  }
  await tell(context, results, others);
}

function notDone(step: SyncStep): SyncResult {
  return { ...step, done: false };
}

async function tell(
  context: CommandContext,
  results: readonly SyncResult[],
  others: number,
): Promise<void> {
  await show(context, results, (shown) => shown.map(toLine).join(""));
  const count = (isCounted: (one: SyncResult) => boolean) => results.filter(isCounted).length;
  const done = count((one) => one.done);
  const unchanged = count(({ kind }) => kind === "unchanged");
  const conflicts = count(({ kind }) => kind === "conflict");
  context.say(
    `${done} changed, ${unchanged} unchanged, ${conflicts} in conflict; ${others} other files left alone`,
  );
  if (conflicts > 0) context.exit(EXIT.conflict);
}

const MARKS = { create: "+", update: "~", delete: "-" } as const;
const DONE = { create: "created", update: "updated", delete: "deleted" } as const;

function toLine(step: SyncResult): string {
  if (step.kind === "unchanged") return "";
  if (step.kind === "conflict") return `! ${step.path}  conflict: ${step.detail}\n`;
  const over = step.kind === "create" ? "" : `, it was version ${step.version}`;
  return `${MARKS[step.kind]} ${step.path}  ${step.done ? DONE[step.kind] : step.kind}${over}\n`;
}
