// node tools/guard/build-guard.mjs [ARCH…]: compiles the guard for this machine and for the others a compiler is there for.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { main } from "../main.mjs";
import { ROOT } from "../paths.mjs";
import { say, step } from "../progress.mjs";
import { tryCommand } from "../run-command.mjs";
import { SetUpError } from "../set-up-error.mjs";
import {
  ARCHES,
  BUILD,
  findCompiler,
  fingerprint,
  hostArch,
  SOURCES,
  sourceFiles,
} from "./guard-compilers.mjs";
import { findFaults } from "./guard-elf.mjs";

const EXIT_USAGE = 64;

/** No C library, no dynamic loader, nothing that can be written and executed. */
export const FLAGS = [
  "-std=c11",
  "-Os",
  ...["-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow"],
  ...["-ffreestanding", "-nostdlib", "-static", "-fno-pie", "-fno-stack-protector"],
  ...["-fno-asynchronous-unwind-tables", "-ffunction-sections", "-fdata-sections"],
  "-Wl,--gc-sections,--build-id=none,-z,noseparate-code,-z,norelro,-z,noexecstack",
  "-s",
];

/** The guard for each machine that can be compiled for here; without a compiler it says so, and nothing fails. */
export async function ensureGuard() {
  const built = [];
  for (const arch of ARCHES) {
    try {
      const guard = await buildGuard({ arch });
      if (guard) built.push(guard);
    } catch (error) {
      say(`  The guard can not be compiled for ${arch}: ${error.hint || error.message}`);
    }
  }
  if (built.length === 0)
    say("  No guard without a C compiler: scripts run the attached way, and end with the server.");
  return built;
}

/**
 * Compiles the guard for one machine, if anything has changed since the last time. Gives `{ arch, path, sizeBytes }`, or
 * undefined where there is no compiler.
 */
export async function buildGuard({ arch = hostArch() } = {}) {
  const compiler = await findCompiler(arch);
  if (!compiler) return undefined;
  const stamp = fingerprint([SOURCES], [FLAGS, compiler, productVersion()]);
  const path = join(BUILD, `deckhand-guard-${arch}`);
  if (!isBuilt(path, stamp)) {
    await step(`compile the guard for ${arch}`, () => compile({ arch, compiler, path, stamp }));
  }
  return { arch, path, sizeBytes: readFileSync(path).length };
}

async function compile({ arch, compiler, path, stamp }) {
  mkdirSync(BUILD, { recursive: true });
  // Beside its place, so that whoever reads meanwhile has a whole one.
  const beside = `${path}.${process.pid}`;
  const version = `-DGUARD_VERSION="${guardVersion()}"`;
  try {
    const args = [...FLAGS, version, "-o", beside, ...sourceFiles()];
    const { exitCode, stderr } = await tryCommand(compiler.command, args);
    if (exitCode !== 0)
      throw new SetUpError(`the guard does not compile for ${arch}`, hint(stderr));
    const file = readFileSync(beside);
    const faults = findFaults(file, arch);
    if (faults.length > 0)
      throw new SetUpError(`the guard for ${arch} is not as it must be`, hint(faults.join("\n")));
    renameSync(beside, path);
    writeFileSync(`${path}.stamp`, `${stamp}\n${hashOf(file)}\n`);
    return `${(file.length / 1024).toFixed(1)} KiB`;
  } finally {
    rmSync(beside, { force: true });
  }
}

function isBuilt(path, stamp) {
  if (!existsSync(path) || !existsSync(`${path}.stamp`)) return false;
  const written = readFileSync(`${path}.stamp`, "utf8");
  return written === `${stamp}\n${hashOf(readFileSync(path))}\n`;
}

/** The product's version and the sources': two guards of one version behave alike. */
function guardVersion() {
  return `${productVersion()}-${fingerprint([SOURCES], FLAGS).slice(0, 12)}`;
}

function productVersion() {
  return JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version;
}

function hashOf(file) {
  return createHash("sha256").update(file).digest("hex");
}

function hint(words) {
  return { hint: words.trimEnd().split("\n").slice(0, 15).join("\n") };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(build);

async function build(args) {
  const unknown = args.find((arg) => !ARCHES.includes(arg));
  if (unknown)
    throw new SetUpError(`${unknown} is not a machine the guard is written for`, {
      exitCode: EXIT_USAGE,
      hint: `It is written for ${ARCHES.join(" and ")}.`,
    });
  const named = [];
  for (const arch of args) {
    const guard = await buildGuard({ arch });
    if (!guard) throw new SetUpError(`there is no C compiler for ${arch} here`);
    named.push(guard);
  }
  const built = args.length > 0 ? named : await ensureGuard();
  for (const { path } of built) process.stdout.write(`${path}\n`);
  return built.length > 0 ? 0 : 1;
}
