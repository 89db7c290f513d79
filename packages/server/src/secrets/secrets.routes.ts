import { secretName, setSecretRequest, storedSecret, storedSecretList } from "@deckhand/core";
import { z } from "zod";
import { callerOf } from "../audit/caller.ts";
import type { App } from "../http/app.ts";
import { problemResponses } from "../http/problem-responses.ts";
import type { StoredSecrets } from "./stored-secrets.ts";

const TAGS = ["secrets"];
const nameParams = z.strictObject({
  name: secretName.meta({ example: "db/main", description: "URL-encoded: `db%2Fmain`" }),
});

/** Everything under /api/v1/secrets; no answer has a value. */
export function secretRoutes({
  secrets,
}: {
  readonly secrets: Pick<StoredSecrets, "list" | "set" | "delete">;
}): (app: App) => void {
  return (app) => {
    app.get("/api/v1/secrets", {
      config: { action: "secret.read" },
      schema: {
        operationId: "listSecrets",
        summary: "List stored secrets by name, without their values",
        tags: TAGS,
        response: { 200: storedSecretList },
      },
      handler: async () => ({ data: await secrets.list() }),
    });
    app.put("/api/v1/secrets/:name", {
      config: { action: "secret.write" },
      schema: {
        operationId: "setSecret",
        summary: "Store a secret, or give it another value; it can not be read again",
        tags: TAGS,
        params: nameParams,
        body: setSecretRequest,
        response: { 200: storedSecret },
      },
      handler: async (request) =>
        secrets.set({
          name: request.params.name,
          value: request.body.value,
          caller: callerOf(request),
        }),
    });
    app.delete("/api/v1/secrets/:name", {
      config: { action: "secret.write" },
      schema: {
        operationId: "deleteSecret",
        summary: "Delete a stored secret",
        description: "Runs that were accepted before have its value already, and end as usual.",
        tags: TAGS,
        params: nameParams,
        response: { 204: z.null().meta({ description: "It is gone" }), ...problemResponses(404) },
      },
      handler: async (request, reply) => {
        await secrets.delete(request.params.name, callerOf(request));
        return reply.code(204).send(null);
      },
    });
  };
}
