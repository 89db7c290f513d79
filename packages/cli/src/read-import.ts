import type { ImportedJob } from "@deckhand/core";
import { importOfeliaIni } from "@deckhand/core/import/import-ofelia";
import { importOfeliaLabels } from "@deckhand/core/import/import-ofelia-labels";
import { importRundeck } from "@deckhand/core/import/import-rundeck";
import { parseDocument } from "yaml";
import type { ImportFormat } from "./import-formats.ts";
import { UsageError } from "./usage-error.ts";

/** Reads the jobs of another tool's file; which tool's it is can be seen in it. */
export function readImport(
  text: string,
  { file, format }: { file: string; format: ImportFormat | undefined },
): ImportedJob[] {
  if (/^\s*</.test(text))
    throw new UsageError(`${file} is XML, which is not read`, {
      hint: "Rundeck writes the same jobs as YAML: rd jobs list -p PROJECT --format yaml -f jobs.yaml",
    });
  if (format !== "rundeck" && isIni(text)) return importOfeliaIni(text);
  const document = parse(text, file);
  const fromLabels = format === "rundeck" ? undefined : importOfeliaLabels(document);
  if (fromLabels) return assertSome(fromLabels, file);
  if (format !== "ofelia" && looksLikeRundeck(document)) return importRundeck(document);
  throw new UsageError(`${file} holds no jobs that are known`, {
    hint: "Jobs of Rundeck (YAML), of Ofelia (ini), and Ofelia's labels in a compose file or in what docker inspect prints are read.",
  });
}

function isIni(text: string): boolean {
  return /^\s*\[(?:job-[a-z-]+\s[^\]\n]*|global)\]\s*$/m.test(text);
}

/** Aliases of YAML are few in a jobs file; many of them are an attack. */
function parse(text: string, file: string): unknown {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error) throw new UsageError(`${file} can not be read: ${error.message.split("\n")[0]}`);
  return document.toJS({ maxAliasCount: 100 }) as unknown;
}

function assertSome(jobs: ImportedJob[], file: string): ImportedJob[] {
  if (jobs.length > 0) return jobs;
  throw new UsageError(`${file} has no labels of Ofelia (ofelia.job-exec.NAME.…)`);
}

function looksLikeRundeck(document: unknown): boolean {
  const [first] = Array.isArray(document) ? document : [document];
  return first !== null && typeof first === "object" && "sequence" in first;
}
