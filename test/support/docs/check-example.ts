import { expect } from "vitest";
import type { Container } from "./containers.ts";
import type { DocShell, Ran, Typed } from "./doc-shell.ts";
import { type Example, isCommands, readSession, splitCommands } from "./examples.ts";
import type { Playground } from "./playground.ts";
import { toShape } from "./shape.ts";

/** What a document takes for granted, and where it says that something does not end with 0. Keys are parts of commands or blocks. */
export interface DocumentSetUp {
  /** A path from the root of the checkout. */
  readonly document: string;
  /** Files in the folder where the reader is. */
  readonly files?: Readonly<Record<string, string>>;
  /** Stored scripts by their path, with the text of each version. */
  readonly scripts?: Readonly<Record<string, readonly string[]>>;
  /** In the place of those of the same name. */
  readonly containers?: readonly Container[];
  /** Shell lines that come before the first example. */
  readonly prepare?: string;
  /** What stands for something else, and that. */
  readonly standsFor?: Readonly<Record<string, string>>;
  /** Shell lines right before a command. */
  readonly before?: Readonly<Record<string, string>>;
  readonly exitCodes?: Readonly<Record<string, number>>;
  /** Commands that ask somebody on a terminal. */
  readonly typed?: Readonly<Record<string, Typed>>;
  /** Commands and blocks that can not be run here, and why. */
  readonly notRun?: Readonly<Record<string, string>>;
  /** What is done with a block that is no command, by what it begins with. */
  readonly blocks?: Readonly<Record<string, CheckBlock>>;
}

export interface DocContext {
  readonly playground: Playground;
  readonly shell: DocShell;
  readonly folder: string;
  /** The command that was run last. */
  last: Ran | undefined;
}

export type CheckBlock = (context: DocContext, text: string) => Promise<void>;

/** Runs an example as its document says. */
export async function checkExample(
  context: DocContext,
  setUp: DocumentSetUp,
  example: Example,
): Promise<void> {
  if (!isCommands(example) && isNotRun(setUp, example.text)) return;
  const block = findFor(setUp.blocks, example.text);
  if (block) return block(context, example.text);
  const session = readSession(example);
  if (session) return checkSession(context, setUp, session);
  if (!isCommands(example))
    throw new Error(`nobody says what to do with this block:\n${example.text}`);
  for (const command of splitCommands(example.text))
    if (!isNotRun(setUp, command)) await runCommand(context, setUp, command);
}

async function checkSession(
  context: DocContext,
  setUp: DocumentSetUp,
  { command, shown }: { readonly command: string; readonly shown: string },
): Promise<void> {
  const { stdout, stderr } = await runCommand(context, setUp, command);
  // A document may leave out what goes to stderr.
  const printed = toShape(stdout) === toShape(shown) ? stdout : `${stdout}${stderr}`;
  expect(toShape(printed)).toBe(toShape(shown));
}

/** A command that ends otherwise than its document says fails with all that it printed. */
export async function runCommand(
  context: DocContext,
  setUp: DocumentSetUp,
  command: string,
): Promise<Ran> {
  const before = findFor(setUp.before, command);
  if (before) await runOne(context, before);
  const ran = await start(context, setUp, command);
  context.last = ran;
  expect(ran.exitCode, toReport(ran)).toBe(findFor(setUp.exitCodes, command) ?? 0);
  return ran;
}

function start(context: DocContext, setUp: DocumentSetUp, written: string): Promise<Ran> {
  const { shell } = context;
  const command = withWhatStands(context, setUp, written);
  const typed = findFor(setUp.typed, written);
  if (typed) return shell.runOnTerminal(command, typed);
  if (/^(\w+=\S+ )*deckhand serve\b/.test(command)) return shell.runUntil(command, "listening on");
  return shell.run(command);
}

/** A line of the set-up itself. */
export async function runOne({ shell }: DocContext, command: string): Promise<Ran> {
  const ran = await shell.run(command);
  expect(ran.exitCode, toReport(ran)).toBe(0);
  return ran;
}

function toReport({ command, stdout, stderr }: Ran): string {
  return `${command}\n${stdout}\n${stderr}`;
}

function withWhatStands({ playground }: DocContext, setUp: DocumentSetUp, command: string): string {
  const { server, receiver } = playground;
  const all = {
    ...setUp.standsFor,
    "http://127.0.0.1:8000": server.url,
    "https://ops.example.org/hooks": `${receiver.url}/hooks`,
    "https://ops.example.org": server.url,
  };
  return Object.entries(all).reduce(
    (text, [written, put]) => text.replaceAll(written, put),
    command,
  );
}

function isNotRun({ notRun }: DocumentSetUp, text: string): boolean {
  return findFor(notRun, text) !== undefined;
}

function findFor<Value>(
  table: Readonly<Record<string, Value>> | undefined,
  text: string,
): Value | undefined {
  return Object.entries(table ?? {}).find(([part]) => text.includes(part))?.[1];
}
