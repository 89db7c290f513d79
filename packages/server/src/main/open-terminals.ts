import type { Logger } from "pino";
import type { Access } from "../access/access.ts";
import type { TokenStore } from "../access/token-store.ts";
import type { AuditLog } from "../audit/audit-log.ts";
import type { Config } from "../config/config.ts";
import type { App } from "../http/app.ts";
import type { SelectTargetsDeps } from "../targets/select-targets.ts";
import { DEFAULT_PACE } from "../terminals/live-terminal.ts";
import { terminalRoutes } from "../terminals/terminals.routes.ts";
import { terminals } from "../terminals/terminals.ts";
import { newId } from "../ids/new-id.ts";
import type { OpenEngines } from "./open-engines.ts";

const MOST_TERMINALS = 50;

export interface OpenTerminalsDeps {
  readonly config: Config;
  readonly engines: OpenEngines;
  readonly select: SelectTargetsDeps;
  readonly access: Access;
  readonly tokens: Pick<TokenStore, "onDeleted">;
  readonly audit: AuditLog;
  readonly logger: Logger;
}

/** Everything about terminals, wired. */
export interface OpenTerminals {
  readonly routes: (app: App) => void;
  /** Opens nothing more and ends all. */
  close(): Promise<void>;
}

export function openTerminals(deps: OpenTerminalsDeps): OpenTerminals {
  const { config, engines, select, access, tokens, audit, logger } = deps;
  const opened = terminals({
    select,
    findSession: engines.findSession,
    watchContainer: engines.watchContainer,
    audit,
    newId,
    now: Date.now,
    most: MOST_TERMINALS,
    startTimeoutMs: config.limits.startTimeoutMs,
    longestMs: config.limits.longestTimeoutMs,
    pace: DEFAULT_PACE,
    onFault: (terminalId, error) =>
      logger.error({ err: error, terminalId }, "a terminal failed on our side"),
  });
  const onTokenDeleted = tokens.onDeleted;
  return {
    routes: terminalRoutes({ terminals: opened, access, onTokenDeleted, audit }),
    close: opened.close,
  };
}
