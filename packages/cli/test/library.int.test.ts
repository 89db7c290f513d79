import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type DeckhandServer, startDeckhandServer } from "../../../test/support/deckhand-server.ts";
import { engines } from "../../../test/support/engines.ts";
import { type CommandLine, commandLine, type Finished } from "./support/command-line.ts";

const run = promisify(execFile);
let server: DeckhandServer;
let line: CommandLine;
let folder: string;

beforeAll(async () => {
  server = await startDeckhandServer({
    engines: [`local=unix://${engines().docker.socketPath}`],
  });
  line = await commandLine(server);
});

afterAll(async () => {
  await server?.close();
  await line?.close();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "deckhand-folder-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

function script(word: string): string {
  return `#!/bin/sh\n# @deckhand 1\n# @title ${word}\necho ${word}\n`;
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
}

async function git(...words: readonly string[]): Promise<string> {
  const who = [
    "-c",
    "user.name=A",
    "-c",
    "user.email=a@example.org",
    "-c",
    "init.defaultBranch=main",
  ];
  return (await run("git", ["-C", folder, ...who, ...words])).stdout.trim();
}

function documentOf({ stdout, stderr }: Finished): unknown {
  expect(stdout, stderr).not.toBe("");
  return JSON.parse(stdout);
}

async function textOf(name: string): Promise<string> {
  return (await line.run(["scripts", "get", name])).stdout;
}

describe("scripts sync", () => {
  test("writes new and changed scripts of a checkout, with their commit, and a second time nothing", async () => {
    const sync = (...flags: string[]) =>
      line.run(["scripts", "sync", folder, "--prefix", "git", ...flags]);
    await git("init");
    await write("db/vacuum.sh", script("one"));
    await write("say.py", "print('say')\n");
    await write("README.md", "# Read me\n");
    await git("add", ".");
    await git("commit", "-m", "first");
    const first = await git("rev-parse", "HEAD");

    const dry = await sync("--dry-run");
    expect(dry.stdout).toBe("+ git/db/vacuum.sh  create\n+ git/say.py  create\n");
    expect((await line.run(["scripts", "get", "git/say"])).exitCode).toBe(66);

    const done = await sync();
    expect(done).toMatchObject({
      exitCode: 0,
      stdout: "+ git/db/vacuum.sh  created\n+ git/say.py  created\n",
      stderr: "deckhand: 2 changed, 0 unchanged, 0 in conflict; 1 other files left alone\n",
    });
    expect((await sync()).stderr).toContain("0 changed, 2 unchanged");

    await write("db/vacuum.sh", script("two"));
    expect((await sync()).stdout).toBe("~ git/db/vacuum.sh  updated, it was version 1\n");
    const versions = ["scripts", "versions", "git/db/vacuum"];
    expect(documentOf(await line.run([...versions, "-o", "json"]))).toMatchObject([
      { version: 2, source: { kind: "sync", commit: `${first}-modified` } },
      { version: 1, source: { kind: "sync", commit: first } },
    ]);
    expect((await line.run(versions)).stdout).toContain(`sync ${first}-modified`);
  });

  test("leaves alone and names what somebody else has changed, unless it is forced", async () => {
    const sync = (...flags: string[]) =>
      line.run(["scripts", "sync", folder, "--prefix", "hand", ...flags]);
    await write("a.sh", script("a"));
    await write("b.sh", script("b"));
    await sync();
    const other = join(line.home, "other.sh");
    await writeFile(other, script("by hand"));
    await line.run(["scripts", "put", other, "hand/a.sh"]);
    await write("a.sh", script("a2"));
    await write("b.sh", script("b2"));
    const done = await sync("-o", "json");
    expect(done.exitCode).toBe(65);
    expect(documentOf(done)).toMatchObject([
      {
        kind: "conflict",
        path: "hand/a.sh",
        detail: expect.stringContaining("version 2"),
        done: false,
      },
      { kind: "update", path: "hand/b.sh", done: true },
    ]);
    expect(await textOf("hand/a")).toBe(script("by hand"));
    expect(await sync("--force")).toMatchObject({ exitCode: 0 });
    expect(await textOf("hand/a")).toBe(script("a2"));
  });

  test("removes what an earlier one has put there and nothing else, when it is asked to", async () => {
    const sync = (...flags: string[]) =>
      line.run(["scripts", "sync", folder, "--prefix", "gone", ...flags]);
    await write("keep.sh", script("keep"));
    await write("old.sh", script("old"));
    await sync();
    const other = join(line.home, "other.sh");
    await writeFile(other, script("by hand"));
    await line.run(["scripts", "put", other, "gone/hand.sh"]);
    await rm(join(folder, "old.sh"));
    expect((await sync()).stdout).toBe("");
    const done = await sync("--delete");
    expect(done.stdout).toMatch(
      /^! gone\/hand.sh {2}conflict: .*\n- gone\/old.sh {2}deleted, it was version 1\n$/,
    );
    expect((await line.run(["scripts", "get", "gone/old"])).exitCode).toBe(66);
    expect(await textOf("gone/keep")).toBe(script("keep"));
    await rm(join(folder, "keep.sh"));
    const empty = await sync("--delete", "--force");
    expect(empty).toMatchObject({
      exitCode: 64,
      stderr: expect.stringContaining("has no scripts"),
    });
    expect(await textOf("gone/keep")).toBe(script("keep"));
  });

  test("stores nothing of a folder that holds a broken script, and tells all that is wrong", async () => {
    await write("good.sh", script("good"));
    await write("bad.sh", "#!/bin/sh\n# @deckhand 1\n# @parm A int\n");
    await write("good.py", "print()\n");
    await write("two words.sh", script("x"));
    await writeFile(join(folder, "latin.sh"), Buffer.from("echo \xe4\n", "latin1"));
    const done = await line.run(["scripts", "sync", folder, "--prefix", "broken"]);
    expect(done.exitCode).toBe(1);
    for (const words of [
      "bad.sh:3:3: @parm is not a key; did you mean @param?",
      "good.sh:1:1: broken/good.py has the same name",
      "two words.sh:1:1: this is no script name",
      "latin.sh:1:1: is not UTF-8 text",
      "nothing was stored",
    ])
      expect(done.stderr).toContain(words);
    expect((await line.run(["scripts", "get", "broken/good"])).exitCode).toBe(66);
  });
});

const RUNDECK = `
- name: Say it
  group: import
  description: Says a word.
  nodefilters: { filter: 'name: nobody' }
  options:
  - name: word
    required: true
    value: hello
  schedule: { time: { hour: '03', minute: '00', seconds: '0' }, month: '*', year: '*', weekday: { day: '*' } }
  sequence:
    keepgoing: false
    commands:
    - script: |-
        #!/bin/sh
        echo "said @option.word@"
- name: Starts another
  group: import
  sequence:
    commands:
    - jobref: { name: Say it, group: import }
`;

const OFELIA = `[job-exec "import ping"]
schedule = @every 5m
container = nobody
command = echo 'a  b' "$HOME"
`;

describe("scripts import", () => {
  test("tells what would become of Rundeck's jobs, and then does it", async () => {
    await write("jobs.yaml", RUNDECK);
    const file = join(folder, "jobs.yaml");
    const dry = await line.run(["scripts", "import", file, "--dry-run"]);
    expect(dry.exitCode).toBe(1);
    expect(dry.stdout).toBe(
      [
        "+ import/Say-it.sh  would be created",
        "    changed  schedule: the time is UTC; Rundeck's is that of its machine",
        "    schedule  import-say-it: 00 03 * * * UTC, with --schedules",
        "! import/Starts another  not imported",
        "    left-out  nodefilters.filter: it is for every node, or for Rundeck's machine: choose containers with --on",
        "    refused  sequence.commands[0].jobref: it starts another job: start its script from this one's, or run both after each other",
        "",
      ].join("\n"),
    );
    expect(dry.stderr).toBe(
      "deckhand: 1 would be imported, 0 unchanged, 1 refused, 0 in the way\n",
    );
    expect((await line.run(["scripts", "get", "import/Say-it"])).exitCode).toBe(66);

    const done = await line.run(["scripts", "import", file, "--schedules", "-o", "json"]);
    expect(documentOf(done)).toMatchObject([
      { outcome: "created", scheduleOutcome: "created" },
      { outcome: "refused", script: null, findings: [{ kind: "left-out" }, { kind: "refused" }] },
    ]);
    expect(await textOf("import/Say-it")).toContain('echo "said ${word}"');
    const schedule = await server.fetch("/api/v1/schedules/import-say-it");
    expect(await schedule.json()).toMatchObject({ enabled: false, cron: "00 03 * * *" });
    const again = await line.run(["scripts", "import", file, "--schedules", "-o", "json"]);
    expect(documentOf(again)).toMatchObject([
      { outcome: "unchanged", scheduleOutcome: "exists" },
      { outcome: "refused" },
    ]);
  });

  test("reads Ofelia's ini files, and writes over nothing unless it is forced", async () => {
    await write("ofelia.ini", OFELIA);
    const words = ["scripts", "import", join(folder, "ofelia.ini")];
    expect((await line.run(words)).stdout).toMatch(/^\+ ofelia\/import-ping.sh {2}created\n/);
    const text = await textOf("ofelia/import-ping");
    expect((await run("sh", ["-c", text])).stdout).toBe("a  b $HOME\n");
    await write("ofelia.ini", OFELIA.replace("a  b", "c"));
    const refused = await line.run(words);
    expect(refused).toMatchObject({ exitCode: 65, stdout: expect.stringContaining("--force") });
    expect(await textOf("ofelia/import-ping")).toBe(text);
    expect((await line.run([...words, "--force"])).stdout).toMatch(/^~ .* updated\n/);
    expect(await textOf("ofelia/import-ping")).toContain("'c'");
  });

  test("refuses in words what it can not read", async () => {
    await write("jobs.xml", "<joblist><job/></joblist>");
    await write("notes.yaml", "a: 1\n");
    await write("broken.yaml", "a: [\n");
    await write("compose.yaml", "services: { db: { image: postgres } }\n");
    for (const [name, problem] of [
      ["jobs.xml", "is XML"],
      ["notes.yaml", "no jobs that are known"],
      ["broken.yaml", "can not be read"],
      ["compose.yaml", "no labels of Ofelia"],
      ["missing.yaml", "ENOENT"],
    ] as const) {
      const done = await line.run(["scripts", "import", join(folder, name)]);
      expect(done).toMatchObject({ exitCode: 64, stderr: expect.stringContaining(problem) });
    }
  });
});
