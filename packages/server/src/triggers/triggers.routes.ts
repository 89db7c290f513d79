import {
  AppError,
  createTriggerRequest,
  replaceTriggerRequest,
  trigger,
  triggerAnswer,
  type TriggerAnswer,
  triggerId,
  triggerPage,
} from "@deckhand/core";
import { z } from "zod";
import type { Definition } from "../definitions/definition.ts";
import { definitionRoutes } from "../definitions/definition-routes.ts";
import type { App } from "../http/app.ts";
import { problemResponses } from "../http/problem-responses.ts";
import {
  type KeepDeps,
  type KeptTrigger,
  toKeptTrigger,
  toTriggerView,
  type Triggers,
} from "./triggers.ts";
import type { RawMessage } from "./verify-message.ts";

export interface TriggerRoutesDeps extends KeepDeps {
  readonly triggers: Triggers;
  /** Seals what has become secret since it was saved. */
  readonly sealLate: (trigger: Definition<KeptTrigger>) => Promise<Definition<KeptTrigger>>;
  readonly toUrl: (path: string) => string;
  /** Gives undefined to whoever shows no valid signature. */
  readonly fire: (triggerId: string, message: RawMessage) => Promise<TriggerAnswer | undefined>;
}

const PATH = "/api/v1/triggers";
const TAG = "triggers";
/** Whatever is wrong, a stranger waits as long: how long we looked tells nothing. */
const REFUSED_AFTER_MS = 100;

/** Everything under /api/v1/triggers. */
export function triggerRoutes(deps: TriggerRoutesDeps): (app: App) => void {
  const kept = definitionRoutes({
    definitions: deps.triggers,
    path: PATH,
    noun: { one: "Trigger", many: "Triggers" },
    tag: TAG,
    actions: { read: "trigger.read", write: "trigger.write" },
    create: createTriggerRequest,
    replace: replaceTriggerRequest,
    view: trigger,
    page: triggerPage,
    toBody: async (request, known, name) => {
      const before = known && (await deps.sealLate(known));
      return toKeptTrigger(deps, { name, request, before });
    },
    toView: async (definition) => toTriggerView(await deps.sealLate(definition), deps.toUrl),
  });
  return (app) => {
    kept(app);
    app.register(async (scope) => fireRoute(scope as unknown as App, deps));
  };
}

/** In a scope of its own: a signature is of the bytes as they came. */
function fireRoute(app: App, deps: TriggerRoutesDeps): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "*",
    { parseAs: "buffer" },
    async (_request: unknown, body: Buffer) => body,
  );
  app.post(`${PATH}/:id/fire`, {
    config: { action: "public" },
    schema: {
      operationId: "fireTrigger",
      summary: "Take a signed message and start what the trigger says",
      description:
        "Needs no token but a signature: Standard Webhooks' headers, or X-Hub-Signature-256, of the body's bytes. A message that came before gives the run that it has started.",
      tags: [TAG],
      params: z.strictObject({ id: triggerId }),
      body: z.unknown().meta({ description: "any JSON", example: { ref: "refs/heads/main" } }),
      response: {
        200: triggerAnswer,
        201: triggerAnswer,
        ...problemResponses(400, 401, 404, 409, 413, 422, 429),
      },
    },
    handler: async (request, reply) => {
      const startedMs = performance.now();
      const { headers, params } = request;
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const answer = await deps.fire(params.id, { headers, body });
      if (!answer) {
        await pause(startedMs + REFUSED_AFTER_MS - performance.now());
        throw unverified();
      }
      if (answer.url !== null) reply.header("location", answer.url);
      return reply.code(answer.runId !== null && !answer.replayed ? 201 : 200).send(answer);
    },
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function unverified(): AppError {
  return new AppError("SIGNATURE_INVALID", {
    detail: "There is no such trigger, or the message is not signed as it has to be.",
    hint: "docs/triggers.md shows how a message is signed; its time must be right as well.",
  });
}
