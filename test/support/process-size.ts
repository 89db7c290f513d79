import { readdir, readFile, readlink } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

const LOOK_EVERY_MS = 100;

export interface ProcessSize {
  readonly residentMebibytes: number;
  /** Files, sockets and all else that it holds by a descriptor. */
  readonly descriptors: number;
  readonly sockets: number;
}

export async function readProcessSize(pid: number): Promise<ProcessSize> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const [, kibibytes = ""] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  const names = await readdir(`/proc/${pid}/fd`);
  const held = await Promise.all(
    names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => "closed meanwhile")),
  );
  return {
    residentMebibytes: Math.round(Number(kibibytes) / 1024),
    descriptors: held.length,
    sockets: held.filter((what) => what.startsWith("socket:")).length,
  };
}

/** Looks at a process again and again until it is stopped; gives the most of each that was seen. */
export function watchProcessSize(pid: number): { stop(): Promise<ProcessSize> } {
  const over = new AbortController();
  const watched = watch(pid, over.signal);
  return {
    stop: () => {
      over.abort();
      return watched;
    },
  };
}

async function watch(pid: number, signal: AbortSignal): Promise<ProcessSize> {
  for (let most = await readProcessSize(pid); ; ) {
    await delay(LOOK_EVERY_MS);
    const now = await readProcessSize(pid);
    most = {
      residentMebibytes: Math.max(most.residentMebibytes, now.residentMebibytes),
      descriptors: Math.max(most.descriptors, now.descriptors),
      sockets: Math.max(most.sockets, now.sockets),
    };
    if (signal.aborted) return most;
  }
}
