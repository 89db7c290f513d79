import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface ImageContext {
  readonly path: string;
  remove(): Promise<void>;
}

/** A checkout with its production modules in it already, as docs/deployment.md prepares one for a build without a network. */
export async function prepareImageContext(): Promise<ImageContext> {
  const path = await mkdtemp(join(tmpdir(), "deckhand-image-"));
  for (const file of await listSources())
    if (!file.includes(".test.")) await cp(join(ROOT, file), join(path, file));
  const env = { ...process.env, CI: "true" };
  await run("pnpm", ["install", "--prod", "--frozen-lockfile"], { cwd: path, env });
  await keepModules(join(path, ".dockerignore"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

async function listSources(): Promise<readonly string[]> {
  const flags = ["-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
  const { stdout } = await run("git", ["ls-files", ...flags], { cwd: ROOT, maxBuffer: 1 << 24 });
  return stdout.split("\0").filter(Boolean);
}

async function keepModules(ignoreFile: string): Promise<void> {
  const lines = (await readFile(ignoreFile, "utf8")).split("\n");
  const kept = lines.filter((line) => line !== "**/node_modules");
  await writeFile(ignoreFile, [...kept, "!node_modules"].join("\n"));
}
