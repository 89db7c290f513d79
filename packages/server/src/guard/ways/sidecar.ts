import { createHmac, randomBytes } from "node:crypto";
import { isAppError } from "@deckhand/core";
import { type Engine, SIDECAR_FOLDER, SIDECAR_LABEL } from "../../engines/engine.ts";
import { WayImpossible } from "../guard-link.ts";
import { type Entrance, readProgram, type Way, type WayPlace } from "./way.ts";

/** Longer than any opening takes; then the engine removes it, also when nobody is left to ask for that. */
const LIVES_SECONDS = 60;
const REMOVE_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 500;
const AT = /^deckhand-guard at (\/proc\/\d+\/root\/\S+)$/m;
const HOLD = `echo $$ >${SIDECAR_FOLDER}/pid && exec sleep ${LIVES_SECONDS}`;
const UPLOAD = readProgram("sidecar-upload.sh");

/** Whose a sidecar is: a server knows its own, also those of its earlier processes. */
export interface SidecarOwner {
  readonly server: string;
  readonly process: string;
}

export function sidecarOwner(key: Uint8Array): SidecarOwner {
  const server = createHmac("sha256", key).update("sidecar").digest("hex").slice(0, 16);
  return { server, process: `${server}.${randomBytes(8).toString("hex")}` };
}

export interface SidecarOptions {
  /** Has `sh`, `head`, `chmod` and `sleep`. */
  readonly image: string;
  readonly owner: SidecarOwner;
}

/**
 * Holds the guard in a container beside the target, whose processes find it under /proc; they are of the same user, or the kernel refuses
 * it. Once the guard runs it needs its file no more, and the sidecar goes; the next bridge gets a new one.
 */
export function sidecarWay(options: SidecarOptions): Way {
  return { name: "sidecar", bring: (place) => bring(place, options) };
}

async function bring(place: WayPlace, { image, owner }: SidecarOptions): Promise<Entrance> {
  const { engine, containerId } = place;
  try {
    const user = await toNumericUser(place);
    const cmd = ["/bin/sh", "-c", HOLD, "sh"];
    const sidecar = await engine.startSidecar({
      image,
      besideId: containerId,
      user,
      owner: owner.process,
      cmd,
    });
    const leave = () => void remove(engine, sidecar);
    try {
      const path = await whileRunning(place, sidecar, (signal) =>
        upload({ ...place, signal }, sidecar),
      );
      return { path, bridgeCommand: [path, "bridge"], daemonCommand: [path, "daemon"], leave };
    } catch (error) {
      leave();
      throw error;
    }
  } catch (error) {
    // Of the sidecar: one whose program ended at once is stopped or gone when it is asked for something.
    if (!isAppError(error, "TARGET_NOT_FOUND", "TARGET_STATE_CONFLICT", "ENGINE_REFUSED"))
      throw error;
    throw new WayImpossible(error.message);
  }
}

/** Does something in a sidecar. An exec that meets the end of its container may neither fail nor end (moby#45120, containerd#9719). */
async function whileRunning<Value>(
  { engine, signal }: WayPlace,
  sidecar: string,
  work: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const ended = new AbortController();
  const watching = setInterval(() => {
    void engine.findContainer(sidecar, signal).then(
      (found) => found?.status === "running" || ended.abort(),
      () => undefined,
    );
  }, LOOK_EVERY_MS);
  try {
    return await work(AbortSignal.any([signal, ended.signal]));
  } catch (error) {
    throw ended.signal.aborted ? new WayImpossible("the sidecar ended by itself") : error;
  } finally {
    clearInterval(watching);
  }
}

/** The sidecar's image knows other users by the same names. */
async function toNumericUser({ engine, containerId, user, signal }: WayPlace): Promise<string> {
  const given = user || (await engine.findContainer(containerId, signal))?.user || "0";
  if (/^\d+(:\d+)?$/.test(given)) return given;
  if (given === "root") return "0";
  throw new WayImpossible(`the user ${given} has no number, and a sidecar can not look it up`);
}

async function upload({ engine, program, signal }: WayPlace, sidecar: string): Promise<string> {
  const exec = await engine.startExec(
    {
      containerId: sidecar,
      user: "",
      workdir: "/",
      cmd: ["/bin/sh", "-c", UPLOAD, "sh"],
      env: {
        DECKHAND_SIDECAR: SIDECAR_FOLDER,
        DECKHAND_GUARD_BYTES: `${program.bytes.length}`,
      },
    },
    { signal },
  );
  const onAbort = () => exec.close();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await exec.write(program.bytes);
    let said = "";
    for await (const { bytes } of exec.output) {
      said += Buffer.from(bytes).toString();
      const path = AT.exec(said)?.[1];
      if (path) return path;
    }
    throw new WayImpossible(`the sidecar says: ${said.trim().slice(0, 500)}`);
  } finally {
    signal.removeEventListener("abort", onAbort);
    exec.close();
  }
}

async function remove(engine: Engine, sidecar: string): Promise<void> {
  // It would go by itself, only later.
  await engine.removeSidecar(sidecar, AbortSignal.timeout(REMOVE_WITHIN_MS)).catch(() => undefined);
}

/** Removes what an earlier process of this server left behind. */
export async function removeLeftSidecars(
  engine: Engine,
  { server, process }: SidecarOwner,
): Promise<void> {
  const isLeft = (label = "") => label.startsWith(`${server}.`) && label !== process;
  for (const { id, labels } of await engine.listContainers({ all: true })) {
    if (isLeft(labels[SIDECAR_LABEL])) await remove(engine, id);
  }
}
