import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { postJson } from "./post-json.ts";
import { reachRules } from "./reachable-address.ts";

let asked = 0;
let port = 0;
const server = createServer((_request, response) => {
  asked += 1;
  response.end("hello");
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const post = (host: string, allowed: readonly string[] = []) =>
  postJson(reachRules(allowed), {
    url: `http://${host}:${port}/`,
    headers: {},
    body: "{}",
    signal: AbortSignal.timeout(10_000),
  });

test.each([
  "127.0.0.1",
  "127.1",
  "2130706433",
  "0x7f.0.0.1",
  "0.0.0.0",
  "10.1.2.3",
  "172.31.0.1",
  "192.168.0.1",
  "100.64.0.1",
  "169.254.169.254",
  "[::1]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[fe80::1]",
  "[fd00:ec2::254]",
  "[64:ff9b::7f00:1]",
  "[2002:7f00:1::]",
  "localhost",
])("%s can not be reached unless somebody allows it", async (host) => {
  const before = asked;
  const { kind, answer } = await post(host);
  expect([kind, answer]).toEqual(["failed", expect.stringContaining("private address") as string]);
  expect(asked).toBe(before);
});

test.each([
  ["127.0.0.1", ["127.0.0.0/8"]],
  ["localhost", ["127.0.0.1/32"]],
  ["[::ffff:127.0.0.1]", ["127.0.0.1/32"]],
])("%s can be reached where %j is allowed", async (host, allowed) => {
  expect(await post(host, allowed)).toEqual({ kind: "delivered", status: 200, answer: "hello" });
});

test("a network that is allowed opens no other one", async () => {
  expect(await post("127.0.0.1", ["10.0.0.0/8", "::/0"])).toMatchObject({ kind: "failed" });
});

test("public addresses need nobody's leave", async () => {
  const rules = reachRules([]);
  expect(() => rules.assertHost("93.184.216.34")).not.toThrow();
  expect(() => rules.assertHost("[2606:2800:220:1::1]")).not.toThrow();
  expect(await rules.resolve("93.184.216.34")).toBe("93.184.216.34");
  await expect(rules.resolve("localhost")).rejects.toThrow("private address");
});
