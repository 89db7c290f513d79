import type { WebSocket } from "ws";
import { CLOSE } from "./watcher.ts";

/** The connections of each token: a token that is deleted stops working at once, for them too. */
export interface SocketsByToken {
  add(tokenId: string, socket: WebSocket): void;
}

export function socketsByToken(
  onTokenDeleted: (listener: (tokenId: string) => void) => void,
): SocketsByToken {
  const sockets = new Map<WebSocket, string>();
  onTokenDeleted((deleted) => {
    for (const [socket, tokenId] of sockets)
      if (tokenId === deleted) socket.close(CLOSE.refused, "the token was deleted");
  });
  return {
    add: (tokenId, socket) => {
      sockets.set(socket, tokenId);
      socket.once("close", () => sockets.delete(socket));
    },
  };
}
