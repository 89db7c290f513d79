/** A set-up step that can not go on by itself: says what happened and what to do about it. */
export class SetUpError extends Error {
  constructor(message, { hint = "", exitCode = 1, cause } = {}) {
    super(message, { cause });
    this.name = "SetUpError";
    this.hint = hint;
    this.exitCode = exitCode;
  }
}

// 69 is EX_UNAVAILABLE of sysexits.h: something needed is not there.
export const EXIT_UNAVAILABLE = 69;
