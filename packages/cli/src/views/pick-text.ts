import type { PickView } from "@deckhand/core";

const SHOWN = 5;

/** Says which targets were chosen of how many, and why these. */
export function toPickText({ strategy, matched, chosen }: PickView): string {
  const shown = chosen.slice(0, SHOWN).map(({ target, why }) => `${target} (${why})`);
  const more = chosen.length > SHOWN ? [`${chosen.length - SHOWN} more`] : [];
  return `${chosen.length} of ${matched}, ${strategy}: ${[...shown, ...more].join(", ")}`;
}
