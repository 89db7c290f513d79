import type { Finding, Target } from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Logger } from "pino";
import type { AuditLog } from "../audit/audit-log.ts";
import type { Database } from "../database/database.ts";
import type { Synced } from "../database/wal-sync.ts";
import type { Definition } from "../definitions/definition.ts";
import { definitions } from "../definitions/definitions.ts";
import { lateSecrets } from "../definitions/late-secrets.ts";
import { allSchedules, type ListedSchedule } from "../schedules/all-schedules.ts";
import { type CarryOutDeps, carryOutStep, runNow } from "../schedules/carry-out-step.ts";
import { type NewFire, pruneFires } from "../schedules/fire-store.ts";
import { describeLabels } from "../schedules/labels/describe-labels.ts";
import type { LabelledSchedule } from "../schedules/labels/label-directory.ts";
import { toLabelState } from "../schedules/labels/label-state.ts";
import { type LabelChange, watchLabels } from "../schedules/labels/watch-labels.ts";
import { pauseSchedule, resumeSchedule } from "../schedules/pause-schedule.ts";
import type { ScheduleClock } from "../schedules/schedule-clock.ts";
import { scheduleKind } from "../schedules/schedule-definitions.ts";
import { findState, listStates } from "../schedules/schedule-state-store.ts";
import { scheduler } from "../schedules/scheduler.ts";
import { scheduleRoutes } from "../schedules/schedules.routes.ts";
import type { StoredSchedule } from "../schedules/stored-schedule.ts";
import type { Vault } from "../secrets/vault.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { newId } from "../ids/new-id.ts";
import type { OpenEngines } from "./open-engines.ts";
import type { OpenRuns } from "./open-runs.ts";

const HOUR_MS = 60 * 60 * 1000;
/** Of each schedule, so much is remembered of what became of its times. */
const FIRES_KEPT = 1_000;

export interface OpenSchedulesDeps {
  readonly clock: ScheduleClock;
  readonly db: Kysely<Database>;
  readonly synced: Synced;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly engines: Pick<OpenEngines, "labelEngines" | "subscribe">;
  readonly runs: Pick<OpenRuns, "submit" | "check" | "findSecretParams" | "read">;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Everything that starts runs by time, wired. */
export interface OpenSchedules {
  readonly routes: ReturnType<typeof scheduleRoutes>;
  /** What the labels of a container say that is to run there. */
  findByLabels(target: Pick<Target, "engine" | "name">): Finding[];
  /** Takes up every schedule, and what was due while nobody looked. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export function openSchedules(deps: OpenSchedulesDeps): OpenSchedules {
  const { clock, db, synced, vault, audit, runs, logger } = deps;
  const { now } = clock;
  const carrying: CarryOutDeps = {
    ...{ db, vault, now, submit: runs.submit, observe: observer(deps) },
    sealLate: (schedule) => late.seal(schedule).catch(onUnsealed),
  };
  const running = scheduler({
    clock,
    carryOut: (schedule, step, startsMs) => carryOutStep(carrying, schedule, { step, startsMs }),
    onFailure: ({ name }, error) =>
      logger.error({ err: error, schedule: name }, "a schedule failed on our side"),
  });

  async function readAgain({ id, name }: Pick<Definition<unknown>, "id" | "name">): Promise<void> {
    const newest = (await stored.find(name)) ?? findReadable(labels.list(), id);
    const state = await findState(db, id);
    if (newest?.id === id && state) running.put(newest, state);
    else running.remove(id);
  }
  /** One after the other, so that what was read last is what stays. */
  let takenUp = Promise.resolve();
  function takeUp(schedule: Pick<Definition<unknown>, "id" | "name">): Promise<void> {
    takenUp = takenUp
      .then(() => readAgain(schedule))
      .catch((error: unknown) =>
        logger.error({ err: error }, "a schedule that was changed is not taken up"),
      );
    return takenUp;
  }
  const kind = scheduleKind({
    now,
    onChanged: ({ before, after }) => void takeUp((after ?? before) as Definition<unknown>),
  });
  const stored = definitions({ db, synced, audit, newId, now }, kind);

  const onUnsealed = (error: unknown) =>
    logger.error({ err: error }, "what became secret in schedules is not sealed");
  const late = lateSecrets({
    ...{ db, synced, audit, vault, kind, findSecretParams: runs.findSecretParams },
    onSealed: ({ name }, params) =>
      logger.warn({ schedule: name, params }, "what became secret was in clear until now"),
    onFailure: onUnsealed,
  });
  async function sealListed(
    listed: Definition<ListedSchedule>,
  ): Promise<Definition<ListedSchedule>> {
    const { schedule } = listed.body;
    if (!schedule) return listed;
    const { body } = await late.seal({ ...listed, body: schedule });
    return { ...listed, body: { ...listed.body, schedule: body } };
  }

  async function takeUpLabelled({ changed, gone }: LabelChange): Promise<void> {
    for (const { id } of gone) running.remove(id);
    for (const one of changed) {
      if (!one.body) running.remove(one.id);
      else running.put({ ...one, body: one.body }, await toLabelState(db, one, now()));
      if (one.problem)
        logger.warn({ schedule: one.name, problem: one.problem }, "labels are wrong");
    }
  }
  const labels = watchLabels({
    engines: deps.engines.labelEngines,
    onChange: takeUpLabelled,
    onFailure: (error) => logger.warn({ err: error }, "labels of schedules are not read"),
  });

  const pausing = { db, synced, audit, takeUp, now };
  const routes = scheduleRoutes({
    db,
    vault,
    now,
    check: runs.check,
    schedules: allSchedules(stored, labels.list),
    pause: (schedule, asked) => pauseSchedule(pausing, schedule, asked),
    resume: (schedule, caller) => resumeSchedule(pausing, schedule, caller),
    runNow: (schedule, asked) => runNow(carrying, schedule, asked),
    readRun: runs.read,
    sealLate: sealListed,
  });

  const pruning = setInterval(() => {
    void late.sealAll();
    pruneFires(db, FIRES_KEPT).catch((error: unknown) =>
      logger.warn({ err: error }, "old history of schedules stays"),
    );
  }, HOUR_MS);

  return {
    routes,
    findByLabels: (target) => describeLabels(target, labels.list()),
    start: async () => {
      const states = new Map((await listStates(db)).map((state) => [state.scheduleId, state]));
      const all = await stored.list();
      await running.putAll(
        all.flatMap((one) => {
          const state = states.get(one.id);
          return state ? [[one, state] as const] : [];
        }),
      );
      if (deps.engines.labelEngines.length > 0) {
        deps.engines.subscribe(() => void labels.refresh());
        await labels.refresh();
      }
      running.start();
      void late.sealAll();
    },
    close: async () => {
      clearInterval(pruning);
      await running.close();
    },
  };
}

/** Of what labels describe, what can be read. */
function findReadable(
  all: readonly LabelledSchedule[],
  id: string,
): Definition<StoredSchedule> | undefined {
  const found = all.find((one) => one.id === id);
  return found?.body && { ...found, body: found.body };
}

function observer({ metrics }: Pick<OpenSchedulesDeps, "metrics">): CarryOutDeps["observe"] {
  return (fire: NewFire, startsMs: number) => {
    metrics.scheduleFires.inc({ result: fire.result, cause: fire.cause });
    if (fire.cause === "due" && fire.result !== "missed")
      metrics.scheduleLag.observe(Math.max(0, fire.decided_at - startsMs) / 1000);
  };
}
