import { randomBytes } from "node:crypto";
import { findTag } from "./read-xml.ts";
import { decodeKey, type ObjectStamp, toStamp } from "./s3-objects.ts";
import { storeError, toAnswerError } from "./s3-errors.ts";
import type { S3Answer, S3Http } from "./s3-http.ts";

/** Writes that happen only when the object is still as it was seen; of several at once, one happens. */
export interface ConditionalWrites {
  /** `seen`: undefined where there must be no such object. Gives undefined when it is not as it was seen. */
  put(
    key: string,
    bytes: Uint8Array,
    seen: ObjectStamp | undefined,
  ): Promise<ObjectStamp | undefined>;
  /** Gives whether the object was removed. */
  remove(key: string, seen: ObjectStamp): Promise<boolean>;
}

/**
 * How a store does it. `quoted` is the standard; Ceph before version 17 compares the ETag without its quotes; and in buckets
 * that keep versions it checks no condition at all, but its list of versions has an order that all writers see.
 */
type Way = "quoted" | "unquoted" | "versions";

/** Who wrote an object, for a writer whose connection broke before the answer came. */
const WRITER_HEADER = "x-amz-meta-deckhand-write";
const NOT_AS_SEEN: readonly number[] = [404, 409, 412];
const WRONG_ETAG = `"${"0".repeat(32)}"`;

interface Write {
  readonly key: string;
  readonly bytes?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export function conditionalWrites(http: Pick<S3Http, "send">, prefix: string): ConditionalWrites {
  let found: Promise<Way> | undefined;

  function way(): Promise<Way> {
    found ??= findWay(http).catch((error: unknown) => {
      found = undefined;
      throw error;
    });
    return found;
  }

  async function put(
    key: string,
    bytes: Uint8Array,
    seen: ObjectStamp | undefined,
  ): Promise<ObjectStamp | undefined> {
    const by = await way();
    const writer = randomBytes(16).toString("hex");
    const headers = {
      [WRITER_HEADER]: writer,
      ...(by === "versions" ? {} : toCondition(by, seen)),
    };
    const answer = await write(http, { key, bytes, headers });
    if (NOT_AS_SEEN.includes(answer.status)) return findOwn(http, key, writer);
    const written = assertDone(key, answer);
    if (by !== "versions" || (await followed(key, { written, seen }))) return written;
    return undefined;
  }

  async function remove(key: string, seen: ObjectStamp): Promise<boolean> {
    const by = await way();
    const headers = by === "versions" ? {} : toCondition(by, seen);
    const answer = await http.send({ what: `Removing ${key}`, method: "DELETE", key, headers });
    if (NOT_AS_SEEN.includes(answer.status)) return false;
    const written = assertDone(key, answer);
    return by !== "versions" || followed(key, { written, seen });
  }

  /** Of all that wrote over the same version, only one stands directly after it; the others take theirs back. */
  async function followed(
    key: string,
    { written, seen }: { written: ObjectStamp; seen: ObjectStamp | undefined },
  ): Promise<boolean> {
    const versions = await listVersions(http, { key, prefix });
    const own = versions.findIndex(({ id }) => id === written.versionId);
    const before = versions[own + 1];
    const isFirst = before === undefined || before.isRemoval;
    const isNext = seen ? before?.id === (seen.versionId ?? "null") : isFirst;
    if (own >= 0 && isNext) return true;
    const query = { versionId: written.versionId ?? "null" };
    const answer = await http.send({ what: `Taking back ${key}`, method: "DELETE", key, query });
    assertDone(key, answer);
    return false;
  }

  return { put, remove };
}

function toCondition(
  by: Exclude<Way, "versions">,
  seen: ObjectStamp | undefined,
): Record<string, string> {
  if (!seen) return { "if-none-match": "*" };
  return { "if-match": by === "quoted" ? `"${seen.etag}"` : seen.etag };
}

function write(http: Pick<S3Http, "send">, { key, bytes, headers = {} }: Write): Promise<S3Answer> {
  const body = bytes ?? new Uint8Array();
  return http.send({ what: `Writing ${key}`, method: "PUT", key, headers, body });
}

function assertDone(key: string, answer: S3Answer): ObjectStamp {
  if (answer.status < 300) return toStamp(answer);
  throw toAnswerError(`Changing ${key}`, answer);
}

/** A request that is sent again after its answer was lost finds its own object in the way. */
async function findOwn(
  http: Pick<S3Http, "send">,
  key: string,
  writer: string,
): Promise<ObjectStamp | undefined> {
  const answer = await http.send({ what: `Looking at ${key}`, method: "HEAD", key });
  return answer.headers[WRITER_HEADER] === writer ? toStamp(answer) : undefined;
}

/** Tries on an object of its own what the store makes of conditions: some take them and do not look at them. */
async function findWay(http: Pick<S3Http, "send">): Promise<Way> {
  const key = `.deckhand/probe-${randomBytes(8).toString("hex")}`;
  const first = assertDone(key, await write(http, { key }));
  try {
    if (await isWritten(http, key, { "if-none-match": "*" })) return byVersions(first);
    if (await isWritten(http, key, { "if-match": WRONG_ETAG })) return byVersions(first);
    for (const by of ["quoted", "unquoted"] as const)
      if (await isWritten(http, key, toCondition(by, first))) return by;
    return byVersions(first);
  } finally {
    await http.send({ what: `Removing ${key}`, method: "DELETE", key });
  }
}

async function isWritten(
  http: Pick<S3Http, "send">,
  key: string,
  headers: Record<string, string>,
): Promise<boolean> {
  const answer = await write(http, { key, headers });
  if (NOT_AS_SEEN.includes(answer.status)) return false;
  assertDone(key, answer);
  return true;
}

function byVersions({ versionId }: ObjectStamp): Way {
  if (versionId !== undefined) return "versions";
  throw storeError(
    "The store does not look at If-Match and If-None-Match when objects are written.",
    {
      hint: "Two servers could overwrite each other's changes; use a store that has conditional writes.",
    },
  );
}

interface ListedVersion {
  readonly id: string;
  /** A removal leaves a mark of its own among the versions. */
  readonly isRemoval: boolean;
}

/** Newest first. */
async function listVersions(
  http: Pick<S3Http, "send">,
  { key, prefix }: { key: string; prefix: string },
): Promise<ListedVersion[]> {
  const what = `Listing the versions of ${key}`;
  const query = { versions: "", "encoding-type": "url", prefix: `${prefix}${key}` };
  const answer = await http.send({ what, method: "GET", query });
  if (answer.status >= 300) throw toAnswerError(what, answer);
  const entries = answer.body
    .toString("utf8")
    .matchAll(/<(Version|DeleteMarker)>([\s\S]*?)<\/\1>/g);
  return [...entries]
    .filter(([, , xml = ""]) => decodeKey(findTag(xml, "Key") ?? "") === `${prefix}${key}`)
    .map(([, kind, xml = ""]) => ({
      id: findTag(xml, "VersionId") ?? "",
      isRemoval: kind === "DeleteMarker",
    }));
}
