import type {
  ContainerEventKind,
  ReplaceTriggerRequestInput,
  SignatureScheme,
  Trigger,
} from "@deckhand/core";
import {
  type DefinitionFlags,
  type DefinitionRequest,
  newSecret,
  readSecretFile,
  toCommonBody,
} from "./definition-request.ts";
import { UsageError } from "./usage-error.ts";

export interface TriggerFlags extends DefinitionFlags {
  readonly webhook?: string;
  readonly secretFile?: string;
  readonly event?: string[];
  readonly when?: string[];
  readonly cooldown?: string;
  readonly run?: string;
  readonly on?: string[];
  readonly scope?: string;
  readonly param?: string[];
  readonly secret?: string[];
  readonly map?: string[];
  readonly onlyIf?: string[];
  readonly limit?: string;
}

/** The flags, with what stood in the file in place of its name. */
export interface GivenTrigger extends Omit<TriggerFlags, "secretFile" | "secret"> {
  /** What messages are signed with. */
  readonly secret: string | undefined;
  /** Stored secrets by the parameters that they fill. */
  readonly secrets?: Readonly<Record<string, string>>;
}

export async function readTriggerFlags({
  secretFile,
  secret,
  ...rest
}: TriggerFlags): Promise<
  (before: Trigger | undefined) => DefinitionRequest<ReplaceTriggerRequestInput>
> {
  const given: GivenTrigger = {
    ...rest,
    ...(secret && { secrets: Object.fromEntries(secret.map(toStored)) }),
    secret: await readSecretFile(secretFile),
  };
  return (before) => toTriggerRequest(given, before);
}

/** What is not given stays as it was. */
export function toTriggerRequest(
  given: GivenTrigger,
  before: Trigger | undefined,
): DefinitionRequest<ReplaceTriggerRequestInput> {
  const source = toSource(given, before?.source);
  const isKept =
    before?.source.kind === "webhook" &&
    source.kind === "webhook" &&
    before.source.scheme === source.scheme;
  const needsSecret = source.kind === "webhook" && given.secret === undefined && !isKept;
  const madeSecret = needsSecret ? newSecret() : undefined;
  const secret = given.secret ?? madeSecret;
  const signed = source.kind === "webhook" && secret !== undefined ? { ...source, secret } : source;
  return {
    body: {
      source: signed,
      run: toRun(given, before?.run),
      onlyIf: given.onlyIf ? toLists(given.onlyIf) : (before?.onlyIf ?? {}),
      limit: given.limit === undefined ? (before?.limit ?? {}) : toLimit(given.limit),
      ...toCommonBody(given, before),
    },
    madeSecret,
  };
}

type Source = ReplaceTriggerRequestInput["source"];

function toSource(given: GivenTrigger, before: Trigger["source"] | undefined): Source {
  const { webhook, event, when, cooldown } = given;
  if (webhook !== undefined && event !== undefined)
    throw new UsageError("a trigger has one source", ONE_SOURCE);
  if (webhook !== undefined || (event === undefined && before?.kind === "webhook"))
    return toWebhook(webhook, before);
  const known = before?.kind === "container" ? before : undefined;
  const events = (event ?? known?.events) as ContainerEventKind[] | undefined;
  const on = when ?? known?.on;
  if (events === undefined) throw new UsageError("it is not said what starts it", ONE_SOURCE);
  if (on === undefined)
    throw new UsageError("it is not said whose events count (--when)", ONE_SOURCE);
  const span = cooldown ?? known?.cooldown;
  return {
    kind: "container",
    events,
    on,
    except: known?.except ?? [],
    ...(span !== undefined && { cooldown: span }),
  };
}

function toWebhook(given: string | undefined, before: Trigger["source"] | undefined): Source {
  const known = before?.kind === "webhook" ? before : undefined;
  return {
    kind: "webhook",
    scheme: (given ?? known?.scheme) as SignatureScheme,
    ...(known && { tolerance: known.tolerance }),
  };
}

const ONE_SOURCE = { hint: "Give --webhook SCHEME, or --event EVENT --when SELECTOR, or --file" };

function toRun(
  given: GivenTrigger,
  before: Trigger["run"] | undefined,
): ReplaceTriggerRequestInput["run"] {
  const script = given.run ?? before?.script;
  if (script === undefined)
    throw new UsageError("it is not said what is run", {
      hint: "Give --run NAME of a stored script",
    });
  const scope = (given.scope ?? before?.scope) as Trigger["run"]["scope"] | undefined;
  return {
    ...before,
    script,
    on: given.on ?? before?.on ?? [],
    ...(scope !== undefined && { scope }),
    params: given.param
      ? Object.fromEntries(given.param.map(toPair))
      : without(before?.params, given.secrets),
    map: given.map
      ? Object.fromEntries(given.map.map(toPair))
      : without(before?.map, given.secrets),
    secrets: given.secrets ?? before?.secrets ?? {},
  };
}

/** A stored secret takes the place of what was there. */
function without<Value>(kept: Readonly<Record<string, Value>> = {}, given: object = {}) {
  return Object.fromEntries(Object.entries(kept).filter(([name]) => !Object.hasOwn(given, name)));
}

/** A value has no place in a trigger, and none on a command line. */
function toStored(text: string): [string, string] {
  const [name, source] = toPair(text);
  if (source !== "-" && !source.startsWith("@")) return [name, source];
  throw new UsageError("a trigger takes stored secrets only", {
    hint: `Store it, and name it: deckhand secrets set db/main, then --secret ${name}=db/main`,
  });
}

function toPair(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new UsageError(`${JSON.stringify(text)} has no =`, { hint: "Write NAME=VALUE" });
}

/** Of one place several texts may be given. */
function toLists(texts: readonly string[]): Record<string, string[]> {
  const lists: Record<string, string[]> = {};
  for (const [pointer, text] of texts.map(toPair)) (lists[pointer] ??= []).push(text);
  return lists;
}

function toLimit(text: string): { count: number; per: string } {
  const [, count, per] = /^(\d{1,6})\/(\S+)$/.exec(text) ?? [];
  if (count !== undefined && per !== undefined) return { count: Number(count), per };
  throw new UsageError(`${JSON.stringify(text)} is no limit`, { hint: "Write 30/1m" });
}
