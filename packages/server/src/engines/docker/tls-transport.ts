import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import { AppError } from "@deckhand/core";
import { toHost } from "./tcp-transport.ts";
import { KEEP_ALIVE_ON_NETWORK, type Transport } from "./transport.ts";

export interface TlsFiles {
  readonly caPath?: string | undefined;
  readonly certPath?: string | undefined;
  readonly keyPath?: string | undefined;
}

const USUAL_PORT = 2376;

/** `tcp://host:2376` with certificates, or `https://host:2376`. */
export function tlsTransport(url: URL, { caPath, certPath, keyPath }: TlsFiles): Transport {
  const material = { ca: read(caPath), cert: read(certPath), key: read(keyPath) };
  const agent = new Agent({ ...KEEP_ALIVE_ON_NETWORK, ...material });
  return {
    secure: true,
    options: { host: toHost(url), port: url.port || USUAL_PORT, agent },
    close: () => agent.destroy(),
  };
}

function read(path: string | undefined): Buffer | undefined {
  try {
    return path === undefined ? undefined : readFileSync(path);
  } catch (cause) {
    throw new AppError("ENGINE_UNREACHABLE", {
      detail: `A TLS file of the engine can not be read: ${(cause as Error).message}`,
      hint: "Name ca, cert and key as files that this user may read.",
      cause,
    });
  }
}
