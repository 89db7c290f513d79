import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { conditionalWrites } from "./conditional-writes.ts";
import type { S3Answer, S3Http, S3Request } from "./s3-http.ts";

interface MemoryStore extends Pick<S3Http, "send"> {
  text(key: string): string | undefined;
  /** What the next answer to a write is replaced by: its own answer was lost, and it was sent again. */
  nextAnswer: S3Answer | undefined;
}

interface Version {
  readonly id: string;
  readonly body: Buffer | undefined;
  readonly headers: Record<string, string>;
}

/** How a store looks at conditions; `standard` is AWS's way. */
type Conditions = "standard" | "unquoted" | "none" | "if-none-match only";

/** A store in memory, with the answers of real ones; `versions`: keeps them, and looks at no condition as Ceph 16 does then. */
function memoryStore(conditions: Conditions, { versions }: { versions: boolean }): MemoryStore {
  const objects = new Map<string, Version[]>();
  let count = 0;

  function newest(key: string): Version | undefined {
    const found = objects.get(key)?.[0];
    return found?.body ? found : undefined;
  }

  function refuses({ headers = {}, key = "" }: S3Request): number | undefined {
    const found = newest(key);
    if (conditions === "none") return undefined;
    if (headers["if-none-match"] !== undefined) return found ? 412 : undefined;
    const asked = headers["if-match"];
    if (asked === undefined || conditions === "if-none-match only") return undefined;
    if (!found) return conditions === "standard" ? 404 : 412;
    const etag = toEtag(found.body);
    return asked === (conditions === "standard" ? etag : etag.replaceAll('"', ""))
      ? undefined
      : 412;
  }

  function store(request: S3Request, body: Buffer | undefined): S3Answer {
    const { key = "", headers = {} } = request;
    const status = refuses(request);
    if (status !== undefined) return answer(status);
    const version = { id: `v${++count}`, body, headers: { ...headers } };
    objects.set(key, versions ? [version, ...(objects.get(key) ?? [])] : [version]);
    const lost = memory.nextAnswer;
    memory.nextAnswer = undefined;
    return lost ?? answer(200, { body, versionId: versions ? version.id : undefined });
  }

  function listVersions(prefix: string): S3Answer {
    const entries = (objects.get(prefix) ?? []).map(({ id, body }) => {
      const tag = body ? "Version" : "DeleteMarker";
      return `<${tag}><Key>${encodeURIComponent(prefix)}</Key><VersionId>${id}</VersionId></${tag}>`;
    });
    return { status: 200, headers: {}, body: Buffer.from(`<R>${entries.join("")}</R>`) };
  }

  const memory: MemoryStore = {
    nextAnswer: undefined,
    text: (key) => newest(key)?.body?.toString(),
    send: async (request) => {
      const { method, key = "", query = {}, body } = request;
      if (query["versions"] !== undefined) return listVersions(query["prefix"] ?? "");
      if (method === "PUT") return store(request, Buffer.from(body ?? ""));
      if (method === "DELETE" && query["versionId"] !== undefined) {
        objects.set(
          key,
          (objects.get(key) ?? []).filter(({ id }) => id !== query["versionId"]),
        );
        return answer(204);
      }
      if (method === "DELETE") return store(request, undefined);
      const found = newest(key);
      return found
        ? {
            ...answer(200, { body: found.body }),
            headers: { ...found.headers, etag: toEtag(found.body) },
          }
        : answer(404);
    },
  };
  return memory;
}

function toEtag(body: Buffer | undefined): string {
  return `"${createHash("md5")
    .update(body ?? "")
    .digest("hex")}"`;
}

function answer(
  status: number,
  { body, versionId }: { body?: Buffer | undefined; versionId?: string | undefined } = {},
): S3Answer {
  const headers = { etag: toEtag(body), ...(versionId ? { "x-amz-version-id": versionId } : {}) };
  return { status, headers: status < 300 ? headers : {}, body: Buffer.alloc(0) };
}

const WAYS = [
  ["AWS", "standard", false],
  ["AWS with versions", "standard", true],
  ["Ceph before 17", "unquoted", false],
  ["Ceph before 17 with versions", "none", true],
] as const;

test.each(WAYS)(
  "on %s a write over what was seen happens once",
  async (_name, conditions, versions) => {
    const store = memoryStore(conditions, { versions });
    const writes = conditionalWrites(store, "");
    const [one, other] = [Buffer.from("one"), Buffer.from("other")];
    const first = await writes.put("k", one, undefined);
    expect(first).toBeDefined();
    expect(await writes.put("k", other, undefined)).toBeUndefined();
    const second = await writes.put("k", other, first);
    expect(second).toBeDefined();
    expect(await writes.put("k", one, first)).toBeUndefined();
    expect(store.text("k")).toBe("other");
    expect(first && (await writes.remove("k", first))).toBe(false);
    expect(second && (await writes.remove("k", second))).toBe(true);
    expect(store.text("k")).toBeUndefined();
    expect(second && (await writes.put("k", one, second))).toBeUndefined();
    expect(await writes.put("k", one, undefined)).toBeDefined();
  },
);

test.each(WAYS)("on %s one of many at the same time wins", async (_name, conditions, versions) => {
  const store = memoryStore(conditions, { versions });
  const writers = Array.from({ length: 5 }, () => conditionalWrites(store, ""));
  const write = async (round: string, seen?: Parameters<(typeof writers)[0]["put"]>[2]) => {
    const written = await Promise.all(
      writers.map((writer, index) => writer.put("k", Buffer.from(`${round}${index}`), seen)),
    );
    const winners = written.flatMap((stamp, index) => (stamp ? [{ stamp, index }] : []));
    expect(winners).toHaveLength(1);
    expect(store.text("k")).toBe(`${round}${winners[0]?.index}`);
    return winners[0]?.stamp;
  };
  await write("second", await write("first"));
});

test("a write whose answer was lost is known again by its writer", async () => {
  const store = memoryStore("standard", { versions: false });
  const writes = conditionalWrites(store, "");
  await writes.put("other", Buffer.from("x"), undefined);
  store.nextAnswer = answer(412);
  expect(await writes.put("k", Buffer.from("mine"), undefined)).toBeDefined();
});

test.each(["none", "if-none-match only"] as const)(
  "a store that looks at conditions so: %s, is not written to",
  async (conditions) => {
    const store = memoryStore(conditions, { versions: false });
    const writes = conditionalWrites(store, "");
    await expect(writes.put("k", Buffer.from("x"), undefined)).rejects.toMatchObject({
      code: "SCRIPT_STORE_UNAVAILABLE",
      message: expect.stringContaining("If-Match"),
    });
    expect(store.text("k")).toBeUndefined();
  },
);
