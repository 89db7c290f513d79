import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { makeBucket } from "../../../packages/server/src/scripts/s3/testing/bucket.ts";
import { type CephCluster, startCephCluster } from "../ceph-cluster.ts";
import { type DeckhandServer, startDeckhandServer } from "../deckhand-server.ts";
import { type PrivateDockerd, startPrivateDockerd } from "../private-dockerd.ts";
import { type WebhookReceiver, webhookReceiver } from "../webhook-receiver.ts";
import { IMAGES, startContainers } from "./containers.ts";
import { configurationOf } from "./server-configuration.ts";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** What the documents take for granted: an engine with their containers, a server, and somebody's web server. */
export interface Playground {
  readonly engine: PrivateDockerd;
  readonly server: DeckhandServer;
  readonly receiver: WebhookReceiver;
  /** The reader's home. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export async function startPlayground(): Promise<Playground> {
  await using opening = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "deckhand-docs-"));
  opening.defer(() => rm(folder, { recursive: true, force: true }));
  const [engine, ceph, receiver] = await Promise.all([
    startPrivateDockerd({ images: IMAGES }),
    startCephCluster(),
    webhookReceiver(),
  ]);
  for (const started of [engine, ceph, receiver]) opening.defer(() => started.close());
  const server = await startServer({ folder, engine, ceph });
  opening.defer(() => server.close());
  await startContainers(engine);
  await makePrograms(folder);
  const { PATH = "" } = process.env;
  const opened = opening.move();
  return {
    engine,
    server,
    receiver,
    folder,
    env: {
      PATH: `${join(folder, "bin")}:${PATH}`,
      HOME: folder,
      TERM: "xterm",
      LANG: "C.UTF-8",
      DOCKER_HOST: `unix://${engine.socketPath}`,
      DECKHAND_SERVER: server.url,
      DECKHAND_TOKEN: server.token,
      DECKHAND_HTTP_PORT: "0",
      DECKHAND_DATA_DIR: join(folder, "another-server"),
      SERVER: server.url,
      AUTH: `Authorization: Bearer ${server.token}`,
      JSON: "Content-Type: application/json",
      RECEIVER: receiver.url,
      EDITOR: "nano",
    },
    close: () => opened.disposeAsync(),
  };
}

interface Surroundings {
  readonly folder: string;
  readonly engine: PrivateDockerd;
  readonly ceph: CephCluster;
}

/** With the configuration that the documents show. */
async function startServer({ folder, engine, ceph }: Surroundings): Promise<DeckhandServer> {
  const bucket = await makeBucket(ceph, { versions: false });
  bucket.close();
  const { config, credentials } = configurationOf({ ...ceph, bucket: bucket.name, folder });
  const path = join(folder, "deckhand.yaml");
  await writeFile(path, config);
  await writeFile(join(folder, "s3-credentials"), credentials, { mode: 0o600 });
  return startDeckhandServer({
    engines: [],
    env: {
      DOCKER_HOST: `unix://${engine.socketPath}`,
      DECKHAND_CONFIG: path,
      // So that the plan of what goes has something to show.
      DECKHAND_RETENTION_OUTPUT_BYTES: "20KiB",
    },
  });
}

/** Programs that a reader has, as far as the documents use them. */
const PROGRAMS = {
  deckhand: `exec '${process.execPath}' '${join(ROOT, "packages/cli/bin/deckhand.js")}' "$@"`,
  pass: 'test "$2" = db/main && echo correct horse battery || echo "$DECKHAND_TOKEN"',
  nano: 'echo "# edited" >>"$1"',
};

async function makePrograms(folder: string): Promise<void> {
  await mkdir(join(folder, "bin"));
  const { stdout: curl } = await run("sh", ["-c", "command -v curl"]);
  const programs = { ...PROGRAMS, curl: `exec ${curl.trim()} --fail-with-body "$@"` };
  for (const [name, text] of Object.entries(programs)) {
    const path = join(folder, "bin", name);
    await writeFile(path, `#!/bin/sh\n${text}\n`);
    await chmod(path, 0o755);
  }
}
