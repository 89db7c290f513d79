import type { DirectoryFinding, InsideFinding } from "@deckhand/core";

/** The value of a line by the words before it; a word may come several times. */
type Said = ReadonlyMap<string, readonly string[]>;

const WORDS_OF_TWO = new Set(["cgroup", "program", "directory"]);
/** Without a limit version 1 says the largest number of pages there can be. */
const UNLIMITED = 2 ** 62;

/** Reads what probe.sh says; `undefined` when it did not come to its end. */
export function readProbe(text: string, command: string | undefined): InsideFinding | undefined {
  const said = toSaid(text);
  if (!said.has("end")) return undefined;
  const status = toStatus(said.get("status") ?? []);
  const mounts = (said.get("mount") ?? []).map(toMount);
  const name = said.get("main")?.[0] ?? "";
  return {
    user: {
      uid: toNumber(status.get("Uid")?.split("\t")[1]) ?? 0,
      name: said.get("name")?.[0] ?? null,
      gid: toNumber(status.get("Gid")?.split("\t")[1]) ?? 0,
      groups: toGroups(status.get("Groups")),
    },
    readOnlyRoot: mountOf("/", mounts)?.options.includes("ro") ?? false,
    directories: toDirectories(said, mounts),
    interpreters: toInterpreters(said),
    noNewPrivileges: status.get("NoNewPrivs") === "1",
    capabilities: toCapabilities(status.get("CapEff") ?? "0"),
    ...toLimits(said),
    main: { name, command: command ?? null, reaps: REAPS[name] ?? "unknown" },
    zombies: (said.get("zombie") ?? []).flatMap(toZombie),
  };
}

function toSaid(text: string): Said {
  const said = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [first = "", second = "", ...rest] = line.split(" ");
    const isOfTwo = WORDS_OF_TWO.has(first);
    const word = isOfTwo ? `${first} ${second}` : first;
    const value = (isOfTwo ? rest : [second, ...rest]).join(" ");
    said.set(word, [...(said.get(word) ?? []), value]);
  }
  return said;
}

function toStatus(lines: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
    }),
  );
}

function toGroups(groups = ""): number[] {
  return groups.split(/\s+/).filter(Boolean).map(Number);
}

interface Mount {
  readonly at: string;
  readonly type: string;
  readonly options: readonly string[];
}

function toMount(line: string): Mount {
  const [, at = "", type = "", options = ""] = line.split(" ");
  return { at: unescape(at), type, options: options.split(",") };
}

/** The kernel writes blanks in paths as octal numbers. */
function unescape(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** What was mounted last over the nearest folder above. */
function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  const above = mounts.filter(({ at }) => at === "/" || path === at || path.startsWith(`${at}/`));
  const longest = Math.max(...above.map(({ at }) => at.length));
  return above.findLast(({ at }) => at.length === longest);
}

function toDirectories(said: Said, mounts: readonly Mount[]): DirectoryFinding[] {
  const found = (["yes", "no"] as const).flatMap((writable) =>
    (said.get(`directory ${writable}`) ?? []).map((path) => {
      const mount = mountOf(path, mounts);
      return {
        path,
        // A shell that only looks at permissions takes what is mounted read-only for writable.
        writable: writable === "yes" && !mount?.options.includes("ro"),
        holdsPrograms: !mount?.options.includes("noexec"),
        type: mount?.type ?? "",
      };
    }),
  );
  return [...new Map(found.map((one) => [one.path, one])).values()];
}

function toInterpreters(said: Said): Record<string, string> {
  const paths = [...said].flatMap(([word, [path = ""]]) =>
    word.startsWith("program ") ? [[word.slice("program ".length), path] as const] : [],
  );
  return Object.fromEntries(paths);
}

/** By number, as the kernel counts them. */
const CAPABILITIES =
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE".split(
    " ",
  );

function toCapabilities(hex: string): string[] {
  const bits = /^[0-9a-f]{1,16}$/i.test(hex) ? BigInt(`0x${hex}`) : 0n;
  return CAPABILITIES.filter((_name, number) => (bits >> BigInt(number)) & 1n).map(
    (name) => `CAP_${name}`,
  );
}

function toLimits(said: Said): Pick<InsideFinding, "memory" | "processes" | "cgroup"> {
  const read = (file: string) => toNumber(said.get(`cgroup ${file}`)?.[0]);
  const isSecond = said.has("cgroup memory.current") || said.has("cgroup pids.current");
  const isFirst = said.has("cgroup memory/memory.usage_in_bytes");
  const [memory, pids] = isSecond ? ["memory", "pids"] : ["memory/memory", "pids/pids"];
  return {
    cgroup: isSecond ? "v2" : isFirst ? "v1" : null,
    memory: {
      used: toUsed(
        read(isSecond ? `${memory}.current` : `${memory}.usage_in_bytes`),
        read(isSecond ? "inactive_file" : "total_inactive_file"),
      ),
      limit: toLimit(read(isSecond ? `${memory}.max` : `${memory}.limit_in_bytes`)),
    },
    processes: {
      used: read(`${pids}.current`) ?? null,
      limit: toLimit(read(`${pids}.max`)),
    },
  };
}

/** Less the cache of files that the kernel gives up first. */
function toUsed(used: number | undefined, cache = 0): number | null {
  return used === undefined ? null : Math.max(0, used - cache);
}

function toLimit(value: number | undefined): number | null {
  return value === undefined || value >= UNLIMITED ? null : value;
}

/** `undefined` also for `max`. */
function toNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text.trim()) ? Number(text) : undefined;
}

type Reaps = InsideFinding["main"]["reaps"];

/** By the name of PID 1: whether it takes off orphans that it did not start. */
const REAPS: Readonly<Record<string, Reaps>> = Object.fromEntries([
  ...named("yes", "tini docker-init podman-init catatonit dumb-init systemd init openrc-init"),
  ...named(
    "yes",
    "s6-svscan s6-linux-init runit supervisord pause sh bash dash ash postgres nginx",
  ),
  ...named("no", "sleep tail cat node java"),
]);

function named(reaps: Reaps, names: string): (readonly [string, Reaps])[] {
  return names.split(" ").map((name) => [name, reaps]);
}

function toZombie(line: string): InsideFinding["zombies"] {
  const [, pid, name = "", parent] = /^(\d+) \((.*)\) Z (\d+)/.exec(line) ?? [];
  return pid === undefined ? [] : [{ pid: Number(pid), name, parent: Number(parent) }];
}
