import { expect, test } from "vitest";
import type { EngineContainer } from "../../engines/engine.ts";
import { watchLabels } from "./watch-labels.ts";

test("what could not be taken up is a change at the next look too", async () => {
  const labels = { "deckhand.schedule.nightly": "0 3 * * * db/vacuum" };
  const container: EngineContainer = {
    ...{ id: "c1", name: "db-1", image: "x", imageId: "i1", labels },
    ...{ status: "running", health: undefined, startedAt: undefined, createdAt: new Date(0) },
  };
  const taken: string[] = [];
  const failures: unknown[] = [];
  const watch = watchLabels({
    engines: [
      { name: "local", containers: () => [container], findImageLabels: async () => undefined },
    ],
    onChange: async ({ changed }) => {
      if (failures.length === 0) throw new Error("no room");
      taken.push(...changed.map(({ name }) => name));
    },
    onFailure: (error) => failures.push(error),
  });
  await watch.refresh();
  expect([failures.length, watch.list()]).toEqual([1, []]);
  await watch.refresh();
  await watch.refresh();
  expect(taken).toEqual(["labels.local.db-1.nightly"]);
  expect(watch.list()).toHaveLength(1);
});
