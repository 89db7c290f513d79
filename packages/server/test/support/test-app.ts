import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_LIMITS, type Limits } from "@deckhand/core";
import { tokenAccess } from "../../src/access/access.ts";
import { createToken } from "../../src/access/create-token.ts";
import { type TokenStore, tokenStore } from "../../src/access/token-store.ts";
import { tokenRoutes } from "../../src/access/tokens.routes.ts";
import { auditRoutes } from "../../src/audit/audit.routes.ts";
import { type AuditLog, auditLog } from "../../src/audit/audit-log.ts";
import { openDatabase } from "../../src/database/open-database.ts";
import type { App } from "../../src/http/app.ts";
import type { HostRules } from "../../src/http/check-host.ts";
import { createApp } from "../../src/http/create-app.ts";
import { serverRoutes } from "../../src/http/server.routes.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { metricsRoutes } from "../../src/telemetry/metrics.routes.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";

export interface TestAppOptions {
  readonly routes?: readonly ((app: App) => void)[];
  readonly limits?: Partial<Limits>;
  readonly http?: Partial<HostRules>;
}

/** The HTTP server with its own routes and a real database, listening on a port of its own. */
export interface TestApp {
  readonly app: App;
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  readonly tokens: TokenStore;
  readonly audit: AuditLog;
  /** A valid token's text. */
  readonly token: string;
  /** Everything that was logged. */
  readonly log: string;
  /** With the token unless another Authorization is given. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const dataDir = await mkdtemp(join(tmpdir(), "deckhand-http-"));
  const database = await openDatabase(dataDir);
  const tokens = tokenStore(database.db, database.synced);
  const audit = auditLog(database.db);
  const lines: string[] = [];
  const { text: token } = await createToken({ tokens, now: Date.now }, { name: "tester" });
  const metrics = createMetrics("0.0.0-test");
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const app = createApp({
    version: "0.0.0-test",
    http: { allowedHosts: [], allowedOrigins: [], ...options.http },
    limits,
    routes: [
      tokenRoutes({ tokens, audit, now: Date.now }),
      auditRoutes({ audit }),
      metricsRoutes({ metrics, isPublic: false }),
      serverRoutes({
        version: "0.0.0-test",
        limits,
        startedAt: new Date(),
        dataDir,
        problems: async () => [],
      }),
      ...(options.routes ?? []),
    ],
    access: tokenAccess({ tokens, now: Date.now }),
    audit,
    metrics,
    logger: createLogger("info", { write: (line) => lines.push(line) }),
  });
  const stop = async () => {
    await app.close();
    await database.close();
    await rm(dataDir, { recursive: true, force: true });
  };
  await app.listen({ host: "127.0.0.1", port: 0 }).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const { port } = app.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    app,
    url,
    port,
    dataDir,
    tokens,
    audit,
    token,
    get log() {
      return lines.join("");
    },
    fetch: (path, init = {}) => {
      const headers = new Headers(init.headers);
      if (!headers.has("authorization")) headers.set("authorization", `Bearer ${token}`);
      return fetch(url + path, { ...init, headers });
    },
    close: stop,
  };
}
