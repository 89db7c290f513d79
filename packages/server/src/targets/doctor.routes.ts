import {
  examinationQuery,
  examination as examinationSchema,
  type Finding,
  type Target,
} from "@deckhand/core";
import { z } from "zod";
import type { AuditLog } from "../audit/audit-log.ts";
import { callerOf } from "../audit/caller.ts";
import type { App } from "../http/app.ts";
import { problemResponses } from "../http/problem-responses.ts";
import { type ExamineTargetDeps, examineTarget } from "./examine-target.ts";

export interface DoctorRoutesDeps extends ExamineTargetDeps {
  readonly audit: Pick<AuditLog, "record">;
  /** What the labels of a container say that is to run there. */
  readonly findByLabels: (target: Pick<Target, "engine" | "name">) => readonly Finding[];
}

const doctorParams = z.strictObject({
  target: z
    .string()
    .min(1)
    .max(256)
    .meta({ example: "pg-1", description: "a target's id or name, or its container's id" }),
});

const ABOUT = `Tries what a script would try, so a guard is started where one gets in and none runs yet; looks around by a constant program of the
shell's own commands, which writes nothing.`;

/** /api/v1/targets/{target}/doctor. */
export function doctorRoutes(deps: DoctorRoutesDeps): (app: App) => void {
  return (app) => {
    app.get("/api/v1/targets/:target/doctor", {
      config: { action: "target.examine" },
      schema: {
        operationId: "examineTarget",
        summary: "Say what a container allows, and why",
        description: ABOUT,
        tags: ["targets"],
        params: doctorParams,
        querystring: examinationQuery,
        response: { 200: examinationSchema, ...problemResponses(404, 409, 422, 503) },
      },
      handler: async (request) => {
        const { params, query } = request;
        const examined = await examineTarget(deps, { target: params.target, user: query.user });
        const { id, name } = examined.target;
        await deps.audit.record({
          caller: callerOf(request),
          action: "target.examine",
          object: id,
          outcome: "allowed",
          detail: { name, user: query.user },
        });
        return {
          ...examined,
          findings: [...examined.findings, ...deps.findByLabels(examined.target)],
        };
      },
    });
  };
}
