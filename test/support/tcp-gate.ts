import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Stands before a server on this machine: hands everything on, breaks everything off, or falls silent. */
export interface TcpGate {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  open(): void;
  /** Breaks every connection, and each new one. */
  cut(): void;
  /** Takes connections and never answers. */
  silence(): void;
  close(): Promise<void>;
}

export async function tcpGate(target: { host: string; port: number }): Promise<TcpGate> {
  const sockets = new Set<Socket>();
  let state: "open" | "cut" | "silent" = "open";

  const server = createServer((ours) => {
    keep(ours);
    if (state === "cut") return void ours.destroy();
    const theirs = connect(target);
    keep(theirs);
    ours.on("data", (bytes) => void (state === "open" && theirs.write(bytes)));
    theirs.on("data", (bytes) => void (state === "open" && ours.write(bytes)));
    ours.on("close", () => theirs.destroy());
    theirs.on("close", () => ours.destroy());
  });

  function keep(socket: Socket): void {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  }

  function breakAll(): void {
    for (const socket of sockets) socket.destroy();
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => {
      state = "open";
      breakAll();
    },
    cut: () => {
      state = "cut";
      breakAll();
    },
    silence: () => {
      state = "silent";
    },
    close: async () => {
      breakAll();
      server.close();
      await once(server, "close");
    },
  };
}
