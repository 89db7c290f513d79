import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const DECKHAND = new URL("../../bin/deckhand.js", import.meta.url).pathname;

const MOST_TRIES = 50;

export interface Finished {
  readonly exitCode: number | null;
  readonly bytes: Buffer;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that still runs. */
export interface Started {
  readonly finished: Promise<Finished>;
  signal(signal: NodeJS.Signals): void;
  /** Closes our end of its stdout, as `head` does. */
  stopReading(): void;
  /** Hands on what somebody types; only where standard input stays open. */
  type(text: string): void;
  /** Resolves when stdout or stderr has the text. */
  says(text: string): Promise<void>;
}

export interface StartOptions {
  readonly input?: string | Buffer;
  /** Standard input does not end after `input`. */
  readonly staysOpen?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** The deckhand command as a user has it, with a home of its own. */
export interface CommandLine {
  readonly home: string;
  run(words: readonly string[], options?: StartOptions): Promise<Finished>;
  start(words: readonly string[], options?: StartOptions): Started;
  /** What a shell is told; a completion that comes late is none, and on a busy machine many do. */
  complete(...words: readonly string[]): Promise<string>;
  /** Runs it on a terminal of its own; what the terminal got is in stdout. */
  onTerminal(words: readonly string[], options?: StartOptions): Promise<Finished>;
  /** The same, with somebody who sits there and types. */
  startOnTerminal(words: readonly string[]): Started;
  close(): Promise<void>;
}

/** `at`: the server's address and token; without it the command knows of no server. */
export async function commandLine(at?: {
  readonly url: string;
  readonly token: string;
}): Promise<CommandLine> {
  const home = await mkdtemp(join(tmpdir(), "deckhand-home-"));
  const server = at ? { DECKHAND_SERVER: at.url, DECKHAND_TOKEN: at.token } : {};
  const { PATH = "" } = process.env;
  const base = {
    PATH,
    HOME: home,
    DECKHAND_DATA_DIR: join(home, "data"),
    TERM: "xterm",
    ...server,
  };

  function start(words: readonly string[], options: StartOptions = {}): Started {
    return startProcess(process.execPath, [DECKHAND, ...words], {
      ...options,
      env: { ...base, ...options.env },
    });
  }

  function startTerminal(words: readonly string[], options: StartOptions = {}): Started {
    const typed = [process.execPath, DECKHAND, ...words].map(quote).join(" ");
    return startProcess("script", ["--quiet", "--return", "--command", typed, "/dev/null"], {
      ...options,
      env: { ...base, ...options.env },
    });
  }

  return {
    home,
    start,
    run: (words, options) => start(words, options).finished,
    complete: (...words) =>
      askAgain(async () => (await start(["__complete", ...words]).finished).stdout),
    onTerminal: (words, options) => startTerminal(words, options).finished,
    startOnTerminal: (words) => startTerminal(words, { staysOpen: true }),
    close: () => rm(home, { recursive: true, force: true }),
  };
}

/** Asks until the answer is not empty. */
export async function askAgain(ask: () => Promise<string>): Promise<string> {
  for (let tries = 1; ; tries++) {
    const answer = await ask();
    if (answer !== "" || tries === MOST_TRIES) return answer;
  }
}

function startProcess(file: string, words: readonly string[], options: StartOptions): Started {
  const { env, cwd, input = "", staysOpen = false } = options;
  const child = spawn(file, words, { env: { ...env }, cwd, stdio: "pipe" });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (piece: Buffer) => out.push(piece));
  child.stderr.on("data", (piece: Buffer) => err.push(piece));
  // A command that reads nothing may be gone before it could.
  child.stdin.on("error", () => undefined);
  child.stdin.write(input);
  if (!staysOpen) child.stdin.end();
  return {
    type: (text) => void child.stdin.write(text),
    signal: (signal) => void child.kill(signal),
    stopReading: () => void child.stdout.destroy(),
    says: (text) => waitFor(child, { text, said: () => Buffer.concat([...out, ...err]) }),
    finished: finish(child, { out, err }),
  };
}

async function finish(
  child: ChildProcessWithoutNullStreams,
  { out, err }: { readonly out: Buffer[]; readonly err: Buffer[] },
): Promise<Finished> {
  const [exitCode] = (await once(child, "close")) as [number | null];
  const bytes = Buffer.concat(out);
  return { exitCode, bytes, stdout: bytes.toString(), stderr: Buffer.concat(err).toString() };
}

interface Expected {
  readonly text: string;
  said(): Buffer;
}

async function waitFor(
  child: ChildProcessWithoutNullStreams,
  { text, said }: Expected,
): Promise<void> {
  while (!said().includes(text)) {
    if (child.exitCode !== null)
      throw new Error(`the command ended before it said ${text}; it said: ${said().toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
