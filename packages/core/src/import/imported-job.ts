import type { ScheduleBodyInput } from "../contract/schedule.ts";

/** What could not be taken over as it was, where, and why. */
export interface ImportFinding {
  /** `sequence.commands[0]`; empty for the job as a whole. */
  readonly place: string;
  /**
   * `refused`: the job is not imported for that; `left-out`: it is imported without it; `changed`: it is imported and does
   * something else in that.
   */
  readonly kind: "refused" | "left-out" | "changed";
  readonly detail: string;
}

export interface ImportedSchedule {
  readonly name: string;
  readonly body: ScheduleBodyInput;
}

/** One job of another tool, as far as it maps. */
export interface ImportedJob {
  /** As it is called there, or how it is found in the file. */
  readonly job: string;
  /** Nothing when it is refused. */
  readonly script: { readonly path: string; readonly text: string } | null;
  /** It is off until somebody turns it on. */
  readonly schedule: ImportedSchedule | null;
  readonly findings: readonly ImportFinding[];
}

/** Collects findings about one job. */
export interface Findings {
  readonly all: ImportFinding[];
  add(kind: ImportFinding["kind"], place: string, detail: string): void;
  readonly isRefused: boolean;
}

export function newFindings(): Findings {
  const all: ImportFinding[] = [];
  return {
    all,
    add: (kind, place, detail) => {
      all.push({ place, kind, detail });
    },
    get isRefused() {
      return all.some(({ kind }) => kind === "refused");
    },
  };
}

/** Why something is left out: what is known of it, or that there is nothing like it here. */
export function explainLeftOut(details: Readonly<Record<string, string>>, key: string): string {
  return (Object.hasOwn(details, key) ? details[key] : undefined) ?? "has no counterpart";
}

/** Makes a part of a script's name out of any text; `""` when nothing of it is left. */
export function toSegment(text: string): string {
  return text
    .replaceAll(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9_]+/, "")
    .replace(/[-.]+$/, "")
    .slice(0, 60);
}

/** Makes a definition's name out of a script's. */
export function toScheduleName(scriptName: string): string {
  return scriptName
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]+/g, "-")
    .replace(/^[^a-z0-9]+/, "")
    .slice(0, 63);
}

/** Writes a text as one word for a shell. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Writes a text so that a header reads it back; breaks of lines have no place there. */
export function quoteForHeader(text: string): string {
  const escaped = text.replaceAll(/["\\]/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\r", "\\r");
  return `"${escaped.replaceAll("\t", "\\t")}"`;
}

/** Puts any text into one line of a header. */
export function toOneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
