import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../paths.mjs";
import { tryCommand } from "../run-command.mjs";

export const GUARD = join(ROOT, "guard");
export const SOURCES = join(GUARD, "src");
/** What is built from the sources; nothing in it is kept. */
export const BUILD = join(GUARD, "build");

/** The machines the guard is written for, by the names their compilers use. */
export const ARCHES = ["x86_64", "aarch64"];

/** Debian's packages with what builds a guard for another machine than this one, and what runs it. */
export const CROSS_PACKAGES = {
  x86_64: ["gcc-x86-64-linux-gnu", "libc6-dev-amd64-cross"],
  aarch64: ["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"],
};

/** The machine we run on, or undefined where the guard does not run. */
export function hostArch() {
  return { x64: "x86_64", arm64: "aarch64" }[process.arch];
}

/** A compiler for the machine, `{ command, version }`, or undefined. */
export async function findCompiler(arch) {
  // The names of the system's own compiler stand for a guard only where its programs are Linux's.
  const isOwn = process.platform === "linux" && arch === hostArch();
  const names = [`${arch}-linux-gnu-gcc`, `${arch}-linux-musl-gcc`];
  return findFirst(isOwn ? ["cc", "gcc", "clang", ...names] : names);
}

/** Clang, which has the fuzzer and the sanitizers; `{ command, version }`, or undefined. */
export function findClang() {
  return findFirst(["clang"]);
}

/** The C files, in the order in which they are compiled. */
export function sourceFiles() {
  return filesOf(SOURCES, ".c");
}

/** A hash of the named files' contents, of headers beside them, and of what else decides what comes out. */
export function fingerprint(folders, words) {
  const hash = createHash("sha256").update(JSON.stringify(words));
  for (const folder of folders) {
    for (const path of [...filesOf(folder, ".c"), ...filesOf(folder, ".h")])
      hash.update(`\0${path.slice(ROOT.length)}\0`).update(readFileSync(path));
  }
  return hash.digest("hex");
}

function filesOf(folder, extension) {
  const names = readdirSync(folder).filter((name) => name.endsWith(extension));
  return names.sort().map((name) => join(folder, name));
}

async function findFirst(names) {
  for (const command of names) {
    const { exitCode, stdout } = await tryCommand(command, ["--version"]);
    if (exitCode === 0) return { command, version: stdout.split("\n")[0] };
  }
  return undefined;
}
