const BLOCK = 512;
const ROOT = 0;

/** What ends an archive. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK);

export type TarEntry =
  | { readonly kind: "folder"; readonly name: string; readonly mode: number }
  | {
      readonly kind: "file";
      readonly name: string;
      readonly mode: number;
      readonly bytes: Uint8Array;
    };

export interface TarHead extends Pick<TarEntry, "kind" | "name" | "mode"> {
  readonly modifiedAtSeconds?: number;
}

/** A tar archive in memory, as POSIX has it (ustar); everything in it belongs to root. Names have at most 100 bytes. */
export function toTar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(toBlocks), TAR_END]);
}

function toBlocks(entry: TarEntry): Uint8Array[] {
  if (entry.kind === "folder") return [toHeader(entry, 0)];
  const { bytes } = entry;
  return [toHeader(entry, bytes.length), bytes, toPadding(bytes.length)];
}

/** What stands between a content and the next header. */
export function toPadding(size: number): Buffer {
  return Buffer.alloc(-size & (BLOCK - 1));
}

/** Its content may follow piece by piece. */
export function toHeader(
  { kind, name, mode, modifiedAtSeconds = 0 }: TarHead,
  size: number,
): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number) =>
    header.write(`${value.toString(8).padStart(digits, "0")}\0`, at);
  header.write(name, 0, 100);
  octal(mode, 100, 7);
  octal(ROOT, 108, 7);
  octal(ROOT, 116, 7);
  octal(size, 124, 11);
  octal(modifiedAtSeconds, 136, 11);
  header.write(kind === "folder" ? "5" : "0", 156);
  header.write("ustar\u000000", 257);
  // The sum is taken with spaces in its own place.
  header.fill(" ", 148, 156);
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  return header;
}
