import { FormSet } from "./form-set.ts";
import { toForms } from "./secret-forms.ts";
import { StreamMask } from "./stream-mask.ts";

const STAR = 0x2a;

/** Hides the values of a run's secrets in what its scripts write and in what is said about them. */
export interface SecretMask {
  /** Of a stream whose last bytes, masked already, were `before`. */
  stream(before?: Uint8Array): Pick<StreamMask, "take" | "release" | "isHolding">;
  text(text: string): string;
  /** How much of what came before a stream has to know. */
  readonly longestBytes: number;
}

/** `undefined` where there is nothing to hide. */
export function secretMask(values: readonly string[]): SecretMask | undefined {
  const known = toForms(values);
  if (known.length === 0) return undefined;
  const forms = new FormSet(known);
  return {
    longestBytes: Math.max(...known.map(({ length }) => length)),
    stream: (before) => new StreamMask({ forms, atStart: before && toEnds(known, before) }),
    text: (text) => {
      const stream = new StreamMask({ forms });
      return Buffer.concat([stream.take(Buffer.from(text)), stream.release()]).toString();
    },
  };
}

/** Where the secrets of a script that runs can not be read any more, nothing of its output may be shown. */
export const HIDE_ALL: SecretMask = {
  longestBytes: 1,
  stream: () => ({
    take: (bytes) => bytes.map((byte) => (byte === 0x0a ? byte : STAR)),
    release: () => new Uint8Array(),
    isHolding: false,
  }),
  text: (text) => text.replaceAll(/\S/gu, "*"),
};

/** The ends of those forms of which what came before may be the beginning, also where that is hidden already. */
function toEnds(forms: readonly Uint8Array[], before: Uint8Array): FormSet | undefined {
  const ends = forms.flatMap((form) =>
    Array.from({ length: form.length - 1 }, (_, index) => index + 1)
      .filter((begun) => mayEndWith(before, form.subarray(0, begun)))
      .map((begun) => form.subarray(begun)),
  );
  return ends.length === 0 ? undefined : new FormSet(ends);
}

function mayEndWith(text: Uint8Array, end: Uint8Array): boolean {
  const from = text.length - end.length;
  return from >= 0 && end.every((byte, at) => [byte, STAR].includes(text[from + at] ?? 0));
}
