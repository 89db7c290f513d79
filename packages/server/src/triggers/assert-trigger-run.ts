import {
  AppError,
  type ErrorPlace,
  findNearMatch,
  parseScriptHeader,
  type ReplaceTriggerRequest,
  type ScriptProblem,
} from "@deckhand/core";
import { readStoredScript, type ScriptVersions } from "../runs/read-stored-script.ts";

export type TriggerScripts = ScriptVersions<FoundScript>;

interface FoundScript {
  readonly name: string;
  readonly path: string;
  readonly text: string;
}

export interface CheckDeps {
  readonly scripts: TriggerScripts;
  /** Gives `undefined` where there is no stored secret of that name. */
  readonly findSecret: (name: string) => Promise<string | undefined>;
}

type TriggerRun = ReplaceTriggerRequest["run"];

/**
 * Refuses what could never start: a script or a stored secret that is not there, and parameters that the script does not
 * have. Secrets are named, never written out; only `unchanged` ones stay as they are kept.
 */
export async function assertTriggerRun(
  { scripts, findSecret }: CheckDeps,
  run: TriggerRun,
  unchanged: readonly string[],
): Promise<void> {
  const { name, path, text } = await readStoredScript(scripts, run.script);
  const { header, problems } = parseScriptHeader(text, path);
  if (problems[0]) throw unsound(run.script, problems[0]);
  const declared = header.declared ? header.params : undefined;
  const errors = [
    ...findDoubles(run),
    ...PLACES.flatMap((where) => findUnknown(where, run, declared)),
    ...findWrongSecrets(run, { declared: declared ?? [], unchanged }),
    ...(await findMissingSecrets(run, findSecret)),
  ];
  if (errors.length === 0) return;
  throw new AppError("PARAM_INVALID", {
    detail: `${run.script} can not be started so: ${errors[0]?.pointer} ${errors[0]?.detail}.`,
    hint: `See its parameters: deckhand scripts show ${name}`,
    errors,
  });
}

const PLACES = ["params", "map", "secrets"] as const;

function unsound(script: string, { line, detail }: ScriptProblem): AppError {
  return new AppError("SCRIPT_INVALID", {
    detail: `The header of ${script} has an error: line ${line}: ${detail}`,
    hint: "Mend it, and check it: deckhand scripts check FILE",
    errors: [{ pointer: "/run/script", detail: `line ${line}: ${detail}` }],
  });
}

function findDoubles({ params, map, secrets }: TriggerRun): ErrorPlace[] {
  const inMap = Object.keys(map)
    .filter((name) => Object.hasOwn(params, name))
    .map((name) => ({ pointer: `/run/map/${name}`, detail: "has a value in params already" }));
  const inSecrets = Object.keys(secrets)
    .filter((name) => Object.hasOwn(params, name) || Object.hasOwn(map, name))
    .map((name) => ({ pointer: `/run/secrets/${name}`, detail: "has a value already" }));
  return [...inMap, ...inSecrets];
}

interface Declared {
  readonly name: string;
  readonly secret: boolean;
}

function findUnknown(
  where: (typeof PLACES)[number],
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

const STORE_IT = "is secret: store it (deckhand secrets set) and name it in run.secrets";
const WAS_SECRET = "is kept as a secret, and is no secret parameter of this script";
const NO_SECRET = "is no secret parameter; give it in params";

function findWrongSecrets(
  { params, secrets }: TriggerRun,
  { declared, unchanged }: { declared: readonly Declared[]; unchanged: readonly string[] },
): ErrorPlace[] {
  const secret = new Set(declared.flatMap((one) => (one.secret ? [one.name] : [])));
  const wrongParams = Object.keys(params)
    .filter((name) => secret.has(name) !== unchanged.includes(name))
    .map((name) => ({
      pointer: `/run/params/${name}`,
      detail: secret.has(name) ? STORE_IT : WAS_SECRET,
    }));
  const wrongSecrets = declared
    .filter((one) => !one.secret && Object.hasOwn(secrets, one.name))
    .map(({ name }) => ({ pointer: `/run/secrets/${name}`, detail: NO_SECRET }));
  return [...wrongParams, ...wrongSecrets];
}

/** What names none may be a value that somebody wrote where a name belongs: it is not repeated, and not kept. */
async function findMissingSecrets(
  { secrets }: TriggerRun,
  findSecret: CheckDeps["findSecret"],
): Promise<ErrorPlace[]> {
  const found = await Promise.all(
    Object.entries(secrets).map(async ([param, name]) => ({
      pointer: `/run/secrets/${param}`,
      detail: "names no stored secret; set it first (deckhand secrets set)",
      isThere: (await findSecret(name)) !== undefined,
    })),
  );
  return found
    .filter(({ isThere }) => !isThere)
    .map(({ pointer, detail }) => ({ pointer, detail }));
}
