import { type ResourceLimits, resourceLimits } from "../contract/run.ts";
import { findSizeBytes } from "./size-text.ts";

export type ResourceLimitName = keyof ResourceLimits;

interface ResourceLimitText {
  /** The key of a script's header without the @, and the option of the command line without the dashes. */
  readonly word: string;
  readonly takes: string;
  readonly read: (text: string) => unknown;
}

/** How limits are written where everything is text: in a script's header and on the command line. */
export const RESOURCE_LIMITS: Readonly<Record<ResourceLimitName, ResourceLimitText>> = {
  nice: { word: "nice", takes: "a whole number from -20 to 19", read: toWhole },
  oomScore: { word: "oom-score", takes: "a whole number from 0 to 1000", read: toWhole },
  cpuTime: { word: "cpu-time", takes: "whole seconds, such as 30s or 10m", read: asWritten },
  openFiles: { word: "open-files", takes: "a whole number from 1 to 2147483647", read: toWhole },
  fileBytes: { word: "file-size", takes: "a size, such as 10MiB", read: findSizeBytes },
  processes: { word: "max-processes", takes: "a whole number from 1 to 4194304", read: toWhole },
  umask: { word: "umask", takes: "three octal digits, such as 027", read: asWritten },
};

/** Reads one limit as the part of a request that it is; gives undefined when the text is none. */
export function readResourceLimit(
  name: ResourceLimitName,
  text: string,
): ResourceLimits | undefined {
  const { success, data } = resourceLimits.safeParse({ [name]: RESOURCE_LIMITS[name].read(text) });
  return success && data[name] !== undefined ? data : undefined;
}

function toWhole(text: string): number | undefined {
  return /^[+-]?\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function asWritten(text: string): string {
  return text;
}
