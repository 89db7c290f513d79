import { EXIT } from "./exit-codes.ts";

/** Something that the command line itself refuses, with what to do about it. */
export class UsageError extends Error {
  readonly hint: string | undefined;
  readonly exitCode: number;

  constructor(
    message: string,
    options: { readonly hint?: string; readonly exitCode?: number } = {},
  ) {
    super(message);
    this.name = "UsageError";
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? EXIT.usage;
  }
}
