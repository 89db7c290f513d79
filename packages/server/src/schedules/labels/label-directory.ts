import { createHash } from "node:crypto";
import {
  hasScheduleLabels,
  type LabelIdentity,
  type LabelledContainer,
  type LabelSchedule,
  readLabelSchedules,
  type ScheduleSource,
} from "@deckhand/core";
import type { Definition } from "../../definitions/definition.ts";
import type { EngineContainer } from "../../engines/engine.ts";
import { composeOf } from "../../targets/target-directory.ts";
import { type StoredSchedule, storedSchedule } from "../stored-schedule.ts";

/** An engine whose containers may say by their labels what runs in them. */
export interface LabelEngine {
  readonly name: string;
  readonly containers: () => readonly EngineContainer[];
  /** Undefined when the engine does not know the image any more. */
  readonly findImageLabels: (
    imageId: string,
  ) => Promise<Readonly<Record<string, string>> | undefined>;
}

/** A schedule that labels describe, as if somebody had saved it; without a body when they can not be read. */
export interface LabelledSchedule extends Omit<Definition<unknown>, "body"> {
  readonly source: ScheduleSource;
  readonly body: StoredSchedule | undefined;
  readonly problem: string | undefined;
}

/** Every name of a schedule from labels begins so, and no other does. */
export const LABEL_NAMES = "labels.";
const LONGEST_NAME = 63;
const ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** Reads the schedules that the containers of these engines describe now. */
export async function readLabelledSchedules(
  engines: readonly LabelEngine[],
): Promise<LabelledSchedule[]> {
  const containers = (await Promise.all(engines.map(listLabelled))).flat();
  return readLabelSchedules(containers).map((one) => toLabelledSchedule(one, containers));
}

function toLabelledSchedule(
  { identity, containers, body, problem }: LabelSchedule,
  all: readonly ReadContainer[],
): LabelledSchedule {
  const { engine } = identity;
  const own = all.filter((one) => one.engine === engine && containers.includes(one.name));
  const createdAtMs = Math.max(...own.map((one) => one.createdAtMs));
  return {
    ...toDefinitionParts(identity),
    createdAtMs,
    updatedAtMs: createdAtMs,
    source: { kind: "labels", engine, containers: [...containers] },
    body: body && storedSchedule.parse(body),
    problem,
  };
}

interface ReadContainer extends LabelledContainer {
  readonly createdAtMs: number;
}

/** The oldest first, so that of replicas that do not agree the newest counts. */
async function listLabelled(engine: LabelEngine): Promise<ReadContainer[]> {
  const found = engine.containers().filter(({ labels }) => hasScheduleLabels(labels));
  const inOrder = found.toSorted((one, other) => Number(one.createdAt) - Number(other.createdAt));
  return Promise.all(
    inOrder.map(async (container) => ({
      engine: engine.name,
      name: container.name,
      ...composeOf(container.labels),
      labels: withoutImages(container, await engine.findImageLabels(container.imageId)),
      createdAtMs: container.createdAt.getTime(),
    })),
  );
}

/** Who built an image does not decide what runs where it is used. */
function withoutImages(
  { labels }: EngineContainer,
  ofImage: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(labels).filter(([label, value]) => ofImage[label] !== value),
  );
}

/** The same for the same project, service and name, so that its history outlives its container. */
function toDefinitionParts(
  identity: LabelIdentity,
): Pick<Definition<unknown>, "id" | "name" | "version" | "by"> {
  const { engine, project, service, name } = identity;
  const hash = createHash("sha256").update(JSON.stringify(identity)).digest();
  const parts = [engine, ...(project === null ? [] : [project]), service, name];
  return {
    id: `sch_${toLetters(hash, 26)}`,
    name: toName(parts, toLetters(hash, 8)),
    version: 1,
    by: { tokenId: null, name: `labels of ${parts.slice(1, -1).join("/")}` },
  };
}

function toLetters(hash: Uint8Array, count: number): string {
  return Array.from(hash.subarray(0, count), (byte) => ID_ALPHABET[byte % 32]).join("");
}

/** Says whose it is; what a name can not hold is left out, and a hash stands for it. */
function toName(parts: readonly string[], hash: string): string {
  const written = LABEL_NAMES + parts.join(".");
  const name = written.toLowerCase().replaceAll(/[^a-z0-9._-]/g, "-");
  if (name === written && name.length <= LONGEST_NAME && parts.every((part) => !part.includes(".")))
    return name;
  return `${name.slice(0, LONGEST_NAME - hash.length - 1)}-${hash}`;
}
