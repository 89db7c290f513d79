import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const TOOLS = fileURLToPath(new URL("../../tools/guard/", import.meta.url));

/** The machine we run on, as compilers call it. */
export const HOST_ARCH = process.arch === "arm64" ? "aarch64" : "x86_64";

/** How a program for the machine is started here. */
export function commandFor(arch: string, path: string): readonly [string, ...string[]] {
  return arch === HOST_ARCH ? [path] : [`qemu-${arch}`, path];
}

/** Gives the path of a program that tests the guard, as tools/guard/build-guard-tests.mjs names it. */
export function buildGuardTest(name: string): Promise<string> {
  return build("build-guard-tests.mjs", name);
}

/** Gives the path of the guard for the machine, as it goes into containers. */
export function buildGuard(arch: string): Promise<string> {
  return build("build-guard.mjs", arch);
}

const built = new Map<string, Promise<string>>();

/** Asks the tool once for each program: to see that nothing has changed takes it longer than most tests. */
function build(tool: string, name: string): Promise<string> {
  const path = built.get(name) ?? runTool(tool, name);
  built.set(name, path);
  return path;
}

async function runTool(tool: string, name: string): Promise<string> {
  const { stdout } = await run("node", [`${TOOLS}${tool}`, name]);
  return stdout.trim();
}
