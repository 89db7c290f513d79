import type { Terminal } from "@deckhand/core";
import type { OpenedTerminal } from "./terminals.ts";

/** Shows a terminal as the API has it; the values of its variables are never shown. */
export function toTerminal(opened: OpenedTerminal): Terminal {
  const { id, target, request, by, live } = opened;
  const { end = null, unwatchedUntilMs } = live;
  return {
    id,
    target: {
      id: target.id,
      name: target.name,
      engine: target.engine,
      containerId: target.containerId,
      image: target.image,
    },
    argv: request.argv ?? null,
    user: request.user,
    workdir: request.workdir,
    ...live.size,
    by: by ? { tokenId: by.tokenId, name: by.name } : null,
    since: new Date(opened.sinceMs).toISOString(),
    state: end ? "ended" : "open",
    watchers: live.watchers,
    unwatchedUntil:
      unwatchedUntilMs === undefined ? null : new Date(unwatchedUntilMs).toISOString(),
    bytes: live.shown.end,
    guarantees: opened.guarantees,
    end,
    leftovers: [...live.leftovers],
    urls: { self: `/api/v1/terminals/${id}`, connect: `/api/v1/terminals/${id}/connect` },
  };
}
