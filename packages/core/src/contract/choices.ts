/** Words that a request chooses from, apart from the schemas that check it: whoever only offers them loads no schema. */
export const PICK_STRATEGIES = ["round-robin", "least-busy", "random"] as const;
export const SQL_ROWS = ["table", "csv", "json"] as const;
export const SURVIVOR_POLICIES = ["kill", "wait"] as const;
export const OVERLAP_POLICIES = ["skip", "queue", "replace", "allow"] as const;
/** Of a rollout. */
export const ON_ERROR = ["stop", "continue"] as const;
/** Of a concurrency key. */
export const ON_CONFLICT = ["queue", "skip", "cancel"] as const;
