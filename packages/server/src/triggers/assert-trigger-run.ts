import {
  AppError,
  type ErrorPlace,
  findNearMatch,
  parseScriptHeader,
  type ReplaceTriggerRequest,
  type ScriptProblem,
} from "@deckhand/core";

/** The part of the library that is looked into. */
export interface TriggerScripts {
  get(name: string): Promise<FoundScript>;
  getVersion(name: string, version: number): Promise<FoundScript>;
}

interface FoundScript {
  readonly path: string;
  readonly text: string;
}

type TriggerRun = ReplaceTriggerRequest["run"];

/** Refuses what could never start: a script that is not there, and parameters that it does not have. Secrets are named, never written out. */
export async function assertTriggerRun(scripts: TriggerScripts, run: TriggerRun): Promise<void> {
  const [, name = run.script, version] = /^(.+)@(\d{1,9})$/.exec(run.script) ?? [];
  const { path, text } = await (version === undefined
    ? scripts.get(name)
    : scripts.getVersion(name, Number(version)));
  const { header, problems } = parseScriptHeader(text, path);
  if (problems[0]) throw unsound(run.script, problems[0]);
  const declared = header.declared ? header.params : undefined;
  const errors = [
    ...findDoubles(run),
    ...["params", "map"].flatMap((where) => findUnknown(where as "params" | "map", run, declared)),
    ...findOpenSecrets(run, declared ?? []),
  ];
  if (errors.length === 0) return;
  throw new AppError("PARAM_INVALID", {
    detail: `${run.script} can not be started so: ${errors[0]?.pointer} ${errors[0]?.detail}.`,
    hint: `See its parameters: deckhand scripts show ${name}`,
    errors,
  });
}

function unsound(script: string, { line, detail }: ScriptProblem): AppError {
  return new AppError("SCRIPT_INVALID", {
    detail: `The header of ${script} has an error: line ${line}: ${detail}`,
    hint: "Mend it, and check it: deckhand scripts check FILE",
    errors: [{ pointer: "/run/script", detail: `line ${line}: ${detail}` }],
  });
}

function findDoubles({ params, map }: TriggerRun): ErrorPlace[] {
  return Object.keys(map)
    .filter((name) => Object.hasOwn(params, name))
    .map((name) => ({ pointer: `/run/map/${name}`, detail: "has a value in params already" }));
}

interface Declared {
  readonly name: string;
  readonly secret: boolean;
}

function findUnknown(
  where: "params" | "map",
  run: TriggerRun,
  declared: readonly Declared[] | undefined,
): ErrorPlace[] {
  const known = declared?.map(({ name }) => name);
  const unknown = Object.keys(run[where]).filter((name) => known && !known.includes(name));
  return unknown.map((name) => {
    const near = findNearMatch(name, known ?? []);
    const advice = near ? `did you mean ${near}?` : `it has ${known?.join(", ") || "none"}`;
    return { pointer: `/run/${where}/${name}`, detail: `is no parameter of the script; ${advice}` };
  });
}

function findOpenSecrets({ params }: TriggerRun, declared: readonly Declared[]): ErrorPlace[] {
  return declared
    .filter(({ name, secret }) => secret && Object.hasOwn(params, name))
    .map(({ name }) => ({
      pointer: `/run/params/${name}`,
      detail: "is secret: store it (deckhand secrets set) and name it in run.secrets",
    }));
}
