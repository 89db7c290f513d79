import type { Run } from "@deckhand/core";
import type { Kysely } from "kysely";
import { TAR_END, toHeader, toPadding } from "../archive/tar.ts";
import type { Database } from "../database/database.ts";
import type { OutputLog } from "../output/output-log.ts";
import { type ExportEntry, toOutputEntries } from "./export-entries.ts";
import { findScriptText } from "./run-inputs.ts";
import { readPlan } from "./run-plan.ts";
import { getRun, listExecutions, type RunRow } from "./run-store.ts";
import { listGates } from "./rollout/gate-store.ts";
import { toRun } from "./run-view.ts";

export interface ExportDeps {
  readonly db: Kysely<Database>;
  readonly output: Pick<OutputLog, "readFrames">;
  readonly now: () => number;
}

const FILE_MODE = 0o644;

/** Everything of a run as a tar archive, piece by piece; throws RUN_NOT_FOUND before the first one. */
export async function exportRun(deps: ExportDeps, runId: string): Promise<AsyncIterable<Buffer>> {
  const row = await getRun(deps.db, runId);
  const rows = await listExecutions(deps.db, runId);
  const run = toRun(row, rows, await listGates(deps.db, runId));
  const outputs = [];
  for (const execution of rows) outputs.push(await toOutputEntries(deps.output, execution));
  const files = outputs.flatMap((output) => output.files);
  const script = await toScriptEntries(deps, row);
  const exportedAtMs = deps.now();
  const folders = outputs.map(({ folder }) => folder);
  const manifest = toManifest(run, { folders, exportedAtMs, hasScript: script.length > 0 });
  return toArchive([manifest, ...script, ...files], {
    root: row.id,
    modifiedAtSeconds: Math.floor((row.finished_at ?? exportedAtMs) / 1_000),
  });
}

async function toScriptEntries({ db }: ExportDeps, row: RunRow): Promise<ExportEntry[]> {
  const { program } = readPlan(row.plan_json);
  const text = program.kind === "script" ? await findScriptText(db, program.sha256) : undefined;
  return text === undefined ? [] : [toEntry("script", text)];
}

interface ManifestFacts {
  readonly folders: readonly string[];
  readonly exportedAtMs: number;
  readonly hasScript: boolean;
}

/** The run as the API shows it, so secrets are not in it, and where each execution's output is. */
function toManifest(run: Run, { folders, exportedAtMs, hasScript }: ManifestFacts): ExportEntry {
  const manifest = {
    format: "deckhand-run",
    version: 1,
    exportedAt: new Date(exportedAtMs).toISOString(),
    script: hasScript ? "script" : null,
    outputs: run.executions.map(({ id, target, output }, place) => ({
      executionId: id,
      target: target.name,
      folder: folders[place],
      complete: output.complete && !output.truncated && !output.expired,
    })),
    run,
  };
  return toEntry("manifest.json", `${JSON.stringify(manifest, undefined, 2)}\n`);
}

function toEntry(name: string, text: string): ExportEntry {
  const bytes = Buffer.from(text);
  return {
    name,
    size: bytes.length,
    content: async function* () {
      yield bytes;
    },
  };
}

interface ArchiveOptions {
  readonly root: string;
  readonly modifiedAtSeconds: number;
}

async function* toArchive(
  entries: readonly ExportEntry[],
  { root, modifiedAtSeconds }: ArchiveOptions,
): AsyncGenerator<Buffer> {
  for (const { name, size, content } of entries) {
    const head = { name: `${root}/${name}`, mode: FILE_MODE, modifiedAtSeconds };
    yield toHeader({ ...head, kind: "file" }, size);
    let left = size;
    for await (const piece of content()) {
      left -= piece.length;
      yield piece;
    }
    // Retention may take it in between; an archive that ends here is seen to be broken.
    if (left !== 0) throw new Error(`the output of ${root} changed while it was exported`);
    yield toPadding(size);
  }
  yield TAR_END;
}
