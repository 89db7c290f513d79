import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../src/config/load-config.ts";
import { openServer } from "../../src/main/serve.ts";

/** The whole server in this process, on a port of its own. */
export interface ComposedServer {
  readonly url: string;
  readonly token: string;
  /** With the token unless another Authorization is given. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

export interface ComposedServerOptions {
  /** `name=address`; by default an engine that is not there. */
  readonly engine?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export async function startComposedServer(
  options: ComposedServerOptions = {},
): Promise<ComposedServer> {
  const dataDir = await mkdtemp(join(tmpdir(), "deckhand-composed-"));
  const engine = options.engine ?? `absent=unix://${dataDir}/no-engine.sock`;
  const config = loadConfig({
    env: { HOME: dataDir, DECKHAND_LOG_LEVEL: "silent", ...options.env },
    overrides: { dataDir, port: 0, engine: [engine] },
  });
  const { url, close } = await openServer(config, () => undefined);
  const token = (await readFile(join(dataDir, "first-token"), "utf8")).trim();
  return {
    url,
    token,
    fetch: (path, init = {}) => {
      const headers = new Headers(init.headers);
      if (!headers.has("authorization")) headers.set("authorization", `Bearer ${token}`);
      return fetch(url + path, { ...init, headers });
    },
    close: async () => {
      await close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
