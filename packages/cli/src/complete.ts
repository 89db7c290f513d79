import { createClient, type DeckhandClient, type Send } from "@deckhand/client";
import type { Command, Option } from "commander";
import type { Surroundings } from "./command-context.ts";
import { type ConnectionOptions, resolveConnection } from "./connection.ts";
import { readContexts } from "./context-file.ts";
import { createProgram } from "./program.ts";
import { toScriptReference } from "./script-reference.ts";
import { sendRequest } from "./send-request.ts";

/** A completion that comes later than this is in the way. */
const ANSWER_WITHIN_MS = 150;
/** A shell puts candidates into the line as they are; a container's label must not become a command. */
const HARMLESS = /^[\w.,:/@%+=-]+$/;
const SELECTOR_KEYS = ["label=", "project=", "service=", "name=", "image=", "engine=", "status="];
const RUN_COMMANDS: readonly string[] = ["show", "logs", "watch", "wait", "cancel", "rerun"];
const SCRIPT_COMMANDS: readonly string[] = ["show", "form", "get", "edit", "rm", "versions"];

/** What has been typed, taken apart. */
interface Typed {
  readonly command: Command;
  /** The names of the command and those above it, without the program's. */
  readonly path: readonly string[];
  /** Words that are neither options nor their values. */
  readonly operands: readonly string[];
  /** The option whose value is being typed. */
  readonly pending: Option | undefined;
  readonly connection: ConnectionOptions;
  readonly isPastDashes: boolean;
}

interface Asking {
  readonly typed: Typed;
  readonly env: Surroundings["env"];
  ask(): Promise<DeckhandClient>;
}

/** Prints what could come next, a line each; silent when something is in the way. */
export async function printCandidates(
  surroundings: Surroundings,
  words: readonly string[],
): Promise<void> {
  const last = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const typed = takeApart(await createProgram(surroundings, before), before);
  const { env } = surroundings;
  const ask = async () =>
    createClient({ ...(await resolveConnection(typed.connection, env)), send: sendQuickly });
  const found = await findCandidates({ typed, env, ask }, last).catch(() => []);
  const fitting = found.filter((one) => one.startsWith(last) && HARMLESS.test(one));
  surroundings.stdout.write([...new Set(fitting)].map((one) => `${one}\n`).join(""));
}

const sendQuickly: Send = (address, sent) =>
  sendRequest(address, { ...sent, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });

function takeApart(program: Command, words: readonly string[]): Typed {
  let command = program;
  let pending: Option | undefined;
  const [path, operands]: [string[], string[]] = [[], []];
  const values: Record<string, string> = {};
  const dashes = words.indexOf("--");
  for (const word of dashes < 0 ? words : words.slice(0, dashes)) {
    const inner = command.commands.find((one) => [one.name(), ...one.aliases()].includes(word));
    if (pending) {
      values[pending.attributeName()] = word;
      pending = undefined;
    } else if (word.startsWith("-") && word !== "-") pending = findPending(command, word);
    else if (inner && operands.length === 0) {
      command = inner;
      path.push(inner.name());
    } else operands.push(word);
  }
  return { command, path, operands, pending, connection: values, isPastDashes: dashes >= 0 };
}

/** The option that the word is, when its value comes next. */
function findPending(command: Command, word: string): Option | undefined {
  const options = [...command.options, ...(command.parent ? programOf(command).options : [])];
  return options.find(({ long, short, required }) => required && [long, short].includes(word));
}

function programOf(command: Command): Command {
  return command.parent ? programOf(command.parent) : command;
}

async function findCandidates(asking: Asking, last: string): Promise<readonly string[]> {
  const { command, pending, isPastDashes } = asking.typed;
  if (isPastDashes) return [];
  if (pending) return findValues(asking, pending);
  if (last.startsWith("-")) return findOptions(command);
  if (command.commands.length > 0) return findCommands(command);
  return findOperands(asking);
}

async function findValues(asking: Asking, option: Option): Promise<readonly string[]> {
  const { long, argChoices } = option;
  if (argChoices) return argChoices;
  const isRunLog = asking.typed.command.name() === "logs";
  if (long === "--on" && isRunLog) return findRunTargets(asking);
  if (long === "--on" || long === "--except") return findSelectors(asking);
  if (long === "--secret") return findSecretOptions(asking);
  if (long === "--context") return findContexts(asking);
  if (long === "--script") return findScripts(asking);
  if (long === "--target") return (await listTargets(asking)).map(({ name }) => name);
  return [];
}

function findOptions(command: Command): readonly string[] {
  const program = programOf(command);
  const all = command === program ? command.options : [...command.options, ...program.options];
  return ["--help", ...all.flatMap(({ long }) => (long ? [long] : []))];
}

function findCommands(command: Command): readonly string[] {
  return command.commands.flatMap((one) => [one.name(), ...one.aliases()]);
}

async function findOperands(asking: Asking): Promise<readonly string[]> {
  const { path, operands } = asking.typed;
  const [first, second = ""] = path;
  if (first === "run") return operands[0] ? findParams(asking, operands[0]) : findScripts(asking);
  if (operands.length > 0) return [];
  if (first === "scripts" && SCRIPT_COMMANDS.includes(second)) return findScripts(asking);
  if (first === "groups" && second !== "ls") return findGroups(asking);
  if (first === "context") return findContexts(asking);
  if (first === "tokens" && second === "rm") return findTokens(asking);
  if (first === "secrets" && second !== "ls") return findSecrets(asking);
  if (first === "completion") return ["bash", "zsh", "fish"];
  return first !== undefined && RUN_COMMANDS.includes(first) ? findRuns(asking) : [];
}

async function listTargets({ ask }: Asking) {
  return (await (await ask()).listTargets({ limit: 1000 })).data;
}

async function findSelectors(asking: Asking): Promise<readonly string[]> {
  const [targets, groups] = await Promise.all([listTargets(asking), findGroups(asking)]);
  return [
    ...targets.map(({ name }) => name),
    ...groups.map((name) => `@${name}`),
    ...SELECTOR_KEYS,
    ...targets.flatMap(({ project }) => (project ? [`project=${project}`] : [])),
    ...targets.flatMap(({ service }) => (service ? [`service=${service}`] : [])),
    ...targets.map(({ image }) => `image=${image}`),
    ...targets.flatMap(({ labels }) =>
      Object.entries(labels).map(([name, value]) => `label=${name}=${value}`),
    ),
  ];
}

async function findScripts({ ask }: Asking): Promise<readonly string[]> {
  return (await (await ask()).listScripts({ limit: 200 })).data.map(({ name }) => name);
}

async function findGroups({ ask }: Asking): Promise<readonly string[]> {
  return (await (await ask()).groups.list()).map(({ name }) => name);
}

async function findParams({ ask }: Asking, script: string): Promise<readonly string[]> {
  const { header } = await (await ask()).getScript(toScriptReference(script).name);
  return header.params.flatMap(({ name, choices }) =>
    choices ? choices.map((choice) => `${name}=${choice}`) : [`${name}=`],
  );
}

async function findRuns({ ask }: Asking): Promise<readonly string[]> {
  return (await (await ask()).listRuns({ limit: 20 })).data.map(({ id }) => id);
}

async function findRunTargets({ ask, typed }: Asking): Promise<readonly string[]> {
  const [runId] = typed.operands;
  if (runId === undefined) return [];
  return (await (await ask()).getRun(runId)).executions.map(({ target }) => target.name);
}

async function findTokens({ ask }: Asking): Promise<readonly string[]> {
  return (await (await ask()).listTokens()).map(({ id }) => id);
}

async function findSecrets({ ask }: Asking): Promise<readonly string[]> {
  return (await (await ask()).listSecrets()).map(({ name }) => name);
}

/** `NAME=` for each secret of the script, and with each stored one. */
async function findSecretOptions(asking: Asking): Promise<readonly string[]> {
  const [script] = asking.typed.operands;
  if (script === undefined) return [];
  const { header } = await (await asking.ask()).getScript(toScriptReference(script).name);
  const stored = await findSecrets(asking);
  return header.params
    .filter(({ secret }) => secret)
    .flatMap(({ name }) => stored.map((one) => `${name}=${one}`));
}

async function findContexts({ env }: Asking): Promise<readonly string[]> {
  return Object.keys((await readContexts(env)).contexts);
}
