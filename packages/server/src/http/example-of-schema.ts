import { COMPONENT_EXAMPLES } from "./component-examples.ts";

/** As much of JSON Schema 2020-12 as zod writes. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly propertyNames?: JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly example?: unknown;
  readonly examples?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

type Components = Readonly<Record<string, JsonSchema>>;

/** Makes one value that fits the schema, from the examples inside it where there are some. */
export function toExample(schema: JsonSchema, components: Components): unknown {
  const given = givenExample(schema);
  if (given !== undefined) return given;
  if (schema.$ref) return toComponentExample(schema.$ref, components);
  const branch = (schema.anyOf ?? schema.oneOf ?? schema.allOf)?.[0];
  if (branch) return toExample(branch, components);
  return toTyped(schema, components);
}

function toComponentExample(reference: string, components: Components): unknown {
  return (
    COMPONENT_EXAMPLES[nameOf(reference)] ?? toExample(resolve(reference, components), components)
  );
}

function nameOf(reference: string): string {
  return reference.slice("#/components/schemas/".length);
}

function givenExample(schema: JsonSchema): unknown {
  return (
    schema.example ?? schema.examples?.[0] ?? schema.const ?? schema.enum?.[0] ?? schema.default
  );
}

/** Finds the component that a reference names. */
export function resolve(reference: string, components: Components): JsonSchema {
  const found = components[nameOf(reference)];
  if (!found) throw new Error(`The API's description refers to ${reference}, which is not there.`);
  return found;
}

function toTyped(schema: JsonSchema, components: Components): unknown {
  const type = [schema.type ?? "null"].flat()[0];
  if (type === "object") return toObject(schema, components);
  if (type === "array") return schema.items ? [toExample(schema.items, components)] : [];
  if (type === "string") return toText(schema);
  if (type === "boolean") return true;
  return type === "null"
    ? null
    : Math.max(schema.minimum ?? 0, (schema.exclusiveMinimum ?? -1) + 1);
}

function toObject(schema: JsonSchema, components: Components): Record<string, unknown> {
  const properties = Object.entries(schema.properties ?? {});
  const needed = properties.filter(([name]) => schema.required?.includes(name));
  return Object.fromEntries(needed.map(([name, inner]) => [name, toExample(inner, components)]));
}

function toText({ format }: JsonSchema): string {
  return format === "date-time" ? "2026-11-20T21:00:12.471Z" : "text";
}
