import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { assertReceived, type BenchPlace, floodScript, inParallel, type Peer } from "./peer.ts";

const FOLDER = new URL(".", import.meta.url).pathname;
const MODULES = "import docker, fastapi, uvicorn";
/** Debian's python3 has the modules as packages; another python3 may come first on the path. */
const PYTHONS = ["python3", "/usr/bin/python3"];

/** A FastAPI server over docker-py, run by uvicorn with one process. */
export function fastapi(): Peer {
  let server: ChildProcess | undefined;
  let url = "";

  async function post(path: string, body: unknown): Promise<Response> {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
    return answer;
  }

  async function run(container: string, script: string): Promise<string> {
    return ((await (await post("/run", { container, script })).json()) as { stdout: string })
      .stdout;
  }

  return {
    name: "FastAPI + docker-py",
    start: async (place: BenchPlace) => {
      const python = await findPython();
      if (!python)
        return {
          missing:
            "no python3 has fastapi, uvicorn and docker (Debian: python3-fastapi python3-uvicorn python3-docker)",
        };
      const port = await freePort();
      url = `http://127.0.0.1:${port}`;
      const env = { ...process.env, DOCKER_HOST: `unix://${place.dockerSocket}` };
      const uvicorn = [
        "-m",
        "uvicorn",
        "fastapi_app:app",
        "--port",
        `${port}`,
        "--log-level",
        "warning",
      ];
      server = spawn(python, uvicorn, {
        cwd: FOLDER,
        env,
        stdio: ["ignore", "inherit", "inherit"],
      });
      await untilReady(url);
      return "ready";
    },
    run,
    runOnAll: (containers, script, width) =>
      inParallel(containers, width, (container) => run(container, script)),
    stream: async (container, bytes) => {
      const answer = await post("/stream", { container, script: floodScript(bytes) });
      let received = 0;
      for await (const piece of answer.body ?? []) received += piece.length;
      assertReceived(received, bytes);
    },
    stop: async () => {
      if (!server) return;
      const gone = once(server, "exit");
      server.kill("SIGTERM");
      await gone;
    },
  };
}

async function findPython(): Promise<string | undefined> {
  for (const python of PYTHONS) {
    const child = spawn(python, ["-c", MODULES], { stdio: "ignore" });
    const code = await new Promise((resolve) => {
      child.on("error", () => resolve(1));
      child.on("close", resolve);
    });
    if (code === 0) return python;
  }
  return undefined;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

async function untilReady(url: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (
      await fetch(`${url}/ready`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the FastAPI server did not become ready");
}
