import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { type GuardClient, guardClient } from "./guard-client.ts";
import { buildGuard, buildGuardTest, commandFor, HOST_ARCH } from "./guard-programs.ts";

export interface GuardProgram {
  readonly guard: string;
  readonly arch: string;
  /** The emulation of another machine does not know how a process adopts orphans, and has threads of its own. */
  readonly isEmulated: boolean;
  build(): Promise<string>;
}

/** What every test of the guard runs on: one that sees its own faults, the one that goes into containers, and another machine's. */
export const GUARDS: readonly GuardProgram[] = [
  {
    guard: "with sanitizers",
    arch: HOST_ARCH,
    isEmulated: false,
    build: () => buildGuardTest("guard-sanitized"),
  },
  ...["x86_64", "aarch64"].map((arch) => ({
    guard: arch,
    arch,
    isEmulated: arch !== HOST_ARCH,
    build: () => (arch === HOST_ARCH ? buildGuard(arch) : buildGuardTest(`guard-emulated-${arch}`)),
  })),
];

const UP_WITHIN_MS = 20_000;

export interface LocalGuardOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Shell words that set limits before the guard starts. */
  readonly limits?: string;
  readonly cwd?: string;
  /** Another user than ours, as which only root can start anything. */
  readonly uid?: number;
}

/** A guard that runs here, in no container, under a name of its own. */
export interface LocalGuard {
  readonly pid: number;
  readonly secret: Buffer;
  /** What it would have said about its own faults. */
  faults(): Promise<readonly string[]>;
  /** Over a bridge, as the server does it, and known by its secret. */
  connect(): Promise<GuardClient>;
  /** Straight to its socket, without a word. */
  connectRaw(): Promise<GuardClient>;
  /** A bridge that has not said anything yet. */
  bridge(options?: { readonly asOurselves: boolean }): ChildProcess;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when it has ended by itself or by a signal. */
  readonly ended: Promise<void>;
  isRunning(): boolean;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startLocalGuard(
  program: GuardProgram,
  { env = {}, limits = ":", cwd, uid }: LocalGuardOptions = {},
): Promise<LocalGuard> {
  const [command, ...first] = commandFor(program.arch, await program.build());
  const folder = await mkdtemp(join(tmpdir(), "deckhand-guard-"));
  await chmod(folder, 0o777);
  const name = `test-${randomBytes(8).toString("hex")}`;
  const secret = randomBytes(16);
  const report = `log_path=${folder}/fault:detect_leaks=0:print_stacktrace=1`;
  const guardEnv = {
    PATH: process.env.PATH,
    HOME: folder,
    DECKHAND_GUARD_NAME: name,
    ASAN_OPTIONS: report,
    UBSAN_OPTIONS: report,
  };
  const user = uid === undefined ? {} : { uid, gid: uid };
  const daemon = spawn("bash", ["-c", `${limits}; exec "$@"`, "sh", command, ...first, "daemon"], {
    env: { ...guardEnv, DECKHAND_GUARD_SECRET: secret.toString("hex"), ...env },
    stdio: ["ignore", "ignore", "inherit"],
    cwd: cwd ?? folder,
    ...user,
  });
  const ended = once(daemon, "exit").then(() => undefined);
  const isRunning = () => daemon.exitCode === null && daemon.signalCode === null;
  const clients: GuardClient[] = [];
  const bridges: ChildProcess[] = [];

  function bridge({ asOurselves = false } = {}): ChildProcess {
    const child = spawn(command, [...first, "bridge"], {
      env: guardEnv,
      cwd: folder,
      ...(!asOurselves && user),
    });
    bridges.push(child);
    return child;
  }

  function keep(client: GuardClient): GuardClient {
    clients.push(client);
    return client;
  }

  async function connectRaw(): Promise<GuardClient> {
    const socket = connectSocket(`\0deckhand-guard/${name}`);
    await once(socket, "connect");
    return keep(guardClient(socket, socket, { isBridge: false }));
  }

  const guard: LocalGuard = {
    pid: daemon.pid ?? 0,
    secret,
    faults: async () => {
      const files = (await readdir(folder)).filter((file) => file.startsWith("fault"));
      return Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
    },
    connect: async () => {
      const child = bridge();
      if (!child.stdout || !child.stdin) throw new Error("the bridge has no streams");
      const client = keep(guardClient(child.stdout, child.stdin, { isBridge: true }));
      await client.untilOpen();
      client.send({ type: "auth", secret });
      await client.next("hello");
      return client;
    },
    connectRaw,
    bridge,
    kill: (signal) => {
      daemon.kill(signal);
    },
    ended,
    isRunning,
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.close();
      for (const child of bridges) child.kill();
      if (isRunning()) daemon.kill("SIGKILL");
      await ended;
      const faults = await guard.faults();
      await rm(folder, { recursive: true, force: true });
      expect(faults).toEqual([]);
    },
  };
  await untilListening(guard, connectRaw);
  return guard;
}

async function untilListening(guard: LocalGuard, tryIt: () => Promise<GuardClient>) {
  for (let left = UP_WITHIN_MS; left > 0; left -= 20) {
    if (!guard.isRunning()) throw new Error("the guard ended at once");
    const client = await tryIt().catch(() => undefined);
    if (client) return client.close();
    await delay(20);
  }
  throw new Error("the guard does not listen");
}
