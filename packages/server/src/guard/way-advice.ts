import type { TriedWayFinding } from "@deckhand/core";
import type { TriedWay } from "./ways/open-by-any-way.ts";
import type { Way } from "./ways/way.ts";

interface Meaning {
  readonly when: RegExp;
  /** In other words than those that were said. */
  readonly problem?: string;
  readonly advice: string | null;
}

/** What a way starts in the container. */
const PROGRAMS: Readonly<Partial<Record<Way["name"], string>>> = {
  shell: "/bin/sh",
  python: "python3",
  perl: "perl",
};
const NOT_FOUND = /no such file or directory|not found in \$?PATH|executable file .*not found/i;

const TMPFS = "Give it a place for programs in memory: docker run --tmpfs /run:exec";

/** What engines and our programs say, and what it means; the first that fits counts. */
const MEANINGS: readonly Meaning[] = [
  {
    when: /unable to find (user|group)|no matching entries in|no users found/i,
    problem: "the container knows no such user or group",
    advice: "Name a user of its /etc/passwd, or give a number.",
  },
  { when: /no directory can be written to and hold programs/, advice: TMPFS },
  {
    when: /\.deckhand-\d+\/.*permission denied/i,
    problem: "the directory that can be written to holds no programs",
    advice: TMPFS,
  },
  {
    when: /it could not be written to/,
    advice: "Is the container's memory or its disk used up? The guard needs less than 100 KiB.",
  },
  {
    when: /the container has no (head|mkdir|chmod|mv|rm)/,
    advice: "With python3, perl, or busybox in the image the guard can come another way.",
  },
  { when: /older than 3\.8/, advice: "With Python 3.8 or newer the guard starts from memory." },
  {
    when: /no memory file|started from memory/,
    advice: `The kernel or a security profile forbids programs in memory (vm.memfd_noexec, seccomp). ${TMPFS}`,
  },
  {
    when: /the guard did not start/,
    advice: "Is the container at its limit of processes or memory?",
  },
  {
    when: /somebody else listens/,
    advice: "A process in the container has taken the guard's socket; nothing is sent to it.",
  },
  { when: /no such image/i, advice: "Pull the sidecar's image on the engine first." },
  { when: /the user .* has no number/, advice: "Name the user by its number: --user 1234" },
];

/** Says in words why a way does not work, with what to do about it. */
export function explainTried({ way, problem }: TriedWay): TriedWayFinding {
  const meaning = MEANINGS.find(({ when }) => when.test(problem));
  if (meaning) return { way, problem: meaning.problem ?? problem, advice: meaning.advice };
  const program = PROGRAMS[way];
  const isMissing = program !== undefined && NOT_FOUND.test(problem);
  return { way, problem: isMissing ? `the container has no ${program}` : problem, advice: null };
}
