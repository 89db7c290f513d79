import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { readContexts, readCredentials } from "./context-file.ts";
import { EXIT } from "./exit-codes.ts";
import { UsageError } from "./usage-error.ts";

export const DEFAULT_SERVER = "http://127.0.0.1:8000";

export interface Connection {
  readonly server: string;
  readonly token: string | undefined;
}

export interface ConnectionOptions {
  readonly server?: string;
  readonly context?: string;
  readonly tokenFile?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Where to go and with which token: flag over environment over context over the server of this machine. */
export async function resolveConnection(
  options: ConnectionOptions,
  env: Environment,
): Promise<Connection> {
  const context = await findContext(options, env);
  const server = options.server ?? env["DECKHAND_SERVER"] ?? context?.server ?? DEFAULT_SERVER;
  if (!URL.canParse(server))
    throw new UsageError(`${JSON.stringify(server)} is no address`, {
      hint: `For example: ${DEFAULT_SERVER}`,
    });
  return { server, token: await findToken(options, { env, server, contextName: context?.name }) };
}

interface FoundContext {
  readonly name: string;
  readonly server: string;
}

async function findContext(
  options: ConnectionOptions,
  env: Environment,
): Promise<FoundContext | undefined> {
  const { current, contexts } = await readContexts(env);
  const wanted = options.context ?? env["DECKHAND_CONTEXT"];
  const name = wanted ?? current;
  const found = name === undefined ? undefined : contexts[name];
  if (name !== undefined && found) return { name, server: found.server };
  if (wanted === undefined) return undefined;
  const known = Object.keys(contexts).join(", ") || "none";
  throw new UsageError(`there is no context ${wanted} (known: ${known})`, {
    exitCode: EXIT.notFound,
    hint: "deckhand context create NAME --server URL",
  });
}

interface TokenPlace {
  readonly env: Environment;
  readonly server: string;
  readonly contextName: string | undefined;
}

async function findToken(
  options: ConnectionOptions,
  place: TokenPlace,
): Promise<string | undefined> {
  const { env } = place;
  if (options.tokenFile) return readToken(options.tokenFile);
  if (env["DECKHAND_TOKEN"]) return env["DECKHAND_TOKEN"];
  if (env["DECKHAND_TOKEN_FILE"]) return readToken(env["DECKHAND_TOKEN_FILE"]);
  const ofContext =
    place.contextName === undefined ? undefined : (await readCredentials(env))[place.contextName];
  return ofContext ?? (isLocal(place.server) ? readFirstToken(env) : undefined);
}

async function readToken(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new UsageError(
      `the token file ${path} can not be read (${(error as NodeJS.ErrnoException).code})`,
      { exitCode: EXIT.denied },
    );
  }
}

function isLocal(server: string): boolean {
  return ["127.0.0.1", "localhost", "[::1]"].includes(new URL(server).hostname);
}

/** The token that a server of this user on this machine made at its first start. */
async function readFirstToken(env: Environment): Promise<string | undefined> {
  const usual =
    process.getuid?.() === 0
      ? "/var/lib/deckhand"
      : join(env["XDG_DATA_HOME"] || join(env["HOME"] ?? homedir(), ".local", "share"), "deckhand");
  const text = await readFile(join(env["DECKHAND_DATA_DIR"] || usual, "first-token"), "utf8").catch(
    () => undefined,
  );
  return text?.trim();
}
