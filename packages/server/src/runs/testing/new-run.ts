import { BY_REQUEST, type RunOrigin, toId } from "@deckhand/core";
import { AS_THE_CONTAINER } from "../../sessions/session.ts";
import type { NewRun } from "../insert-run.ts";

export interface NewRunParts {
  readonly createdAtMs: number;
  /** Up to 255; together with the time it makes the ids. */
  readonly number?: number;
  readonly script?: string | undefined;
  readonly origin?: RunOrigin;
  /** The names of its targets. */
  readonly targets: readonly string[];
}

/** A run of `true` as it is when it was accepted. */
export function newRun(parts: NewRunParts): NewRun {
  const { createdAtMs, number = 0, script, origin = BY_REQUEST, targets } = parts;
  const id = (kind: "run" | "execution", part: number) =>
    toId(kind, createdAtMs, Buffer.alloc(10, part));
  return {
    id: id("run", number),
    plan: {
      kind: "argv",
      title: script ?? "true",
      script: script === undefined ? undefined : { name: script, version: 1, sha256: "0" },
      program: { kind: "argv", argv: ["true"] },
      args: [],
      env: {},
      secretNames: [],
      shownParams: {},
      hasStdin: false,
      user: "",
      workdir: "",
      timeoutMs: 1,
      killGraceMs: 1,
      outputBytes: 1,
      resources: AS_THE_CONTAINER,
      survivors: "kill",
      effect: null,
    },
    request: {
      argv: ["true"],
      on: ["x"],
      except: [],
      params: {},
      args: [],
      env: {},
      limits: {},
      allowEmpty: targets.length === 0,
    },
    scriptText: undefined,
    stdin: undefined,
    by: undefined,
    origin,
    createdAtMs,
    executions: targets.map((name, position) => ({
      id: id("execution", position),
      target: {
        id: `tgt_${name}`,
        name,
        engine: "local",
        containerId: name,
        containerStartedAt: undefined,
        image: "x",
      },
    })),
    idempotency: undefined,
  };
}
