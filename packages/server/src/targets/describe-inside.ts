import type { DirectoryFinding, Finding, InsideFinding } from "@deckhand/core";

type Told = Omit<Finding, "group">;

export interface InsideContext {
  /** Then nothing of a script ever reaches PID 1. */
  readonly isGuarded: boolean;
}

const NEARLY_ALL = 0.9;
/** A script needs a shell, what the shell starts, and the guard beside it. */
const FEW_PROCESSES = 10;
const SHOWN = 5;

/** Says in sentences what a shell sees in its container. */
export function describeInside(inside: InsideFinding, context: InsideContext): Told[] {
  return [
    describeUser(inside),
    describeRoot(inside),
    ...describeDirectories(inside),
    describeInterpreters(inside),
    describePrivileges(inside),
    describeMemory(inside),
    describeProcesses(inside),
    describeMain(inside, context),
    describeZombies(inside),
  ];
}

function describeUser({ user: { uid, name, gid, groups } }: InsideFinding): Told {
  const called = name === null ? `uid ${uid}` : `${name} (uid ${uid})`;
  const others = groups.filter((group) => group !== gid);
  const more = others.length === 0 ? "" : ` and ${others.join(", ")}`;
  return { check: "user", state: "ok", detail: `${called}, group ${gid}${more}`, hint: null };
}

function describeRoot({ readOnlyRoot }: InsideFinding): Told {
  const detail = readOnlyRoot ? "read-only" : "can be written to, as far as the user may";
  return { check: "root", state: readOnlyRoot ? "note" : "ok", detail, hint: null };
}

function describeDirectories({ directories }: InsideFinding): Told[] {
  const kinds: readonly (readonly [string, (one: DirectoryFinding) => boolean])[] = [
    ["programs", (one) => one.writable && one.holdsPrograms],
    ["files only", (one) => one.writable && !one.holdsPrograms],
    ["not writable", (one) => !one.writable],
  ];
  return kinds.flatMap(([check, fits]): Told[] => {
    const paths = directories.filter(fits).map(({ path }) => path);
    if (paths.length > 0) return [{ check, state: "ok", detail: paths.join(" "), hint: null }];
    if (check !== "programs") return [];
    const detail = "no usual directory can be written to and hold programs";
    return [{ check, state: "note", detail, hint: null }];
  });
}

function describeInterpreters({ interpreters }: InsideFinding): Told {
  const detail = Object.keys(interpreters).join(" ") || "none of the usual ones";
  return { check: "interpreters", state: "ok", detail, hint: null };
}

function describePrivileges({ capabilities, noNewPrivileges, user }: InsideFinding): Told {
  const held = capabilities.length === 0 ? "no capability" : `${capabilities.length} capabilities`;
  const detail = `${held}, new privileges ${noNewPrivileges ? "can not" : "can"} be gained`;
  if (!capabilities.includes("CAP_SYS_ADMIN"))
    return { check: "privileges", state: "ok", detail, hint: null };
  return {
    check: "privileges",
    state: "warning",
    detail: `${detail}; with CAP_SYS_ADMIN a script of uid ${user.uid} can reach the host`,
    hint: "Does it have to be --privileged?",
  };
}

function describeMemory({ memory: { used, limit } }: InsideFinding): Told {
  const check = "memory";
  if (used === null) return { check, state: "note", detail: "can not be seen", hint: null };
  if (limit === null)
    return { check, state: "ok", detail: `${toMebibytes(used)} used, no limit`, hint: null };
  const detail = `${toMebibytes(used)} of ${toMebibytes(limit)} used`;
  if (used < limit * NEARLY_ALL) return { check, state: "ok", detail, hint: null };
  const hint = "A script may need more than is left: raise the container's limit.";
  return { check, state: "warning", detail, hint };
}

function toMebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}

function describeProcesses({ processes: { used, limit } }: InsideFinding): Told {
  const check = "processes";
  if (used === null) return { check, state: "note", detail: "can not be seen", hint: null };
  if (limit === null) return { check, state: "ok", detail: `${used}, no limit`, hint: null };
  const detail = `${used} of ${limit}, threads counted`;
  if (limit - used >= FEW_PROCESSES) return { check, state: "ok", detail, hint: null };
  const hint = "A script may not get the processes it needs: raise --pids-limit.";
  return { check, state: "warning", detail, hint };
}

/** Ends all its sessions when a child that it does not know ends by a fault. */
const RESTARTS_FOR_ORPHANS = "postgres";

function describeMain({ main }: InsideFinding, { isGuarded }: InsideContext): Told {
  const { name, reaps, command } = main;
  const called = command === null || command === name ? name : `${name}: ${command}`;
  const told = { check: "PID 1", detail: called, hint: null } as const;
  if (isGuarded) return { ...told, state: "ok" };
  if (name === RESTARTS_FOR_ORPHANS) {
    const detail = `${called}; an orphan of a script that ends by a fault makes it restart all its sessions`;
    return { ...told, state: "warning", detail, hint: "Scripts must end what they start." };
  }
  if (reaps === "yes") return { ...told, state: "ok", detail: `${called}; it reaps orphans` };
  const detail = `${called}; ${reaps === "no" ? "it reaps no orphans" : "whether it reaps orphans is not known"}`;
  const hint = "Orphans of scripts may stay as zombies: docker run --init gives it an init.";
  return { ...told, state: "warning", detail, hint };
}

function describeZombies({ zombies }: InsideFinding): Told {
  const check = "zombies";
  if (zombies.length === 0) return { check, state: "ok", detail: "none", hint: null };
  const shown = zombies.slice(0, SHOWN).map(({ pid, name }) => `${name} (${pid})`);
  const more = zombies.length > SHOWN ? ", …" : "";
  const [{ parent } = { parent: 0 }] = zombies;
  return {
    check,
    state: "warning",
    detail: `${zombies.length}: ${shown.join(", ")}${more}`,
    hint: `Process ${parent} does not take them off${parent === 1 ? "; docker run --init gives the container an init" : ""}.`,
  };
}
