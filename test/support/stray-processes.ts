import { pause } from "./patient-client.ts";

const GONE_WITHIN_MS = 30_000;

export interface ContainerProcess {
  readonly pid: number;
  readonly name: string;
  readonly command: string;
}

/** `docker` is the command line of the container's engine. */
export async function listProcesses(
  docker: (...command: string[]) => Promise<string>,
  container: string,
): Promise<readonly ContainerProcess[]> {
  const [, ...lines] = (await docker("top", container, "-eo", "pid,comm,args")).split("\n");
  return lines.map((line) => {
    const [, pid, name, command] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return { pid: Number(pid), name: name ?? "", command: command ?? line };
  });
}

/**
 * Waits until a container has nothing but the processes it had `before`, by their commands, and one guard; gives the
 * commands that are too many, which are none when all is well.
 */
export async function findStrays(
  list: () => Promise<readonly ContainerProcess[]>,
  before: readonly ContainerProcess[],
): Promise<readonly string[]> {
  const until = performance.now() + GONE_WITHIN_MS;
  for (;;) {
    const strays = toStrays(await list(), before);
    if (strays.length === 0 || performance.now() > until) return strays;
    await pause(250);
  }
}

function toStrays(
  now: readonly ContainerProcess[],
  before: readonly ContainerProcess[],
): readonly string[] {
  const own = before.map(({ command }) => command);
  const [, ...furtherGuards] = now.filter(isGuard);
  const others = now.filter((process) => !isGuard(process) && !own.includes(process.command));
  return [...others, ...furtherGuards].map(({ pid, command }) => `${pid} ${command}`);
}

/** The one that stays; a bridge is a guard's name with a word behind it. */
function isGuard({ name, command }: ContainerProcess): boolean {
  return name.startsWith("deckhand-guard") && !/ bridge\b/.test(command);
}
