import { spawn } from "node:child_process";
import { SetUpError } from "./set-up-error.mjs";

const KEPT_BYTES = 64 * 1024;

/** Runs a command to its end and gives its stdout; a failure shows the end of what it printed. */
export async function runCommand(command, args, { cwd, env, onLine, input } = {}) {
  const result = await tryCommand(command, args, { cwd, env, onLine, input });
  if (result.exitCode === 0) return result.stdout;
  throw new SetUpError(`${command} ${args.join(" ")} failed (${result.exitCode})`, {
    hint: tail(result.stderr || result.stdout),
  });
}

/** The same without judging the exit code; a command that is not there has exit code 127. */
export function tryCommand(command, args, { cwd, env, onLine, input } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env: env ?? process.env, stdio: "pipe" });
    const output = { stdout: "", stderr: "" };
    collect(child.stdout, "stdout", output, onLine);
    collect(child.stderr, "stderr", output, onLine);
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.once("error", (error) => resolve({ ...output, exitCode: 127, stderr: error.message }));
    child.once("close", (code, signal) => resolve({ ...output, exitCode: code ?? signal }));
  });
}

function collect(stream, name, output, onLine) {
  stream.setEncoding("utf8");
  stream.on("data", (text) => {
    output[name] = (output[name] + text).slice(-KEPT_BYTES);
    const line = text.trimEnd().split("\n").at(-1);
    if (line) onLine?.(line);
  });
}

function tail(text) {
  return text.trimEnd().split("\n").slice(-15).join("\n");
}
