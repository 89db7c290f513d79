import { createHash, createHmac } from "node:crypto";

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface UnsignedRequest {
  readonly method: string;
  /** Encoded as it is sent. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** With `host`; names in small letters. All of them are signed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface SigningOptions {
  readonly credentials: S3Credentials;
  readonly region: string;
  readonly now: Date;
}

const ALGORITHM = "AWS4-HMAC-SHA256";

/** Gives the headers of a request with those that prove who sends it, by AWS Signature Version 4. */
export function signRequest(
  request: UnsignedRequest,
  { credentials, region, now }: SigningOptions,
): Record<string, string> {
  const time = now.toISOString().replaceAll(/[-:]|\.\d{3}/g, "");
  const { sessionToken } = credentials;
  const headers: Record<string, string> = {
    ...request.headers,
    "x-amz-content-sha256": sha256(request.body),
    "x-amz-date": time,
    ...(sessionToken === undefined ? {} : { "x-amz-security-token": sessionToken }),
  };
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const names = Object.keys(headers).sort();
  const canonical = toCanonicalRequest(request, headers);
  const text = [ALGORITHM, time, scope, sha256(canonical)].join("\n");
  const signature = createHmac("sha256", toSigningKey(credentials, scope))
    .update(text)
    .digest("hex");
  return {
    ...headers,
    authorization: `${ALGORITHM} Credential=${credentials.accessKeyId}/${scope},SignedHeaders=${names.join(";")},Signature=${signature}`,
  };
}

function toCanonicalRequest(
  { method, path, query }: UnsignedRequest,
  headers: Readonly<Record<string, string>>,
): string {
  const names = Object.keys(headers).sort();
  const lines = names.map((name) => `${name}:${headers[name]?.trim().replaceAll(/ +/g, " ")}\n`);
  const hash = headers["x-amz-content-sha256"] ?? "";
  return [method, path, toQueryString(query), lines.join(""), names.join(";"), hash].join("\n");
}

/** The query as it is sent and signed: encoded, in the order of the encoded names. */
export function toQueryString(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join("&");
}

/** The path of a key as it is sent and signed: everything but `/` is encoded, and nothing is made simpler. */
export function toPath(...parts: readonly string[]): string {
  return `/${parts
    .flatMap((part) => part.split("/"))
    .map(encode)
    .join("/")}`;
}

/** Only letters, digits and -._~ stand as they are. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function toSigningKey({ secretAccessKey }: S3Credentials, scope: string): Buffer {
  return scope
    .split("/")
    .reduce<Buffer>(
      (key, part) => createHmac("sha256", key).update(part).digest(),
      Buffer.from(`AWS4${secretAccessKey}`),
    );
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
