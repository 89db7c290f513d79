import type { Guarantees } from "@deckhand/core";
import type { ContainerPlace } from "../sessions/examination.ts";
import type { Executor } from "./execute-run.ts";
import type { NewExecution, NewRun } from "./insert-run.ts";
import type { StartInputs } from "./prepare-execution.ts";
import type { RunDispatcher } from "./run-dispatcher.ts";
import type { ExecutionRow } from "./run-store.ts";

export interface HeadStartDeps {
  readonly dispatcher: Pick<RunDispatcher, "reserve">;
  readonly executor: Pick<Executor, "expect">;
  /** What holds for an execution that starts now; `undefined` where the way into the container has to be opened first. */
  readonly findOpenWay: (engine: string, place: ContainerPlace) => Guarantees | undefined;
}

/**
 * Executions that begin with their run: a place is free for them and the way into their container is open, so that the run is
 * written down with them as starting, and nothing is read again to start them.
 */
export interface HeadStarts {
  /** The run, its executions marked with what holds for those that begin at once. */
  readonly run: NewRun;
  /** After the run was written down; `rows` are those of its executions. */
  begin(rows: readonly ExecutionRow[], inputs: StartInputs): void;
  /** The run was not written down. */
  giveBack(): void;
}

export function takeHeadStarts(deps: HeadStartDeps, run: NewRun): HeadStarts {
  const { plan } = run;
  // Others decide when these begin.
  if (plan.rollout || plan.concurrency) return { run, begin: () => {}, giveBack: () => {} };
  const taken = new Map<string, ReturnType<typeof takeOne>>();
  const executions = run.executions.map((execution) => {
    const one = takeOne(deps, execution, plan.user);
    if (one) taken.set(execution.id, one);
    return { ...execution, startsWith: one?.startsWith };
  });
  return {
    run: { ...run, executions },
    begin: (rows, inputs) => {
      for (const row of rows) taken.get(row.id)?.begin(row, inputs);
    },
    giveBack: () => {
      for (const one of taken.values()) one?.giveBack();
    },
  };
}

function takeOne(
  { dispatcher, executor, findOpenWay }: HeadStartDeps,
  { id: executionId, target }: NewExecution,
  user: string,
) {
  const { engine, containerId } = target;
  const startsWith = findOpenWay(engine, { containerId, user });
  const place = startsWith && dispatcher.reserve({ executionId, engine, containerId });
  if (!place) return undefined;
  const expected = executor.expect(executionId);
  return {
    startsWith,
    begin: (row: ExecutionRow, inputs: StartInputs) =>
      place.start(() => expected.carryOut({ row, inputs })),
    giveBack: () => {
      expected.forget();
      place.giveBack();
    },
  };
}
