import { afterAll, beforeAll, expect, test } from "vitest";
import { atOnce } from "./support/at-once.ts";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import {
  describeProcess,
  isGuards,
  newSince,
  processesInside,
} from "./support/processes-inside.ts";
import { onlyExecution } from "./support/run-requests.ts";
import { type TargetContainer, targetContainer } from "./support/target-container.ts";

/** The full promise is 10000. */
const RUNS = Number(process.env.DECKHAND_SOAK_RUNS ?? 200);
const AT_ONCE = 16;

/** None of them writes a file; each leaves something running, or ends something that PID 1 would have to reap. */
const SCRIPTS: readonly string[] = [
  "(setsid sleep 900 >/dev/null 2>&1 &); echo end",
  "( (sleep 900 >/dev/null 2>&1 &) & ); echo end",
  "sleep 900 & sleep 900 & echo end",
  `(setsid sh -c 'trap "" TERM; sleep 900; sleep 900' >/dev/null 2>&1 &); echo end`,
  `(env -i setsid sh -c 'sleep 900; sleep 900' >/dev/null 2>&1 &); echo end`,
  "for i in 1 2 3 4 5; do (sh -c 'exit 3' &); (sh -c 'kill -9 $$' &); done; echo end",
  "echo end; (sleep 900 >/dev/null 2>&1 &); kill -9 $$",
];

let server: DeckhandServer;
let container: TargetContainer;

beforeAll(async () => {
  server = await startDeckhandServer({ engines: [`local=unix://${engines().docker.socketPath}`] });
  container = await targetContainer({});
});

afterAll(async () => {
  await server?.close();
  await container?.remove();
});

/** What the engine sees changed in the image's own files, and what is in the places that it does not look into. */
async function files(): Promise<readonly string[]> {
  const changed = await container.act("diff");
  const found = await container.exec("find", "/tmp", "/run", "/dev/shm", "/var/tmp");
  return [...changed.split("\n"), ...found.split("\n")].filter(Boolean).sort();
}

test(
  "many runs that leave something behind leave nothing in a container whose PID 1 reaps nothing",
  async () => {
    const on = [`name=${container.name}`];
    const first = await server.run({ inline: { text: "echo end", interpreter: "sh" }, on });
    expect(first.state).toBe("succeeded");
    const processesBefore = await processesInside(container);
    const filesBefore = await files();
    const from = performance.now();
    await atOnce(AT_ONCE, Array.from({ length: RUNS }), async (_, index) => {
      const text = SCRIPTS[index % SCRIPTS.length] ?? "";
      const ended = await server.run({ inline: { text, interpreter: "sh" }, on });
      const { output, signal, leftovers, reason, guarantees } = onlyExecution(ended);
      const context = `${text}: ${JSON.stringify(reason)}`;
      expect([output.stdout, signal], context).toEqual([
        "end\n",
        text.endsWith("kill -9 $$") ? "SIGKILL" : null,
      ]);
      expect(ended.state, context).toBe(signal ? "failed" : "succeeded");
      expect(leftovers, context).toEqual([]);
      expect(guarantees).toMatchObject({ way: "guard", stop: "tree" });
    });
    const tookMs = performance.now() - from;

    const left = async () =>
      newSince(processesBefore, await processesInside(container)).map(describeProcess);
    await expect.poll(left, { timeout: 10_000 }).toEqual([]);
    await expect.poll(files, { timeout: 10_000 }).toEqual(filesBefore);
    const processes = await processesInside(container);
    expect(processes.filter(({ isZombie }) => isZombie)).toEqual([]);
    expect(processes.filter((one) => !isGuards(one)).map(({ command }) => command)).toEqual([
      "sleep",
    ]);
    console.log(
      `${RUNS} runs, ${AT_ONCE} at once, in ${Math.round(tookMs / 1000)} s: 0 zombies, 0 processes and 0 files left ` +
        `but the guard's own: ${processes.filter(isGuards).map(describeProcess).join(", ")}; ${filesBefore.join(", ")}`,
    );
  },
  120_000 + RUNS * 500,
);
