import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerContainer, type TestContainer } from "../../../test/support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "../../../test/support/deckhand-server.ts";
import { engines } from "../../../test/support/engines.ts";
import { type CommandLine, commandLine } from "./support/command-line.ts";
import { type CuttingProxy, startCuttingProxy } from "./support/cutting-proxy.ts";

let server: DeckhandServer;
let proxy: CuttingProxy;
let line: CommandLine;
/** Its connections go through the proxy. */
let farLine: CommandLine;
let target: TestContainer;

beforeAll(async () => {
  const { docker, images } = engines();
  target = await dockerContainer({ name: "cli-follow", image: images.busybox });
  // The proxy has a port of its own, which a server takes for another host unless it is told.
  const env = { DECKHAND_HTTP_ALLOWED_HOSTS: "127.0.0.1" };
  server = await startDeckhandServer({ engines: [`local=unix://${docker.socketPath}`], env });
  proxy = await startCuttingProxy(() => server.url);
  line = await commandLine(server);
  farLine = await commandLine({ url: proxy.url, token: server.token });
});

afterAll(async () => {
  await target.remove();
  await proxy.close();
  await server.close();
  await line.close();
  await farLine.close();
});

/** A word that is found in the container's list of processes. */
const mark = () => `9${randomBytes(3).readUIntBE(0, 3)}`;
const onTarget = (text: string) => ["--on", target.name, "--", "sh", "-c", text];
const isRunning = async (word: string) => (await target.exec(["ps"])).includes(`sleep ${word}`);

async function detached(text: string): Promise<string> {
  return (await line.run(["exec", "--detach", ...onTarget(text)])).stdout.trim();
}

test("Ctrl-C ends the script in the container, waits for it, and says so", async () => {
  const word = mark();
  const command = line.start(["exec", ...onTarget(`echo started; sleep ${word}`)]);
  await command.says("started");
  expect(await isRunning(word)).toBe(true);
  command.signal("SIGINT");
  const done = await command.finished;
  expect(done.exitCode).toBe(130);
  expect(done.stderr).toMatch(/^deckhand: cancelling run_\w+; Ctrl-C again leaves at once$/m);
  expect(await isRunning(word)).toBe(false);
});

test("Ctrl-C twice leaves at once, and the server goes on cancelling", async () => {
  const word = mark();
  const command = line.start([
    "exec",
    "--kill-grace",
    "2s",
    ...onTarget(`trap '' TERM; echo started; while :; do sleep ${word}; done`),
  ]);
  await command.says("started");
  command.signal("SIGINT");
  await command.says("cancelling");
  const askedAt = performance.now();
  command.signal("SIGINT");
  const done = await command.finished;
  expect(performance.now() - askedAt).toBeLessThan(1_000);
  expect(done.exitCode).toBe(130);
  const [, runId = ""] = /deckhand watch (run_\w+)/.exec(done.stderr) ?? [];
  expect((await line.run(["wait", runId])).exitCode).toBe(130);
  expect(await isRunning(word)).toBe(false);
});

test("Ctrl-C in watch only leaves; cancel ends the run", async () => {
  const word = mark();
  const runId = await detached(`echo started; sleep ${word}`);
  const watching = line.start(["watch", runId]);
  await watching.says("started");
  watching.signal("SIGINT");
  const left = await watching.finished;
  expect(left).toMatchObject({ exitCode: 130, stderr: expect.stringContaining("the run goes on") });
  expect(await isRunning(word)).toBe(true);
  const cancelled = await line.run(["cancel", runId, "-o", "json"]);
  expect(JSON.parse(cancelled.stdout)).toMatchObject({ state: "cancelled" });
  expect(await isRunning(word)).toBe(false);
});

test("when nobody reads the output any more, the command leaves and says that the run goes on", async () => {
  const command = line.start(["exec", ...onTarget("while :; do echo more; sleep 0.1; done")]);
  await command.says("more");
  command.stopReading();
  const done = await command.finished;
  expect(done.exitCode).toBe(130);
  const [, runId = ""] = /the run goes on; see: deckhand watch (run_\w+)/.exec(done.stderr) ?? [];
  expect((await line.run(["cancel", runId])).exitCode).toBe(0);
});

test("a run that is followed over cut connections comes out whole, once, in order", async () => {
  const script = "i=0; while [ $i -lt 60 ]; do echo line $i; i=$((i+1)); sleep 0.05; done";
  const command = farLine.start(["exec", ...onTarget(script)]);
  for (const seen of ["line 5\n", "line 20\n", "line 40\n"]) {
    await command.says(seen);
    proxy.cut();
  }
  const done = await command.finished;
  const expected = Array.from({ length: 60 }, (_, index) => `line ${index}\n`).join("");
  expect(done).toMatchObject({ exitCode: 0, stdout: expected });
  expect(done.stderr.match(/nothing is missing/g)).toHaveLength(3);
});

test("logs -f resumes after a cut, and ends when the run does", async () => {
  const runId = await detached("echo one; sleep 1; echo two; sleep 0.5; echo three");
  const logs = farLine.start(["logs", "-f", runId]);
  await logs.says("one");
  proxy.cut();
  expect(await logs.finished).toMatchObject({ exitCode: 0, stdout: "one\ntwo\nthree\n" });
});

test("a server that dies and comes back: the follower sees the rest of the run, and its true end", async () => {
  const command = farLine.start(["exec", ...onTarget("echo before; sleep 6; echo after; exit 7")]);
  await command.says("before");
  await server.kill("SIGKILL");
  await server.start();
  const done = await command.finished;
  expect(done.stderr).toContain("connection lost, the run goes on");
  expect(done).toMatchObject({ stdout: "before\nafter\n", exitCode: 7 });
  // The server has another address now.
  await line.close();
  line = await commandLine(server);
});

test("logs: all, one stream, raw bytes, one document, a line each", async () => {
  const runId = await detached("echo out; echo err >&2; printf '\\377\\000'");
  await line.run(["wait", runId]);
  const logs = (...words: string[]) => line.run(["logs", runId, ...words]);
  const all = await logs();
  expect(all.bytes.equals(Buffer.from("out\n\xff\0", "latin1"))).toBe(true);
  expect(all.stderr).toBe("err\n");
  expect(await logs("--stream", "stderr")).toMatchObject({ stdout: "", stderr: "err\n" });
  const raw = await logs("--raw", "--stream", "stdout");
  expect(raw.bytes.equals(all.bytes)).toBe(true);
  const frames = JSON.parse((await logs("-o", "json")).stdout) as unknown[];
  const lines = (await logs("-o", "jsonl")).stdout.trimEnd().split("\n");
  expect(lines.map((text) => JSON.parse(text) as unknown)).toEqual(frames);
  expect(await logs("--on", "nobody")).toMatchObject({
    exitCode: 66,
    stderr: expect.stringContaining(target.name),
  });
});

test("wait passes the exit code on, show and runs tell of the run, rerun repeats it", async () => {
  const runId = await detached("exit 9");
  expect(await line.run(["wait", runId])).toMatchObject({ exitCode: 9, stdout: "", stderr: "" });
  const shown = await line.run(["show", runId]);
  expect(shown.stdout).toContain("exit 9");
  const list = await line.run(["runs", "--state", "failed", "--target", target.name, "-o", "json"]);
  const { data } = JSON.parse(list.stdout) as { data: { id: string }[] };
  expect(data.map(({ id }) => id)).toContain(runId);
  const again = await line.run(["rerun", runId, "--failed", "-o", "json"]);
  expect(again.exitCode).toBe(9);
  expect(JSON.parse(again.stdout)).toMatchObject({ rerunOf: runId });
});

test("cancelling what has ended is a conflict", async () => {
  const runId = await detached("true");
  await line.run(["wait", runId]);
  expect((await line.run(["cancel", runId])).exitCode).toBe(65);
});
