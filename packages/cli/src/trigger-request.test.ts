import type { Trigger } from "@deckhand/core";
import { expect, test } from "vitest";
import { toTriggerRequest } from "./trigger-request.ts";

const BEFORE = {
  source: { kind: "webhook", scheme: "standard", tolerance: "1m", url: "/fire" },
  enabled: false,
  run: { script: "web/reload", scope: "any", on: ["svc/web"], map: {}, params: {}, secrets: {} },
  onlyIf: { "/ref": ["main"] },
  limit: { count: 3, per: "1h" },
  description: "old",
} as unknown as Trigger;
const GIVEN = { secret: undefined };

test("what is not given stays as it was, also that it is disabled", () => {
  const { body, madeSecret } = toTriggerRequest({ ...GIVEN, description: "new" }, BEFORE);
  const { source, run, onlyIf, limit } = BEFORE;
  const { url: _, ...kept } = source as Extract<Trigger["source"], { kind: "webhook" }>;
  expect(body).toEqual({
    ...{ source: kept, run, onlyIf, limit, enabled: false, description: "new" },
  });
  expect(madeSecret).toBeUndefined();
});

test("it is enabled when that is said, and when it is new", () => {
  expect(toTriggerRequest({ ...GIVEN, enable: true }, BEFORE).body.enabled).toBe(true);
  const made = toTriggerRequest(
    { ...GIVEN, webhook: "github", run: "web/reload", on: ["svc/web"] },
    undefined,
  );
  expect(made).toMatchObject({
    body: { enabled: true },
    madeSecret: expect.stringMatching(/^whsec_/),
  });
});
