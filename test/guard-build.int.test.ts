import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startFrame } from "./support/guard-client.ts";
import { buildGuard, buildGuardTest, HOST_ARCH } from "./support/guard-programs.ts";
import { GUARDS, startLocalGuard } from "./support/local-guard.ts";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MOST_BYTES = 100 * 1024;
/** Of a guard that waits for work, or for its script. */
const MOST_MEMORY_KIB = 128;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deckhand-build-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the build would say against the file. */
async function faultsOf(path: string, arch: string): Promise<readonly string[]> {
  const program = `
    import { readFileSync } from "node:fs";
    import { findFaults } from "./tools/guard/guard-elf.mjs";
    const [path, arch] = process.argv.slice(1);
    console.log(JSON.stringify(findFaults(readFileSync(path), arch)));`;
  const args = ["--input-type=module", "-e", program, path, arch];
  const { stdout } = await run("node", args, { cwd: ROOT });
  return JSON.parse(stdout);
}

test.each(["x86_64", "aarch64"])(
  "the guard for %s is small, static, and nothing in it can be written and executed",
  async (arch) => {
    const path = await buildGuard(arch);
    expect(await faultsOf(path, arch)).toEqual([]);
    expect((await stat(path)).size).toBeLessThan(MOST_BYTES);
  },
);

test("the build sees what is wrong with other programs", async () => {
  expect(await faultsOf(await buildGuardTest("guard-sanitized"), HOST_ARCH)).toEqual([
    expect.stringMatching(/^it has \d+ bytes, more than 102400$/),
    "it needs a dynamic loader",
    "it is linked dynamically",
  ]);
  expect(await faultsOf(await buildGuard("aarch64"), "x86_64")).toEqual(["it is for aarch64"]);
  const source = join(folder, "open.c");
  await writeFile(source, "void _start(void) { for (;;) {} }\n");
  const open = join(folder, "open");
  const flags = ["-ffreestanding", "-nostdlib", "-static", "-Wl,-N,-z,execstack"];
  await run("cc", [...flags, "-o", open, source]);
  expect(await faultsOf(open, HOST_ARCH)).toEqual([
    "a segment can be written and executed",
    "its stack can be executed",
  ]);
  expect(await faultsOf(source, HOST_ARCH)).toEqual(["it is no ELF file"]);
});

test("without a compiler, or with one that fails, the build says so and what it means", async () => {
  for (const [compiler, said] of [
    [undefined, "No guard without a C compiler"],
    [
      '[ "$1" = --version ] && echo "cc 1" && exit; echo "no such header" >&2; exit 1',
      "no such header",
    ],
  ] as const) {
    const bin = await mkdtemp(join(folder, "bin-"));
    await symlink(process.execPath, join(bin, "node"));
    if (compiler !== undefined) {
      await writeFile(join(bin, "cc"), `#!/bin/sh\n${compiler}\n`);
      await chmod(join(bin, "cc"), 0o755);
    }
    const built = run("node", ["tools/guard/build-guard.mjs"], { cwd: ROOT, env: { PATH: bin } });
    await expect(built).rejects.toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining(said),
    });
  }
});

test("a guard that waits takes next to no memory, and neither does what holds a script", async () => {
  const program = GUARDS.find(({ guard }) => guard === HOST_ARCH);
  if (!program) throw new Error("there is no guard for this machine");
  await using guard = await startLocalGuard(program);
  expect(await memoryOf(guard.pid)).toBeLessThan(MOST_MEMORY_KIB);
  const client = await guard.connect();
  client.send(startFrame("echo $PPID; exec sleep 900"));
  const runInit = Number((await client.output(2)).toString());
  expect(await memoryOf(guard.pid)).toBeLessThan(MOST_MEMORY_KIB);
  expect(await memoryOf(runInit)).toBeLessThan(MOST_MEMORY_KIB);
});

async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN);
}
