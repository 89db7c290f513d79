import { explainJsonError } from "@deckhand/core/explain-json-error";
import { readText } from "./run-options.ts";
import { UsageError } from "./usage-error.ts";

/** Flags of every `set` whose definition can be switched off and given as a file. */
export interface DefinitionFlags {
  readonly description?: string;
  readonly enable?: boolean;
  readonly disable?: boolean;
  readonly file?: string;
}

/** What a `set` sends. */
export interface DefinitionRequest<Body> {
  readonly body: Body;
  /** A secret that nobody gave; it is to be shown, once. */
  readonly madeSecret?: string | undefined;
}

/** Something new is on, and what no flag says stays as it was. */
export function toCommonBody(
  { description, enable, disable }: DefinitionFlags,
  before: { readonly description: string; readonly enabled: boolean } | undefined,
): { readonly description: string; readonly enabled: boolean } {
  return {
    description: description ?? before?.description ?? "",
    enabled: enable || (!disable && (before?.enabled ?? true)),
  };
}

/** A secret as Standard Webhooks writes it. */
export function newSecret(): string {
  return `whsec_${Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64")}`;
}

/** Secrets come from files: whoever may list processes reads a command line. */
export async function readSecretFile(path: string | undefined): Promise<string | undefined> {
  return path === undefined ? undefined : (await readText(path)).replace(/\r?\n$/, "");
}

/** Reads the body of a request; what is in it the server checks. */
export async function readJson<Body>(path: string): Promise<Body> {
  const text = await readText(path);
  try {
    return JSON.parse(text) as Body;
  } catch (error) {
    throw new UsageError(`${path} is not valid JSON: ${explainJsonError(error)}`);
  }
}
