import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

export interface Ran {
  readonly command: string;
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The shell of somebody who reads a document and types what it says: variables stay. */
export interface DocShell {
  run(command: string): Promise<Ran>;
  /** The same on a terminal, where something is typed as soon as it shows `after`; variables that it sets do not stay. */
  runOnTerminal(command: string, typed: Typed): Promise<Ran>;
  /** Starts what serves until it is ended, and ends it by SIGTERM when it says `after`. */
  runUntil(command: string, after: string): Promise<Ran>;
  close(): Promise<void>;
}

export interface Typed {
  readonly after: string;
  readonly text: string;
}

export interface DocShellOptions {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

export async function docShell({ folder, env }: DocShellOptions): Promise<DocShell> {
  const scratch = await mkdtemp(join(tmpdir(), "deckhand-typed-"));
  const shell = spawn("bash", ["--noprofile", "--norc"], {
    cwd: folder,
    env,
    stdio: ["pipe", "inherit", "inherit", "pipe"],
  });
  const [input, , , answers] = shell.stdio as unknown as readonly [Writable, null, null, Readable];
  const exitCodes = createInterface({ input: answers })[Symbol.asyncIterator]();
  input.write("set -a -o pipefail\n");
  let count = 0;

  async function run(command: string): Promise<Ran> {
    const path = join(scratch, `${++count}`);
    await writeFile(path, `${command}\n`);
    input.write(`. ${path} </dev/null >${path}.out 2>${path}.err 3>&-; echo $? >&3\n`);
    const { value } = await exitCodes.next();
    const [stdout, stderr] = await Promise.all(
      [`${path}.out`, `${path}.err`].map((file) => readFile(file, "utf8")),
    );
    if (value === undefined) throw new Error(`it ended the shell: ${command}\n${stdout}${stderr}`);
    return { command, exitCode: Number(value), stdout: stdout ?? "", stderr: stderr ?? "" };
  }

  /** With the variables as they are now. */
  async function start(program: string, words: readonly string[]): Promise<ChildProcess> {
    const { stdout } = await run("env -0");
    const variables = stdout.split("\0").filter((one) => one !== "");
    const now = variables.map((one) => [one.split("=", 1)[0], one.slice(one.indexOf("=") + 1)]);
    return spawn(program, words, { cwd: folder, env: Object.fromEntries(now) as typeof env });
  }

  return {
    run,
    runOnTerminal: async (command, typed) => {
      const words = ["--quiet", "--return", "--command", command, "/dev/null"];
      const child = await start("script", words);
      child.stdin?.on("error", () => undefined);
      const type = () => child.stdin?.write(typed.text);
      return finish(child, { command, after: typed.after }, type);
    },
    runUntil: async (command, after) => {
      const handOn = `${withoutRemark(command)} & trap "kill $!" TERM; wait $!; wait $!`;
      const child = await start("bash", ["-c", handOn]);
      return finish(child, { command, after }, () => child.kill("SIGTERM"));
    },
    close: async () => {
      const gone = shell.exitCode === null ? once(shell, "exit") : undefined;
      input.end();
      await gone;
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

function withoutRemark(command: string): string {
  return command.replace(/\s+# .*$/, "");
}

/** Does `then` once, when either stream has shown `after`. */
async function finish(
  child: ChildProcess,
  { command, after }: { readonly command: string; readonly after: string },
  then: () => unknown,
): Promise<Ran> {
  let [stdout, stderr, isDone] = ["", "", false];
  const look = () => {
    if (isDone || !(stdout + stderr).includes(after)) return;
    isDone = true;
    then();
  };
  child.stdout?.on("data", (piece: Buffer) => {
    stdout += piece.toString();
    look();
  });
  child.stderr?.on("data", (piece: Buffer) => {
    stderr += piece.toString();
    look();
  });
  const [exitCode] = (await once(child, "close")) as [number | null];
  return { command, exitCode: exitCode ?? -1, stdout, stderr };
}
