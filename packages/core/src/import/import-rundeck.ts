import { toErrorPlaces } from "../error-places.ts";
import { findDurationMs } from "../duration.ts";
import { parseScriptHeader } from "../script/parse-script-header.ts";
import { findTimeZoneProblem } from "../schedule/parse-cron.ts";
import {
  explainLeftOut,
  type Findings,
  type ImportedJob,
  type ImportedSchedule,
  newFindings,
  toOneLine,
  toScheduleName,
  toSegment,
} from "./imported-job.ts";
import { toDispatchLines } from "./rundeck-dispatch.ts";
import { type RundeckJob, rundeckJob } from "./rundeck-job.ts";
import { type OptionParam, toOptionParams } from "./rundeck-options.ts";
import { toCron } from "./rundeck-schedule.ts";
import { assertStep, toBody } from "./rundeck-steps.ts";

/** Reads the jobs of a Rundeck export in YAML, parsed; each job is imported as far as it maps, with what does not. */
export function importRundeck(document: unknown): ImportedJob[] {
  const jobs = Array.isArray(document) ? document : [document];
  return jobs.map((job: unknown, index) => importJob(job, `[${index}]`));
}

function importJob(given: unknown, place: string): ImportedJob {
  const parsed = rundeckJob.safeParse(given);
  if (!parsed.success) {
    const findings = newFindings();
    for (const { pointer, detail } of toErrorPlaces(rundeckJob, parsed.error.issues))
      findings.add("refused", pointer.slice(1).replaceAll("/", "."), detail);
    return { job: nameIn(given) || place, script: null, schedule: null, findings: findings.all };
  }
  const job = parsed.data;
  const name = [job.group ?? "", job.name].filter(Boolean).join("/");
  const findings = newFindings();
  tellOfKeys(job, findings);
  const aim = toAim(job, findings);
  const script = toScript(job, aim, findings);
  const schedule = script && toSchedule(job, { path: script.path, aim, findings });
  const isRefused = findings.isRefused;
  return {
    job: name,
    script: isRefused ? null : script,
    schedule: isRefused ? null : schedule,
    findings: findings.all,
  };
}

function nameIn(given: unknown): string {
  const { name } = (given ?? {}) as { name?: unknown };
  return typeof name === "string" ? name : "";
}

const HANDLED: readonly string[] = [
  ...Object.keys(rundeckJob.shape),
  ...[
    "id",
    "uuid",
    "loglevel",
    "defaultTab",
    "nodeFilterEditable",
    "nodesSelectedByDefault",
    "averageDuration",
  ],
];

const KEY_DETAILS: Readonly<Record<string, string>> = {
  notification: "who is told of its end is set up with `deckhand notifications`",
  retry: "give it with the run: a retry repeats executions that failed",
  orchestrator: "the order and the number of targets are given with the run",
  plugins: "log filters and other plugins have no counterpart",
  maxMultipleExecutions:
    "how many may run at once is not counted; a schedule's overlap says whether two may",
};

/** Of what a job says in parts, what is read, and what is so anyway. */
const PARTS: readonly (readonly ["nodefilters" | "sequence", readonly string[]])[] = [
  ["nodefilters", ["filter", "filterExclude", "dispatch"]],
  ["sequence", ["commands", "keepgoing", "strategy"]],
];

/** Everything that is there and not read is told of, so that nothing is lost silently. */
function tellOfKeys(job: RundeckJob, findings: Findings): void {
  for (const key of Object.keys(job).filter((one) => !HANDLED.includes(one)))
    findings.add("left-out", key, explainLeftOut(KEY_DETAILS, key));
  for (const [part, read] of PARTS)
    for (const key of Object.keys(job[part] ?? {}).filter((one) => !read.includes(one)))
      findings.add("left-out", `${part}.${key}`, explainLeftOut(KEY_DETAILS, `${part}.${key}`));
}

/** Without an extension, which follows from what starts the script. */
function toPath(job: RundeckJob): string | undefined {
  const segments = [...(job.group ?? "").split("/"), job.name]
    .map(toSegment)
    .filter(Boolean)
    .slice(-8);
  return toSegment(job.name) === "" ? undefined : segments.join("/");
}

function toScript(job: RundeckJob, aim: Aim, findings: Findings): ImportedJob["script"] {
  const steps = job.sequence.commands;
  steps.forEach((step, index) => assertStep(step, `sequence.commands[${index}]`, findings));
  if (steps.length === 0) findings.add("refused", "sequence.commands", "there are no steps");
  const path = toPath(job);
  if (path === undefined) findings.add("refused", "name", "no script name can be made of it");
  if (findings.isRefused || path === undefined) return null;
  const texts = steps.map((step) => step.script ?? step.exec ?? "").join("\n");
  const params = toOptionParams(job.options, { text: texts, findings });
  const body = toBody(job, params, findings);
  const header = toHeader(job, { params, aim, findings });
  const text =
    body && `${body.shebang}\n${header.map((line) => `# ${line}\n`).join("")}\n${body.text}`;
  if (text === undefined) return null;
  for (const { line, detail } of parseScriptHeader(text, path).problems)
    findings.add("refused", `line ${line} of the script's header`, detail);
  return { path: `${path}${body?.extension ?? ""}`, text };
}

interface HeaderParts {
  readonly params: readonly OptionParam[];
  readonly aim: Aim;
  readonly findings: Findings;
}

function toHeader(job: RundeckJob, { params, aim, findings }: HeaderParts): string[] {
  const about = (job.description ?? "").split(/\r?\n/).map(toOneLine).filter(Boolean);
  const tags = job.tags.map(toSegment).filter(Boolean);
  return [
    "@deckhand 1",
    `@title ${toOneLine(job.name).slice(0, 200)}`,
    ...about.map((line, index) => (index === 0 ? `@about ${line}` : line.replace(/^@/, "at "))),
    ...(tags.length > 0 ? [`@tags ${tags.join(" ")}`] : []),
    ...aim.on.map((selector) => `@on ${selector}`),
    ...aim.except.map((selector) => `@except ${selector}`),
    ...toTimeoutLines(job, findings),
    ...toDispatchLines(job, findings),
    ...params.map(({ line }) => line),
  ];
}

function toTimeoutLines({ timeout }: RundeckJob, findings: Findings): string[] {
  if (timeout === undefined || timeout === "") return [];
  const duration = /^\d+$/.test(timeout) ? `${timeout}s` : timeout.replaceAll(/\s+/g, "");
  if (findDurationMs(duration)) return [`@timeout ${duration}`];
  findings.add("left-out", "timeout", `${timeout} is no duration such as 1h30m`);
  return [];
}

const PLAIN_NODES = /^(?:(?:node)?name:\s*)?([\w.,*+-]+)$/;

/** Rundeck's nodes are containers' names where its Docker plugin lists them; attributes of theirs are nothing here. */
function toNames(filter: string): string | undefined {
  const names = PLAIN_NODES.exec(filter)?.[1]?.replaceAll(".*", "*");
  if (names === undefined || /[+]|^\*$/.test(names)) return undefined;
  return `name=${names.split(",").filter(Boolean).join("|")}`;
}

/** Where a job runs, as far as that can be said. */
interface Aim {
  readonly on: readonly string[];
  readonly except: readonly string[];
}

const NOWHERE: Aim = { on: [], except: [] };

/** What can not be left out as there is chosen by nobody but the user. */
function toAim({ nodefilters }: RundeckJob, findings: Findings): Aim {
  const filter = nodefilters?.filter?.trim() ?? "";
  const excluded = nodefilters?.filterExclude?.trim() ?? "";
  const [on, except] = [toNames(filter), toNames(excluded)];
  if (on === undefined) findings.add("left-out", "nodefilters.filter", explainFilter(filter));
  if (excluded !== "" && except === undefined) {
    const place = "nodefilters.filterExclude";
    findings.add("left-out", place, `${explainFilter(excluded)}; nor is nodefilters.filter said`);
    return NOWHERE;
  }
  return on === undefined ? NOWHERE : { on: [on], except: except === undefined ? [] : [except] };
}

function explainFilter(filter: string): string {
  return filter === "" || filter === ".*"
    ? "it is for every node, or for Rundeck's machine: choose containers with --on"
    : `${JSON.stringify(filter)} asks for attributes of Rundeck's nodes: write a selector such as label=role=db`;
}

function toSchedule(
  job: RundeckJob,
  { path, aim, findings }: { path: string; aim: Aim; findings: Findings },
): ImportedSchedule | null {
  if (!job.schedule) return null;
  const { on, except } = aim;
  if (on.length === 0) {
    findings.add("left-out", "schedule", "a schedule needs to know its containers");
    return null;
  }
  const made = toCron(job.schedule);
  if ("problem" in made) {
    findings.add("left-out", "schedule", made.problem);
    return null;
  }
  const name = path.replace(/\.\w+$/, "");
  const timeZone = job.timeZone ?? "UTC";
  const problem = findTimeZoneProblem(timeZone);
  if (problem !== undefined) findings.add("left-out", "timeZone", `${timeZone} ${problem}`);
  if (job.timeZone === undefined)
    findings.add("changed", "schedule", "the time is UTC; Rundeck's is that of its machine");
  return {
    name: toScheduleName(name),
    body: {
      description: `Imported from Rundeck: ${job.name}`.slice(0, 500),
      cron: made.cron,
      timeZone: problem === undefined ? timeZone : "UTC",
      enabled: false,
      overlap: job.multipleExecutions ? "allow" : "skip",
      run: { script: name, on: [...on], ...(except.length > 0 && { except: [...except] }) },
    },
  };
}
