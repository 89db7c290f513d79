import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { request } from "node:http";
import { promisify } from "node:util";

const run = promisify(execFile);

/** How a suite makes containers on the engine that it tests: by that engine's own command line. */
export interface EngineCommand {
  /** Runs a subcommand and gives what it printed. */
  (...words: string[]): Promise<string>;
}

export function dockerCommand(socketPath: string): EngineCommand {
  return async (...words) =>
    (await run("docker", ["-H", `unix://${socketPath}`, ...words])).stdout.trim();
}

/** Podman's service speaks the Docker API, so the docker command can make its containers too. */
export const podmanCommand = dockerCommand;

/** Has Podman check a container's health now: it leaves that to timers of systemd, which not every machine has. */
export function podmanHealthcheck(socketPath: string, name: string): Promise<void> {
  const path = `/v4.0.0/libpod/containers/${name}/healthcheck`;
  return new Promise((resolve, reject) => {
    request({ socketPath, path }, (answer) => answer.resume().on("end", resolve))
      .on("error", reject)
      .end();
  });
}

export interface SuiteContainer {
  readonly id: string;
  readonly name: string;
  remove(): Promise<void>;
}

const WAIT = "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done";

/** Starts a container that waits in a shell. */
export async function startContainer(
  command: EngineCommand,
  options: {
    readonly image: string;
    readonly flags?: readonly string[];
    readonly argv?: readonly string[];
  },
): Promise<SuiteContainer> {
  const name = `dh-suite-${randomBytes(5).toString("hex")}`;
  const flags = ["--detach", "--name", name, "--network", "none", ...(options.flags ?? [])];
  const id = await command("run", ...flags, options.image, ...(options.argv ?? ["sh", "-c", WAIT]));
  return {
    id,
    name,
    remove: async () => void (await command("rm", "--force", name).catch(() => "")),
  };
}
