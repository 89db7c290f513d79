import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { beforeAll, describe, expect, test } from "vitest";
import { decodeFrame } from "../packages/server/src/guard/decode-frame.ts";
import type { ClientFrame, GuardFrame, StartFrame } from "../packages/server/src/guard/frames.ts";
import { VECTORS, type Vector } from "../packages/server/src/guard/testing/vectors.ts";
import { buildGuardTest, commandFor, HOST_ARCH } from "./support/guard-programs.ts";

const PROGRAMS = [
  { program: "vectors-sanitized", arch: HOST_ARCH },
  { program: "vectors-x86_64", arch: "x86_64" },
  { program: "vectors-aarch64", arch: "aarch64" },
];
const UNSET_U64 = "18446744073709551615";
const UNSET_I32 = -0x8000_0000;

const toGuard = VECTORS.filter(({ direction }) => direction === "to-guard");
// What HELLO says of the process and its version is the process's own.
const fromGuard = VECTORS.filter(
  ({ direction, frame }) => direction === "from-guard" && frame && frame.type !== "hello",
);

describe.each(PROGRAMS)("the guard's own functions, as $program", ({ program, arch }) => {
  let path: string;

  beforeAll(async () => {
    path = await buildGuardTest(program);
  });

  test("read every frame that the server sends, and refuse what is none", async () => {
    const answers = await ask(toGuard.map(({ bytes }) => `read ${bytes.toString("hex")}`));
    for (const [index, { name, frame }] of toGuard.entries()) {
      const meaning = frame ? describeFrame(frame as ClientFrame) : "bad";
      expect(answers[index], name).toBe(meaning);
    }
  });

  test("write every frame as the server reads it", async () => {
    const answers = await ask(fromGuard.map(({ frame }) => `write ${toWords(frame)}`));
    for (const [index, { name, bytes }] of fromGuard.entries())
      expect(answers[index], name).toBe(bytes.toString("hex"));
  });

  test("say hello with the version of the protocol", async () => {
    const instance = "00112233445566778899aabbccddeeff";
    const [answer = ""] = await ask([`write hello ${instance}`]);
    const frame = decodeFrame(0x81, Buffer.from(answer, "hex").subarray(5));
    expect(frame).toMatchObject({ type: "hello", protocol: 1, instance, executions: 512 });
    expect(frame).toMatchObject({ uid: process.getuid?.(), version: "development" });
  });

  test("never read beyond a frame that was cut off", async () => {
    const frames = toGuard
      .filter(({ frame }) => frame)
      .flatMap(({ bytes }) =>
        Array.from({ length: bytes.length - 5 }, (_, index) => withLength(bytes, index + 5)),
      );
    const answers = await ask(frames.map((bytes) => `read ${bytes.toString("hex")}`));
    expect(answers).toHaveLength(frames.length);
    // The bytes of an input may end anywhere behind their offset; everything else is whole or refused.
    const accepted = answers.filter((answer) => answer !== "bad" && !answer.startsWith("in "));
    expect(accepted).toEqual([]);
  });

  async function ask(lines: readonly string[]): Promise<readonly string[]> {
    const [command, ...args] = commandFor(arch, path);
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    const closed = once(child, "close");
    child.stdin.end(`${lines.join("\n")}\n`);
    const answers = await text(child.stdout);
    expect(await closed).toEqual([0, null]);
    return answers.trimEnd().split("\n");
  }
});

function withLength(bytes: Buffer, length: number): Buffer {
  const cut = Buffer.from(bytes.subarray(0, length));
  cut.writeUInt32LE(length - 4);
  return cut;
}

const hex = (value: string | Uint8Array) => Buffer.from(value).toString("hex");
const list = (values: readonly string[]) => [`${values.length}`, ...values.map(hex)].join(",");

/** What guard/test/vectors.c says of a frame that it has read. */
function describeFrame(frame: ClientFrame): string {
  switch (frame.type) {
    case "auth":
      return `auth protocol=1 secret=${hex(frame.secret)}`;
    case "start":
      return describeStart(frame);
    case "attach":
      return `attach channel=${frame.channel} id=${hex(frame.id)} ${describeOffsets(frame)}`;
    case "ack":
      return `ack channel=${frame.channel} ${describeOffsets(frame)}`;
    case "in":
      return `in channel=${frame.channel} offset=${frame.offset} bytes=${hex(frame.bytes)}`;
    case "in-eof":
      return `in-eof channel=${frame.channel} offset=${frame.offset}`;
    case "resize":
      return `resize channel=${frame.channel} columns=${frame.columns} rows=${frame.rows}`;
    case "signal":
      return `signal channel=${frame.channel} signal=${frame.signal} all=${Number(frame.all)}`;
    case "stop":
      return `stop channel=${frame.channel} grace=${frame.graceMs}`;
    case "ping":
      return `ping number=${frame.number}`;
    case "status":
    case "release":
      return `${frame.type} id=${hex(frame.id)}`;
    case "list":
    case "leave":
      return frame.type;
    default:
      return frame satisfies never;
  }
}

function describeOffsets({ offsets }: Extract<ClientFrame, { offsets: unknown }>): string {
  return `stdout=${offsets.stdout} stderr=${offsets.stderr}`;
}

function describeStart(frame: StartFrame): string {
  const { terminal, script } = frame;
  const set = [terminal, script, script?.asFile, frame.waitForSurvivors, frame.hasInput];
  const flags = set.reduce((sum, isSet, bit) => sum + (isSet ? 2 ** bit : 0), 0);
  const limits = [frame.cpuSeconds, frame.fileBytes, frame.openFiles, frame.processes];
  return [
    `start channel=${frame.channel} id=${hex(frame.id)} flags=${flags}`,
    `timeout=${frame.timeoutMs} grace=${frame.graceMs}`,
    `limit=${frame.outputLimit} spool=${frame.spoolBytes}`,
    `columns=${terminal?.columns ?? 0} rows=${terminal?.rows ?? 0}`,
    `umask=${frame.umask ?? UNSET_I32} nice=${frame.nice ?? UNSET_I32}`,
    `oom=${frame.oomScore ?? UNSET_I32}`,
    ...limits.map((limit) => `limit=${limit ?? UNSET_U64}`),
    `directory=${hex(frame.directory)} extension=${hex(script?.extension ?? "")}`,
    `commands=${list(frame.commands)} flags=${list(frame.flags)}`,
    `arguments=${list(frame.args)} environment=${list(frame.environment)}`,
    `prelude=${hex(script?.prelude ?? "")} script=${hex(script?.text ?? "")}`,
  ].join(" ");
}

const STATES = ["unknown", "starting", "running", "settled", "refused"];
const HOWS = ["exit", "signal", "unknown"];
const CAUSES = ["itself", "stop", "deadline"];

/** The words by which guard/test/vectors.c is told to write a frame. */
function toWords(frame: Vector["frame"]): string {
  const told = frame as Exclude<GuardFrame, { type: "hello" }>;
  const words = [told.type, ...partsOf(told)];
  return words.join(" ");
}

function partsOf(frame: Exclude<GuardFrame, { type: "hello" }>): readonly (string | number)[] {
  switch (frame.type) {
    case "started":
      return [frame.channel, frame.pid];
    case "refused":
      return [frame.channel, frame.refusal, frame.errno];
    case "unknown":
      return [frame.channel];
    case "attached":
      return [frame.channel, ...statusOf(frame)];
    case "state":
      return [hex(frame.id), ...statusOf(frame)];
    case "out":
      return [frame.channel, frame.stream === "stdout" ? 1 : 2, frame.offset, hex(frame.bytes)];
    case "in-ack":
      return [frame.channel, frame.offset];
    case "exit":
      return [
        ...[frame.channel, HOWS.indexOf(frame.how), frame.value, CAUSES.indexOf(frame.cause)],
        ...[frame.produced.stdout, frame.produced.stderr],
        ...[frame.dropped.stdout, frame.dropped.stderr],
        ...[frame.oomKills, frame.cpuMicros, frame.maxRssKib, frame.survivors],
        ...frame.leftovers.flatMap(({ pid, command }) => [pid, `-${hex(command)}`]),
      ];
    case "listed":
      return [];
    case "pong":
      return [frame.number];
    case "error":
      return [hex(frame.detail)];
    default:
      return frame satisfies never;
  }
}

function statusOf(frame: Extract<GuardFrame, { type: "attached" | "state" }>) {
  const { state, pid, offsets, inputOffset } = frame;
  return [STATES.indexOf(state), pid, offsets.stdout, offsets.stderr, inputOffset];
}
