import {
  type ContainerEventKind,
  mapBody,
  holds,
  matchTargets,
  parseDurationMs,
  parseSelector,
  type SavedGroups,
  type Target,
} from "@deckhand/core";
import type { Definition } from "../definitions/definition.ts";
import type { FireOutcome } from "./fire-webhook.ts";
import type { RateLimits } from "./rate-limits.ts";
import { startRun, type StartDeps } from "./start-run.ts";
import type { KeptTrigger } from "./triggers.ts";

/** Something that triggers can be about. */
export interface ContainerEvent {
  readonly kind: ContainerEventKind;
  readonly at: Date;
  readonly target: Target;
  readonly exitCode: number | undefined;
}

export interface FireOnEventDeps extends StartDeps {
  readonly listTriggers: () => Iterable<Definition<KeptTrigger>>;
  readonly readGroups: () => Promise<SavedGroups>;
  readonly limits: RateLimits;
  readonly observe: (outcome: FireOutcome) => void;
  readonly onRefused: (
    trigger: Definition<KeptTrigger>,
    event: ContainerEvent,
    error: unknown,
  ) => void;
}

type ContainerTrigger = Definition<KeptTrigger> & {
  readonly body: { readonly source: Extract<KeptTrigger["source"], { kind: "container" }> };
};

/** Starts what every trigger says that is about this event, each once. */
export async function fireOnEvent(deps: FireOnEventDeps, event: ContainerEvent): Promise<void> {
  const about = [...deps.listTriggers()].filter(
    (trigger): trigger is ContainerTrigger =>
      trigger.body.enabled &&
      trigger.body.source.kind === "container" &&
      trigger.body.source.events.includes(event.kind),
  );
  if (about.length === 0) return;
  const groups = await deps.readGroups();
  for (const trigger of about) await fire(deps, { trigger, event, groups });
}

interface Firing {
  readonly trigger: ContainerTrigger;
  readonly event: ContainerEvent;
  readonly groups: SavedGroups;
}

async function fire(deps: FireOnEventDeps, { trigger, event, groups }: Firing): Promise<void> {
  try {
    const { run, onlyIf } = trigger.body;
    const document = toDocument(event);
    if (!matches(trigger, event.target, groups) || !holds(onlyIf, document)) return;
    if (isLimited(deps, trigger, event)) return deps.observe("limited");
    const mapped = mapBody(run.map, document);
    await startRun(deps, { trigger, mapped, happenedTo: event.target });
    deps.observe("started");
  } catch (error) {
    deps.observe("refused");
    deps.onRefused(trigger, event, error);
  }
}

function matches(
  { body: { source } }: ContainerTrigger,
  target: Target,
  groups: SavedGroups,
): boolean {
  const choice = { on: source.on.map(parseSelector), except: source.except.map(parseSelector) };
  return matchTargets(choice, [target], groups).length > 0;
}

/** The cooldown goes by the container's name: one that is made anew is the same to people. */
function isLimited(
  { limits }: FireOnEventDeps,
  { id, body: { source, limit } }: ContainerTrigger,
  { target }: ContainerEvent,
): boolean {
  const place = `${id} ${target.engine} ${target.name}`;
  const cools =
    parseDurationMs(source.cooldown) > 0 &&
    limits.take(place, { count: 1, per: source.cooldown }) !== undefined;
  return cools || limits.take(id, limit) !== undefined;
}

/** What `map` and `onlyIf` can name. */
function toDocument({ kind, at, target, exitCode }: ContainerEvent) {
  const { engine, containerId: id, name, image, project, service, labels } = target;
  const container = { id, name, image, project, service, labels, exitCode: exitCode ?? null };
  return { event: kind, at: at.toISOString(), engine, container };
}
