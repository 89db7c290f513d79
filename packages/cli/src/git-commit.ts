import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const MOST_BYTES = 64 * 1024 * 1024;

/** Says which commit a file of the folder comes from; `-modified` when it is not as it was committed. */
export type CommitOf = (path: string) => string | null;

/** Looks whether a folder is in a git checkout; without git, or outside of one, no file has a commit. */
export async function readCommits(folder: string): Promise<CommitOf> {
  try {
    const commit = (await git(folder, "rev-parse", "--verify", "HEAD")).trim();
    const prefix = (await git(folder, "rev-parse", "--show-prefix")).trim();
    const status = [
      "status",
      "--porcelain",
      "-z",
      "--untracked-files=all",
      "--ignored",
      "--no-renames",
    ];
    const changed = toPaths(await git(folder, ...status, "--", "."));
    return (path) => (changed.has(`${prefix}${path}`) ? `${commit}-modified` : commit);
  } catch {
    return () => null;
  }
}

/** Two letters and a blank stand before each path. */
function toPaths(status: string): ReadonlySet<string> {
  return new Set(status.split("\0").map((entry) => entry.slice(3)));
}

/** A checkout may name programs that git starts for it; looking at it starts none. */
async function git(folder: string, ...words: readonly string[]): Promise<string> {
  const safe = ["-c", "core.fsmonitor=false", "-c", "core.quotePath=false"];
  const env = { ...process.env, GIT_OPTIONAL_LOCKS: "0" };
  const { stdout } = await run("git", ["-C", folder, ...safe, ...words], {
    env,
    maxBuffer: MOST_BYTES,
  });
  return stdout;
}
