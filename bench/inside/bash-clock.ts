import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { engines } from "../../test/support/engines.ts";

/** Measures, inside a container, what bash itself takes: no engine and no server has a part in it. */
export interface BashClock {
  /** Starts `bash -c 'echo hello'` so many times; gives how long each took, in milliseconds. */
  measure(count: number): Promise<readonly number[]>;
  stop(): Promise<void>;
}

/** Needs perl in the container, which images of PostgreSQL have. */
export async function startBashClock(container: string): Promise<BashClock> {
  const program = await readFile(new URL("bash-clock.pl", import.meta.url), "utf8");
  const child = spawn("docker", ["exec", "--interactive", container, "perl", "-e", program], {
    env: { ...process.env, DOCKER_HOST: `unix://${engines().docker.socketPath}` },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    measure: async (count) => {
      child.stdin.write(`${count}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error(`the clock in ${container} stopped`);
      return value.split(" ").map((us) => Number(us) / 1000);
    },
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
