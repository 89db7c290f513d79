import { AppError, type ScheduleSource } from "@deckhand/core";
import type { Definition } from "../definitions/definition.ts";
import type { Definitions } from "../definitions/definitions.ts";
import { LABEL_NAMES, type LabelledSchedule } from "./labels/label-directory.ts";
import type { StoredSchedule } from "./stored-schedule.ts";

/** A schedule, and where it comes from; nothing is known of it but that where its labels can not be read. */
export interface ListedSchedule {
  readonly source: ScheduleSource;
  readonly schedule: StoredSchedule | undefined;
  readonly problem: string | undefined;
}

const STORED: ScheduleSource = { kind: "stored", engine: null, containers: [] };

/** What is saved and what labels describe, in one list by name; only what is saved can be changed. */
export function allSchedules(
  stored: Definitions<StoredSchedule>,
  listLabelled: () => readonly LabelledSchedule[],
): Definitions<ListedSchedule> {
  const findLabelled = (name: string) => {
    const found = listLabelled().find((one) => one.name === name);
    return found && fromLabels(found);
  };
  return {
    kind: stored.kind as unknown as Definitions<ListedSchedule>["kind"],
    list: async ({ after = "", limit } = {}, within) => {
      const saved = await stored.list({ after, ...(limit !== undefined && { limit }) }, within);
      const labelled = listLabelled().filter(({ name }) => name > after);
      const all = [...saved.map(fromStored), ...labelled.map(fromLabels)];
      return all.toSorted((one, other) => (one.name < other.name ? -1 : 1)).slice(0, limit);
    },
    find: async (name, within) => {
      const saved = await stored.find(name, within);
      return saved ? fromStored(saved) : findLabelled(name);
    },
    get: async (name, within) => findLabelled(name) ?? fromStored(await stored.get(name, within)),
    create: async (input) => {
      assertChangeable(input.name);
      return fromStored(await stored.create({ ...input, body: toStored(input.body) }));
    },
    replace: async (input) => {
      assertChangeable(input.name);
      return fromStored(await stored.replace({ ...input, body: toStored(input.body) }));
    },
    delete: async (input) => {
      assertChangeable(input.name);
      await stored.delete(input);
    },
  };
}

/** As what is saved is listed. */
export function toListed(schedule: StoredSchedule): ListedSchedule {
  return { source: STORED, schedule, problem: undefined };
}

function fromStored(definition: Definition<StoredSchedule>): Definition<ListedSchedule> {
  return { ...definition, body: toListed(definition.body) };
}

function fromLabels(labelled: LabelledSchedule): Definition<ListedSchedule> {
  const { source, body, problem, ...parts } = labelled;
  return { ...parts, body: { source, schedule: body, problem } };
}

function toStored({ schedule }: ListedSchedule): StoredSchedule {
  return schedule as StoredSchedule;
}

function assertChangeable(name: string): void {
  if (!name.startsWith(LABEL_NAMES)) return;
  throw new AppError("SCHEDULE_READ_ONLY", {
    detail: `What is called ${LABEL_NAMES}… comes from the labels of containers, and is changed there.`,
    hint: "Change the labels and make the container anew; pause, resume and run work as with any schedule.",
  });
}
