import type { Socket } from "node:net";
import { AppError } from "@deckhand/core";
import { newId } from "../ids/new-id.ts";
import { toProblem } from "./to-problem.ts";

const STATUS_LINES: Readonly<Record<string, { readonly line: string; readonly detail: string }>> = {
  ERR_HTTP_REQUEST_TIMEOUT: {
    line: "408 Request Timeout",
    detail: "The request did not arrive in time.",
  },
  HPE_HEADER_OVERFLOW: {
    line: "431 Request Header Fields Too Large",
    detail: "The headers are too large.",
  },
};
const UNREADABLE = { line: "400 Bad Request", detail: "The request is no HTTP that can be read." };

/** Answers what never became a request: the connection is closed after it. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  if (socket.writable) socket.write(toAnswer(STATUS_LINES[error.code ?? ""] ?? UNREADABLE));
  socket.destroy();
}

function toAnswer({ line, detail }: { readonly line: string; readonly detail: string }): string {
  const requestId = newId("request");
  const problem = toProblem(new AppError("REQUEST_INVALID", { detail }), requestId);
  const body = JSON.stringify({ ...problem, status: Number.parseInt(line, 10) });
  const headers = [
    "Content-Type: application/problem+json; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    "Connection: close",
  ];
  return `HTTP/1.1 ${line}\r\n${headers.join("\r\n")}\r\n\r\n${body}`;
}
