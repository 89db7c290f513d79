import { type FSWatcher, watch } from "node:fs";

/** Watches a changing set of directories. A signal only says "look again": a lost one costs delay, never a version. */
export interface DirectoryWatch {
  /** Watches exactly these from now on. */
  follow(directories: readonly string[]): void;
  close(): void;
}

const MOST_WATCHED = 512;

export function watchDirectories(onChange: () => void): DirectoryWatch {
  const watchers = new Map<string, FSWatcher>();

  function drop(directory: string): void {
    watchers.get(directory)?.close();
    watchers.delete(directory);
  }

  function add(directory: string): void {
    if (watchers.has(directory) || watchers.size >= MOST_WATCHED) return;
    try {
      const watcher = watch(directory, { persistent: false }, onChange);
      watcher.on("error", () => drop(directory));
      watchers.set(directory, watcher);
    } catch {
      // No watch is left, or the directory is gone: the periodic look finds what changes there.
    }
  }

  return {
    follow: (directories) => {
      const wanted = new Set(directories);
      for (const directory of watchers.keys()) if (!wanted.has(directory)) drop(directory);
      for (const directory of wanted) add(directory);
    },
    close: () => {
      for (const directory of watchers.keys()) drop(directory);
    },
  };
}
