import type { Target } from "@deckhand/core";

/** The CPU time that a container has used, at a time of the engine's clock. */
export interface CpuSample {
  readonly atMs: number;
  readonly cpuMs: number;
}

/** Throws, or gives undefined, where the engine does not tell. */
export type CpuReader = (target: Target, signal: AbortSignal) => Promise<CpuSample | undefined>;

/** Between two looks at the counters; the second minus the first is what is used now. */
const LOOK_AGAIN_AFTER_MS = 250;
/** A run does not wait longer for an engine that is slow. Docker Engines before 23 take up to a second for each look. */
const KNOWN_WITHIN_MS = 5_000;

/** How busy the CPU is with each of the targets now, 100 being one core; without those that are not known in time. */
export async function readCpuPercents(
  read: CpuReader,
  targets: readonly Target[],
): Promise<ReadonlyMap<string, number>> {
  if (targets.length === 0) return new Map();
  const deadline = AbortSignal.timeout(KNOWN_WITHIN_MS);
  const before = await readAll(read, targets, deadline);
  await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_AFTER_MS));
  const known = targets.filter(({ id }) => before.has(id));
  const after = await readAll(read, known, deadline);
  const percents = new Map<string, number>();
  for (const [id, second] of after) {
    const first = before.get(id);
    if (first && second.atMs > first.atMs)
      percents.set(id, (100 * (second.cpuMs - first.cpuMs)) / (second.atMs - first.atMs));
  }
  return percents;
}

async function readAll(
  read: CpuReader,
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, CpuSample>> {
  const samples = await Promise.all(
    targets.map(async (target) => {
      const sample = await read(target, signal).catch(() => undefined);
      return sample ? ([[target.id, sample]] as const) : [];
    }),
  );
  return new Map(samples.flat());
}
