import type { IncomingMessage } from "node:http";
import { newId } from "../ids/new-id.ts";

/** An id of the caller's that can stand in a log line and a header as it is. */
const SAFE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** The caller's X-Request-Id where it is harmless, else a new one. */
export function toRequestId(request: Pick<IncomingMessage, "headers">): string {
  const given = request.headers["x-request-id"];
  if (typeof given === "string" && SAFE_ID.test(given)) return given;
  return newId("request");
}
