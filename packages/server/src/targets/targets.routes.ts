import {
  AppError,
  type EngineView,
  engineList,
  type Target,
  type TargetQuery,
  targetId,
  targetPage,
  targetQuery,
  target as targetSchema,
} from "@deckhand/core";
import { z } from "zod";
import type { App } from "../http/app.ts";
import { problemResponses } from "../http/problem-responses.ts";
import { countTargets } from "./count-targets.ts";
import {
  type SelectTargetsDeps,
  type Selection,
  selectTargets,
  tooManyMatched,
} from "./select-targets.ts";
import { readTargetCursor, toTargetCursor, toTargetKey } from "./target-cursor.ts";
import type { TargetDirectory } from "./target-directory.ts";

export interface TargetRoutesDeps {
  readonly targets: Pick<TargetDirectory, "find">;
  readonly select: SelectTargetsDeps;
  readonly listEngines: () => readonly EngineView[] | Promise<readonly EngineView[]>;
}

const TAGS = ["targets"];
const targetParams = z.strictObject({ id: targetId });
const EVERY_TARGET = "name=*";

/** /api/v1/targets and /api/v1/engines. */
export function targetRoutes(deps: TargetRoutesDeps): (app: App) => void {
  return (app) => {
    listRoute(app, deps);
    getRoute(app, deps);
    engineRoute(app, deps);
  };
}

function listRoute(app: App, deps: TargetRoutesDeps): void {
  app.get("/api/v1/targets", {
    config: { action: "target.read" },
    schema: {
      operationId: "listTargets",
      summary: "List targets, all or those of a selector, by engine and name",
      tags: TAGS,
      querystring: targetQuery,
      response: { 200: targetPage, ...problemResponses(404, 422) },
    },
    handler: async ({ query }) => toPage(await select(deps, query), query),
  });
}

async function select({ select: deps }: TargetRoutesDeps, query: TargetQuery): Promise<Selection> {
  const { on = [EVERY_TARGET], except, onePerService, maxTargets } = query;
  const request = { on, except, onePerService: onePerService === "true" };
  const selection = await selectTargets(deps, request);
  const { length } = selection.targets;
  if (maxTargets !== undefined && length > maxTargets) throw tooManyMatched(length, maxTargets);
  return selection;
}

function toPage(selection: Selection, { limit, after }: TargetQuery) {
  const from = after === undefined ? "" : readTargetCursor(after);
  const sorted = selection.targets
    .map((one) => ({ key: toTargetKey(one), one }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const rest = sorted.filter(({ key }) => key > from);
  const data = rest.slice(0, limit).map(({ one }) => one);
  const last = data.at(-1);
  return {
    data,
    next: last && rest.length > limit ? toTargetCursor(last) : null,
    total: selection.targets.length,
    counts: countTargets(selection),
    noMatch: selection.noMatch ?? null,
  };
}

function getRoute(app: App, deps: TargetRoutesDeps): void {
  app.get("/api/v1/targets/:id", {
    config: { action: "target.read" },
    schema: {
      operationId: "getTarget",
      summary: "Read one target",
      tags: TAGS,
      params: targetParams,
      response: { 200: targetSchema, ...problemResponses(404) },
    },
    handler: async ({ params }) => getTarget(deps.targets, params.id),
  });
}

function getTarget(targets: TargetRoutesDeps["targets"], id: string): Target {
  const found = targets.find(id);
  if (found) return found;
  throw new AppError("TARGET_NOT_FOUND", {
    detail: `There is no target ${id}; its container may have stopped.`,
    hint: "List the targets with `deckhand targets`.",
  });
}

function engineRoute(app: App, deps: TargetRoutesDeps): void {
  app.get("/api/v1/engines", {
    config: { action: "engine.read" },
    schema: {
      operationId: "listEngines",
      summary: "List engines with their state",
      tags: TAGS,
      response: { 200: engineList },
    },
    handler: async () => ({ data: [...(await deps.listEngines())] }),
  });
}
