import { type DeckhandClient, ProblemError } from "@deckhand/client";
import type { Run, RunRequestInput, ScriptParam } from "@deckhand/core";
import type { CommandContext } from "./command-context.ts";
import { readParamFile } from "./param-file.ts";
import { toScriptReference } from "./script-reference.ts";
import { ask, canAsk } from "./terminal/ask.ts";

interface Creation<Request> {
  readonly request: Request;
  readonly create: (request: Request) => Promise<Run>;
  /** What is known of the parameters; one that is not known may be secret. */
  readonly findParams: () => Promise<readonly ScriptParam[]>;
}

/** Creates a run; on a terminal it asks for required parameters that are missing, and for nothing else. */
export async function createAskingForParams<Request extends Pick<RunRequestInput, "params">>(
  context: CommandContext,
  { request, create, findParams }: Creation<Request>,
): Promise<Run> {
  try {
    return await create(request);
  } catch (error) {
    const missing = canAsk(context.surroundings) ? findMissing(error) : [];
    if (missing.length === 0) throw error;
    const given = await askFor(context, missing, await findParams());
    const params = { ...request.params, ...given };
    return create({ ...request, params });
  }
}

/** The names of missing parameters, when nothing else is wrong. */
function findMissing(error: unknown): readonly string[] {
  if (!(error instanceof ProblemError) || error.problem.code !== "PARAM_INVALID") return [];
  const places = error.problem.errors ?? [];
  const names = places.flatMap(({ pointer, detail }) => {
    const [, name] = /^\/params\/(\w+)$/.exec(pointer) ?? [];
    return name !== undefined && detail.startsWith("is required") ? [name] : [];
  });
  return names.length === places.length ? names : [];
}

/** What the script's header says of its parameters: help, choices, and which are secret. */
export async function findDeclaredParams(
  client: DeckhandClient,
  { script, inline }: Pick<RunRequestInput, "script" | "inline">,
): Promise<readonly ScriptParam[]> {
  if (inline) {
    const { parseScriptHeader } = await import("@deckhand/core/script/parse-script-header");
    return parseScriptHeader(inline.text, inline.name ?? "script").header.params;
  }
  if (script === undefined) return [];
  const { name, version } = toScriptReference(script);
  return (await client.getScript(name, version)).header.params;
}

/** The names of those that are secret; looks only when somebody wants to know. */
export async function findSecretNames(
  context: CommandContext,
  given: object,
  program: Pick<RunRequestInput, "script" | "inline">,
): Promise<readonly string[]> {
  if (Object.keys(given).length === 0) return [];
  const params = await findDeclaredParams(await context.client(), program);
  return params.filter(({ secret }) => secret).map(({ name }) => name);
}

async function askFor(
  context: CommandContext,
  names: readonly string[],
  params: readonly ScriptParam[],
): Promise<Record<string, string>> {
  const given: Record<string, string> = {};
  for (const name of names) {
    const param = params.find((one) => one.name === name);
    const isSecret = param?.secret ?? true;
    const answer = await ask(context.surroundings, toQuestion(name, param), { isSecret });
    given[name] =
      param?.type === "file" ? await readParamFile(context, { name, path: answer }) : answer;
  }
  return given;
}

function toQuestion(name: string, param: ScriptParam | undefined): string {
  const choices = param?.choices ? ` (${param.choices.join(", ")})` : "";
  const help = param?.help ? `: ${param.help}` : "";
  const path = param?.type === "file" ? " (path of a text file)" : "";
  return `${name}${help}${choices}${path} = `;
}
