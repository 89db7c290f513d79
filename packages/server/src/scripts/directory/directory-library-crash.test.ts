import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { directoryLibrary } from "./directory-library.ts";

const ROUNDS = Number(process.env.DECKHAND_ROUNDS ?? 12);
const FIRST = toText(0);

/** A text that shows whether it is whole: its last line is the hash of the rest. */
function toText(count: number): string {
  const body = `#!/bin/sh\n# update ${count}\n${"echo something to fill a few pages\n".repeat(2_000)}`;
  return `${body}# ${createHash("sha256").update(body).digest("hex")}\n`;
}

function isWhole(text: string): boolean {
  const end = text.lastIndexOf("# ");
  return text.slice(end) === `# ${createHash("sha256").update(text.slice(0, end)).digest("hex")}\n`;
}

/** Updates one script without end and writes the hash of each version that was acknowledged. */
const UPDATE_FOREVER = `
import { createHash } from "node:crypto";
import { writeSync } from "node:fs";
import { directoryLibrary } from ${JSON.stringify(new URL("./directory-library.ts", import.meta.url).href)};
const [directory, historyDirectory] = process.argv.slice(1);
const library = await directoryLibrary({ directory, historyDirectory });
let { sha256 } = await library.get("say");
for (let count = process.hrtime.bigint(); ; count++) {
  const body = "#!/bin/sh\\n# update " + count + "\\n" + "echo something to fill a few pages\\n".repeat(2000);
  const text = body + "# " + createHash("sha256").update(body).digest("hex") + "\\n";
  ({ sha256 } = await library.update({ name: "say", text, ifMatch: sha256 }));
  writeSync(1, sha256 + "\\n");
}
`;

async function updateAndKill(directories: readonly string[], afterMs: number): Promise<string[]> {
  const child = spawn(
    process.execPath,
    ["--input-type=module", "-e", UPDATE_FOREVER, ...directories],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let acknowledged = "";
  const exited = new Promise((resolve) => child.once("close", resolve));
  child.stdout.on("data", (chunk: Buffer) => {
    if (acknowledged === "") setTimeout(() => child.kill("SIGKILL"), afterMs);
    acknowledged += chunk.toString();
  });
  await exited;
  return acknowledged.split("\n").filter((line) => line.length === 64);
}

test("a kill in the middle of an update tears no file and loses no acknowledged version", async () => {
  const base = await mkdtemp(join(tmpdir(), "deckhand-crash-"));
  const [directory, historyDirectory] = [join(base, "scripts"), join(base, "history")];
  const open = () => directoryLibrary({ directory, historyDirectory });
  const first = await open();
  await first.create({ path: "say.sh", text: FIRST });
  await first.close();
  for (let round = 0; round < ROUNDS; round++) {
    const acknowledged = await updateAndKill([directory, historyDirectory], (round * 7) % 40);
    const library = await open();
    expect((await library.list()).map(({ name, problems }) => [name, problems])).toEqual([
      ["say", []],
    ]);
    expect(isWhole((await library.get("say")).text)).toBe(true);
    const versions = await library.listVersions("say");
    expect(versions.map(({ version }) => version)).toEqual(
      versions.map((_, index) => versions.length - index),
    );
    const kept = new Set(versions.map(({ sha256 }) => sha256));
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(acknowledged.filter((sha256) => !kept.has(sha256))).toEqual([]);
    for (const { version } of versions.slice(0, acknowledged.length + 2)) {
      expect(isWhole((await library.getVersion("say", version)).text)).toBe(true);
    }
    await library.close();
  }
  await rm(base, { recursive: true, force: true });
}, 120_000);
