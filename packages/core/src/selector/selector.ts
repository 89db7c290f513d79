import type { Glob } from "./glob.ts";

/** What picks targets: all terms have to hold. */
export interface Selector {
  /** As it was written. */
  readonly text: string;
  readonly terms: readonly SelectorTerm[];
}

/** What a run is aimed at: everything that a selector of `on` picks, less what one of `except` picks. */
export interface TargetChoice {
  readonly on: readonly Selector[];
  readonly except: readonly Selector[];
}

/** What each saved group stands for, by name. */
export type SavedGroups = ReadonlyMap<string, TargetChoice>;

export type SelectorTerm = FieldTerm | LabelTerm | GroupTerm | ShortTerm;

/** `project=shop`, `image!=postgres:*`, or `project` alone for "has one". */
export interface FieldTerm {
  readonly kind: "field";
  readonly key: SelectorKey;
  readonly operator: SelectorOperator;
  /** Empty when the operator is `exists`. */
  readonly values: readonly Glob[];
  /** Counts from 1. */
  readonly column: number;
}

/** `label=role=db`, or `label=role` for "has this label". */
export interface LabelTerm {
  readonly kind: "label";
  readonly label: string;
  readonly operator: SelectorOperator | "absent";
  readonly values: readonly Glob[];
  readonly column: number;
}

/** `@db`, or `group!=db`: what a saved group has or has not. */
export interface GroupTerm {
  readonly kind: "group";
  readonly operator: "is" | "is-not";
  readonly names: readonly string[];
  readonly column: number;
}

/** `pg-1`: a target's exact name, or else the beginning of exactly one id. */
export interface ShortTerm {
  readonly kind: "short";
  readonly values: readonly Glob[];
  readonly column: number;
}

export type SelectorOperator = "is" | "is-not" | "exists";

export type SelectorKey =
  | "name"
  | "id"
  | "project"
  | "service"
  | "image"
  | "engine"
  | "status"
  | "health";

/** Every spelling of a key, and the key that it means. */
export const KEY_BY_WORD: Readonly<Record<string, SelectorKey | "label" | "group">> = {
  name: "name",
  container: "name",
  id: "id",
  project: "project",
  service: "service",
  svc: "service",
  image: "image",
  engine: "engine",
  host: "engine",
  status: "status",
  health: "health",
  label: "label",
  group: "group",
};

/** Keys that a target may lack, so that the key alone asks something. */
export const OPTIONAL_KEYS: readonly SelectorKey[] = ["project", "service", "health"];

/** Keys whose values are a closed list. */
export const CLOSED_VALUES: Readonly<Partial<Record<SelectorKey, readonly string[]>>> = {
  status: ["running", "paused", "restarting"],
  health: ["starting", "healthy", "unhealthy", "none"],
};

/** Words of the selector language for engines that are no container engines. */
export const KUBERNETES_WORDS: readonly string[] = [
  "ns",
  "namespace",
  "pod",
  "workload",
  "deploy",
  "deployment",
  "sts",
  "statefulset",
  "ds",
  "daemonset",
  "po",
  "job",
];
