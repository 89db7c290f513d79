import { randomBytes } from "node:crypto";
import type { Guarantees, OutcomeReason, ScriptLaunch } from "@deckhand/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { engines } from "../../../../../test/support/engines.ts";
import { dockerEngine } from "../../engines/docker/docker-engine.ts";
import type { Engine } from "../../engines/engine.ts";
import {
  dockerCommand,
  type EngineCommand,
  type SuiteContainer,
  startContainer,
} from "../../engines/testing/engine-command.ts";
import type { ExecutionSpec, RunningExecution, Session } from "../session.ts";
import { executionSpec } from "./execution-spec.ts";
import { readToEnd } from "./read-to-end.ts";
import { SH } from "./launches.ts";

/** How often each of the nastier scripts is stopped; the full promise is 100. */
const ROUNDS = Number(process.env.DECKHAND_ROUNDS ?? 3);
/** Grace + 1 s is the promise; a busy machine may need longer to schedule us. */
const STOPPED_WITHIN_MS = 6_000;

const BASH: ScriptLaunch = { ...SH, commands: ["bash"] };

const { docker, podman, images } = engines();
const PODMAN_FLAGS = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];

interface Place {
  readonly name: string;
  readonly socketPath: string;
  readonly image: string;
  readonly flags: readonly string[];
  readonly launch: ScriptLaunch;
}

const HARDENED_FLAGS = [
  "--read-only",
  "--user",
  "1234",
  ...["--cap-drop", "ALL", "--security-opt", "no-new-privileges"],
];
/** No directory holds programs that may be started, and no interpreter could start one from memory. */
export const NOTHING_LETS_IN =
  "Docker, busybox, read-only, uid 1234, no capability, no new privileges";

const PLACES: readonly Place[] = [
  {
    name: "Docker, busybox",
    socketPath: docker.socketPath,
    image: images.busybox,
    flags: [],
    launch: SH,
  },
  {
    name: "Docker, Debian's dash and bash",
    socketPath: docker.socketPath,
    image: images.postgres,
    flags: ["--entrypoint", ""],
    launch: BASH,
  },
  {
    name: "Podman, busybox",
    socketPath: podman.socketPath,
    image: images.busybox,
    flags: PODMAN_FLAGS,
    launch: SH,
  },
  {
    name: "Docker, Debian, read-only, uid 1234, no capability, no new privileges",
    socketPath: docker.socketPath,
    image: images.postgres,
    flags: ["--entrypoint", "", ...HARDENED_FLAGS],
    launch: BASH,
  },
  {
    name: NOTHING_LETS_IN,
    socketPath: docker.socketPath,
    image: images.busybox,
    flags: HARDENED_FLAGS,
    launch: SH,
  },
];

export interface SessionContractOptions {
  /** Of the suite: `an attached exec`. */
  readonly title: string;
  readonly openSession: (engine: Engine) => Session;
  readonly closeSession?: () => void;
  /** What is to be expected in the place of this name. */
  readonly expectationsOf: (place: string) => Expectations;
}

export interface Expectations {
  readonly way: Guarantees["way"];
  /** What becomes of background processes when their script has ended. */
  readonly survivors: "named" | "ended";
  /** The reason when somebody kills what watches the script. */
  readonly reporterKilled: OutcomeReason["code"];
}

/** Each way of executions passes this suite in each place. */
export function sessionContract({
  title,
  openSession,
  closeSession,
  expectationsOf,
}: SessionContractOptions): void {
  for (const place of PLACES) {
    const way = expectationsOf(place.name);
    describe(`${title} on ${place.name}`, () => {
      let engine: Engine;
      let session: Session;
      let container: SuiteContainer;
      let command: EngineCommand;

      const toSpec = (text: string, more: Partial<ExecutionSpec> = {}): ExecutionSpec =>
        executionSpec({
          containerId: container.id,
          program: { kind: "script", text, launch: place.launch },
          ...more,
        });
      const start = async (
        text: string,
        more?: Partial<ExecutionSpec>,
      ): Promise<RunningExecution> => {
        const result = await session.start(toSpec(text, more));
        if (result.kind !== "started") throw new Error(JSON.stringify(result));
        expect(result.execution.guarantees.way).toBe(way.way);
        return result.execution;
      };
      const run = async (text: string, more?: Partial<ExecutionSpec>) =>
        readToEnd(await start(text, more));
      /** Commands of all processes in the container, as the engine's host sees them. */
      const processes = async () =>
        (await engine.listProcesses(container.id)).map((one) => one.command);

      beforeAll(async () => {
        command = dockerCommand(place.socketPath);
        engine = dockerEngine({ name: "test", address: `unix://${place.socketPath}` });
        session = openSession(engine);
        container = await startContainer(command, { image: place.image, flags: place.flags });
      });

      afterAll(async () => {
        closeSession?.();
        await container?.remove();
        engine?.close();
      });

      test("output, exit code and both streams come as they are", async () => {
        const { outcome, stdout, stderr } = await run("printf 'a\\000b'; echo oops >&2; exit 3");
        expect(stdout).toEqual(Buffer.from("a\0b"));
        expect(stderr.toString()).toBe("oops\n");
        expect(outcome).toMatchObject({
          kind: "exited",
          exitCode: 3,
          signal: undefined,
          outputComplete: true,
        });
      });

      test("an end by signal is told, without a word of our shell in the script's output", async () => {
        const { outcome, stderr } = await run("kill -9 $$");
        expect(outcome).toMatchObject({ kind: "exited", exitCode: 137, signal: "SIGKILL" });
        expect(stderr.toString()).toBe("");
      });

      test("arguments, variables and the script itself arrive byte for byte through the shell", async () => {
        const value = fc.oneof(
          fc.string({ unit: "binary", maxLength: 60 }),
          fc.constantFrom(
            "$(id)",
            "`id`",
            "'\"'",
            "a\\b\\",
            "-n",
            "--",
            "",
            "\n",
            "x\n\n",
            "*",
            "~",
            "é漢🚢",
            "\u001e",
            "%s%n",
            "!!",
            "a=b",
          ),
        );
        const clean = value.map((text) => text.replaceAll("\0", "").toWellFormed());
        await fc.assert(
          fc.asyncProperty(fc.array(clean, { minLength: 20, maxLength: 30 }), async (values) => {
            const env = Object.fromEntries(values.map((one, index) => [`VALUE_${index}`, one]));
            const text = `for one in "$@"; do printf '%s\\000' "$one"; done\n${values.map((_, index) => `printf '%s\\000' "$VALUE_${index}"`).join("\n")}\n`;
            const { stdout, outcome } = await run(text, { args: values, env });
            expect(outcome).toMatchObject({ kind: "exited", exitCode: 0 });
            expect(stdout.toString().split("\0").slice(0, -1)).toEqual([...values, ...values]);
          }),
          { numRuns: 8 },
        );
      });

      test("standard input arrives byte for byte and ends; without one it is empty", async () => {
        const stdin = randomBytes(200_000);
        expect((await run("cat", { stdin })).stdout.equals(stdin)).toBe(true);
        expect((await run("cat; echo end")).stdout.toString()).toBe("end\n");
      });

      test("a command line is run as a program, never as a word of the shell", async () => {
        const argv = (...words: string[]) => run("", { program: { kind: "argv", argv: words } });
        expect((await argv("echo", "$HOME", "a  b")).stdout.toString()).toBe("$HOME a  b\n");
        expect((await argv("exit", "5")).outcome).toMatchObject({ kind: "exited", exitCode: 127 });
      });

      test("nothing of ours is left in the script's environment but its marks, and nothing in the container", async () => {
        const { stdout } = await run(
          "env | grep ^DECKHAND_ | cut -d= -f1 | sort | tr '\\n' ' '; ls -a /dev/shm /tmp | grep deckhand-exe",
        );
        expect(stdout.toString().trim()).toBe("DECKHAND_EXECUTION_ID DECKHAND_RUN_ID");
      });

      test("an interpreter that wants a file gets one, which is gone afterwards", async () => {
        const program = {
          kind: "script" as const,
          text: 'echo "$0"; cat "$0" | wc -l',
          launch: { ...place.launch, delivery: "file" as const },
        };
        const { stdout } = await run("", { program });
        expect(stdout.toString()).toMatch(/\.deckhand-exe_\w+\.sh\n0/);
        const { stdout: left } = await run("ls -a /dev/shm /tmp | grep deckhand-exe || echo none");
        expect(left.toString()).toBe("none\n");
      });

      test("a missing interpreter, user or directory is rejected before anything ran", async () => {
        const launch = { ...SH, commands: ["fish", "zsh"] };
        const missing = await session.start(
          toSpec("", { program: { kind: "script", text: "x", launch } }),
        );
        expect(missing).toMatchObject({
          kind: "rejected",
          reason: { code: "interpreter-missing", detail: "The container has no fish or zsh." },
        });
        expect(await session.start(toSpec("x", { user: "who-is-that" }))).toMatchObject({
          kind: "rejected",
          reason: { code: "user-unknown" },
        });
        const large = { LARGE: "x".repeat(140_000) };
        expect(await session.start(toSpec("x", { env: large }))).toMatchObject({
          kind: "rejected",
          reason: { code: "environment-too-large" },
        });
      });

      test("five megabytes come whole, in the order of each stream", async () => {
        const { stdout, outcome } = await run(
          "i=0; while [ $i -lt 5 ]; do head -c 1048576 /dev/zero; i=$((i+1)); done",
        );
        expect(stdout.length).toBe(5 * 1048576);
        expect(outcome).toMatchObject({ outputComplete: true, dropped: { stdout: 0, stderr: 0 } });
      });

      test("a script of half a megabyte runs", async () => {
        const { stdout } = await run(`${"# filler é\n".repeat(45_000)}echo end`);
        expect(stdout.toString()).toBe("end\n");
      });

      test(`a background child that keeps the output open does not hold the end up, and is ${way.survivors}`, async () => {
        const from = performance.now();
        const { outcome } = await run("sleep 41 & echo begun");
        expect(performance.now() - from).toBeLessThan(STOPPED_WITHIN_MS);
        expect(outcome).toMatchObject({ kind: "exited", exitCode: 0 });
        const expected = way.survivors === "named" ? 1 : 0;
        if (outcome.kind === "exited") expect(outcome.leftovers.length).toBe(expected);
        expect((await processes()).filter((one) => /sleep 41/.test(one)).length).toBe(expected);
      });

      const ZOO: Readonly<Record<string, string>> = {
        "ignores TERM": "trap '' TERM; sleep 4242 & wait; sleep 4242",
        "left the session":
          "setsid sleep 4242 & setsid sh -c 'trap \"\" TERM; sleep 4242' & wait; sleep 4242",
        "double fork": "(sh -c 'sleep 4242 & setsid sleep 4242 &' &); sleep 4242",
        "cleared its environment": "env -i sleep 4242 & (env -i sh -c 'sleep 4242' &); sleep 4242",
        "nested shells": 'sh -c "sh -c \'sh -c \\"sleep 4242\\"; true\'; true"; true',
        "closed its output": "exec >&- 2>&-; sleep 4242",
        "floods its output": "yes & yes >&2",
      };

      for (const [name, text] of Object.entries(ZOO)) {
        test(`stop ends a script that ${name}, with all of its processes`, async () => {
          for (let round = 0; round < ROUNDS; round++) {
            const execution = await start(text);
            const ended = readToEnd(execution);
            await new Promise((resolve) => setTimeout(resolve, 150));
            const from = performance.now();
            const leftovers = await execution.stop({ graceMs: 200 });
            expect(leftovers).toEqual([]);
            expect((await ended).outcome.kind).toBe("exited");
            expect(performance.now() - from).toBeLessThan(STOPPED_WITHIN_MS);
            expect((await processes()).filter((one) => /sleep 4242|^yes/.test(one))).toEqual([]);
          }
        });
      }

      test("when the process that reports is killed the script is lost, not guessed", async () => {
        const execution = await start("sleep 43 & kill -9 $PPID; wait");
        const { outcome } = await readToEnd(execution);
        expect(outcome).toMatchObject({ kind: "lost", reason: { code: way.reporterKilled } });
      });
    });
  }
}
