import type { ParamValue, RunRequest, ScriptLaunch } from "@deckhand/core";

/** What a run will do, frozen when it is accepted, so that whoever carries it out looks nothing up. */
export interface RunPlan {
  readonly kind: "script" | "inline" | "argv";
  readonly title: string;
  readonly script:
    | { readonly name: string; readonly version: number; readonly sha256: string }
    | undefined;
  readonly program: PlannedProgram;
  readonly args: readonly string[];
  /** Without the values of secrets: those stay in memory. */
  readonly env: Readonly<Record<string, string>>;
  readonly secretNames: readonly string[];
  readonly shownParams: Readonly<Record<string, ParamValue>>;
  readonly hasStdin: boolean;
  readonly user: string;
  readonly workdir: string;
  readonly timeoutMs: number;
  readonly killGraceMs: number;
  readonly outputBytes: number;
}

/** The script's text is kept once for all runs, by its hash. */
export type PlannedProgram =
  | { readonly kind: "argv"; readonly argv: readonly string[] }
  | { readonly kind: "script"; readonly sha256: string; readonly launch: ScriptLaunch };

/** One target of a run as it was when the run was accepted. */
export interface PlannedTarget {
  readonly id: string;
  readonly name: string;
  readonly engine: string;
  readonly containerId: string;
  readonly containerStartedAt: string | undefined;
  readonly image: string;
}

/** The request without what must not be kept; a rerun starts from it. */
export type KeptRequest = Omit<RunRequest, "stdin">;
