import {
  AppError,
  type ReplaceTriggerRequest,
  parseSelector,
  replaceTriggerRequest,
  type Trigger,
} from "@deckhand/core";
import { z } from "zod";
import type { Definition, DefinitionChange, DefinitionKind } from "../definitions/definition.ts";
import { toDefinitionView } from "../definitions/definition-routes.ts";
import { type Definitions, type DefinitionsDeps, definitions } from "../definitions/definitions.ts";
import type { Vault } from "../secrets/vault.ts";
import { assertTriggerRun, type TriggerScripts } from "./assert-trigger-run.ts";

const [webhookSource, containerSource] = replaceTriggerRequest.shape.source.options;
const keptSource = z.discriminatedUnion("kind", [
  z.object({ ...webhookSource.shape, secret: z.undefined().optional(), sealedSecret: z.string() }),
  containerSource,
]);
const keptTrigger = z.object({ ...replaceTriggerRequest.shape, source: keptSource });

/** A trigger as it is kept: its secret only sealed. */
export type KeptTrigger = z.infer<typeof keptTrigger>;
export type Triggers = Definitions<KeptTrigger>;
export type KeptWebhook = Extract<KeptTrigger["source"], { kind: "webhook" }>;

export interface TriggersDeps extends DefinitionsDeps {
  readonly onChanged: (change: DefinitionChange<KeptTrigger>) => void;
}

/** What starts stored scripts when something happens elsewhere. */
export function triggers({ onChanged, ...deps }: TriggersDeps): Triggers {
  const kind: DefinitionKind<KeptTrigger> = {
    kind: "trigger",
    words: { one: "trigger", many: "triggers", command: "deckhand triggers" },
    action: "trigger.write",
    body: keptTrigger,
    onChange: async ({ after }) => {
      for (const text of after ? selectorsOf(after.body) : []) parseSelector(text);
    },
    onChanged,
  };
  return definitions(deps, kind);
}

function selectorsOf({ run, source }: KeptTrigger): readonly string[] {
  const happens = source.kind === "container" ? [...source.on, ...source.except] : [];
  return [...run.on, ...run.except, ...happens];
}

export interface KeepDeps {
  readonly vault: Pick<Vault, "seal">;
  readonly scripts: TriggerScripts;
}

export interface Asked {
  readonly name: string;
  readonly request: ReplaceTriggerRequest;
  readonly before: Definition<KeptTrigger> | undefined;
}

/** Turns what was asked for into what is kept; throws what is wrong with it. */
export async function toKeptTrigger(
  { vault, scripts }: KeepDeps,
  { name, request, before }: Asked,
): Promise<KeptTrigger> {
  assertScope(request);
  await assertTriggerRun(scripts, request.run);
  const { source } = request;
  if (source.kind === "container") return { ...request, source };
  const { secret, ...rest } = source;
  assertSecret(source);
  const sealedSecret =
    secret === undefined ? knownSecret(before, rest.scheme) : vault.seal(secret, toContext(name));
  if (sealedSecret === undefined) throw invalid("/source/secret", "is needed");
  return { ...request, source: { ...rest, sealedSecret } };
}

function knownSecret(
  before: Definition<KeptTrigger> | undefined,
  scheme: KeptWebhook["scheme"],
): string | undefined {
  const source = before?.body.source;
  return source?.kind === "webhook" && source.scheme === scheme ? source.sealedSecret : undefined;
}

const STANDARD_SECRET = /^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/;

function assertSecret({
  scheme,
  secret,
}: {
  readonly scheme: string;
  readonly secret?: string | undefined;
}): void {
  if (scheme === "standard" && secret !== undefined && !STANDARD_SECRET.test(secret))
    throw invalid("/source/secret", "must be whsec_ and 24 to 64 bytes in base64");
}

function assertScope({ run, source }: ReplaceTriggerRequest): void {
  if (run.scope !== "any" && source.kind === "webhook")
    throw invalid("/run/scope", "must be any: a webhook comes from no container");
  if (run.scope === "self" && run.on.length > 0)
    throw invalid("/run/on", "must be empty where the scope is self");
  if (run.scope !== "self" && run.on.length === 0) throw invalid("/run/on", "is needed");
}

/** Opens the secret for the moment of a check. */
export function openSecret(vault: Pick<Vault, "open">, name: string, source: KeptWebhook): string {
  return vault.open(source.sealedSecret, toContext(name));
}

function toContext(name: string): string {
  return `trigger/${name}`;
}

function invalid(pointer: string, detail: string): AppError {
  return new AppError("BODY_INVALID", {
    detail: `The body is not valid at ${pointer}: ${detail}.`,
    hint: "Every field, with examples, is at /docs.",
    errors: [{ pointer, detail }],
  });
}

/** Shows a trigger, without its secret; `toUrl` puts an address of ours behind the name that people use. */
export function toTriggerView(
  definition: Definition<KeptTrigger>,
  toUrl: (path: string) => string,
): Trigger {
  const { source, ...rest } = definition.body;
  const view = toDefinitionView(definition);
  if (source.kind === "container") return { ...view, ...rest, source };
  const { kind, scheme, tolerance } = source;
  const url = toUrl(`/api/v1/triggers/${definition.id}/fire`);
  return { ...view, ...rest, source: { kind, scheme, tolerance, url } };
}
