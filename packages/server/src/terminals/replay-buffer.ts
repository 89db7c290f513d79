/** The last bytes that a terminal has shown; every byte keeps its offset since the terminal's start. */
export interface ReplayBuffer {
  /** Offset of the oldest byte that is kept. */
  readonly start: number;
  /** Offset of the next byte that will come. */
  readonly end: number;
  append(bytes: Uint8Array): void;
  /** Copies what is kept from this offset on, at most so many bytes; nothing for an offset that is not kept. */
  read(from: number, most: number): Uint8Array;
}

const FIRST_BYTES = 16 * 1024;

/** Takes no more memory than its terminal has shown, up to the capacity. */
export function replayBuffer(capacity: number): ReplayBuffer {
  let ring = Buffer.alloc(Math.min(FIRST_BYTES, capacity));
  let end = 0;
  const start = () => Math.max(0, end - ring.length);

  function read(from: number, most: number): Buffer<ArrayBuffer> {
    if (from < start() || from >= end) return Buffer.alloc(0);
    const copy = Buffer.alloc(Math.min(most, end - from));
    const at = from % ring.length;
    const untilEdge = ring.copy(copy, 0, at, Math.min(ring.length, at + copy.length));
    ring.copy(copy, untilEdge, 0, copy.length - untilEdge);
    return copy;
  }

  function put(bytes: Uint8Array): void {
    const at = end % ring.length;
    const untilEdge = Math.min(bytes.length, ring.length - at);
    ring.set(bytes.subarray(0, untilEdge), at);
    ring.set(bytes.subarray(untilEdge), 0);
    end += bytes.length;
  }

  function makeRoom(bytes: number): void {
    const wanted = Math.min(capacity, end - start() + bytes);
    if (wanted <= ring.length) return;
    const kept = read(start(), ring.length);
    ring = Buffer.alloc(Math.min(capacity, Math.max(wanted, ring.length * 2)));
    end -= kept.length;
    put(kept);
  }

  return {
    get start() {
      return start();
    },
    get end() {
      return end;
    },
    append: (bytes) => {
      makeRoom(bytes.length);
      const tooOld = Math.max(0, bytes.length - ring.length);
      end += tooOld;
      put(bytes.subarray(tooOld));
    },
    read,
  };
}
