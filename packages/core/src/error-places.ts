import { z } from "zod";
import type { ErrorPlace } from "./errors.ts";
import { findNearMatch } from "./near-match.ts";

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** More would help nobody and make the answer large. */
const MOST_PLACES = 50;

/** Turns what zod found into places in the input: a JSON pointer and a sentence, with the near match of an unknown field. */
export function toErrorPlaces(schema: z.ZodType, issues: readonly Issue[]): ErrorPlace[] {
  return issues.flatMap((issue) => toPlaces(schema, issue)).slice(0, MOST_PLACES);
}

function toPlaces(schema: z.ZodType, issue: Issue): ErrorPlace[] {
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => toUnknownField(schema, issue.path, key));
  return [{ pointer: toPointer(issue.path), detail: toDetail(issue) }];
}

function toUnknownField(schema: z.ZodType, path: Path, key: string): ErrorPlace {
  const known = [...knownKeys(schema, path)];
  const near = findNearMatch(key, known);
  const advice = near ? `did you mean ${near}?` : `known are ${known.join(", ") || "none"}`;
  return { pointer: toPointer([...path, key]), detail: `there is no such field; ${advice}` };
}

function toDetail(issue: Issue): string {
  if (issue.code === "invalid_union" && issue.errors.length > 0) return toUnionDetail(issue.errors);
  if (issue.code === "invalid_key")
    return `the name does not fit: ${issue.issues.map(toDetail).join(", ")}`;
  return lowerFirst(issue.message.replace(/^Invalid (input|option): /, ""));
}

function toUnionDetail(branches: readonly (readonly Issue[])[]): string {
  const details = branches.flatMap((issues) => issues.slice(0, 1).map(toDetail));
  return [...new Set(details)].join(", or ");
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Writes a JSON pointer (RFC 6901); the root is the empty string. */
function toPointer(path: Path): string {
  return path
    .map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}

function knownKeys(schema: z.core.$ZodType, path: Path): Set<string> {
  const keys = new Set<string>();
  for (const found of schemasAt(schema, path)) {
    if (found instanceof z.ZodObject) for (const key of Object.keys(found.shape)) keys.add(key);
  }
  return keys;
}

function schemasAt(schema: z.core.$ZodType, path: Path): z.core.$ZodType[] {
  const open = unwrap(schema);
  const [part, ...rest] = path;
  if (part === undefined) return open;
  return open.flatMap((one) => stepInto(one, part)).flatMap((inner) => schemasAt(inner, rest));
}

function stepInto(schema: z.core.$ZodType, part: PropertyKey): z.core.$ZodType[] {
  if (schema instanceof z.ZodObject) return toList(schema.shape[String(part)]);
  if (schema instanceof z.ZodArray) return [schema.element];
  if (schema instanceof z.ZodRecord) return [schema.valueType];
  return [];
}

function toList(schema: z.core.$ZodType | undefined): z.core.$ZodType[] {
  return schema ? [schema] : [];
}

/** Looks through optional, default, nullable, pipes and unions. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType[] {
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(unwrap);
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable)
    return unwrap(schema.unwrap());
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return unwrap(schema.unwrap());
  if (schema instanceof z.ZodPipe) return [...unwrap(schema.in), ...unwrap(schema.out)];
  return [schema];
}
