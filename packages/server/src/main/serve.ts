import { mkdir } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
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
import { ConfigError } from "../config/config-error.ts";
import { type LoadConfigOptions, loadConfig } from "../config/load-config.ts";
import { openDatabase } from "../database/open-database.ts";
import { groups } from "../groups/groups.ts";
import { groupRoutes } from "../groups/groups.routes.ts";
import type { App } from "../http/app.ts";
import { createApp } from "../http/create-app.ts";
import { serverRoutes } from "../http/server.routes.ts";
import { directoryLibrary } from "../scripts/directory/directory-library.ts";
import { s3Library } from "../scripts/s3/s3-library.ts";
import type { ScriptLibrary } from "../scripts/script-library.ts";
import { scriptRoutes } from "../scripts/scripts.routes.ts";
import { openKeyFile } from "../secrets/key-file.ts";
import { secretRoutes } from "../secrets/secrets.routes.ts";
import { storedSecrets } from "../secrets/stored-secrets.ts";
import { vault } from "../secrets/vault.ts";
import { type ScheduleClock, SYSTEM_CLOCK } from "../schedules/schedule-clock.ts";
import { doctorRoutes } from "../targets/doctor.routes.ts";
import { targetRoutes } from "../targets/targets.routes.ts";
import { createLogger } from "../telemetry/logger.ts";
import { createMetrics, type Metrics } from "../telemetry/metrics.ts";
import { metricsRoutes } from "../telemetry/metrics.routes.ts";
import { freeSpace, storageProblems } from "./free-space.ts";
import { ensureGuardKey } from "../guard/guard-key.ts";
import { openRetention } from "../retention/retention.ts";
import { retentionRoutes } from "../retention/retention.routes.ts";
import { retentionStore } from "../retention/retention-store.ts";
import { exportRoutes } from "../runs/export.routes.ts";
import { isOpenExecution } from "../runs/run-store.ts";
import { newId } from "../ids/new-id.ts";
import { openEngines, type OpenEngines } from "./open-engines.ts";
import { openNotifications } from "./open-notifications.ts";
import { type OpenRuns, openRuns } from "./open-runs.ts";
import { type OpenSchedules, openSchedules } from "./open-schedules.ts";
import { openSearch } from "./open-search.ts";
import { openTriggers } from "./open-triggers.ts";
import { openTerminals } from "./open-terminals.ts";
import { VERSION } from "./version.ts";

// A flood of output would double the space for young objects, and keep it.
setFlagsFromString("--semi-space-growth-factor=1");

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
  // From the beginning: whoever reads where it listens may end it at once.
  const signalled = whenSignalled();
  const server = await openServer(config, (line) => process.stdout.write(`${line}\n`));
  await signalled;
  await server.close();
}

function whenSignalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}

/** Opens everything in order, each part with what stands already; what was opened last is closed first. */
export async function openServer(
  config: Config,
  print: (line: string) => void,
  { scheduleClock = SYSTEM_CLOCK }: { readonly scheduleClock?: ScheduleClock } = {},
): Promise<OpenServer> {
  await using opening = new AsyncDisposableStack();
  const { dataDir } = config;
  const logger = createLogger(config.log.level);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const { keyFile, mayMakeKey } = config.secrets;
  const secretVault = vault(await openKeyFile({ path: keyFile, mayMake: mayMakeKey }));
  const { db, synced, close: closeDatabase } = await openDatabase(dataDir);
  opening.defer(closeDatabase);
  const tokens = tokenStore(db, synced);
  await ensureFirstToken({ tokens, dataDir, now: Date.now, print });
  const audit = auditLog(db);
  const secrets = storedSecrets({ db, synced, vault: secretVault, audit, now: Date.now });
  const metrics = createMetrics(VERSION);
  const library = await openLibrary(config, logger);
  opening.defer(() => library.close());
  const engines = await openEngines(config, {
    guardKey: await ensureGuardKey(dataDir),
    isWanted: (executionId) => isOpenExecution(db, executionId),
    logger,
  });
  opening.defer(() => engines.close());
  watchEngines(engines, metrics);
  const savedGroups = groups({ db, synced, audit, newId, now: Date.now });
  const select = {
    listTargets: engines.targets.list,
    catchUpTargets: engines.catchUp,
    refreshTargets: engines.refresh,
    readGroups: savedGroups.readAll,
  };
  const notifications = await openNotifications({
    ...{ config, db, synced, audit, vault: secretVault, engines, metrics, logger },
    readGroups: savedGroups.readAll,
  });
  opening.defer(notifications.close);
  const outputDirectory = join(dataDir, "output");
  const runs = openRuns({
    config,
    db,
    synced,
    vault: secretVault,
    findSecret: secrets.findValue,
    engines,
    select,
    library,
    audit,
    metrics,
    logger,
    outputDirectory,
    runEnded: notifications.runEnded,
  });
  const schedules = openSchedules({
    clock: scheduleClock,
    db,
    synced,
    vault: secretVault,
    audit,
    engines,
    runs,
    metrics,
    logger,
  });
  const { everyMs, ...rules } = config.retention;
  const retention = openRetention({
    rules,
    everyMs,
    store: retentionStore(db),
    output: runs.output,
    synced,
    now: Date.now,
    onProblem: (error) => logger.warn({ err: error }, "retention stopped before its end"),
  });
  opening.defer(() => retention.close());
  const searching = openSearch({
    config,
    db,
    output: runs.output,
    isBusy: runs.isBusy,
    library,
    logger,
  });
  opening.defer(() => searching.close());
  const triggers = await openTriggers({
    ...{ config, db, synced, audit, vault: secretVault, library, engines, runs, metrics, logger },
    readGroups: savedGroups.readAll,
    findSecret: secrets.findValue,
  });
  opening.defer(triggers.close);
  const access = tokenAccess({ tokens, now: Date.now });
  const terminals = openTerminals({ config, engines, select, access, tokens, audit, logger });
  const app = createApp({
    version: VERSION,
    http: config.http,
    limits: config.limits,
    access,
    audit,
    metrics,
    logger,
    routes: [
      serverRoutes({
        version: VERSION,
        limits: config.limits,
        startedAt: new Date(),
        dataDir,
        problems: async () => [
          ...engines.problems(),
          ...library.problems(),
          ...(await storageProblems(freeSpace(dataDir))),
        ],
      }),
      runs.routes,
      searching.routes,
      exportRoutes({ db, output: runs.output, now: Date.now }),
      retentionRoutes({ retention, audit }),
      terminals.routes,
      targetRoutes({ targets: engines.targets, select, listEngines: engines.list }),
      doctorRoutes({
        targets: engines.targets,
        catchUpTargets: engines.catchUp,
        refreshTargets: engines.refresh,
        findExaminer: engines.findExaminer,
        findStopped: engines.findStopped,
        audit,
        now: Date.now,
        findByLabels: schedules.findByLabels,
      }),
      groupRoutes(savedGroups.definitions),
      notifications.routes,
      schedules.routes,
      triggers.routes,
      scriptRoutes({ library, audit }),
      secretRoutes({ secrets }),
      tokenRoutes({ tokens, audit, now: Date.now }),
      auditRoutes({ audit }),
      metricsRoutes({ metrics, isPublic: config.http.publicMetrics }),
    ],
  });
  // Both at once: requests that wait for a run end with it. Terminals need the guards, which the end of the runs lets go of.
  opening.defer(
    async () => void (await Promise.all([app.close(), terminals.close().then(runs.close)])),
  );
  opening.defer(schedules.close);
  await engines.ready(ENGINES_READY_WITHIN_MS);
  const url = await listen(app, config);
  await announce({ engines, url, print, logger });
  notifications.start();
  triggers.start();
  void takeUp(runs, schedules, logger);
  const opened = opening.move();
  return {
    url,
    close: async () => {
      logger.info("shutting down");
      await opened.disposeAsync();
    },
  };
}

/** What an earlier process left open comes before what is due now. */
async function takeUp(runs: OpenRuns, schedules: OpenSchedules, logger: Logger): Promise<void> {
  await runs
    .recover()
    .catch((error: unknown) =>
      logger.error({ err: error }, "what was left open could not be settled"),
    );
  await schedules
    .start()
    .catch((error: unknown) => logger.error({ err: error }, "schedules could not be taken up"));
}

function openLibrary(config: Config, logger: Logger): Promise<ScriptLibrary> {
  const { directory, s3 } = config.scripts;
  const { scriptBytes } = config.limits;
  if (s3) {
    return s3Library({
      store: s3,
      cacheDirectory: join(config.dataDir, "script-cache"),
      scriptBytes,
      onProblem: (error) => logger.warn({ err: error }, "the store of scripts can not be used"),
    });
  }
  return directoryLibrary({
    directory,
    historyDirectory: join(config.dataDir, "script-history"),
    scriptBytes,
    onProblem: (error) => logger.warn({ err: error }, "the script directory can not be read"),
  });
}

function watchEngines(engines: OpenEngines, metrics: Metrics): void {
  const show = () => {
    for (const [engine, isUp] of engines.up()) metrics.engineUp.set({ engine }, Number(isUp));
  };
  engines.subscribe(show);
  show();
}

async function listen(app: App, { http }: Config): Promise<string> {
  await app.listen({ host: http.host, port: http.port }).catch((error: NodeJS.ErrnoException) => {
    throw toListenError(error, http);
  });
  const { port } = app.server.address() as AddressInfo;
  const host = http.host.includes(":") ? `[${http.host}]` : http.host;
  return `http://${host}:${port}`;
}

const LISTEN_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: "is in use; choose another port with --port, or end what listens there",
  EACCES: "may not be used by this user; ports from 1024 on may",
  EADDRNOTAVAIL: "is no address of this machine",
};

function toListenError(error: NodeJS.ErrnoException, { host, port }: Config["http"]): Error {
  const problem = LISTEN_PROBLEMS[error.code ?? ""];
  return problem ? new ConfigError(`${host}:${port} ${problem}.`) : error;
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
