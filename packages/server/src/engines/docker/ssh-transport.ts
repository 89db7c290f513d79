import { spawn } from "node:child_process";
import { Agent } from "node:http";
import { Duplex } from "node:stream";
import { AppError } from "@deckhand/core";
import { KEEP_ALIVE, type Transport } from "./transport.ts";

const LAST_WORDS_BYTES = 1_000;
/** It stands in a command line of the far shell. */
const PLAIN_PATH = /^\/[A-Za-z0-9_./-]+$/;

/**
 * `ssh://user@host` or `ssh://user@host:22/path/to/docker.sock`. Each connection is an
 * `ssh … docker system dial-stdio`, which honours the user's ssh configuration.
 */
export function sshTransport(url: URL): Transport {
  const agent = new SshAgent(toArguments(url));
  return { secure: false, options: { host: "localhost", agent }, close: () => agent.destroy() };
}

function toArguments(url: URL): readonly string[] {
  const user = url.username ? `${decodeURIComponent(url.username)}@` : "";
  const port = url.port ? ["-p", url.port] : [];
  const options = ["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"];
  return [
    ...port,
    ...options,
    "--",
    `${user}${url.hostname}`,
    "docker",
    ...toSocketArguments(url.pathname),
    "system",
    "dial-stdio",
  ];
}

function toSocketArguments(path: string): readonly string[] {
  if (path === "" || path === "/") return [];
  if (PLAIN_PATH.test(path)) return ["--host", `unix://${path}`];
  throw new AppError("ENGINE_UNREACHABLE", {
    detail: `${JSON.stringify(path)} is no path of a socket on the far machine.`,
    hint: "Letters, digits, _ . - and / may stand in it.",
  });
}

class SshAgent extends Agent {
  readonly #arguments: readonly string[];

  constructor(commandLine: readonly string[]) {
    super(KEEP_ALIVE);
    this.#arguments = commandLine;
  }

  override createConnection(): Duplex {
    const child = spawn("ssh", this.#arguments, { stdio: ["pipe", "pipe", "pipe"] });
    const connection = Duplex.from({ readable: child.stdout, writable: child.stdin });
    let said = "";
    child.stderr.on("data", (bytes: Buffer) => {
      said = (said + bytes.toString()).slice(-LAST_WORDS_BYTES);
    });
    child.on("error", (error) => connection.destroy(error));
    child.on("close", (code) => {
      if (code !== 0) connection.destroy(new Error(`ssh ended with ${code}: ${said.trim()}`));
    });
    connection.on("close", () => child.kill());
    return withSocketMethods(connection);
  }
}

/** The HTTP client sets these on whatever connection it is given. */
function withSocketMethods(connection: Duplex): Duplex {
  const nothing = () => connection;
  return Object.assign(connection, {
    setKeepAlive: nothing,
    setNoDelay: nothing,
    setTimeout: nothing,
    ref: nothing,
    unref: nothing,
  });
}
