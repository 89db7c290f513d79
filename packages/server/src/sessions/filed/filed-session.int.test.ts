import { type Expectations, sessionContract } from "../testing/session-contract.ts";
import { attachedSession } from "../attached/attached-session.ts";
import { filedSession } from "./filed-session.ts";

const BY_FILES: Expectations = {
  way: "shell-files",
  survivors: "named",
  reporterKilled: "exit-unknown",
};

sessionContract({
  title: "an execution in files",
  openSession: (engine) =>
    filedSession({ engine, fallback: attachedSession({ engine, directExec: false }) }),
  // Debian has perl, and an attached exec has a reaper then.
  expectationsOf: (place) =>
    place.includes("busybox") ? BY_FILES : { ...BY_FILES, way: "attached-exec" },
});
