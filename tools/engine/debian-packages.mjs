import { existsSync, readFileSync } from "node:fs";
import { runCommand, tryCommand } from "../run-command.mjs";

/** Whether this machine lets us install Debian packages without asking anybody. */
export function canInstallPackages() {
  return process.getuid?.() === 0 && isDebianLike() && existsSync("/usr/bin/apt-get");
}

/** Installs what is missing of the named packages; those unknown to this release are left out. */
export async function installPackages(names, onLine) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await runCommand("apt-get", ["update", "-q"], { env, onLine });
  const known = await knownPackages(names);
  // A machine that has just started may still be updating itself.
  const patience = ["-o", "DPkg::Lock::Timeout=300"];
  const args = ["install", "-y", "-q", "--no-install-recommends", ...patience, ...known];
  await runCommand("apt-get", args, { env, onLine });
}

async function knownPackages(names) {
  const known = [];
  for (const name of names) {
    const { stdout } = await tryCommand("apt-cache", ["policy", name]);
    if (/Candidate: (?!\(none\))/.test(stdout)) known.push(name);
  }
  return known;
}

function isDebianLike() {
  if (!existsSync("/etc/os-release")) return false;
  return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync("/etc/os-release", "utf8"));
}
