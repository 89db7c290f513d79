import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { SetUpError } from "../set-up-error.mjs";
import { isAnswering } from "./engine-http.mjs";

/** Starts a program that outlives us, in a session of its own, with its output in a file. */
export function startDetached(command, args, { logPath, env = process.env, cwd = "/" }) {
  const log = openSync(logPath, "a");
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  child.unref();
  return new Promise((resolve, reject) => {
    child.once("spawn", () => resolve(child));
    child.once("error", reject);
  });
}

/** Waits until the engine answers; a daemon that ended first is reported with the end of its log. */
export async function waitUntilAnswering(address, { child, logPath, timeoutMs }) {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    if (await isAnswering(address)) return;
    if (child && (child.exitCode !== null || child.signalCode !== null)) break;
    await sleep(100);
  }
  if (await isAnswering(address)) return;
  throw new SetUpError("the engine was started but does not answer", {
    hint: `The end of ${logPath}:\n${readTail(logPath)}`,
  });
}

/** Removes a pid file whose process is gone, or is another program that got the same number. */
export function removeStalePidFile(path, programName) {
  if (!existsSync(path)) return;
  const pid = readFileSync(path, "utf8").trim();
  if (programOf(pid) !== programName) rmSync(path, { force: true });
}

/** Removes a socket nobody listens on: its mere presence misleads the daemon that would use it. */
export async function removeStaleSocket(path) {
  if (existsSync(path) && !(await isListening(path))) rmSync(path, { force: true });
}

function programOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return undefined;
  }
}

function isListening(path) {
  return new Promise((resolve) => {
    const socket = connect(path);
    const answer = (isOpen) => resolve(socket.destroy() && isOpen);
    socket.once("connect", () => answer(true));
    socket.once("error", () => answer(false));
  });
}

function readTail(path) {
  if (!existsSync(path)) return "(no log)";
  return readFileSync(path, "utf8").trimEnd().split("\n").slice(-12).join("\n");
}
