import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const PACKAGES = fileURLToPath(new URL("../../", import.meta.url));
/** Nobody listens there. */
const NOWHERE = { DECKHAND_SERVER: "http://127.0.0.1:9", DECKHAND_TOKEN: "none" };

/** Files by their address, and what is Node's own by its name, a line each. */
const TELL_AT_EXIT = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  const urls = [];
  registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });
  process.on("exit", () => process.stderr.write([...urls, ...process.moduleLoadList].join("\\n")));
`)}`;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deckhand-loaded-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function start(words: readonly string[]) {
  const command = ["--import", TELL_AT_EXIT, `${PACKAGES}cli/bin/deckhand.js`, ...words];
  const env = { ...NOWHERE, HOME: folder };
  return spawn(process.execPath, command, { env, stdio: ["ignore", "pipe", "pipe"] });
}

/** What a process has loaded at its end: files below packages/ or node_modules/, and Node's own modules. */
async function listLoaded({ stderr }: { readonly stderr: Readable }): Promise<readonly string[]> {
  const lines = (await text(stderr)).split("\n");
  const own = lines.filter((line) => line.startsWith("NativeModule "));
  const files = lines.filter((line) => line.startsWith("file:")).map((url) => fileURLToPath(url));
  const named = files.map((path) => path.replace(/^.*\/node_modules\//, "").replace(PACKAGES, ""));
  return [...named, ...own.map((line) => line.replace("NativeModule ", ""))];
}

test.each([
  [["runs"], ["command", "runs"]],
  [
    ["run", "db/vacuum", "--on", "db-1"],
    ["command", "run"],
  ],
  [
    ["-o", "json", "ps"],
    ["command", "targets"],
  ],
  [
    ["groups", "ls"],
    ["command", "definition-commands", "groups"],
  ],
])(
  "deckhand %j reads only the command that is asked for, and neither schemas nor fetch",
  async (words, commands) => {
    const loaded = await listLoaded(start(words));
    expect(loaded).toContain("client/src/client.ts");
    const read = loaded.filter((file) => file.startsWith("cli/src/commands/")).sort();
    expect(read).toEqual(commands.map((name) => `cli/src/commands/${name}.ts`));
    const late = /^(zod|yaml|croner|server)\/|undici\/undici$/;
    expect(loaded.filter((name) => late.test(name))).toEqual([]);
  },
);

test("a server that listens has loaded neither fetch, nor what sends mail, nor what nothing uses", async () => {
  const words = [
    "serve",
    "--port",
    "0",
    "--data-dir",
    folder,
    "--engine",
    `a=unix://${folder}/none`,
  ];
  const server = start(words);
  const loading = listLoaded(server);
  for await (const piece of server.stdout)
    if (String(piece).includes("is listening")) server.kill("SIGTERM");
  const loaded = await loading;
  expect(loaded).toContain("server/src/main/serve.ts");
  const idle = /^(nodemailer|ajv|fast-json-stringify\/index|core\/src\/import)|undici\/undici$/;
  expect(loaded.filter((name) => idle.test(name))).toEqual([]);
});
