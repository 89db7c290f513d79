import { enableCompileCache, flushCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

/** Beside the sources, so that nobody else can put something into it. */
const CACHE = fileURLToPath(new URL("../../../.deckhand/compile-cache", import.meta.url));
const FLUSH_AFTER_MS = 5_000;
/**
 * Space for young objects, in MiB. With twice of it a run takes no less time, and with a quarter a quarter more; Node would take twice as
 * much and give none of it back.
 */
const YOUNG_SPACE = "--max-semi-space-size";
const YOUNG_SPACE_MIB = 8;
/**
 * With an arena for each thread that waits for the disk, the C library keeps 20 MiB more. What Node's compiler takes comes in pieces from
 * 16 KiB up; only those that are mapped on their own go back when it is done, and that is up to 40 MiB.
 */
const MALLOC = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: "16384",
  MALLOC_TRIM_THRESHOLD_: "65536",
};

/** What was compiled once, types stripped, is used again; and a server, which stays for months, takes little memory. */
export function beSparing(words) {
  enableCompileCache(CACHE);
  // Otherwise only an end that is orderly leaves something behind.
  setTimeout(flushCompileCache, FLUSH_AFTER_MS).unref();
  if (words[0] !== "serve" || isYoungSpaceSet() || !process.execve) return;
  // All are fixed when a process begins, so it begins again with the same number and streams.
  const flags = [...process.execArgv, `${YOUNG_SPACE}=${YOUNG_SPACE_MIB}`];
  process.execve(process.execPath, [process.execPath, ...flags, ...process.argv.slice(1)], {
    ...MALLOC,
    ...process.env,
  });
}

function isYoungSpaceSet() {
  return [...process.execArgv, process.env.NODE_OPTIONS ?? ""].some((flags) =>
    flags.includes(YOUNG_SPACE),
  );
}
