import { PARALLEL_FORM, readParallel } from "../script/read-start-keys.ts";
import type { Findings } from "./imported-job.ts";
import type { RundeckJob } from "./rundeck-job.ts";

const PLACE = "nodefilters.dispatch";

/** How many nodes at once, and whether a failure keeps the others from being begun with. */
export function toDispatchLines({ nodefilters }: RundeckJob, findings: Findings): string[] {
  const { dispatch } = nodefilters ?? {};
  if (!dispatch) return [];
  const { keepgoing, threadcount, rankOrder, excludePrecedence: _, ...others } = dispatch;
  const order = [...(rankOrder === "ascending" ? [] : ["rankOrder"]), ...Object.keys(others)];
  for (const key of order)
    findings.add("left-out", `${PLACE}.${key}`, "the order is given with the run (--order)");
  return [
    ...toParallelLines(threadcount, findings),
    `@on-failure ${keepgoing ? "continue" : "stop"}`,
  ];
}

function toParallelLines(threadcount: string, findings: Findings): string[] {
  if (readParallel(threadcount) !== undefined) return [`@parallel ${threadcount}`];
  findings.add("left-out", `${PLACE}.threadcount`, PARALLEL_FORM);
  return [];
}
