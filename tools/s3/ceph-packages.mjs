import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { canInstallPackages } from "../engine/debian-packages.mjs";
import { step } from "../progress.mjs";
import { runCommand, tryCommand } from "../run-command.mjs";
import { EXIT_UNAVAILABLE, SetUpError } from "../set-up-error.mjs";

const PACKAGES = ["ceph-mon", "ceph-osd", "radosgw"];
const PROGRAMS = [
  "usr/bin/ceph-mon",
  "usr/bin/ceph-osd",
  "usr/bin/radosgw",
  "usr/bin/radosgw-admin",
];

/**
 * Ceph with its S3 gateway, unpacked from Debian packages beside the system and never installed: nothing of it starts by
 * itself, and the system's own files stay as they are. Gives the folder that stands for `/`.
 */
export async function ensureCeph() {
  if (PROGRAMS.every((path) => existsSync(join("/", path)))) return "/";
  const ready = join(cacheFolder(), "root");
  if (isWhole(ready)) return ready;
  await step("unpack Ceph, the S3 server of the tests (60 MB, once)", (status) =>
    unpackInto(ready, status),
  );
  if (isWhole(ready)) return ready;
  throw notThere("Its Debian packages hold other programs than this release is known to have.");
}

function isWhole(root) {
  return PROGRAMS.every((path) => existsSync(join(root, path)));
}

/** Shared by all checkouts of this user: the packages do not change with ours. */
function cacheFolder() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "deckhand", "ceph");
}

/** Unpacks into a folder of our own and moves it into place, so that nobody ever sees half of it. */
async function unpackInto(ready, status) {
  if (!existsSync("/usr/bin/apt-get") || !existsSync("/usr/bin/dpkg"))
    throw notThere(
      "It is unpacked from Debian packages, and this machine has neither apt-get nor dpkg.",
    );
  const folder = `${ready}.${process.pid}.tmp`;
  mkdirSync(folder, { recursive: true });
  try {
    await unpack(await listPackages(status), { folder, status });
    rmSync(ready, { recursive: true, force: true });
    renameSync(folder, ready);
  } catch (error) {
    // Another set-up of this machine was quicker.
    if (!isWhole(ready)) throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What apt would install of the packages and all they need, and this machine does not have yet. */
async function listPackages(status) {
  const known = await tryListPackages();
  if (known.length > 0) return known;
  if (canInstallPackages()) await runCommand("apt-get", ["update", "-q"], { onLine: status });
  const found = await tryListPackages();
  if (found.length > 0) return found;
  throw notThere(`apt-get knows no packages ${PACKAGES.join(", ")}.`);
}

async function tryListPackages() {
  const args = ["--simulate", "-y", "--no-install-recommends", "install", ...PACKAGES];
  const { exitCode, stdout } = await tryCommand("apt-get", args);
  if (exitCode !== 0) return [];
  return stdout
    .split("\n")
    .map((line) => /^Inst (\S+) /.exec(line)?.[1])
    .filter(Boolean);
}

/** apt fetches them, so that its mirrors, proxies and signatures hold. */
async function unpack(names, { folder, status }) {
  const packages = join(folder, "packages");
  mkdirSync(packages);
  await runCommand("apt-get", ["-q", "download", ...names], { cwd: packages, onLine: status });
  for (const file of readdirSync(packages)) {
    status(file);
    await runCommand("dpkg", ["-x", join(packages, file), folder]);
  }
  rmSync(packages, { recursive: true });
}

function notThere(why) {
  return new SetUpError(
    "Ceph, the S3 server of the tests, is not here and can not be brought here",
    {
      exitCode: EXIT_UNAVAILABLE,
      hint: `${why}\nInstall ceph-mon, ceph-osd and radosgw, or run this on Debian or Ubuntu.`,
    },
  );
}
