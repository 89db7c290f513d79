import fc from "fast-check";
import { expect, test } from "vitest";
import { scheduleBody } from "../contract/schedule.ts";
import { parseScriptHeader } from "../script/parse-script-header.ts";
import { importOfeliaLabels } from "./import-ofelia-labels.ts";
import { importOfeliaIni } from "./import-ofelia.ts";
import { splitCommand } from "./split-command.ts";

const INI = `; backups of the shop
[global]
slack-webhook = https://hooks.example.org/x

[job-exec "nightly dump"]
schedule = 0 30 2 * * *
container = shop-db
command = sh -c 'pg_dump -U shop shop > /backup/shop.sql'
user = postgres
environment = PGOPTIONS=-c statement_timeout=0
environment = MODE=full
no-overlap = true
save-folder = /logs

[job-run "cleanup"]
schedule = @daily
image = alpine
command = find /tmp

[job-exec "ping"]
schedule = @every 5m
container = web
command = curl -fsS http://localhost/health
`;

test("an ini file's jobs become scripts with the same words, and schedules that are off", () => {
  const [dump, cleanup, ping, file] = importOfeliaIni(INI);
  expect(dump?.script).toEqual({
    path: "ofelia/nightly-dump.sh",
    text: `#!/bin/sh
# @deckhand 1
# @title nightly dump
# @on name=shop-db
# @user postgres
# @env PGOPTIONS=-c statement_timeout=0
# @env MODE=full

exec 'sh' '-c' 'pg_dump -U shop shop > /backup/shop.sql'
`,
  });
  expect(dump?.schedule).toMatchObject({
    name: "ofelia-nightly-dump",
    body: {
      cron: "0 30 2 * * *",
      enabled: false,
      overlap: "skip",
      run: { script: "ofelia/nightly-dump", on: ["name=shop-db"] },
    },
  });
  expect(dump?.findings.map(({ kind, place }) => `${kind} ${place}`)).toEqual([
    "left-out save-folder",
    "changed schedule",
  ]);
  expect(cleanup).toMatchObject({ script: null, schedule: null, findings: [{ kind: "refused" }] });
  expect(ping).toMatchObject({
    script: { path: "ofelia/ping.sh" },
    schedule: { body: { cron: "@every 5m", overlap: "allow" } },
    findings: [{ kind: "changed", place: "user" }],
  });
  expect(file?.findings).toMatchObject([{ kind: "left-out", place: "[global] slack-webhook" }]);
});

const LABELS = {
  "ofelia.enabled": "true",
  "ofelia.job-exec.vacuum.schedule": "CRON_TZ=Europe/Berlin 0 3 * * *",
  "ofelia.job-exec.vacuum.command": "vacuumdb --all",
  "ofelia.job-exec.vacuum.user": "postgres",
  "ofelia.job-exec.vacuum.environment": '["A=1","B=2"]',
};

test.each([
  ["docker inspect", [{ Name: "/shop-db-1", Config: { Labels: LABELS } }], "name=shop-db-1"],
  ["a compose file", { services: { db: { labels: LABELS } } }, "service=db"],
  [
    "a compose file with a list",
    {
      services: {
        db: { labels: Object.entries(LABELS).map((pair) => pair.join("=")), container_name: "db" },
      },
    },
    "name=db",
  ],
])("labels of %s become a script for that container", (_name, document, on) => {
  const [job, ...others] = importOfeliaLabels(document) ?? [];
  expect(others).toEqual([]);
  expect(job?.script?.text).toContain(`# @on ${on}\n# @user postgres\n# @env A=1\n# @env B=2\n`);
  expect(job?.schedule?.body).toMatchObject({
    cron: "0 3 * * *",
    timeZone: "Europe/Berlin",
    run: { on: [on] },
  });
  expect(job?.findings).toEqual([]);
});

test("other documents have no labels", () => {
  for (const document of [null, 3, "x", {}, { services: null }, [{ name: "x" }]])
    expect(importOfeliaLabels(document)).toBeUndefined();
});

test("words come out as they were quoted, whatever is in them", () => {
  const word = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 });
  const quoted = (text: string) => `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
  fc.assert(
    fc.property(fc.array(word), (words) => {
      expect(splitCommand(words.map(quoted).join(" "))).toEqual(words);
    }),
  );
  expect(splitCommand("a 'b c")).toBeUndefined();
});

test("whatever a file says, what is made of it is sound", () => {
  const value = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 30 }),
    fc.constantFrom("@daily", "0 0 3 * * *", "web", "PATH=x", "A=1", "echo 'x'", "TZ=Mars @daily"),
  );
  const key = fc.constantFrom(
    "schedule",
    "command",
    "container",
    "user",
    "environment",
    "working-dir",
    "other",
  );
  const line = fc.oneof(
    fc.tuple(key, value).map(([name, said]) => `${name} = ${said}`),
    value,
  );
  const section = fc.tuple(
    fc.constantFrom('job-exec "x"', "job-exec y", "global", 'job-exec ""'),
    fc.array(line),
  );
  fc.assert(
    fc.property(fc.array(section), (sections) => {
      const text = sections.map(([title, lines]) => `[${title}]\n${lines.join("\n")}\n`).join("");
      for (const { script, schedule } of importOfeliaIni(text)) {
        if (script) expect(parseScriptHeader(script.text, script.path).problems).toEqual([]);
        if (schedule) expect(scheduleBody.safeParse(schedule.body).success).toBe(true);
      }
    }),
  );
});
