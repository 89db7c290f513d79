import fc from "fast-check";
import { expect, test } from "vitest";
import { EventStreamParser } from "./server-sent-events.ts";

const STREAM =
  ': ping\n\nid: 7\nevent: output\ndata: {"text":"ü\\n"}\n\nevent: run\r\ndata:a\r\ndata: b\r\n\r\nretry: 5\n\n';

test("events come out the same at any split of the bytes", () => {
  const bytes = new TextEncoder().encode(STREAM);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 12 }), (cuts) => {
      const parser = new EventStreamParser();
      const places = [0, ...cuts.sort((one, other) => one - other), bytes.length];
      const events = places
        .slice(1)
        .flatMap((end, index) => parser.push(bytes.slice(places[index], end)));
      expect(events).toEqual([
        { event: "output", data: '{"text":"ü\\n"}', lastEventId: "7" },
        { event: "run", data: "a\nb", lastEventId: "7" },
      ]);
    }),
  );
});
