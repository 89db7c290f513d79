import http from "node:http";
import { SetUpError } from "../set-up-error.mjs";

/** An address is `{ socketPath }`, or `{ host, port }` for a plain TCP engine. */
export function formatAddress(address) {
  return address.socketPath
    ? `unix://${address.socketPath}`
    : `tcp://${address.host}:${address.port}`;
}

/** The address in a URL, or undefined when it is of another kind. */
export function parseAddress(text) {
  const [, scheme, rest] = /^(\w+):\/\/(.+?)\/?$/.exec(text) ?? [];
  if (scheme === "unix") return { socketPath: rest };
  if (scheme !== "tcp") return undefined;
  const { hostname, port } = new URL(`http://${rest}`);
  return { host: hostname, port: Number(port || 2375) };
}

/** Answers whether an engine speaks at the address, within the time. */
export async function isAnswering(address, timeoutMs = 1500) {
  try {
    const answer = await engineFetch(address, { path: "/_ping", timeoutMs });
    return answer.status === 200;
  } catch {
    return false;
  }
}

/** One request to the engine; the whole answer is text, and a status above 399 is left to the caller. */
export async function engineFetch(address, request) {
  const response = await engineStream(address, request);
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode, text: Buffer.concat(chunks).toString("utf8") };
}

/** The parsed JSON of a request that must succeed. */
export async function engineJson(address, request) {
  const answer = await engineFetch(address, request);
  if (answer.status < 400) return answer.text ? JSON.parse(answer.text) : undefined;
  throw refused(address, request, answer);
}

/** Sends a request whose body may be a stream and gives the response as a stream. */
export function engineStream(address, { method = "GET", path, body, headers, timeoutMs, signal }) {
  return new Promise((resolve, reject) => {
    const limit = timeoutMs ? AbortSignal.timeout(timeoutMs) : undefined;
    const stop = limit && signal ? AbortSignal.any([limit, signal]) : (limit ?? signal);
    const request = http.request({ ...address, method, path, headers, signal: stop }, resolve);
    request.once("error", reject);
    sendBody(request, body, reject);
  });
}

function sendBody(request, body, reject) {
  if (body === undefined) return request.end();
  if (typeof body.pipe !== "function") {
    request.setHeader("content-type", "application/json");
    return request.end(JSON.stringify(body));
  }
  if (!request.hasHeader("content-type")) request.setHeader("content-type", "application/x-tar");
  body.once("error", reject);
  return body.pipe(request);
}

function refused(address, request, answer) {
  const what = `${request.method ?? "GET"} ${request.path}`;
  return new SetUpError(`${formatAddress(address)} refused ${what} (${answer.status})`, {
    hint: answer.text.slice(0, 2000),
  });
}
