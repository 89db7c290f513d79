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
import { findUnchanged, hideFixed } from "../secrets/fixed-params.ts";
import type { Vault } from "../secrets/vault.ts";
import { assertTriggerRun, type CheckDeps } from "./assert-trigger-run.ts";

const [webhookSource, containerSource] = replaceTriggerRequest.shape.source.options;
const keptSource = z.discriminatedUnion("kind", [
  z.object({ ...webhookSource.shape, secret: z.undefined().optional(), sealedSecret: z.string() }),
  containerSource,
]);
const keptTrigger = z.object({
  ...replaceTriggerRequest.shape,
  source: keptSource,
  sealedParams: z.record(z.string(), z.string()).default({}),
});

/** A trigger as it is kept: its secret only sealed, and fixed values that have become secret. */
export type KeptTrigger = z.infer<typeof keptTrigger>;
export type Triggers = Definitions<KeptTrigger>;
export type KeptWebhook = Extract<KeptTrigger["source"], { kind: "webhook" }>;

export interface TriggersDeps extends DefinitionsDeps {
  readonly onChanged: (change: DefinitionChange<KeptTrigger>) => void;
}

/** What starts stored scripts when something happens elsewhere. */
export function triggers(deps: TriggersDeps): Triggers {
  return definitions(deps, triggerKind(deps));
}

export function triggerKind({
  onChanged,
}: Pick<TriggersDeps, "onChanged">): DefinitionKind<KeptTrigger> {
  return {
    kind: "trigger",
    words: { one: "trigger", many: "triggers", command: "deckhand triggers" },
    action: "trigger.write",
    body: keptTrigger,
    onChange: async ({ after }) => {
      for (const text of after ? selectorsOf(after.body) : []) parseSelector(text);
    },
    onChanged,
  };
}

function selectorsOf({ run, source }: KeptTrigger): readonly string[] {
  const happens = source.kind === "container" ? [...source.on, ...source.except] : [];
  return [...run.on, ...run.except, ...happens];
}

export interface KeepDeps extends CheckDeps {
  readonly vault: Pick<Vault, "seal">;
}

export interface Asked {
  readonly name: string;
  readonly request: ReplaceTriggerRequest;
  readonly before: Definition<KeptTrigger> | undefined;
}

/** Turns what was asked for into what is kept; throws what is wrong with it. */
export async function toKeptTrigger(
  { vault, ...deps }: KeepDeps,
  { name, request, before }: Asked,
): Promise<KeptTrigger> {
  assertScope(request);
  const unchanged = findUnchanged(request.run.params, before?.body);
  await assertTriggerRun(deps, request.run, unchanged);
  const { source } = request;
  const kept = { ...request, ...keepSealed(request, before?.body.sealedParams ?? {}, unchanged) };
  if (source.kind === "container") return { ...kept, source };
  const { secret, ...rest } = source;
  assertSecret(source);
  const sealedSecret =
    secret === undefined ? knownSecret(before, rest.scheme) : vault.seal(secret, toContext(name));
  if (sealedSecret === undefined) throw invalid("/source/secret", "is needed");
  return { ...kept, source: { ...rest, sealedSecret } };
}

function keepSealed(
  { run }: ReplaceTriggerRequest,
  before: KeptTrigger["sealedParams"],
  unchanged: readonly string[],
): Pick<KeptTrigger, "run" | "sealedParams"> {
  const params = Object.entries(run.params).filter(([name]) => !unchanged.includes(name));
  const sealed = Object.entries(before).filter(([name]) => unchanged.includes(name));
  return {
    run: { ...run, params: Object.fromEntries(params) },
    sealedParams: Object.fromEntries(sealed),
  };
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

/** Shows a trigger, without what is secret; `toUrl` puts an address of ours behind the name that people use. */
export function toTriggerView(
  definition: Definition<KeptTrigger>,
  toUrl: (path: string) => string,
): Trigger {
  const { source, sealedParams: _, ...rest } = definition.body;
  const view = {
    ...toDefinitionView(definition),
    ...rest,
    run: { ...rest.run, params: hideFixed(definition.body) },
  };
  if (source.kind === "container") return { ...view, source };
  const { kind, scheme, tolerance } = source;
  const url = toUrl(`/api/v1/triggers/${definition.id}/fire`);
  return { ...view, source: { kind, scheme, tolerance, url } };
}
