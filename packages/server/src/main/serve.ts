import { mkdir } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Logger } from "pino";
import { tokenAccess } from "../access/access.ts";
import { ensureFirstToken } from "../access/ensure-first-token.ts";
import { tokenStore } from "../access/token-store.ts";
import { tokenRoutes } from "../access/tokens.routes.ts";
import { auditLog } from "../audit/audit-log.ts";
import { auditRoutes } from "../audit/audit.routes.ts";
import type { Config } from "../config/config.ts";
import { type LoadConfigOptions, loadConfig } from "../config/load-config.ts";
import { openDatabase } from "../database/open-database.ts";
import type { App } from "../http/app.ts";
import { createApp } from "../http/create-app.ts";
import { serverRoutes } from "../http/server.routes.ts";
import { directoryLibrary } from "../scripts/directory/directory-library.ts";
import { scriptRoutes } from "../scripts/scripts.routes.ts";
import { targetRoutes } from "../targets/targets.routes.ts";
import { createLogger } from "../telemetry/logger.ts";
import { createMetrics, type Metrics } from "../telemetry/metrics.ts";
import { metricsRoutes } from "../telemetry/metrics.routes.ts";
import { storageProblems } from "./free-space.ts";
import { openEngines, type OpenEngines } from "./open-engines.ts";
import { openRuns } from "./open-runs.ts";
import { VERSION } from "./version.ts";

/** The first answer about targets should be whole; an engine that is away must not hold the start up. */
const ENGINES_READY_WITHIN_MS = 5_000;

export type ServeOptions = Pick<LoadConfigOptions, "configPath" | "overrides">;

/** A server that listens. */
export interface OpenServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts the server, says where it listens, and resolves when a signal has shut it down. */
export async function serve(options: ServeOptions): Promise<void> {
  const config = loadConfig(options);
  const server = await openServer(config, (line) => process.stdout.write(`${line}\n`));
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
  await server.close();
}

/** Opens everything in order, each part with what stands already; what was opened last is closed first. */
export async function openServer(
  config: Config,
  print: (line: string) => void,
): Promise<OpenServer> {
  const { dataDir } = config;
  const logger = createLogger(config.log.level);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const { db, close: closeDatabase } = await openDatabase(dataDir);
  const tokens = tokenStore(db);
  await ensureFirstToken({ tokens, dataDir, now: Date.now, print });
  const audit = auditLog(db);
  const metrics = createMetrics(VERSION);
  const library = await directoryLibrary({
    directory: config.scripts.directory,
    historyDirectory: join(dataDir, "script-history"),
    scriptBytes: config.limits.scriptBytes,
    onProblem: (error) => logger.warn({ err: error }, "the script directory can not be read"),
  });
  const engines = await openEngines(config);
  watchEngines(engines, metrics);
  const outputDirectory = join(dataDir, "output");
  const runs = openRuns({ config, db, engines, library, audit, metrics, logger, outputDirectory });
  const app = createApp({
    version: VERSION,
    http: config.http,
    limits: config.limits,
    access: tokenAccess({ tokens, now: Date.now }),
    audit,
    metrics,
    logger,
    routes: [
      serverRoutes({
        version: VERSION,
        limits: config.limits,
        startedAt: new Date(),
        dataDir,
        problems: async () => [...engines.problems(), ...(await storageProblems(dataDir))],
      }),
      runs.routes,
      targetRoutes({ targets: engines.targets, listEngines: engines.list }),
      scriptRoutes({ library, audit }),
      tokenRoutes({ tokens, audit, now: Date.now }),
      auditRoutes({ audit }),
      metricsRoutes({ metrics, isPublic: config.http.publicMetrics }),
    ],
  });
  await engines.ready(ENGINES_READY_WITHIN_MS);
  const url = await listen(app, config);
  await announce({ engines, url, print, logger });
  void runs
    .recover()
    .catch((error: unknown) =>
      logger.error({ err: error }, "what was left open could not be settled"),
    );
  return {
    url,
    close: async () => {
      logger.info("shutting down");
      const closed = app.close();
      await runs.close();
      await closed;
      engines.close();
      await library.close();
      await closeDatabase();
    },
  };
}

function watchEngines(engines: OpenEngines, metrics: Metrics): void {
  const show = () => {
    for (const [engine, isUp] of engines.up()) metrics.engineUp.set({ engine }, Number(isUp));
  };
  engines.subscribe(show);
  show();
}

async function listen(app: App, { http }: Config): Promise<string> {
  await app.listen({ host: http.host, port: http.port });
  const { port } = app.server.address() as AddressInfo;
  const host = http.host.includes(":") ? `[${http.host}]` : http.host;
  return `http://${host}:${port}`;
}

interface Announcement {
  readonly engines: OpenEngines;
  readonly url: string;
  readonly print: (line: string) => void;
  readonly logger: Logger;
}

async function announce({ engines, url, print, logger }: Announcement): Promise<void> {
  for (const engine of await engines.list()) {
    if (engine.state === "up")
      print(
        `Engine ${engine.name} (${engine.product} ${engine.version}): ${engine.targets} containers run`,
      );
    else print(`Engine ${engine.name}: ${engine.problem ?? "not reached yet"}`);
  }
  print(`Deckhand ${VERSION} is listening on ${url} (API docs: ${url}/docs)`);
  logger.info({ url, version: VERSION }, "listening");
}
