import fc from "fast-check";
import { expect, test } from "vitest";
import type { S3Http, S3Request } from "./s3-http.ts";
import { s3Objects } from "./s3-objects.ts";

interface Stored {
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
}

/** Answers lists as S3 does, in pages. */
function listing(all: readonly Stored[], pageLength: number): Pick<S3Http, "send"> {
  return {
    send: async ({ query = {} }: S3Request) => {
      const from = Number(query["continuation-token"] ?? 0);
      const next = from + pageLength < all.length ? `${from + pageLength}` : undefined;
      const items = all
        .slice(from, from + pageLength)
        .map(toXml)
        .join("");
      const token = next ? `<NextContinuationToken>${next}</NextContinuationToken>` : "";
      const xml = `<?xml version="1.0"?><ListBucketResult><Name>b</Name>${items}${token}</ListBucketResult>`;
      return { status: 200, headers: {}, body: Buffer.from(xml) };
    },
  };
}

function toXml({ key, etag, sizeBytes }: Stored): string {
  const shown = encodeURIComponent(`p/${key}`).replaceAll("%20", "+");
  return `<Contents><Key>${shown}</Key><ETag>&quot;${etag}&quot;</ETag><Size>${sizeBytes}</Size></Contents>`;
}

test("every key of every page is listed, whatever it holds", async () => {
  const stored = fc.record({
    key: fc.string({ unit: "grapheme", maxLength: 20 }).filter((key) => key.isWellFormed()),
    etag: fc.stringMatching(/^[0-9a-f]{32}$/),
    sizeBytes: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(stored, { maxLength: 20 }),
      fc.integer({ min: 1, max: 7 }),
      async (all, page) => {
        const objects = s3Objects(listing(all, page), "p/");
        expect(await objects.list({ under: "", most: 100 })).toEqual(all);
        expect(await objects.list({ under: "", most: 5 })).toEqual(all.slice(0, 5));
      },
    ),
  );
});

test("a bucket that is not there is no missing object", async () => {
  const answer = (code: string) => ({
    send: async () => ({
      status: 404,
      headers: {},
      body: Buffer.from(`<Error><Code>${code}</Code><Message>&lt;b&gt;</Message></Error>`),
    }),
  });
  expect(await s3Objects(answer("NoSuchKey"), "").find("x")).toBeUndefined();
  await expect(s3Objects(answer("NoSuchBucket"), "").find("x")).rejects.toMatchObject({
    code: "SCRIPT_STORE_UNAVAILABLE",
    message: "Reading x failed: the store has no such bucket (404 NoSuchBucket).",
  });
});

test("whatever a store answers ends in words that show nothing but its code", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 400, max: 599 }), fc.string(), async (status, body) => {
      const http = { send: async () => ({ status, headers: {}, body: Buffer.from(body) }) };
      await expect(s3Objects(http, "").list({ under: "", most: 1 })).rejects.toMatchObject({
        code: "SCRIPT_STORE_UNAVAILABLE",
        message: expect.stringMatching(
          /^Listing the scripts failed: the store .*\(\d{3}( [A-Za-z]+)?\)\.$/,
        ),
      });
    }),
  );
});
