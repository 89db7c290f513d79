import type { Generated } from "kysely";

/** Times are milliseconds since 1970; columns ending in `_json` hold JSON text; booleans are 0 and 1. */
export interface Database extends SchedulesTables {
  runs: RunsTable;
  executions: ExecutionsTable;
  script_texts: { sha256: string; text: string };
  search_queue: { seq: Generated<number>; execution_id: string };
  output_removals: { run_id: string };
  short_outputs: { run_id: string; execution_id: string; last_seq: number; frames: Uint8Array };
  run_inputs: { run_id: string; stdin: Uint8Array };
  /** Gone when their run has ended: a trigger sees to it. */
  run_secrets: { run_id: string; sealed: string };
  secrets: {
    name: string;
    sealed: string;
    created_at: number;
    updated_at: number;
    updated_by: string | null;
  };
  idempotency_keys: {
    token_id: string;
    key: string;
    request_sha256: string;
    run_id: string;
    created_at: number;
  };
  rollout_gates: {
    run_id: string;
    /** Of the batch that it stands behind. */
    batch: number;
    state: "checking" | "passed" | "failed";
    detail: string;
    started_at: number;
    finished_at: number | null;
  };
  tokens: {
    id: string;
    name: string;
    secret_hash: string;
    created_at: number;
    expires_at: number | null;
    last_used_at: number | null;
  };
  definitions: DefinitionsTable;
  deliveries: DeliveriesTable;
  rotations: { key: string; last_place: string; used_at: number };
  trigger_fires: { trigger_id: string; message_id: string; run_id: string; at: number };
  audit: {
    id: Generated<number>;
    at: number;
    token_id: string | null;
    token_name: string;
    action: string;
    object: string | null;
    address: string | null;
    outcome: "allowed" | "refused";
    request_id: string | null;
    detail_json: string;
  };
}

export interface DefinitionsTable {
  id: string;
  kind: string;
  name: string;
  version: number;
  body_json: string;
  created_at: number;
  updated_at: number;
  by_json: string;
}

export interface SchedulesTables {
  schedule_states: {
    schedule_id: string;
    /** Every time up to this one is decided. */
    decided_at: number;
    /** Of what timing that is said; with another one it begins anew. */
    timing: string;
    pause_json: string | null;
  };
  schedule_fires: {
    id: Generated<number>;
    schedule_id: string;
    due_at: number;
    decided_at: number;
    cause: "due" | "caught-up" | "request";
    result: "started" | "skipped" | "refused" | "missed";
    run_id: string | null;
    code: string | null;
    detail: string | null;
    missed_count: number | null;
    missed_since: number | null;
  };
}

export interface RunsTable {
  id: string;
  kind: "script" | "inline" | "argv";
  title: string;
  state: string;
  counts_json: string;
  script_name: string | null;
  script_version: number | null;
  script_sha256: string | null;
  plan_json: string;
  request_json: string;
  token_id: string | null;
  token_name: string | null;
  rerun_of: string | null;
  /** Null where a request of its own started the run. */
  origin_kind: string | null;
  origin_id: string | null;
  origin_name: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  concurrency_key: string | null;
  /** Of the open runs with a key, the one with the lowest has it. */
  concurrency_ticket: number | null;
  /** Somebody asked for its end, so nothing of it is started any more. */
  cancel_reason_json: string | null;
  rollout_json: string | null;
}

export interface ExecutionsTable {
  id: string;
  run_id: string;
  position: number;
  target_id: string;
  target_name: string;
  engine: string;
  container_id: string;
  container_started_at: string | null;
  image: string;
  state: string;
  reason_code: string | null;
  reason_detail: string | null;
  exit_code: number | null;
  signal: string | null;
  guarantees_json: string | null;
  queued_at: number;
  starting_at: number | null;
  started_at: number | null;
  finished_at: number | null;
  stdout_bytes: Generated<number>;
  stderr_bytes: Generated<number>;
  stored_bytes: Generated<number>;
  truncated: Generated<number>;
  complete: Generated<number>;
  leftovers_json: Generated<string>;
  usage_json: string | null;
  /** When retention took its output. */
  output_expired_at: number | null;
  attempt: Generated<number>;
  retry_of: string | null;
  /** The later attempt that counts in its place. */
  retried_by: string | null;
  not_before: number | null;
}

export interface DeliveriesTable {
  id: string;
  notification_id: string;
  notification_name: string;
  event: string;
  run_id: string | null;
  body_json: string;
  state: string;
  attempts: number;
  created_at: number;
  next_attempt_at: number | null;
  last_attempt_at: number | null;
  last_status: number | null;
  last_answer: string | null;
}
