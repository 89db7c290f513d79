import fc from "fast-check";
import { expect, test } from "vitest";
import { createClient } from "./client.ts";

const SERVER = "https://ops.example.org";

/** A client whose requests end here; gives what it would have sent. */
function recorded(answers: readonly (() => Response)[] = [], server = SERVER) {
  const sent: Request[] = [];
  const client = createClient({
    server,
    token: "dh_secret",
    send: async (address, request) => {
      sent.push(new Request(address, request));
      const answer = answers[sent.length - 1] ?? (() => Response.json({}));
      return answer();
    },
  });
  return { client, sent };
}

test("the token goes to the server only, whatever the path", async () => {
  const paths = fc.oneof(
    fc.constantFrom(
      "//evil.example/",
      "/\\evil.example/",
      "///evil.example",
      "/../..//evil.example",
      "/@evil.example",
    ),
    fc.string().map((text) => `/${text}`),
  );
  await fc.assert(
    fc.asyncProperty(paths, async (path) => {
      const { client, sent } = recorded();
      await client.request("GET", path);
      expect(new URL(sent[0]?.url ?? "").origin).toBe(SERVER);
    }),
  );
});

test("a path that is no path is refused before anything is sent", async () => {
  const { client, sent } = recorded();
  await expect(client.request("GET", "@evil.example/")).rejects.toThrow("begins with a slash");
  await expect(client.request("GET", "https://evil.example/")).rejects.toThrow();
  expect(sent).toHaveLength(0);
});

test("a server may live under a path of a proxy", async () => {
  const { client, sent } = recorded([], "https://ops.example.org/deckhand/");
  await client.getScript("db/vacuum");
  expect(sent[0]?.url).toBe("https://ops.example.org/deckhand/api/v1/scripts/db%2Fvacuum");
});

test("a run is asked for again with the same key when the connection broke", async () => {
  const broken = () => {
    throw new TypeError("fetch failed", {
      cause: Object.assign(new Error("reset"), { code: "ECONNRESET" }),
    });
  };
  const inFlight = () =>
    Response.json(
      { code: "IDEMPOTENCY_IN_FLIGHT", status: 409, detail: "still going on" },
      { status: 409 },
    );
  const { client, sent } = recorded([broken, inFlight, () => Response.json({ id: "run_1" })]);
  const run = await client.createRun({ argv: ["true"], on: ["db-1"] });
  expect(run.id).toBe("run_1");
  const keys = sent.map(({ headers }) => headers.get("idempotency-key"));
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
});

test("a wrong address is said at once", async () => {
  const refused = () => {
    throw new TypeError("fetch failed", {
      cause: Object.assign(new Error("no"), { code: "ECONNREFUSED" }),
    });
  };
  const { client, sent } = recorded([refused]);
  await expect(client.createRun({ argv: ["true"], on: ["db-1"] })).rejects.toMatchObject({
    code: "ECONNREFUSED",
  });
  expect(sent).toHaveLength(1);
});

test("what a proxy answers becomes a problem, also when it is JSON", async () => {
  const html = () =>
    new Response("<h1>Bad gateway</h1>", { status: 502, statusText: "Bad Gateway" });
  const json = () => Response.json("nope", { status: 404 });
  const { client } = recorded([html, json]);
  await expect(client.info()).rejects.toMatchObject({ problem: { status: 502, code: "INTERNAL" } });
  await expect(client.info()).rejects.toMatchObject({
    problem: { status: 404, code: "REQUEST_INVALID" },
  });
});
