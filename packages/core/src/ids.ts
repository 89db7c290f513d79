/** Prefixes of the ids on the wire; what follows sorts by time of creation. */
export const ID_PREFIX = {
  run: "run_",
  execution: "exe_",
  target: "tgt_",
  script: "scr_",
  token: "tok_",
  request: "req_",
  terminal: "trm_",
  notification: "ntf_",
  delivery: "dlv_",
  trigger: "trg_",
  group: "grp_",
  schedule: "sch_",
} as const;

export type IdKind = keyof typeof ID_PREFIX;

/** Crockford's alphabet in lower case: no i, l, o, u; sorts as its value. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/**
 * Writes an id from a time in milliseconds and at least ten random bytes: the prefix, ten characters of time,
 * sixteen of chance. Ids of one kind sort by creation time.
 */
export function toId(kind: IdKind, timeMs: number, random: Uint8Array): string {
  return ID_PREFIX[kind] + toTimePart(timeMs) + toRandomPart(random);
}

/** The smallest id of a kind made at or after that time; for filters by time on the id itself. */
export function lowestIdAt(kind: IdKind, timeMs: number): string {
  return ID_PREFIX[kind] + toTimePart(timeMs) + ALPHABET.charAt(0).repeat(16);
}

function toTimePart(timeMs: number): string {
  let rest = Math.max(0, Math.floor(timeMs));
  let text = "";
  for (let place = 0; place < 10; place++) {
    text = ALPHABET.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function toRandomPart(random: Uint8Array): string {
  let bits = 0;
  let held = 0;
  let text = "";
  for (const byte of random.subarray(0, 10)) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET.charAt((held >> bits) & 31);
    }
    held &= (1 << bits) - 1;
  }
  return text;
}
