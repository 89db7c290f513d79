import fc from "fast-check";
import { expect, test } from "vitest";
import { EXECUTION_STATES } from "../runs/execution-state.ts";
import { countStates, RUN_STATES } from "../runs/run-state.ts";
import { toMail, toSlackText } from "./message.ts";
import { nextAttemptMs, RETRY_DELAYS_MS } from "./next-attempt.ts";
import { type RunFacts, toRunEvent } from "./run-event.ts";
import { fillTemplate, PLACEHOLDERS, templateProblem, type TemplateValues } from "./template.ts";

const text = fc.string({ unit: "binary", maxLength: 2_000 });
const facts: fc.Arbitrary<RunFacts> = fc.record({
  id: fc.constant("run_01k9g4z7e0s2m4n6p8q0r2t4v6"),
  title: text,
  state: fc.constantFrom(...RUN_STATES),
  stateBefore: fc.option(fc.constantFrom(...RUN_STATES), { nil: undefined }),
  script: fc.constantFrom(null, { name: "db/vacuum", version: 3 }),
  origin: fc.constantFrom({ kind: "request" as const, id: null, name: null }),
  by: fc.option(text),
  reason: fc.option(text),
  counts: fc.array(fc.constantFrom(...EXECUTION_STATES)).map(countStates),
  failedTargets: fc.array(text, { maxLength: 300 }),
  createdAt: fc.constant("2026-11-20T21:00:00.000Z"),
  startedAt: fc.constantFrom(null, "2026-11-20T21:00:00.110Z"),
  finishedAt: fc.constant("2026-11-20T21:00:12.471Z"),
  url: fc.constant("/api/v1/runs/run_01k9g4z7e0s2m4n6p8q0r2t4v6"),
});

test("an event is below 20 KB, whatever the run was called and however much of it failed", () => {
  fc.assert(
    fc.property(facts, (given) => {
      expect(new TextEncoder().encode(JSON.stringify(toRunEvent(given))).length).toBeLessThan(
        20_000,
      );
    }),
  );
});

const broken: RunFacts = {
  id: "run_01k9g4z7e0s2m4n6p8q0r2t4v6",
  title: "<!channel> a&b @all\r\nBcc: evil@example.org",
  state: "failed",
  stateBefore: undefined,
  script: { name: "db/vacuum", version: 3 },
  origin: { kind: "schedule", id: "sch_1", name: "nightly" },
  by: "ann",
  reason: null,
  counts: countStates(["succeeded", "failed", "failed"]),
  failedTargets: ["pg-1", "pg-2"],
  createdAt: "2026-11-20T21:00:00.000Z",
  startedAt: "2026-11-20T21:00:00.000Z",
  finishedAt: "2026-11-20T21:00:12.471Z",
  url: "https://ops.example.org/api/v1/runs/run_01k9g4z7e0s2m4n6p8q0r2t4v6",
};

test("a chat gets no markup and no mention from what a run is called", () => {
  const said = toSlackText(toRunEvent(broken));
  expect(said).toContain("&lt;!channel&gt; a&amp;b @\u200ball");
  expect(said).toContain("3 targets: 1 succeeded, 2 failed pg-1, pg-2");
  expect(said).toContain(broken.url);
});

test("a mail's subject is one line, whatever the run is called", () => {
  fc.assert(
    fc.property(facts, (given) => {
      expect(toMail(toRunEvent(given), {}).subject).not.toMatch(/[\r\n\u0000-\u001f\u2028\u2029]/);
    }),
  );
  const { subject, text: body } = toMail(toRunEvent(broken), {});
  expect(subject).toBe("[Deckhand] <!channel> a&b @all Bcc: evil@example.org: run.failed");
  expect(body).not.toMatch(/^Bcc/m);
  expect(body).toContain("origin    schedule nightly");
  expect(body).toContain("duration  12.471s");
});

test("a success after a failure is told as a recovery", () => {
  const { type } = toRunEvent({ ...broken, state: "succeeded", stateBefore: "failed" });
  expect(type).toBe("run.recovered");
});

const values = (value: string) =>
  Object.fromEntries(PLACEHOLDERS.map((name) => [name, value])) as TemplateValues;

test("what a value holds is never read as a template", () => {
  fc.assert(
    fc.property(text, (value) => {
      expect(fillTemplate("a{run.id}b", values(value), (one) => one)).toBe(`a${value}b`);
    }),
  );
  expect(fillTemplate("{run.id}", values("{run.by}$&"), (one) => one)).toBe("{run.by}$&");
});

test("doubled braces are braces, and text without braces stays as it is", () => {
  expect(fillTemplate('{{"x": "{run.id}"}}', values("1"), (one) => one)).toBe('{"x": "1"}');
  const plain = fc.string({ unit: "binary" }).filter((one) => !/[{}]/.test(one));
  fc.assert(
    fc.property(plain, (one) => {
      expect(templateProblem(one)).toBeUndefined();
      expect(fillTemplate(one, values("?"), (value) => value)).toBe(one);
    }),
  );
});

test.each([
  ["{run.tilte}", "there is no {run.tilte}; did you mean {run.title}?"],
  ["{}", /there is no \{\}; known are event, run\.id/],
  ["a } b", "a brace by itself is written twice: }}"],
  ["{run.id", "a brace by itself is written twice: {{"],
  ["{constructor}", /there is no/],
])("%s is refused", (template, problem) => {
  expect(templateProblem(template)).toMatch(problem);
});

test("attempts are as far apart as the list says, a tenth more at most, and end with it", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (attempts, chance) => {
        const delayMs = (nextAttemptMs({ attempts, chance, atMs: 1_000 }) ?? 0) - 1_000;
        const listed = RETRY_DELAYS_MS[attempts - 1] ?? 0;
        expect(delayMs).toBeGreaterThanOrEqual(listed);
        expect(delayMs).toBeLessThanOrEqual(listed * 1.1);
      },
    ),
  );
  expect(nextAttemptMs({ attempts: 10, chance: 0, atMs: 0 })).toBeUndefined();
});

test("a receiver may ask for more time, but not for more than a day", () => {
  const first = { attempts: 1, atMs: 0, chance: 0 };
  expect(nextAttemptMs({ ...first, retryAfterMs: 60_000 })).toBe(60_000);
  expect(nextAttemptMs({ ...first, retryAfterMs: 1_000 })).toBe(5_000);
  expect(nextAttemptMs({ ...first, retryAfterMs: 9e15 })).toBe(24 * 3_600_000);
});
