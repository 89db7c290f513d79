import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { request as secureRequest } from "node:https";
import { Duplex } from "node:stream";
import { request as plainRequest } from "#node-http";
import type { Transport } from "./docker-address.ts";
import { toAnswerError, toConnectionError } from "./docker-errors.ts";

const ANSWER_WITHIN_MS = 30_000;
const MOST_ANSWER_BYTES = 64 * 1024 * 1024;

export interface DockerCall {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  /** Bytes go out as they are, as a tar archive; anything else as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** The plain HTTP side of the engine. */
export interface DockerHttp {
  /** Gives the parsed body of a success. */
  json(call: DockerCall): Promise<unknown>;
  /** Gives the answer as it streams. */
  stream(call: DockerCall): Promise<IncomingMessage>;
  /** Takes the connection over; what came with the header is still in it. */
  hijack(call: DockerCall): Promise<Duplex>;
}

export function dockerHttp(
  engine: { readonly name: string; readonly address: string },
  transport: Transport,
): DockerHttp {
  const unreachable = (cause: unknown) => toConnectionError(engine.name, engine.address, cause);

  function send(call: DockerCall, headers: RequestOptions["headers"] = {}): ClientRequest {
    const isTar = call.body instanceof Uint8Array;
    const body = toBytes(call.body);
    const bodyHeaders = body && {
      "content-type": isTar ? "application/x-tar" : "application/json",
      "content-length": body.length,
    };
    const make = transport.secure ? secureRequest : plainRequest;
    const sent = make({
      ...transport.options,
      method: call.method,
      path: call.path,
      headers: { ...bodyHeaders, ...headers },
      ...(call.signal && { signal: call.signal }),
    });
    sent.end(body);
    return sent;
  }

  function answerOf(sent: ClientRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      sent.once("response", resolve);
      sent.once("error", (error) => reject(unreachable(error)));
    });
  }

  async function succeeded(answer: IncomingMessage): Promise<IncomingMessage> {
    const status = answer.statusCode ?? 500;
    if (status < 400) return answer;
    throw toAnswerError(engine.name, status, toMessage(await readText(answer)));
  }

  return {
    json: async (call) => {
      const within = AbortSignal.timeout(ANSWER_WITHIN_MS);
      const signal = call.signal ? AbortSignal.any([call.signal, within]) : within;
      try {
        const text = await readText(await succeeded(await answerOf(send({ ...call, signal }))));
        // Podman answers some calls with an empty line.
        return text.trim() === "" ? undefined : JSON.parse(text);
      } catch (error) {
        throw unreachable(error);
      }
    },
    stream: async (call) => succeeded(await answerOf(send(call))),
    hijack: (call) =>
      new Promise((resolve, reject) => {
        const sent = send(call, { connection: "Upgrade", upgrade: "tcp" });
        sent.once("error", (error) => reject(unreachable(error)));
        sent.once("upgrade", (_answer, socket, head) => resolve(withHead(socket, head)));
        sent.once("response", (answer) => {
          succeeded(answer).then(() => resolve(withoutUpgrade(answer)), reject);
        });
      }),
  };
}

function toBytes(body: unknown): Uint8Array | undefined {
  if (body === undefined || body instanceof Uint8Array) return body;
  return Buffer.from(JSON.stringify(body));
}

function withHead(socket: Duplex, head: Buffer): Duplex {
  if (head.length > 0) socket.unshift(head);
  return socket;
}

/** Some proxies answer 200 in place of 101; the body is the stream then, and the socket still takes our bytes. */
function withoutUpgrade(answer: IncomingMessage): Duplex {
  return Duplex.from({ readable: answer, writable: answer.socket });
}

async function readText(answer: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of answer) {
    bytes += (piece as Buffer).length;
    if (bytes > MOST_ANSWER_BYTES) throw new Error("the answer is too large");
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces).toString();
}

function toMessage(text: string): string {
  try {
    const { message, cause } = JSON.parse(text) as { message?: string; cause?: string };
    return (message ?? cause ?? text).trim();
  } catch {
    return text.trim();
  }
}
