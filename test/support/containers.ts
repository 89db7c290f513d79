import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { engines } from "./engines.ts";

const run = promisify(execFile);

export interface TestContainer {
  readonly id: string;
  readonly name: string;
  /** Runs a command in it by the engine's own command line; gives what it printed. */
  exec(command: readonly string[], options?: { readonly user?: string }): Promise<string>;
  /** Any subcommand with the container's name at the end: `kill`, `restart`, `pause`. */
  act(...command: string[]): Promise<string>;
  remove(): Promise<void>;
}

export interface TestContainerOptions {
  /** Becomes part of the name, which is unique. */
  readonly name: string;
  readonly image: string;
  /** Flags of `docker run`. */
  readonly flags?: readonly string[];
  /** What runs as PID 1; by default a shell that sleeps. */
  readonly command?: readonly string[];
}

/** Starts a container on the Docker Engine of the tests. */
export async function dockerContainer(options: TestContainerOptions): Promise<TestContainer> {
  const name = `dh-test-${options.name}-${randomBytes(4).toString("hex")}`;
  const command = options.command ?? [
    "sh",
    "-c",
    "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done",
  ];
  const flags = ["--detach", "--name", name, "--network", "none", ...(options.flags ?? [])];
  const id = await docker("run", ...flags, options.image, ...command);
  return {
    id,
    name,
    exec: (argv, { user } = {}) => docker("exec", ...(user ? ["--user", user] : []), name, ...argv),
    act: (...action) => docker(...action, name),
    remove: async () => {
      await docker("rm", "--force", "--volumes", name);
    },
  };
}

/** Runs the docker command line against the engine of the tests. */
export async function docker(...command: string[]): Promise<string> {
  const env = { ...process.env, DOCKER_HOST: `unix://${engines().docker.socketPath}` };
  const { stdout } = await run("docker", command, { env, maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}
