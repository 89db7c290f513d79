import fc from "fast-check";
import { expect, test } from "vitest";
import { toPointer } from "../script/json-pointer.ts";
import { BODY_POINTER, findPart, holds, mapBody } from "./map-body.ts";
import { type Bucket, takeToken } from "./take-token.ts";

const push = {
  ref: "refs/heads/main",
  forced: false,
  commits: [{ id: "c0ffee", files: ["a", "b"] }],
  "a/b~c": 7,
  size: 2 ** 63,
  nothing: null,
};

test("parameters come from their places, and nothing else of the message does", () => {
  const map = {
    BRANCH: "/ref",
    FORCED: "/forced",
    FILES: "/commits/0/files",
    ODD: "/a~1b~0c",
    NONE: "/nothing",
    GONE: "/commits/1/id",
  };
  expect(mapBody(map, push)).toEqual({
    params: { BRANCH: "refs/heads/main", FORCED: false, FILES: ["a", "b"], ODD: 7 },
    errors: [],
  });
});

test("what is no value of a parameter is told, all of it at once", () => {
  const { errors } = mapBody({ A: "/commits", B: "/commits/0", C: "/size", D: "/ref" }, push);
  expect(errors.map(({ pointer }) => pointer)).toEqual(["/params/A", "/params/B", "/params/C"]);
  expect(errors[2]?.detail).toBe(
    "what the message has at /size is a number that is too large to be exact",
  );
});

test.each([
  "/constructor",
  "/__proto__/x",
  "/ref/length",
  "/commits/length",
  "/commits/-1",
  "/commits/00",
  "/commits/map",
  "/toString",
])("%s is no part of a message", (pointer) => {
  expect(findPart(push, pointer)).toBeUndefined();
});

test("any key of a message is found by its pointer, and what is found was in it", () => {
  const names = fc.array(
    fc.string({ unit: "binary" }).filter((one) => one !== "__proto__"),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(names, fc.string(), (path, value) => {
      const document = path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
      const pointer = toPointer(...path);
      expect(pointer).toMatch(BODY_POINTER);
      expect(mapBody({ X: pointer }, document)).toEqual({ params: { X: value }, errors: [] });
    }),
  );
});

test("no message, whatever it is, breaks the mapping or gets more through than it names", () => {
  const pointers = fc
    .stringMatching(/^(\/[a-c0-2~]{0,2}){1,3}$/)
    .filter((one) => BODY_POINTER.test(one));
  fc.assert(
    fc.property(fc.jsonValue(), pointers, (document, pointer) => {
      const { params, errors } = mapBody({ X: pointer }, document);
      expect(Object.keys(params).length + errors.length).toBeLessThanOrEqual(1);
      if ("X" in params) expect(findPart(document, pointer)).toEqual(params["X"]);
    }),
  );
});

test("conditions hold for texts, numbers and truth values, as they are written", () => {
  expect(holds({}, undefined)).toBe(true);
  expect(
    holds({ "/ref": ["x", "refs/heads/main"], "/forced": ["false"], "/a~1b~0c": ["7"] }, push),
  ).toBe(true);
  expect(holds({ "/ref": ["refs/heads/mai"] }, push)).toBe(false);
  expect(holds({ "/commits": ["[object Object]"] }, push)).toBe(false);
  expect(holds({ "/nothing": ["null"] }, push)).toBe(false);
});

test("in any span no more is taken than the limit and what came back within it", () => {
  const limit = { count: 5, perMs: 1_000 };
  const steps = fc.array(fc.integer({ min: -50, max: 400 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(steps, (waits) => {
      let bucket: Bucket | undefined;
      let [nowMs, taken, passedMs] = [0, 0, 0];
      for (const waitMs of waits) {
        nowMs += waitMs;
        passedMs += Math.max(0, waitMs);
        const took = takeToken(limit, bucket, nowMs);
        bucket = took.bucket;
        if (took.waitMs === undefined) taken += 1;
        expect(taken).toBeLessThanOrEqual(limit.count + (passedMs * limit.count) / limit.perMs);
      }
    }),
  );
});

test("who waits as long as it is told gets one", () => {
  const limit = { count: 3, perMs: 60_000 };
  let bucket: Bucket | undefined;
  for (let one = 0; one < 3; one++) bucket = takeToken(limit, bucket, 0).bucket;
  const { waitMs } = takeToken(limit, bucket, 0);
  expect(waitMs).toBe(20_000);
  expect(takeToken(limit, bucket, (waitMs ?? 0) - 1).waitMs).toBe(1);
  expect(takeToken(limit, bucket, waitMs ?? 0).waitMs).toBeUndefined();
});
