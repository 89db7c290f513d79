import { z } from "zod";
import { ERROR_CATALOG, type ErrorCode } from "../errors.ts";

/** RFC 9457, with our code, the places that are wrong, what to do, and the request's id. */
export const problem = z
  .object({
    type: z.string().meta({ example: "/docs/errors/PARAM_INVALID" }),
    title: z.string(),
    status: z.number().int(),
    code: z.enum(Object.keys(ERROR_CATALOG) as [ErrorCode, ...ErrorCode[]]),
    detail: z.string(),
    hint: z.string().optional(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
    requestId: z.string(),
  })
  .loose()
  .meta({ id: "Problem" });
export type Problem = z.infer<typeof problem>;
