import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { ErrorCode } from "@deckhand/core";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { Action, Principal } from "../access/action.ts";

/** The Fastify instance as every `*.routes.ts` gets it: schemas are zod's, each route names its action. */
export type App = FastifyInstance<
  Server,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** Examples for the API's description; without them one is made from the schema. */
export interface RouteExamples {
  readonly request?: Readonly<
    Record<string, { readonly summary: string; readonly value: unknown }>
  >;
  /** By status. */
  readonly answers?: Readonly<Record<number, unknown>>;
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** What a caller must be allowed to do; a route without one does not start. */
    action?: Action;
    examples?: RouteExamples;
  }
  interface FastifyRequest {
    /** Who calls; undefined on public routes only. */
    principal: Principal | undefined;
    /** The code of the problem that was answered. */
    errorCode: ErrorCode | undefined;
  }
}
