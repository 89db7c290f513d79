import type {
  GuardFinding,
  Guarantees,
  InsideFinding,
  OutcomeReason,
  TriedWayFinding,
} from "@deckhand/core";
import type { EngineContainerDetail, EngineVersion } from "../engines/engine.ts";
import type { ExecutionPlace } from "./session.ts";

/** Finds out what a container allows. */
export interface Examiner {
  /**
   * Tries everything anew, as an execution would; what is learned serves the next one. Throws TARGET_NOT_FOUND,
   * TARGET_STATE_CONFLICT, ENGINE_UNREACHABLE or ENGINE_REFUSED.
   */
  examine(place: ContainerPlace): Promise<Examination>;
}

/** One container, as one user. */
export type ContainerPlace = Pick<ExecutionPlace, "containerId" | "user">;

export interface Examination {
  readonly engine: EngineVersion;
  readonly container: EngineContainerDetail;
  readonly guard: GuardFinding | undefined;
  /** The ways for the guard that do not work here. */
  readonly tried: readonly TriedWayFinding[];
  /** What holds for a script here, or for plain command lines where no script can run; `undefined` when nothing can. */
  readonly guarantees: Guarantees | undefined;
  /** Why no script can run; `undefined` when one can. */
  readonly refusal: OutcomeReason | undefined;
  /** `undefined` where there is no shell to look by. */
  readonly inside: InsideFinding | undefined;
}
