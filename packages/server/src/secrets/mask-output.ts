import type { OutputStream } from "../engines/engine.ts";
import type { SecretMask } from "./secret-mask.ts";

/** What may be the beginning of a secret waits so long for its rest. */
const HOLD_MS = 250;

interface Chunk {
  readonly stream: OutputStream;
  readonly bytes: Uint8Array;
}

export interface MaskOutputOptions {
  readonly mask: SecretMask;
  /** The last bytes of each stream that are in the log already. */
  readonly before: Readonly<Record<OutputStream, Uint8Array>> | undefined;
  /** Asked at the end: whether the rest comes again to the next server process. */
  readonly goesOn: () => Promise<boolean>;
}

/** Hides secrets in output. What is held back did not come out, so nobody takes it for stored. */
export async function* maskOutput(
  output: AsyncIterable<Chunk>,
  { mask, before, goesOn }: MaskOutputOptions,
): AsyncGenerator<Chunk> {
  const streams = { stdout: mask.stream(before?.stdout), stderr: mask.stream(before?.stderr) };
  const release = () =>
    (["stdout", "stderr"] as const)
      .filter((stream) => streams[stream].isHolding)
      .map((stream) => ({ stream, bytes: streams[stream].release() }));
  const isHolding = () => streams.stdout.isHolding || streams.stderr.isHolding;
  let holdsUntil: number | undefined;
  for await (const chunk of withPauses(output, () => holdsUntil)) {
    if (chunk) {
      const bytes = streams[chunk.stream].take(chunk.bytes);
      if (bytes.length > 0) yield { stream: chunk.stream, bytes };
    } else yield* release();
    holdsUntil = isHolding() ? (holdsUntil ?? performance.now() + HOLD_MS) : undefined;
  }
  if (!(await goesOn())) yield* release();
}

/** Gives `undefined` in between whenever the time is there and nothing has come. */
async function* withPauses<Item>(
  items: AsyncIterable<Item>,
  until: () => number | undefined,
): AsyncGenerator<Item | undefined> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (let next = iterator.next(); ; ) {
      const result = await withinTime(next, until());
      if (result?.done) return;
      yield result?.value;
      if (result) next = iterator.next();
    }
  } finally {
    await iterator.return?.();
  }
}

async function withinTime<Result>(
  result: Promise<Result>,
  untilMs: number | undefined,
): Promise<Result | undefined> {
  if (untilMs === undefined) return result;
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.max(0, untilMs - performance.now()));
  });
  try {
    return await Promise.race([result, over]);
  } finally {
    clearTimeout(timer);
  }
}
