import type { SwaggerOptions } from "@fastify/swagger";
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
} from "fastify-type-provider-zod";

const ABOUT = `Runs scripts inside containers that are already running.

Requests are strict: an unknown field is refused. Answers are open: ignore fields that you do not know, and expect new
values of states and codes. Ids have a prefix (\`run_\`, \`exe_\`, \`tgt_\`, \`tok_\`); times are RFC 3339 in UTC.
Errors are \`application/problem+json\` (RFC 9457) with a stable \`code\`; each code has a page at \`/docs/errors/CODE\`.
Every answer carries \`X-Request-Id\`; give it when you report a fault.`;

const TAGS = [
  { name: "runs", description: "Start scripts, follow them, stop them, read what they wrote" },
  { name: "scripts", description: "The library of scripts and their versions" },
  {
    name: "targets",
    description: "The running containers that scripts can be sent to, and their engines",
  },
  { name: "schedules", description: "Runs that start by time, and what became of each time" },
  {
    name: "triggers",
    description: "Starting scripts when something happens: signed messages, container events",
  },
  { name: "notifications", description: "Who is told how runs ended, and how telling them went" },
  { name: "terminals", description: "Programs on terminals in containers, for people" },
  { name: "secrets", description: "Secrets by name; no answer has a value" },
  { name: "access", description: "Tokens, and the record of who did what" },
  { name: "server", description: "This server: health, metrics, limits" },
];

/** What the description of the API begins with; the routes add themselves. */
export function openapiOptions(version: string): SwaggerOptions {
  const transform = createJsonSchemaTransform({});
  return {
    openapi: {
      openapi: "3.1.1",
      info: {
        title: "Deckhand",
        version,
        description: ABOUT,
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      servers: [{ url: "/", description: "this server" }],
      tags: TAGS,
      components: {
        securitySchemes: {
          token: {
            type: "http",
            scheme: "bearer",
            description: "A token: `dh_…`. The first is in `first-token` of the data directory.",
          },
        },
      },
      security: [{ token: [] }],
    },
    transform: (document) => {
      const described = transform(document);
      if (document.route.config?.action !== "public") return described;
      return { ...described, schema: { ...described.schema, security: [] } };
    },
    transformObject: createJsonSchemaTransformObject({}),
  };
}
