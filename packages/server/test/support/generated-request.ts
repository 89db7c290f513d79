import fc, { type Arbitrary } from "fast-check";
import type { ApiDescription, Operation, Parameter } from "../../src/http/describe-api.ts";
import { type ArbitraryContext, toArbitrary } from "./arbitrary-of-schema.ts";
import { hostileText, hostileValue, mutate, mutation } from "./hostile-values.ts";

/** One request, with the operation that it is aimed at. */
export interface GeneratedRequest {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** Stands in a path until the request is sent: then one of the ids that earlier answers gave. */
export const KNOWN_ID = "KNOWN-ID-";

/** Requests for every operation: valid ones, ones with one thing wrong, and hostile ones. */
export function generatedRequest(
  api: ApiDescription,
  better: Pick<ArbitraryContext, "byName" | "adjust">,
): Arbitrary<GeneratedRequest> {
  const context = { components: api.components.schemas, ...better };
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      toRequest({ path, method, operation }, context),
    ),
  );
  return fc.oneof(...operations);
}

interface Aim {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

function toRequest(
  { path, method, operation }: Aim,
  context: ArbitraryContext,
): Arbitrary<GeneratedRequest> {
  const parameters = operation.parameters ?? [];
  return fc
    .record({
      path: toPath(path, parameters, context),
      query: toQuery(parameters, context),
      headers: toHeaders(parameters, context),
      hostileHeader: sometimes(hostileHeader, { oneIn: 8 }),
      body: toBody(operation, context),
    })
    .map((parts) => ({
      operationId: operation.operationId ?? "",
      method: method.toUpperCase(),
      path: parts.path + parts.query,
      headers: {
        ...(parts.body === undefined ? {} : { "content-type": "application/json" }),
        ...parts.headers,
        ...(parts.hostileHeader ? { [parts.hostileHeader.name]: parts.hostileHeader.value } : {}),
      },
      body: parts.body,
    }));
}

function toPath(
  path: string,
  parameters: readonly Parameter[],
  context: ArbitraryContext,
): Arbitrary<string> {
  const inPath = parameters.filter((parameter) => parameter.in === "path");
  const values = inPath.map(({ name, schema }) => {
    const known = fc.constant(KNOWN_ID + name);
    const valid = toArbitrary(schema, context).map((value) => encode(String(value)));
    const hostile = hostileText.map(encode);
    return fc.oneof(
      { weight: 4, arbitrary: known },
      { weight: 3, arbitrary: valid },
      { weight: 2, arbitrary: hostile },
    );
  });
  return fc
    .tuple(...values)
    .map((chosen) =>
      inPath.reduce(
        (text, { name }, index) => text.replace(`{${name}}`, () => chosen[index] ?? ""),
        path,
      ),
    );
}

/** A part of a path is never empty, nor one that a client would resolve away: then it were another address. */
function encode(value: string): string {
  const encoded = encodeURIComponent(value.toWellFormed());
  return ["", ".", ".."].includes(encoded) ? "%20" : encoded;
}

function toQuery(parameters: readonly Parameter[], context: ArbitraryContext): Arbitrary<string> {
  const inQuery = parameters.filter((parameter) => parameter.in === "query");
  const pairs = inQuery.map(({ name, schema }) => {
    const valid = context.byName[name] ?? toArbitrary(schema, context);
    const value = fc.oneof({ weight: 11, arbitrary: valid }, { weight: 1, arbitrary: hostileText });
    return sometimes(fc.tuple(fc.constant(name), value), { oneIn: 3 });
  });
  const stray = sometimes(fc.tuple(hostileText, hostileText), { oneIn: 20 });
  return fc.tuple(stray, ...pairs).map((chosen) => {
    const given = chosen.filter((pair) => pair !== null);
    const texts = given.flatMap(([name, value]) =>
      [value].flat().map((one) => `${encodeText(name)}=${encodeText(String(one))}`),
    );
    return texts.length > 0 ? `?${texts.join("&")}` : "";
  });
}

function encodeText(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

function toHeaders(
  parameters: readonly Parameter[],
  context: ArbitraryContext,
): Arbitrary<Record<string, string>> {
  const named = parameters.filter((parameter) => parameter.in === "header");
  const values = named.map(({ schema, required }) => {
    const valid = toArbitrary(schema, context).map(String);
    const value = fc.oneof({ weight: 7, arbitrary: valid }, { weight: 1, arbitrary: hostileText });
    return required ? value : sometimes(value, { oneIn: 2 });
  });
  return fc.tuple(...values).map((chosen) => {
    const given = named.flatMap(({ name }, index) =>
      chosen[index] === undefined || chosen[index] === null
        ? []
        : [[name, toHeaderText(chosen[index])]],
    );
    return Object.fromEntries(given) as Record<string, string>;
  });
}

const HEADER_NAMES = [
  "host",
  "origin",
  "authorization",
  "content-type",
  "x-request-id",
  "accept",
  "referer",
  "cookie",
  "range",
  "if-none-match",
  "last-event-id",
  "idempotency-key",
  "x-forwarded-for",
  "x-forwarded-host",
  "forwarded",
  "traceparent",
  "accept-encoding",
  "content-encoding",
];
const hostileHeader = fc.record({
  name: fc.constantFrom(...HEADER_NAMES),
  value: hostileText.map(toHeaderText),
});

/** Bytes that Node's client agrees to send. */
function toHeaderText(text: string): string {
  return text
    .replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "?")
    .slice(0, 4_000)
    .trim();
}

/** Null in all but one of so many cases. */
function sometimes<Value>(
  arbitrary: Arbitrary<Value>,
  { oneIn }: { readonly oneIn: number },
): Arbitrary<Value | null> {
  return fc.oneof({ weight: oneIn - 1, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });
}

function toBody(operation: Operation, context: ArbitraryContext): Arbitrary<string | undefined> {
  const [content] = Object.values(operation.requestBody?.content ?? {});
  if (!content?.schema)
    return sometimes(hostileText, { oneIn: 30 }).map((text) => text ?? undefined);
  const valid = toArbitrary(content.schema, context);
  const json = (value: unknown) => JSON.stringify(value) ?? "";
  return fc.oneof(
    { weight: 5, arbitrary: valid.map(json) },
    {
      weight: 4,
      arbitrary: fc.tuple(valid, mutation).map(([value, change]) => json(mutate(value, change))),
    },
    { weight: 1, arbitrary: hostileValue.map(json) },
    { weight: 1, arbitrary: hostileText },
    {
      weight: 1,
      arbitrary: fc.tuple(valid.map(json), fc.nat(200)).map(([text, at]) => text.slice(0, at)),
    },
  );
}
