import { archiveWays } from "./archive.ts";
import { type SidecarOwner, sidecarWay } from "./sidecar.ts";
import { WAYS, type Way } from "./way.ts";

/** What the operator allows beyond execs. */
export interface GuardPermissions {
  readonly archive: boolean | "any-version";
  /** None allows no sidecar. */
  readonly sidecarImage?: string | undefined;
}

/** Every way that may be tried on an engine, in that order. */
export function allowedWays(
  { archive, sidecarImage }: GuardPermissions,
  owner: SidecarOwner,
): readonly Way[] {
  return [
    ...WAYS,
    ...(archive ? archiveWays({ anyVersion: archive === "any-version" }) : []),
    ...(sidecarImage ? [sidecarWay({ image: sidecarImage, owner })] : []),
  ];
}
