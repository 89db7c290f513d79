import { AppError } from "@deckhand/core";

/** Every call that is ever made to an engine; there is no way to make another one. */
export const DOCKER_CALLS = {
  readVersion: { method: "GET", path: "/version" },
  listContainers: { method: "GET", path: "/containers/json" },
  inspectContainer: { method: "GET", path: "/containers/{id}/json" },
  listProcesses: { method: "GET", path: "/containers/{id}/top" },
  followEvents: { method: "GET", path: "/events" },
  createExec: { method: "POST", path: "/containers/{id}/exec" },
  startExec: { method: "POST", path: "/exec/{id}/start" },
  inspectExec: { method: "GET", path: "/exec/{id}/json" },
} as const;

export interface DockerCall {
  readonly call: keyof typeof DOCKER_CALLS;
  /** What stands for `{id}` in the path. */
  readonly id?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Without it the engine answers in its own newest version. */
  readonly apiVersion?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Ids and names of containers, ids of execs: nothing that could lead to another path. */
const ID = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

export function toRequestTarget(call: DockerCall): {
  readonly method: string;
  readonly path: string;
} {
  const { method, path } = DOCKER_CALLS[call.call];
  const version = call.apiVersion === undefined ? "" : `/v${call.apiVersion}`;
  const query = call.query ? `?${new URLSearchParams(call.query)}` : "";
  const filled = path.includes("{id}") ? path.replace("{id}", checkedId(call.id ?? "")) : path;
  return { method, path: `${version}${filled}${query}` };
}

function checkedId(id: string): string {
  if (ID.test(id)) return id;
  throw new AppError("TARGET_NOT_FOUND", {
    detail: `${JSON.stringify(id)} is no name and no id of a container.`,
    extra: { engineStatus: 404 },
  });
}
