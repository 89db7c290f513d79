import { scheduleBody, type ScheduleBody, type ScheduleBodyInput } from "../contract/schedule.ts";
import { toErrorPlaces } from "../error-places.ts";
import { findNearMatch } from "../near-match.ts";
import { formatTerm } from "../selector/format-selector.ts";
import { type Glob, toGlob } from "../selector/glob.ts";
import type { SelectorKey } from "../selector/selector.ts";

/** A container with what its own labels say: what its image says is not among them. */
export interface LabelledContainer {
  readonly engine: string;
  readonly name: string;
  readonly project: string | null;
  readonly service: string | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a schedule from labels is known by: the same after its container was made anew. */
export interface LabelIdentity {
  readonly engine: string;
  readonly project: string | null;
  /** The compose service, or the container where there is none. */
  readonly service: string;
  readonly name: string;
}

/** A schedule that labels describe, or why they do not. */
export interface LabelSchedule {
  readonly identity: LabelIdentity;
  readonly containers: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly body: ScheduleBody | undefined;
  readonly problem: string | undefined;
}

const PREFIX = "deckhand.schedule.";
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
const PARAM = /^param\.(.+)$/;
const SHORT_FORM = /^(?:(?:CRON_)?TZ=(\S+)\s+)?(.*\S)\s+(\S+)$/s;
const CRON_FIELD = /^[\d*?,/LW#-]+$/;
const STORED_SCRIPT = /^[^\s@]+(@\d{1,9})?$/;

/** What may stand behind the schedule's name, and what it becomes; `param.NAME` comes to it. */
const MEMBERS: Readonly<Record<string, (value: string) => Partial<Draft>>> = {
  cron: (cron) => ({ cron }),
  script: (script) => ({ script }),
  timezone: (timeZone) => ({ timeZone }),
  user: (user) => ({ user }),
  timeout: (timeout) => ({ timeout }),
  jitter: (jitter) => ({ jitter }),
  overlap: (overlap) => ({ overlap }),
  missed: (missed) => ({ missed }),
  pick: (pick) => ({ pick }),
  enabled: (enabled) => ({ enabled }),
};

type Draft = Readonly<
  Record<
    | "cron"
    | "script"
    | "timeZone"
    | "user"
    | "timeout"
    | "jitter"
    | "overlap"
    | "missed"
    | "pick"
    | "enabled",
    string
  >
>;

/** Whether a container has any label that speaks of schedules. */
export function hasScheduleLabels(labels: Readonly<Record<string, string>>): boolean {
  return Object.keys(labels).some((key) => key.startsWith(PREFIX));
}

/**
 * Reads the schedules that labels describe. Replicas of one service describe the same one; where they do not agree,
 * the last of `containers` counts, so hand over the oldest first.
 */
export function readLabelSchedules(containers: readonly LabelledContainer[]): LabelSchedule[] {
  const found = new Map<string, LabelSchedule>();
  for (const container of containers) {
    for (const [name, labels] of groupByName(container.labels)) {
      const identity = toIdentity(container, name);
      const key = JSON.stringify(identity);
      const others = found.get(key)?.containers ?? [];
      found.set(key, {
        identity,
        labels,
        containers: [...others, container.name],
        ...toBody(identity, container, labels),
      });
    }
  }
  return [...found.values()];
}

/** The labels of each schedule, by its name. */
function groupByName(
  labels: Readonly<Record<string, string>>,
): ReadonlyMap<string, Record<string, string>> {
  const groups = new Map<string, Record<string, string>>();
  for (const [label, value] of Object.entries(labels)) {
    if (!label.startsWith(PREFIX)) continue;
    const [name = ""] = label.slice(PREFIX.length).split(".", 1);
    groups.set(name, { ...groups.get(name), [label]: value });
  }
  return groups;
}

function toIdentity(container: LabelledContainer, name: string): LabelIdentity {
  const { engine, project, service } = container;
  const isComposed = project !== null && service !== null;
  return {
    engine,
    project: isComposed ? project : null,
    service: isComposed ? service : container.name,
    name,
  };
}

function toBody(
  identity: LabelIdentity,
  container: LabelledContainer,
  labels: Readonly<Record<string, string>>,
): Pick<LabelSchedule, "body" | "problem"> {
  const { name } = identity;
  const draft = readMembers(name, labels);
  const problems = NAME.test(name)
    ? draft.problems
    : [`${JSON.stringify(name)} is no schedule's name`];
  if (problems.length > 0) return { body: undefined, problem: problems.join("; ") };
  const parsed = scheduleBody.safeParse(toInput(draft, { identity, container }));
  if (parsed.success) return { body: parsed.data, problem: undefined };
  const places = toErrorPlaces(scheduleBody, parsed.error.issues);
  const words = places.map(({ pointer, detail }) => `${toLabelWord(pointer)} ${detail}`);
  return { body: undefined, problem: words.join("; ") };
}

/** `/run/params/JOBS` was said as `param.JOBS`. */
function toLabelWord(pointer: string): string {
  return pointer
    .slice(1)
    .replace(/^timeZone$/, "timezone")
    .replace(/^missed\/policy$/, "missed")
    .replace(/^run\/(limits\/)?/, "")
    .replace(/^params\//, "param.");
}

interface ReadMembers {
  readonly draft: Partial<Draft>;
  readonly params: Readonly<Record<string, string>>;
  readonly problems: readonly string[];
}

function readMembers(name: string, labels: Readonly<Record<string, string>>): ReadMembers {
  const base = PREFIX + name;
  let draft: Partial<Draft> = {};
  const params: Record<string, string> = {};
  const problems: string[] = [];
  for (const [label, value] of Object.entries(labels)) {
    const member = label.slice(base.length + 1);
    const param = PARAM.exec(member)?.[1];
    const read =
      label === base ? readShortForm : Object.hasOwn(MEMBERS, member) ? MEMBERS[member] : undefined;
    if (param !== undefined) params[param] = value;
    else if (read) draft = { ...draft, ...read(value) };
    else problems.push(toUnknown(member));
  }
  return { draft, params, problems: [...problems, ...findMissing(draft)] };
}

/** `0 3 * * * db/vacuum`, and `TZ=Europe/Berlin` in front where it matters. */
function readShortForm(value: string): Partial<Draft> {
  const [, timeZone, cron, script] = SHORT_FORM.exec(value.trim()) ?? [];
  if (cron === undefined || script === undefined || CRON_FIELD.test(script)) return { cron: value };
  return { cron, script, ...(timeZone !== undefined && { timeZone }) };
}

function toUnknown(member: string): string {
  const near = findNearMatch(member, Object.keys(MEMBERS));
  const known = near
    ? `did you mean ${near}?`
    : `known are ${Object.keys(MEMBERS).join(", ")} and param.NAME`;
  return `${JSON.stringify(member)} is not known here; ${known}`;
}

function findMissing({ cron, script }: Partial<Draft>): string[] {
  return [
    ...(cron === undefined ? ["cron is not given"] : []),
    ...(script === undefined ? ["script is not given; name a stored script"] : []),
    ...(script === undefined || STORED_SCRIPT.test(script)
      ? []
      : ["script is not the name of a stored script"]),
  ];
}

interface Where {
  readonly identity: LabelIdentity;
  readonly container: LabelledContainer;
}

function toInput({ draft, params }: ReadMembers, where: Where): ScheduleBodyInput {
  const {
    cron = "",
    script = "",
    timeZone,
    jitter,
    overlap,
    missed,
    enabled,
    user,
    timeout,
    pick,
  } = draft;
  const whole = {
    cron,
    timeZone,
    jitter,
    overlap,
    enabled: enabled === undefined ? undefined : (BOOLEANS[enabled] ?? enabled),
    missed: missed === undefined ? undefined : { policy: missed },
    run: {
      script,
      params,
      user,
      on: [toSelector(where)],
      limits: timeout === undefined ? undefined : { timeout },
      pick: pick === undefined ? undefined : { count: Number(pick) },
    },
  };
  return whole as ScheduleBodyInput;
}

const BOOLEANS: Readonly<Record<string, boolean>> = { true: true, false: false };

/**
 * The service, or the container where there is none; and of it only what carries the same labels, so that nothing
 * else is reached, whatever a container says it belongs to.
 */
function toSelector({ identity, container }: Where): string {
  const { engine, project, service, name } = identity;
  const place = project === null ? { name: service } : { project, service };
  const fields = Object.entries({ engine, ...place }).map(([key, value]) =>
    formatTerm({ ...IS, kind: "field", key: key as SelectorKey, values: [toLiteral(value)] }),
  );
  const own = ["", ".cron", ".script"].map((member) => PREFIX + name + member);
  const labels = own
    .filter((label) => container.labels[label] !== undefined)
    .map((label) =>
      formatTerm({
        ...IS,
        kind: "label",
        label,
        values: [toLiteral(container.labels[label] ?? "")],
      }),
    );
  return [...fields, ...labels].join(",");
}

const IS = { operator: "is", column: 1 } as const;

function toLiteral(text: string): Glob {
  return toGlob([{ kind: "text", text }]);
}
