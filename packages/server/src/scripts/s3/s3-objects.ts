import { findTag, listTags } from "./read-xml.ts";
import { toAnswerError } from "./s3-errors.ts";
import type { S3Answer, S3Http, S3Request } from "./s3-http.ts";

/** What tells two contents of an object apart. */
export interface ObjectStamp {
  /** Without the quotes that stores write it with in some places. */
  readonly etag: string;
  /** Undefined in a bucket that keeps no versions. */
  readonly versionId: string | undefined;
}

export interface StoredObject extends ObjectStamp {
  readonly bytes: Buffer;
}

export interface ListedKey {
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
}

export interface KeyRange {
  /** What all keys begin with. */
  readonly under: string;
  /** Keys up to this one are left out. */
  readonly after?: string;
  readonly most: number;
}

/** Reads objects below the store's prefix, and writes those that nobody else could want otherwise. */
export interface S3Objects {
  list(range: KeyRange): Promise<readonly ListedKey[]>;
  find(key: string): Promise<StoredObject | undefined>;
  /** The stamp alone. */
  look(key: string): Promise<ObjectStamp | undefined>;
  /** Writes a content whose key follows from it. */
  keep(key: string, bytes: Uint8Array): Promise<void>;
}

const PAGE = 1_000;

export function s3Objects(http: Pick<S3Http, "send">, prefix: string): S3Objects {
  async function sendFor(request: S3Request, allowed: readonly number[]): Promise<S3Answer> {
    const answer = await http.send(request);
    if (answer.status < 300 || allowed.includes(answer.status)) return answer;
    throw toAnswerError(request.what, answer);
  }

  async function listPage(range: KeyRange, token: string | undefined): Promise<string> {
    const { body } = await sendFor(
      {
        what: "Listing the scripts",
        method: "GET",
        query: {
          "list-type": "2",
          "encoding-type": "url",
          "max-keys": `${PAGE}`,
          prefix: `${prefix}${range.under}`,
          ...(range.after === undefined ? {} : { "start-after": `${prefix}${range.after}` }),
          ...(token === undefined ? {} : { "continuation-token": token }),
        },
      },
      [],
    );
    return body.toString("utf8");
  }

  async function list(range: KeyRange): Promise<ListedKey[]> {
    const keys: ListedKey[] = [];
    for (let token: string | undefined; ; ) {
      const xml = await listPage(range, token);
      keys.push(...listTags(xml, "Contents").map((one) => toListedKey(one, prefix)));
      token = findTag(xml, "NextContinuationToken");
      if (token === undefined || keys.length >= range.most) return keys.slice(0, range.most);
    }
  }

  async function find(key: string): Promise<StoredObject | undefined> {
    const answer = await sendFor({ what: `Reading ${key}`, method: "GET", key }, [404]);
    if (answer.status !== 404) return { ...toStamp(answer), bytes: answer.body };
    if (findTag(answer.body.toString("utf8"), "Code") === "NoSuchKey") return undefined;
    throw toAnswerError(`Reading ${key}`, answer);
  }

  return {
    list,
    find,
    look: async (key) => {
      const answer = await sendFor({ what: `Looking at ${key}`, method: "HEAD", key }, [404]);
      return answer.status === 404 ? undefined : toStamp(answer);
    },
    keep: async (key, bytes) => {
      await sendFor({ what: `Writing ${key}`, method: "PUT", key, body: bytes }, []);
    },
  };
}

/** Takes the stamp out of an answer about one object. */
export function toStamp({ headers }: S3Answer): ObjectStamp {
  const versionId = headers["x-amz-version-id"];
  return { etag: withoutQuotes(headers.etag), versionId: versionId?.toString() };
}

function toListedKey(xml: string, prefix: string): ListedKey {
  return {
    key: decodeKey(findTag(xml, "Key") ?? "").slice(prefix.length),
    etag: withoutQuotes(findTag(xml, "ETag")),
    sizeBytes: Number(findTag(xml, "Size")),
  };
}

/** A key may hold what no XML can, so the store is asked to encode it; AWS writes a blank as `+`. */
export function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

function withoutQuotes(etag = ""): string {
  return etag.replaceAll('"', "");
}
