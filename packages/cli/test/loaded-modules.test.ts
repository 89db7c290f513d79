import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);
const PACKAGES = fileURLToPath(new URL("../../", import.meta.url));
/** Nobody listens there. */
const NOWHERE = { DECKHAND_SERVER: "http://127.0.0.1:9", DECKHAND_TOKEN: "none" };

const TELL_AT_EXIT = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  const urls = [];
  registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });
  process.on("exit", () => process.stderr.write(urls.join("\\n")));
`)}`;

/** The files that a command line reads, below packages/ or node_modules/. */
async function listLoaded(words: readonly string[]): Promise<readonly string[]> {
  const command = ["--import", TELL_AT_EXIT, `${PACKAGES}cli/bin/deckhand.js`, ...words];
  const { stderr } = await run(process.execPath, command, { env: NOWHERE }).catch(
    (error: { stderr: string }) => error,
  );
  const urls = stderr.split("\n").filter((line) => line.startsWith("file:"));
  return urls.map((url) =>
    fileURLToPath(url)
      .replace(/^.*\/node_modules\//, "")
      .replace(PACKAGES, ""),
  );
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
  "deckhand %j reads only the command that is asked for, and no schema",
  async (words, commands) => {
    const loaded = await listLoaded(words);
    expect(loaded).toContain("client/src/client.ts");
    const read = loaded.filter((file) => file.startsWith("cli/src/commands/")).sort();
    expect(read).toEqual(commands.map((name) => `cli/src/commands/${name}.ts`));
    expect(loaded.filter((file) => /^(zod|yaml|croner|server)\//.test(file))).toEqual([]);
  },
);
