import type { FastifyRequest } from "fastify";
import type { Principal } from "../access/action.ts";

/** Who asks, from where, in which request. */
export interface Caller {
  readonly principal: Principal | undefined;
  /** Null where the server does something by itself. */
  readonly address: string | null;
  readonly requestId: string | null;
}

/** The server itself, which no token stands for. */
export const OURSELVES: Caller = { principal: undefined, address: null, requestId: null };

/** The server, for whoever told it earlier to do so. */
export function callerItself(by: {
  readonly tokenId: string | null;
  readonly name: string;
}): Caller {
  const { tokenId, name } = by;
  return {
    principal: tokenId === null ? undefined : { tokenId, name },
    address: null,
    requestId: null,
  };
}

export function callerOf(request: FastifyRequest): Caller {
  return { principal: request.principal, address: request.ip, requestId: request.id };
}
