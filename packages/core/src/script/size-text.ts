const UNIT_BYTES: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KB: 1_000,
  MB: 1_000 ** 2,
  GB: 1_000 ** 3,
  KIB: 1_024,
  MIB: 1_024 ** 2,
  GIB: 1_024 ** 3,
};

/** Reads `4096`, `64KiB` or `1.5GB` as bytes; gives undefined for anything else. */
export function findSizeBytes(text: string): number | undefined {
  const [, amount, unit = ""] = /^(\d{1,15}(?:\.\d{1,15})?)\s?([A-Za-z]{0,3})$/.exec(text) ?? [];
  const unitBytes = UNIT_BYTES[unit.toUpperCase()];
  if (amount === undefined || unitBytes === undefined) return undefined;
  const bytes = Math.round(Number(amount) * unitBytes);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
