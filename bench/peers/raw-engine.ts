import { Agent, type IncomingMessage, request } from "node:http";
import type { Duplex } from "node:stream";
import { assertReceived, type BenchPlace, floodScript, inParallel, type Peer } from "./peer.ts";

const agent = new Agent({ keepAlive: true });

/** The least that talks to the engine, over connections that stay open: create, start, read to the end, inspect. */
export function rawEngine(): Peer {
  let socketPath = "";
  const call = (method: string, path: string, body?: unknown) =>
    callEngine({ socketPath, method, path, body });

  async function exec(
    container: string,
    script: string,
    onBytes: (bytes: Buffer) => void,
  ): Promise<void> {
    const created = (await call("POST", `/containers/${container}/exec`, {
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Cmd: ["bash", "-c", script],
    })) as { Id: string };
    await drain(await upgrade(socketPath, `/exec/${created.Id}/start`), onBytes);
    const status = (await call("GET", `/exec/${created.Id}/json`)) as { ExitCode: number };
    if (status.ExitCode !== 0) throw new Error(`exec ended with ${status.ExitCode}`);
  }

  async function run(container: string, script: string): Promise<string> {
    const frames: Buffer[] = [];
    await exec(container, script, (bytes) => frames.push(bytes));
    return payloadOf(Buffer.concat(frames));
  }

  return {
    name: "raw engine exec",
    start: async (place: BenchPlace) => {
      socketPath = place.dockerSocket;
      return "ready";
    },
    run,
    runOnAll: (containers, script, width) =>
      inParallel(containers, width, (container) => run(container, script)),
    stream: async (container, bytes) => {
      let received = 0;
      await exec(container, floodScript(bytes), (piece) => (received += piece.length));
      assertReceived(received, bytes);
    },
    stop: async () => agent.destroy(),
  };
}

interface EngineCall {
  readonly socketPath: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

function callEngine({ socketPath, method, path, body }: EngineCall): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
    };
    const asked = request({ agent, socketPath, method, path, headers }, (answer) => {
      readJson(answer).then(resolve, reject);
    });
    asked.on("error", reject);
    asked.end(text);
  });
}

async function readJson(answer: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  for await (const piece of answer) pieces.push(piece as Buffer);
  const text = Buffer.concat(pieces).toString();
  if ((answer.statusCode ?? 500) >= 400)
    throw new Error(`the engine answered ${answer.statusCode}: ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

function upgrade(socketPath: string, path: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ Detach: false, Tty: false });
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      connection: "Upgrade",
      upgrade: "tcp",
    };
    const asked = request({ socketPath, method: "POST", path, headers });
    asked.on("error", reject);
    asked.on("response", (answer) => reject(new Error(`the engine answered ${answer.statusCode}`)));
    asked.on("upgrade", (_answer, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    asked.end(body);
  });
}

async function drain(socket: Duplex, onBytes: (bytes: Buffer) => void): Promise<void> {
  for await (const piece of socket) onBytes(piece as Buffer);
  socket.destroy();
}

/** Takes the eight-byte headers out. */
function payloadOf(frames: Buffer): string {
  const payloads: Buffer[] = [];
  for (let at = 0; at + 8 <= frames.length; ) {
    const end = at + 8 + frames.readUInt32BE(at + 4);
    payloads.push(frames.subarray(at + 8, end));
    at = end;
  }
  return Buffer.concat(payloads).toString();
}
