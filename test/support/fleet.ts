import { randomBytes } from "node:crypto";
import { atOnce } from "./at-once.ts";
import { docker } from "./containers.ts";
import { engines } from "./engines.ts";

/** So many containers are started at once; more only makes the engine slower. */
const AT_ONCE = 4;
const REMOVED_AT_ONCE = 50;
const ZONES = 3;

/** Many small containers that share a label. */
export interface Fleet {
  /** `key=value`, on all of them and on nothing else. */
  readonly label: string;
  /** In the order of their numbers, which `/tmp/number` in each tells; from 1. */
  readonly names: readonly string[];
  /** The value of its label `zone`. */
  zoneOf(name: string): string;
  remove(): Promise<void>;
}

/** A HEALTHCHECK that looks at `/tmp/unwell` once a second. */
const HEALTHCHECK = [
  "--health-cmd",
  "test ! -e /tmp/unwell",
  "--health-interval",
  "1s",
  "--health-retries",
  "1",
];

export async function startFleet({
  name,
  count,
}: {
  readonly name: string;
  readonly count: number;
}): Promise<Fleet> {
  const id = randomBytes(4).toString("hex");
  const label = `deckhand-fleet=${id}`;
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const names = numbers.map((number) => `dh-${name}-${id}-${number}`);
  const zoneOf = (of: string) => `zone-${Number(of.split("-").at(-1)) % ZONES}`;
  const remove = () => removeLabelled(label);
  try {
    await atOnce(AT_ONCE, numbers, async (number) => {
      const own = names[number - 1] ?? "";
      await docker(
        ...["run", "--detach", "--network", "none", "--name", own, "--label", label],
        ...["--label", `zone=${zoneOf(own)}`, ...(number <= ZONES ? HEALTHCHECK : [])],
        ...[engines().images.busybox, "sh", "-c"],
        `echo ${number} >/tmp/number; trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done`,
      );
    });
  } catch (error) {
    await remove();
    throw error;
  }
  return { label, names, zoneOf, remove };
}

/** By their ids, those that were made and did not start included. */
async function removeLabelled(label: string): Promise<void> {
  for (;;) {
    const found = await docker("ps", "--all", "--quiet", "--filter", `label=${label}`);
    const ids = found.split("\n").filter(Boolean).slice(0, REMOVED_AT_ONCE);
    if (ids.length === 0) return;
    await docker("rm", "--force", "--volumes", ...ids);
  }
}
