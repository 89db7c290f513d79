import { AppError, type ExaminationView, type Target } from "@deckhand/core";
import type { Examination, Examiner } from "../sessions/examination.ts";
import { describeExamination } from "./describe-examination.ts";
import type { CatchUpOptions } from "./inventory.ts";
import type { TargetDirectory } from "./target-directory.ts";

/** Shorter beginnings of a container's id are more likely a mistyped name. */
const SHORTEST_ID_PREFIX = 12;

export interface ExamineTargetDeps {
  readonly targets: Pick<TargetDirectory, "list">;
  /** Waits until what the engines have told is in the list. */
  readonly catchUpTargets: (options: CatchUpOptions) => Promise<void>;
  /** Asks the engines now, whatever they have told. */
  readonly refreshTargets: () => Promise<void>;
  readonly findExaminer: (engine: string) => Examiner | undefined;
  /** Tells the state of a container that is no target, because it does not run. */
  readonly findStopped: (name: string) => Promise<string | undefined>;
  readonly now: () => number;
}

export interface ExamineTargetInput {
  /** The target's id, its name, or the beginning of its container's id. */
  readonly target: string;
  readonly user: string;
}

/** Says what one target allows, and why; throws TARGET_NOT_FOUND, TARGET_AMBIGUOUS, TARGET_STATE_CONFLICT or what the engine refuses. */
export async function examineTarget(
  deps: ExamineTargetDeps,
  { target: named, user }: ExamineTargetInput,
): Promise<ExaminationView> {
  const target = await findTarget(deps, named);
  const examiner = deps.findExaminer(target.engine);
  if (!examiner) throw new TypeError(`the engine ${target.engine} of a target is not there`);
  const examination = await examiner.examine({ containerId: target.containerId, user });
  return toView(examination, { target, user, examinedAt: new Date(deps.now()).toISOString() });
}

async function findTarget(deps: ExamineTargetDeps, named: string): Promise<Target> {
  await deps.catchUpTargets({ untold: false });
  let found = matching(deps.targets.list(), named);
  if (found.length === 0) {
    await deps.refreshTargets();
    found = matching(deps.targets.list(), named);
  }
  const [target, ...others] = found;
  if (!target) throw await notThere(deps, named);
  if (others.length === 0) return target;
  const places = found.map(({ engine, id }) => `${engine} (${id})`).join(", ");
  throw new AppError("TARGET_AMBIGUOUS", {
    detail: `${found.length} targets are called ${named}: on ${places}.`,
    hint: "Give the id of one.",
  });
}

function matching(targets: readonly Target[], named: string): Target[] {
  const byId = targets.filter(({ id }) => id === named);
  if (byId.length > 0) return byId;
  const byName = targets.filter(({ name }) => name === named);
  if (byName.length > 0 || named.length < SHORTEST_ID_PREFIX) return byName;
  return targets.filter(({ containerId }) => containerId.startsWith(named));
}

async function notThere(deps: ExamineTargetDeps, named: string): Promise<AppError> {
  const status = await deps.findStopped(named);
  if (status !== undefined) {
    return new AppError("TARGET_STATE_CONFLICT", {
      detail: `The container ${named} is ${status}; only in a running one it can be seen what it allows.`,
      hint: `Start it: docker start ${named}`,
      extra: { containerStatus: status },
    });
  }
  return new AppError("TARGET_NOT_FOUND", {
    detail: `There is no target ${named}.`,
    hint: "List the targets with `deckhand targets`.",
  });
}

interface Asked {
  readonly target: Target;
  readonly user: string;
  readonly examinedAt: string;
}

function toView(examination: Examination, { target, user, examinedAt }: Asked): ExaminationView {
  const { container, engine, guard, tried, guarantees, refusal, inside } = examination;
  const { id, name, containerId, image } = target;
  const startedMs = Date.parse(container.startedAt);
  return {
    target: { id, name, engine: target.engine, containerId, image },
    user,
    examinedAt,
    container: {
      status: container.status,
      health: container.health ?? "none",
      user: container.user,
      startedAt: Number.isNaN(startedMs) ? null : new Date(startedMs).toISOString(),
      oomKilled: container.oomKilled,
    },
    engine: { product: engine.product, version: engine.version, architecture: engine.arch },
    guard: guard ?? null,
    tried: [...tried],
    guarantees: guarantees ?? null,
    refusal: refusal ?? null,
    inside: inside ?? null,
    findings: describeExamination(target, examination),
  };
}
