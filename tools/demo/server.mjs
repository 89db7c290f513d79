import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startDetached } from "../engine/daemon.mjs";
import { formatAddress } from "../engine/engine-http.mjs";
import { ROOT, STATE } from "../paths.mjs";
import { tryCommand } from "../run-command.mjs";
import { SetUpError } from "../set-up-error.mjs";

export const DATA_DIR = join(STATE, "demo");
export const TOKEN_PATH = join(DATA_DIR, "first-token");
export const LOG_PATH = join(DATA_DIR, "server.log");
const STATE_PATH = join(DATA_DIR, "demo.json");
const DECKHAND = join(ROOT, "packages/cli/bin/deckhand.js");
const FIRST_PORT = 8000;
const UP_WITHIN_MS = 30_000;
const ENDS_WITHIN_MS = 15_000;

/** The demo's server: the one that runs already, or a new one; gives `{ url, isNew }`. */
export async function ensureServer({ engine, env }) {
  const state = readState();
  const engineAddress = formatAddress(engine);
  if (state?.engine === engineAddress && (await isOurs(state)))
    return { url: state.url, isNew: false };
  await stopServer();
  // The token is shown once: data whose token file is gone can not be used by anybody any more.
  if (!existsSync(TOKEN_PATH)) rmSync(DATA_DIR, { recursive: true, force: true });
  return { url: await startServer({ engineAddress, env }), isNew: true };
}

/** Ends the demo's server, if it runs, and waits until it is gone. */
export async function stopServer() {
  const { pid } = readState() ?? {};
  if (!pid || !(await isDeckhand(pid))) return false;
  process.kill(pid, "SIGTERM");
  const deadline = performance.now() + ENDS_WITHIN_MS;
  while (await isDeckhand(pid)) {
    if (performance.now() > deadline) process.kill(pid, "SIGKILL");
    await sleep(100);
  }
  return true;
}

export function removeServerData() {
  rmSync(DATA_DIR, { recursive: true, force: true });
}

/** The engine that the demo was started on, as it was written down. */
export function readState() {
  try {
    return JSON.parse(readFileSync(STATE_PATH, "utf8"));
  } catch {
    return undefined;
  }
}

async function startServer({ engineAddress, env }) {
  mkdirSync(DATA_DIR, { recursive: true, mode: 0o700 });
  // A copy, so that what is edited in the demo does not change the checkout.
  cpSync(join(ROOT, "examples/scripts/db"), join(DATA_DIR, "scripts/db"), {
    recursive: true,
    force: false,
  });
  const port = await findFreePort(FIRST_PORT);
  const url = `http://127.0.0.1:${port}`;
  const args = [
    DECKHAND,
    "serve",
    "--data-dir",
    DATA_DIR,
    "--port",
    `${port}`,
    "--engine",
    `local=${engineAddress}`,
  ];
  const child = await startDetached("node", args, {
    logPath: LOG_PATH,
    env: withoutSettings(env),
    cwd: ROOT,
  });
  writeFileSync(STATE_PATH, JSON.stringify({ pid: child.pid, url, engine: engineAddress }));
  await waitUntilUp(child, url);
  return url;
}

// What the caller's shell sets for another Deckhand is not meant for this one.
export function withoutSettings(env) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("DECKHAND_")));
}

async function waitUntilUp(child, url) {
  const deadline = performance.now() + UP_WITHIN_MS;
  while (performance.now() < deadline && child.exitCode === null && child.signalCode === null) {
    if (existsSync(TOKEN_PATH) && (await isOurs({ url }))) return;
    await sleep(100);
  }
  throw new SetUpError("the server does not answer", {
    hint: `The end of ${LOG_PATH}:\n${readFileSync(LOG_PATH, "utf8").trimEnd().split("\n").slice(-12).join("\n")}`,
  });
}

/** Whether the demo's own server answers there, with the demo's own token and data. */
async function isOurs({ url }) {
  if (!existsSync(TOKEN_PATH)) return false;
  const headers = { authorization: `Bearer ${readFileSync(TOKEN_PATH, "utf8").trim()}` };
  try {
    const answer = await fetch(`${url}/api/v1/info`, {
      headers,
      signal: AbortSignal.timeout(3000),
    });
    return answer.ok && (await answer.json()).dataDir === DATA_DIR;
  } catch {
    return false;
  }
}

// A number in a file may by now be another program's.
async function isDeckhand(pid) {
  const { stdout } = existsSync("/proc/self/cmdline")
    ? { stdout: readProcFile(`/proc/${pid}/cmdline`) }
    : await tryCommand("ps", ["-o", "command=", "-p", `${pid}`]);
  return stdout.includes("deckhand.js") && stdout.includes(DATA_DIR);
}

function readProcFile(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

async function findFreePort(port) {
  return (await isFree(port)) ? port : findFreePort(port + 1);
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1" }, () => server.close(() => resolve(true)));
  });
}
