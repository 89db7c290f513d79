import fc from "fast-check";
import { expect, test } from "vitest";
import { detachFilter, parseDetachKeys } from "./detach-keys.ts";

test.each([
  ["ctrl-p,ctrl-q", [16, 17]],
  ["ctrl-P,ctrl-Q", [16, 17]],
  ["ctrl-],q", [29, 113]],
  ["ctrl-@,ctrl-[,ctrl-\\,ctrl-^,ctrl-_", [0, 27, 28, 30, 31]],
  ["none", []],
  ["", []],
])("%s is read as docker reads it", (text, keys) => {
  expect(parseDetachKeys(text)).toEqual(keys);
});

test.each(["ctrl-", "ctrl-1", "alt-x", "a,,b", "esc"])("%s is refused", (text) => {
  expect(() => parseDetachKeys(text)).toThrow("does not know the key");
});

/** What a reader of whole sequences would do. */
function expected(keys: readonly number[], typed: readonly number[]) {
  for (let at = 0; keys.length > 0 && at + keys.length <= typed.length; at++) {
    if (keys.every((key, index) => typed[at + index] === key))
      return { bytes: typed.slice(0, at), detach: true };
  }
  return { bytes: [...typed], detach: false };
}

test("the keys are found wherever they are, split anyhow, and nothing else is lost or changed", () => {
  const few = fc.integer({ min: 1, max: 3 });
  const pieces = fc.array(fc.array(few, { maxLength: 6 }), { maxLength: 8 });
  fc.assert(
    fc.property(fc.array(few, { maxLength: 4 }), pieces, (keys, written) => {
      const filter = detachFilter(keys);
      const got: number[] = [];
      let detach = false;
      for (const piece of written) {
        if (detach) break;
        const typed = filter.push(Uint8Array.from(piece));
        got.push(...typed.bytes);
        ({ detach } = typed);
      }
      if (!detach) got.push(...filter.flush());
      expect({ bytes: got, detach }).toEqual(expected(keys, written.flat()));
      if (!detach) expect(filter.isWaiting).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});

test("ctrl-p and ctrl-q pass when the keys are turned off", () => {
  const typed = detachFilter(parseDetachKeys("none")).push(Uint8Array.of(0x10, 0x11));
  expect(typed).toEqual({ bytes: Uint8Array.of(0x10, 0x11), detach: false });
});
