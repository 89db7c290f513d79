import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dockerContainer, type TestContainer } from "../../../test/support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "../../../test/support/deckhand-server.ts";
import { engines } from "../../../test/support/engines.ts";
import { type CommandLine, commandLine } from "./support/command-line.ts";

const LABEL = `cli-run=${randomBytes(4).toString("hex")}`;
const ALL = ["--on", `label=${LABEL}`];
let server: DeckhandServer;
let line: CommandLine;
let containers: TestContainer[] = [];
let first: TestContainer;

beforeAll(async () => {
  const { docker, images } = engines();
  const create = (name: string) =>
    dockerContainer({ name, image: images.busybox, flags: ["--label", LABEL] });
  containers = await Promise.all([create("cli-one"), create("cli-two")]);
  [first] = containers as [TestContainer];
  server = await startDeckhandServer({ engines: [`local=unix://${docker.socketPath}`] });
  line = await commandLine(server);
});

afterAll(async () => {
  await Promise.all(containers.map((container) => container.remove()));
  await server.close();
  await line.close();
});

const sh = (text: string) => ["--", "sh", "-c", text];

test("on one target both streams and the exit code are the script's own", async () => {
  const done = await line.run([
    "exec",
    "--on",
    first.name,
    ...sh("echo out; echo err >&2; exit 7"),
  ]);
  expect(done).toMatchObject({ stdout: "out\n", stderr: "err\n", exitCode: 7 });
});

test("on one target every byte comes out as it was written", async () => {
  const bytes = randomBytes(300_000);
  const options = { input: bytes };
  const done = await line.run(["exec", "--on", first.name, "--stdin", "--", "cat"], options);
  expect(done.exitCode).toBe(0);
  expect(done.bytes.equals(bytes)).toBe(true);
});

test.each([
  ["a signal", sh("kill -9 $$"), 137],
  ["a timeout", ["--timeout", "1s", ...sh("sleep 60")], 124],
  ["a program that is not there", ["--", "no-such-program"], 127],
  ["no exit status wanted", ["--no-exit-status", ...sh("exit 5")], 0],
])("%s has its exit code", async (_name, words, exitCode) => {
  expect((await line.run(["exec", "--on", first.name, ...words])).exitCode).toBe(exitCode);
});

test("on several targets lines carry names, and the summary is not on stdout", async () => {
  const done = await line.run(["exec", ...ALL, ...sh("echo hello; [ $HOSTNAME = x ]")]);
  const width = Math.max(...containers.map(({ name }) => name.length));
  const expected = containers.map(({ name }) => `${name.padEnd(width)} | hello`);
  expect(done.stdout.trimEnd().split("\n").sort()).toEqual(expected.sort());
  expect(done.stderr).toContain("2 ✕");
  expect(done.stderr).toMatch(/deckhand rerun run_\w+ --failed/);
  expect(done.exitCode).toBe(1);
});

test("--exit max gives the highest code of several targets", async () => {
  expect((await line.run(["exec", ...ALL, "--exit", "max", ...sh("exit 3")])).exitCode).toBe(3);
});

test("escape sequences of several targets do not reach the terminal's owner", async () => {
  const done = await line.run([
    "exec",
    ...ALL,
    ...sh("printf '\\033]0;owned\\007\\033[2Jtext\\n'"),
  ]);
  expect(done.stdout).not.toContain("\u001b");
  expect(done.stdout).toContain("| text");
});

test("--view raw gives the bytes of one target after the other", async () => {
  const script = "echo a; sleep 0.3; printf 'b\\000\\n'";
  const done = await line.run(["exec", ...ALL, "--view", "raw", ...sh(script)]);
  expect(done.stdout).toBe("a\nb\0\na\nb\0\n");
});

test("--view group gives one block a target, --view quiet the summary only", async () => {
  const grouped = await line.run([
    "exec",
    ...ALL,
    "--view",
    "group",
    ...sh("echo a; sleep 0.2; echo b"),
  ]);
  const quiet = await line.run(["exec", ...ALL, "--view", "quiet", ...sh("echo a")]);
  expect(grouped.stdout.replaceAll(/── .* ──/g, "──")).toBe("──\na\nb\n──\na\nb\n");
  expect(quiet).toMatchObject({ stdout: "", stderr: expect.stringContaining("2 ✓") });
});

test("on a terminal there is a row a target, and what failed comes last and first", async () => {
  const script = "echo working; sleep 1.5; exit 4";
  const { stdout, exitCode } = await line.onTerminal(["exec", ...ALL, ...sh(script)], {
    env: { NO_COLOR: "1" },
  });
  expect(stdout).toMatch(new RegExp(`▶ ${first.name} .*working`));
  expect(stdout).toContain("\u001b[4A\r\u001b[0J");
  expect(stdout).not.toContain("\u001b[?1049h");
  const end = stdout.slice(stdout.lastIndexOf("\u001b[0J"));
  expect(end).toMatch(new RegExp(`✕ ${first.name}  exit 4 after 1\\.\\ds`));
  expect(end).toContain("│ working");
  expect(exitCode).toBe(1);
});

test("-o json is one document, -o jsonl one a line", async () => {
  const json = await line.run(["exec", ...ALL, "-o", "json", ...sh("echo hi")]);
  const run = JSON.parse(json.stdout) as { executions: { output: { stdout: string } }[] };
  expect(run.executions.map(({ output }) => output.stdout)).toEqual(["hi\n", "hi\n"]);
  const lines = await line.run(["exec", ...ALL, "-o", "jsonl", ...sh("echo hi")]);
  const events = lines.stdout
    .trimEnd()
    .split("\n")
    .map((text) => JSON.parse(text) as { event: string });
  expect(events.filter(({ event }) => event === "output")).toHaveLength(2);
  expect(events.at(-1)?.event).toBe("end");
});

test("a local file runs without being stored, with arguments, variables and parameters from files", async () => {
  const script = join(line.home, "say.sh");
  await writeFile(
    script,
    '#!/bin/sh\n# @deckhand 1\n# @args\n# @param WHO string\necho "$1 $X $WHO"\n',
  );
  await writeFile(join(line.home, "who"), "the world");
  const words = ["run", "./say.sh", "WHO=@who", "--on", first.name, "-e", "X=5", "--", "arg"];
  expect(await line.run(words, { cwd: line.home })).toMatchObject({
    stdout: "arg 5 the world\n",
    exitCode: 0,
  });
});

test("a missing parameter is named, and nothing runs", async () => {
  const script = join(line.home, "needs.sh");
  await writeFile(script, "#!/bin/sh\n# @deckhand 1\n# @param WHO string\necho ran\n");
  const done = await line.run(["run", script, "--on", first.name]);
  expect(done).toMatchObject({
    stdout: "",
    exitCode: 64,
    stderr: expect.stringContaining("WHO is required"),
  });
});

test("on a terminal a missing parameter is asked for", async () => {
  const script = join(line.home, "asks.sh");
  await writeFile(
    script,
    '#!/bin/sh\n# @deckhand 1\n# @param WHO string -- whom\necho "hi $WHO"\n',
  );
  const done = await line.onTerminal(["run", script, "--on", first.name], { input: "you\r" });
  expect(done.stdout).toContain("WHO: whom = ");
  expect(done.stdout).toContain("hi you");
  expect(done.exitCode).toBe(0);
});

describe("a parameter of the type file", () => {
  const content = "\uFEFFa=1\r\n\tb='é😀' \n\n";
  const words = () => ["run", "./config.sh", "--on", first.name];

  beforeAll(async () => {
    const header = "#!/bin/sh\n# @deckhand 1\n# @param CONFIG file -- its settings\n";
    const code = 'f=$(mktemp)\nprintf %s "$CONFIG" > "$f"\ncat "$f"\nrm "$f"\n';
    await writeFile(join(line.home, "config.sh"), header + code);
    await writeFile(join(line.home, "app.conf"), content);
    await writeFile(join(line.home, "latin1.conf"), Buffer.from([0x61, 0xe9, 0x0a]));
    await writeFile(join(line.home, "nul.conf"), "a\0b");
    await writeFile(join(line.home, "largest.conf"), "x".repeat(65_536));
    await writeFile(join(line.home, "larger.conf"), "x".repeat(65_537));
  });

  test.each([
    ["./app.conf", content],
    ["@./app.conf", content],
    ["largest.conf", "x".repeat(65_536)],
  ])("%s is its path, and the script has its bytes", async (path, expected) => {
    const done = await line.run([...words(), `CONFIG=${path}`], { cwd: line.home });
    expect(done.stderr).toBe("");
    expect(done.bytes.equals(Buffer.from(expected))).toBe(true);
  });

  test.each([
    ["nope.conf", 'the file "nope.conf" of CONFIG is not there'],
    [".", 'the file "." of CONFIG can not be read (EISDIR)'],
    [
      "latin1.conf",
      "is not UTF-8\n  Binary files are not taken; encode them, or use standard input",
    ],
    ["@nul.conf", "holds a NUL character\n  Binary files are not taken"],
    ["larger.conf", "has more than 65536 bytes, the limit of a parameter"],
  ])("%j is refused in words", async (path, message) => {
    const done = await line.run([...words(), `CONFIG=${path}`], { cwd: line.home });
    expect(done).toMatchObject({
      stdout: "",
      stderr: expect.stringContaining(message),
      exitCode: 64,
    });
  });

  test("is asked for by its path, and a stored script that runs again takes a path too", async () => {
    const [script, conf] = [join(line.home, "config.sh"), join(line.home, "app.conf")];
    const typed = line.startOnTerminal(["run", script, "--on", first.name]);
    await typed.says("CONFIG: its settings (path of a text file) = ");
    typed.type(`${conf}\r`);
    const asked = await typed.finished;
    expect(asked.stdout).toContain("b='é😀'");
    await line.run(["scripts", "put", script, "cli/config.sh"]);
    const run = ["run", "cli/config", "--on", first.name, `CONFIG=${script}`, "-o", "json"];
    const { id } = JSON.parse((await line.run(run)).stdout) as { id: string };
    const again = await line.run(["rerun", id, `CONFIG=${conf}`]);
    expect(again.bytes.equals(Buffer.from(content))).toBe(true);
  });
});

test("a script comes from standard input with its interpreter", async () => {
  const words = ["run", "-", "-i", "sh", "--on", first.name];
  expect(await line.run(words, { input: "echo from stdin\n" })).toMatchObject({
    stdout: "from stdin\n",
    exitCode: 0,
  });
});

test("--dry-run says what would run where, and starts nothing", async () => {
  const before = await line.run(["runs", "-o", "json", "-n", "1"]);
  const done = await line.run([
    "exec",
    ...ALL,
    "--dry-run",
    "-o",
    "json",
    "--",
    "touch",
    "/tmp/never",
  ]);
  const plan = JSON.parse(done.stdout) as { targets: { name: string }[] };
  expect(plan.targets.map(({ name }) => name).sort()).toEqual(
    containers.map(({ name }) => name).sort(),
  );
  expect((await line.run(["runs", "-o", "json", "-n", "1"])).stdout).toBe(before.stdout);
});

test("the same idempotency key does not start a second run", async () => {
  const key = randomBytes(8).toString("hex");
  const words = [
    "exec",
    "--on",
    first.name,
    "--idempotency-key",
    key,
    "--detach",
    ...sh("echo once >>/tmp/once"),
  ];
  const [one, two] = [await line.run(words), await line.run(words)];
  expect(two.stdout).toBe(one.stdout);
  await line.run(["wait", one.stdout.trim()]);
  expect(await first.exec(["cat", "/tmp/once"])).toBe("once");
});

test("no target: 66 with what to do, or success where that is allowed", async () => {
  const none = ["exec", "--on", "label=no-such-label", "--", "true"];
  expect(await line.run(none)).toMatchObject({
    exitCode: 66,
    stderr: expect.stringContaining("deckhand targets"),
  });
  const allowed = await line.run(["exec", "--allow-empty", "-o", "json", ...none.slice(1)]);
  expect(allowed.exitCode).toBe(0);
  expect(JSON.parse(allowed.stdout)).toMatchObject({ executions: [] });
});

test("binary output is the same in the terminal's pipe and in the history", async () => {
  const words = ["exec", "--on", first.name, "--", "head", "-c", "100000", "/dev/urandom"];
  const done = await line.run(words);
  expect(done.bytes).toHaveLength(100_000);
  const list = await line.run(["runs", "--target", first.name, "-n", "1", "-o", "json"]);
  const { data } = JSON.parse(list.stdout) as { data: { id: string }[] };
  const kept = await line.run(["logs", data[0]?.id ?? "", "--raw"]);
  expect(kept.bytes.equals(done.bytes)).toBe(true);
});

test("rerun --failed goes only where the run did not succeed", async () => {
  const script = "[ -e /tmp/well ] && exit 0; touch /tmp/well; exit 6";
  await first.exec(["touch", "/tmp/well"]);
  const done = await line.run(["exec", ...ALL, "-o", "json", ...sh(script)]);
  expect(done.exitCode).toBe(1);
  const { id } = JSON.parse(done.stdout) as { id: string };
  const again = await line.run(["rerun", id, "--failed", "-o", "json"]);
  const { executions } = JSON.parse(again.stdout) as { executions: { target: { name: string } }[] };
  expect(executions.map(({ target }) => target.name)).toEqual([containers[1]?.name]);
  expect(again.exitCode).toBe(0);
});

test("parameters come from a JSON object, and those on the command line go before it", async () => {
  const script = join(line.home, "params.sh");
  const text = '# @param WHO string\n# @param N int = 1\necho "$WHO $N"\n';
  await writeFile(script, `#!/bin/sh\n# @deckhand 1\n${text}`);
  const file = join(line.home, "params.json");
  const words = ["run", script, "--params", file, "--on", first.name];
  await writeFile(file, '{"WHO":"file","N":5}');
  expect(await line.run(words)).toMatchObject({ stdout: "file 5\n", exitCode: 0 });
  expect(await line.run([...words, "WHO=line"])).toMatchObject({ stdout: "line 5\n" });
});

test.each([
  ["is no JSON", "hunter2: x"],
  ["is a list", '["hunter2"]'],
])("a file of parameters that %s is refused, and nothing of it is shown", async (_name, text) => {
  const file = join(line.home, "wrong.json");
  await writeFile(file, text);
  const done = await line.run(["run", "any", "--params", file, "--on", first.name]);
  expect(done.exitCode).toBe(64);
  expect(done.stderr).toContain("wrong.json is not a JSON object");
  expect(done.stderr).not.toContain("hunter2");
});

test("colours of ours come on request only", async () => {
  const words = ["exec", ...ALL, ...sh("printf '\\033[31mred\\n'")];
  const forced = await line.run(["--color", "always", ...words], { env: { NO_COLOR: "1" } });
  expect(forced.stdout).toContain("\u001b[31mred\u001b[0m");
  expect(forced.stderr).toContain("\u001b[");
  const plain = await line.run(words);
  expect(plain.stdout + plain.stderr).not.toContain("\u001b");
});
