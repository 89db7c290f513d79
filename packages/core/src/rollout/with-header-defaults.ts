import type { RolloutDefaults, RolloutRequest } from "../contract/rollout.ts";

/** What a script's header says of its rollout, where the caller does not say it; errors are one matter, by whichever member. */
export function withHeaderDefaults(
  asked: RolloutRequest | undefined,
  defaults: RolloutDefaults | null,
): RolloutRequest | undefined {
  if (!defaults) return asked;
  const { maxConcurrency, ...onFailure } = defaults;
  const saysOnFailure = asked?.onError !== undefined || asked?.maxErrors !== undefined;
  return {
    order: "name",
    ...(maxConcurrency !== undefined && { maxConcurrency }),
    ...(!saysOnFailure && onFailure),
    ...asked,
  };
}
