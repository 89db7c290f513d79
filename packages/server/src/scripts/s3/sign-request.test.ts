import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { signRequest, toPath, toQueryString, type UnsignedRequest } from "./sign-request.ts";

/** The worked examples of AWS's documentation of Signature Version 4 for S3. */
const credentials = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
const options = {
  credentials,
  region: "us-east-1",
  now: new Date("2013-05-24T00:00:00Z"),
};
const HOST = { host: "examplebucket.s3.amazonaws.com" };
const NOTHING = new Uint8Array();

describe("the examples that AWS publishes", () => {
  test.each<[string, UnsignedRequest, string]>([
    [
      "GET an object's first bytes",
      {
        method: "GET",
        path: "/test.txt",
        query: {},
        headers: { ...HOST, range: "bytes=0-9" },
        body: NOTHING,
      },
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ],
    [
      "PUT an object",
      {
        method: "PUT",
        path: toPath("test$file.text"),
        query: {},
        headers: {
          ...HOST,
          date: "Fri, 24 May 2013 00:00:00 GMT",
          "x-amz-storage-class": "REDUCED_REDUNDANCY",
        },
        body: Buffer.from("Welcome to Amazon S3."),
      },
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ],
    [
      "GET a bucket's life cycle",
      { method: "GET", path: "/", query: { lifecycle: "" }, headers: HOST, body: NOTHING },
      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ],
    [
      "list a bucket",
      {
        method: "GET",
        path: "/",
        query: { "max-keys": "2", prefix: "J" },
        headers: HOST,
        body: NOTHING,
      },
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ],
  ])("%s", (_name, request, signature) => {
    const { authorization } = signRequest(request, options);
    expect(authorization).toContain(`Signature=${signature}`);
    expect(authorization).toContain(
      "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,",
    );
  });
});

test("a session token is sent and signed", () => {
  const signed = signRequest(
    { method: "GET", path: "/", query: {}, headers: HOST, body: NOTHING },
    { ...options, credentials: { ...credentials, sessionToken: "session" } },
  );
  expect(signed["x-amz-security-token"]).toBe("session");
  expect(signed["authorization"]).toContain("x-amz-security-token");
});

test("any key and any query keep their meaning, and only safe characters are sent", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 30 }).filter((one) => one.isWellFormed());
  fc.assert(
    fc.property(text, fc.dictionary(text, text, { maxKeys: 5 }), (key, query) => {
      const path = toPath(key);
      expect(path).toMatch(/^[A-Za-z0-9\-._~%/]*$/);
      expect(decodeURIComponent(path)).toBe(`/${key}`);
      const search = toQueryString(query);
      expect(search).toMatch(/^[A-Za-z0-9\-._~%=&]*$/);
      expect(Object.fromEntries(new URLSearchParams(search))).toEqual({ ...query });
    }),
  );
});

test("every part of a request is signed: none can be changed on its way", () => {
  const request = fc.record({
    method: fc.constantFrom("GET", "PUT", "DELETE"),
    path: fc.constantFrom("/a", "/b", "/a/b"),
    query: fc.dictionary(fc.constantFrom("x", "y"), fc.constantFrom("1", "2")),
    headers: fc.record({ host: fc.constantFrom("a", "b"), "if-match": fc.constantFrom("e", "f") }),
    body: fc.constantFrom("", "1", "2").map((text) => Buffer.from(text)),
  });
  fc.assert(
    fc.property(request, request, (one, other) => {
      const isSame = JSON.stringify(normal(one)) === JSON.stringify(normal(other));
      const [first, second] = [one, other].map((each) => signRequest(each, options));
      expect(first?.["authorization"] === second?.["authorization"]).toBe(isSame);
    }),
  );
});

function normal({ method, path, query, headers, body }: UnsignedRequest) {
  return [method, path, Object.entries(query).sort(), Object.entries(headers).sort(), [...body]];
}
