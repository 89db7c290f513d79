import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Stands between the server and an engine's socket, and knows afterwards what the server asked for. */
export interface EngineRecorder {
  readonly socketPath: string;
  requests(): readonly EngineRequest[];
  close(): Promise<void>;
}

export interface EngineRequest {
  readonly method: string;
  readonly path: string;
  /** As it was sent; empty where there was none. */
  readonly body: string;
}

export async function engineRecorder(target: string): Promise<EngineRecorder> {
  const folder = await mkdtemp(join(tmpdir(), "deckhand-recorder-"));
  const socketPath = join(folder, "engine.sock");
  const open = new Set<Socket>();
  const connections: Buffer[][] = [];
  const server = createServer({ allowHalfOpen: true }, (ours) => {
    const theirs = connect({ path: target, allowHalfOpen: true });
    const sent: Buffer[] = [];
    connections.push(sent);
    ours.on("data", (bytes) => sent.push(bytes));
    for (const [from, to] of [
      [ours, theirs],
      [theirs, ours],
    ] as const) {
      open.add(from);
      from.on("error", () => {});
      from.on("close", () => {
        open.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  server.listen(socketPath);
  await once(server, "listening");
  return {
    socketPath,
    requests: () => connections.flatMap((sent) => [...parseRequests(Buffer.concat(sent))]),
    close: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What follows a request for an upgrade belongs to no request any more. */
function* parseRequests(bytes: Buffer): Generator<EngineRequest> {
  for (let from = 0; from < bytes.length; ) {
    const headEnd = bytes.indexOf("\r\n\r\n", from);
    if (headEnd < 0) return;
    const [requestLine = "", ...headers] = bytes.toString("latin1", from, headEnd).split("\r\n");
    if (findHeader(headers, "transfer-encoding"))
      throw new Error(`a body without a length: ${requestLine}`);
    const bodyEnd = headEnd + 4 + Number(findHeader(headers, "content-length") ?? 0);
    const [method = "", path = ""] = requestLine.split(" ");
    yield { method, path, body: bytes.toString("utf8", headEnd + 4, bodyEnd) };
    if (findHeader(headers, "upgrade")) return;
    from = bodyEnd;
  }
}

function findHeader(headers: readonly string[], name: string): string | undefined {
  const header = headers.find((line) => line.toLowerCase().startsWith(`${name}:`));
  return header?.slice(name.length + 1).trim();
}
