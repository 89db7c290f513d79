import type {
  AuditEntry,
  CheckScriptAnswer,
  CreateScriptRequest,
  CreatedToken,
  Delivery,
  DeliveryPage,
  EngineView,
  ExaminationView,
  Execution,
  Group,
  Notification,
  OpenTerminalRequestInput,
  OutputPage,
  ReplaceGroupRequestInput,
  ReplaceNotificationRequestInput,
  ReplaceTriggerRequestInput,
  RerunRequest,
  RetentionReport,
  Run,
  RunPage,
  RunPlanView,
  RunRequestInput,
  SameOutput,
  Script,
  ScriptForm,
  ScriptPage,
  ScriptVersion,
  SearchPage,
  StoredSecret,
  TargetPage,
  Terminal,
  Token,
  Trigger,
  UpdateScriptRequest,
} from "@deckhand/core";
import {
  type ConnectTerminalOptions,
  connectTerminal,
  type TerminalSource,
} from "./connect-terminal.ts";
import { definitionsClient } from "./definitions-client.ts";
import { type FollowOptions, followRun, type RunUpdate } from "./follow-run.ts";
import { schedulesClient } from "./schedules-client.ts";
import { ConnectionError, ProblemError, toProblemError } from "./problem-error.ts";
import type { Answer, Send, Sent } from "./send.ts";

export interface ClientOptions {
  /** Where the server is: `http://127.0.0.1:8000`. */
  readonly server: string;
  readonly token: string | undefined;
  /** In place of fetch. */
  readonly send?: Send;
}

/** Query values; several under one name are repeated. */
export type Query = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

export interface RequestOptions {
  readonly query?: Query;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface CreateRunOptions {
  /** `30s`: wait for the end at most this long. */
  readonly wait?: string;
  readonly includeOutput?: boolean;
  /** Made up when it is not given, so that asking again after a cut connection is safe. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

/** Everything the API offers, typed. Refusals are ProblemErrors, a server that is away is a ConnectionError. */
export type DeckhandClient = ReturnType<typeof createClient>;

/** Who is sent on could be sent anywhere, with the token. */
function isRefusal({ status, headers }: Answer): boolean {
  return status >= 400 || (status >= 300 && Boolean(headers.get("location")));
}

const TRIES = 4;
const FIRST_PAUSE_MS = 200;

export function createClient(options: ClientOptions) {
  const send: Send = options.send ?? fetch;

  /** Sends a request; any status but a refusal comes back. */
  async function request(
    method: string,
    path: string,
    { query, body, headers, signal }: RequestOptions = {},
  ): Promise<Answer> {
    const url = toAddress(options.server, path + toSearch(query));
    const sent: Sent = {
      method,
      headers: {
        ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    };
    const answer = await send(url, sent).catch((cause: unknown) => {
      if (signal?.aborted) throw cause;
      throw new ConnectionError(options.server, cause);
    });
    if (isRefusal(answer)) throw await toProblemError(answer);
    return answer;
  }

  async function json<Answer>(
    method: string,
    path: string,
    sent?: RequestOptions,
  ): Promise<Answer> {
    return (await (await request(method, path, sent)).json()) as Answer;
  }

  async function createOnce(
    path: string,
    body: unknown,
    create: CreateRunOptions = {},
  ): Promise<Run> {
    const headers = { "idempotency-key": create.idempotencyKey ?? crypto.randomUUID() };
    const query = toReadQuery(create);
    const sent = { query, body, headers, ...(create.signal && { signal: create.signal }) };
    return tryAgain(() => json<Run>("POST", path, sent));
  }

  const runPath = (runId: string, rest = "") => `/api/v1/runs/${encodeURIComponent(runId)}${rest}`;
  const scriptPath = (name: string, rest = "") =>
    `/api/v1/scripts/${encodeURIComponent(name)}${rest}`;
  const terminalPath = (terminalId: string, rest = "") =>
    `/api/v1/terminals/${encodeURIComponent(terminalId)}${rest}`;
  const getTerminal = (terminalId: string) => json<Terminal>("GET", terminalPath(terminalId));

  return {
    server: options.server,
    request,
    info: () =>
      json<{ version: string; startedAt: string; limits: Record<string, number> }>(
        "GET",
        "/api/v1/info",
      ),

    createRun: (body: RunRequestInput, create: CreateRunOptions = {}) =>
      createOnce("/api/v1/runs", body, create),
    planRun: (body: RunRequestInput) => json<RunPlanView>("POST", "/api/v1/runs/plan", { body }),
    rerun: (runId: string, body: Partial<RerunRequest> = {}, create: CreateRunOptions = {}) =>
      createOnce(runPath(runId, "/rerun"), body, create),
    listRuns: (query: Query = {}) => json<RunPage>("GET", "/api/v1/runs", { query }),
    getRun: (
      runId: string,
      read: Pick<CreateRunOptions, "wait" | "includeOutput" | "signal"> = {},
    ) =>
      json<Run>("GET", runPath(runId), {
        query: toReadQuery(read),
        ...(read.signal && { signal: read.signal }),
      }),
    getExecution: (runId: string, executionId: string) =>
      json<Execution>("GET", runPath(runId, `/executions/${executionId}`)),
    /** Cancelling twice is cancelling once, so it is tried again when the connection breaks. */
    cancelRun: (runId: string, wait?: string) =>
      tryAgain(() => json<Run>("POST", runPath(runId, "/cancel"), { query: { wait } })),
    readOutput: (runId: string, query: Query = {}) =>
      json<OutputPage>("GET", runPath(runId, "/output"), { query }),
    /** Each output once, with the targets that wrote it. */
    groupSameOutput: (runId: string, by: "normalised" | "exact" = "normalised") =>
      json<SameOutput>("GET", runPath(runId, "/output/same"), { query: { by } }),
    /** Streams the stored bytes of one execution. */
    downloadOutput: async (runId: string, query: Query = {}) => {
      const answer = await request("GET", runPath(runId, "/output/raw"), { query });
      return (
        answer.body ??
        new ReadableStream<Uint8Array<ArrayBuffer>>({ start: (controller) => controller.close() })
      );
    },
    /** Streams everything of a run as a tar.gz. */
    exportRun: async (runId: string) => {
      const answer = await request("GET", runPath(runId, "/export"));
      if (!answer.body) throw new ConnectionError(options.server, "an archive without bytes");
      return answer.body;
    },
    search: (query: Query) => json<SearchPage>("GET", "/api/v1/search", { query }),
    planRetention: () => json<RetentionReport>("GET", "/api/v1/retention/plan"),
    applyRetention: () => json<RetentionReport>("POST", "/api/v1/retention/apply"),
    /** Follows a run to its end, over cut connections. */
    followRun: (runId: string, follow: FollowOptions = {}): AsyncGenerator<RunUpdate> => {
      const source = { server: options.server, path: runPath(runId, "/events"), send: request };
      return followRun(source, follow);
    },

    listTargets: (query: Query = {}) => json<TargetPage>("GET", "/api/v1/targets", { query }),
    /** Tries what a script would try there, so it may take a few seconds. */
    examineTarget: (target: string, query: Query = {}) =>
      json<ExaminationView>("GET", `/api/v1/targets/${encodeURIComponent(target)}/doctor`, {
        query,
      }),
    listEngines: async () => (await json<{ data: EngineView[] }>("GET", "/api/v1/engines")).data,

    groups: definitionsClient<Group, ReplaceGroupRequestInput>(request, "/api/v1/groups"),

    triggers: definitionsClient<Trigger, ReplaceTriggerRequestInput>(request, "/api/v1/triggers"),
    notifications: definitionsClient<Notification, ReplaceNotificationRequestInput>(
      request,
      "/api/v1/notifications",
    ),
    /** Sends a test and gives how that went. */
    testNotification: (name: string) =>
      json<Delivery>("POST", `/api/v1/notifications/${encodeURIComponent(name)}/test`),
    listDeliveries: (name: string, query: Query = {}) =>
      json<DeliveryPage>("GET", deliveryPath(name), { query }),
    /** Sends a delivery again, under its own id, and gives how that went. */
    replayDelivery: (name: string, deliveryId: string) =>
      json<Delivery>("POST", deliveryPath(name, `/${encodeURIComponent(deliveryId)}/replay`)),

    schedules: schedulesClient(request, createOnce),

    listScripts: (query: Query = {}) => json<ScriptPage>("GET", "/api/v1/scripts", { query }),
    getScript: (name: string, version?: number) =>
      json<Script>(
        "GET",
        version === undefined ? scriptPath(name) : scriptPath(name, `/versions/${version}`),
      ),
    listVersions: async (name: string) =>
      (await json<{ data: ScriptVersion[] }>("GET", scriptPath(name, "/versions"))).data,
    createScript: (body: CreateScriptRequest) => json<Script>("POST", "/api/v1/scripts", { body }),
    /** Fields for a form, and a JSON Schema of `params`. */
    getScriptForm: (name: string, version?: number) =>
      json<ScriptForm>("GET", scriptPath(name, "/form"), { query: { version } }),
    updateScript: (name: string, body: UpdateScriptRequest, sha256: string) =>
      json<Script>("PUT", scriptPath(name), {
        body,
        headers: { "if-match": `"${sha256}"` },
      }),
    deleteScript: async (name: string, sha256: string) =>
      void (await request("DELETE", scriptPath(name), { headers: { "if-match": `"${sha256}"` } })),
    checkScript: (body: { path: string; text: string }) =>
      json<CheckScriptAnswer>("POST", "/api/v1/scripts/check", { body }),

    openTerminal: (body: OpenTerminalRequestInput) =>
      json<Terminal>("POST", "/api/v1/terminals", { body }),
    listTerminals: async () => (await json<{ data: Terminal[] }>("GET", "/api/v1/terminals")).data,
    getTerminal,
    /** Ends it with all its processes and waits for that. */
    endTerminal: (terminalId: string) => json<Terminal>("DELETE", terminalPath(terminalId)),
    /** Watches a terminal and types into it, over cut connections. */
    connectTerminal: (terminalId: string, connect: ConnectTerminalOptions = {}) => {
      const path = terminalPath(terminalId, "/connect");
      const source: TerminalSource = {
        token: options.token,
        addressOf: (after) =>
          toSocketAddress(toAddress(options.server, path + toSearch({ after }))),
        check: () => getTerminal(terminalId),
      };
      return connectTerminal(source, connect);
    },

    listSecrets: async () => (await json<{ data: StoredSecret[] }>("GET", "/api/v1/secrets")).data,
    /** Its value can not be read again. */
    setSecret: (name: string, value: string) =>
      json<StoredSecret>("PUT", secretPath(name), { body: { value } }),
    deleteSecret: async (name: string) => void (await request("DELETE", secretPath(name))),

    listTokens: async () => (await json<{ data: Token[] }>("GET", "/api/v1/tokens")).data,
    createToken: (body: { name: string; expiresIn?: string }) =>
      json<CreatedToken>("POST", "/api/v1/tokens", { body }),
    deleteToken: async (tokenId: string) =>
      void (await request("DELETE", `/api/v1/tokens/${encodeURIComponent(tokenId)}`)),
    listAudit: (query: Query = {}) =>
      json<{ data: AuditEntry[]; next: string | null }>("GET", "/api/v1/audit", { query }),
  };
}

function secretPath(name: string): string {
  return `/api/v1/secrets/${encodeURIComponent(name)}`;
}

function deliveryPath(name: string, rest = ""): string {
  return `/api/v1/notifications/${encodeURIComponent(name)}/deliveries${rest}`;
}

function toReadQuery({
  wait,
  includeOutput,
}: Pick<CreateRunOptions, "wait" | "includeOutput">): Query {
  return { wait, include: includeOutput ? "output" : undefined };
}

function toSearch(query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== undefined) search.append(name, String(one));
  }
  return search.size === 0 ? "" : `?${search}`;
}

/** Only for requests that may be sent twice: with an idempotency key, or of such a kind. */
async function tryAgain<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (tries === TRIES || !isWorthTrying(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, FIRST_PAUSE_MS * 2 ** tries));
    }
  }
}

/** Where nobody listens trying again would only hide a wrong address. */
function isWorthTrying(error: unknown): boolean {
  if (error instanceof ProblemError) return error.problem.code === "IDEMPOTENCY_IN_FLIGHT";
  return error instanceof ConnectionError && !NOBODY_THERE.includes(error.code ?? "");
}

const NOBODY_THERE: readonly string[] = ["ECONNREFUSED", "ENOTFOUND"];

/** Puts a path behind the server's address; whatever the path says, the token goes nowhere else. */
function toAddress(server: string, path: string): URL {
  if (!path.startsWith("/")) throw new TypeError(`A path begins with a slash: ${path}`);
  const { origin, pathname } = new URL(server);
  return new URL(origin + pathname.replace(/\/+$/, "") + path);
}

function toSocketAddress(address: URL): URL {
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  return address;
}
