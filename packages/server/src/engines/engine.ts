/**
 * The port to a container runtime. Docker Engine and Podman stand behind it; `testing/engine-contract.ts`
 * is the suite that each adapter passes.
 */

/** One running container as the engine reports it. */
export interface EngineContainer {
  /** The full container id. */
  readonly id: string;
  /** The name without the leading slash. */
  readonly name: string;
  /** The image reference the container was created from, for example `postgres:16`. */
  readonly image: string;
  readonly imageId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly status: ContainerStatus;
  readonly health: ContainerHealth | undefined;
  /** When this incarnation started, as the engine writes it; changes with each restart. Not known from a list. */
  readonly startedAt: string | undefined;
  /** When the container was created. */
  readonly createdAt: Date;
}

export type ContainerStatus =
  | "created"
  | "running"
  | "paused"
  | "restarting"
  | "exited"
  | "dead"
  | "removing";
export type ContainerHealth = "starting" | "healthy" | "unhealthy";

/** What an inspect adds: it decides whether an execution still belongs to the container it started in. */
export interface EngineContainerDetail extends EngineContainer {
  readonly startedAt: string;
  /** PID of the main process on the engine's host; 0 when it does not run. */
  readonly pid: number;
  /** When the last health check began, as the engine writes it. */
  readonly healthCheckedAt: string | undefined;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly user: string;
  readonly env: readonly string[];
  readonly workdir: string;
}

/** Something happened to a container. A hint to look again, never the truth by itself. */
export interface EngineEvent {
  readonly kind:
    | "start"
    | "die"
    | "oom"
    | "pause"
    | "unpause"
    | "restart"
    | "rename"
    | "destroy"
    | "health"
    | "update";
  readonly containerId: string;
  readonly at: Date;
  /** The container as the event tells of it: it may be gone already. */
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of the main process, when it died. */
  readonly exitCode: number | undefined;
  /** What it became, where the engine says so; Podman tells of each check and not what came of it. */
  readonly health: ContainerHealth | undefined;
}

export interface EngineVersion {
  /** `docker` or `podman`. */
  readonly product: "docker" | "podman";
  readonly version: string;
  /** The API version that was negotiated, for example `1.41`. */
  readonly apiVersion: string;
  readonly os: string;
  readonly arch: string;
}

/** What to start inside a container. `cmd` is one of the constants of `sessions/`; values travel in `env` and stdin. */
export interface ExecRequest {
  readonly containerId: string;
  readonly cmd: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** `""` is the container's own user. */
  readonly user: string;
  /** `""` is the container's own working directory. */
  readonly workdir: string;
}

export type OutputStream = "stdout" | "stderr";

/** A piece of what the process wrote, as the engine framed it; it may split a character. */
export interface ExecChunk {
  readonly stream: OutputStream;
  readonly bytes: Uint8Array;
}

/**
 * A started exec with all three streams attached.
 *
 * The socket is always read at full speed, whether or not `output` is consumed: an unread socket wedges the
 * whole container's event handling inside the engine. What the consumer has not taken yet is held in memory up to
 * `maxBufferedBytes`; beyond it the socket is destroyed and `output` fails with ENGINE_UNREACHABLE ("overrun").
 */
export interface EngineExec {
  readonly execId: string;
  /** Ends when the engine ends the stream cleanly; throws AppError ENGINE_UNREACHABLE when the connection breaks. */
  readonly output: AsyncIterable<ExecChunk>;
  /** Resolves when the bytes are handed to the socket and it wants more; false when the process takes no more. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** Destroys our side of the connection; the process goes on, as the engine never kills it. Never throws. */
  close(): void;
}

/** How an exec stands. The exit code is a diagnosis only: engines report wrong ones after a lost connection. */
export interface ExecStatus {
  readonly running: boolean;
  readonly exitCode: number | undefined;
  /** PID on the engine's host; 0 when the process never started or is gone. */
  readonly pid: number;
}

export interface StartExecOptions {
  readonly signal?: AbortSignal;
  /** Default 8 MiB. */
  readonly maxBufferedBytes?: number;
}

export interface Engine {
  /** The name the operator gave it, for example `local`. */
  readonly name: string;
  /** Where it is reached, without secrets, for messages: `unix:///var/run/docker.sock`. */
  readonly address: string;

  /** Asks for the version and negotiates the API version once; throws ENGINE_UNREACHABLE. */
  version(signal?: AbortSignal): Promise<EngineVersion>;
  /** Lists running (and paused or restarting) containers; `all` adds the stopped ones. */
  listContainers(options?: {
    readonly all?: boolean;
    readonly signal?: AbortSignal;
  }): Promise<readonly EngineContainer[]>;
  /** Gives `undefined` when there is no such container. */
  findContainer(idOrName: string, signal?: AbortSignal): Promise<EngineContainerDetail | undefined>;
  /** What an image was built with; gives `undefined` when the engine does not have it. */
  findImageLabels(
    imageId: string,
    signal?: AbortSignal,
  ): Promise<Readonly<Record<string, string>> | undefined>;
  /**
   * Streams container events until the signal aborts (then it ends) or the connection breaks (then it throws
   * ENGINE_UNREACHABLE); reconnecting is the inventory's business. They are those from now on, or with `since`, a time of
   * the engine's clock, also what the engine remembers from then on. `onOpen` is called when the subscription stands, so
   * that a re-read after it misses nothing; it is told what the engine's clock shows, to a second, where the engine says so.
   */
  events(options: {
    readonly signal: AbortSignal;
    readonly since?: Date | undefined;
    readonly onOpen?: (engineTime: Date | undefined) => void;
  }): AsyncIterable<EngineEvent>;
  /**
   * Creates and starts an exec, never privileged, never with a TTY, with stdin, stdout and stderr attached.
   * Nothing is written before the engine's response header is complete.
   * Throws TARGET_NOT_FOUND, TARGET_STATE_CONFLICT (paused, restarting, not running: `extra.containerStatus`),
   * ENGINE_REFUSED (the engine says the request is wrong) or ENGINE_UNREACHABLE. The error's `extra.started` is
   * `false` when nothing can have started and `true` when it may have.
   */
  startExec(request: ExecRequest, options?: StartExecOptions): Promise<EngineExec>;
  /**
   * Creates and starts an exec that nothing is attached to; what it writes is thrown away. Its parent is outside the
   * container, and it lives as long as it likes. Errors as of `startExec`.
   */
  startDetached(request: ExecRequest, signal?: AbortSignal): Promise<void>;
  /** Gives `undefined` when the engine has forgotten the exec. */
  findExec(execId: string, signal?: AbortSignal): Promise<ExecStatus | undefined>;
  /** What the container has used since it started; `undefined` when there is no such container or it does not run. */
  findUsage(containerId: string, signal?: AbortSignal): Promise<EngineUsage | undefined>;
  /** Lists the container's processes as the engine's host sees them: pid and command line. */
  listProcesses(containerId: string, signal?: AbortSignal): Promise<readonly EngineProcess[]>;
  /**
   * Unpacks a tar archive into a folder of a container, in one burst. A success says nothing about whether the
   * container sees it: what lies under its tmpfs does not. Throws TARGET_NOT_FOUND (the container, or the folder) or ENGINE_REFUSED.
   */
  putArchive(request: ArchiveRequest, signal?: AbortSignal): Promise<void>;
  /**
   * Creates and starts a container beside another, which sees the other's processes and nothing else of it: without
   * network, capabilities and privileges, read-only but for `SIDECAR_FOLDER`. The engine removes it when its program ends.
   * Gives its name. The image is never pulled. Throws as `putArchive`. Can not be given up halfway: nothing may be left behind.
   */
  startSidecar(request: SidecarRequest): Promise<string>;
  /** Removes such a container, running or not; without a complaint when it is gone. */
  removeSidecar(idOrName: string, signal?: AbortSignal): Promise<void>;
  /** Closes idle connections. */
  close(): void;
}

export interface ArchiveRequest {
  readonly containerId: string;
  readonly folder: string;
  readonly tar: Uint8Array;
}

/** In memory, writable for every user, and programs in it can be started. */
export const SIDECAR_FOLDER = "/deckhand";
/** On every sidecar; its value says whose it is. */
export const SIDECAR_LABEL = "deckhand.sidecar";

export interface SidecarRequest {
  readonly image: string;
  /** The container whose processes it sees. */
  readonly besideId: string;
  /** `""` is root. */
  readonly user: string;
  /** Of `SIDECAR_LABEL`. */
  readonly owner: string;
  readonly cmd: readonly string[];
}

export interface EngineUsage {
  /** When the engine looked. */
  readonly at: Date;
  readonly cpuMs: number;
  readonly memoryBytes: number;
}

export interface EngineProcess {
  readonly pid: number;
  readonly command: string;
}
