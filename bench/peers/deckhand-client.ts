import { Agent, type IncomingMessage, request } from "node:http";

/** The least that talks to a Deckhand server, over connections that stay open. */
export interface DeckhandClient {
  call<Answer>(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Gives the answer as it comes. */
  open(path: string): Promise<IncomingMessage>;
  close(): void;
}

export function deckhandClient(url: string, token: string): DeckhandClient {
  const agent = new Agent({ keepAlive: true });
  const { hostname, port } = new URL(url);

  function send(method: string, path: string, text = ""): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${token}`,
        ...(text !== "" && {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(text),
        }),
      };
      const asked = request({ agent, hostname, port, method, path, headers }, resolve);
      asked.on("error", reject);
      asked.end(text);
    });
  }

  return {
    call: async <Answer>(method: string, path: string, body?: unknown) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const answer = await send(method, path, text);
      const given = await readText(answer);
      if ((answer.statusCode ?? 500) >= 400) throw new Error(`${answer.statusCode}: ${given}`);
      return JSON.parse(given) as Answer;
    },
    open: (path) => send("GET", path),
    close: () => agent.destroy(),
  };
}

async function readText(answer: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of answer) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}
