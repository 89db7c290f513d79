import { findCronProblem, findTimeZoneProblem } from "../schedule/parse-cron.ts";
import { parseScriptHeader } from "../script/parse-script-header.ts";
import {
  explainLeftOut,
  type Findings,
  type ImportedJob,
  newFindings,
  quoteForShell,
  toOneLine,
  toScheduleName,
  toSegment,
} from "./imported-job.ts";
import { readIni } from "./read-ini.ts";
import { splitCommand } from "./split-command.ts";

/** A job as Ofelia's files and labels both have it. */
export interface OfeliaJob {
  /** `job-exec` and its like. */
  readonly kind: string;
  readonly name: string;
  /** Keys may come several times. */
  readonly entries: readonly (readonly [key: string, value: string])[];
  /** What picks the container that the job's labels are on. */
  readonly on?: string | undefined;
}

const JOB_SECTION = /^(job-[a-z-]+)\s+"?([^"]*)"?$/;

/** Reads an ini file of Ofelia's; each job is imported as far as it maps, with what does not. */
export function importOfeliaIni(text: string): ImportedJob[] {
  const { sections, faults } = readIni(text);
  const general = newFindings();
  for (const { line, detail } of faults) general.add("left-out", `line ${line}`, detail);
  const jobs = sections.flatMap(({ title, line, entries }) => {
    const [, kind, name] = JOB_SECTION.exec(title) ?? [];
    if (kind !== undefined && name !== undefined)
      return [
        importOfeliaJob({ kind, name, entries: entries.map(({ key, value }) => [key, value]) }),
      ];
    for (const { key } of entries)
      general.add("left-out", `[${title}] ${key}`, "is for all jobs, and has no counterpart");
    if (entries.length === 0) general.add("left-out", `line ${line}`, `[${title}] says nothing`);
    return [];
  });
  const rest = { job: "the file", script: null, schedule: null, findings: general.all };
  return general.all.length === 0 ? jobs : [...jobs, rest];
}

const KINDS: Readonly<Record<string, string>> = {
  "job-run": "it starts a container of its own; scripts run in containers that are running",
  "job-service-run": "it starts a service of its own; scripts run in containers that are running",
  "job-local": "it runs on Ofelia's own machine; scripts run in containers",
  "job-compose": "it starts a container of its own; scripts run in containers that are running",
};

/** Takes over one job. */
export function importOfeliaJob(job: OfeliaJob): ImportedJob {
  const findings = newFindings();
  if (job.kind !== "job-exec")
    findings.add("refused", "", KINDS[job.kind] ?? `${job.kind} is not known`);
  else tellOfKeys(job, findings);
  const script = findings.isRefused ? null : toScript(job, findings);
  const schedule = script && toSchedule(job, { path: script.path, findings });
  const kept = findings.isRefused ? null : script;
  return { job: job.name, script: kept, schedule: kept && schedule, findings: findings.all };
}

function find({ entries }: OfeliaJob, ...keys: readonly string[]): string | undefined {
  return entries.findLast(([key]) => keys.includes(key))?.[1];
}

const HANDLED: readonly string[] = [
  "schedule",
  "cron",
  "command",
  "container",
  "user",
  "environment",
  "env",
  "working-dir",
  "workdir",
  "no-overlap",
  "tty",
  "name",
];

const KEY_DETAILS: Readonly<Record<string, string>> = {
  "run-on-startup": "nothing is started with the server; start it by hand: deckhand schedules run",
};
const NOTIFIES = /^(?:slack|smtp|email|mail|webhook|save|gotify|teams)/;

function tellOfKeys({ entries }: OfeliaJob, findings: Findings): void {
  for (const key of new Set(entries.map(([name]) => name)))
    if (!HANDLED.includes(key)) findings.add("left-out", key, explain(key));
}

function explain(key: string): string {
  if (NOTIFIES.test(key)) return "who is told of its end is set up with `deckhand notifications`";
  return explainLeftOut(KEY_DETAILS, key);
}

function toScript(job: OfeliaJob, findings: Findings): ImportedJob["script"] {
  const name = toSegment(job.name);
  if (name === "") findings.add("refused", "name", "no script name can be made of it");
  const words = splitCommand(find(job, "command") ?? "");
  if (words === undefined) findings.add("refused", "command", "a quote is not closed");
  else if (words.length === 0) findings.add("refused", "command", "there is none");
  if (findings.isRefused || words === undefined) return null;
  const path = `ofelia/${name}.sh`;
  const header = toHeader(job, findings);
  const lines = header.map((line) => `# ${line}\n`).join("");
  const text = `#!/bin/sh\n${lines}\nexec ${words.map(quoteForShell).join(" ")}\n`;
  for (const { line, detail } of parseScriptHeader(text, path).problems)
    findings.add("refused", `line ${line} of the script's header`, detail);
  return { path, text };
}

function toHeader(job: OfeliaJob, findings: Findings): string[] {
  const user = find(job, "user");
  const workdir = find(job, "working-dir", "workdir");
  if (user === undefined)
    findings.add(
      "changed",
      "user",
      "it runs as the container's own user; Ofelia takes root, or nobody, when nothing is said",
    );
  if (find(job, "tty") === "true") findings.add("left-out", "tty", "it runs without a terminal");
  return [
    "@deckhand 1",
    `@title ${toOneLine(job.name)}`,
    ...toTargets(job, findings).map((selector) => `@on ${selector}`),
    ...(user ? [`@user ${user}`] : []),
    ...(workdir ? [`@workdir ${workdir}`] : []),
    ...toEnvironment(job, findings).map((variable) => `@env ${variable}`),
  ];
}

const CONTAINER_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

function toTargets(job: OfeliaJob, findings?: Findings): string[] {
  const container = find(job, "container");
  if (container !== undefined && CONTAINER_NAME.test(container)) return [`name=${container}`];
  if (container === undefined && job.on !== undefined) return [job.on];
  findings?.add("left-out", "container", "it names no container: choose some with --on");
  return [];
}

/** A header's line holds one variable, so a value of several lines has no place there. */
function toEnvironment({ entries }: OfeliaJob, findings: Findings): string[] {
  const variables = entries
    .filter(([key]) => key === "environment" || key === "env")
    .flatMap(([, value]) => readList(value));
  return variables.filter((variable) => {
    const isSaid = /^[A-Za-z_]\w*=[^\r\n]*$/.test(variable);
    if (!isSaid)
      findings.add(
        "left-out",
        "environment",
        `${JSON.stringify(variable)} is no NAME=value of one line`,
      );
    return isSaid;
  });
}

/** Labels hold lists as JSON. */
function readList(value: string): string[] {
  try {
    const read: unknown = JSON.parse(value);
    if (Array.isArray(read)) return read.map(String);
  } catch {
    // It is a plain value.
  }
  return [value];
}

const ZONE = /^(?:CRON_)?TZ=(\S+)\s+/;

function toSchedule(
  job: OfeliaJob,
  { path, findings }: { path: string; findings: Findings },
): ImportedJob["schedule"] {
  const said = find(job, "schedule", "cron")?.trim();
  const on = toTargets(job);
  const problem = said === undefined ? "it says no time" : findCronProblem(said.replace(ZONE, ""));
  const zoneProblem = findTimeZoneProblem(ZONE.exec(said ?? "")?.[1] ?? "UTC");
  const why =
    problem ??
    zoneProblem ??
    (on.length === 0 ? "a schedule needs to know its containers" : undefined);
  if (said === undefined || why !== undefined) {
    findings.add("left-out", "schedule", `${said ?? ""} ${why}`.trim());
    return null;
  }
  if (!ZONE.test(said) && !said.startsWith("@every"))
    findings.add("changed", "schedule", "the time is UTC; Ofelia's is that of its container");
  const script = path.replace(/\.\w+$/, "");
  return {
    name: toScheduleName(script),
    body: {
      description: `Imported from Ofelia: ${job.name}`.slice(0, 500),
      cron: said.replace(ZONE, ""),
      timeZone: ZONE.exec(said)?.[1] ?? "UTC",
      enabled: false,
      overlap: find(job, "no-overlap") === "true" ? "skip" : "allow",
      run: { script, on },
    },
  };
}
