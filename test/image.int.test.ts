import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { RunRequestInput, Run } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { docker, dockerContainer, type TestContainer } from "./support/containers.ts";
import { engines } from "./support/engines.ts";
import { type ImageContext, prepareImageContext } from "./support/image-context.ts";

const run = promisify(execFile);
const { docker: engine, images } = engines();

const mark = randomBytes(4).toString("hex");
const image = `deckhand-test/image-${mark}`;
const server = `dh-test-image-${mark}`;
const volume = `dh-test-image-${mark}`;
let context: ImageContext;
let target: TestContainer;

beforeAll(async () => {
  context = await prepareImageContext();
  target = await dockerContainer({ name: "image-target", image: images.busybox });
  await build();
  await docker("run", ...(await runFlags()), image);
  await untilItAnswers();
}, 600_000);

afterAll(async () => {
  await docker("rm", "--force", "--volumes", server).catch(() => "");
  await docker("volume", "rm", "--force", volume).catch(() => "");
  await docker("image", "rm", "--force", image).catch(() => "");
  await target?.remove();
  await context?.remove();
});

/** Without a network: all that it takes is in the context and in the two bases. */
async function build(): Promise<void> {
  const args = [
    ...["build", "--network", "none", "--file", join(context.path, "deploy/Dockerfile")],
    ...["--build-arg", `BUILDER=${images.builder}`, "--build-arg", `BASE=${images.postgres}`],
    ...["--tag", image, context.path],
  ];
  // The builder that every engine has.
  const env = { ...process.env, DOCKER_HOST: `unix://${engine.socketPath}`, DOCKER_BUILDKIT: "0" };
  await run("docker", args, { env, maxBuffer: 64 * 1024 * 1024 });
}

async function runFlags(): Promise<readonly string[]> {
  const { gid } = await stat(engine.socketPath);
  return [
    ...["--detach", "--name", server, "--publish", "127.0.0.1::8000"],
    ...["--volume", `${volume}:/data`, "--volume", `${engine.socketPath}:/var/run/docker.sock`],
    ...["--group-add", `${gid}`, "--read-only", "--cap-drop", "ALL"],
    ...["--security-opt", "no-new-privileges"],
  ];
}

async function untilItAnswers(): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (await isAnswering()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const { stdout, stderr } = await run("docker", ["logs", server]);
  throw new Error(`the server does not answer: ${stdout}${stderr}`);
}

async function isAnswering(): Promise<boolean> {
  try {
    return (await fetch(`${await address()}/healthz`)).ok;
  } catch {
    return false;
  }
}

async function address(): Promise<string> {
  return `http://${await docker("port", server, "8000/tcp")}`;
}

async function runThrough(request: RunRequestInput): Promise<Run> {
  const token = await docker("exec", server, "cat", "/data/first-token");
  const answer = await fetch(`${await address()}/api/v1/runs?wait=60s&include=output`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(request),
  });
  const text = await answer.text();
  expect(answer.status, text).toBe(201);
  return JSON.parse(text) as Run;
}

test("a server from the image runs a script in another container, by the guard that was compiled for it", async () => {
  const ended = await runThrough({
    inline: { text: "echo from $(hostname)", interpreter: "sh" },
    on: [`name=${target.name}`],
  });
  expect(ended.state).toBe("succeeded");
  const [execution] = ended.executions;
  expect(execution?.guarantees?.way).toBe("guard");
  expect(execution?.output.stdout).toBe(`from ${target.id.slice(0, 12)}\n`);
});

test("the engine knows that it is well", async () => {
  const status = () => docker("inspect", "--format", "{{.State.Health.Status}}", server);
  await expect.poll(status, { timeout: 100_000, interval: 500 }).toBe("healthy");
});

test("its command line is there, and finds the server beside it", async () => {
  const listed = await docker("exec", server, "deckhand", "targets", "-o", "json");
  expect((JSON.parse(listed) as { name: string }[]).map(({ name }) => name)).toContain(target.name);
});

test("it runs as nobody else's user, and keeps what it knows to that user", async () => {
  expect(await docker("exec", server, "id", "-u")).toBe("10001");
  expect(await docker("exec", server, "stat", "-c", "%u %a", "/data")).toBe("10001 700");
  const settings = JSON.parse(await docker("inspect", "--format", "{{json .Config}}", image));
  expect(settings).toMatchObject({
    User: "10001:10001",
    ExposedPorts: { "8000/tcp": {} },
    Volumes: { "/data": {} },
  });
});

test("it holds a guard for both machines, and neither compilers nor tests nor what only development needs", async () => {
  const inside = (command: string) => docker("exec", server, "sh", "-c", command);
  const guards = await inside("cd /opt/deckhand/guard/build && ls deckhand-guard-*[0-9]*4");
  expect(guards.split("\n")).toEqual(["deckhand-guard-aarch64", "deckhand-guard-x86_64"]);
  expect(await inside("find /opt/deckhand/packages -name '*.test.ts' | head -1")).toBe("");
  expect(await inside("ls /opt/deckhand/node_modules/.pnpm | grep -c '^vitest@' || true")).toBe(
    "0",
  );
  expect(await inside("command -v gcc || echo none")).toBe("none");
});

test("a stop is clean, and what ran before is still known after the next start", async () => {
  const before = await runThrough({
    inline: { text: "exit 4", interpreter: "sh" },
    on: [`name=${target.name}`],
  });
  expect(before.state).toBe("failed");
  await docker("stop", "--time", "30", server);
  expect(await docker("inspect", "--format", "{{.State.ExitCode}}", server)).toBe("0");
  await docker("start", server);
  await untilItAnswers();
  const shown = await docker("exec", server, "deckhand", "show", before.id, "-o", "json");
  expect(JSON.parse(shown)).toMatchObject({ id: before.id, state: "failed" });
});
