import { once } from "node:events";
import type { Writable } from "node:stream";
import type { Command } from "commander";
import { type DeckhandClient, createClient } from "@deckhand/client";
import { resolveConnection } from "./connection.ts";
import { sendRequest } from "./send-request.ts";
import { sanitizeText } from "./terminal/sanitize.ts";
import { type ColorChoice, createStyle, type Style } from "./terminal/style.ts";
import { UsageError } from "./usage-error.ts";

/** What surrounds a command: streams, environment, and what stood behind `--`. */
export interface Surroundings {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The words after `--`; undefined when there was none. */
  readonly rest: readonly string[] | undefined;
  /** What the process exits with when the command ends. */
  exitCode: number;
}

export type OutputFormat = "text" | "json" | "jsonl";

/** Options that every command takes. */
export interface GlobalOptions {
  readonly server?: string;
  readonly context?: string;
  readonly tokenFile?: string;
  readonly output: OutputFormat;
  readonly color: ColorChoice;
}

/** A command's tools. */
export interface CommandContext {
  readonly surroundings: Surroundings;
  readonly options: GlobalOptions;
  /** For stdout and for stderr. */
  readonly style: Style;
  readonly errorStyle: Style;
  client(): Promise<DeckhandClient>;
  /** Writes to stdout and waits for a slow reader. */
  print(text: string): Promise<void>;
  /** A line of our own, on stderr. */
  say(text: string): void;
  exit(code: number): void;
}

export function contextOf(surroundings: Surroundings, command: Command): CommandContext {
  const options = command.optsWithGlobals<GlobalOptions>();
  const { env, stdout, stderr } = surroundings;
  const styleFor = (stream: NodeJS.WriteStream) =>
    createStyle({ choice: options.color, env, isTerminal: Boolean(stream.isTTY) });
  return {
    surroundings,
    options,
    style: styleFor(stdout),
    errorStyle: styleFor(stderr),
    client: async () =>
      createClient({ ...(await resolveConnection(options, env)), send: sendRequest }),
    print: (text) => writeAll(stdout, text),
    say: (text) => void stderr.write(`deckhand: ${sanitizeText(text)}\n`),
    exit: (code) => {
      surroundings.exitCode = code;
    },
  };
}

/** Waits until a slow reader has taken it. */
export async function writeAll(stream: Writable, bytes: string | Uint8Array): Promise<void> {
  if (bytes.length > 0 && !stream.write(bytes)) await once(stream, "drain");
}

/** Prints one document, one line an item, or what `toText` makes. */
export async function show<Item>(
  context: CommandContext,
  value: Item,
  toText: (value: Item) => string,
): Promise<void> {
  const { output } = context.options;
  if (output === "json") return context.print(`${JSON.stringify(value, undefined, 2)}\n`);
  if (output === "jsonl") return context.print(toLines(value));
  return context.print(sanitizeText(toText(value)));
}

/** Says on stderr what was done, and prints it as a document where one is wanted. */
export async function confirm<Fact>(
  context: CommandContext,
  text: string,
  fact: Fact,
): Promise<void> {
  context.say(text);
  await show(context, fact, () => "");
}

function toLines(value: unknown): string {
  const items = Array.isArray(value) ? value : [value];
  return items.map((item) => `${JSON.stringify(item)}\n`).join("");
}

/** The words after `--`, which the command needs. */
export function restOf({ surroundings }: CommandContext, example: string): readonly string[] {
  const { rest } = surroundings;
  if (rest && rest.length > 0) return rest;
  throw new UsageError("there is no command after --", { hint: `For example: ${example}` });
}
