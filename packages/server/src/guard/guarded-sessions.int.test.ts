import { NOTHING_LETS_IN, sessionContract } from "../sessions/testing/session-contract.ts";
import { closeAll, openGuarded } from "./testing/open-guarded.ts";

sessionContract({
  title: "the guard",
  openSession: openGuarded,
  closeSession: closeAll,
  expectationsOf: (place) =>
    place === NOTHING_LETS_IN
      ? { way: "shell-files", survivors: "named", reporterKilled: "exit-unknown" }
      : { way: "guard", survivors: "ended", reporterKilled: "guard-gone" },
});
