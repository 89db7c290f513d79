import type { SavedGroups } from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Logger } from "pino";
import type { AuditLog } from "../audit/audit-log.ts";
import type { Config } from "../config/config.ts";
import type { Database } from "../database/database.ts";
import type { Synced } from "../database/wal-sync.ts";
import type { Definition, DefinitionKind } from "../definitions/definition.ts";
import { lateSecrets } from "../definitions/late-secrets.ts";
import { parseJsonBody } from "../http/parse-json-body.ts";
import type { Vault } from "../secrets/vault.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { TriggerScripts } from "../triggers/assert-trigger-run.ts";
import { containerEvents } from "../triggers/container-events.ts";
import { fireOnEvent, type FireOnEventDeps } from "../triggers/fire-on-event.ts";
import { deleteOldFires } from "../triggers/fire-store.ts";
import { fireWebhook, type FireWebhookDeps } from "../triggers/fire-webhook.ts";
import { rateLimits } from "../triggers/rate-limits.ts";
import {
  type KeptTrigger,
  triggerKind,
  triggers,
  type TriggersDeps,
} from "../triggers/triggers.ts";
import { triggerRoutes } from "../triggers/triggers.routes.ts";
import { newId } from "../ids/new-id.ts";
import type { OpenEngines } from "./open-engines.ts";
import type { OpenRuns } from "./open-runs.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** A message without a time of its own could come again at any time. */
const MESSAGES_KEPT_MS = 366 * DAY_MS;

export interface OpenTriggersDeps {
  readonly config: Config;
  readonly db: Kysely<Database>;
  readonly synced: Synced;
  readonly audit: AuditLog;
  readonly vault: Vault;
  readonly library: TriggerScripts;
  readonly engines: Pick<OpenEngines, "onEvent" | "findHealth" | "targets">;
  readonly readGroups: () => Promise<SavedGroups>;
  readonly findSecret: (name: string) => Promise<string | undefined>;
  readonly runs: Pick<OpenRuns, "submit" | "findSecretParams">;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Everything that starts runs because something happened, wired. */
export interface OpenTriggers {
  readonly routes: ReturnType<typeof triggerRoutes>;
  /** Begins to hear what happens to containers. */
  start(): void;
  close(): void;
}

export async function openTriggers(deps: OpenTriggersDeps): Promise<OpenTriggers> {
  const { config, db, vault, logger, audit } = deps;
  const known = new Map<string, Definition<KeptTrigger>>();
  const onChanged: TriggersDeps["onChanged"] = ({ before, after }) => {
    if (before) known.delete(before.id);
    if (after) known.set(after.id, after);
  };
  const all = triggers({ ...deps, newId, now: Date.now, onChanged });
  const late = openLate(deps, triggerKind({ onChanged }));
  for (const one of await all.list()) known.set(one.id, one);
  const limits = rateLimits(Date.now);
  const shared = { db, vault, audit, limits, submit: deps.runs.submit, sealLate: late.tryToSeal };
  const webhooks: FireWebhookDeps = {
    ...shared,
    findTrigger: (id) => known.get(id),
    parse: parseJsonBody,
    now: Date.now,
    observe: observer(deps, "webhook"),
  };
  const events = openEvents(deps, { ...shared, known });
  const forgetting = setInterval(() => {
    void late.sealAll();
    deleteOldFires(db, Date.now() - MESSAGES_KEPT_MS).catch((error: unknown) =>
      logger.warn({ err: error }, "old messages stay known"),
    );
  }, HOUR_MS);
  return {
    routes: triggerRoutes({
      vault,
      scripts: deps.library,
      findSecret: deps.findSecret,
      triggers: all,
      sealLate: late.seal,
      toUrl: (path) => (config.http.publicUrl ?? "") + path,
      fire: (id, message) => fireWebhook(webhooks, id, message),
    }),
    start: () => {
      events.start();
      void late.sealAll();
    },
    close: () => {
      events.stop();
      clearInterval(forgetting);
    },
  };
}

function openLate({ runs, logger, ...deps }: OpenTriggersDeps, kind: DefinitionKind<KeptTrigger>) {
  const onFailure = (error: unknown) =>
    logger.error({ err: error }, "what became secret in triggers is not sealed");
  const late = lateSecrets({
    ...{ ...deps, kind, findSecretParams: runs.findSecretParams, onFailure },
    onSealed: ({ name }, params) =>
      logger.warn({ trigger: name, params }, "what became secret was in clear until now"),
  });
  const tryToSeal = (trigger: Definition<KeptTrigger>) => late.seal(trigger).catch(onFailure);
  return { ...late, tryToSeal };
}

interface EventDeps
  extends Pick<FireOnEventDeps, "submit" | "audit" | "limits" | "vault" | "sealLate"> {
  readonly known: ReadonlyMap<string, Definition<KeptTrigger>>;
}

function openEvents(deps: OpenTriggersDeps, { known, ...shared }: EventDeps) {
  const { engines, logger } = deps;
  let isOpen = false;
  const firing: FireOnEventDeps = {
    ...shared,
    listTriggers: () => known.values(),
    readGroups: deps.readGroups,
    observe: observer(deps, "container"),
    onRefused: ({ name }, { kind, target }, error) =>
      logger.warn(
        { err: error, trigger: name, event: kind, target: target.name },
        "a trigger started nothing",
      ),
  };
  const onFault = (error: unknown) =>
    logger.warn({ err: error }, "what happened to a container is lost");
  const feed = containerEvents({
    findHealth: engines.findHealth,
    onEvent: (event) => void fireOnEvent(firing, event).catch(onFault),
    onFault,
  });
  engines.onEvent((engine, event) => {
    if (isOpen) feed.take(engine, event);
  });
  return {
    start: () => {
      feed.seed(engines.targets.list());
      isOpen = true;
    },
    stop: () => {
      isOpen = false;
    },
  };
}

function observer(
  { metrics }: Pick<OpenTriggersDeps, "metrics">,
  kind: string,
): FireWebhookDeps["observe"] {
  return (outcome) => metrics.triggerFires.inc({ kind, outcome });
}
