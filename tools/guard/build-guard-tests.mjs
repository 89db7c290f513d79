// node tools/guard/build-guard-tests.mjs PROGRAM…: compiles programs that test the guard, and prints where they are.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { main } from "../main.mjs";
import { step } from "../progress.mjs";
import { runCommand } from "../run-command.mjs";
import { SetUpError } from "../set-up-error.mjs";
import { FLAGS } from "./build-guard.mjs";
import {
  ARCHES,
  BUILD,
  findClang,
  findCompiler,
  fingerprint,
  GUARD,
  SOURCES,
  sourceFiles,
} from "./guard-compilers.mjs";

const EXIT_USAGE = 64;
const TESTS = join(GUARD, "test");
const FUZZ = join(GUARD, "fuzz");

const HOSTED = ["-std=c11", "-g", "-Wall", "-Wextra", "-Werror", "-DGUARD_HOSTED"];
const SANITIZED = [...HOSTED, "-O1", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all"];

/** What a test's own main function takes the place of. */
const without = (...names) =>
  sourceFiles().filter((path) => !names.some((name) => path.endsWith(`/${name}`)));

const PROGRAMS = {
  "guard-sanitized": {
    findCompiler: findClang,
    flags: [...SANITIZED, "-fsanitize=address,undefined"],
    sources: () => sourceFiles(),
  },
  "vectors-sanitized": {
    findCompiler: findClang,
    flags: [...SANITIZED, "-fsanitize=address,undefined"],
    sources: () => [join(TESTS, "vectors.c"), ...without("main.c", "outbox.c")],
  },
  ...forEachArch("vectors", (arch) => ({
    findCompiler: () => findCompiler(arch),
    // Static, so that it runs where the other machine's libraries are not.
    flags: [...HOSTED, "-Os", "-static"],
    sources: () => [join(TESTS, "vectors.c"), ...without("main.c", "outbox.c")],
  })),
  ...forEachArch("guard-emulated", (arch) => ({
    findCompiler: () => findCompiler(arch),
    flags: [...FLAGS, "-include", join(TESTS, "emulated.h")],
    sources: () => sourceFiles(),
  })),
  "fuzz-frames": {
    findCompiler: findClang,
    flags: [...SANITIZED, "-fsanitize=fuzzer,address,undefined"],
    sources: () => [join(FUZZ, "frames.c"), join(SOURCES, "frame.c"), join(SOURCES, "text.c")],
  },
  "fuzz-connection": {
    findCompiler: findClang,
    flags: [
      ...SANITIZED,
      "-fsanitize=fuzzer,address,undefined",
      ...["-include", join(FUZZ, "pretend.h")],
    ],
    sources: () => [
      ...["connection.c", "scripts.c", "server.c"].map((name) => join(FUZZ, name)),
      ...without("main.c"),
    ],
  },
};

function forEachArch(name, toProgram) {
  return Object.fromEntries(ARCHES.map((arch) => [`${name}-${arch}`, toProgram(arch)]));
}

/** Compiles the program, if anything has changed since the last time; gives its path. */
export async function buildGuardTest(name) {
  const { findCompiler, flags, sources } = PROGRAMS[name];
  const compiler = await findCompiler();
  if (!compiler) throw new SetUpError(`there is no compiler for ${name} here`);
  const path = join(BUILD, "tests", name);
  const stamp = fingerprint([SOURCES, TESTS, FUZZ], [compiler, flags]);
  if (!existsSync(path) || !existsSync(`${path}.stamp`) || read(`${path}.stamp`) !== stamp)
    await step(`compile ${name}`, () => compile({ compiler, flags, sources, path, stamp }));
  return path;
}

async function compile({ compiler, flags, sources, path, stamp }) {
  mkdirSync(join(BUILD, "tests"), { recursive: true });
  const beside = `${path}.${process.pid}`;
  try {
    await runCommand(compiler.command, [...flags, "-o", beside, ...sources()]);
    renameSync(beside, path);
    writeFileSync(`${path}.stamp`, stamp);
  } finally {
    rmSync(beside, { force: true });
  }
}

function read(path) {
  return readFileSync(path, "utf8");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(build);

async function build(args) {
  const unknown = args.find((name) => !(name in PROGRAMS));
  if (unknown)
    throw new SetUpError(`${unknown} is not a program that tests the guard`, {
      exitCode: EXIT_USAGE,
      hint: `There are ${Object.keys(PROGRAMS).join(", ")}.`,
    });
  for (const name of args) process.stdout.write(`${await buildGuardTest(name)}\n`);
}
