import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import type { Answer, Send } from "@deckhand/client";

const CONNECTED_WITHIN_MS = 10_000;

/** In place of fetch, which takes longer to load than all else that a command needs; follows no redirect. */
export const sendRequest: Send = (address, { method, headers, body, signal }) => {
  const isSecure = address.protocol === "https:";
  // An import of node:http reads all of its exports, and one of them loads fetch.
  const { request } = process.getBuiltinModule(isSecure ? "node:https" : "node:http");
  return new Promise((resolve, reject) => {
    const options = { method, headers, timeout: CONNECTED_WITHIN_MS, ...(signal && { signal }) };
    const sent = request(address, options, (response) => resolve(toAnswer(response)));
    sent.once("timeout", () => sent.destroy(new Error("no connection within 10 s")));
    sent.once("socket", (socket) => {
      const connected = () => void socket.setTimeout(0);
      if (socket.connecting) socket.once("connect", connected);
      else connected();
    });
    sent.on("error", reject);
    sent.end(body);
  });
};

function toAnswer(response: IncomingMessage): Answer {
  // Who reads it hears of the error; it must not end the process before.
  response.on("error", () => undefined);
  const { statusCode: status = 0, statusMessage: statusText = "", socket } = response;
  // What nobody reads does not keep the process from ending.
  socket.unref();
  async function* read(): AsyncGenerator<Buffer> {
    socket.ref();
    yield* response as AsyncIterable<Buffer>;
  }
  const headers = Object.entries(response.headers).map(
    ([name, value]) => [name, [value].flat().join(", ")] as const,
  );
  return {
    status,
    statusText,
    headers: new Map(headers),
    body: read(),
    text: () => text(read()),
    json: async () => JSON.parse(await text(read())) as unknown,
  };
}
