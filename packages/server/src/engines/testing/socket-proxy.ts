import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Stands between us and an engine's socket: records what we send, rechunks what comes back, cuts when told to. */
export interface SocketProxy {
  readonly socketPath: string;
  /** Everything that was sent to the engine so far. */
  readonly sent: string;
  /** Breaks every open connection; new ones are refused until `restore`. */
  cut(): void;
  restore(): void;
  close(): Promise<void>;
}

export interface SocketProxyOptions {
  readonly target: string;
  /** Hands the engine's bytes on in pieces of this size. */
  readonly pieceBytes?: number;
}

export async function socketProxy({
  target,
  pieceBytes,
}: SocketProxyOptions): Promise<SocketProxy> {
  const folder = await mkdtemp(join(tmpdir(), "deckhand-proxy-"));
  const socketPath = join(folder, "engine.sock");
  const open = new Set<Socket>();
  const sent: Buffer[] = [];
  let isCut = false;

  const server = createServer({ allowHalfOpen: true }, (ours) => {
    if (isCut) return void ours.destroy();
    const theirs = connect({ path: target, allowHalfOpen: true });
    for (const socket of [ours, theirs]) {
      open.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => open.delete(socket));
    }
    ours.on("data", (bytes) => {
      sent.push(bytes);
      theirs.write(bytes);
    });
    theirs.on("data", (bytes) => {
      for (const piece of inPieces(bytes, pieceBytes)) ours.write(piece);
    });
    ours.on("end", () => theirs.end());
    theirs.on("end", () => ours.end());
    ours.on("close", () => theirs.destroy());
    theirs.on("close", () => ours.destroy());
  });
  server.listen(socketPath);
  await once(server, "listening");

  const cut = () => {
    isCut = true;
    for (const socket of open) socket.destroy();
  };
  return {
    socketPath,
    get sent() {
      return Buffer.concat(sent).toString("latin1");
    },
    cut,
    restore: () => {
      isCut = false;
    },
    close: async () => {
      cut();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function* inPieces(bytes: Buffer, pieceBytes: number | undefined): Generator<Buffer> {
  const size = pieceBytes ?? bytes.length;
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}
