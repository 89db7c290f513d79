import { expect, test } from "vitest";
import { matchTargets } from "../selector/match-targets.ts";
import { parseSelector } from "../selector/parse-selector.ts";
import { type LabelledContainer, readLabelSchedules } from "./label-schedules.ts";

function container(
  labels: Record<string, string>,
  place: Partial<LabelledContainer> = {},
): LabelledContainer {
  return { engine: "local", name: "shop-db-1", project: "shop", service: "db", labels, ...place };
}

function readOne(labels: Record<string, string>, place: Partial<LabelledContainer> = {}) {
  const [only] = readLabelSchedules([container(labels, place)]);
  return only;
}

test("the short form is cron, then a stored script", () => {
  expect(
    readOne({ "deckhand.schedule.nightly": "0 3 * * * db/vacuum@3", other: "x" }),
  ).toMatchObject({
    identity: { engine: "local", project: "shop", service: "db", name: "nightly" },
    containers: ["shop-db-1"],
    problem: undefined,
    body: {
      cron: "0 3 * * *",
      timeZone: "UTC",
      enabled: true,
      overlap: "skip",
      run: { script: "db/vacuum@3", params: {} },
    },
  });
});

test("a time zone may stand in front, and @every works", () => {
  expect(readOne({ "deckhand.schedule.a": "TZ=Europe/Berlin 0 3 * * * db/x" })?.body).toMatchObject(
    {
      cron: "0 3 * * *",
      timeZone: "Europe/Berlin",
    },
  );
  expect(readOne({ "deckhand.schedule.a": "@every 10m db/x" })?.body?.cron).toBe("@every 10m");
});

test("the long form has a label for each member, and params", () => {
  const said = {
    cron: "@daily",
    script: "db/backup",
    timezone: "Europe/Berlin",
    "param.LEVEL": "9",
    "param.odd.name": "x",
    user: "postgres",
    timeout: "10m",
    jitter: "5m",
    overlap: "queue",
    missed: "one",
    pick: "1",
    enabled: "false",
  };
  const labels = Object.fromEntries(
    Object.entries(said).map(([member, value]) => [`deckhand.schedule.backup.${member}`, value]),
  );
  expect(readOne(labels)).toMatchObject({
    problem: undefined,
    body: {
      cron: "@daily",
      timeZone: "Europe/Berlin",
      jitter: "5m",
      overlap: "queue",
      enabled: false,
      missed: { policy: "one" },
      run: {
        script: "db/backup",
        params: { LEVEL: "9", "odd.name": "x" },
        user: "postgres",
        limits: { timeout: "10m" },
        pick: { count: 1, strategy: "round-robin" },
      },
    },
  });
});

test.each([
  [{ "": "0 3 * * *" }, "script"],
  [{ "": "99 3 * * * db/x" }, "cron can not be read: invalid value for minute: 99"],
  [
    { "": "TZ=Europe/Berln 0 3 * * * db/x" },
    "timezone is no time zone; did you mean Europe/Berlin?",
  ],
  [{ ".cron": "@daily" }, "script is not given"],
  [{ ".script": "db/x" }, "cron is not given"],
  [{ ".cron": "@daily", ".script": "db/x", ".overlpa": "skip" }, "did you mean overlap?"],
  [{ ".cron": "@daily", ".script": "db/x", ".constructor": "x" }, "is not known here"],
  [{ ".cron": "@daily", ".script": "db/x", ".overlap": "never" }, "overlap"],
  [{ ".cron": "@daily", ".script": "db/x", ".enabled": "yes" }, "enabled"],
  [{ ".cron": "@daily", ".script": "db/x", ".timeout": "long" }, "timeout"],
  [{ ".cron": "@daily", ".script": "db/x", ".pick": "some" }, "pick"],
  [{ ".cron": "@daily", ".script": "sh -c 'rm -rf /'" }, "not the name of a stored script"],
])("%j is named as a problem: %s", (members, words) => {
  const labels = Object.fromEntries(
    Object.entries(members).map(([member, value]) => [`deckhand.schedule.x${member}`, value]),
  );
  const found = readOne(labels);
  expect(found?.body).toBeUndefined();
  expect(found?.problem).toContain(words);
});

test("a name that is none is a problem too", () => {
  expect(readOne({ "deckhand.schedule.": "@daily db/x" })?.problem).toContain("no schedule's name");
  expect(readOne({ "deckhand.schedule.ä": "@daily db/x" })?.problem).toContain(
    "no schedule's name",
  );
});

test("replicas of a service share one schedule, and the newest says what it is", () => {
  const first = container({ "deckhand.schedule.a": "@daily db/x" });
  const second = container({ "deckhand.schedule.a": "@hourly db/x" }, { name: "shop-db-2" });
  const found = readLabelSchedules([first, second]);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({
    containers: ["shop-db-1", "shop-db-2"],
    body: { cron: "@hourly" },
  });
});

test("services, projects, engines and lone containers do not share one", () => {
  const labels = { "deckhand.schedule.a": "@daily db/x" };
  const found = readLabelSchedules([
    container(labels),
    container(labels, { service: "web" }),
    container(labels, { project: "other" }),
    container(labels, { engine: "second" }),
    container(labels, { project: null, service: null, name: "lone" }),
  ]);
  expect(found).toHaveLength(5);
});

const TARGET = {
  id: "tgt_0000000000000000",
  containerId: "1",
  image: "x",
  state: "running",
  health: "none",
  startedAt: null,
} as const;

test("it reaches the containers that say the same, whatever their other labels claim", () => {
  const labels = { "deckhand.schedule.a": "@daily db/x" };
  const hostile = 'x",engine="other';
  const places: LabelledContainer[] = [
    container(labels),
    container({ "deckhand.schedule.a": "@hourly db/x" }),
    container({}),
    container(labels, { service: "web" }),
    container(labels, { project: hostile, service: 'd*"b\\' }),
    container(labels, { project: null, service: null, name: "lone" }),
  ];
  const targets = places.map((place) => ({ ...TARGET, ...place }));
  for (const index of [0, 4, 5]) {
    const [only] = readLabelSchedules([places[index] as LabelledContainer]);
    const on = (only?.body?.run.on ?? []).map(parseSelector);
    expect(matchTargets({ on, except: [] }, targets)).toEqual([targets[index]]);
  }
});
