import { type DeckhandClient, ProblemError } from "@deckhand/client";
import type { ImportedJob, ImportedSchedule, ImportFinding } from "@deckhand/core";
import { type Command, Option } from "commander";
import { type CommandContext, show, type Surroundings } from "../command-context.ts";
import { EXIT } from "../exit-codes.ts";
import { IMPORT_FORMATS, type ImportFormat } from "../import-formats.ts";
import { readText } from "../run-options.ts";
import { action, newCommand } from "./command.ts";

interface ImportFlags {
  readonly format?: ImportFormat;
  readonly schedules?: boolean;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

type Outcome = "planned" | "created" | "updated" | "unchanged" | "exists" | "refused";

interface ImportResult extends ImportedJob {
  readonly outcome: Outcome;
  /** Null when there is none, or when it was not asked for. */
  readonly scheduleOutcome: "created" | "exists" | null;
}

export function importCommand(surroundings: Surroundings): Command {
  return newCommand("import", {
    summary: "Take over jobs of Rundeck or Ofelia, and tell what does not map",
    examples: [
      ["deckhand scripts import jobs.yaml --dry-run", "what would become of Rundeck's jobs"],
      ["deckhand scripts import ofelia.ini --schedules", "scripts, and schedules that are off"],
      ["deckhand scripts import compose.yaml -o json", "Ofelia's labels; the whole report"],
    ],
  })
    .argument("<files...>", "jobs of Rundeck (YAML), of Ofelia (ini), or containers' labels")
    .addOption(new Option("--format <tool>", "whose they are").choices(IMPORT_FORMATS))
    .option(
      "--schedules",
      "make their schedules too, off until `deckhand schedules set NAME --enable`",
    )
    .option("--force", "write over scripts of the same name")
    .option("--dry-run", "show what would be done")
    .action(action(surroundings, importFiles));
}

async function importFiles(
  context: CommandContext,
  files: readonly string[],
  flags: ImportFlags,
): Promise<void> {
  const { readImport } = await import("../read-import.ts");
  const read = await Promise.all(
    files.map(async (file) => readImport(await readText(file), { file, format: flags.format })),
  );
  const jobs = refuseDoubles(read.flat());
  const results: ImportResult[] = [];
  for (const job of jobs) results.push(await importOne(context, job, flags));
  await show(context, results, (shown) => shown.map(toLines).join(""));
  tellCounts(context, results);
}

/** Two jobs of one name would be one script, and the second would be lost in the first. */
function refuseDoubles(jobs: readonly ImportedJob[]): ImportedJob[] {
  const seen = new Set<string>();
  return jobs.map((job) => {
    const name = job.script?.path.replace(/\.\w+$/, "");
    if (name === undefined || !seen.has(name)) {
      if (name !== undefined) seen.add(name);
      return job;
    }
    const detail = `another job becomes the script ${name} too; give one of them another name`;
    const finding: ImportFinding = { place: "", kind: "refused", detail };
    return { ...job, script: null, schedule: null, findings: [...job.findings, finding] };
  });
}

async function importOne(
  context: CommandContext,
  job: ImportedJob,
  flags: ImportFlags,
): Promise<ImportResult> {
  if (!job.script) return { ...job, outcome: "refused", scheduleOutcome: null };
  if (flags.dryRun) return { ...job, outcome: "planned", scheduleOutcome: null };
  const client = await context.client();
  const outcome = await store(client, job.script, flags.force ?? false);
  const isKept = outcome !== "exists" && flags.schedules === true;
  const made = isKept && job.schedule ? await createSchedule(client, job.schedule) : null;
  return { ...job, outcome, scheduleOutcome: made };
}

async function store(
  client: DeckhandClient,
  { path, text }: { path: string; text: string },
  force: boolean,
): Promise<Outcome> {
  const source = { kind: "import", commit: null } as const;
  try {
    await client.createScript({ path, text, source });
    return "created";
  } catch (error) {
    if (!isProblem(error, "SCRIPT_EXISTS")) throw error;
  }
  const name = path.replace(/\.\w+$/, "");
  const there = await client.getScript(name);
  if (there.text === text) return "unchanged";
  if (!force) return "exists";
  await client.updateScript(name, { text, source }, there.sha256);
  return "updated";
}

async function createSchedule(
  client: DeckhandClient,
  { name, body }: ImportedSchedule,
): Promise<"created" | "exists"> {
  try {
    await client.request("POST", "/api/v1/schedules", { body: { name, ...body } });
    return "created";
  } catch (error) {
    if (error instanceof ProblemError && error.problem.status === 409) return "exists";
    throw error;
  }
}

function isProblem(error: unknown, code: string): boolean {
  return error instanceof ProblemError && error.problem.code === code;
}

function tellCounts(context: CommandContext, results: readonly ImportResult[]): void {
  const count = (...outcomes: readonly Outcome[]) =>
    results.filter((one) => outcomes.includes(one.outcome)).length;
  const [planned, refused, there] = [
    count("planned"),
    results.filter(isRefused).length,
    count("exists"),
  ];
  const words =
    planned > 0 ? `${planned} would be imported` : `${count("created", "updated")} imported`;
  context.say(`${words}, ${count("unchanged")} unchanged, ${refused} refused, ${there} in the way`);
  if (there > 0) context.exit(EXIT.conflict);
  if (refused > 0) context.exit(EXIT.failed);
}

/** What a file says for all its jobs has no script either, and nothing of it is refused. */
function isRefused({ findings }: ImportedJob): boolean {
  return findings.some(({ kind }) => kind === "refused");
}

const MARKS: Readonly<Record<Outcome, string>> = {
  planned: "+",
  created: "+",
  updated: "~",
  unchanged: "=",
  exists: "!",
  refused: "!",
};

const WORDS: Readonly<Record<Outcome, string>> = {
  planned: "would be created",
  created: "created",
  updated: "updated",
  unchanged: "unchanged",
  exists: "there is another script of this name; --force writes over it",
  refused: "not imported",
};

function toLines(result: ImportResult): string {
  const { script, outcome, schedule, scheduleOutcome, findings } = result;
  const title = script ? `${MARKS[outcome]} ${script.path}  ${WORDS[outcome]}` : toJobTitle(result);
  const lines = findings.map(
    ({ kind, place, detail }) => `    ${kind}  ${place || "the job"}: ${detail}\n`,
  );
  const when = schedule ? [`    schedule  ${toScheduleWords(schedule, scheduleOutcome)}\n`] : [];
  return [`${title}\n`, ...lines, ...when].join("");
}

function toJobTitle(result: ImportResult): string {
  return isRefused(result) ? `! ${result.job || "a job"}  not imported` : `  ${result.job}`;
}

function toScheduleWords(
  { name, body }: ImportedSchedule,
  outcome: ImportResult["scheduleOutcome"],
): string {
  const what = `${name}: ${body.cron} ${body.timeZone ?? "UTC"}`;
  if (outcome === "created")
    return `${what}, made and off; turn it on: deckhand schedules set ${name} --enable`;
  return outcome === "exists" ? `${what}, there is one of this name` : `${what}, with --schedules`;
}
