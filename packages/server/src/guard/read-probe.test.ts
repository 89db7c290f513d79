import fc from "fast-check";
import { expect, test } from "vitest";
import { readProbe } from "./read-probe.ts";

const STATUS = [
  "status Name:\tsh",
  "status Uid:\t1000\t1000\t1000\t1000",
  "status Gid:\t100\t100\t100\t100",
  "status Groups:\t100 2000 ",
  "status CapEff:\t0000000000200001",
  "status NoNewPrivs:\t1",
];

const MOUNTS = [
  "mount overlay / overlay ro,relatime,lowerdir=/a:/b 0 0",
  "mount proc /proc proc rw,nosuid 0 0",
  "mount tmpfs /run tmpfs rw,nosuid,nodev,noexec 0 0",
  "mount shm /run/a\\040place tmpfs rw,nosuid 0 0",
  "mount tmpfs /covered tmpfs rw 0 0",
  "mount tmpfs /covered tmpfs rw,noexec 0 0",
];

function read(...lines: readonly string[]) {
  const inside = readProbe([...STATUS, ...MOUNTS, ...lines, "end ."].join("\n"), undefined);
  if (!inside) throw new Error("it came to its end");
  return inside;
}

test("who the user is and what it may do comes from the kernel's numbers", () => {
  expect(read("name worker")).toMatchObject({
    user: { uid: 1000, name: "worker", gid: 100, groups: [100, 2000] },
    capabilities: ["CAP_CHOWN", "CAP_SYS_ADMIN"],
    noNewPrivileges: true,
    readOnlyRoot: true,
  });
});

test("a directory is judged by what is mounted nearest above it, and last", () => {
  const { directories } = read(
    "directory yes /run/lock",
    "directory yes /run/a place",
    "directory yes /running",
    "directory yes /covered",
    "directory no /tmp",
    "directory yes /run/lock",
  );
  expect(directories).toEqual([
    { path: "/run/lock", writable: true, holdsPrograms: false, type: "tmpfs" },
    { path: "/run/a place", writable: true, holdsPrograms: true, type: "tmpfs" },
    // A shell may take it for writable by its permissions, but the root is read-only.
    { path: "/running", writable: false, holdsPrograms: true, type: "overlay" },
    { path: "/covered", writable: true, holdsPrograms: false, type: "tmpfs" },
    { path: "/tmp", writable: false, holdsPrograms: true, type: "overlay" },
  ]);
});

test("limits and use are read from cgroups of version 2, less the cache of files", () => {
  const inside = read(
    "cgroup memory.max 268435456",
    "cgroup memory.current 104857600",
    "cgroup inactive_file 4857600",
    "cgroup pids.max max",
    "cgroup pids.current 7",
  );
  expect(inside).toMatchObject({
    cgroup: "v2",
    memory: { used: 100_000_000, limit: 268_435_456 },
    processes: { used: 7, limit: null },
  });
});

test("limits and use are read from cgroups of version 1, whose largest number is none", () => {
  const inside = read(
    "cgroup memory/memory.limit_in_bytes 9223372036854771712",
    "cgroup memory/memory.usage_in_bytes 2000",
    "cgroup inactive_file 900",
    "cgroup total_inactive_file 1500",
    "cgroup pids/pids.max 20",
    "cgroup pids/pids.current 3",
  );
  expect(inside).toMatchObject({
    cgroup: "v1",
    memory: { used: 500, limit: null },
    processes: { used: 3, limit: 20 },
  });
});

test("what can not be seen is not made up", () => {
  const nothing = { used: null, limit: null };
  expect(read()).toMatchObject({ cgroup: null, memory: nothing, processes: nothing });
});

test("a zombie is named whatever its name is", () => {
  expect(read("zombie 12 (a) Z 9 (b) Z 1 12 12 0 -1", "zombie nonsense").zombies).toEqual([
    { pid: 12, name: "a) Z 9 (b", parent: 1 },
  ]);
});

test.each([
  ["tini", "yes"],
  ["sleep", "no"],
  ["my-server", "unknown"],
])("whether %s as PID 1 reaps is %s", (name, reaps) => {
  expect(read(`main ${name}`).main).toMatchObject({ name, reaps });
});

test("a probe that did not come to its end says nothing", () => {
  expect(readProbe(STATUS.join("\n"), undefined)).toBeUndefined();
});

test("whatever a container says is read without a fault", () => {
  const word = fc.constantFrom("status", "mount", "cgroup", "program", "directory yes", "zombie");
  const line = fc.tuple(word, fc.string()).map((parts) => parts.join(" "));
  fc.assert(
    fc.property(fc.array(fc.oneof(line, fc.string())), (lines) => {
      readProbe([...lines, "end ."].join("\n"), undefined);
    }),
  );
});
