import { AppError, ERROR_CATALOG, type ErrorCode } from "@deckhand/core";
import type { App, RouteExamples } from "./app.ts";
import { REQUEST_EXAMPLES } from "./component-examples.ts";
import { type JsonSchema, toExample } from "./example-of-schema.ts";
import { codesOf } from "./problem-responses.ts";
import { toProblem } from "./to-problem.ts";

export interface ApiDescription {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    readonly schemas: Record<string, JsonSchema>;
    readonly securitySchemes?: unknown;
  };
}

export interface Operation {
  readonly operationId?: string;
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Record<string, MediaType> };
  readonly responses: Record<string, ApiAnswer>;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly schema: JsonSchema;
}

export interface ApiAnswer {
  description: string;
  readonly content?: Record<string, MediaType>;
}

export interface MediaType {
  readonly schema?: JsonSchema;
  example?: unknown;
  examples?: Record<string, { readonly summary: string; readonly value: unknown }>;
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  200: "Done",
  201: "Created",
  204: "Done, with nothing to show",
};

/** The OpenAPI document: without components that nothing uses, and with an example for every body. */
export function describeApi(app: App): ApiDescription {
  const document = structuredClone(app.swagger()) as unknown as ApiDescription;
  const given = new Map(
    app.knownRoutes.map(({ schema, config }) => [schema?.operationId, config?.examples]),
  );
  for (const operation of Object.values(document.paths).flatMap((path) => Object.values(path))) {
    describeOperation(operation, {
      schemas: document.components.schemas,
      given: given.get(operation.operationId),
    });
  }
  removeUnused(document);
  return document;
}

interface Known {
  readonly schemas: Readonly<Record<string, JsonSchema>>;
  /** What the route gives itself. */
  readonly given: RouteExamples | undefined;
}

function describeOperation(operation: Operation, known: Known): void {
  for (const body of Object.values(operation.requestBody?.content ?? {}))
    addRequestExamples(body, known);
  for (const [status, answer] of Object.entries(operation.responses))
    describeAnswer(answer, status, known);
}

function addRequestExamples(body: MediaType, { schemas, given }: Known): void {
  if (!body.schema) return;
  const several = given?.request ?? REQUEST_EXAMPLES[body.schema.$ref?.split("/").at(-1) ?? ""];
  if (several) body.examples = { ...several };
  else body.example = toExample(body.schema, schemas);
}

function describeAnswer(answer: ApiAnswer, status: string, { schemas, given }: Known): void {
  if (answer.description === "Default Response")
    answer.description = DESCRIPTIONS[status] ?? "Done";
  for (const [type, body] of Object.entries(answer.content ?? {})) {
    if (type === "application/problem+json") body.examples = toProblemExamples(Number(status));
    else if (type === "application/json" && body.schema) {
      body.example = given?.answers?.[Number(status)] ?? toExample(body.schema, schemas);
    }
  }
}

function toProblemExamples(status: number): NonNullable<MediaType["examples"]> {
  return Object.fromEntries(codesOf(status).map((code) => [code, toProblemExample(code)]));
}

function toProblemExample(code: ErrorCode): { summary: string; value: unknown } {
  const { title } = ERROR_CATALOG[code];
  const error = new AppError(code, { detail: `${title}.` });
  return { summary: title, value: toProblem(error, "req_01k9g4z7e0s2m4n6p8q0r2t4v6") };
}

/** Every schema is offered twice, as a request and as an answer has it; most are used once. */
function removeUnused({ paths, components }: ApiDescription): void {
  const used = new Set<string>();
  const visit = (value: unknown) => {
    for (const name of referencesIn(value)) {
      if (used.has(name)) continue;
      used.add(name);
      visit(components.schemas[name]);
    }
  };
  visit(paths);
  for (const name of Object.keys(components.schemas))
    if (!used.has(name)) delete components.schemas[name];
}

function referencesIn(value: unknown): string[] {
  const references = JSON.stringify(value)?.matchAll(/"#\/components\/schemas\/([^"]+)"/g) ?? [];
  return [...references].map(([, name]) => name as string);
}
