import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiDescription, Operation } from "../src/http/describe-api.ts";
import { type ComposedServer, startComposedServer } from "./support/composed-server.ts";

let server: ComposedServer;
let api: ApiDescription;
let ajv: Ajv2020;
/** All refusals have the same schema, and compiling it takes long. */
const compiled = new Map<string, ReturnType<Ajv2020["compile"]>>();

beforeAll(async () => {
  server = await startComposedServer();
  const answer = await fetch(`${server.url}/openapi.json`);
  api = (await answer.json()) as ApiDescription;
  ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(api, "api");
}, 30_000);
afterAll(() => server.close(), 30_000);

function operations(): {
  readonly name: string;
  readonly path: string;
  readonly operation: Operation;
}[] {
  return Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      path,
      operation,
    })),
  );
}

/** Gives why a value does not fit, or undefined when it does. */
function misfit(schema: unknown, value: unknown): string | undefined {
  const text = JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/');
  const validate = compiled.get(text) ?? ajv.compile(JSON.parse(text));
  compiled.set(text, validate);
  return validate(value) ? undefined : ajv.errorsText(validate.errors);
}

test("the operations are these", () => {
  expect(
    operations()
      .map(({ name, operation }) => `${operation.operationId}: ${name}`)
      .sort(),
  ).toEqual([
    "applyRetention: POST /api/v1/retention/apply",
    "cancelRun: POST /api/v1/runs/{id}/cancel",
    "checkScript: POST /api/v1/scripts/check",
    "connectTerminal: GET /api/v1/terminals/{id}/connect",
    "createGroup: POST /api/v1/groups",
    "createNotification: POST /api/v1/notifications",
    "createRun: POST /api/v1/runs",
    "createSchedule: POST /api/v1/schedules",
    "createScript: POST /api/v1/scripts",
    "createToken: POST /api/v1/tokens",
    "createTrigger: POST /api/v1/triggers",
    "deleteGroup: DELETE /api/v1/groups/{name}",
    "deleteNotification: DELETE /api/v1/notifications/{name}",
    "deleteSchedule: DELETE /api/v1/schedules/{name}",
    "deleteScript: DELETE /api/v1/scripts/{name}",
    "deleteSecret: DELETE /api/v1/secrets/{name}",
    "deleteToken: DELETE /api/v1/tokens/{id}",
    "deleteTrigger: DELETE /api/v1/triggers/{name}",
    "downloadOutput: GET /api/v1/runs/{id}/output/raw",
    "endTerminal: DELETE /api/v1/terminals/{id}",
    "examineTarget: GET /api/v1/targets/{target}/doctor",
    "exportRun: GET /api/v1/runs/{id}/export",
    "fireTrigger: POST /api/v1/triggers/{id}/fire",
    "followRun: GET /api/v1/runs/{id}/events",
    "getErrorPage: GET /docs/errors/{code}",
    "getExecution: GET /api/v1/runs/{id}/executions/{executionId}",
    "getGroup: GET /api/v1/groups/{name}",
    "getHealth: GET /healthz",
    "getInfo: GET /api/v1/info",
    "getMetrics: GET /metrics",
    "getNotification: GET /api/v1/notifications/{name}",
    "getOpenapi: GET /openapi.json",
    "getReadiness: GET /readyz",
    "getRun: GET /api/v1/runs/{id}",
    "getSchedule: GET /api/v1/schedules/{name}",
    "getScript: GET /api/v1/scripts/{name}",
    "getScriptForm: GET /api/v1/scripts/{name}/form",
    "getScriptVersion: GET /api/v1/scripts/{name}/versions/{version}",
    "getTarget: GET /api/v1/targets/{id}",
    "getTerminal: GET /api/v1/terminals/{id}",
    "getTrigger: GET /api/v1/triggers/{name}",
    "groupSameOutput: GET /api/v1/runs/{id}/output/same",
    "listAudit: GET /api/v1/audit",
    "listDeliveries: GET /api/v1/notifications/{name}/deliveries",
    "listEngines: GET /api/v1/engines",
    "listFires: GET /api/v1/schedules/{name}/history",
    "listGroups: GET /api/v1/groups",
    "listNextTimes: GET /api/v1/schedules/{name}/next",
    "listNotifications: GET /api/v1/notifications",
    "listRuns: GET /api/v1/runs",
    "listSchedules: GET /api/v1/schedules",
    "listScriptVersions: GET /api/v1/scripts/{name}/versions",
    "listScripts: GET /api/v1/scripts",
    "listSecrets: GET /api/v1/secrets",
    "listTargets: GET /api/v1/targets",
    "listTerminals: GET /api/v1/terminals",
    "listTokens: GET /api/v1/tokens",
    "listTriggers: GET /api/v1/triggers",
    "openTerminal: POST /api/v1/terminals",
    "pauseSchedule: POST /api/v1/schedules/{name}/pause",
    "planRetention: GET /api/v1/retention/plan",
    "planRun: POST /api/v1/runs/plan",
    "previewTimes: POST /api/v1/schedules/next",
    "readOutput: GET /api/v1/runs/{id}/output",
    "replaceGroup: PUT /api/v1/groups/{name}",
    "replaceNotification: PUT /api/v1/notifications/{name}",
    "replaceSchedule: PUT /api/v1/schedules/{name}",
    "replaceTrigger: PUT /api/v1/triggers/{name}",
    "replayDelivery: POST /api/v1/notifications/{name}/deliveries/{id}/replay",
    "rerun: POST /api/v1/runs/{id}/rerun",
    "resumeSchedule: POST /api/v1/schedules/{name}/resume",
    "runSchedule: POST /api/v1/schedules/{name}/run",
    "search: GET /api/v1/search",
    "setSecret: PUT /api/v1/secrets/{name}",
    "testNotification: POST /api/v1/notifications/{name}/test",
    "updateScript: PUT /api/v1/scripts/{name}",
  ]);
});

test("the schemas are these, one of each, those of requests with Input at the end", () => {
  expect(Object.keys(api.components.schemas).sort()).toEqual([
    "AuditEntry",
    "AuditPage",
    "CheckScriptAnswer",
    "CheckScriptRequestInput",
    "Concurrency",
    "ConcurrencyInput",
    "CreateGroupRequestInput",
    "CreateNotificationRequestInput",
    "CreateScheduleRequestInput",
    "CreateScriptRequestInput",
    "CreateTokenRequestInput",
    "CreateTriggerRequestInput",
    "CreatedToken",
    "Delivery",
    "DeliveryPage",
    "Engine",
    "EngineList",
    "Examination",
    "Execution",
    "FormField",
    "Group",
    "GroupPage",
    "Guarantees",
    "Health",
    "Info",
    "InlineScript",
    "InlineScriptInput",
    "NextTimes",
    "Notification",
    "NotificationPage",
    "OpenTerminalRequestInput",
    "OutputFrame",
    "OutputPage",
    "PauseScheduleRequestInput",
    "Pick",
    "PreviewTimesRequestInput",
    "Problem",
    "ReceiverInput",
    "ReceiverView",
    "ReplaceGroupRequestInput",
    "ReplaceNotificationRequestInput",
    "ReplaceScheduleRequestInput",
    "ReplaceTriggerRequestInput",
    "RerunRequestInput",
    "RetentionReport",
    "Retry",
    "RetryInput",
    "Rollout",
    "RolloutDefaults",
    "RolloutInput",
    "RolloutPlan",
    "RolloutProgress",
    "RolloutView",
    "Run",
    "RunOrigin",
    "RunPage",
    "RunPlan",
    "RunRequestInput",
    "RunSummary",
    "SameOutput",
    "Schedule",
    "ScheduleFire",
    "ScheduleFirePage",
    "SchedulePage",
    "ScheduleSource",
    "Script",
    "ScriptForm",
    "ScriptHeader",
    "ScriptPage",
    "ScriptParam",
    "ScriptSource",
    "ScriptSourceInput",
    "ScriptSummary",
    "ScriptVersion",
    "ScriptVersionList",
    "SearchHit",
    "SearchPage",
    "Secret",
    "SecretList",
    "SetSecretRequestInput",
    "SqlRequest",
    "SqlRequestInput",
    "Target",
    "TargetCounts",
    "TargetPage",
    "TellRule",
    "TellRuleInput",
    "Terminal",
    "TerminalList",
    "Token",
    "TokenList",
    "Trigger",
    "TriggerAnswer",
    "TriggerPage",
    "TriggerSourceInput",
    "TriggerSourceView",
    "UpdateScriptRequestInput",
  ]);
});

test("it is OpenAPI 3.1 and every reference leads somewhere", () => {
  expect(api.openapi).toMatch(/^3\.1\./);
  const references = [...JSON.stringify(api).matchAll(/"\$ref":"([^"]+)"/g)].map(
    ([, reference]) => reference as string,
  );
  expect(references.length).toBeGreaterThan(50);
  for (const reference of new Set(references)) {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(reference)?.[1] ?? "";
    expect(Object.keys(api.components.schemas)).toContain(name);
  }
});

test("every schema can be compiled", () => {
  for (const name of Object.keys(api.components.schemas))
    ajv.compile({ $ref: `api#/components/schemas/${name}` });
});

test("every operation has a name, a summary, a tag that is described, and parameters that fit its path", () => {
  const described = (api as unknown as { tags: { name: string }[] }).tags.map(({ name }) => name);
  for (const { name, path, operation } of operations()) {
    expect([name, operation.summary?.length]).toEqual([name, expect.any(Number)]);
    expect(described).toEqual(expect.arrayContaining([...(operation.tags ?? ["none"])]));
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
    const named = (operation.parameters ?? [])
      .filter((parameter) => parameter.in === "path")
      .map((parameter) => parameter.name);
    expect([name, named.sort()]).toEqual([name, inPath.sort()]);
  }
});

test("every operation under /api tells its refusals, as problems, with examples", () => {
  for (const { name, path, operation } of operations()) {
    const needed = path.startsWith("/api/") ? ["400", "401", "403", "500", "503"] : ["403", "500"];
    expect([name, Object.keys(operation.responses)]).toEqual([
      name,
      expect.arrayContaining(needed),
    ]);
    for (const [status, { content }] of Object.entries(operation.responses)) {
      if (Number(status) < 400) continue;
      const examples = Object.values(content?.["application/problem+json"]?.examples ?? {});
      expect([name, status, examples.length > 0]).toEqual([name, status, true]);
    }
  }
});

describe("every operation of the whole server", () => {
  const answer = async (name: string, authorization: string | undefined) => {
    const [method = "", path = ""] = name.split(" ");
    const url = server.url + path.replace("{code}", "INTERNAL").replaceAll(/\{\w+\}/g, "x");
    const { status, body } = await fetch(url, {
      method,
      ...(authorization ? { headers: { authorization } } : {}),
    });
    await body?.cancel();
    return status;
  };
  const make = async (expiresIn?: string) => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ name: "matrix", ...(expiresIn ? { expiresIn } : {}) });
    const made = await server.fetch("/api/v1/tokens", { method: "POST", headers, body });
    return (await made.json()) as { id: string; secret: string };
  };

  test("refuses who shows no valid token, and nobody else, unless it is public", async () => {
    const deleted = await make();
    await server.fetch(`/api/v1/tokens/${deleted.id}`, { method: "DELETE" });
    const principals = {
      nobody: undefined,
      malformed: "Bearer dh_x",
      unknown: `Bearer dh_${"0".repeat(26)}_${"A".repeat(43)}`,
      expired: `Bearer ${(await make("1ms")).secret}`,
      deleted: `Bearer ${deleted.secret}`,
      valid: `Bearer ${server.token}`,
    };
    for (const { name, operation } of operations()) {
      for (const [principal, authorization] of Object.entries(principals)) {
        const isRefused = operation.security === undefined && principal !== "valid";
        expect([name, principal, (await answer(name, authorization)) === 401]).toEqual([
          name,
          principal,
          isRefused,
        ]);
      }
    }
  });

  test("is public only if it tells nothing about scripts, targets, runs or people", () => {
    const open = operations()
      .filter(({ operation }) => operation.security?.length === 0)
      .map(({ operation }) => operation.operationId);
    expect(open.sort()).toEqual([
      "fireTrigger",
      "getErrorPage",
      "getHealth",
      "getOpenapi",
      "getReadiness",
    ]);
  });
});

describe("examples", () => {
  test("every body that goes in or comes out has one, and it fits its schema", () => {
    for (const { name, operation } of operations()) {
      const bodies = [operation.requestBody, ...Object.values(operation.responses)].flatMap((one) =>
        Object.entries(one?.content ?? {}),
      );
      for (const [type, body] of bodies) {
        if (!type.includes("json")) continue;
        const given = body.examples
          ? Object.values(body.examples).map(({ value }) => value)
          : [body.example];
        for (const value of given)
          expect([name, value === undefined, misfit(body.schema, value)]).toEqual([
            name,
            false,
            undefined,
          ]);
      }
    }
  });

  test("every example of a request's body is one that the server takes", async () => {
    for (const { name, path, operation } of operations()) {
      const [, body] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
      const given = Object.values(body?.examples ?? {}).map(({ value }) => value);
      for (const value of given.length > 0
        ? given
        : body?.example === undefined
          ? []
          : [body.example]) {
        const prefix = path.includes("/triggers/") ? "trg" : "run";
        const id = `${prefix}_${"0".repeat(26)}`;
        const url = path.replace("{name}", "none").replace("{id}", id);
        const headers = { "content-type": "application/json", "if-match": `"${"0".repeat(64)}"` };
        const method = name.split(" ")[0] ?? "";
        const answer = await server.fetch(url, { method, headers, body: JSON.stringify(value) });
        expect([name, answer.status === 400 ? await answer.text() : ""]).toEqual([name, ""]);
      }
    }
  });
});

test("the browsable page and all it loads come from this server, without a word of another host", async () => {
  const page = await fetch(`${server.url}/docs`);
  const html = await page.text();
  expect(page.headers.get("content-security-policy")).toMatch(
    /^default-src 'none'; script-src 'self'; style-src 'self'/,
  );
  const loaded = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url as string);
  expect(loaded.length).toBeGreaterThan(4);
  for (const url of loaded) {
    const answer = await fetch(server.url + url);
    expect([url, answer.status, (await answer.arrayBuffer()).byteLength > 0]).toEqual([
      url,
      200,
      true,
    ]);
  }
  expect(html).not.toMatch(/https?:\/\//);
  expect(await (await fetch(`${server.url}/docs/json`)).json()).toEqual(api);
});
