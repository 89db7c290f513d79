import { Agent, request as httpRequest } from "node:http";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { engines } from "../../../test/support/engines.ts";
import { type PrivateDockerd, startPrivateDockerd } from "../../../test/support/private-dockerd.ts";
import type { ApiDescription } from "../src/http/describe-api.ts";
import { type ComposedServer, startComposedServer } from "./support/composed-server.ts";
import { type GeneratedRequest, generatedRequest, KNOWN_ID } from "./support/generated-request.ts";

const REQUESTS = Number(process.env["DECKHAND_FUZZ_REQUESTS"] ?? 2_000);
/** What nobody here means to run waits for nothing: a request that takes longer hangs. */
const ANSWERED_WITHIN_MS = 60_000;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly requestId: string;
  readonly text: string;
}

let dockerd: PrivateDockerd;
let container: string;
let server: ComposedServer;
let api: ApiDescription;
const agent = new Agent({ keepAlive: true });
const known = new Map<string, string[]>();
const statuses = new Map<string, number>();

beforeAll(async () => {
  // An engine of its own: a generated selector may fit any container.
  dockerd = await startPrivateDockerd({ images: [engines().images.busybox] });
  container = await dockerd.runContainer(engines().images.busybox);
  server = await startComposedServer({ engine: `private=unix://${dockerd.socketPath}` });
  api = (await (await server.fetch("/openapi.json")).json()) as ApiDescription;
  const targets = (await (await server.fetch("/api/v1/targets")).json()) as {
    data: { id: string }[];
  };
  known.set(
    "target",
    targets.data.map(({ id }) => id),
  );
  known.set("code", ["INTERNAL"]);
  known.set("version", ["1"]);
  await prepare("/api/v1/scripts", { path: "fuzz.sh", text: "echo fuzz\n" });
  await prepare("/api/v1/runs?wait=10s", { argv: ["echo", "ready"], on: [container] });
}, 180_000);

afterAll(async () => {
  agent.destroy();
  await server?.close();
  await dockerd?.close();
}, 120_000);

/** Something to read, change and follow from the first request on. */
async function prepare(path: string, body: unknown): Promise<void> {
  const headers = { "content-type": "application/json" };
  const made = await server.fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await made.text();
  expect([path, made.status, text]).toEqual([path, 201, text]);
  remember(path.includes("runs") ? "createRun" : "createScript", text);
}

/** Mostly what fits nothing. */
const selectors = fc.array(
  fc.constantFrom(
    "label=role=nothing",
    "project=none",
    "name=nobody-*",
    "svc/none",
    "tgt_0000000000000000",
  ),
  { minLength: 1, maxLength: 3 },
);
const scriptName = fc.constantFrom("none/such", "fuzz", "fuzz@1", "fuzz@999999999999");
const sourceText = fc.constantFrom(
  "echo hello\n",
  "#!/bin/sh\n# @deckhand 1\n# @param SIZE int(1..8) = 2\necho $SIZE\n",
  "# @deckhand 1\n# @parm X\n",
);

/** Values that get further than what a schema alone allows. */
const better = {
  byName: {
    on: fc.oneof(
      { weight: 2, arbitrary: selectors },
      { weight: 1, arbitrary: fc.constant(0).map(() => [container]) },
    ),
    except: fc.constantFrom([], ["name=nobody-*"]),
    wait: fc.constantFrom("10ms", "1s"),
    script: scriptName,
    argv: fc.constantFrom(["true"], ["sh", "-c", "exit 3"], ["nothing-of-this-name"]),
    inline: fc.record(
      { text: sourceText, interpreter: fc.constant("sh") },
      { requiredKeys: ["text"] },
    ),
    user: fc.constantFrom("", "0", "nobody", "no such user"),
    workdir: fc.constantFrom("", "/tmp", "/none"),
    limits: fc.constantFrom(
      {},
      { timeout: "10s" },
      { outputBytes: 0 },
      { maxTargets: 1, killGrace: "1s" },
      { timeout: "9000d" },
    ),
    env: fc.constantFrom({}, { LC_ALL: "C" }, { PATH: "/tmp" }),
    params: fc.constantFrom({}, { SIZE: 3 }, { SIZE: "x" }, { OTHER: "1" }),
    args: fc.constantFrom([], ["-x", "$(id)"]),
    path: fc.nat(300).map((number) => `fuzz/script-${number}.sh`),
    text: sourceText,
    search: fc.constantFrom("fuzz", "script-1"),
  },
  adjust: {
    RunRequestInput: (request: fc.Arbitrary<unknown>) =>
      fc
        .tuple(
          request,
          fc.record({
            script: scriptName,
            inline: fc.constant({ text: "echo x", interpreter: "sh" }),
            argv: fc.constant(["true"]),
          }),
          fc.constantFrom("script", "inline", "argv"),
        )
        .map(([given, sources, kept]) => {
          const { script, inline, argv, ...rest } = given as Record<string, unknown>;
          const chosen = { script, inline, argv }[kept] ?? sources[kept as keyof typeof sources];
          return { ...rest, [kept]: chosen };
        }),
  },
};

test(`${REQUESTS} generated requests: no fault of ours, only documented answers that fit their schemas`, {
  timeout: 1_200_000,
}, async () => {
  const check = answerChecker();
  await fc.assert(
    fc.asyncProperty(generatedRequest(api, better), async (request) => {
      const answer = await send(request);
      statuses.set(`${answer.status}`, (statuses.get(`${answer.status}`) ?? 0) + 1);
      if (answer.status === 201) remember(request.operationId, answer.text);
      expect(check(request, answer)).toBeUndefined();
    }),
    { numRuns: REQUESTS, endOnFailure: true },
  );
  const counts = [...statuses].sort().map(([status, count]) => `${count} x ${status}`);
  console.log(`${REQUESTS} requests answered: ${counts.join(", ")}`);
  expect((statuses.get("200") ?? 0) + (statuses.get("201") ?? 0)).toBeGreaterThan(REQUESTS / 20);
});

async function send({ method, path, headers, body }: GeneratedRequest): Promise<Answer> {
  const { hostname, port } = new URL(server.url);
  const options = {
    agent,
    method,
    hostname,
    port,
    path: fillIn(path),
    setHost: !("host" in headers),
    timeout: ANSWERED_WITHIN_MS,
    headers: {
      authorization: `Bearer ${server.token}`,
      ...headers,
      ...(await currentVersion(path, headers)),
      ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
    },
  };
  return new Promise((resolve, reject) => {
    const request = httpRequest(options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          type: String(response.headers["content-type"] ?? "").split(";", 1)[0] ?? "",
          requestId: String(response.headers["x-request-id"] ?? ""),
          text: Buffer.concat(chunks).toString(),
        }),
      );
    });
    request.on("timeout", () =>
      request.destroy(new Error(`no answer within ${ANSWERED_WITHIN_MS} ms`)),
    );
    request.on("error", reject);
    request.end(body);
  });
}

/** A script that is known is changed by who has read it. */
async function currentVersion(
  path: string,
  headers: GeneratedRequest["headers"],
): Promise<Record<string, string>> {
  if (!path.startsWith(`/api/v1/scripts/${KNOWN_ID}`) || !("if-match" in headers)) return {};
  const answer = await server.fetch(fillIn(path).replace(/\?.*/, ""));
  await answer.arrayBuffer();
  return { "if-match": answer.headers.get("etag") ?? "none" };
}

/** Puts ids of earlier answers into the path; where there is none yet, one that is nobody's. */
function fillIn(path: string): string {
  return path.replaceAll(new RegExp(`${KNOWN_ID}(\\w+)`, "g"), (_, name: string) => {
    const kind = name === "id" ? (/^\/api\/v1\/(\w+?)s\//.exec(path)?.[1] ?? "") : name;
    return encodeURIComponent(known.get(kind)?.at(-1) ?? "none");
  });
}

function remember(operationId: string, text: string): void {
  const made = JSON.parse(text) as {
    id: string;
    name: string;
    sha256: string;
    executions?: { id: string }[];
  };
  if (operationId === "createToken") keep("token", made.id);
  if (operationId === "createScript") keep("name", made.name);
  if (!made.executions) return;
  keep("run", made.id);
  for (const { id } of made.executions) keep("executionId", id);
}

function keep(kind: string, id: string): void {
  known.set(kind, [...(known.get(kind) ?? []).slice(-20), id]);
}

/** Says what is wrong with an answer, if anything. */
function answerChecker(): (request: GeneratedRequest, answer: Answer) => string | undefined {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(api, "api");
  const operations = new Map(
    Object.values(api.paths)
      .flatMap(Object.values)
      .map((operation) => [operation.operationId, operation]),
  );
  const compiled = new Map<string, ValidateFunction>();
  const validatorOf = (schema: unknown) => {
    const text = JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/');
    const validate = compiled.get(text) ?? ajv.compile(JSON.parse(text));
    compiled.set(text, validate);
    return validate;
  };
  return (request, { status, type, requestId, text }) => {
    if (status >= 500) return `a fault of ours: ${status} ${text}`;
    if (!requestId) return `no X-Request-Id with ${status}`;
    const documented = operations.get(request.operationId)?.responses[status];
    if (!documented)
      return `${request.operationId} does not document ${status}: ${text.slice(0, 500)}`;
    if (!documented.content) return text === "" ? undefined : `a body with ${status}`;
    const body = documented.content[type];
    if (!body) return `${request.operationId} does not document ${type} with ${status}`;
    if (!type.endsWith("json")) return undefined;
    const validate = validatorOf(body.schema);
    return validate(JSON.parse(text))
      ? undefined
      : `${ajv.errorsText(validate.errors)} in ${text.slice(0, 500)}`;
  };
}
