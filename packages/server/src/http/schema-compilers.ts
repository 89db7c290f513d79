import { AppError, type ErrorCode, toErrorPlaces } from "@deckhand/core";
import type { FastifySchemaCompiler, FastifySerializerCompiler } from "fastify";
import { serializerCompiler as checkingSerializer } from "fastify-type-provider-zod";
import type { z } from "zod";

const PARTS: Readonly<Record<string, { readonly code: ErrorCode; readonly name: string }>> = {
  body: { code: "BODY_INVALID", name: "The body" },
  querystring: { code: "QUERY_INVALID", name: "The query string" },
  params: { code: "PATH_INVALID", name: "The path" },
  headers: { code: "HEADER_INVALID", name: "A header" },
};

/** Checks a part of the request by its zod schema; headers that the schema does not name stay. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({
  schema,
  httpPart = "body",
}) => {
  return (data) => {
    const result = schema.safeParse(data);
    if (!result.success) return { error: toInvalidError(schema, httpPart, result.error.issues) };
    if (httpPart !== "headers") return { value: result.data };
    return { value: { ...(data as object), ...(result.data as object) } };
  };
};

function toInvalidError(
  schema: z.ZodType,
  httpPart: string,
  issues: readonly z.core.$ZodIssue[],
): AppError {
  const part = PARTS[httpPart] ?? { code: "BODY_INVALID", name: "The body" };
  const errors = toErrorPlaces(schema, issues);
  const [first] = errors;
  const where = first?.pointer ? ` at ${first.pointer}` : "";
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  return new AppError(part.code, {
    detail: `${part.name} is not valid${where}: ${first?.detail ?? "it does not fit"}${more}.`,
    hint: "The fields of each operation, with examples, are at /docs.",
    errors,
  });
}

const unchecked = new WeakSet<object>();

/**
 * Marks what answers put together member by member are described by: nothing else can be in them, and to check one takes longer than to
 * write it. Any other answer that is not what its schema says is a fault of ours, and nobody sees it.
 */
export function builtWhole<Schema extends z.ZodType>(schema: Schema): Schema {
  unchecked.add(schema);
  return schema;
}

export const serializerCompiler: FastifySerializerCompiler<z.ZodType> = (route) =>
  unchecked.has(route.schema) ? (data) => JSON.stringify(data) : checkingSerializer(route);
