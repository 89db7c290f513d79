import type { Socket } from "node:net";
import type { App } from "./app.ts";

/**
 * Ends connections that never sent a request when the server closes. Node counts them as busy and would wait for them
 * for ever; browsers and fetch open such connections in advance.
 */
export function closeSilentConnections(app: App): void {
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
  app.server.on("request", ({ socket }: { readonly socket: Socket }) => silent.delete(socket));
  app.addHook("preClose", async () => {
    closing = true;
    for (const socket of silent) socket.destroy();
  });
}
