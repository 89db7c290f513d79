import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { engines } from "./engines.ts";

const run = promisify(execFile);
const UP_WITHIN_MS = 60_000;

/** A Docker Engine of the test's own, which it may kill. */
export interface PrivateDockerd {
  readonly socketPath: string;
  /** Does nothing when it runs. */
  start(): Promise<void>;
  /** Ends the daemon by a signal and waits until it is gone. */
  end(signal: NodeJS.Signals): Promise<void>;
  /** Starts a container that sleeps, with flags of `docker run`; gives its name. */
  runContainer(image: string, flags?: readonly string[]): Promise<string>;
  /** Runs the docker command line against it. */
  docker(...command: string[]): Promise<string>;
  close(): Promise<void>;
}

export async function startPrivateDockerd(options: {
  readonly images: readonly string[];
  readonly liveRestore?: boolean;
}): Promise<PrivateDockerd> {
  const folder = await mkdtemp("/var/tmp/deckhand-dockerd-");
  const socketPath = join(folder, "docker.sock");
  const log = openSync(join(folder, "dockerd.log"), "a");
  let daemon: ChildProcess | undefined;
  const command = async (...words: string[]) =>
    (
      await run("docker", ["-H", `unix://${socketPath}`, ...words], { maxBuffer: 16 * 1024 * 1024 })
    ).stdout.trim();

  const isRunning = () => daemon?.exitCode === null && daemon.signalCode === null;

  async function start(): Promise<void> {
    if (isRunning()) return;
    const flags = [
      ...["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec")],
      ...["--pidfile", join(folder, "dockerd.pid"), "-H", `unix://${socketPath}`],
      ...["--bridge=none", "--iptables=false", "--ip-masq=false"],
      ...(options.liveRestore ? ["--live-restore"] : []),
    ];
    // A killed daemon leaves these behind, and the next one takes them for a living containerd.
    for (const stale of [
      "dockerd.pid",
      "exec/containerd/containerd.pid",
      "exec/containerd/containerd.sock",
    ]) {
      await rm(join(folder, stale), { force: true });
    }
    // A daemon without a bridge removes docker0, which here is the other daemon's: it gets a network of its own.
    daemon = spawn("unshare", ["--net", "dockerd", ...flags], { stdio: ["ignore", log, log] });
    const until = performance.now() + UP_WITHIN_MS;
    while (!(await command("version", "--format", "{{.Server.Version}}").catch(() => ""))) {
      if (performance.now() > until || daemon.exitCode !== null)
        throw new Error(`the private dockerd did not start: see ${folder}/dockerd.log`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (!daemon || !isRunning()) return;
    const gone = once(daemon, "exit");
    daemon.kill(signal);
    await gone;
  }

  await start();
  await copyImages(options.images, socketPath);
  return {
    socketPath,
    start,
    end,
    docker: command,
    runContainer: async (image, flags = []) => {
      const name = `private-${Math.random().toString(36).slice(2, 8)}`;
      const wait = "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done";
      const allFlags = ["--detach", "--name", name, "--network", "none", ...flags];
      await command("run", ...allFlags, image, "sh", "-c", wait);
      return name;
    },
    close: async () => {
      await start().catch(() => undefined);
      const left = (await command("ps", "--all", "--quiet").catch(() => ""))
        .split("\n")
        .filter(Boolean);
      if (left.length > 0) await command("rm", "--force", ...left).catch(() => undefined);
      await end("SIGTERM");
      // A killed daemon leaves its data directory mounted onto itself.
      await run("umount", ["--lazy", join(folder, "data")]).catch(() => undefined);
      await rm(folder, { recursive: true, force: true, maxRetries: 5 }).catch(() => undefined);
    },
  };
}

/** From the engine of the tests. */
async function copyImages(images: readonly string[], socketPath: string): Promise<void> {
  const from = `unix://${engines().docker.socketPath}`;
  const copy = 'from=$1 to=$2; shift 2; docker -H "$from" save "$@" | docker -H "$to" load --quiet';
  await run("bash", [
    "-o",
    "pipefail",
    "-c",
    copy,
    "bash",
    from,
    `unix://${socketPath}`,
    ...images,
  ]);
}
