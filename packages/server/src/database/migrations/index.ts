import type { Migration } from "kysely/migration";
import * as runs from "./0001-runs.ts";
import * as access from "./0002-access.ts";
import * as usage from "./0003-usage.ts";
import * as definitions from "./0004-definitions.ts";
import * as origin from "./0005-origin.ts";
import * as rollouts from "./0006-rollouts.ts";
import * as secrets from "./0007-secrets.ts";
import * as schedules from "./0008-schedules.ts";
import * as notifications from "./0009-notifications.ts";
import * as triggers from "./0010-triggers.ts";
import * as retention from "./0012-retention.ts";
import * as search from "./0012-search.ts";
import * as rotations from "./0015-rotations.ts";
import * as shortOutputs from "./0016-short-outputs.ts";
import * as fewerPages from "./0017-fewer-pages.ts";

/** Every migration, in order; a landed one is never edited. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  "0001-runs": runs,
  "0002-access": access,
  "0003-usage": usage,
  "0004-definitions": definitions,
  "0005-origin": origin,
  "0006-rollouts": rollouts,
  "0007-secrets": secrets,
  "0008-schedules": schedules,
  "0009-notifications": notifications,
  "0010-triggers": triggers,
  "0012-retention": retention,
  "0012-search": search,
  "0015-rotations": rotations,
  "0016-short-outputs": shortOutputs,
  "0017-fewer-pages": fewerPages,
};
