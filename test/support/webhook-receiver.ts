import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One request as it came. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: Record<string, unknown>;
  /** By Standard Webhooks, with the receiver's secret. */
  readonly isSigned: boolean;
}

/** Somebody's web server that is told things. */
export interface WebhookReceiver {
  readonly url: string;
  readonly secret: string;
  readonly received: readonly Received[];
  /** How the next requests are answered, one each; then 204. `null` breaks the connection off. */
  answerNext(...answers: readonly (Answer | null)[]): void;
  /** Waits until so many came. */
  until(count: number): Promise<readonly Received[]>;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly text?: string;
}

const SECRET_BYTES = Buffer.alloc(32, "deckhand");
const SEEN_WITHIN_MS = 60_000;

export async function webhookReceiver(): Promise<WebhookReceiver> {
  const received: Received[] = [];
  let answers: (Answer | null)[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const text = Buffer.concat(pieces).toString();
      const { url: path = "", headers } = request;
      const json = JSON.parse(text || "{}") as Received["json"];
      received.push({ path, headers, text, json, isSigned: isSigned(headers, text) });
      answer(response, answers.length > 0 ? answers.shift() : { status: 204 });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    secret: `whsec_${SECRET_BYTES.toString("base64")}`,
    received,
    answerNext: (...next) => {
      answers = [...next];
    },
    until: async (count) => {
      const until = performance.now() + SEEN_WITHIN_MS;
      while (received.length < count) {
        if (performance.now() > until)
          throw new Error(`${received.length} of ${count} came: ${JSON.stringify(received)}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return received;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(response: ServerResponse, wanted: Answer | null | undefined): void {
  if (!wanted) {
    response.destroy();
    return;
  }
  response.writeHead(wanted.status, { ...wanted.headers });
  response.end(wanted.text ?? "");
}

function isSigned(headers: IncomingHttpHeaders, text: string): boolean {
  const content = [headers["webhook-id"], headers["webhook-timestamp"], text].join(".");
  const mac = createHmac("sha256", SECRET_BYTES).update(content).digest("base64");
  return headers["webhook-signature"] === `v1,${mac}`;
}
