import { canInstallPackages, installPackages } from "./engine/debian-packages.mjs";
import { step } from "./progress.mjs";
import { tryCommand } from "./run-command.mjs";
import { EXIT_UNAVAILABLE, SetUpError } from "./set-up-error.mjs";

/** What the documents' examples use beside our own programs; each is in the package of its name. */
const PROGRAMS = ["curl", "jq", "openssl"];

/** Somebody who types what the documents say has these. */
export async function ensureReadersPrograms() {
  const missing = await findMissing();
  if (missing.length === 0) return;
  if (canInstallPackages())
    await step(`install ${missing.join(", ")}`, (status) => installPackages(missing, status));
  const stillMissing = await findMissing();
  if (stillMissing.length === 0) return;
  throw new SetUpError(`the tests of the documents need ${stillMissing.join(", ")}`, {
    exitCode: EXIT_UNAVAILABLE,
    hint: `Install ${stillMissing.join(" ")}, or run this as root on Debian or Ubuntu.`,
  });
}

async function findMissing() {
  const found = await Promise.all(
    PROGRAMS.map((program) => tryCommand("sh", ["-c", `command -v ${program}`])),
  );
  return PROGRAMS.filter((_, index) => found[index]?.exitCode !== 0);
}
