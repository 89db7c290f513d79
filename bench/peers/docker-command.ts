import { spawn } from "node:child_process";
import { once } from "node:events";
import { assertReceived, type BenchPlace, floodScript, inParallel, type Peer } from "./peer.ts";

/** `docker exec`, a process for each run. */
export function dockerCommand(): Peer {
  let env: NodeJS.ProcessEnv = process.env;

  async function exec(
    container: string,
    script: string,
    onBytes: (bytes: Buffer) => void,
  ): Promise<void> {
    const child = spawn("docker", ["exec", container, "bash", "-c", script], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    child.stdout.on("data", onBytes);
    const [code] = (await once(child, "close")) as [number];
    if (code !== 0) throw new Error(`docker exec ended with ${code}`);
  }

  async function run(container: string, script: string): Promise<string> {
    const pieces: Buffer[] = [];
    await exec(container, script, (bytes) => pieces.push(bytes));
    return Buffer.concat(pieces).toString();
  }

  return {
    name: "docker command line",
    start: async (place: BenchPlace) => {
      env = { ...process.env, DOCKER_HOST: `unix://${place.dockerSocket}` };
      return (await isThere()) ? "ready" : { missing: "the docker command is not installed" };
    },
    run,
    runOnAll: (containers, script, width) =>
      inParallel(containers, width, (container) => run(container, script)),
    stream: async (container, bytes) => {
      let received = 0;
      await exec(container, floodScript(bytes), (piece) => (received += piece.length));
      assertReceived(received, bytes);
    },
    stop: async () => {},
  };
}

async function isThere(): Promise<boolean> {
  const child = spawn("docker", ["--version"], { stdio: "ignore" });
  return new Promise((resolve) => {
    child.on("error", () => resolve(false));
    child.on("close", (code) => resolve(code === 0));
  });
}
