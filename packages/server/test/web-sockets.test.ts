import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ComposedServer, startComposedServer } from "./support/composed-server.ts";
import { sendRaw } from "./support/raw-http.ts";

let server: ComposedServer;
let port: number;
const UNKNOWN = `/api/v1/terminals/trm_${"0".repeat(26)}/connect`;

beforeAll(async () => {
  server = await startComposedServer({
    env: { DECKHAND_HTTP_ALLOWED_ORIGINS: "https://page.example.org" },
  });
  port = Number(new URL(server.url).port);
});
afterAll(() => server.close());

const HANDSHAKE = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** Sends a handshake with some headers changed; gives the status and the problem's code. */
async function upgrade(path: string, changed: Readonly<Record<string, string | undefined>> = {}) {
  const headers = {
    host: `127.0.0.1:${port}`,
    authorization: `Bearer ${server.token}`,
    ...HANDSHAKE,
    ...changed,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}\r\n`],
  );
  const {
    status,
    headers: answered,
    body,
  } = await sendRaw(port, `GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
  const json = /\{[^]*\}/.exec(body)?.[0] ?? "{}";
  const { code } = JSON.parse(json) as { code?: string };
  return { status, type: answered["content-type"], code };
}

const PROBLEM = "application/problem+json; charset=utf-8";

describe("before it becomes a WebSocket, a request is refused like any other", () => {
  test.each([
    ["no token", { authorization: undefined }, 401, "TOKEN_MISSING"],
    ["a token that is none", { authorization: "Bearer dh_nothing" }, 401, "TOKEN_INVALID"],
    ["another name of the server", { host: "attacker.example" }, 403, "HOST_DENIED"],
    ["a page of another site", { origin: "https://attacker.example" }, 403, "ORIGIN_DENIED"],
    ["a page without an origin", { origin: "null" }, 403, "ORIGIN_DENIED"],
    ["a terminal that is not there", {}, 404, "TERMINAL_NOT_FOUND"],
    ["a page that is allowed", { origin: "https://page.example.org" }, 404, "TERMINAL_NOT_FOUND"],
  ])("%s", async (_name, headers, status, code) => {
    expect(await upgrade(UNKNOWN, headers)).toEqual({ status, type: PROBLEM, code });
  });

  test("an id that is none, an offset that is none, a field that is none", async () => {
    const bad = [UNKNOWN.replace("trm_0", "trm-0"), `${UNKNOWN}?after=-1`, `${UNKNOWN}?ofter=1`];
    const codes = await Promise.all(bad.map(async (path) => (await upgrade(path)).code));
    expect(codes).toEqual(["PATH_INVALID", "QUERY_INVALID", "QUERY_INVALID"]);
  });
});

describe("a browser, which can send no header, shows its token as a subprotocol", () => {
  const protocols = (token: string) => ({
    authorization: undefined,
    "sec-websocket-protocol": `deckhand.terminal.v1, deckhand.token.${token}`,
  });

  test("a valid one is let in, another is not", async () => {
    expect((await upgrade(UNKNOWN, protocols(server.token))).code).toBe("TERMINAL_NOT_FOUND");
    const wrong = `${server.token.slice(0, -43)}${"A".repeat(43)}`;
    expect((await upgrade(UNKNOWN, protocols(wrong))).code).toBe("TOKEN_INVALID");
  });

  test("in the address it is nothing", async () => {
    const answer = await upgrade(`${UNKNOWN}?token=${server.token}`, { authorization: undefined });
    expect(answer.code).toBe("TOKEN_MISSING");
  });

  test("without a WebSocket it is nothing", async () => {
    const headers = { ...protocols(server.token), upgrade: undefined, connection: "close" };
    expect((await upgrade("/api/v1/info", headers)).code).toBe("TOKEN_MISSING");
  });
});

describe("only the addresses of WebSockets speak it", () => {
  test.each(["/api/v1/info", "/healthz", "/openapi.json"])(
    "%s answers as ever to who offers it",
    async (path) => {
      const answer = await upgrade(path, { connection: "Upgrade, close" });
      expect(answer).toMatchObject({ status: 200, type: expect.stringContaining("json") });
    },
  );

  test("who offers HTTP/2 in an ordinary request, as some clients always do, gets the answer", async () => {
    const headers = { connection: "Upgrade, HTTP2-Settings, close", upgrade: "h2c" };
    const answer = await upgrade("/api/v1/info", { ...headers, "http2-settings": "AAMAAABk" });
    expect(answer.status).toBe(200);
  });

  test("a plain request to a terminal's connection is told what is spoken there", async () => {
    const answer = await server.fetch(UNKNOWN);
    expect(answer.status).toBe(404);
  });
});
