import { matchTargets, parseSelector, type SavedGroups, type Target } from "@deckhand/core";
import type { SpeedPromise } from "./promise.ts";

const TARGETS = 5_000;
const ROUNDS = 200;

/** From a plain label to all that the language has, groups of groups with wildcards included. */
const CHOICES: Readonly<Record<string, { on: string[]; except?: string[] }>> = {
  "a label": { on: ["label=role=db"] },
  "images by wildcard": { on: ["image=*/acme/db:1*|*/acme/db:2*"] },
  "groups, or, except": {
    on: ["@db,project!=project-1*", "label=com.example/zone=eu-3|eu-4", "pg-4321"],
    except: ["name=pg-1*3|pg-??"],
  },
};

export const selection: SpeedPromise = {
  name: "selection",
  title: `${TARGETS} targets matched by a selector`,
  measure: async () => {
    const targets = Array.from({ length: TARGETS }, (_, at) => toTarget(at));
    const groups: SavedGroups = new Map([
      ["role-db", toChoice({ on: ["label=role=db"] })],
      ["db", toChoice({ on: ["@role-db,image=*/db:1*|*/db:2*"], except: ["name=pg-*9"] })],
    ]);
    const series = Object.entries(CHOICES).map(([of, texts]) => ({
      of,
      unit: "ms",
      values: Array.from({ length: ROUNDS }, () => {
        const from = performance.now();
        matchTargets(toChoice(texts), targets, groups);
        return performance.now() - from;
      }),
    }));
    const slowest = Math.max(
      ...series.map(({ values }) => values.toSorted((a, b) => a - b)[ROUNDS / 2] ?? Number.NaN),
    );
    return {
      series,
      claims: [
        { what: "the slowest of them, median", figure: slowest, unit: "ms", bound: { atMost: 50 } },
      ],
    };
  },
};

function toChoice({ on, except = [] }: { on: string[]; except?: string[] }) {
  return { on: on.map(parseSelector), except: except.map(parseSelector) };
}

function toTarget(at: number): Target {
  const id = String(at).padStart(16, "0");
  return {
    id: `tgt_${id}`,
    name: `pg-${at}`,
    engine: `engine-${at % 20}`,
    containerId: id.repeat(4),
    image: `ghcr.io/acme/db:${at % 90}@sha256:0123`,
    state: "running",
    health: at % 10 === 0 ? "unhealthy" : "healthy",
    project: `project-${at % 50}`,
    service: "db",
    labels: { role: at % 2 === 0 ? "db" : "web", "com.example/zone": `eu-${at % 7}` },
    startedAt: null,
  };
}
