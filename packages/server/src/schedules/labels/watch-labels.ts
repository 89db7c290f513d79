import {
  type LabelEngine,
  type LabelledSchedule,
  readLabelledSchedules,
} from "./label-directory.ts";

/** The schedules that labels describe, as they were when somebody last looked. */
export interface LabelWatch {
  list(): readonly LabelledSchedule[];
  /** Looks again; a wish during a look is answered by one more after it. */
  refresh(): Promise<void>;
}

export interface LabelWatchDeps {
  readonly engines: readonly LabelEngine[];
  /** Called with what is there now and was not, or was different, and with what is gone. */
  readonly onChange: (change: LabelChange) => Promise<void>;
  readonly onFailure: (error: unknown) => void;
}

export interface LabelChange {
  readonly changed: readonly LabelledSchedule[];
  readonly gone: readonly LabelledSchedule[];
}

export function watchLabels({ engines, onChange, onFailure }: LabelWatchDeps): LabelWatch {
  let known = new Map<string, LabelledSchedule>();
  let looking: Promise<void> | undefined;
  let lookAgain = false;

  async function look(): Promise<void> {
    do {
      lookAgain = false;
      const found = new Map((await readLabelledSchedules(engines)).map((one) => [one.id, one]));
      const changed = [...found.values()].filter((one) => !isSame(one, known.get(one.id)));
      const gone = [...known.values()].filter(({ id }) => !found.has(id));
      if (changed.length + gone.length > 0) await onChange({ changed, gone });
      // What could not be taken up is still a change at the next look.
      known = found;
    } while (lookAgain);
  }

  return {
    list: () => [...known.values()],
    refresh: () => {
      lookAgain = looking !== undefined;
      looking ??= look()
        .catch(onFailure)
        .finally(() => {
          looking = undefined;
        });
      return looking;
    },
  };
}

function isSame(one: LabelledSchedule, other: LabelledSchedule | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
