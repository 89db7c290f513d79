import type { Finding, Target } from "@deckhand/core";
import type { LabelledSchedule } from "./label-directory.ts";

/** Says in sentences which schedules the labels of a container describe. */
export function describeLabels(
  { engine, name }: Pick<Target, "engine" | "name">,
  all: readonly LabelledSchedule[],
): Finding[] {
  return all
    .filter(({ source }) => source.engine === engine && source.containers.includes(name))
    .map(toFinding);
}

function toFinding({ name, body, problem }: LabelledSchedule): Finding {
  const told = { group: "container", check: "schedule" } as const;
  if (body)
    return { ...told, state: "ok", detail: `${name}: ${body.cron} ${body.run.script}`, hint: null };
  const hint = "Change the labels and make the container anew.";
  return { ...told, state: "problem", detail: `${name}: ${problem}`, hint };
}
