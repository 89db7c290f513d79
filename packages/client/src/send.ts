/** What is sent; fetch takes it. */
export interface Sent {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** What is read of an answer; the one of fetch has it. */
export interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Iterable<[string, string]> & { get(name: string): string | null | undefined };
  readonly body: AsyncIterable<Uint8Array> | null;
  text(): Promise<string>;
  json(): Promise<unknown>;
}

/** Sends a request and gives the answer, whatever its status; throws when there is none. */
export type Send = (address: URL, sent: Sent) => Promise<Answer>;
