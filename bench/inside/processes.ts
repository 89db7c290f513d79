import { readdir, readFile, readlink, stat } from "node:fs/promises";

/** Looks at processes from the host, through /proc; needs Linux, and the right to look. */

const SAMPLE_MS = 50;

/** The resident set (VmRSS) of a process. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** Samples until it is stopped, and then gives the most that the process had. */
export function watchMemory(pid: number): { stop(): Promise<number> } {
  let most = 0;
  const look = async () => {
    most = Math.max(most, await residentBytes(pid));
  };
  const timer = setInterval(() => void look().catch(() => clearInterval(timer)), SAMPLE_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      await look();
      return most;
    },
  };
}

export interface SeenProcess {
  readonly pid: number;
  readonly command: string;
}

/** Finds the processes of that name in the same container as another process. */
export async function findProcesses(wanted: {
  readonly beside: number;
  readonly name: string;
}): Promise<readonly SeenProcess[]> {
  const place = await readlink(`/proc/${wanted.beside}/ns/pid`);
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const seen = await Promise.all(
    pids.map(async (pid) => ((await isThere(pid, place, wanted.name)) ? [await see(pid)] : [])),
  );
  return seen.flat();
}

async function isThere(pid: number, place: string, name: string): Promise<boolean> {
  try {
    const comm = (await readFile(`/proc/${pid}/comm`, "utf8")).trim();
    return comm === name && (await readlink(`/proc/${pid}/ns/pid`)) === place;
  } catch {
    return false;
  }
}

async function see(pid: number): Promise<SeenProcess> {
  const argv = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0").filter(Boolean);
  return { pid, command: argv.join(" ").slice(0, 60) };
}

/** How large the file is that a process was started from, also when that is in memory only. */
export async function programBytes(pid: number): Promise<number> {
  return (await stat(`/proc/${pid}/exe`)).size;
}
