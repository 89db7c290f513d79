import { writeFile } from "node:fs/promises";

/** Lets a server be looked into; the port is in its log. */
export const PROFILED_ENV = { NODE_OPTIONS: "--inspect=127.0.0.1:0" };

const SAMPLE_US = 200;

/** Keeps a CPU profile of a server, which was started with PROFILED_ENV, while something is done. */
export async function profiling<Result>(
  log: string,
  path: URL,
  act: () => Promise<Result>,
): Promise<Result> {
  const inspector = await connect(addressOf(log));
  await inspector.ask("Profiler.enable");
  await inspector.ask("Profiler.setSamplingInterval", { interval: SAMPLE_US });
  await inspector.ask("Profiler.start");
  const result = await act();
  const { profile } = (await inspector.ask("Profiler.stop")) as { profile: unknown };
  await writeFile(path, JSON.stringify(profile));
  inspector.close();
  return result;
}

function addressOf(log: string): string {
  // A server begins again once, and listens anew then.
  const address = [...log.matchAll(/Debugger listening on (ws:\S+)/g)].at(-1)?.[1];
  if (!address) throw new Error(`the server can not be looked into:\n${log.slice(0, 500)}`);
  return address;
}

interface Inspector {
  ask(method: string, params?: object): Promise<unknown>;
  close(): void;
}

async function connect(address: string): Promise<Inspector> {
  const socket = new WebSocket(address);
  const asked = new Map<number, (result: unknown) => void>();
  let last = 0;
  socket.addEventListener("message", ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id: number; result: unknown };
    asked.get(id)?.(result);
    asked.delete(id);
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", reject);
  });
  return {
    ask: (method, params = {}) =>
      new Promise((resolve) => {
        const id = ++last;
        asked.set(id, resolve);
        socket.send(JSON.stringify({ id, method, params }));
      }),
    close: () => socket.close(),
  };
}
