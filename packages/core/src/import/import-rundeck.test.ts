import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseScriptHeader } from "../script/parse-script-header.ts";
import { scheduleBody } from "../contract/schedule.ts";
import { importRundeck } from "./import-rundeck.ts";
import { toCron } from "./rundeck-schedule.ts";
import type { RundeckSchedule } from "./rundeck-job.ts";

/** As an export of Rundeck 5 has it, parsed. */
const VACUUM = {
  defaultTab: "nodes",
  description: "Vacuums a table.\n\nAsk Ann before the big ones.",
  executionEnabled: true,
  group: "db/nightly",
  id: "2f0a9c1e-6c1c-4a0e-9a63-2f1c8c3f0a11",
  loglevel: "INFO",
  name: "Vacuum a table",
  nodeFilterEditable: false,
  nodefilters: {
    dispatch: { keepgoing: true, rankOrder: "ascending", threadcount: "2" },
    filter: "name: pg-.*,pg-main",
  },
  notification: { onfailure: { email: { recipients: "ops@example.org" } } },
  options: [
    { name: "table", description: "The table", required: true, value: "public.orders" },
    {
      name: "mode",
      enforced: true,
      required: true,
      value: "fast",
      values: ["fast", "full", "a|b"],
    },
    { name: "verbose" },
    { name: "db-password", secure: true, required: true, storagePath: "keys/db/password" },
  ],
  retry: { delay: "10s", retry: "2" },
  schedule: {
    month: "*",
    time: { hour: "02", minute: "30", seconds: "0" },
    weekday: { day: "2-6" },
    year: "*",
  },
  scheduleEnabled: true,
  sequence: {
    commands: [
      {
        script:
          '#!/bin/bash\nset -e\nexport PGPASSWORD="@option.db-password@"\npsql -c "vacuum (@option.mode@) $RD_OPTION_TABLE" @option.verbose@\n',
      },
    ],
    keepgoing: false,
    strategy: "node-first",
  },
  timeout: "30m",
  timeZone: "Europe/Berlin",
};

function kinds(job: ReturnType<typeof importRundeck>[number] | undefined) {
  return job?.findings.map(({ place, kind }) => `${kind} ${place}`);
}

function one(changes: Record<string, unknown>) {
  const [job] = importRundeck([{ ...VACUUM, ...changes }]);
  if (!job) throw new Error("there is no job");
  return job;
}

test.each([
  [{ threadcount: "25%" }, ["# @parallel 25%", "# @on-failure stop"], []],
  [{ threadcount: 3, keepgoing: "true" }, ["# @parallel 3", "# @on-failure continue"], []],
  [
    { threadcount: "${option.n}", rankAttribute: "rack", rankOrder: "descending" },
    ["# @on-failure stop"],
    ["rankOrder", "rankAttribute", "threadcount"],
  ],
])("of a dispatch %j the header says %j", (dispatch, lines, leftOut) => {
  const job = one({ nodefilters: { dispatch, filter: "pg-1" } });
  const found = job.script?.text.split("\n").filter((line) => /@(parallel|on-failure)/.test(line));
  expect(found).toEqual(lines);
  const places = job.findings.map(({ place }) => place).filter((place) => /dispatch/.test(place));
  expect(places).toEqual(leftOut.map((key) => `nodefilters.dispatch.${key}`));
});

function withSteps(...commands: unknown[]) {
  return one({ sequence: { keepgoing: false, commands } });
}

test("a job becomes a script with a header, and a schedule that is off", () => {
  const [job] = importRundeck([VACUUM]);
  expect(job?.script).toEqual({
    path: "db/nightly/Vacuum-a-table.bash",
    text: `#!/bin/bash
# @deckhand 1
# @title Vacuum a table
# @about Vacuums a table.
# Ask Ann before the big ones.
# @on name=pg-*|pg-main
# @timeout 30m
# @parallel 2
# @on-failure continue
# @param table string = "public.orders" -- The table
# @param mode choice("fast"|"full"|"a|b") = "fast"
# @param verbose string?
# @secret db_password

set -e
export PGPASSWORD="\${db_password}"
psql -c "vacuum (\${mode}) $table" \${verbose:+"\${verbose}"}
`,
  });
  expect(job?.schedule).toEqual({
    name: "db-nightly-vacuum-a-table",
    body: {
      description: "Imported from Rundeck: Vacuum a table",
      cron: "30 02 * * 1-5",
      timeZone: "Europe/Berlin",
      enabled: false,
      overlap: "skip",
      run: { script: "db/nightly/Vacuum-a-table", on: ["name=pg-*|pg-main"] },
    },
  });
  expect(kinds(job)).toEqual([
    "left-out notification",
    "left-out retry",
    "changed options.db-password",
    "left-out options.db-password.storagePath",
    "changed sequence.commands[0].script",
  ]);
});

describe("nodes that are left out", () => {
  const withFilters = (filterExclude: string) =>
    one({ nodefilters: { filter: "name: pg-.*", filterExclude } });

  test("are left out here too", () => {
    const { script, schedule, findings } = withFilters("name: pg-old,pg-test");
    expect(script?.text).toContain("# @on name=pg-*\n# @except name=pg-old|pg-test\n");
    expect(schedule?.body.run).toMatchObject({
      on: ["name=pg-*"],
      except: ["name=pg-old|pg-test"],
    });
    expect(findings.map(({ place }) => place)).not.toContain("nodefilters.filterExclude");
  });

  test("and can not be named here leave the choice to the user", () => {
    const { script, schedule, findings } = withFilters("tags: prod");
    expect(script?.text).not.toContain("@on");
    expect(schedule).toBeNull();
    expect(findings.map(({ kind, place }) => `${kind} ${place}`)).toEqual(
      expect.arrayContaining(["left-out nodefilters.filterExclude", "left-out schedule"]),
    );
  });
});

test("whatever is not read of steps, filters and the sequence is told", () => {
  const job = one({
    nodefilters: { filter: "name: pg-1", editable: true },
    sequence: { commands: [{ exec: "true", constructor: "x", runAs: "root" }], pluginConfig: {} },
  });
  expect(kinds(job)).toEqual(
    expect.arrayContaining([
      "left-out nodefilters.editable",
      "left-out sequence.pluginConfig",
      "left-out sequence.commands[0].constructor",
      "left-out sequence.commands[0].runAs",
    ]),
  );
  expect(job.findings.every(({ detail }) => typeof detail === "string")).toBe(true);
});

describe("several steps", () => {
  test("become parts of one script that ends at the first failure, or at the end when the job keeps going", () => {
    const commands = [
      { exec: "echo ${option.table}" },
      { script: "#!/bin/bash\nexit 3\n", args: "-t ${option.table}" },
    ];
    const text = withSteps(...commands).script?.text ?? "";
    expect(text).toContain(
      '(\necho "${table}"\n)\nended=$?; [ "$ended" -eq 0 ] || exit "$ended"\n',
    );
    expect(text).toContain('(\nset -- -t "${table}"\nexit 3\n)');
    expect(text.startsWith("#!/usr/bin/env bash\n")).toBe(true);
    const kept = one({ sequence: { keepgoing: true, commands } }).script?.text ?? "";
    expect(kept.endsWith('exit "$failed"\n')).toBe(true);
  });

  test("of other interpreters than a shell are no one script", () => {
    const job = withSteps({ exec: "true" }, { script: "print()", scriptInterpreter: "python3" });
    expect(job).toMatchObject({ script: null, schedule: null });
    expect(kinds(job)).toContain("refused sequence.commands");
  });
});

test.each([
  ["another job", { jobref: { name: "other" } }, "refused sequence.commands[0].jobref"],
  [
    "a file on Rundeck's machine",
    { scriptfile: "/x.sh" },
    "refused sequence.commands[0].scriptfile",
  ],
  ["a fetched script", { scripturl: "http://x" }, "refused sequence.commands[0].scripturl"],
  ["a plugin", { type: "copyfile", configuration: {} }, "refused sequence.commands[0].type"],
  [
    "what is done after a failure",
    { exec: "true", errorhandler: { exec: "x" } },
    "refused sequence.commands[0].errorhandler",
  ],
  ["a value of the node", { exec: "echo ${node.name}" }, "refused sequence.commands[0].exec"],
  [
    "a token in $( )",
    { script: 'x="$(echo @option.table@)"' },
    "refused sequence.commands[0].script",
  ],
  [
    "a token in Python",
    { script: "#!/usr/bin/env python3\nprint('@option.table@')" },
    "refused sequence.commands[0].script",
  ],
  [
    "arguments of Python",
    { script: "#!/usr/bin/env python3\n", args: "x" },
    "refused sequence.commands[0].args",
  ],
])("a step that is %s is refused, and the job with it", (_name, step, finding) => {
  const job = withSteps(step);
  expect(job).toMatchObject({ script: null, schedule: null });
  expect(kinds(job)).toContain(finding);
});

test("an option whose name is taken in the script, or sets up a program, is called otherwise", () => {
  const options = ["PGHOST", "path", "PATH", "table", "1st", "a.b"].map((name) => ({ name }));
  const job = one({
    options,
    sequence: { commands: [{ script: "table=1\necho @option.table@ @option.PATH@ @option.a.b@" }] },
  });
  const params = parseScriptHeader(job.script?.text ?? "", "x.sh").header.params.map(
    ({ name }) => name,
  );
  expect(params).toEqual([
    "option_PGHOST",
    "path",
    "option_PATH",
    "option_table",
    "option_1st",
    "a_b",
  ]);
  expect(job.script?.text).toContain('echo ${option_table:+"${option_table}"}');
});

test("a filter that asks for attributes of nodes gives no target, and no schedule without one", () => {
  const job = one({ nodefilters: { filter: "tags: db+prod osFamily: unix" } });
  expect(job.script?.text).not.toContain("@on");
  expect(job.schedule).toBeNull();
  expect(kinds(job)).toEqual(
    expect.arrayContaining(["left-out nodefilters.filter", "left-out schedule"]),
  );
});

test.each([
  ["0 30 2 ? * MON-FRI *", "30 2 * * MON-FRI"],
  ["0 0 12 1/5 * ? *", "0 12 1-31/5 * *"],
  ["0 0/15 8-18 ? * 2/2", "0-59/15 8-18 * * 1-6/2"],
  ["15 0 0 ? * 1,7", "15 0 0 * * 0,6"],
  ["0 0 0 L * ?", undefined],
  ["0 0 0 ? * 6#3", undefined],
  ["0 0 0 1 1 ? 2030", undefined],
  ["0 0 25 * * ?", undefined],
  ["0 0", undefined],
])("the crontab %s is %s", (crontab, cron) => {
  const made = toCron({ crontab, month: "*", year: "*" } as RundeckSchedule);
  if (cron === undefined) expect(made).toHaveProperty("problem");
  else expect(made).toEqual({ cron });
});

test("whatever a job says, its script has a sound header and its schedule is a sound one", () => {
  const words = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 30 }),
    fc.constantFrom(
      "a\nb",
      "@param x int",
      "*/",
      "${option.a}",
      "@option.a@",
      '"',
      "\\",
      "a -- b",
      "(|)",
    ),
  );
  const option = fc.record(
    {
      name: words,
      description: words,
      value: words,
      values: fc.array(words),
      required: fc.boolean(),
      enforced: fc.boolean(),
      secure: fc.boolean(),
      multivalued: fc.boolean(),
    },
    { requiredKeys: ["name"] },
  );
  const job = fc.record({
    name: words,
    group: words,
    description: words,
    options: fc.array(option, { maxLength: 4 }),
    nodefilters: fc.record({ filter: fc.oneof(words, fc.constant("name: pg-1")) }),
    schedule: fc.record({
      time: fc.record({ hour: fc.oneof(words, fc.constant("3")), minute: fc.constant("1") }),
    }),
    timeout: fc.oneof(words, fc.constant("10m")),
    timeZone: fc.oneof(words, fc.constant("UTC")),
    sequence: fc.record({ commands: fc.array(fc.record({ exec: words }), { maxLength: 3 }) }),
  });
  fc.assert(
    fc.property(job, (given) => {
      const [made] = importRundeck([given]);
      if (!made?.script) {
        expect(made?.findings.some(({ kind }) => kind === "refused")).toBe(true);
        return;
      }
      expect(parseScriptHeader(made.script.text, made.script.path).problems).toEqual([]);
      if (made.schedule) expect(scheduleBody.safeParse(made.schedule.body).success).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("what is no job is told", () => {
  for (const given of [null, 3, "x", [], {}, { name: {} }, { name: "x", options: 3 }])
    expect(importRundeck([given])).toMatchObject([
      { script: null, findings: [{ kind: "refused" }] },
    ]);
});
