import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { readContexts, readCredentials } from "./context-file.ts";
import { EXIT } from "./exit-codes.ts";
import { UsageError } from "./usage-error.ts";

const DEFAULT_SERVER = "http://127.0.0.1:8000";

export interface Connection {
  readonly server: string;
  readonly token: string | undefined;
  /** Where the token comes from, for people. */
  readonly source: string | undefined;
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
  const server = chooseServer(options, { env, context });
  assertAddress(server);
  return { server, ...(await findToken(options, { env, server, context })) };
}

interface FoundContext {
  readonly name: string;
  readonly server: string;
}

interface Situation {
  readonly env: Environment;
  readonly context: FoundContext | undefined;
}

/** A context that is named on the command line goes before a server that the environment names. */
function chooseServer(options: ConnectionOptions, { env, context }: Situation): string {
  if (options.server) return options.server;
  if (options.context && context) return context.server;
  return env["DECKHAND_SERVER"] || context?.server || DEFAULT_SERVER;
}

function assertAddress(server: string): void {
  if (URL.canParse(server) && /^https?:$/.test(new URL(server).protocol)) return;
  const hint = `For example: ${DEFAULT_SERVER}`;
  throw new UsageError(`${JSON.stringify(server)} is no address of a server`, { hint });
}

async function findContext(
  options: ConnectionOptions,
  env: Environment,
): Promise<FoundContext | undefined> {
  const { current, contexts } = await readContexts(env);
  const wanted = options.context ?? (env["DECKHAND_CONTEXT"] || undefined);
  const name = wanted ?? current;
  if (name === undefined) return undefined;
  const found = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (found) return { name, server: found.server };
  if (wanted === undefined) return undefined;
  const known = Object.keys(contexts).join(", ") || "none";
  throw new UsageError(`there is no context ${wanted} (known: ${known})`, {
    exitCode: EXIT.notFound,
    hint: "deckhand context create NAME --server URL",
  });
}

interface FoundToken {
  readonly token: string | undefined;
  /** Where it comes from, for people. */
  readonly source: string | undefined;
}

async function findToken(
  options: ConnectionOptions,
  { env, server, context }: Situation & { readonly server: string },
): Promise<FoundToken> {
  const { DECKHAND_TOKEN: token, DECKHAND_TOKEN_FILE: file } = env;
  if (options.tokenFile) return readToken(options.tokenFile);
  const ofContext = await findContextToken(env, { context, server });
  const found = { token: ofContext, source: `the context ${context?.name}` };
  if (options.context && ofContext) return found;
  if (token) return { token, source: "DECKHAND_TOKEN" };
  if (file) return readToken(file);
  if (ofContext) return found;
  return isLocal(server) ? readFirstToken(env) : { token: undefined, source: undefined };
}

/** A context's token is for the context's server and never goes to another one. */
async function findContextToken(
  env: Environment,
  { context, server }: { readonly context: FoundContext | undefined; readonly server: string },
): Promise<string | undefined> {
  if (!context || !isSameOrigin(context.server, server)) return undefined;
  const tokens = await readCredentials(env);
  return Object.hasOwn(tokens, context.name) ? tokens[context.name] : undefined;
}

function isSameOrigin(one: string, other: string): boolean {
  return URL.canParse(one) && new URL(one).origin === new URL(other).origin;
}

async function readToken(path: string): Promise<FoundToken> {
  try {
    return { token: (await readFile(path, "utf8")).trim(), source: path };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const options = { exitCode: EXIT.denied };
    throw new UsageError(`the token file ${path} can not be read (${code})`, options);
  }
}

function isLocal(server: string): boolean {
  return ["127.0.0.1", "localhost", "[::1]"].includes(new URL(server).hostname);
}

/** The token that a server of this user on this machine made at its first start. */
async function readFirstToken(env: Environment): Promise<FoundToken> {
  const path = join(env["DECKHAND_DATA_DIR"] || usualDataDirectory(env), "first-token");
  const text = await readFile(path, "utf8").catch(() => undefined);
  return { token: text?.trim(), source: text === undefined ? undefined : path };
}

function usualDataDirectory(env: Environment): string {
  if (process.getuid?.() === 0) return "/var/lib/deckhand";
  const share = env["XDG_DATA_HOME"] || join(env["HOME"] ?? homedir(), ".local", "share");
  return join(share, "deckhand");
}
