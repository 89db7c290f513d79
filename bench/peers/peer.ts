/** One way to run a script in a container; each benchmark asks all of them in turns. */
export interface Peer {
  readonly name: string;
  /** Brings up what it needs; gives a reason when this machine does not have it. */
  start(place: BenchPlace): Promise<"ready" | { readonly missing: string }>;
  /** Runs a bash script to its end and gives what it wrote to stdout. */
  run(container: string, script: string): Promise<string>;
  /** Runs it on all containers; `width` is how many at once for a peer that has to be told. */
  runOnAll(containers: readonly string[], script: string, width: number): Promise<void>;
  /** Runs a script that writes that many bytes, and reads all of them. */
  stream(container: string, bytes: number): Promise<void>;
  stop(): Promise<void>;
}

export interface BenchPlace {
  readonly dockerSocket: string;
}

/** The script that is timed where the time is not the script's. */
export const HELLO = "echo hello";

/** Runs it and looks at what came back. */
export async function sayHello(peer: Peer, container: string): Promise<void> {
  const said = await peer.run(container, HELLO);
  if (said !== "hello\n") throw new Error(`${peer.name} gave ${JSON.stringify(said)}`);
}

/** The script whose output `stream` measures. */
export function floodScript(bytes: number): string {
  return `yes ${"0123456789abcdef".repeat(4)} | head -c ${bytes}`;
}

export function assertReceived(received: number, expected: number): void {
  if (received < expected) throw new Error(`${received} of ${expected} bytes came`);
}

/** Asks with at most `width` at once, in order. */
export async function inParallel<Item>(
  items: readonly Item[],
  width: number,
  act: (item: Item) => Promise<unknown>,
): Promise<void> {
  const rest = [...items];
  const workers = Array.from({ length: Math.min(width, items.length) }, async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await act(item);
  });
  await Promise.all(workers);
}
