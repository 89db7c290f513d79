import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Run, RunRequestInput } from "@deckhand/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CommandLine, commandLine } from "../packages/cli/test/support/command-line.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { cancelRun, onlyExecution, startRun } from "./support/run-requests.ts";
import { type TargetContainer, targetContainer } from "./support/target-container.ts";

const UP_WITHIN_MS = 90_000;
const ROOT_PASSWORD = "r'o\\ot \"$x";

let server: DeckhandServer;
let postgres: TargetContainer;
let mariadb: TargetContainer;
let cli: CommandLine;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deckhand-sql-"));
  [server, postgres, mariadb] = await Promise.all([
    startDeckhandServer({ engines: [`local=unix://${engines().docker.socketPath}`] }),
    targetContainer({
      image: engines().images.postgres,
      flags: ["-e", "POSTGRES_PASSWORD=p", "-e", "POSTGRES_DB=shop"],
      command: ["postgres", "-c", "fsync=off", "-c", "port=6543"],
    }),
    targetContainer({
      image: engines().images.mariadb,
      flags: [
        ...["-e", `MARIADB_ROOT_PASSWORD=${ROOT_PASSWORD}`, "-e", "MARIADB_DATABASE=shop"],
        ...["-e", "MARIADB_USER=ann", "-e", "MARIADB_PASSWORD=p\\w'd"],
      ],
      command: ["mariadbd", "--user=mysql", "--skip-networking", "--innodb-buffer-pool-size=8M"],
    }),
  ]);
  cli = await commandLine(server);
  await mariadb.exec("sqlite3", "/data.db", "create table t(a,b); insert into t values(1,null)");
  for (const { on } of CLIENTS) await isUp(on());
});

afterAll(async () => {
  await cli?.close();
  await Promise.all([server?.close(), postgres?.remove(), mariadb?.remove()]);
  await rm(folder, { recursive: true, force: true });
});

interface Client {
  readonly name: string;
  readonly on: () => string;
  readonly sql: NonNullable<RunRequestInput["sql"]>;
  /** How a statement of this client writes the parameter X. */
  readonly value: string;
  /** An expression that gives the bytes of an expression in hexadecimal. */
  readonly hex: (text: string) => string;
  /** An error that says that nothing may be written. */
  readonly readOnly: RegExp;
}

const CLIENTS: readonly Client[] = [
  {
    name: "psql",
    on: () => postgres.name,
    sql: {},
    value: ":'X'",
    hex: (text) => `encode(convert_to(${text}, 'UTF8'), 'hex')`,
    readOnly: /read-only transaction/,
  },
  {
    name: "mysql",
    on: () => mariadb.name,
    sql: {},
    value: "@X",
    hex: (text) => `hex(${text})`,
    readOnly: /READ ONLY transaction/,
  },
  {
    name: "sqlite3",
    on: () => mariadb.name,
    sql: { database: "/data.db" },
    value: ":X",
    hex: (text) => `hex(${text})`,
    readOnly: /readonly database/,
  },
];

async function isUp(on: string): Promise<void> {
  const until = performance.now() + UP_WITHIN_MS;
  for (;;) {
    const ran = await run(on, "select 1");
    if (ran.state === "succeeded") return;
    if (performance.now() > until)
      throw new Error(`${on} did not start: ${JSON.stringify(said(ran))}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

function run(on: string, text: string, more: Partial<RunRequestInput> = {}): Promise<Run> {
  return server.run({ inline: { text, interpreter: "sql" }, on: [`name=${on}`], ...more });
}

function said(ran: Run): { stdout: string; stderr: string; exitCode: number | null } {
  const { output, exitCode } = onlyExecution(ran);
  return { stdout: output.stdout ?? "", stderr: output.stderr ?? "", exitCode };
}

/** What has bitten somebody before, among anything else that a text can be. */
const hostileText = fc
  .array(
    fc.oneof(
      fc.constantFrom("'", '"', "\\", "\n", "\r", "\r\n", "$$", ":'X'", "@X", ":X", ";", "%0D"),
      fc.constantFrom(
        "%250D",
        "--",
        "/*",
        "\t",
        "`id`",
        "$(id)",
        "\\!",
        "☃",
        "\\'",
        "x'00'",
        "go\n",
      ),
      fc.constantFrom(
        "DELIMITER //\n",
        "\n.shell id\n",
        "\n\\q\n",
        "\u001e",
        "é",
        "🦀",
        " ",
        "\u007f",
      ),
      fc
        .string({ unit: "binary", maxLength: 6 })
        .filter((text) => !text.includes("\0") && text.isWellFormed()),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));

describe.each(CLIENTS)("by $name", ({ on, sql, value, hex, readOnly }) => {
  test("any text comes to the database as it is, and out of it as JSON", async () => {
    const values = fc.sample(hostileText, { numRuns: 60, seed: 20_261_128 });
    const names = values.map((_, place) => `V${place}`);
    const text = names
      .map(
        (name) => `select ${value.replace("X", name)} as v, ${hex(value.replace("X", name))} as h;`,
      )
      .join("\n");
    const params = Object.fromEntries(names.map((name, place) => [name, values[place] ?? ""]));
    const { stdout, stderr } = said(
      await run(on(), text, { sql: { ...sql, rows: "json" }, params }),
    );
    expect(stderr).toBe("");
    const rows = stdout
      .trimEnd()
      .split(/(?<=\])\n(?=\[)/)
      .map((one) => JSON.parse(one)[0]);
    expect(rows.map(({ v }) => v)).toEqual(values);
    expect(rows.map(({ h }) => String(h).toLowerCase())).toEqual(
      values.map((one) => Buffer.from(one).toString("hex")),
    );
  });

  test("a long text, a parameter that is not given, and CSV with everything that needs quotes", async () => {
    const X = "é'\\\n".repeat(6_000);
    const text = `select ${hex(value)} as h, ${value.replace("X", "Y")} as y, 'a"b,c' as z;`;
    const header = "-- @deckhand 1\n-- @interpreter sql\n-- @param X text\n-- @param Y text?\n";
    // psql leaves a variable that is not set as it stands, so there it is not mentioned.
    const body = on() === postgres.name ? text.replace(":'Y'", "null") : text;
    const inline = { text: `${header}${body}\n` };
    const ran = await run(on(), "", { inline, sql: { ...sql, rows: "csv" }, params: { X } });
    const hexText = Buffer.from(X).toString("hex");
    expect(said(ran).stdout.replace(/[0-9A-F]{60,}/, (found) => found.toLowerCase())).toBe(
      `h,y,z\n${hexText},,"a""b,c"\n`,
    );
  });

  test("nothing is written unless that is asked for, and the first error is the end", async () => {
    const text = "select 'before' as one;\n\ncreate table made(a int);\nselect 'after' as two;";
    const refused = said(await run(on(), text, { sql }));
    expect(refused.stderr).toMatch(readOnly);
    expect(refused.stdout).toContain("before");
    expect(refused.stdout).not.toContain("after");
    expect(refused.exitCode).toBeGreaterThan(0);
    const written = await run(on(), `-- @deckhand 1\n-- @effect write\n${text}`, {
      inline: { text: `-- @deckhand 1\n-- @interpreter sql\n-- @effect write\n${text}` },
      sql,
    });
    expect(said(written)).toMatchObject({ exitCode: 0, stderr: "" });
    const again = said(await run(on(), text, { sql: { ...sql, readOnly: false } }));
    expect(again.stderr).toMatch(/line 3|:3:/);
    expect(again.stderr).toMatch(/exists/);
    expect(again.exitCode).toBeGreaterThan(0);
  });

  test("an empty result and several results each stand on their own", async () => {
    const text = "select 1 as a where 1 = 0; select 2 as b union all select 3; select null as c;";
    const { stdout } = said(await run(on(), text, { sql: { ...sql, rows: "json" } }));
    const results = stdout.replaceAll(/"(\d)"/g, "$1").replaceAll("\n", "");
    // sqlite3 itself says nothing of a result without rows.
    expect(results.replace(/^\[\]/, "")).toBe('[{"b":2},{"b":3}][{"c":null}]');
  });
});

test("the container's own user, password, database and port are used", async () => {
  const pg = await run(
    postgres.name,
    "select current_user, current_database(), inet_server_port();",
  );
  expect(said(pg).stdout).toMatch(/postgres +\| shop/);
  const rows = { rows: "csv" } as const;
  const text = "select user(), database();";
  const maria = await run(mariadb.name, text, { sql: rows });
  expect(said(maria).stdout).toBe("user(),database()\nann@localhost,shop\n");
  const root = await run(mariadb.name, text, { sql: rows, env: { MYSQL_USER: "root" } });
  expect(said(root).stdout).toBe("user(),database()\nroot@localhost,shop\n");
});

test("a container without a client says so, and a database by parameter is found", async () => {
  const file = await run(mariadb.name, "select * from t;", {
    inline: { text: "select a, b from t;", interpreter: "sql sqlite3" },
    sql: { database: "$FILE", rows: "json" },
    params: { FILE: "/data.db" },
  });
  expect(said(file).stdout).toBe('[{"a":1,"b":null}]\n');
  const missing = await run(mariadb.name, "select 1;", { sql: { database: "/nothing.db" } });
  expect(said(missing)).toMatchObject({ exitCode: 66 });
  expect(said(missing).stderr).toContain("there is no file /nothing.db");
  const none = await run(postgres.name, "", {
    inline: { text: "select 1;", interpreter: "sql mysql" },
  });
  expect(said(none)).toMatchObject({ exitCode: 127 });
});

test("a query that is cancelled ends in the server too", async () => {
  const started = await startRun(server, {
    inline: { text: "select pg_sleep(3600) as deep;", interpreter: "sql" },
    on: [`name=${postgres.name}`],
  });
  const sleeping =
    "select count(*) as n from pg_stat_activity where query like '%pg_sleep(3600) as deep%' and pid <> pg_backend_pid()";
  const count = async () =>
    said(await run(postgres.name, sleeping, { sql: { rows: "csv" } })).stdout;
  await expect.poll(count, { timeout: 60_000 }).toBe("n\n1\n");
  await cancelRun(server, started.id);
  await expect.poll(count, { timeout: 60_000 }).toBe("n\n0\n");
});

test("the value of a parameter is in no command line while it runs", async () => {
  const X = "CANARY'7\\1";
  const started = await startRun(server, {
    inline: { text: "select :'X', pg_sleep(3601);", interpreter: "sql" },
    on: [`name=${postgres.name}`],
    params: { X },
  });
  const commands = () => postgres.exec("ps", "-eo", "args", "--width", "10000");
  await expect.poll(commands, { timeout: 60_000 }).toContain("psql -X -q");
  const seen = await commands();
  await cancelRun(server, started.id);
  expect(
    seen.split("\n").filter((line) => line.includes("CANARY") && !line.includes("postgres:")),
  ).toEqual([]);
});

test("deckhand sql is the short way, and run takes the same options", async () => {
  const on = ["--on", `name=${mariadb.name}`];
  const short = await cli.run(["sql", ...on, "--rows", "json", "select @WHO as who", "WHO=it's"]);
  expect(short).toMatchObject({ exitCode: 0, stdout: '[{"who":"it\'s"}]\n' });
  const refused = await cli.run([
    "sql",
    ...on,
    "drop table t",
    "--client",
    "sqlite3",
    "--database",
    "/data.db",
  ]);
  expect(refused.exitCode).toBe(1);
  const file = await cli.run(
    ["run", "-", "-i", "sql", ...on, "--rows", "csv", "--database", "/data.db"],
    {
      input: "select count(*) as n from t;",
    },
  );
  expect(file.stdout).toBe("n\n1\n");
  const planned = await cli.run(["sql", ...on, "--write", "--dry-run", "-o", "json", "select 1"]);
  expect(JSON.parse(planned.stdout)).toMatchObject({
    interpreter: ["sql"],
    sql: { client: "auto", rows: "table", readOnly: false, database: null },
  });
  const wrong = await cli.run(["run", "-", "-i", "sh", ...on, "--rows", "csv"], { input: "true" });
  expect(wrong.stderr).toContain("--interpreter sql");
});
