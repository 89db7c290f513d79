export interface NastyScript {
  /** What it does first; nothing of this keeps the script's output open. */
  readonly text: string;
  /** How it ends when nobody stops it. */
  readonly end?: string;
  readonly exitCode?: number;
  readonly signal?: string;
}

/** Runs in the background as nobody's child: the subshell that started it ends at once. */
const orphan = (text: string) => `(sh -c '${text}' >/dev/null 2>&1 &)`;

/**
 * What people's scripts do, and worse. Each leaves processes that would become children of the container's PID 1, and
 * many of those end in a way by which PostgreSQL takes them for a crashed backend of its own.
 */
export const NASTY_SCRIPTS: Readonly<Record<string, NastyScript>> = {
  "leaves orphans by setsid": {
    text: "for i in 1 2 3; do (setsid sleep 900 >/dev/null 2>&1 &); done",
  },
  "forks twice": {
    text: `python3 -c '
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in (0, 1, 2): os.close(fd)
        time.sleep(900)
    os._exit(0)
os.wait()'`,
  },
  "kills its own children with 9": {
    text: `for i in 1 2 3; do sleep 900 & kill -9 $!; done; ${orphan("kill -9 $$")}; sleep 0.1`,
  },
  "kills its orphans with 9": {
    text: `pids=$(for i in 1 2 3; do (setsid sleep 900 >/dev/null 2>&1 & echo $!); done); sleep 0.1; kill -9 $pids; sleep 0.1`,
  },
  "leaves background jobs that end by every signal": {
    text: `python3 -c '
import os, signal
for number in (1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15):
    if os.fork() == 0:
        if os.fork() == 0:
            if number != 9: signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        os._exit(0)
    os.wait()'
sleep 0.1`,
  },
  "leaves background jobs that end with 2 to 255": {
    text: `code=2; while [ $code -le 255 ]; do (sh -c "exit $code" >/dev/null 2>&1 &); code=$((code + 1)); done; sleep 0.2`,
  },
  "ends before its background jobs, which end with 3": {
    text: `for i in 1 2 3 4; do ${orphan("sleep 0.1; exit 3")}; done`,
  },
  "ends before its background jobs, which are killed": {
    text: `(setsid sh -c 'sleep 0.2; kill -9 $$' >/dev/null 2>&1 &)`,
  },
  "is killed with its children alive": {
    text: "sleep 900 >/dev/null 2>&1 & (setsid sleep 900 >/dev/null 2>&1 &)",
    end: "kill -9 $$",
    signal: "SIGKILL",
  },
  "hides its orphans and ignores TERM": {
    text: `(env -i setsid sh -c 'trap "" TERM; sleep 900; sleep 900' >/dev/null 2>&1 &)`,
  },
  "is a pipeline whose parts end one after the other": {
    text: "yes | head -n 1 >/dev/null; (yes | sleep 900 >/dev/null 2>&1 &)",
    end: "exit 9",
    exitCode: 9,
  },
  "forks on and on": {
    text: `(setsid sh -c 'trap "" TERM; f() { sleep 0.02; [ $1 = 0 ] || (f $(($1 - 1))) & exit 5; }; f 400' >/dev/null 2>&1 &)`,
  },
  "closes everything and stays": {
    text: `(setsid sh -c 'exec 0<&- 1>&- 2>&-; cd /; sleep 900; exit 4' &)`,
    end: "exit 255",
    exitCode: 255,
  },
};
