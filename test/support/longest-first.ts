import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Suites that take a minute or more, and what waits as long for clocks: begun last, one of them would be waited for alone. */
const LONGEST: readonly string[] = [
  "test/docs",
  "test/stop",
  "packages/server/src/sessions/filed/filed-session",
  "packages/server/src/sessions/attached/attached-session",
  "packages/cli/test/rollout",
  "test/guard-connections",
  "test/rollout",
  "test/kill-engine",
  "test/schedules",
  "test/fleet",
  "packages/server/src/guard/ways/archive-and-sidecar",
  "packages/server/src/scripts/s3/s3-library",
  "test/engine-traffic",
  "packages/cli/test/administration",
  "packages/server/src/guard/guarded-sessions",
  "test/terminals",
  "packages/server/src/sessions/filed/filed-durability",
  "packages/cli/test/selection",
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
