import { expect, test } from "vitest";
import { executionSpec } from "../sessions/testing/execution-spec.ts";
import { SH } from "../sessions/testing/launches.ts";
import type { ClientFrame, Offsets } from "./frames.ts";
import { GuardExecution } from "./guard-execution.ts";

const CHANNEL = 3;

function open(received?: Offsets): { execution: GuardExecution; sent: ClientFrame[] } {
  const sent: ClientFrame[] = [];
  const execution = new GuardExecution({
    spec: executionSpec({
      containerId: "c",
      program: { kind: "script", text: "yes", launch: SH },
    }),
    channel: CHANNEL,
    received,
    send: (frame) => sent.push(frame),
    onClosed: () => {},
    isPaused: async () => false,
  });
  return { execution, sent };
}

function say(execution: GuardExecution, offset: number, bytes: number): void {
  execution.take({
    type: "out",
    channel: CHANNEL,
    stream: "stdout",
    offset,
    bytes: Buffer.alloc(bytes),
  });
}

function acknowledged(sent: readonly ClientFrame[]): readonly Offsets[] {
  return sent.flatMap((frame) => (frame.type === "ack" ? [frame.offsets] : []));
}

test("what was acknowledged into a connection that broke is acknowledged again on the next one", () => {
  const { execution, sent } = open();
  execution.connect();
  execution.take({ type: "started", channel: CHANNEL, pid: 7 });
  say(execution, 0, 100);
  execution.running.acknowledge({ stdout: 100, stderr: 0 });
  sent.length = 0;
  execution.connect();
  expect(sent.map(({ type }) => type)).toEqual(["attach", "ack"]);
  expect(acknowledged(sent)).toEqual([{ stdout: 100, stderr: 0 }]);
});

test("what counts as acknowledged is what is on the disk, not what was received", () => {
  const { execution, sent } = open();
  execution.connect();
  execution.take({ type: "started", channel: CHANNEL, pid: 7 });
  say(execution, 0, 100);
  execution.running.acknowledge({ stdout: 40, stderr: 0 });
  sent.length = 0;
  execution.connect();
  expect(sent).toContainEqual({
    type: "attach",
    channel: CHANNEL,
    id: execution.id,
    offsets: { stdout: 100, stderr: 0 },
  });
  expect(acknowledged(sent)).toEqual([{ stdout: 40, stderr: 0 }]);
});

test("nothing is acknowledged before anything is on the disk", () => {
  const { execution, sent } = open({ stdout: 100, stderr: 0 });
  execution.connect();
  expect(acknowledged(sent)).toEqual([]);
});

test("of an execution that is taken up, what is on the disk already is acknowledged although nothing new comes", () => {
  const { execution, sent } = open({ stdout: 100, stderr: 5 });
  execution.connect();
  execution.running.acknowledge({ stdout: 100, stderr: 5 });
  expect(acknowledged(sent)).toEqual([{ stdout: 100, stderr: 5 }]);
});

test("what has ended is not acknowledged any more: its release is", () => {
  const { execution, sent } = open();
  execution.connect();
  execution.take({ type: "started", channel: CHANNEL, pid: 7 });
  say(execution, 0, 100);
  execution.take({
    type: "exit",
    channel: CHANNEL,
    how: "exit",
    value: 0,
    cause: "itself",
    produced: { stdout: 100, stderr: 0 },
    dropped: { stdout: 0, stderr: 0 },
    oomKills: 0,
    cpuMicros: 1,
    maxRssKib: 1,
    survivors: 0,
    leftovers: [],
  });
  execution.running.acknowledge({ stdout: 100, stderr: 0 });
  execution.running.release();
  expect(sent.map(({ type }) => type)).toEqual(["start", "release"]);
});
