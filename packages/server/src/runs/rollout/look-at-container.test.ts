import { expect, test } from "vitest";
import type { EngineContainerDetail } from "../../engines/engine.ts";
import { lookAtHealthcheck, lookAtRestarts } from "./look-at-container.ts";

const FIRST = "2026-11-20T12:00:00.123456789Z";
const LATER = "2026-11-20T12:00:05.123456789Z";

const seen = (more: Partial<EngineContainerDetail>) =>
  ({ status: "running", startedAt: FIRST, ...more }) as EngineContainerDetail;
const look = (container: EngineContainerDetail | undefined) => ({
  seen: container,
  startedAt: "2026-11-20T12:00:00.123Z",
  checkedBefore: FIRST,
});

test.each([
  ["the same incarnation", seen({}), { kind: "well" }],
  ["another incarnation", seen({ startedAt: LATER }), { kind: "never", detail: "was restarted" }],
  ["one that has ended", seen({ status: "exited" }), { kind: "never", detail: "is exited" }],
  ["none any more", undefined, { kind: "never", detail: "was removed" }],
])("of restarts: %s", (_name, container, expected) => {
  expect(lookAtRestarts(look(container))).toEqual(expected);
});

test("an incarnation that nobody knew is taken as it is", () => {
  expect(lookAtRestarts({ ...look(seen({})), startedAt: null })).toEqual({ kind: "well" });
});

test.each([
  ["healthy by a newer check", seen({ health: "healthy", healthCheckedAt: LATER }), "well"],
  [
    "healthy by the check of before",
    seen({ health: "healthy", healthCheckedAt: FIRST }),
    "not-yet",
  ],
  ["unhealthy", seen({ health: "unhealthy", healthCheckedAt: LATER }), "not-yet"],
  ["starting", seen({ health: "starting" }), "not-yet"],
  ["without a check of its own", seen({}), "never"],
  ["gone", undefined, "never"],
])("of health: %s", (_name, container, kind) => {
  expect(lookAtHealthcheck(look(container)).kind).toBe(kind);
});
