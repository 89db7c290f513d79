import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { UsageError } from "./usage-error.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Servers by name; tokens are in a file of their own that only the user can read. */
export interface Contexts {
  readonly current: string | undefined;
  readonly contexts: Readonly<Record<string, { readonly server: string }>>;
}

export function contextsPath(env: Environment): string {
  return join(
    env["XDG_CONFIG_HOME"] || join(env["HOME"] ?? homedir(), ".config"),
    "deckhand",
    "config.yaml",
  );
}

export function credentialsPath(env: Environment): string {
  return join(
    env["XDG_STATE_HOME"] || join(env["HOME"] ?? homedir(), ".local", "state"),
    "deckhand",
    "credentials",
  );
}

export async function readContexts(env: Environment): Promise<Contexts> {
  const found = (await readYaml(contextsPath(env))) as Partial<Contexts> | undefined;
  return { current: found?.current, contexts: found?.contexts ?? {} };
}

export async function writeContexts(env: Environment, contexts: Contexts): Promise<void> {
  await writeYaml(contextsPath(env), contexts);
}

export async function readCredentials(env: Environment): Promise<Readonly<Record<string, string>>> {
  return ((await readYaml(credentialsPath(env))) as Record<string, string> | undefined) ?? {};
}

export async function writeCredentials(
  env: Environment,
  tokens: Readonly<Record<string, string>>,
): Promise<void> {
  await writeYaml(credentialsPath(env), tokens);
}

async function readYaml(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new UsageError(`${path} can not be read (${error.code})`);
  });
  if (text === undefined) return undefined;
  const { parse } = await import("yaml");
  try {
    return parse(text);
  } catch (error) {
    throw new UsageError(`${path} is not valid YAML: ${(error as Error).message.split("\n")[0]}`);
  }
}

/** Only the user can read it. */
async function writeYaml(path: string, content: unknown): Promise<void> {
  const { stringify } = await import("yaml");
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, stringify(content), { mode: 0o600 });
  await chmod(`${path}.new`, 0o600);
  await rename(`${path}.new`, path);
}
