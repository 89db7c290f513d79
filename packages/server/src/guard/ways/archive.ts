import { isAppError } from "@deckhand/core";
import type { EngineVersion } from "../../engines/engine.ts";
import { WayImpossible } from "../guard-link.ts";
import { toTar } from "../../archive/tar.ts";
import type { Entrance, Way, WayPlace } from "./way.ts";

/** Each container has both, root's, and seldom anything is mounted over them. The second is for where the first is covered. */
const PLACES = ["/", "/etc"] as const;
const FOLDER = ".deckhand";
/**
 * The first without known holes in copying into containers. Docker Engine: CVE-2026-41567, -41568 and -42306. Podman: CVE-2026-17106
 * and CVE-2025-11395, of archives with links, which ours has not; fixes in older branches are not told apart.
 */
const NEW_ENOUGH = { docker: [29, 5, 1], podman: [6, 1, 2] } as const;

export interface ArchiveOptions {
  readonly anyVersion: boolean;
}

/**
 * Has the engine unpack the guard into the container's own file system, and starts it without a shell. The file is root's and nobody
 * else can write to it, so every user may run it. What can not be seen in the container does not start, and the next place is tried.
 */
export function archiveWays(options: ArchiveOptions): readonly Way[] {
  return PLACES.map((place) => ({
    name: "archive",
    find: async (where) => {
      await assertNewEnough(where, options);
      return toEntrance(place, where);
    },
    bring: async (where) => {
      await assertNewEnough(where, options);
      await put(place, where);
      return toEntrance(place, where);
    },
  }));
}

/** A server that opens two guards in one container at once replaces no file that the other one starts. */
function toName({ program, address }: WayPlace): string {
  return `deckhand-guard-${program.version}-${address.name.slice(0, 8)}`;
}

function toEntrance(place: string, where: WayPlace): Entrance {
  const path = `${place === "/" ? "" : place}/${FOLDER}/${toName(where)}`;
  return { path, bridgeCommand: [path, "bridge"], daemonCommand: [path, "daemon"] };
}

async function put(folder: string, where: WayPlace): Promise<void> {
  const { engine, containerId, program, signal } = where;
  const tar = toTar([
    { kind: "folder", name: `${FOLDER}/`, mode: 0o755 },
    { kind: "file", name: `${FOLDER}/${toName(where)}`, mode: 0o755, bytes: program.bytes },
  ]);
  try {
    await engine.putArchive({ containerId, folder, tar }, signal);
  } catch (error) {
    if (!isAppError(error, "TARGET_NOT_FOUND", "ENGINE_REFUSED")) throw error;
    throw new WayImpossible(error.message);
  }
}

async function assertNewEnough(
  { engine, signal }: WayPlace,
  { anyVersion }: ArchiveOptions,
): Promise<void> {
  const version = await engine.version(signal);
  if (anyVersion || isNewEnough(version)) return;
  throw new WayImpossible(
    `${version.product} ${version.version} is older than ${NEW_ENOUGH[version.product].join(".")}, before which copying into containers has known holes; ` +
      "engines.NAME.guard.archive: any-version allows it all the same",
  );
}

/** A version that can not be read is not new enough. */
export function isNewEnough({
  product,
  version,
}: Pick<EngineVersion, "product" | "version">): boolean {
  const [, ...numbers] = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  if (numbers.length === 0) return false;
  for (const [index, least] of NEW_ENOUGH[product].entries()) {
    const number = Number(numbers[index]);
    if (number !== least) return number > least;
  }
  return !/^[^+]*-(rc|beta|alpha|dev)/.test(version);
}
