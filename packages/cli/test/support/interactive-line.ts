import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { DECKHAND } from "./command-line.ts";

const run = promisify(execFile);

/** The deckhand command on a real terminal, with somebody who types. */
export interface InteractiveLine {
  /** Everything that the terminal got. */
  readonly screen: string;
  readonly exited: Promise<number | null>;
  type(text: string | Buffer): void;
  /** Resolves when the screen has it. */
  shows(text: string | RegExp): Promise<void>;
  /** Gives the terminal another size, as somebody who drags its window. */
  resize(size: { readonly columns: number; readonly rows: number }): Promise<void>;
}

export interface InteractiveOptions {
  readonly at: { readonly url: string; readonly token: string };
  readonly home: string;
  readonly columns?: number;
  readonly rows?: number;
}

/** Of util-linux; gives a command a terminal of its own. */
const SCRIPT = "script";
const WITHIN_MS = 30_000;

/** Starts it on a terminal of this size, which says its settings before and after the command. */
export function interactiveLine(
  words: readonly string[],
  { at, home, columns = 100, rows = 30 }: InteractiveOptions,
): InteractiveLine {
  const command = [process.execPath, DECKHAND, ...words].map(quote).join(" ");
  const line = `stty columns ${columns} rows ${rows}; echo tty=$(tty) settings-found=$(stty -g); ${command}; code=$?; echo settings-left=$(stty -g); exit $code`;
  const { PATH = "" } = process.env;
  const env = {
    PATH,
    HOME: home,
    TERM: "xterm-256color",
    DECKHAND_SERVER: at.url,
    DECKHAND_TOKEN: at.token,
  };
  const child = spawn(SCRIPT, ["--quiet", "--return", "--command", line, "/dev/null"], { env });
  const pieces: Buffer[] = [];
  child.stdout.on("data", (piece: Buffer) => pieces.push(piece));
  child.stdin.on("error", () => undefined);
  const screen = () => Buffer.concat(pieces).toString();
  return {
    get screen() {
      return screen();
    },
    exited: exitCodeOf(child),
    type: (text) => void child.stdin.write(text),
    shows: (text) => waitFor(child, { text, screen }),
    resize: async (size) => {
      const [, tty = ""] = /tty=(\S+)/.exec(screen()) ?? [];
      await run("stty", ["-F", tty, "columns", String(size.columns), "rows", String(size.rows)]);
    },
  };
}

async function exitCodeOf(child: ChildProcessWithoutNullStreams): Promise<number | null> {
  const [code] = (await once(child, "close")) as [number | null];
  return code;
}

interface Expected {
  readonly text: string | RegExp;
  screen(): string;
}

async function waitFor(
  child: ChildProcessWithoutNullStreams,
  { text, screen }: Expected,
): Promise<void> {
  const giveUp = performance.now() + WITHIN_MS;
  const isShown = () => (typeof text === "string" ? screen().includes(text) : text.test(screen()));
  while (!isShown()) {
    if (child.exitCode !== null || performance.now() > giveUp)
      throw new Error(`${String(text)} was not shown; the screen: ${JSON.stringify(screen())}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
