import { expect } from "vitest";
import { type S3Request, s3Http } from "../s3-http.ts";
import { s3Objects } from "../s3-objects.ts";
import type { S3Store } from "../s3-store.ts";

interface Server {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A bucket of its own, used as any other program would. */
export interface Bucket {
  readonly name: string;
  write(key: string, content: string | Uint8Array): Promise<void>;
  read(key: string): Promise<string>;
  remove(key: string): Promise<void>;
  list(): Promise<readonly string[]>;
  close(): void;
}

const ENABLED =
  '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>';

let buckets = 0;

export function storeOn(
  { endpoint, accessKeyId, secretAccessKey }: Server,
  more: Pick<S3Store, "bucket"> & Partial<S3Store>,
): S3Store {
  return {
    endpoint,
    region: "us-east-1",
    prefix: "",
    pathStyle: true,
    timeoutMs: 10_000,
    readCredentials: async () => ({ accessKeyId, secretAccessKey }),
    ...more,
  };
}

export async function makeBucket(
  server: Server,
  { versions }: { versions: boolean },
): Promise<Bucket> {
  const name = `bucket-${++buckets}`;
  const http = s3Http(storeOn(server, { bucket: name }));
  const objects = s3Objects(http, "");
  const send = async (request: S3Request) => {
    const answer = await http.send(request);
    expect(answer.status, answer.body.toString()).toBeLessThan(300);
  };
  await send({ what: "Making a bucket", method: "PUT" });
  const body = Buffer.from(ENABLED);
  if (versions) await send({ what: "Versions", method: "PUT", query: { versioning: "" }, body });
  return {
    name,
    write: (key, content) => objects.keep(key, Buffer.from(content)),
    read: async (key) => (await objects.find(key))?.bytes.toString() ?? "",
    remove: (key) => send({ what: "Removing", method: "DELETE", key }),
    list: async () => (await objects.list({ under: "", most: 10_000 })).map(({ key }) => key),
    close: () => http.close(),
  };
}
