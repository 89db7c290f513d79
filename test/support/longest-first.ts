import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Suites that take a minute or more, and what waits as long for clocks: begun last, one of them would be waited for alone. */
const LONGEST: readonly string[] = [
  "test/docs",
  "packages/server/src/sessions/filed/filed-session",
  "test/stop",
  "packages/server/src/sessions/attached/attached-session",
  "test/rollout",
  "test/kill-engine",
  "packages/server/src/guard/ways/archive-and-sidecar",
  "test/guard-connections",
  "test/schedules",
  "test/fleet",
  "packages/server/src/scripts/s3/s3-library",
  "test/engine-traffic",
  "packages/server/src/guard/guarded-sessions",
  "test/terminals",
  "packages/server/src/sessions/filed/filed-durability",
  "test/kill-launch",
  "test/image",
];

/** Begins with the suites that take longest, then goes on as Vitest does: by what it remembers, or by the size of files. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const usual = await super.sort(files);
    return usual.toSorted((one, other) => placeOf(one) - placeOf(other));
  }
}

function placeOf({ moduleId }: TestSpecification): number {
  const place = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}.int.test.ts`));
  return place < 0 ? LONGEST.length : place;
}
