import { UsageError } from "../usage-error.ts";

/** What leaves a terminal without ending it: bytes that are typed one after the other; none turns it off. */
export type DetachKeys = readonly number[];

const NAMED: Readonly<Record<string, number>> = {
  "@": 0,
  "[": 27,
  "\\": 28,
  "]": 29,
  "^": 30,
  _: 31,
};
export const DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q";

/** Reads `ctrl-p,ctrl-q` as docker has it: letters, and ctrl- with a letter or one of @ [ \ ] ^ _. */
export function parseDetachKeys(text: string): DetachKeys {
  if (text === "" || text === "none") return [];
  return text.split(",").map((key) => {
    const code = toCode(key);
    if (code !== undefined) return code;
    throw new UsageError(`--detach-keys does not know the key ${JSON.stringify(key)}`, {
      hint: "Write keys with commas between them, such as ctrl-p,ctrl-q or ctrl-],q; none turns them off",
    });
  });
}

function toCode(key: string): number | undefined {
  if (/^[\x21-\x7e]$/.test(key)) return key.charCodeAt(0);
  const [, letter] = /^ctrl-(.)$/.exec(key) ?? [];
  if (letter === undefined) return undefined;
  return /[a-z]/i.test(letter) ? letter.toUpperCase().charCodeAt(0) - 64 : NAMED[letter];
}

/** What becomes of typed bytes: these are for the program; after `detach` nothing is. */
export interface Typed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly detach: boolean;
}

/** Finds the detach keys in what is typed; keys that may be their beginning wait for the next one. */
export interface DetachFilter {
  readonly isWaiting: boolean;
  push(bytes: Uint8Array): Typed;
  /** Gives what waits: the next key did not come. */
  flush(): Uint8Array<ArrayBuffer>;
}

export function detachFilter(keys: DetachKeys): DetachFilter {
  let matched = 0;
  const held = () => Uint8Array.from(keys.slice(0, matched));

  return {
    get isWaiting() {
      return matched > 0;
    },
    push: (bytes) => {
      const passed: number[] = [];
      for (const byte of bytes) {
        while (matched > 0 && byte !== keys[matched]) passed.push(...release());
        if (keys.length === 0 || byte !== keys[matched]) passed.push(byte);
        else if (++matched === keys.length) return { bytes: Uint8Array.from(passed), detach: true };
      }
      return { bytes: Uint8Array.from(passed), detach: false };
    },
    flush: () => {
      const bytes = held();
      matched = 0;
      return bytes;
    },
  };

  /** The longest end of what was matched that can still become the keys stays; what is before it passes. */
  function release(): readonly number[] {
    const before = keys.slice(0, matched);
    do matched -= 1;
    while (matched > 0 && !isBeginning(before.slice(before.length - matched)));
    return before.slice(0, before.length - matched);
  }

  function isBeginning(bytes: readonly number[]): boolean {
    return bytes.every((byte, index) => byte === keys[index]);
  }
}
