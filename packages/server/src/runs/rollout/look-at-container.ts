import type { EngineContainerDetail } from "../../engines/engine.ts";

/** How one container stands: well, not yet, or not any more whatever comes. */
export type Look =
  | { readonly kind: "well" }
  | { readonly kind: "not-yet"; readonly detail: string }
  | { readonly kind: "never"; readonly detail: string };

export const WELL: Look = { kind: "well" };

export interface ContainerLook {
  /** `undefined` when the engine has no such container. */
  readonly seen: EngineContainerDetail | undefined;
  /** The incarnation that the run was accepted for, where it is known. */
  readonly startedAt: string | null;
  /** The last health check when this was looked at first; only a later one says something of now. */
  readonly checkedBefore: string | undefined;
}

/** No end and no restart since the run was accepted. */
export function lookAtRestarts({ seen, startedAt }: ContainerLook): Look {
  if (!seen) return { kind: "never", detail: "was removed" };
  if (seen.status !== "running") return { kind: "never", detail: `is ${seen.status}` };
  const isOther = startedAt !== null && Date.parse(startedAt) !== Date.parse(seen.startedAt);
  return isOther ? { kind: "never", detail: "was restarted" } : WELL;
}

/** The container's own HEALTHCHECK. */
export function lookAtHealthcheck({ seen, checkedBefore }: ContainerLook): Look {
  if (!seen) return { kind: "never", detail: "was removed" };
  if (!seen.health) return { kind: "never", detail: "has no HEALTHCHECK" };
  if (seen.health !== "healthy") return { kind: "not-yet", detail: `is ${seen.health}` };
  const isNew = seen.healthCheckedAt !== checkedBefore;
  return isNew ? WELL : { kind: "not-yet", detail: "was not checked again" };
}
