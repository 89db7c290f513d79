import type { DeckhandClient, TerminalConnection, TerminalUpdate } from "@deckhand/client";
import type { TerminalEnd } from "@deckhand/core";
import { type CommandContext, writeAll } from "../command-context.ts";
import { EXIT } from "../exit-codes.ts";
import type { DetachKeys } from "./detach-keys.ts";
import { readKeys } from "./read-keys.ts";
import { terminalModes } from "./terminal-modes.ts";
import { withoutQueries } from "./without-queries.ts";

export interface AttachOptions {
  readonly terminalId: string;
  /** Whether what is typed here goes to the program. */
  readonly interactive: boolean;
  readonly detachKeys: DetachKeys;
  /** False for one that was opened just now: then nothing of it is old. */
  readonly isReplay: boolean;
}

/** How the user left it. */
type Left = { readonly by: "keys" } | { readonly by: NodeJS.Signals };

const SIGNALS: Readonly<Partial<Record<NodeJS.Signals, number>>> = {
  SIGINT: 130,
  SIGTERM: 143,
  SIGHUP: 129,
};

/** Puts this terminal in the place of the one in the container, until the program ends or the user leaves. */
export async function attachTerminal(
  context: CommandContext,
  client: DeckhandClient,
  options: AttachOptions,
): Promise<void> {
  const { stdout } = context.surroundings;
  const connection = client.connectTerminal(
    options.terminalId,
    options.isReplay ? {} : { after: 0 },
  );
  const screen = openScreen(context, options.isReplay);
  let left: Left | undefined;
  const leave = (how: Left) => {
    left ??= how;
    connection.close();
  };
  const keys = options.interactive
    ? readKeys(context.surroundings.stdin, {
        detachKeys: options.detachKeys,
        type: connection.write,
        leave: () => leave({ by: "keys" }),
      })
    : undefined;
  // A terminal that nobody gave a size, such as that of a recorder, says 0.
  const resize = () => {
    const { columns, rows } = stdout;
    if (columns > 0 && rows > 0) connection.resize({ columns, rows });
  };
  const stopSignals = onSignals((signal) => leave({ by: signal }));
  stdout.on("resize", resize);
  resize();
  try {
    const end = await showToEnd(connection, { screen, setConnected: keys?.setConnected });
    screen.restore();
    keys?.stop();
    context.exit(end ? sayEnd(context, end) : sayLeft(context, options.terminalId, left));
  } finally {
    screen.restore();
    keys?.stop();
    stdout.off("resize", resize);
    stopSignals();
    connection.close();
  }
}

interface Showing {
  readonly screen: Screen;
  readonly setConnected: ((isConnected: boolean) => void) | undefined;
}

async function showToEnd(
  connection: TerminalConnection,
  { screen, setConnected }: Showing,
): Promise<TerminalEnd | undefined> {
  for await (const update of connection.updates) {
    if (update.event === "exit") return update.end;
    setConnected?.(update.event !== "disconnected");
    await screen.show(update);
  }
  return undefined;
}

/** What the user sees. */
interface Screen {
  show(update: Exclude<TerminalUpdate, { event: "exit" }>): Promise<void>;
  /** Takes back what the program set up and did not take back itself. */
  restore(): void;
}

function openScreen(
  { surroundings: { stdout, stderr } }: CommandContext,
  isReplay: boolean,
): Screen {
  const modes = terminalModes();
  const filter = withoutQueries();
  let replayed = 0;
  let isFirst = true;
  let wasCut = false;

  /** Lines of ours begin at the left edge; a raw terminal does not go there by itself. */
  const notice = (text: string) => void stderr.write(`\r\ndeckhand: ${text}\r\n`);

  async function output(bytes: Uint8Array): Promise<void> {
    modes.see(bytes);
    if (replayed <= 0) return writeAll(stdout, bytes);
    const old = filter.push(bytes.subarray(0, replayed));
    const isLast = bytes.length >= replayed;
    await writeAll(stdout, isLast ? Buffer.concat([old, filter.flush()]) : old);
    const fresh = bytes.subarray(replayed);
    replayed -= bytes.length;
    await writeAll(stdout, fresh);
  }

  return {
    show: async (update) => {
      if (update.event === "output") return output(update.bytes);
      if (update.event === "disconnected") {
        wasCut = true;
        return notice("the connection is cut, trying again; Ctrl-C leaves the terminal as it is");
      }
      replayed = isFirst && isReplay ? update.replayed : 0;
      isFirst = false;
      if (wasCut) notice("connected again");
      wasCut = false;
      if (update.missing > 0) notice(`${update.missing} bytes are missing here`);
    },
    restore: () => void stdout.write(modes.restore()),
  };
}

function sayEnd(context: CommandContext, { exitCode, reason }: TerminalEnd): number {
  if (reason.code !== "exited") context.say(reason.detail);
  return exitCode ?? EXIT.notStarted;
}

function sayLeft(context: CommandContext, terminalId: string, left: Left | undefined): number {
  // The program's prompt stands on this line.
  context.surroundings.stderr.write("\n");
  context.say(`left; it goes on for 15 minutes: deckhand terminals attach ${terminalId}`);
  return left === undefined || left.by === "keys" ? EXIT.ok : (SIGNALS[left.by] ?? EXIT.failed);
}

function onSignals(act: (signal: NodeJS.Signals) => void): () => void {
  const signals = Object.keys(SIGNALS) as NodeJS.Signals[];
  for (const signal of signals) process.on(signal, act);
  return () => {
    for (const signal of signals) process.off(signal, act);
  };
}
