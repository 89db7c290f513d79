import type { TargetContainer } from "./target-container.ts";

export interface ProcessInside {
  readonly pid: number;
  readonly parentPid: number;
  readonly command: string;
  readonly isZombie: boolean;
  /** In clock ticks since the boot; a pid and this together are given only once. */
  readonly startedAt: string;
}

/** What the guard's own processes are called: the one that stays and its bridges, and one for each running script. */
const GUARDS = ["deckhand-guard", "deckhand-init"];

/** Every process in the container but the one that looks, zombies too, which the engine's own list leaves out. */
export async function processesInside(
  container: TargetContainer,
): Promise<readonly ProcessInside[]> {
  const text = await container.exec("sh", "-c", "echo $$; exec cat /proc/[0-9]*/stat 2>/dev/null");
  const [self, ...stats] = text.trim().split("\n");
  if (!self) throw new Error(`the processes of ${container.name} can not be listed`);
  return stats.map(parseStat).filter(({ pid }) => pid !== Number(self));
}

function parseStat(line: string): ProcessInside {
  const nameEnd = line.lastIndexOf(")");
  const nameStart = line.indexOf("(");
  const [state, parentPid, ...rest] = line.slice(nameEnd + 2).split(" ");
  return {
    pid: Number(line.slice(0, nameStart)),
    parentPid: Number(parentPid),
    command: line.slice(nameStart + 1, nameEnd),
    isZombie: state === "Z" || state === "X",
    startedAt: rest[17] ?? "",
  };
}

/** What is there now and was not there before. */
export function newSince(
  before: readonly ProcessInside[],
  now: readonly ProcessInside[],
): readonly ProcessInside[] {
  const known = new Set(before.map(identity));
  return now.filter((one) => !known.has(identity(one)));
}

export function isGuards({ command }: ProcessInside): boolean {
  return GUARDS.includes(command);
}

export function describeProcess(one: ProcessInside): string {
  return `${one.command} (pid ${one.pid}, child of ${one.parentPid}${one.isZombie ? ", a zombie" : ""})`;
}

function identity(one: ProcessInside): string {
  return `${one.pid} ${one.startedAt}`;
}
