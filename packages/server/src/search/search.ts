import {
  AppError,
  parseDurationMs,
  parseSearch,
  type SearchHit,
  type SearchPage,
  type SearchQuery,
  toFullTextQuery,
} from "@deckhand/core";
import type { ScriptLibrary } from "../scripts/script-library.ts";
import { findInScripts } from "./find-in-scripts.ts";
import type { FoundLine, SearchedStream, SearchIndex } from "./search-index.ts";
import type { SearchQueueStore } from "./search-queue-store.ts";

export interface SearchDeps {
  /** Undefined where the operator switched it off. */
  readonly index: SearchIndex | undefined;
  readonly queue: Pick<SearchQueueStore, "count">;
  readonly library: Pick<ScriptLibrary, "list" | "find">;
  readonly now: () => number;
}

/** Finds lines in what executions wrote and in scripts. */
export async function search(deps: SearchDeps, query: SearchQuery): Promise<SearchPage> {
  const terms = parseSearch(query.q);
  const { limit, script, in: places = ["output"] } = query;
  const below = toBelow(query.after);
  const isFirst = below === undefined;
  const scripts =
    isFirst && places.includes("scripts")
      ? await findInScripts(deps.library, { terms, script, limit })
      : [];
  const room = limit - scripts.length;
  if (!places.includes("output")) return { data: [...scripts], next: null, pending: 0 };
  if (!deps.index) throw switchedOff();
  const found = deps.index.find({
    query: toFullTextQuery(terms),
    limit: room,
    below,
    isWanted: toFilter(query, deps.now()),
  });
  return {
    data: [...scripts, ...found.lines.map(toHit)],
    next: found.next === undefined ? null : `${found.next}`,
    pending: await deps.queue.count(),
  };
}

function toFilter(query: SearchQuery, nowMs: number): (stream: SearchedStream) => boolean {
  const { target, script, state, since } = query;
  const sinceMs = since === undefined ? 0 : toTimeMs(since, nowMs);
  return (stream) =>
    (target === undefined || [stream.target, stream.targetId].includes(target)) &&
    (script === undefined || stream.script === script) &&
    (state === undefined || state.some((one) => one === stream.state)) &&
    stream.finishedAtMs >= sinceMs;
}

/** `24h` is a span back from now; anything else was checked to be a time. */
function toTimeMs(text: string, nowMs: number): number {
  return /^\d{4}-/.test(text) ? Date.parse(text) : nowMs - parseDurationMs(text);
}

function toHit({ targetId: _, finishedAtMs, matches, ...line }: FoundLine): SearchHit {
  const { runId, executionId, stream } = line;
  return {
    kind: "output",
    ...line,
    state: line.state as Extract<SearchHit, { kind: "output" }>["state"],
    finishedAt: new Date(finishedAtMs).toISOString(),
    matches: [...matches],
    url: `/api/v1/runs/${runId}/output?execution=${executionId}&stream=${stream}`,
  };
}

function toBelow(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  if (/^\d{1,16}$/.test(cursor)) return Number(cursor);
  throw new AppError("CURSOR_INVALID", {
    detail: "The value of `after` is not one that a search gave as `next`.",
    hint: "Leave `after` out to begin at the newest output.",
  });
}

function switchedOff(): AppError {
  return new AppError("SEARCH_OFF", {
    detail: "This server does not keep an index of output.",
    hint: "The operator can set search.enabled in the configuration; scripts can be searched with in=scripts.",
  });
}
