import type { IncomingMessage } from "node:http";
import { AppError, TERMINAL_PROTOCOL, TOKEN_PROTOCOL_PREFIX } from "@deckhand/core";
import fastifyWebsocket from "@fastify/websocket";
import type { App } from "./app.ts";
import { knownAddresses } from "./known-addresses.ts";

/** Which requests may become a WebSocket: only those to an address that speaks it. */
export interface WebSocketAddresses {
  add(url: string): void;
  /** Asked before anything else of a request; what is refused here is an ordinary request. */
  takes(request: IncomingMessage): boolean;
}

const MOST_MESSAGE_BYTES = 1024 * 1024;
/** A connection that does not answer our close is cut after this long. */
const CLOSE_GRACE_MS = 4_000;

export function webSocketAddresses(): WebSocketAddresses {
  const known = knownAddresses();
  return {
    add: (url) => known.add("GET", url),
    takes: ({ method = "", headers, url = "" }) => {
      if (!isUpgrade(headers.upgrade)) return false;
      return known.methodsOf(url.split("?", 1)[0] ?? "").includes(method);
    },
  };
}

/** Lets routes take WebSockets; hooks and refusals are those of every other request. */
export function addWebSockets(app: App, addresses: WebSocketAddresses): void {
  app.addHook("onRoute", (route) => {
    if (route.wsHandler) addresses.add(route.url);
  });
  // Nobody else ends the connection of a request that wanted to be a WebSocket and was answered instead.
  app.addHook("onResponse", async ({ raw }) => {
    if (addresses.takes(raw)) raw.socket.destroySoon();
  });
  app.register(fastifyWebsocket, {
    options: {
      maxPayload: MOST_MESSAGE_BYTES,
      perMessageDeflate: false,
      handleProtocols: (offered) => offered.has(TERMINAL_PROTOCOL) && TERMINAL_PROTOCOL,
    },
    errorHandler: (error, socket, request) => {
      request.log.info({ err: error }, "a WebSocket broke");
      socket.terminate();
    },
    preClose: (done) => {
      const { clients } = app.websocketServer;
      setTimeout(() => {
        for (const client of clients) client.terminate();
      }, CLOSE_GRACE_MS).unref();
      done();
    },
  });
}

/** What a caller shows as an Authorization header; with a WebSocket it may be a subprotocol, as browsers send no headers. */
export function credentialOf({ headers }: IncomingMessage): string | undefined {
  const { authorization, upgrade, "sec-websocket-protocol": offered = "" } = headers;
  if (authorization !== undefined || !isUpgrade(upgrade)) return authorization;
  const protocols = offered.split(",").map((one) => one.trim());
  const token = protocols.find((one) => one.startsWith(TOKEN_PROTOCOL_PREFIX));
  return token && `Bearer ${token.slice(TOKEN_PROTOCOL_PREFIX.length)}`;
}

/** Refuses in words what would fail without them. */
export function assertHandshake({ headers }: IncomingMessage): void {
  if (!isUpgrade(headers.upgrade)) return;
  const key = headers["sec-websocket-key"] ?? "";
  if (headers["sec-websocket-version"] === "13" && /^[+/0-9A-Za-z]{22}==$/.test(key)) return;
  throw new AppError("HEADER_INVALID", {
    detail: "This is no handshake of WebSocket version 13.",
    hint: "Let a WebSocket library make the connection.",
  });
}

function isUpgrade(upgrade: string | undefined): boolean {
  return upgrade?.toLowerCase() === "websocket";
}
