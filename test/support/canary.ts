import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { DeckhandServer } from "./deckhand-server.ts";

/** A value that is nowhere else, with signs that URLs and JSON write in another way. */
export function canary(): string {
  return `cnry ${randomBytes(12).toString("hex")}"/é`;
}

/** How a place may show a value; JSON is unescaped before it is looked at. */
function spellings(value: string): readonly Buffer[] {
  const shown = [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    ...["base64", "base64url"].flatMap((kind) => toBase64(value, kind as BufferEncoding)),
    // Its own part alone tells as much as all of it.
    value.slice(5, 29),
  ];
  return shown.map((text) => Buffer.from(text));
}

/** Behind other text of any length; the signs at both ends depend on what is around. */
function toBase64(value: string, kind: BufferEncoding): string[] {
  return ["", "x", "xx"].map((before) =>
    Buffer.from(before + value)
      .toString(kind)
      .slice(4, -4),
  );
}

export function holds(place: Uint8Array | string, value: string): boolean {
  const bytes = Buffer.from(place);
  return spellings(value).some((shown) => bytes.includes(shown));
}

/** The command lines of every process of the machine, as often as can be, until it is stopped. */
export function watchProcesses() {
  const seen = new Set<string>();
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const names = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
      for (const name of names)
        seen.add(await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => ""));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  return {
    stop: async () => {
      isOver = true;
      await watching;
      return [...seen].join("\n");
    },
  };
}

export async function readDirectory(
  path: string,
  wanted: (name: string) => boolean,
): Promise<Buffer> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && wanted(entry.name));
  const contents = files.map((entry) =>
    readFile(join(entry.parentPath, entry.name)).catch(() => ""),
  );
  return Buffer.concat((await Promise.all(contents)).map((content) => Buffer.from(content)));
}

/** Says its value in many ways, on both streams, in pieces, and lets time pass. */
export const SAYS_ALL = `
printf '%s\\n' "$VALUE"
printf '%s\\n' "error: $VALUE" >&2
printf '%s' "$VALUE" | base64 | tr -d '\\n'; echo
printf '%s' "ann:$VALUE" | base64 | tr -d '\\n'; echo
printf '{"password":"%s"}\\n' "$VALUE" | sed 's/""/\\\\""/'
first=\${VALUE%?????????????????}
printf '%s' "$first"; sleep 0.1; printf '%s\\n' "\${VALUE#"$first"}"
env
sleep 2
echo said`;

/** Everything of a run as one archive, unpacked as far as its text. */
export async function readExport(server: DeckhandServer, runId: string): Promise<Buffer> {
  const answer = await server.fetch(`/api/v1/runs/${runId}/export`);
  return gunzipSync(Buffer.from(await answer.arrayBuffer()));
}
