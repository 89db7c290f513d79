import { SCRIPT, SHA256 } from "./example-values.ts";

const param = {
  name: "TABLE",
  type: "string",
  required: true,
  secret: false,
  from: null,
  arg: false,
  default: null,
  choices: null,
  min: 1,
  max: 63,
  help: "schema-qualified table",
};

const field = { ...param, label: "Table" };

const rollout = { maxConcurrency: "10%", onError: "stop", maxErrors: 2 };
const header = {
  title: "Vacuum a table",
  about: "Reclaims dead rows.",
  interpreter: ["bash"],
  user: "postgres",
  workdir: null,
  timeoutMs: 1_800_000,
  on: ["label=role=db"],
  except: [],
  effect: "write",
  rollout,
  concurrency: { key: "db/vacuum", onConflict: "queue" },
  database: null,
  rows: null,
  acceptsArgs: false,
  params: [param],
  examples: ["deckhand run db/vacuum --on project=shop,svc/db TABLE=public.orders"],
  tags: ["db"],
  owner: "ann",
};

const text =
  '#!/usr/bin/env bash\n# @deckhand 1\n# @title Vacuum a table\nvacuumdb --table "$TABLE"\n';
const source = { kind: "sync", commit: "8aac559d1c0f6a6f3a3a8d1f7f0f5c2b1a0e9d8c" };
const scriptSummary = {
  ...SCRIPT,
  path: "db/vacuum.sh",
  sizeBytes: 84,
  updatedAt: "2026-11-18T10:00:00.000Z",
  source,
  header,
  problems: [],
};
const scriptVersion = {
  version: 3,
  sha256: SHA256,
  sizeBytes: 84,
  createdAt: "2026-11-18T10:00:00.000Z",
  source,
};

export const SCRIPT_EXAMPLES: Readonly<Record<string, unknown>> = {
  ScriptParam: param,
  FormField: field,
  ScriptForm: {
    fields: [field],
    schema: {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      additionalProperties: false,
      required: ["TABLE"],
      properties: { TABLE: { type: "string", minLength: 1, maxLength: 63 } },
    },
  },
  ScriptHeader: header,
  RolloutDefaults: rollout,
  ScriptSource: source,
  ScriptSummary: scriptSummary,
  Script: { ...scriptSummary, text },
  ScriptPage: { data: [scriptSummary], next: null },
  ScriptVersionList: { data: [scriptVersion] },
  CreateScriptRequestInput: { path: "db/vacuum.sh", text },
  UpdateScriptRequestInput: { text },
  CheckScriptRequestInput: { path: "db/vacuum.sh", text },
  CheckScriptAnswer: { header, problems: [] },
};
