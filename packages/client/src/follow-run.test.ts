import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createClient } from "./client.ts";
import type { RunUpdate } from "./follow-run.ts";

const RUN = "run_01k9g4z7e0s2m4n6p8q0r2t4v6";
const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

type Answer = (response: ServerResponse, url: URL) => void;

/** A server that answers each connection as told, to cut streams where no real one would. */
async function serveStreams(answers: readonly Answer[]) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://x");
    asked.push(url.searchParams.get("after") ?? "");
    const answer = answers[Math.min(asked.length, answers.length) - 1];
    answer?.(response, url);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { asked, client: createClient({ server: `http://127.0.0.1:${port}`, token: "t" }) };
}

const output = (seq: number) =>
  `id: ${seq}\nevent: output\ndata: {"seq":${seq},"text":"${seq}"}\n\n`;
const END = `event: end\ndata: {"id":"${RUN}","state":"succeeded"}\n\n`;

function stream(text: string, { cut = false } = {}): Answer {
  return (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(text, () => {
      if (cut) response.destroy();
      else response.end();
    });
  };
}

const refuse =
  (status: number): Answer =>
  (response) => {
    const problem = { code: "SHUTTING_DOWN", status, detail: "The server is shutting down." };
    response
      .writeHead(status, { "content-type": "application/problem+json" })
      .end(JSON.stringify(problem));
  };

async function collect(updates: AsyncIterable<RunUpdate>): Promise<string[]> {
  const told: string[] = [];
  for await (const { event, data } of updates)
    told.push("seq" in data ? `${event} ${data.seq}` : event);
  return told;
}

test("a cut stream is resumed after the last output, and says so", async () => {
  const half = output(3).slice(0, 20);
  const { client, asked } = await serveStreams([
    stream(output(1) + output(2) + half, { cut: true }),
    refuse(503),
    stream(output(3) + END),
  ]);
  expect(await collect(client.followRun(RUN))).toEqual([
    "output 1",
    "output 2",
    "disconnected",
    "reconnected",
    "output 3",
    "end",
  ]);
  expect(asked).toEqual(["0", "2", "2"]);
});

test("a stream that ends without an end is a cut one", async () => {
  const { client } = await serveStreams([stream(output(1)), stream(END)]);
  expect(await collect(client.followRun(RUN))).toEqual([
    "output 1",
    "disconnected",
    "reconnected",
    "end",
  ]);
});

test("a refusal that will not pass is thrown at once", async () => {
  const { client, asked } = await serveStreams([refuse(404)]);
  await expect(collect(client.followRun(RUN))).rejects.toMatchObject({ problem: { status: 404 } });
  expect(asked).toHaveLength(1);
});

test("a server that stays away is given up after a while, with its address", async () => {
  const { client } = await serveStreams([stream(output(1), { cut: true }), refuse(503)]);
  await expect(collect(client.followRun(RUN, { patienceMs: 400 }))).rejects.toThrow(
    /^The server at http:\/\/127\.0\.0\.1:\d+ does not answer \(The server is shutting down\.\)/,
  );
});

test("an aborted signal ends it without an error, also while it waits to try again", async () => {
  const { client } = await serveStreams([stream(output(1), { cut: true }), refuse(503)]);
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 300);
  expect(await collect(client.followRun(RUN, { signal: controller.signal }))).toEqual([
    "output 1",
    "disconnected",
  ]);
});
