import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { engines } from "./engines.ts";

const run = promisify(execFile);

export type EngineName = "docker" | "podman";

/** A container on either engine; Podman's service speaks the Docker API, so one command line serves both. */
export interface TargetContainer {
  readonly name: string;
  /** Any subcommand with the container's name behind its words: `pause`, `inspect --format …`. */
  act(...words: string[]): Promise<string>;
  /** Runs a command in it by the engine's own exec; gives what it printed, whatever its exit code. */
  exec(...argv: string[]): Promise<string>;
  /** Keeps a command open in it, by the engine's own exec, and talks to it line by line. */
  open(user: string, ...argv: string[]): OpenCommand;
  /** What its main process wrote, to either stream. */
  log(): Promise<string>;
  remove(): Promise<void>;
}

export interface OpenCommand {
  /** Writes a line and gives the next one that comes. */
  ask(line: string): Promise<string>;
  /** Ends its input, behind a last line if one is given, and gives the lines that were not read yet. */
  end(lastLine?: string): Promise<readonly string[]>;
}

export interface TargetContainerOptions {
  readonly engine?: EngineName;
  readonly image?: string;
  /** Flags of `docker run`. */
  readonly flags?: readonly string[];
  readonly command?: readonly string[];
}

/** PID 1 that does nothing at all, so it reaps nothing either. */
const SLEEPING = { flags: ["--entrypoint", "sleep"], command: ["1000000"] };

/** Starts a container; without a command, one whose PID 1 only sleeps. */
export async function targetContainer(options: TargetContainerOptions): Promise<TargetContainer> {
  const { engine = "docker", image = engines().images.busybox } = options;
  const name = `dh-target-${randomBytes(5).toString("hex")}`;
  const env = { ...process.env, DOCKER_HOST: `unix://${engines()[engine].socketPath}` };
  const command = async (...words: string[]) =>
    (await run("docker", words, { env, maxBuffer: 64 * 1024 * 1024 })).stdout.trim();
  const pid1 = options.command ? { flags: [], command: options.command } : SLEEPING;
  const flags = ["--network", "none", ...pid1.flags, ...(options.flags ?? [])];
  await command("run", "--detach", "--name", name, ...flags, image, ...pid1.command);
  return {
    name,
    act: (...words) => command(...words, name),
    exec: (...argv) =>
      run("docker", ["exec", name, ...argv], { env, maxBuffer: 64 * 1024 * 1024 }).then(
        ({ stdout }) => stdout,
        (error: { stdout?: string }) => error.stdout ?? "",
      ),
    open: (user, ...argv) => openCommand(["exec", "-i", "--user", user, name, ...argv], env),
    log: () =>
      run("docker", ["logs", name], { env, maxBuffer: 256 * 1024 * 1024 }).then(
        ({ stdout, stderr }) => stdout + stderr,
      ),
    remove: async () => {
      await command("rm", "--force", "--volumes", name).catch(() => undefined);
    },
  };
}

function openCommand(words: readonly string[], env: NodeJS.ProcessEnv): OpenCommand {
  const child = spawn("docker", words, { env, stdio: ["pipe", "pipe", "ignore"] });
  // Writing to a command that has ended is told by the missing answer.
  child.stdin.on("error", () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    ask: async (line) => {
      child.stdin.write(`${line}\n`);
      const next = await lines.next();
      if (next.done) throw new Error(`${words.join(" ")}: ended instead of answering "${line}"`);
      return next.value;
    },
    end: async (lastLine) => {
      child.stdin.end(lastLine ? `${lastLine}\n` : undefined);
      const rest: string[] = [];
      for (let next = await lines.next(); !next.done; next = await lines.next())
        rest.push(next.value);
      return rest;
    },
  };
}
