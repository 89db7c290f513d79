import type { ImportedJob } from "./imported-job.ts";
import { importOfeliaJob, type OfeliaJob } from "./import-ofelia.ts";

/** A container, or a service of a compose file, with its labels. */
interface Labelled {
  /** A selector that picks it. */
  readonly on: string;
  readonly labels: Readonly<Record<string, string>>;
}

const LABEL = /^ofelia\.(job-[a-z-]+)\.([^.]+)\.(.+)$/;

/** Reads the jobs in the labels of `docker inspect`'s answer or of a compose file, parsed; gives nothing for other documents. */
export function importOfeliaLabels(document: unknown): ImportedJob[] | undefined {
  const labelled = Array.isArray(document) ? readInspected(document) : readServices(document);
  return labelled?.flatMap((one) => toJobs(one).map(importOfeliaJob));
}

function toJobs({ on, labels }: Labelled): OfeliaJob[] {
  const jobs = new Map<
    string,
    { kind: string; name: string; on: string; entries: [string, string][] }
  >();
  for (const [label, value] of Object.entries(labels)) {
    const [, kind, name, key] = LABEL.exec(label) ?? [];
    if (kind === undefined || name === undefined || key === undefined) continue;
    const job = jobs.get(`${kind} ${name}`) ?? { kind, name, on, entries: [] };
    job.entries.push([key, value]);
    jobs.set(`${kind} ${name}`, job);
  }
  return [...jobs.values()];
}

function readInspected(document: readonly unknown[]): Labelled[] | undefined {
  const containers = document as readonly { Name?: unknown; Config?: { Labels?: unknown } }[];
  if (!containers.every((one) => typeof one?.Name === "string" && one.Config)) return undefined;
  return containers.map(({ Name, Config }) => ({
    on: `name=${String(Name).replace(/^\//, "")}`,
    labels: readLabels(Config?.Labels),
  }));
}

function readServices(document: unknown): Labelled[] | undefined {
  const { services } = (document ?? {}) as {
    services?: Record<string, { labels?: unknown; container_name?: unknown }>;
  };
  if (services === null || typeof services !== "object") return undefined;
  return Object.entries(services).map(([service, said]) => ({
    on:
      typeof said?.container_name === "string"
        ? `name=${said.container_name}`
        : `service=${service}`,
    // Compose reads one dollar for two.
    labels: readLabels(said?.labels, (value) => value.replaceAll("$$", () => "$")),
  }));
}

/** A map, or a list of `name=value`. */
function readLabels(
  labels: unknown,
  decode: (value: string) => string = (value) => value,
): Record<string, string> {
  const pairs = Array.isArray(labels)
    ? labels.map((label) => /^([^=]*)=?([\s\S]*)$/.exec(String(label))?.slice(1) ?? [])
    : Object.entries((labels ?? {}) as Record<string, unknown>);
  return Object.fromEntries(pairs.map(([name, value]) => [String(name), decode(String(value))]));
}
