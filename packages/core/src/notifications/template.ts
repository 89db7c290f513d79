import { findNearMatch } from "../near-match.ts";

/** What a template can name. */
export const PLACEHOLDERS = [
  "event",
  "run.id",
  "run.title",
  "run.script",
  "run.state",
  "run.origin",
  "run.by",
  "run.reason",
  "run.counts",
  "run.failedTargets",
  "run.startedAt",
  "run.finishedAt",
  "run.duration",
  "run.url",
] as const;
export type Placeholder = (typeof PLACEHOLDERS)[number];
export type TemplateValues = Readonly<Record<Placeholder, string>>;

const PART = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g;

/** Says what is wrong with a template; undefined when nothing is. */
export function templateProblem(template: string): string | undefined {
  for (const [whole, name] of template.matchAll(PART)) {
    if (name !== undefined && !isPlaceholder(name)) return unknownPlaceholder(name);
    if (whole === "{" || whole === "}")
      return `a brace by itself is written twice: ${whole}${whole}`;
  }
  return undefined;
}

function unknownPlaceholder(name: string): string {
  const near = findNearMatch(name, PLACEHOLDERS);
  const advice = near ? `did you mean {${near}}?` : `known are ${PLACEHOLDERS.join(", ")}`;
  return `there is no {${name.slice(0, 40)}}; ${advice}`;
}

function isPlaceholder(name: string): name is Placeholder {
  return (PLACEHOLDERS as readonly string[]).includes(name);
}

/** Puts escaped values in the places of a template; `{{` and `}}` stand for braces. What a value holds is never read again. */
export function fillTemplate(
  template: string,
  values: TemplateValues,
  escape: (value: string) => string,
): string {
  return template.replaceAll(PART, (whole, name: string | undefined) => {
    if (name === undefined) return whole.charAt(0);
    return isPlaceholder(name) ? escape(values[name]) : whole;
  });
}
