import {
  findTied,
  type Picked,
  type PickStrategy,
  type PickView,
  pickLeastBusy,
  pickRandomly,
  type RunRequest,
  shuffle,
  type Target,
} from "@deckhand/core";
import type { Kysely } from "kysely";
import type { Database } from "../database/database.ts";
import { type CpuReader, readCpuPercents } from "./read-cpu-percents.ts";
import { peekRotation, rotationKey, turnRotation } from "./rotation-store.ts";
import { countOpenExecutions } from "./run-store.ts";

/** Engines are asked about so many at most. */
const MOST_ASKED = 64;
/** Who was chosen counts as busier until its execution is surely in the database. */
const CHOSEN_FOR_MS = 1_000;

export interface PickDeps {
  readonly db: Kysely<Database>;
  readonly readCpu: CpuReader;
  readonly random: () => number;
  readonly now: () => number;
}

export interface PickInput {
  readonly request: RunRequest;
  /** All that match, by engine and name. */
  readonly targets: readonly Target[];
  /** True where nothing is started: then no rotation turns. */
  readonly isTrial: boolean;
}

export interface PickedTargets {
  readonly targets: readonly Target[];
  /** Undefined when the request takes all. */
  readonly pick: PickView | undefined;
}

export type TargetPicker = (input: PickInput) => Promise<PickedTargets>;

/** Chooses as many of the targets as a request wants, and says why these. */
export function targetPicker(deps: PickDeps): TargetPicker {
  const chosenLately = chosenTargets(deps.now);

  async function leastBusy({ targets }: PickInput, count: number): Promise<readonly Picked[]> {
    const open = await countOpenExecutions(deps.db);
    const expected = ({ id }: Target) => (open.get(id) ?? 0) + chosenLately.count(id);
    // Of equal ones any may be first, or it would be the same one each time.
    const { certain, tied } = findTied(shuffle(targets, deps.random), count, expected);
    const asked = tied.slice(0, MOST_ASKED);
    const cpu = await readCpuPercents(deps.readCpu, asked);
    const candidates = [...certain, ...(asked.length + certain.length < count ? tied : asked)];
    return pickLeastBusy(candidates, count, (target) => ({
      openExecutions: open.get(target.id) ?? 0,
      chosenLately: chosenLately.count(target.id),
      cpuPercent: cpu.get(target.id),
    }));
  }

  async function roundRobin(
    { request, targets, isTrial }: PickInput,
    count: number,
  ): Promise<readonly Picked[]> {
    const turn = { key: rotationKey(request), targets, count, atMs: deps.now() };
    return isTrial ? peekRotation(deps.db, turn) : turnRotation(deps.db, turn);
  }

  const strategies: Readonly<
    Record<PickStrategy, (input: PickInput, count: number) => Promise<readonly Picked[]>>
  > = {
    "round-robin": roundRobin,
    "least-busy": leastBusy,
    random: async ({ targets }, count) => pickRandomly(targets, count, deps.random),
  };

  return async (input) => {
    const { pick } = input.request;
    if (!pick) return { targets: input.targets, pick: undefined };
    const picked = await strategies[pick.strategy](input, pick.count);
    if (!input.isTrial) chosenLately.add(picked.map(({ target }) => target.id));
    const chosen = new Set(picked.map(({ target }) => target));
    return {
      targets: input.targets.filter((target) => chosen.has(target)),
      pick: {
        ...pick,
        matched: input.targets.length,
        chosen: picked.map(({ target, why }) => ({ target: target.name, why })),
      },
    };
  };
}

/** Remembers who was chosen a moment ago: two requests at once see the same database. */
function chosenTargets(now: () => number) {
  const until = new Map<string, number[]>();
  const fresh = (id: string) => (until.get(id) ?? []).filter((end) => end > now());
  return {
    count: (id: string) => fresh(id).length,
    add: (ids: readonly string[]) => {
      for (const id of until.keys()) if (fresh(id).length === 0) until.delete(id);
      for (const id of ids) until.set(id, [...fresh(id), now() + CHOSEN_FOR_MS]);
    },
  };
}
