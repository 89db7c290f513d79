import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { createClient } from "@deckhand/client";
import { expect, onTestFinished, test } from "vitest";
import { sendRequest } from "./send-request.ts";

/** A client of a server that answers so; `paths` are what it was asked for. */
async function clientOf(answer: RequestListener) {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(`${request.method} ${request.url}`);
    answer(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const client = createClient({
    server: `http://127.0.0.1:${port}`,
    token: "dh_secret",
    send: sendRequest,
  });
  return { client, paths, server };
}

test("what is sent arrives, and the answer comes with its status, headers and bytes", async () => {
  const { client } = await clientOf((request, response) => {
    const { authorization, "content-type": type } = request.headers;
    response.writeHead(201, { "x-request-id": "req_1" });
    void text(request).then((body) => response.end(JSON.stringify({ body, authorization, type })));
  });
  const answer = await client.request("POST", "/things", { body: { name: "é漢" } });
  expect([answer.status, answer.statusText, answer.headers.get("x-request-id")]).toEqual([
    201,
    "Created",
    "req_1",
  ]);
  expect(await answer.json()).toEqual({
    body: '{"name":"é漢"}',
    authorization: "Bearer dh_secret",
    type: "application/json",
  });
});

test("who is sent on does not go there, and is told where", async () => {
  const { client, paths } = await clientOf((_request, response) =>
    response.writeHead(308, { location: "https://ops.example.org/api/v1/info" }).end(),
  );
  await expect(client.info()).rejects.toMatchObject({
    problem: { status: 308, hint: expect.stringContaining("https://ops.example.org/api/v1/info") },
  });
  expect(paths).toEqual(["GET /api/v1/info"]);
});

test("a server that is not there, or goes away in the middle, is told by the system's word", async () => {
  const { client, server } = await clientOf((request, response) => {
    response.writeHead(200).write("{");
    setTimeout(() => request.socket.destroy(), 50);
  });
  await expect(client.info()).rejects.toMatchObject({ code: "ECONNRESET" });
  server.close();
  await once(server, "close");
  await expect(client.info()).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("an answer that nobody reads does not keep the command from ending", async () => {
  const { server } = await clientOf((_request, response) => response.writeHead(204).end());
  // Whoever stays for the connection does not end before the test does.
  server.keepAliveTimeout = 600_000;
  const { port } = server.address() as AddressInfo;
  const program = `
    const { sendRequest } = await import(${JSON.stringify(import.meta.resolve("./send-request.ts"))});
    await sendRequest(new URL("http://127.0.0.1:${port}"), { method: "DELETE", headers: {} });
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program]);
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("what is given up ends the request", async () => {
  const { client } = await clientOf(() => undefined);
  const asking = client.request("GET", "/silent", { signal: AbortSignal.timeout(100) });
  await expect(asking).rejects.toMatchObject({ name: "AbortError" });
});
