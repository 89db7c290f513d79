import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atOnce } from "../at-once.ts";
import { docker } from "../containers.ts";
import { engines } from "../engines.ts";
import type { PrivateDockerd } from "../private-dockerd.ts";

const AT_ONCE = 4;
const UP_WITHIN_MS = 90_000;
const { images } = engines();
const DATABASE_IMAGE = "postgres:16";

/** The names that images of the tests have in the documents. */
const TAGS: Readonly<Record<string, readonly string[]>> = {
  [images.postgres]: ["api:2"],
  [images.busybox]: ["web:4", "redis:7"],
};
export const IMAGES = Object.keys(TAGS);

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly flags?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly command: readonly string[];
}

const WAIT = "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done";
const sh = (text: string) => ["sh", "-c", `${text}\n${WAIT}`];
const program = (name: string, line: string) =>
  `printf '#!/bin/sh\\n%s\\n' '${line}' >/bin/${name}; chmod 755 /bin/${name}`;

function inShop(service: string): Readonly<Record<string, string>> {
  return { "com.docker.compose.project": "shop", "com.docker.compose.service": service };
}

function ofelia(name: string, command: string): Readonly<Record<string, string>> {
  const job = `ofelia.job-exec.${name}`;
  return {
    "ofelia.enabled": "true",
    [`${job}.schedule`]: "@every 5m",
    [`${job}.command`]: command,
  };
}

function database(name: string, labels: Readonly<Record<string, string>>): Container {
  const flags = ["--add-host", "db:127.0.0.1"];
  return { name, image: DATABASE_IMAGE, flags, labels, command: ["postgres", "-c", "fsync=off"] };
}

function numbered(count: number, make: (number: number) => Container): readonly Container[] {
  return Array.from({ length: count }, (_, index) => make(index + 1));
}

function web(flags: readonly string[]): readonly Container[] {
  return numbered(4, (number) => ({
    name: `web-${number}`,
    image: "web:4",
    flags,
    labels: { ...inShop("web"), role: "web" },
    command: sh(
      [
        program("nginx", "echo the configuration is fine"),
        program("logrotate", "echo rotated by $1"),
        "mkdir /www; echo well >/www/health; httpd -h /www",
      ].join("\n"),
    ),
  }));
}

const CONTAINERS: readonly Container[] = [
  database("db", {}),
  ...numbered(3, (number) => database(`db-${number}`, { ...inShop("db"), role: "db" })),
  ...numbered(4, (number) => ({
    name: `api-${number}`,
    image: "api:2",
    flags: number === 4 ? ["--hostname", "odd"] : [],
    labels: inShop("api"),
    command: sh(""),
  })),
  ...web([]),
  {
    name: "cache-1",
    image: "redis:7",
    labels: inShop("cache"),
    command: sh(program("redis-cli", "echo redis_version:7")),
  },
  { name: "app-1", image: "api:2", labels: ofelia("hello", "echo hello"), command: sh("") },
];

/** The web servers, with a HEALTHCHECK each: too much work for all the time. */
export const WATCHED_WEB = web([
  ...["--health-cmd", "test ! -e /tmp/unwell", "--health-interval", "1s"],
]);

const TABLES = `
create table users(id int, name text, active boolean);
insert into users values (1, 'ann', false), (2, null, false);
create table orders(id int, total numeric, day date);
insert into orders values (1, 9.5, '2026-11-20');
`;

export async function startContainers(engine: PrivateDockerd): Promise<void> {
  for (const [image, names] of Object.entries(TAGS))
    for (const name of names) await engine.docker("tag", image, name);
  await makeDatabaseImage(engine);
  await atOnce(AT_ONCE, CONTAINERS, (one) => startContainer(engine, one));
  await bringSqlite(engine);
}

export async function startContainer(engine: PrivateDockerd, one: Container): Promise<void> {
  const labels = Object.entries(one.labels ?? {}).map(([name, value]) => `${name}=${value}`);
  await engine.docker(
    ...["run", "--detach", "--network", "none", "--name", one.name],
    ...labels.flatMap((label) => ["--label", label]),
    ...(one.flags ?? []),
    one.image,
    ...one.command,
  );
}

export async function replaceContainer(engine: PrivateDockerd, one: Container): Promise<void> {
  await engine.docker("rm", "--force", "--volumes", one.name);
  await startContainer(engine, one);
}

/** Each database is a copy of one that is made and filled once, outside of the image's volume. */
async function makeDatabaseImage(engine: PrivateDockerd): Promise<void> {
  const flags = ["--env", "PGDATA=/var/lib/postgresql/shop"];
  await startContainer(engine, {
    name: "first",
    image: images.postgres,
    flags: [...flags, "--env", "POSTGRES_HOST_AUTH_METHOD=trust", "--env", "POSTGRES_DB=shop"],
    command: ["postgres", "-c", "fsync=off"],
  });
  const psql = (name: string, sql: string) =>
    engine.docker("exec", "-u", "postgres", "first", "psql", "-qX", "-d", name, "-c", sql);
  for (const end = performance.now() + UP_WITHIN_MS; ; ) {
    const isUp = await psql("shop", TABLES).then(
      () => true,
      () => false,
    );
    if (isUp) break;
    if (performance.now() > end) throw new Error("PostgreSQL did not come up");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await psql("postgres", TABLES);
  await engine.docker("stop", "first");
  const change = "ENV POSTGRES_DB=";
  await engine.docker("commit", "--change", change, "first", DATABASE_IMAGE);
  await engine.docker("rm", "--volumes", "first");
}

/** The image of the tests that has it is a large one. */
async function bringSqlite(engine: PrivateDockerd): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "deckhand-sqlite-"));
  const path = join(folder, "sqlite3");
  const container = await docker("create", images.mariadb);
  await docker("cp", "--follow-link", `${container}:/usr/bin/sqlite3`, path);
  await docker("rm", container);
  await engine.docker("cp", path, "app-1:/usr/bin/sqlite3");
  await rm(folder, { recursive: true });
  const make = "mkdir /data; sqlite3 /data/app.db 'create table users(id, name)'";
  await engine.docker("exec", "app-1", "sh", "-c", make);
}
