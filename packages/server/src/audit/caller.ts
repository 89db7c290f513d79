import type { FastifyRequest } from "fastify";
import type { Principal } from "../access/action.ts";

/** Who asks, from where, in which request. */
export interface Caller {
  readonly principal: Principal | undefined;
  readonly address: string;
  readonly requestId: string;
}

export function callerOf(request: FastifyRequest): Caller {
  return { principal: request.principal, address: request.ip, requestId: request.id };
}
