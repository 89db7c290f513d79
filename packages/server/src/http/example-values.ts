/** The same things in all examples: they tell one story. */
export const RUN = "run_01k9g4z7e0s2m4n6p8q0r2t4v6";
export const TOKEN = "tok_01k9g4z7e0s2m4n6p8q0r2t4v5";
export const TIME = {
  queued: "2026-11-20T21:00:00.020Z",
  started: "2026-11-20T21:00:00.110Z",
  finished: "2026-11-20T21:00:12.471Z",
};

export const SHA256 = "50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c";

/** The stored script that the examples run. */
export const SCRIPT = { name: "db/vacuum", version: 3, sha256: SHA256 };
