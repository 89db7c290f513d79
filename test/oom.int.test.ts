import type { RunRequestInput } from "@deckhand/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DeckhandServer, startDeckhandServer } from "./support/deckhand-server.ts";
import { engines } from "./support/engines.ts";
import { onlyExecution } from "./support/run-requests.ts";
import { type TargetContainer, targetContainer } from "./support/target-container.ts";

/** How often each script runs; the full promise is 50. */
const ROUNDS = Number(process.env.DECKHAND_ROUNDS ?? 3);

/** More than half of what the container may have: by size alone the kernel would take the main process. */
const HOLD = "held = b'x' * (80 << 20)\nimport time\nwhile True: time.sleep(1000)";
const MEMORY = ["--memory", "128m", "--memory-swap", "128m"];
const EAT = "held = []\nwhile True: held.append(b'x' * (1 << 20))";

let server: DeckhandServer;
const made: TargetContainer[] = [];

beforeAll(async () => {
  server = await startDeckhandServer({ engines: [`local=unix://${engines().docker.socketPath}`] });
});

afterAll(async () => {
  await server?.close();
  for (const container of made) await container.remove();
});

async function holdingContainer(): Promise<TargetContainer> {
  const container = await targetContainer({
    image: engines().images.postgres,
    flags: MEMORY,
    command: ["python3", "-c", HOLD],
  });
  made.push(container);
  const isHolding = async () => {
    const status = await container.exec("cat", "/proc/1/status");
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
  };
  await expect.poll(isHolding, { timeout: 20_000 }).toBeGreaterThan(80 << 10);
  return container;
}

/** Another start or another process would show here. */
function mainProcess(container: TargetContainer): Promise<string> {
  return container.act(
    "inspect",
    "--format",
    "{{.State.Status}} {{.State.StartedAt}} {{.State.Pid}}",
  );
}

interface Eater {
  readonly request: Pick<RunRequestInput, "inline" | "user">;
  /** How the script itself ends. */
  readonly ends: { readonly signal: string | null; readonly exitCode: number };
}

const EATERS: Readonly<Record<string, Eater>> = {
  "the script itself": {
    request: { inline: { text: EAT, interpreter: "python3" } },
    ends: { signal: "SIGKILL", exitCode: 137 },
  },
  "the script itself, as a user without rights": {
    request: { inline: { text: EAT, interpreter: "python3" }, user: "1234" },
    ends: { signal: "SIGKILL", exitCode: 137 },
  },
  "a program that the script starts": {
    request: {
      inline: { text: `python3 -c "${EAT}"; exit $?`, interpreter: "sh" },
    },
    ends: { signal: null, exitCode: 137 },
  },
  "what the script leaves in the background": {
    request: {
      inline: {
        text: `(setsid python3 -c "${EAT}" & echo $! >/tmp/eater)
while kill -0 "$(cat /tmp/eater)" 2>/dev/null; do sleep 0.05; done; exit 5`,
        interpreter: "sh",
      },
    },
    ends: { signal: null, exitCode: 5 },
  },
};

for (const [name, { request, ends }] of Object.entries(EATERS)) {
  test(
    `when ${name} eats all memory, that is killed and the main process is not`,
    async () => {
      const container = await holdingContainer();
      const before = await mainProcess(container);
      let kills = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const ended = await server.run({ ...request, on: [`name=${container.name}`] });
        const execution = onlyExecution(ended);
        expect(await mainProcess(container), JSON.stringify(execution)).toBe(before);
        expect(ended.state, JSON.stringify(execution)).toBe("failed");
        const oomKills = execution.usage?.oomKills ?? 0;
        // Where the first has not given its memory back in time, the kernel takes the next: the script itself.
        const isNextToo = oomKills > 1 && execution.signal === "SIGKILL";
        expect(execution).toMatchObject({
          ...(isNextToo ? { exitCode: 137 } : ends),
          guarantees: { way: "guard" },
          leftovers: [],
        });
        expect(oomKills).toBeGreaterThanOrEqual(1);
        kills += oomKills;
      }
      console.log(
        `${ROUNDS} of ${ROUNDS} times the main process lived; ${kills} processes of scripts were killed`,
      );
    },
    120_000 + ROUNDS * 10_000,
  );
}

test("the same script by docker exec kills the main process", async () => {
  const container = await holdingContainer();
  await container.exec("python3", "-c", EAT);
  const state = () => container.act("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}");
  await expect.poll(state, { timeout: 20_000 }).toBe("exited 137");
});
