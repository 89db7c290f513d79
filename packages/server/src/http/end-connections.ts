import type { Socket } from "node:net";
import type { App } from "./app.ts";

/** A request that is under way when the server closes has this long to end. */
const CLOSE_GRACE_MS = 4_000;

/**
 * Ends the connections that would hold up the server's end: at once those that never sent a request, which Node counts
 * as busy (browsers and fetch open such connections in advance), and after a grace time all others.
 */
export function endConnections(app: App, graceMs: number = CLOSE_GRACE_MS): void {
  const silent = new Set<Socket>();
  let closing = false;
  app.server.on("connection", (socket: Socket) => {
    if (closing) {
      socket.destroy();
      return;
    }
    silent.add(socket);
    socket.once("close", () => silent.delete(socket));
  });
  const heard = ({ socket }: { readonly socket: Socket }) => silent.delete(socket);
  app.server.on("request", heard);
  app.server.on("upgrade", heard);
  app.addHook("preClose", async () => {
    closing = true;
    for (const socket of silent) socket.destroy();
    setTimeout(() => app.server.closeAllConnections(), graceMs).unref();
  });
}
