import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { AgentOptions, RequestOptions } from "node:http";
import { Agent as TlsAgent } from "node:https";
import type { Duplex } from "node:stream";
import { Agent } from "#node-http";
import { AppError } from "@deckhand/core";
import { commandStream } from "./command-stream.ts";

export interface TlsFiles {
  readonly caPath?: string | undefined;
  readonly certPath?: string | undefined;
  readonly keyPath?: string | undefined;
}

/** How requests reach the engine; `secure` asks for node:https. */
export interface Transport {
  readonly secure: boolean;
  readonly options: RequestOptions;
  close(): void;
}

const KEEP_ALIVE: AgentOptions = { keepAlive: true, maxSockets: 256, maxFreeSockets: 8 };

/** Reads `unix://`, `tcp://`, `http(s)://` and `ssh://` addresses. */
export function toTransport(address: string, tls: TlsFiles | undefined): Transport {
  const url = parseAddress(address);
  if (url.protocol === "unix:") return toUnix(decodeURIComponent(url.pathname));
  if (url.protocol === "ssh:") return toSsh(url);
  if (tls || url.protocol === "https:") return toTls(url, tls ?? {});
  return toTcp(url);
}

function parseAddress(address: string): URL {
  const url = URL.parse(address);
  if (url && ["unix:", "tcp:", "http:", "https:", "ssh:"].includes(url.protocol)) return url;
  throw new AppError("ENGINE_UNREACHABLE", {
    detail: `${JSON.stringify(address)} is no engine address.`,
    hint: "Write unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host.",
  });
}

function toUnix(socketPath: string): Transport {
  const agent = new Agent(KEEP_ALIVE);
  return {
    secure: false,
    options: { socketPath, agent, host: "localhost" },
    close: () => agent.destroy(),
  };
}

function toTcp(url: URL): Transport {
  const agent = new Agent({ ...KEEP_ALIVE, keepAliveMsecs: 30_000 });
  return {
    secure: false,
    options: { host: url.hostname, port: url.port || 2375, agent },
    close: () => agent.destroy(),
  };
}

function toTls(url: URL, files: TlsFiles): Transport {
  const read = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path));
  const material = { ca: read(files.caPath), cert: read(files.certPath), key: read(files.keyPath) };
  const agent = new TlsAgent({ ...KEEP_ALIVE, keepAliveMsecs: 30_000, ...material });
  return {
    secure: true,
    options: { host: url.hostname, port: url.port || 2376, agent },
    close: () => agent.destroy(),
  };
}

/** Each connection is an `ssh … docker system dial-stdio`, which honours the user's ssh configuration. */
function toSsh(url: URL): Transport {
  const destination = url.username
    ? `${decodeURIComponent(url.username)}@${url.hostname}`
    : url.hostname;
  const port = url.port ? ["-p", url.port] : [];
  const agent = new SshAgent([
    ...port,
    "-o",
    "BatchMode=yes",
    "--",
    destination,
    "docker",
    "system",
    "dial-stdio",
  ]);
  return { secure: false, options: { host: "localhost", agent }, close: () => agent.destroy() };
}

class SshAgent extends Agent {
  readonly #command: readonly string[];

  constructor(command: readonly string[]) {
    super(KEEP_ALIVE);
    this.#command = command;
  }

  override createConnection(): Duplex {
    const child = spawn("ssh", this.#command, { stdio: ["pipe", "pipe", "pipe"] });
    let said = "";
    child.stderr.on("data", (bytes: Buffer) => {
      said = (said + bytes.toString()).slice(-1000);
    });
    const connection = commandStream(child, {
      toError: (code) => new Error(`ssh ended with ${code}: ${said.trim()}`),
    });
    return Object.assign(connection, {
      setKeepAlive: () => {},
      setNoDelay: () => {},
      setTimeout: () => {},
      ref: () => {},
      unref: () => {},
    });
  }
}
