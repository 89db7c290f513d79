import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { spawn } from "node:child_process";
import { ROOT, STATE, TOOLCHAIN } from "./paths.mjs";
import { step } from "./progress.mjs";
import { runCommand, tryCommand } from "./run-command.mjs";
import { EXIT_UNAVAILABLE, SetUpError } from "./set-up-error.mjs";

export const NODE_VERSION = "24.21.0";
const PNPM_VERSION = "12.21.0";
/** The oldest Node that runs the sources as they are. */
const OLDEST_NODE = [24, 11];

/** Makes sure of Node, pnpm and the dependencies; gives the environment in which they come first on the path. */
export async function ensureToolchain() {
  const env = await ensureNodeAndPnpm();
  await ensureDependencies(env);
  return env;
}

async function ensureNodeAndPnpm() {
  const ownBin = join(TOOLCHAIN, "node_modules/.bin");
  const env = {
    ...process.env,
    PATH: [ownBin, join(ROOT, "node_modules/.bin"), process.env.PATH].join(delimiter),
  };
  const wanted = [
    ...(isNodeNewEnough() ? [] : [`${nodePackage()}@${NODE_VERSION}`]),
    ...((await hasPnpm()) ? [] : [`pnpm@${PNPM_VERSION}`]),
  ];
  const missing = wanted.filter((spec) => !isInstalled(spec));
  if (missing.length > 0) {
    await step(`install ${missing.join(" and ")} into .tools`, (status) =>
      installTools(wanted, status),
    );
  }
  return env;
}

async function installTools(specs, status) {
  const flags = [
    "--ignore-scripts",
    "--no-save",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--prefix",
    TOOLCHAIN,
  ];
  mkdirSync(TOOLCHAIN, { recursive: true });
  await runCommand("npm", ["install", ...flags, ...specs], { onLine: status });
}

function isInstalled(spec) {
  const [, name, version] = /^(.+)@([^@]+)$/.exec(spec);
  const manifest = join(TOOLCHAIN, "node_modules", name, "package.json");
  return existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).version === version;
}

function isNodeNewEnough() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  return major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
}

/** The program of the Node that runs the sources. */
export function findNode() {
  const own = join(TOOLCHAIN, "node_modules/.bin/node");
  return realpathSync(existsSync(own) ? own : process.execPath);
}

async function hasPnpm() {
  const { exitCode, stdout } = await tryCommand("pnpm", ["--version"], { cwd: "/" });
  return exitCode === 0 && stdout.trim().split(".")[0] === PNPM_VERSION.split(".")[0];
}

function nodePackage() {
  const key = `${process.platform}-${process.arch}`;
  if (["linux-x64", "linux-arm64", "darwin-arm64", "darwin-x64"].includes(key))
    return `node-${key}`;
  throw new SetUpError(`Node ${OLDEST_NODE.join(".")} or newer is needed`, {
    exitCode: EXIT_UNAVAILABLE,
    hint: `This is Node ${process.versions.node} on ${key}, for which no newer one can be installed from here.`,
  });
}

/** The dependencies are installed again when the lock file, or what installs them, has changed. */
async function ensureDependencies(env) {
  const stampPath = join(STATE, "dependencies");
  const stamp = createHash("sha256")
    .update(PNPM_VERSION)
    .update(readFileSync(join(ROOT, "pnpm-lock.yaml")))
    .digest("hex");
  const installed = existsSync(join(ROOT, "node_modules/.pnpm")) && existsSync(stampPath);
  if (installed && readFileSync(stampPath, "utf8") === stamp) return;
  await step("install dependencies", async (status) => {
    await runCommand("pnpm", ["install", "--frozen-lockfile"], {
      cwd: ROOT,
      env: { ...env, CI: "true" },
      onLine: status,
    });
  });
  mkdirSync(STATE, { recursive: true });
  writeFileSync(stampPath, stamp);
}

/** Runs a program of the toolchain with our own streams; gives its exit code, 128 + n after a signal. */
export function runInForeground(command, args, { env, cwd = ROOT } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: "inherit" });
    // A signal from the terminal reaches the child as well; it decides how to end.
    const stay = () => {};
    for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, stay);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      for (const name of ["SIGINT", "SIGTERM"]) process.off(name, stay);
      resolve(code ?? 128 + (signalNumbers[signal] ?? 0));
    });
  });
}

const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };
