import { type DetachKeys, detachFilter } from "./detach-keys.ts";

export interface ReadKeysOptions {
  readonly detachKeys: DetachKeys;
  /** Resolves when more may be typed. */
  readonly type: (bytes: Uint8Array<ArrayBuffer>) => Promise<unknown>;
  readonly leave: () => void;
}

export interface Keys {
  /** While nothing reaches the program Ctrl-C leaves, as nothing else could. */
  setConnected(isConnected: boolean): void;
  /** Gives the terminal back as it was. */
  stop(): void;
}

const CTRL_C = 0x03;
/** The first of two detach keys goes to the program when the second does not come. */
const SECOND_KEY_WITHIN_MS = 700;

/** Hands every key on as it is typed, but the ones that leave. */
export function readKeys(stdin: NodeJS.ReadStream, options: ReadKeysOptions): Keys {
  const filter = detachFilter(options.detachKeys);
  const wasRaw = stdin.isRaw;
  let isConnected = true;
  let timer: NodeJS.Timeout | undefined;

  async function type(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    if (bytes.length === 0) return;
    stdin.pause();
    await options.type(bytes);
    stdin.resume();
  }

  function onData(data: Buffer): void {
    clearTimeout(timer);
    const { bytes, detach } = filter.push(data);
    if (detach || (!isConnected && data.includes(CTRL_C))) return options.leave();
    if (filter.isWaiting) timer = setTimeout(() => void type(filter.flush()), SECOND_KEY_WITHIN_MS);
    void type(bytes);
  }

  stdin.setRawMode(true);
  stdin.on("data", onData);
  // The line is gone: nobody can type any more.
  stdin.once("end", options.leave);
  return {
    setConnected: (now) => {
      isConnected = now;
    },
    stop: () => {
      clearTimeout(timer);
      stdin.off("data", onData);
      stdin.off("end", options.leave);
      stdin.setRawMode(wasRaw);
      stdin.pause();
    },
  };
}
