import { AppError, findNearMatch } from "@deckhand/core";
import type { KeptVersion } from "./kept-version.ts";

export function scriptExists(name: string, path: string): AppError {
  return new AppError("SCRIPT_EXISTS", {
    detail: `The name ${name} is taken by the file ${path}.`,
    hint: "Update that script, or choose another name.",
  });
}

export function scriptNotFound(
  name: string,
  entries: readonly { readonly name: string }[],
): AppError {
  const near = findNearMatch(
    name,
    entries.map((entry) => entry.name),
  );
  return new AppError("SCRIPT_NOT_FOUND", {
    detail: `There is no script ${name}${near === undefined ? "" : `; did you mean ${near}?`}`,
    hint: "See them all: deckhand scripts",
  });
}

export function versionNotFound(
  name: string,
  { asked, newest }: { asked: number; newest: number | undefined },
): AppError {
  return new AppError("SCRIPT_NOT_FOUND", {
    detail: `${name} has no version ${asked}; the newest is ${newest}.`,
    hint: `See its versions: deckhand scripts versions ${name}`,
  });
}

export function scriptUnusable(name: string, detail: string | undefined): AppError {
  return new AppError("SCRIPT_INVALID", { detail: `${name} can not be used: ${detail}.` });
}

export function versionConflict(
  name: string,
  { ifMatch, current }: { ifMatch: string; current: KeptVersion | undefined },
): AppError {
  const now = current
    ? `it is at version ${current.version} (${current.sha256.slice(0, 12)}) now`
    : "it is gone now";
  return new AppError("VERSION_CONFLICT", {
    detail: `${name} is not as you read it (${ifMatch.slice(0, 12)}): ${now}.`,
    hint: "Read it again, put your change into what it says now, and send that.",
    extra: {
      ifMatch,
      current: current ? { version: current.version, sha256: current.sha256 } : null,
    },
  });
}
