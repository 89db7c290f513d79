import { createRequire } from "node:module";
import { examplesOf, readDocument } from "./examples.ts";

// The reader of YAML is a dependency of the server; the tests have none of their own.
const { parse, stringify } = createRequire(
  new URL("../../../packages/server/package.json", import.meta.url),
)("yaml") as { parse(text: string): unknown; stringify(value: unknown): string };

export const parseYaml = parse;

interface Store {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly folder: string;
}

/** Where the documents show what a server is set up with, by the first line of the block. */
const SHOWN = [
  { document: "docs/schedules.md", opens: "engines:" },
  { document: "docs/history.md", opens: "retention:" },
  { document: "docs/notifications.md", opens: "notifications:" },
  { document: "docs/configuration.md", opens: "scripts:\n  s3:" },
];

/** All that the documents show, in one file, with this store in the place of theirs. */
export function configurationOf(store: Store): { config: string; credentials: string } {
  const shown = SHOWN.map(({ document, opens }) => parse(findBlock(document, opens)));
  const all = Object.assign({}, ...shown) as Record<string, unknown>;
  const config = stringify(all)
    .replace("https://s3.example.org", store.endpoint)
    .replace("bucket: ops", `bucket: ${store.bucket}`)
    .replace("/etc/deckhand", store.folder);
  const credentials = findBlock("docs/configuration.md", "# /etc/deckhand/s3-credentials")
    .replace("aws_access_key_id = deckhand", `aws_access_key_id = ${store.accessKeyId}`)
    .replace("…", store.secretAccessKey);
  return { config, credentials };
}

export function findBlock(document: string, opens: string): string {
  const found = examplesOf(readDocument(document)).find(({ text }) => text.startsWith(opens));
  if (!found) throw new Error(`${document} has no block that opens with ${opens}`);
  return found.text;
}
