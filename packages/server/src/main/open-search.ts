import { join } from "node:path";
import type { Kysely } from "kysely";
import type { Logger } from "pino";
import type { Config } from "../config/config.ts";
import type { Database } from "../database/database.ts";
import type { OutputLog } from "../output/output-log.ts";
import type { ScriptLibrary } from "../scripts/script-library.ts";
import { indexOutputs } from "../search/index-outputs.ts";
import { openSearchIndex, removeSearchIndex } from "../search/search-index.ts";
import { searchQueueStore } from "../search/search-queue-store.ts";
import { searchRoutes } from "../search/search.routes.ts";

const FORGET_EVERY_MS = 60 * 60 * 1000;

export interface OpenSearchDeps {
  readonly config: Pick<Config, "dataDir" | "search">;
  readonly db: Kysely<Database>;
  readonly output: OutputLog;
  /** Whether executions are under way, which go first. */
  readonly isBusy: () => boolean;
  readonly library: ScriptLibrary;
  readonly logger: Logger;
}

export interface OpenSearch {
  readonly routes: ReturnType<typeof searchRoutes>;
  close(): Promise<void>;
}

/** The index, what fills it and who asks it, wired; without it only scripts are searched. */
export function openSearch(deps: OpenSearchDeps): OpenSearch {
  const { config, db, output, isBusy, library, logger } = deps;
  const queue = searchQueueStore(db);
  const path = join(config.dataDir, "search.db");
  const onProblem = (error: unknown) => logger.warn({ err: error }, "output is not indexed");
  if (!config.search.enabled) {
    // What ends meanwhile would be missing in it; it is made anew when somebody wants it again.
    removeSearchIndex(path);
    const forget = () => void queue.clear().catch(onProblem);
    const timer = setInterval(forget, FORGET_EVERY_MS);
    forget();
    const routes = searchRoutes({ index: undefined, queue, library, now: Date.now });
    return { routes, close: async () => clearInterval(timer) };
  }
  const index = openSearchIndex(path);
  const { bytesPerExecution } = config.search;
  const indexing = indexOutputs({ index, queue, output, isBusy, bytesPerExecution, onProblem });
  return {
    routes: searchRoutes({ index, queue, library, now: Date.now }),
    close: async () => {
      await indexing.close();
      index.close();
    },
  };
}
