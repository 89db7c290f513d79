import type { Command } from "commander";
import type { Script, ScriptProblem, ScriptSource, ScriptSummary } from "@deckhand/core";
import { type CommandContext, confirm, show, type Surroundings } from "../command-context.ts";
import { EXIT } from "../exit-codes.ts";
import { listAllScripts } from "../list-all-scripts.ts";
import { readText } from "../run-options.ts";
import { toScriptReference } from "../script-reference.ts";
import { formatAgo } from "../terminal/spans.ts";
import { toTable } from "../terminal/table.ts";
import { toKeyWords } from "../views/again-words.ts";
import { toRolloutDefaultWords } from "../views/rollout-words.ts";
import { ProblemError } from "@deckhand/client";
import { action, newCommand } from "./command.ts";
import { editCommand } from "./edit-script.ts";
import { importCommand } from "./import-scripts.ts";
import { syncCommand } from "./sync-scripts.ts";
import { formCommand } from "./script-form.ts";

export function scriptsCommand(surroundings: Surroundings): Command {
  return newCommand("scripts", {
    summary: "The script library: list, show, store, check",
    examples: [
      ["deckhand scripts ls", "what is stored"],
      ["deckhand scripts put ./vacuum.sh db/vacuum.sh", "store a file under a path"],
      ["deckhand scripts check *.sh", "check headers, without storing anything"],
    ],
  })
    .addCommand(listCommand(surroundings))
    .addCommand(showCommand(surroundings))
    .addCommand(formCommand(surroundings))
    .addCommand(getCommand(surroundings))
    .addCommand(putCommand(surroundings))
    .addCommand(editCommand(surroundings))
    .addCommand(removeCommand(surroundings))
    .addCommand(versionsCommand(surroundings))
    .addCommand(checkCommand(surroundings))
    .addCommand(syncCommand(surroundings))
    .addCommand(importCommand(surroundings));
}

function listCommand(surroundings: Surroundings): Command {
  return newCommand("ls", {
    summary: "List stored scripts",
    examples: [
      ["deckhand scripts ls", "all"],
      ["deckhand scripts ls vacuum", "whose name or title has the word"],
      ["deckhand scripts ls -o json", "for a program"],
    ],
  })
    .argument("[search]", "a part of the name or title")
    .action(
      action(surroundings, async (context, search: string | undefined) => {
        await show(context, await listAllScripts(await context.client(), search), toList);
      }),
    );
}

function toList(scripts: readonly ScriptSummary[]): string {
  if (scripts.length === 0)
    return "No script is stored. Store one: deckhand scripts put ./x.sh x.sh\n";
  const rows = scripts.map(({ name, version, header, problems, updatedAt }) => [
    name,
    `${version}`,
    header.interpreter?.[0] ?? "?",
    header.effect ?? "",
    `${header.params.length}`,
    problems.length > 0
      ? `! ${problems.length} problem${problems.length > 1 ? "s" : ""}`
      : (header.title ?? ""),
    formatAgo(updatedAt, Date.now()),
  ]);
  return toTable(["NAME", "VERSION", "INTERPRETER", "EFFECT", "PARAMS", "TITLE", "CHANGED"], rows);
}

function showCommand(surroundings: Surroundings): Command {
  return newCommand("show", {
    summary: "Show what a script is for, its parameters and how to run it",
    examples: [
      ["deckhand scripts show db/vacuum", "the newest version"],
      ["deckhand scripts show db/vacuum@3", "a version"],
      ["deckhand scripts show db/vacuum -o json", "everything"],
    ],
  })
    .argument("<name>")
    .action(
      action(surroundings, async (context, name: string) =>
        show(context, await readScript(context, name), toDetail),
      ),
    );
}

async function readScript(context: CommandContext, reference: string): Promise<Script> {
  const { name, version } = toScriptReference(reference);
  return (await context.client()).getScript(name, version);
}

function toDetail({ name, version, sha256, path, header, problems }: Script): string {
  const { title, about, interpreter, user, timeoutMs, on, params, examples } = header;
  const { rollout, concurrency } = header;
  const facts = [
    `${name}@${version}  ${title ?? ""}`.trim(),
    ...(about ? [about] : []),
    `${path}, ${sha256.slice(0, 12)}, ${interpreter?.join(" ") ?? "no interpreter"}${user ? `, as ${user}` : ""}${timeoutMs ? `, at most ${timeoutMs / 1000}s` : ""}`,
    ...(on.length > 0 ? [`usually on ${on.join(" and ")}`] : []),
    ...(rollout ? [`rollout: ${toRolloutDefaultWords(rollout)}`] : []),
    ...(concurrency ? [`key: ${toKeyWords(concurrency)}`] : []),
  ];
  const rows = params.map((param) => [
    param.name,
    param.secret ? "secret" : param.choices ? param.choices.join("|") : param.type,
    param.required ? "required" : param.default === null ? "not set" : `= ${param.default}`,
    param.help,
  ]);
  const table =
    params.length > 0 ? `\n${toTable(["PARAMETER", "TYPE", "DEFAULT", "HELP"], rows)}` : "";
  const how =
    examples.length > 0 ? `\n${examples.map((example) => `  ${example}\n`).join("")}` : "";
  return `${facts.join("\n")}\n${table}${how}${problems.map((problem) => toProblemLine(path, problem)).join("")}`;
}

function getCommand(surroundings: Surroundings): Command {
  return newCommand("get", {
    summary: "Print a script's text",
    examples: [
      ["deckhand scripts get db/vacuum", "the newest version"],
      ["deckhand scripts get db/vacuum@3 > vacuum.sh", "a version into a file"],
      ["diff <(deckhand scripts get x@1) <(deckhand scripts get x)", "what changed"],
    ],
  })
    .argument("<name>")
    .action(action(surroundings, get));
}

async function get(context: CommandContext, name: string): Promise<void> {
  const script = await readScript(context, name);
  // A file must get the text byte for byte; a terminal must not obey it.
  const isFile = context.options.output === "text" && !context.surroundings.stdout.isTTY;
  return isFile ? context.print(script.text) : show(context, script, ({ text }) => text);
}

function putCommand(surroundings: Surroundings): Command {
  return newCommand("put", {
    summary: "Store a file: a new script, or a new version of one",
    examples: [
      ["deckhand scripts put ./vacuum.sh db/vacuum.sh", "under a path; the name is db/vacuum"],
      ["deckhand scripts put ./vacuum.sh", "under the file's name"],
      ["deckhand scripts put ./vacuum.sh db/vacuum.sh --if-match 9f2c…", "only over that version"],
    ],
  })
    .argument("<file>")
    .argument(
      "[path]",
      "where in the library; the extension says the interpreter when nothing else does",
    )
    .option("--if-match <sha256>", "refuse when the newest version is another")
    .action(
      action(
        surroundings,
        async (
          context,
          file: string,
          path: string | undefined,
          flags: { readonly ifMatch?: string },
        ) => {
          const stored = await put(context, {
            path: path ?? file.split("/").at(-1) ?? file,
            text: await readText(file),
            ifMatch: flags.ifMatch,
          });
          await show(
            context,
            stored,
            (script) => `${script.name}@${script.version} ${script.sha256.slice(0, 12)}\n`,
          );
        },
      ),
    );
}

interface Put {
  readonly path: string;
  readonly text: string;
  readonly ifMatch: string | undefined;
}

async function put(context: CommandContext, { path, text, ifMatch }: Put): Promise<Script> {
  const client = await context.client();
  try {
    if (ifMatch === undefined) return await client.createScript({ path, text });
  } catch (error) {
    if (!(error instanceof ProblemError) || error.problem.code !== "SCRIPT_EXISTS") throw error;
  }
  const name = path.replace(/\.[A-Za-z0-9]+$/, "");
  return client.updateScript(name, { text }, ifMatch ?? (await client.getScript(name)).sha256);
}

function removeCommand(surroundings: Surroundings): Command {
  return newCommand("rm", {
    summary: "Remove a script; its versions stay readable for the runs that used them",
    examples: [
      ["deckhand scripts rm db/old", "the newest version, as it is now"],
      ["deckhand scripts rm db/old --if-match 9f2c…", "only when nobody changed it"],
      ["deckhand scripts versions db/old", "what was there"],
    ],
  })
    .argument("<name>")
    .option("--if-match <sha256>", "refuse when the newest version is another")
    .action(
      action(surroundings, async (context, name: string, flags: { readonly ifMatch?: string }) => {
        const client = await context.client();
        await client.deleteScript(name, flags.ifMatch ?? (await client.getScript(name)).sha256);
        await confirm(context, `removed ${name}`, { removed: name });
      }),
    );
}

function versionsCommand(surroundings: Surroundings): Command {
  return newCommand("versions", {
    summary: "List a script's versions",
    examples: [
      ["deckhand scripts versions db/vacuum", "newest first"],
      ["deckhand scripts get db/vacuum@1", "one of them"],
      ["deckhand run db/vacuum@1 --on db-1", "run it"],
    ],
  })
    .argument("<name>")
    .action(
      action(surroundings, async (context, name: string) => {
        const versions = await (await context.client()).listVersions(name);
        await show(context, versions, (shown) =>
          toTable(
            ["VERSION", "SHA-256", "BYTES", "CREATED", "BY"],
            shown.map(({ version, sha256, sizeBytes, createdAt, source }) => [
              `${version}`,
              sha256.slice(0, 12),
              `${sizeBytes}`,
              createdAt,
              toSource(source),
            ]),
          ),
        );
      }),
    );
}

function toSource(source: ScriptSource | null): string {
  return source === null ? "" : `${source.kind} ${source.commit ?? ""}`.trim();
}

function checkCommand(surroundings: Surroundings): Command {
  return newCommand("check", {
    summary: "Check the headers of files, here, without a server",
    examples: [
      ["deckhand scripts check vacuum.sh", "one file"],
      ["deckhand scripts check scripts/*.sh scripts/*.sql", "many, as in a CI job"],
      ["deckhand scripts check vacuum.sh -o json", "for an editor"],
    ],
  })
    .argument("<files...>")
    .action(
      action(surroundings, async (context, files: string[]) => {
        const { parseScriptHeader } = await import("@deckhand/core/script/parse-script-header");
        const checked = await Promise.all(
          files.map(async (file) => ({
            file,
            problems: parseScriptHeader(await readText(file), file).problems,
          })),
        );
        await show(context, checked, (shown) =>
          shown
            .map(({ file, problems }) =>
              problems.length === 0
                ? `${file}: ok\n`
                : problems.map((problem) => toProblemLine(file, problem)).join(""),
            )
            .join(""),
        );
        if (checked.some(({ problems }) => problems.length > 0)) context.exit(EXIT.failed);
      }),
    );
}

function toProblemLine(file: string, { line, column, detail }: ScriptProblem): string {
  return `${file}:${line}:${column}: ${detail}\n`;
}
