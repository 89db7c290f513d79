import type { S3Credentials } from "./sign-request.ts";

/** A place in an S3-compatible store, and how it is reached. */
export interface S3Store {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** Before every key: empty, or with a `/` at its end. */
  readonly prefix: string;
  /** Whether the bucket stands in the path and not in the host's name. */
  readonly pathStyle: boolean;
  /** Certificates to trust instead of the system's. */
  readonly caFile?: string | undefined;
  readonly timeoutMs: number;
  /** Asked for at each request, as they may be replaced at any time; not a value, so that nothing prints them. */
  readonly readCredentials: () => Promise<S3Credentials>;
}
