import { type Expectations, sessionContract } from "../testing/session-contract.ts";
import { attachedSession } from "./attached-session.ts";

const EXPECTED: Expectations = {
  way: "attached-exec",
  survivors: "named",
  reporterKilled: "exit-unknown",
};

sessionContract({
  title: "an attached exec",
  openSession: (engine) => attachedSession({ engine, directExec: false }),
  expectationsOf: () => EXPECTED,
});
