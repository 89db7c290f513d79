import fc, { type Arbitrary } from "fast-check";
import { type JsonSchema, resolve } from "../../src/http/example-of-schema.ts";

export interface ArbitraryContext {
  readonly components: Readonly<Record<string, JsonSchema>>;
  /** Better values for properties that a schema only knows as text. */
  readonly byName: Readonly<Record<string, Arbitrary<unknown>>>;
  /** What a component demands beyond its schema. */
  readonly adjust: Readonly<Record<string, (value: Arbitrary<unknown>) => Arbitrary<unknown>>>;
}

const MOST_ITEMS = 4;

/** Makes values that fit the schema. */
export function toArbitrary(schema: JsonSchema, context: ArbitraryContext): Arbitrary<unknown> {
  if (schema.$ref) return toReferred(schema.$ref, context);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches) return fc.oneof(...branches.map((branch) => toArbitrary(branch, context)));
  return fc.oneof(
    ...[schema.type ?? "object"].flat().map((type) => toTyped(type, schema, context)),
  );
}

function toReferred(reference: string, context: ArbitraryContext): Arbitrary<unknown> {
  const value = toArbitrary(resolve(reference, context.components), context);
  return context.adjust[reference.split("/").at(-1) ?? ""]?.(value) ?? value;
}

function toTyped(type: string, schema: JsonSchema, context: ArbitraryContext): Arbitrary<unknown> {
  if (type === "object") return toObject(schema, context);
  if (type === "array") return toArray(schema, context);
  if (type === "string") return toText(schema);
  if (type === "boolean") return fc.boolean();
  if (type === "null") return fc.constant(null);
  return toNumber(type, schema);
}

function toNumber(type: string, schema: JsonSchema): Arbitrary<number> {
  const min = Math.max(schema.minimum ?? -(2 ** 31), -(2 ** 31));
  const max = Math.min(schema.maximum ?? 2 ** 31, 2 ** 31);
  return type === "integer" ? fc.integer({ min, max }) : fc.double({ min, max, noNaN: true });
}

function toText({ pattern, format, minLength = 0, maxLength = 60 }: JsonSchema): Arbitrary<string> {
  if (format === "date-time") {
    const limits = {
      min: new Date("2000-01-01"),
      max: new Date("2100-01-01"),
      noInvalidDate: true,
    };
    return fc.date(limits).map((date) => date.toISOString());
  }
  if (format === "base64") return fc.base64String({ maxLength: 60 });
  if (!pattern)
    return fc.string({ minLength, maxLength: Math.min(maxLength, 60), unit: "grapheme" });
  return fc
    .stringMatching(new RegExp(pattern))
    .filter(({ length }) => length >= minLength && length <= maxLength);
}

function toArray(
  { items, minItems = 0, maxItems = MOST_ITEMS }: JsonSchema,
  context: ArbitraryContext,
): Arbitrary<unknown[]> {
  const item = items ? toArbitrary(items, context) : fc.jsonValue();
  return fc.array(item, {
    minLength: minItems,
    maxLength: Math.max(minItems, Math.min(maxItems, MOST_ITEMS)),
  });
}

function toObject(schema: JsonSchema, context: ArbitraryContext): Arbitrary<unknown> {
  const properties = Object.entries(schema.properties ?? {});
  if (properties.length === 0) return toDictionary(schema, context);
  const fields = properties.map(([name, inner]) => [
    name,
    context.byName[name] ?? toArbitrary(inner, context),
  ]);
  const requiredKeys = [...(schema.required ?? [])];
  return fc.record(Object.fromEntries(fields) as Record<string, Arbitrary<unknown>>, {
    requiredKeys,
    noNullPrototype: true,
  });
}

function toDictionary(
  { additionalProperties, propertyNames }: JsonSchema,
  context: ArbitraryContext,
): Arbitrary<unknown> {
  const value =
    typeof additionalProperties === "object"
      ? toArbitrary(additionalProperties, context)
      : fc.jsonValue();
  const key = propertyNames?.pattern
    ? toText(propertyNames)
    : fc.string({ minLength: 1, maxLength: 20 });
  return fc.dictionary(key, value, { maxKeys: MOST_ITEMS, noNullPrototype: true });
}
