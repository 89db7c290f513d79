import { AppError, type ErrorCode } from "@deckhand/core";

const CODE_BY_ERRNO: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: "STORAGE_FULL",
  EDQUOT: "STORAGE_FULL",
  EROFS: "STORAGE_UNAVAILABLE",
  EACCES: "STORAGE_UNAVAILABLE",
  EPERM: "STORAGE_UNAVAILABLE",
  EIO: "STORAGE_UNAVAILABLE",
  EMFILE: "STORAGE_UNAVAILABLE",
  ENFILE: "STORAGE_UNAVAILABLE",
  ENOENT: "STORAGE_UNAVAILABLE",
  ENOTDIR: "STORAGE_UNAVAILABLE",
  EBUSY: "STORAGE_UNAVAILABLE",
  ESTALE: "STORAGE_UNAVAILABLE",
};

/** Translates what the file system throws while `what` is done in a directory; anything else comes back as it is. */
export function toFileError(error: unknown, what: string): unknown {
  const code = CODE_BY_ERRNO[errnoOf(error)];
  if (!code) return error;
  const hint =
    code === "STORAGE_FULL"
      ? "Free space on its disk."
      : "Look at its permissions and at its disk.";
  return new AppError(code, { detail: `${what} failed (${errnoOf(error)}).`, hint, cause: error });
}

export function errnoOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : "";
}

export function isGone(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes(errnoOf(error));
}
