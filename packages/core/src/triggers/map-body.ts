import type { ParamValue } from "../contract/run.ts";
import type { ErrorPlace } from "../errors.ts";
import { toPointer } from "../script/json-pointer.ts";

/** A JSON pointer (RFC 6901) to a part of a document, never to all of it. */
export const BODY_POINTER = /^(?:\/(?:[^~/]|~[01])*)+$/;

/** What a message gives to a run. */
export interface MappedBody {
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly errors: readonly ErrorPlace[];
}

/** Finds a part of a document; what is inherited is no part of it. */
export function findPart(document: unknown, pointer: string): unknown {
  const names = pointer.split("/").slice(1).map(unescapeName);
  return names.reduce(stepInto, document);
}

function unescapeName(name: string): string {
  return name.replaceAll("~1", "/").replaceAll("~0", "~");
}

function stepInto(value: unknown, name: string): unknown {
  if (value === null || typeof value !== "object") return undefined;
  if (Array.isArray(value) && !/^(0|[1-9]\d{0,9})$/.test(name)) return undefined;
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

/** Takes parameters out of a message, and nothing else. What is absent or null is left to the script's default. */
export function mapBody(map: Readonly<Record<string, string>>, document: unknown): MappedBody {
  const found = Object.entries(map).map(([name, pointer]) => toParam(name, pointer, document));
  const errors = found.flatMap(({ error }) => (error ? [error] : []));
  const values = found.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]));
  return { params: Object.fromEntries(values) as Record<string, ParamValue>, errors };
}

interface FoundParam {
  readonly name: string;
  readonly value?: ParamValue;
  readonly error?: ErrorPlace;
}

function toParam(name: string, pointer: string, document: unknown): FoundParam {
  const part = findPart(document, pointer);
  if (part === undefined || part === null) return { name };
  const problem = findProblem(part);
  if (problem === undefined) return { name, value: part as ParamValue };
  const detail = `what the message has at ${pointer} ${problem}`;
  return { name, error: { pointer: toPointer("params", name), detail } };
}

function findProblem(part: unknown): string | undefined {
  if (typeof part === "string" || typeof part === "boolean") return undefined;
  if (typeof part === "number")
    return Number.isInteger(part) && !Number.isSafeInteger(part)
      ? "is a number that is too large to be exact"
      : undefined;
  if (Array.isArray(part) && part.every((one) => typeof one === "string")) return undefined;
  return "is neither text, nor a number, nor true or false, nor a list of texts";
}

/** Tells whether each place of the message has one of the texts that are wanted there. */
export function holds(
  onlyIf: Readonly<Record<string, readonly string[]>>,
  document: unknown,
): boolean {
  return Object.entries(onlyIf).every(([pointer, wanted]) => {
    const part = findPart(document, pointer);
    return ["string", "number", "boolean"].includes(typeof part) && wanted.includes(String(part));
  });
}
