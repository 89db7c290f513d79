import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type CephCluster, startCephCluster } from "../../../../../test/support/ceph-cluster.ts";
import { type TcpGate, tcpGate } from "../../../../../test/support/tcp-gate.ts";
import type { ScriptLibrary } from "../script-library.ts";
import {
  BASH,
  codeOf,
  type LibraryPlace,
  scriptLibraryContract,
  toSha256,
} from "../testing/script-library-contract.ts";
import { type Bucket, makeBucket, storeOn } from "./testing/bucket.ts";
import { s3Library } from "./s3-library.ts";
import type { S3Store } from "./s3-store.ts";

const PREFIX = "team a/scripts/";
const RESCAN_MS = 200;
const TIMEOUT_MS = 3_000;

let ceph: CephCluster;

beforeAll(async () => {
  ceph = await startCephCluster();
});

afterAll(() => ceph.close());

for (const versions of [false, true]) {
  scriptLibraryContract({
    name: `Ceph, in a bucket that keeps ${versions ? "versions" : "none"}`,
    makePlace: () => bucketPlace({ versions }),
    names: 12,
  });
}

function toStore(bucket: string, more: Partial<S3Store> = {}): S3Store {
  return storeOn(ceph, { bucket, prefix: PREFIX, timeoutMs: TIMEOUT_MS, ...more });
}

async function bucketPlace(options: { versions: boolean }): Promise<LibraryPlace> {
  const bucket = await makeBucket(ceph, options);
  const cacheDirectory = await mkdtemp(join(tmpdir(), "deckhand-s3-"));
  const isInside = (key: string) => key.startsWith(PREFIX);
  await bucket.write("secret.sh", `${BASH}# secret\n`);
  await bucket.write("team a/secret.sh", `${BASH}# secret\n`);
  return {
    open: () => s3Library({ store: toStore(bucket.name), cacheDirectory, rescanMs: RESCAN_MS }),
    write: (path, content) => bucket.write(PREFIX + path, content),
    move: async (path, to) => {
      await bucket.write(PREFIX + to, await bucket.read(PREFIX + path));
      await bucket.remove(PREFIX + path);
    },
    read: (path) => bucket.read(PREFIX + path),
    list: async () =>
      (await bucket.list())
        .filter(isInside)
        .map((key) => key.slice(PREFIX.length))
        .filter((path) => !path.startsWith(".deckhand/")),
    surroundings: async () => {
      const keys = (await bucket.list()).filter((key) => !isInside(key));
      return Promise.all(keys.map(async (key) => [key, await bucket.read(key)]));
    },
    remove: async () => {
      bucket.close();
      await rm(cacheDirectory, { recursive: true, force: true });
    },
  };
}

describe.each([false, true])(
  "several servers on one bucket (that keeps versions: %s)",
  (versions) => {
    let bucket: Bucket;
    let folder: string;
    let servers: ScriptLibrary[];

    beforeEach(async () => {
      bucket = await makeBucket(ceph, { versions });
      folder = await mkdtemp(join(tmpdir(), "deckhand-s3-"));
      const directories = ["one", "two", "three"].map((name) => join(folder, name));
      servers = await Promise.all(
        directories.map((cacheDirectory) =>
          s3Library({ store: toStore(bucket.name), cacheDirectory, rescanMs: RESCAN_MS }),
        ),
      );
    });

    afterEach(async () => {
      for (const server of servers) await server.close();
      bucket.close();
      await rm(folder, { recursive: true, force: true });
    });

    test("what one has written the others read at once, as the same version", async () => {
      const [one, two] = servers as [ScriptLibrary, ScriptLibrary];
      const texts = [BASH, `${BASH}# two\n`, BASH, `${BASH}# two\n`];
      await one.create({ path: "say.sh", text: BASH });
      for (const [index, text] of texts.entries()) {
        const writer = servers[index % servers.length] as ScriptLibrary;
        const before = texts[index - 1];
        if (before !== undefined)
          await writer.update({ name: "say", text, ifMatch: toSha256(before) });
        const seen = await Promise.all(servers.map((server) => server.get("say")));
        expect(seen.map(({ version, text: read }) => [version, read])).toEqual(
          servers.map(() => [index + 1, text]),
        );
      }
      await two.remove({ name: "say", ifMatch: toSha256(`${BASH}# two\n`) });
      expect(await one.find("say")).toBeUndefined();
      expect((await one.getVersion("say", 4)).text).toBe(`${BASH}# two\n`);
    });

    test("of changes at the same time one wins, and all count alike", async () => {
      const creations = await Promise.all(
        servers.map((server, index) =>
          codeOf(server.create({ path: "say.sh", text: `${BASH}# by ${index}\n` })),
        ),
      );
      expect(creations.filter((code) => code === "SCRIPT_EXISTS")).toHaveLength(2);
      const { sha256 } = await (servers[0] as ScriptLibrary).get("say");
      const updates = await Promise.all(
        servers.map((server, index) =>
          codeOf(
            server.update({ name: "say", text: `${BASH}# again ${index}\n`, ifMatch: sha256 }),
          ),
        ),
      );
      expect(updates.filter((code) => code === "VERSION_CONFLICT")).toHaveLength(2);
      const winner = updates.indexOf("undefined");
      for (const server of servers)
        expect((await server.get("say")).text).toBe(`${BASH}# again ${winner}\n`);
      await expectSameHistory();
    });

    test("what somebody else puts there is counted once, although all find it", async () => {
      for (const count of [1, 2, 3]) {
        await bucket.write(`${PREFIX}say.sh`, `${BASH}# ${count}\n`);
        await expect
          .poll(async () => (await (servers[0] as ScriptLibrary).listVersions("say")).length)
          .toBe(count);
        await expectSameHistory();
      }
    });

    test("what somebody else puts there is counted although nobody asks for it", async () => {
      const countVersions = async () => {
        const key = (await bucket.list()).find((one) =>
          one.startsWith(`${PREFIX}.deckhand/scripts/`),
        );
        const list = key === undefined ? "{}" : await bucket.read(key);
        return (JSON.parse(list) as { versions?: unknown[] }).versions?.length ?? 0;
      };
      for (const count of [1, 2]) {
        await bucket.write(`${PREFIX}say.sh`, `${BASH}# ${count}\n`);
        await expect.poll(countVersions, { timeout: 20_000 }).toBe(count);
      }
    });

    async function expectSameHistory(): Promise<void> {
      const [first, ...others] = await Promise.all(servers.map((one) => one.listVersions("say")));
      expect(first?.map(({ version }) => version)).toEqual(
        first?.map((_, index, all) => all.length - index),
      );
      for (const other of others) expect(other).toEqual(first);
    }
  },
);

describe("while the store is away", () => {
  let bucket: Bucket;
  let folder: string;
  let gate: TcpGate;
  let library: ScriptLibrary;
  const told: unknown[] = [];

  const open = (timeoutMs = TIMEOUT_MS, now = Date.now) =>
    s3Library({
      store: toStore(bucket.name, { endpoint: `http://${gate.address}`, timeoutMs }),
      cacheDirectory: folder,
      rescanMs: RESCAN_MS,
      now,
      onProblem: (error) => told.push(error),
    });

  beforeEach(async () => {
    const { hostname, port } = new URL(ceph.endpoint);
    told.length = 0;
    bucket = await makeBucket(ceph, { versions: false });
    gate = await tcpGate({ host: hostname, port: Number(port) });
    folder = await mkdtemp(join(tmpdir(), "deckhand-s3-"));
    library = await open();
    await library.create({ path: "say.sh", text: BASH });
    await library.update({ name: "say", text: `${BASH}# two\n`, ifMatch: toSha256(BASH) });
  });

  afterEach(async () => {
    await library.close();
    await gate.close();
    bucket.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function expectKeptReadable(): Promise<void> {
    expect(await library.get("say")).toMatchObject({ version: 2, text: `${BASH}# two\n` });
    expect((await library.getVersion("say", 1)).text).toBe(BASH);
    expect((await library.listVersions("say")).map(({ version }) => version)).toEqual([2, 1]);
    expect((await library.list()).map(({ name }) => name)).toEqual(["say"]);
  }

  async function expectWritesRefused(): Promise<void> {
    const codes = [
      await codeOf(library.create({ path: "new.sh", text: BASH })),
      await codeOf(
        library.update({ name: "say", text: BASH, ifMatch: toSha256(`${BASH}# two\n`) }),
      ),
      await codeOf(library.remove({ name: "say", ifMatch: toSha256(`${BASH}# two\n`) })),
      await codeOf(library.get("unknown")),
    ];
    expect(codes).toEqual(codes.map(() => "SCRIPT_STORE_UNAVAILABLE"));
  }

  test("what is kept here stays readable, writes are refused, and all goes on when it is back", async () => {
    gate.cut();
    await expectKeptReadable();
    await expectWritesRefused();
    expect(library.problems()).toEqual([expect.stringContaining("the store can not be reached")]);
    expect(told).toHaveLength(1);
    gate.open();
    await expect.poll(() => library.problems(), { timeout: 20_000 }).toEqual([]);
    expect(await codeOf(library.create({ path: "new.sh", text: BASH }))).toBe("undefined");
  });

  test("a server that starts then has what it kept", async () => {
    gate.cut();
    await library.close();
    library = await open();
    await expectKeptReadable();
    await expectWritesRefused();
  });

  test("a store that takes connections and never answers holds up one read, and no other", async () => {
    await library.close();
    library = await open(1_000);
    gate.silence();
    await expectKeptReadable();
    expect(library.problems()).toEqual([expect.stringContaining("no answer in time")]);
    await expectKeptReadable();
    gate.open();
    await expect.poll(() => library.problems(), { timeout: 20_000 }).toEqual([]);
  });

  test("a server that never saw the store starts, and says what it can not do", async () => {
    gate.cut();
    await library.close();
    await rm(folder, { recursive: true });
    library = await open();
    expect(await codeOf(library.list())).toBe("SCRIPT_STORE_UNAVAILABLE");
    expect(library.problems()).toHaveLength(1);
    gate.open();
    await expect.poll(() => library.problems(), { timeout: 20_000 }).toEqual([]);
    await expectKeptReadable();
  });

  test("what nobody has used here for a month is removed, and read anew when somebody wants it", async () => {
    const contents = async () => {
      const files = await readdir(folder, { recursive: true });
      return files.flatMap((path) => /contents\/(.+)$/.exec(path)?.[1] ?? []).toSorted();
    };
    const [one, two, three] = [BASH, `${BASH}# two\n`, `${BASH}# three\n`].map(toSha256) as [
      string,
      string,
      string,
    ];
    await library.update({ name: "say", text: `${BASH}# three\n`, ifMatch: two });
    expect(await contents()).toEqual([one, two, three].toSorted());
    const laterBy = async (days: number) => {
      await library.close();
      library = await open(TIMEOUT_MS, () => Date.now() + days * 24 * 60 * 60 * 1000);
    };
    await laterBy(20);
    await library.getVersion("say", 2);
    await laterBy(40);
    expect(await contents()).toEqual([two, three].toSorted());
    gate.cut();
    expect((await library.getVersion("say", 2)).text).toBe(`${BASH}# two\n`);
    expect((await library.get("say")).text).toBe(`${BASH}# three\n`);
    expect(await codeOf(library.getVersion("say", 1))).toBe("SCRIPT_STORE_UNAVAILABLE");
    gate.open();
    await expect.poll(() => library.problems(), { timeout: 20_000 }).toEqual([]);
    expect((await library.getVersion("say", 1)).text).toBe(BASH);
    expect(await contents()).toEqual([one, two, three].toSorted());
  });

  test("what is damaged of the things kept here is read anew", async () => {
    await library.close();
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    for (const one of files.filter((found) => found.isFile()))
      await writeFile(join(one.parentPath, one.name), "damaged");
    library = await open();
    await expectKeptReadable();
  });
});

describe("what is wrong with a store is told in words", () => {
  const open = (store: S3Store, folder: string) => s3Library({ store, cacheDirectory: folder });
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "deckhand-s3-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test.each<[string, (bucket: string) => S3Store, string]>([
    ["no such bucket", () => toStore("not-there"), "has no such bucket"],
    [
      "a wrong key",
      (bucket) => withKeys(bucket, { secretAccessKey: "wrong-secret" }),
      "credentials",
    ],
    ["an unknown user", (bucket) => withKeys(bucket, { accessKeyId: "NOBODY" }), "credentials"],
    ["credentials that can not be read", withoutKeys, "credentials"],
  ])("%s", async (_name, toBroken, words) => {
    const bucket = await makeBucket(ceph, { versions: false });
    bucket.close();
    const library = await open(toBroken(bucket.name), folder);
    expect(library.problems()).toEqual([expect.stringContaining(words)]);
    expect(JSON.stringify(library.problems())).not.toContain("secret");
    expect(await codeOf(library.create({ path: "say.sh", text: BASH }))).toBe(
      "SCRIPT_STORE_UNAVAILABLE",
    );
    await library.close();
  });

  function withKeys(
    bucket: string,
    keys: { accessKeyId?: string; secretAccessKey?: string },
  ): S3Store {
    const { accessKeyId, secretAccessKey } = ceph;
    return toStore(bucket, {
      readCredentials: async () => ({ accessKeyId, secretAccessKey, ...keys }),
    });
  }

  function withoutKeys(bucket: string): S3Store {
    return toStore(bucket, { readCredentials: () => Promise.reject(new Error("secret: no file")) });
  }
});
