import { findInterpreter, findShebang } from "../script/interpreter.ts";
import { explainLeftOut, type Findings } from "./imported-job.ts";
import { rewriteTokens } from "./rewrite-tokens.ts";
import type { RundeckJob, RundeckStep } from "./rundeck-job.ts";
import type { OptionParam } from "./rundeck-options.ts";

const STEP_KEYS: readonly string[] = [
  "exec",
  "script",
  "args",
  "scriptInterpreter",
  "description",
  "fileExtension",
  "interpreterArgsQuoted",
  "expandTokenInScriptFile",
  "keepgoingOnSuccess",
];

const STEP_DETAILS: Readonly<Record<string, string>> = {
  jobref: "it starts another job: start its script from this one's, or run both after each other",
  scriptfile: "its script is a file on Rundeck's machine: put the file's text into the step",
  scripturl: "its script is fetched from an address: put its text into the step",
  type: "it is a plugin's step",
  errorhandler: "what is done after a failure has no counterpart: write it into the script",
  plugins: "log filters of a step have no counterpart",
};

/** Refuses a step that does something which no script of ours can, and tells of what else it says. */
export function assertStep(step: RundeckStep, place: string, findings: Findings): void {
  for (const key of Object.keys(step).filter((one) => !STEP_KEYS.includes(one))) {
    const isRefused = Object.hasOwn(STEP_DETAILS, key) && key !== "plugins";
    const kind = isRefused ? "refused" : "left-out";
    findings.add(kind, `${place}.${key}`, explainLeftOut(STEP_DETAILS, key));
  }
  if (step.exec === undefined && step.script === undefined && !findings.isRefused)
    findings.add("refused", place, "it is neither a command nor a script");
}

export interface StepsBody {
  readonly shebang: string;
  readonly extension: string;
  readonly text: string;
}

const SHELL = /^(?:ba|da|a|k|z)?sh$/;

/** One step stays as it is; several of a shell become parts of one script. */
export function toBody(
  job: RundeckJob,
  params: readonly OptionParam[],
  findings: Findings,
): StepsBody | undefined {
  const { commands, keepgoing } = job.sequence;
  const programs = commands.map(programOf);
  const shells = programs.map((program) => (program === undefined ? "sh" : toShell(program)));
  const texts = commands.map((step, index) =>
    toStepText(step, {
      params,
      findings,
      place: `sequence.commands[${index}]`,
      isShell: shells[index] !== undefined,
    }),
  );
  const [only, ...others] = texts;
  const [program] = programs;
  if (only !== undefined && others.length === 0)
    return {
      shebang: `#!${toShebang(program)}`,
      extension: toExtension(program),
      text: `${only}\n`,
    };
  if (shells.includes(undefined)) {
    findings.add(
      "refused",
      "sequence.commands",
      "steps of other interpreters than a shell can not be put into one script: make a job of each",
    );
    return undefined;
  }
  findings.add(
    "changed",
    "sequence.commands",
    `${texts.length} steps are parts of one script now; each target does all of them, one after the other`,
  );
  const shell = shells.includes("bash") ? "bash" : "sh";
  const text = keepgoing
    ? `failed=0\n${texts.map((one) => `(\n${one}\n)\nended=$?; [ "$ended" -eq 0 ] || failed=$ended\n`).join("")}exit "$failed"\n`
    : texts.map((one) => `(\n${one}\n)\nended=$?; [ "$ended" -eq 0 ] || exit "$ended"\n`).join("");
  return { shebang: `#!/usr/bin/env ${shell}`, extension: `.${shell}`, text };
}

/** What starts a step's script; nothing for a command line, which the user's shell reads. */
function programOf({ script, scriptInterpreter }: RundeckStep): string | undefined {
  if (script === undefined) return undefined;
  const named = scriptInterpreter?.replaceAll(/\$\{scriptfile\}/g, "").trim();
  if (named) return named;
  const shebang = findShebang(script);
  return shebang ? [shebang.commands[0], ...shebang.flags].join(" ") : "sh";
}

function toShell(program: string): string | undefined {
  const [command = ""] = findInterpreter(program)?.commands ?? [];
  const base = command.slice(command.lastIndexOf("/") + 1);
  return SHELL.test(base) ? base : undefined;
}

function toShebang(program = "sh"): string {
  const interpreter = findInterpreter(program);
  const [command = "sh"] = interpreter?.commands ?? [];
  const flags = interpreter?.flags ?? [];
  const start = command.startsWith("/")
    ? command
    : `/usr/bin/env ${flags.length > 0 ? "-S " : ""}${command}`;
  return [start, ...flags].join(" ");
}

const EXTENSIONS: Readonly<Record<string, string>> = {
  python: ".py",
  python3: ".py",
  perl: ".pl",
  ruby: ".rb",
  node: ".js",
  bash: ".bash",
};

function toExtension(program = "sh"): string {
  const [command = ""] = findInterpreter(program)?.commands ?? [];
  return EXTENSIONS[command.slice(command.lastIndexOf("/") + 1)] ?? ".sh";
}

interface StepPlace {
  readonly params: readonly OptionParam[];
  readonly findings: Findings;
  readonly place: string;
  readonly isShell: boolean;
}

const COMMAND_TOKEN =
  /\$\{((?:unquoted)?option\.[^}\s]+|job\.[^}\s]+|node\.[^}\s]+|data\.[^}\s]+|globals\.[^}\s]+)\}/y;
const SCRIPT_TOKEN =
  /@((?:unquoted)?option\.[^@\s]+|job\.[^@\s]+|node\.[^@\s]+|data\.[^@\s]+|globals\.[^@\s]+)@/y;

function toStepText(step: RundeckStep, at: StepPlace): string {
  const { script, exec = "", args } = step;
  if (script === undefined)
    return rewrite(exec.trim(), COMMAND_TOKEN, { ...at, place: `${at.place}.exec` });
  const text = rewrite(withoutShebang(script).trimEnd(), SCRIPT_TOKEN, {
    ...at,
    place: `${at.place}.script`,
  });
  if (args === undefined || args.trim() === "") return text;
  if (at.isShell)
    return `set -- ${rewrite(args.trim(), COMMAND_TOKEN, { ...at, place: `${at.place}.args` })}\n${text}`;
  at.findings.add(
    "refused",
    `${at.place}.args`,
    "arguments can be set by a shell's script only: read the parameters from the environment",
  );
  return text;
}

function withoutShebang(script: string): string {
  return script.startsWith("#!") ? script.slice(script.indexOf("\n") + 1 || script.length) : script;
}

function rewrite(
  text: string,
  token: RegExp,
  { params, findings, place, isShell }: StepPlace,
): string {
  const renamed = renameVariables(text, { params, findings, place });
  if (!isShell) {
    const found = new RegExp(token.source).exec(renamed)?.[0];
    if (found !== undefined)
      findings.add(
        "refused",
        place,
        `${found} is put into a text that is no shell's: read it from the environment there`,
      );
    return renamed;
  }
  const find = (asked: string) => {
    const option = asked.replace(/^(?:unquoted)?option\./, "");
    return option === asked ? undefined : params.find((param) => param.option === option);
  };
  const { text: written, faults, unquoted } = rewriteTokens({ text: renamed, token, find });
  for (const fault of faults) findings.add("refused", place, fault);
  for (const one of new Set(unquoted))
    findings.add(
      "changed",
      place,
      `${one} stood without quotes: its value is one word now, whatever is in it`,
    );
  return written;
}

/** Rundeck gives options as RD_OPTION_NAME too; a variable is renamed alike in any language. */
function renameVariables(
  text: string,
  { params, findings, place }: Omit<StepPlace, "isShell">,
): string {
  const renamed = params.reduce((changed, { option, name }) => {
    const variable = `RD_OPTION_${option.toUpperCase().replaceAll(/[^A-Z0-9_]/g, "_")}`;
    return changed.replaceAll(new RegExp(`\\b${variable}\\b`, "g"), name);
  }, text);
  for (const [variable] of renamed.matchAll(/\bRD_[A-Z]+_[A-Z0-9_]+\b/g))
    findings.add("left-out", place, `${variable} is not set here`);
  return renamed;
}
