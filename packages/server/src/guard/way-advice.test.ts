import { expect, test } from "vitest";
import { explainTried } from "./way-advice.ts";
import type { TriedWay } from "./ways/open-by-any-way.ts";

const NOT_THERE =
  'OCI runtime exec failed: exec failed: unable to start container process: exec: "python3": executable file not found in $PATH: unknown';

test.each<[TriedWay["way"], string, string, RegExp | null]>([
  ["python", NOT_THERE, "the container has no python3", null],
  [
    "shell",
    'exec: "/bin/sh": stat /bin/sh: no such file or directory',
    "the container has no /bin/sh",
    null,
  ],
  [
    "shell",
    "unable to find user bob: no matching entries in passwd file",
    "the container knows no such user or group",
    /number/,
  ],
  [
    "python",
    "it can not be started from memory: [Errno 13] Permission denied",
    "it can not be started from memory: [Errno 13] Permission denied",
    /memfd_noexec/,
  ],
  ["sidecar", "No such image: busybox:1", "No such image: busybox:1", /Pull/],
  // What the engine does not find for an archive is no program of the image.
  [
    "archive",
    "stat /.deckhand: no such file or directory",
    "stat /.deckhand: no such file or directory",
    null,
  ],
  ["perl", "something nobody has seen before", "something nobody has seen before", null],
])("%s: %s", (way, said, problem, advice) => {
  const explained = explainTried({ way, problem: said });
  expect(explained.problem).toBe(problem);
  if (advice) expect(explained.advice).toMatch(advice);
  else expect(explained.advice).toBeNull();
});
