import { mkdir, mkdtemp, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { type DocContext, type DocumentSetUp, runOne } from "./check-example.ts";
import { replaceContainer } from "./containers.ts";
import { docShell } from "./doc-shell.ts";
import type { Playground } from "./playground.ts";

/** What is kept under a name, in an order in which it can be removed. */
const KINDS = ["schedules", "triggers", "notifications", "groups", "groups"];

/** Somebody begins to read: nothing of the document before is left, and all that this one takes for granted is there. */
export async function openDocument(
  playground: Playground,
  setUp: DocumentSetUp,
): Promise<DocContext> {
  const { env, server, engine } = playground;
  const folder = await makeFolder(playground);
  for (const kind of KINDS) await removeAll(server, kind);
  await removeScripts(server);
  for (const [path, text] of Object.entries(setUp.files ?? {})) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  for (const [path, texts] of Object.entries(setUp.scripts ?? {})) await store(server, path, texts);
  for (const container of setUp.containers ?? []) await replaceContainer(engine, container);
  const shell = await docShell({ folder, env });
  const context: DocContext = { playground, shell, folder, last: undefined };
  if (setUp.prepare) await runOne(context, setUp.prepare);
  return context;
}

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** A folder that looks like the checkout, with the demo's server. */
async function makeFolder({ folder, server }: Playground): Promise<string> {
  const own = await mkdtemp(join(folder, "reader-"));
  for (const name of ["package.json", "packages", "examples", "tools", "node_modules", ".tools"])
    await symlink(join(ROOT, name), join(own, name));
  await mkdir(join(own, ".deckhand/demo"), { recursive: true });
  await writeFile(join(own, ".deckhand/demo/first-token"), `${server.token}\n`);
  return own;
}

type Server = Playground["server"];

interface Named {
  readonly id: string;
  readonly name: string;
  readonly version: number;
}

async function removeAll(server: Server, kind: string): Promise<void> {
  const answer = await server.fetch(`/api/v1/${kind}?limit=200`);
  const { data } = (await answer.json()) as { data: readonly Named[] };
  for (const { id, name, version } of data) {
    const headers = { "if-match": `"${id}.${version}"` };
    await server.fetch(`/api/v1/${kind}/${name}`, { method: "DELETE", headers });
  }
}

async function removeScripts(server: Server): Promise<void> {
  const answer = await server.fetch("/api/v1/scripts?limit=200");
  const { data } = (await answer.json()) as { data: readonly { name: string; sha256: string }[] };
  for (const { name, sha256 } of data) {
    const headers = { "if-match": `"${sha256}"` };
    await server.fetch(`/api/v1/scripts/${encodeURIComponent(name)}`, {
      method: "DELETE",
      headers,
    });
  }
}

/** Makes a script with so many versions. */
async function store(server: Server, path: string, texts: readonly string[]): Promise<void> {
  const name = path.replace(/\.\w+$/, "");
  for (const text of texts) {
    const at = `/api/v1/scripts/${encodeURIComponent(name)}`;
    const before = await server.fetch(at);
    const headers = { "if-match": before.headers.get("etag") ?? "" };
    const stored = before.ok
      ? await server.fetch(at, { method: "PUT", headers, body: JSON.stringify({ text }) })
      : await server.fetch("/api/v1/scripts", {
          method: "POST",
          body: JSON.stringify({ path, text }),
        });
    expect(stored.ok, `${path}: ${stored.status}`).toBe(true);
  }
}
