import type { FirePage, NextTimes, Schedule, ScheduleFire } from "@deckhand/core";
import { formatAgo, formatIn } from "../terminal/spans.ts";
import { toTable } from "../terminal/table.ts";

/** The cells of a row of the list. */
export const SCHEDULE_COLUMNS: Readonly<Record<string, (schedule: Schedule) => string>> = {
  CRON: ({ cron, timeZone }) => (timeZone === "UTC" ? cron : `${cron} ${timeZone}`),
  STATE: ({ state, problem }) => (problem === null || state === "broken" ? state : `${state} !`),
  NEXT: ({ next }) => (next ? formatIn(next.startsAt, Date.now()) : ""),
  LAST: ({ last }) => (last ? toLastWords(last) : "never"),
  WHAT: (schedule) => toWhat(schedule),
  ON: ({ run, source }) =>
    (source.kind === "labels" ? source.containers : (run?.on ?? [])).join("  "),
};

function toLastWords({ decidedAt, result, run }: ScheduleFire): string {
  return `${run?.state ?? result} ${formatAgo(decidedAt, Date.now())}`;
}

function toWhat({ run }: Schedule): string {
  if (run === null) return "";
  return run.script ?? run.inline?.name ?? run.argv?.join(" ").slice(0, 40) ?? "inline script";
}

/** Everything about one, a line each. */
export function toScheduleDetail(schedule: Schedule): string {
  const { name, description, state, source, cron, timeZone, run, next, last, problem } = schedule;
  const facts: readonly (readonly [string, string])[] = [
    ["Schedule", `${name}  ${state}${description === "" ? "" : `: ${description}`}`],
    ["Problem", problem ?? ""],
    ["Paused", toPauseWords(schedule)],
    [
      "From",
      source.kind === "labels"
        ? `labels of ${source.containers.join(", ")} on ${source.engine}`
        : "",
    ],
    ["When", cron === "" ? "" : `${cron} (${timeZone})${toExtraWords(schedule)}`],
    ["Next", next ? `${next.startsAt}, ${formatIn(next.startsAt, Date.now())}` : ""],
    ["What", toWhat(schedule)],
    [
      "Where",
      [...(run?.on ?? []), ...(run?.except ?? []).map((one) => `except ${one}`)].join("  "),
    ],
    ["Parameters", toParamWords(schedule)],
    ["Overlap", schedule.overlap],
    ["Missed", toMissedRules(schedule)],
    ["Last", last ? [last.dueAt, ...toFireCells(last).slice(1)].filter(Boolean).join("  ") : ""],
    ["By", `${schedule.by.name}, ${schedule.updatedAt}, version ${schedule.version}`],
  ];
  return facts
    .filter(([, value]) => value !== "")
    .map(([head, value]) => `${head.padEnd(10)}  ${value}\n`)
    .join("");
}

function toPauseWords({ pause }: Schedule): string {
  if (pause === null) return "";
  return `by ${pause.by}, ${pause.at}${pause.reason === null ? "" : `: ${pause.reason}`}`;
}

function toExtraWords({ jitter, from, until }: Schedule): string {
  return [
    jitter === "0s" ? "" : `, up to ${jitter} later`,
    from === null ? "" : `, from ${from}`,
    until === null ? "" : `, until ${until}`,
  ].join("");
}

function toParamWords({ run }: Schedule): string {
  return Object.entries(run?.params ?? {})
    .map(([name, value]) => `${name}=${String(value)}`)
    .join("  ");
}

function toMissedRules({ missed: { policy, most, within, grace } }: Schedule): string {
  if (policy === "skip") return `skip what is later than ${grace}`;
  const what = policy === "one" ? "the newest" : `the newest ${most}`;
  return `make up for ${what} of the last ${within}`;
}

/** The next times, each with what a change of the clocks does to it. */
export function toNextTable({ timeZone, data }: NextTimes): string {
  if (data.length === 0) return "No time comes any more.\n";
  const now = Date.now();
  const rows = data.map(({ dueAt, startsAt, local, note }) => [
    local,
    dueAt.replace(".000Z", "Z"),
    formatIn(startsAt, now),
    [startsAt === dueAt ? "" : `starts ${startsAt}`, note ?? ""].filter(Boolean).join("; "),
  ]);
  return toTable([`DUE IN ${timeZone.toUpperCase()}`, "UTC", "COMES", "NOTE"], rows);
}

/** What became of each time. */
export function toHistoryTable(name: string, { data, next }: FirePage): string {
  if (data.length === 0)
    return `Nothing was due yet. When it is: deckhand schedules next ${name}\n`;
  const more = next === null ? "" : `more: deckhand schedules history ${name} --after ${next}\n`;
  return toTable(["DUE", "RESULT", "RUN", "WHY"], data.map(toFireCells)) + more;
}

function toFireCells({ dueAt, cause, result, run, code, detail, missed }: ScheduleFire): string[] {
  const words = run && result === "started" ? run.state : result;
  const how = { due: "", "caught-up": ", made up for", request: ", by request" }[cause];
  const since = missed && missed.count > 1 ? `since ${missed.since}` : "";
  return [
    dueAt,
    words + how,
    run?.id ?? "",
    [code ?? "", detail ?? "", since].filter(Boolean).join(" "),
  ];
}
