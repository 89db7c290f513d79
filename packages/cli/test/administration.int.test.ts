import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerContainer, type TestContainer } from "../../../test/support/containers.ts";
import { type DeckhandServer, startDeckhandServer } from "../../../test/support/deckhand-server.ts";
import { engines } from "../../../test/support/engines.ts";
import {
  type CommandLine,
  askAgain,
  commandLine,
  DECKHAND,
  type Finished,
} from "./support/command-line.ts";

const VALUE = randomBytes(4).toString("hex");
const HOSTILE = "cli-hostile=$(touch${IFS}/tmp/owned)";
const run = promisify(execFile);
let server: DeckhandServer;
let line: CommandLine;
let target: TestContainer;

beforeAll(async () => {
  const { docker, images } = engines();
  const flags = ["--label", `cli-admin=${VALUE}`, "--label", HOSTILE];
  target = await dockerContainer({ name: "cli-admin", image: images.busybox, flags });
  server = await startDeckhandServer({ engines: [`local=unix://${docker.socketPath}`] });
  line = await commandLine(server);
});

afterAll(async () => {
  await target.remove();
  await server.close();
  await line.close();
});

function documentOf({ stdout }: Finished): unknown {
  return JSON.parse(stdout);
}

test("a script is stored, listed, shown, changed, read at a version, and removed", async () => {
  const file = join(line.home, "hello.sh");
  await writeFile(
    file,
    "#!/bin/sh\n# @deckhand 1\n# @title Say it\n# @param WHO string = you\necho hi $WHO\n",
  );
  const put = await line.run(["scripts", "put", file, "say/hello.sh"]);
  expect(put.stdout).toMatch(/^say\/hello@1 /);
  expect((await line.run(["scripts", "ls"])).stdout).toContain("Say it");
  expect((await line.run(["scripts", "show", "say/hello"])).stdout).toMatch(/WHO +string +=.*you/);
  const form = await line.run(["scripts", "form", "say/hello@1"]);
  expect(form.stdout).toMatch(/^WHO +string +you/m);
  expect(await line.run(["run", "say/hello", "--on", target.name])).toMatchObject({
    stdout: "hi you\n",
  });
  const editor = join(line.home, "editor.sh");
  await writeFile(editor, "#!/bin/sh\necho 'echo edited' >>\"$1\"\n");
  await chmod(editor, 0o755);
  const edited = await line.run(["scripts", "edit", "say/hello"], { env: { EDITOR: editor } });
  expect(edited.stdout).toBe("say/hello@2\n");
  expect((await line.run(["scripts", "get", "say/hello@1"])).stdout).toBe(
    await readFile(file, "utf8"),
  );
  const stale = ["scripts", "put", file, "say/hello.sh", "--if-match", "0".repeat(64)];
  expect((await line.run(stale)).exitCode).toBe(65);
  const versions = documentOf(await line.run(["scripts", "versions", "say/hello", "-o", "json"]));
  expect(versions).toMatchObject([{ version: 2 }, { version: 1 }]);
  const removed = await line.run(["scripts", "rm", "say/hello", "-o", "json"]);
  expect(documentOf(removed)).toEqual({ removed: "say/hello" });
  expect((await line.run(["scripts", "get", "say/hello"])).exitCode).toBe(66);
});

test("a script that is not there is answered with the one that is near", async () => {
  const file = join(line.home, "near.sh");
  await writeFile(file, "#!/bin/sh\n# @deckhand 1\n# @param MODE choice(fast|slow)\ntrue\n");
  expect((await line.run(["scripts", "put", file, "near/script.sh"])).exitCode).toBe(0);
  const done = await line.run(["run", "near/scrip", "--on", target.name]);
  expect(done).toMatchObject({
    exitCode: 66,
    stderr: expect.stringContaining("did you mean near/script?"),
  });
  expect(await line.complete("run", "nea")).toBe("near/script\n");
  expect(await line.complete("run", "near/script", "MODE")).toBe("MODE=fast\nMODE=slow\n");
});

test("scripts check needs no server and points at the place", async () => {
  const offline = await commandLine();
  const file = join(offline.home, "bad.sh");
  await writeFile(file, "#!/bin/sh\n# @deckhand 1\n# @parm X int\n");
  const done = await offline.run(["scripts", "check", file]);
  expect(done.stdout).toMatch(/bad\.sh:3:\d+: @parm is not a key; did you mean @param\?/);
  expect(done.exitCode).toBe(1);
  await offline.close();
});

test("a secret is stored, used by name, and removed; nothing prints it", async () => {
  const value = `pw-${randomBytes(12).toString("hex")}`;
  expect(await line.run(["secrets", "set", "db/cli"], { input: `${value}\n` })).toMatchObject({
    exitCode: 0,
    stdout: "set db/cli\n",
  });
  const listed = await line.run(["secrets", "ls"]);
  expect(listed.stdout).toMatch(/^db\/cli +.* first$/m);
  const file = join(line.home, "login.sh");
  await writeFile(
    file,
    '#!/bin/sh\n# @deckhand 1\n# @secret PASSWORD\n\necho "$PASSWORD"; echo ${#PASSWORD}\n',
  );
  const stars = `${"*".repeat(value.length)}\n${value.length}\n`;
  const runWith = (source: string, input?: string) =>
    line.run(["run", file, "--on", target.name, "--secret", `PASSWORD=${source}`], {
      ...(input !== undefined && { input }),
    });
  expect((await runWith("db/cli")).stdout).toBe(stars);
  expect((await runWith("-", `${value}\n`)).stdout).toBe(stars);
  const held = join(line.home, "held");
  await writeFile(held, `${value}\n`);
  expect((await runWith(`@${held}`)).stdout).toBe(stars);
  expect(await line.run(["secrets", "rm", "db/cli"])).toMatchObject({ exitCode: 0 });
  const gone = await runWith("db/cli");
  expect(gone).toMatchObject({ exitCode: 64, stdout: "" });
  expect(gone.stderr).toContain("there is no stored secret db/cli");
});

test("a rerun asks for the secret that was not kept", async () => {
  const file = join(line.home, "again.sh");
  await writeFile(file, "#!/bin/sh\n# @deckhand 1\n# @secret PASSWORD\n\necho ${#PASSWORD}\n");
  const words = ["run", file, "--on", target.name, "--detach", "--secret", "PASSWORD=-"];
  const runId = (await line.run(words, { input: "twelve signs\n" })).stdout.trim();
  expect(await line.run(["wait", runId])).toMatchObject({ exitCode: 0 });
  const started = line.startOnTerminal(["rerun", runId, "--plain"]);
  await started.says("PASSWORD = ");
  started.type("unseen-value\r");
  const { stdout, exitCode } = await started.finished;
  expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/\b12\r?\n/)]);
  expect(stdout).not.toContain("unseen");
});

test("what is secret is asked for without being shown", async () => {
  const started = line.startOnTerminal(["secrets", "set", "db/typed"]);
  await started.says("db/typed = ");
  started.type("unseen-value\r");
  const { stdout, exitCode } = await started.finished;
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining("set db/typed")]);
  expect(stdout).not.toContain("unseen");
});

test("a token lets in until it is removed, and its secret alone is on stdout", async () => {
  const made = await line.run(["tokens", "create", "ci", "--expires-in", "1h"]);
  const secret = made.stdout.trim();
  expect(secret).toMatch(/^dh_\S+$/);
  const withIt = (words: string[]) => line.run(words, { env: { DECKHAND_TOKEN: secret } });
  expect((await withIt(["runs"])).exitCode).toBe(0);
  const list = documentOf(await line.run(["tokens", "ls", "-o", "json"])) as {
    id: string;
    name: string;
  }[];
  expect(JSON.stringify(list)).not.toContain(secret);
  await line.run(["tokens", "rm", list.find(({ name }) => name === "ci")?.id ?? ""]);
  expect((await withIt(["runs"])).exitCode).toBe(77);
});

test("what is no token's id is told in words", async () => {
  const done = await line.run(["tokens", "rm", "nope"]);
  expect(done.exitCode).toBe(64);
  expect(done.stderr).toBe(
    'deckhand: "nope" is no token\'s id\n  An id is tok_ and 26 letters and digits; see: deckhand tokens ls\n',
  );
});

test("a token on the command line is refused before anything is asked", async () => {
  const done = await line.run(["--token", "dh_x", "runs"]);
  expect(done).toMatchObject({ exitCode: 64, stderr: expect.stringContaining("--token-file") });
});

test("a context has server and token; the token is kept from others' eyes and from other servers", async () => {
  const other = await commandLine();
  const create = ["context", "create", "here", "--server", server.url, "--token-stdin"];
  expect((await other.run(create, { input: `${server.token}\n` })).exitCode).toBe(0);
  expect((await other.run(["targets"])).stdout).toContain(target.name);
  const credentials = join(other.home, ".local/state/deckhand/credentials");
  expect((await stat(credentials)).mode & 0o777).toBe(0o600);
  expect(await filesWith(other.home, server.token)).toEqual([credentials]);
  expect((await other.run(["context", "ls"])).stdout).toMatch(/\* +here +http/);
  expect((await other.run(["context", "show"])).stdout).not.toContain(server.token);
  const sink = await startSink();
  await other.run(["--server", sink.url, "runs"]);
  await other.run(["context", "create", "here", "--server", sink.url]);
  await other.run(["runs"]);
  expect(sink.authorizations).toEqual([undefined, undefined]);
  sink.server.close();
  await other.close();
});

test("api sends the token to the server only, and prints the answer as it is", async () => {
  const info = await line.run(["api", "GET", "/api/v1/info"]);
  expect(documentOf(info)).toMatchObject({ version: expect.any(String) as string });
  const sink = await startSink();
  const { host } = new URL(sink.url);
  expect((await line.run(["api", "GET", `//${host}/`])).exitCode).toBe(66);
  expect(sink.authorizations).toEqual([]);
  sink.server.close();
  const plan = { argv: ["true"], on: [target.name] };
  const posted = await line.run([
    "api",
    "POST",
    "/api/v1/runs/plan",
    "-d",
    JSON.stringify(plan),
    "-i",
  ]);
  expect(posted.stdout).toMatch(/^200 OK\n[\s\S]*\n\n\{/);
});

async function filesWith(folder: string, text: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((one) => join(one.parentPath, one.name));
  const texts = await Promise.all(paths.map((path) => readFile(path, "utf8")));
  return paths.filter((_path, index) => texts[index]?.includes(text));
}

interface Sink {
  readonly url: string;
  readonly server: Server;
  readonly authorizations: (string | undefined)[];
}

/** Somebody else's server, which keeps what it gets. */
async function startSink(): Promise<Sink> {
  const authorizations: (string | undefined)[] = [];
  const sink = createServer((request, response) => {
    authorizations.push(request.headers.authorization);
    response.setHeader("content-type", "application/json");
    response.end('{"data":[],"next":null}');
  });
  await new Promise<void>((resolve) => sink.listen(0, "127.0.0.1", resolve));
  const { port } = sink.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, server: sink, authorizations };
}

test("doctor finds nothing, and finds a server that is not there", async () => {
  const well = await line.run(["doctor", "-o", "json"]);
  expect(documentOf(well)).toContainEqual({ check: "token", state: "ok", detail: "is valid" });
  expect(well.exitCode).toBe(0);
  const away = await line.run(["doctor"], { env: { DECKHAND_SERVER: "http://127.0.0.1:9" } });
  expect(away).toMatchObject({ exitCode: 1, stdout: expect.stringContaining("deckhand serve") });
});

test("every command that lists prints a document, and a line an item", async () => {
  for (const words of [
    ["targets"],
    ["runs"],
    ["engines"],
    ["scripts", "ls"],
    ["groups", "ls"],
    ["tokens", "ls"],
    ["notifications", "ls"],
    ["triggers", "ls"],
    ["context", "ls"],
    ["version"],
  ]) {
    const json = await line.run([...words, "-o", "json"]);
    expect(json.exitCode, words.join(" ")).toBe(0);
    documentOf(json);
    const lines = (await line.run([...words, "-o", "jsonl"])).stdout.split("\n").filter(Boolean);
    for (const text of lines) JSON.parse(text);
  }
});

test.each([
  ["an unknown command", ["rnu"], 64, /Did you mean run\?/],
  ["an unknown option", ["runs", "--stat", "x"], 64, /Did you mean --state\?/],
  ["no selector", ["exec", "--", "true"], 64, /--on/],
  [
    "an unknown key in a selector",
    ["exec", "--on", "labl=x", "--", "true"],
    64,
    /Did you mean label\?/,
  ],
  ["what is no run's id", ["wait", "bogus"], 64, /"bogus" is no run's id[\s\S]*deckhand runs/],
  ["an unknown run", ["show", `run_${"0".repeat(26)}`], 66, /deckhand runs/],
  ["an unknown context", ["--context", "nowhere", "runs"], 66, /there is no context nowhere/],
])(
  "%s: the class of the fault is the exit code, and the text helps",
  async (_name, words, exitCode, text) => {
    const done = await line.run(words);
    expect(done.exitCode).toBe(exitCode);
    expect(done.stderr).toMatch(/^deckhand: /);
    expect(done.stderr).toMatch(text);
  },
);

test("a server that is away is 69, a wrong token 77", async () => {
  expect(
    await line.run(["runs"], { env: { DECKHAND_SERVER: "http://127.0.0.1:9" } }),
  ).toMatchObject({ exitCode: 69 });
  expect(await line.run(["runs"], { env: { DECKHAND_TOKEN: "dh_wrong" } })).toMatchObject({
    exitCode: 77,
  });
});

test("help finds a command inside another one, and says when there is none", async () => {
  const asked = await line.run(["help", "scripts", "put"]);
  expect(asked).toMatchObject({ exitCode: 0, stderr: "" });
  expect(asked.stdout).toContain("--if-match");
  expect(asked.stdout).toBe((await line.run(["scripts", "put", "--help"])).stdout);
  expect(await line.run(["help", "scripts", "nope"])).toMatchObject({
    exitCode: 64,
    stderr: 'deckhand: there is no command "scripts nope"\n  See: deckhand help scripts\n',
  });
});

test("help exit-codes names every code there is", async () => {
  const { stdout } = await line.run(["help", "exit-codes"]);
  for (const code of [0, 1, 64, 65, 66, 69, 70, 75, 77, 124, 125, 127, 130])
    expect(stdout).toMatch(new RegExp(`^  ${code} `, "m"));
});

test("completion scripts are valid, and complete in bash over = and without harm", async () => {
  const { stdout } = await line.run(["completion", "bash"]);
  const file = join(line.home, "completion.bash");
  await writeFile(file, stdout);
  await run("bash", ["-n", file]);
  const complete = async (typed: string) => {
    const script = `deckhand() { "${process.execPath}" "${DECKHAND}" "$@"; }; compopt() { :; }
      source "${file}"; COMP_LINE=$1; COMP_POINT=\${#1}; _deckhand; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = { ...process.env, DECKHAND_SERVER: server.url, DECKHAND_TOKEN: server.token };
    return (await run("bash", ["-c", script, "bash", typed], { env })).stdout.trim();
  };
  expect((await complete("deckhand ru")).split("\n")).toEqual(["run", "runs"]);
  const begun = `deckhand exec --on label=cli-admin=${VALUE.slice(0, 3)}`;
  expect(await askAgain(() => complete(begun))).toBe(VALUE);
  expect(await complete("deckhand exec --on label=cli-hostile=")).toBe("");
  const named = `deckhand exec --on ${target.name.slice(0, -2)}`;
  expect(await askAgain(() => complete(named))).toBe(target.name);
});
