import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Schedule } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerContainer, type TestContainer } from "../../../test/support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "../../../test/support/deckhand-server.ts";
import { engines } from "../../../test/support/engines.ts";
import { type CommandLine, commandLine } from "./support/command-line.ts";

let server: DeckhandServer;
let line: CommandLine;
let container: TestContainer;

beforeAll(async () => {
  const { docker, images } = engines();
  container = await dockerContainer({ name: "cli-schedules", image: images.busybox });
  server = await startDeckhandServer({ engines: [`local=unix://${docker.socketPath}`] });
  line = await commandLine(server);
  const text = "#!/bin/sh\n# @deckhand 1\n# @param N int = 1 -- how many\necho hello $N\n";
  const stored = await server.fetch("/api/v1/scripts", {
    method: "POST",
    body: JSON.stringify({ path: "greet.sh", text }),
  });
  expect(stored.status).toBe(201);
});

afterAll(async () => {
  await server?.close();
  await line?.close();
  await container?.remove();
});

const schedules = (...words: string[]) => line.run(["schedules", ...words]);

async function read(name: string): Promise<Schedule> {
  return JSON.parse((await schedules("show", name, "-o", "json")).stdout) as Schedule;
}

test("a schedule is made, shown, changed where it is said, run, and removed", async () => {
  const where = ["--on", container.name, "--tz", "Europe/Berlin", "--jitter", "5m"];
  const made = await schedules("create", "nightly", "0 3 * * *", "greet", "N=2", ...where);
  expect(made).toMatchObject({ exitCode: 0, stderr: "deckhand: made the schedule nightly\n" });
  expect(made.stdout).toContain("0 3 * * * (Europe/Berlin), up to 5m later");
  expect((await schedules("ls")).stdout).toMatch(
    /^nightly +0 3 \* \* \* Europe\/Berlin +active +in /m,
  );

  const change = ["--cron", "0 4 * * *", "--overlap", "queue", "--missed", "one", "N=3"];
  expect((await schedules("set", "nightly", ...change)).exitCode).toBe(0);
  expect(await read("nightly")).toMatchObject({
    cron: "0 4 * * *",
    timeZone: "Europe/Berlin",
    jitter: "5m",
    overlap: "queue",
    missed: { policy: "one", most: 10 },
    run: { script: "greet", params: { N: "3" }, on: [container.name] },
  });

  expect((await schedules("pause", "nightly", "--reason", "OPS-412")).stdout).toContain("OPS-412");
  const ran = await schedules("run", "nightly");
  expect(ran).toMatchObject({ exitCode: 0, stdout: "hello 3\n" });
  expect((await schedules("history", "nightly")).stdout).toMatch(/succeeded, by request +run_/);
  expect((await schedules("resume", "nightly")).stdout).toContain("nightly  active");
  expect((await schedules("rm", "nightly")).exitCode).toBe(0);
  expect((await schedules("show", "nightly")).exitCode).toBe(66);
});

test("a command line and a file need no script in the library", async () => {
  const on = ["--on", container.name];
  const argv = await schedules("create", "argv", "@daily", ...on, "--", "echo", "from argv");
  expect(argv.exitCode).toBe(0);
  expect((await schedules("run", "argv")).stdout).toBe("from argv\n");
  const piped = await line.run(
    ["schedules", "create", "piped", "@daily", "-", "-i", "sh", "--disabled", ...on],
    { input: "echo from stdin\n" },
  );
  expect(piped.stdout).toContain("piped  disabled");
  expect((await schedules("run", "piped")).stdout).toBe("from stdin\n");
});

test("a parameter of the type file is kept as the file was, until another one is set", async () => {
  const script = join(line.home, "config.sh");
  const text = '#!/bin/sh\n# @deckhand 1\n# @param CONFIG file\nprintf %s "$CONFIG"\n';
  await writeFile(script, text);
  expect((await line.run(["scripts", "put", script, "config.sh"])).exitCode).toBe(0);
  const conf = join(line.home, "app.conf");
  await writeFile(conf, "port = 80\n\n");
  const made = ["create", "filed", "@yearly", "config", `CONFIG=@${conf}`, "--on", container.name];
  expect((await schedules(...made)).exitCode).toBe(0);
  await writeFile(conf, "port = 81\n");
  expect((await schedules("run", "filed")).stdout).toBe("port = 80\n\n");
  expect((await schedules("set", "filed", `CONFIG=@${conf}`)).exitCode).toBe(0);
  expect((await schedules("run", "filed")).stdout).toBe("port = 81\n");
  for (const words of [
    ["create", "other", "@yearly", "config", "--on", container.name],
    ["set", "filed"],
  ])
    expect(await schedules(...words, "CONFIG=@/none")).toMatchObject({
      exitCode: 64,
      stderr: expect.stringContaining('the file "/none" of CONFIG is not there'),
    });
});

test("the next times are shown before anything is saved, with what the clocks do to them", async () => {
  const words = ["30 2 * * *", "--tz", "Europe/Berlin", "--count", "100"];
  const { stdout } = await schedules("next", ...words);
  expect(stdout.split("\n")[0]).toMatch(/^DUE IN EUROPE\/BERLIN +UTC +COMES +NOTE$/);
  expect(stdout.trim().split("\n")).toHaveLength(101);
  const json = await schedules("next", "@every 10m", "--count", "2", "-o", "json");
  expect(JSON.parse(json.stdout)).toMatchObject({ timeZone: "UTC", data: [{}, {}] });
});

test.each([
  [["create", "x", "0 3 * *", "greet", "--on", "y"], "has 4 fields; write 5"],
  [
    ["create", "x", "@daily", "greet", "--on", "y", "--tz", "Europe/Berln"],
    "did you mean Europe/Berlin?",
  ],
  [["create", "x", "@daily", "--on", "y"], "it is not said what is to run"],
  [["next", "@often"], "does not know @often"],
])("%j is refused: %s", async (words, said) => {
  const refused = await schedules(...words);
  expect(refused.exitCode).not.toBe(0);
  expect(refused.stderr).toContain(said);
});
