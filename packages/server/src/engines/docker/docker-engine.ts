import { randomBytes } from "node:crypto";
import { AppError, isAppError } from "@deckhand/core";
import type {
  Engine,
  EngineEvent,
  EngineExec,
  EngineVersion,
  ExecRequest,
  SidecarRequest,
  StartExecOptions,
} from "../engine.ts";
import { type TlsFiles, toTransport } from "./docker-address.ts";
import {
  createdExecAnswer,
  execAnswer,
  imageAnswer,
  inspectAnswer,
  listAnswer,
  toContainer,
  toDetail,
  statsAnswer,
  toEvent,
  toUsage,
  topAnswer,
  toExecStatus,
  versionAnswer,
} from "./docker-answers.ts";
import { toConnectionError } from "./docker-errors.ts";
import { attachedExec } from "./docker-exec.ts";
import { type DockerCall, dockerHttp } from "./docker-http.ts";
import { toSidecarBody } from "./sidecar-body.ts";

/** Nothing newer is used; an older engine is spoken to in its own version. */
const NEWEST_API = [1, 47] as const;
const MAX_BUFFERED_BYTES = 8 * 1024 * 1024;
/** Podman answers in Docker's words, but its filter knows its own: `died`, `remove`. */
const EVENTS = [
  "start",
  "die",
  "died",
  "oom",
  "pause",
  "unpause",
  "restart",
  "rename",
  "destroy",
  "remove",
  "health_status",
  "update",
];
/** Podman leaves paused containers out, unless they are asked for. */
const RUNNING_OF_PODMAN = `&filters=${encodeURIComponent(JSON.stringify({ status: ["running", "paused"] }))}`;
const EVENT_FILTERS = encodeURIComponent(JSON.stringify({ type: ["container"], event: EVENTS }));

export interface DockerEngineOptions {
  readonly name: string;
  /** `unix://…`, `tcp://…`, `ssh://…`. */
  readonly address: string;
  readonly tls?: TlsFiles | undefined;
}

/** An engine that speaks the Docker API: Docker Engine, or Podman. */
export function dockerEngine({ name, address, tls }: DockerEngineOptions): Engine {
  const transport = toTransport(address, tls);
  const http = dockerHttp({ name, address }, transport);
  let negotiated: Promise<EngineVersion> | undefined;

  function version(signal?: AbortSignal): Promise<EngineVersion> {
    negotiated ??= readVersion(signal).catch((error) => {
      negotiated = undefined;
      throw error;
    });
    return negotiated;
  }

  async function readVersion(signal?: AbortSignal): Promise<EngineVersion> {
    const answer = versionAnswer.parse(
      await http.json({ method: "GET", path: "/version", signal }),
    );
    const podman = answer.Components?.some(({ Name }) => Name.startsWith("Podman"));
    return {
      product: podman ? "podman" : "docker",
      version: answer.Version,
      apiVersion: negotiate(answer.ApiVersion),
      os: answer.Os,
      arch: answer.Arch,
    };
  }

  async function call(call: DockerCall): Promise<unknown> {
    return http.json(await versioned(call));
  }

  async function versioned(call: DockerCall): Promise<DockerCall> {
    return { ...call, path: `/v${(await version(call.signal)).apiVersion}${call.path}` };
  }

  async function createExec(
    request: ExecRequest,
    attach: boolean,
    signal?: AbortSignal,
  ): Promise<string> {
    const path = `/containers/${encodeURIComponent(request.containerId)}/exec`;
    const body = {
      AttachStdin: attach,
      AttachStdout: attach,
      AttachStderr: attach,
      Tty: false,
      Cmd: request.cmd,
      Env: Object.entries(request.env).map(([key, value]) => `${key}=${value}`),
      ...(request.user && { User: request.user }),
      ...(request.workdir && { WorkingDir: request.workdir }),
    };
    return createdExecAnswer.parse(await call({ method: "POST", path, body, signal })).Id;
  }

  async function startExec(
    request: ExecRequest,
    options: StartExecOptions = {},
  ): Promise<EngineExec> {
    const execId = await createExec(request, true, options.signal).catch((error) => {
      throw withStarted(error, false);
    });
    const path = `/exec/${execId}/start`;
    const body = { Detach: false, Tty: false };
    const socket = await http
      .hijack(await versioned({ method: "POST", path, body, signal: options.signal }))
      .catch((error) => {
        throw withStarted(
          error,
          !isAppError(error, "TARGET_NOT_FOUND", "TARGET_STATE_CONFLICT", "ENGINE_REFUSED"),
        );
      });
    const maxBufferedBytes = options.maxBufferedBytes ?? MAX_BUFFERED_BYTES;
    return attachedExec({
      execId,
      socket,
      maxBufferedBytes,
      toError: (cause) => toConnectionError(name, address, cause),
    });
  }

  async function startDetached(request: ExecRequest, signal?: AbortSignal): Promise<void> {
    const execId = await createExec(request, false, signal);
    const path = `/exec/${execId}/start`;
    await call({ method: "POST", path, body: { Detach: true, Tty: false }, signal });
  }

  async function startSidecar(request: SidecarRequest): Promise<string> {
    const body = toSidecarBody(request);
    // A name of our own, so that one whose answer never came can be removed too.
    const sidecar = `deckhand-sidecar-${randomBytes(8).toString("hex")}`;
    try {
      await call({ method: "POST", path: `/containers/create?name=${sidecar}`, body });
      await call({ method: "POST", path: `/containers/${sidecar}/start` });
      return sidecar;
    } catch (error) {
      await removeSidecar(sidecar).catch(() => undefined);
      throw error;
    }
  }

  async function removeSidecar(idOrName: string, signal?: AbortSignal): Promise<void> {
    await foundOrUndefined(async () => {
      const path = `/containers/${encodeURIComponent(idOrName)}?force=true&v=true`;
      await call({ method: "DELETE", path, signal });
      return true;
    });
  }

  async function* events(options: Parameters<Engine["events"]>[0]): AsyncGenerator<EngineEvent> {
    try {
      const since = options.since ? `&since=${options.since.getTime() / 1_000}` : "";
      const path = `/events?filters=${EVENT_FILTERS}${since}`;
      const answer = await http.stream(
        await versioned({ method: "GET", path, signal: options.signal }),
      );
      options.onOpen?.(toTime(answer.headers.date));
      for await (const line of linesOf(answer)) {
        const event = toEvent(line);
        if (event) yield event;
      }
    } catch (error) {
      if (options.signal.aborted) return;
      throw toConnectionError(name, address, error);
    }
    if (!options.signal.aborted)
      throw toConnectionError(name, address, new Error("the event stream ended"));
  }

  return {
    name,
    address,
    version,
    listContainers: async ({ all = false, signal } = {}) => {
      const running = (await version(signal)).product === "podman" ? RUNNING_OF_PODMAN : "";
      const path = `/containers/json?all=${all}${all ? "" : running}`;
      return listAnswer.parse(await call({ method: "GET", path, signal })).map(toContainer);
    },
    findContainer: (idOrName, signal) =>
      foundOrUndefined(async () => {
        const path = `/containers/${encodeURIComponent(idOrName)}/json`;
        return toDetail(inspectAnswer.parse(await call({ method: "GET", path, signal })));
      }),
    findImageLabels: (imageId, signal) =>
      foundOrUndefined(async () => {
        const path = `/images/${encodeURIComponent(imageId)}/json`;
        return imageAnswer.parse(await call({ method: "GET", path, signal })).Config?.Labels ?? {};
      }),
    events,
    startExec,
    startDetached,
    findExec: (execId, signal) =>
      foundOrUndefined(async () =>
        toExecStatus(
          execAnswer.parse(
            await call({ method: "GET", path: `/exec/${encodeURIComponent(execId)}/json`, signal }),
          ),
        ),
      ),
    findUsage: (containerId, signal) =>
      foundOrUndefined(async () => {
        const path = `/containers/${encodeURIComponent(containerId)}/stats?stream=false&one-shot=true`;
        return toUsage(statsAnswer.parse(await call({ method: "GET", path, signal })));
      }),
    listProcesses: async (containerId, signal) => {
      const path = `/containers/${encodeURIComponent(containerId)}/top`;
      const { Titles, Processes } = topAnswer.parse(await call({ method: "GET", path, signal }));
      const [pid, command] = [Titles.indexOf("PID"), Titles.length - 1];
      return (Processes ?? []).map((row) => ({
        pid: Number(row[pid]),
        command: row[command] ?? "",
      }));
    },
    putArchive: async ({ containerId, folder, tar }, signal) => {
      const path = `/containers/${encodeURIComponent(containerId)}/archive?path=${encodeURIComponent(folder)}`;
      await call({ method: "PUT", path, body: tar, signal });
    },
    startSidecar,
    removeSidecar,
    close: () => transport.close(),
  };
}

function negotiate(theirs: string): string {
  const [major = 1, minor = 0] = theirs.split(".").map(Number);
  const older = major < NEWEST_API[0] || (major === NEWEST_API[0] && minor < NEWEST_API[1]);
  return older ? theirs : NEWEST_API.join(".");
}

function withStarted(error: unknown, started: boolean): unknown {
  if (!(error instanceof AppError)) return error;
  const { code, message, hint, errors, extra, cause } = error;
  return new AppError(code, {
    detail: message,
    errors,
    cause,
    extra: { ...extra, started },
    ...(hint && { hint }),
  });
}

async function foundOrUndefined<Found>(find: () => Promise<Found>): Promise<Found | undefined> {
  try {
    return await find();
  } catch (error) {
    if (isAppError(error, "TARGET_NOT_FOUND")) return undefined;
    throw error;
  }
}

function toTime(header: string | undefined): Date | undefined {
  const ms = Date.parse(header ?? "");
  return Number.isNaN(ms) ? undefined : new Date(ms);
}

async function* linesOf(bytes: AsyncIterable<Buffer | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of bytes) {
    rest += typeof piece === "string" ? piece : decoder.decode(piece, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield line;
  }
}
