import { expect, test } from "vitest";
import { maskOutput } from "./mask-output.ts";
import { secretMask } from "./secret-mask.ts";

type Chunk = { readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array };
const mask = secretMask(["hunter2!"]);

function chunk(text: string, stream: Chunk["stream"] = "stdout"): Chunk {
  return { stream, bytes: Buffer.from(text) };
}

/** Output that a test gives piece by piece. */
function source() {
  const waiting: (Chunk | undefined)[] = [];
  let wake = () => {};
  async function* output(): AsyncGenerator<Chunk> {
    for (;;) {
      while (waiting.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      const next = waiting.shift();
      if (!next) return;
      yield next;
    }
  }
  const put = (next: Chunk | undefined) => {
    waiting.push(next);
    wake();
  };
  return { output: output(), put };
}

function masked(output: AsyncIterable<Chunk>, goesOn = false) {
  if (!mask) throw new Error("there is nothing to hide");
  return maskOutput(output, { mask, before: undefined, goesOn: async () => goesOn });
}

async function collect(output: AsyncIterable<Chunk>): Promise<string> {
  let text = "";
  for await (const { stream, bytes } of output)
    text += `${stream === "stdout" ? "1" : "2"}:${Buffer.from(bytes).toString()} `;
  return text;
}

async function* all(...chunks: Chunk[]): AsyncGenerator<Chunk> {
  yield* chunks;
}

test("a secret in two pieces is hidden, and the streams have nothing to do with each other", async () => {
  const output = all(
    chunk("a hunt"),
    chunk("hunt", "stderr"),
    chunk("er2! z"),
    chunk("ing", "stderr"),
  );
  expect(await collect(masked(output))).toBe("1:a  1:******** z 2:hunting ");
});

test("what may be a secret's beginning comes out by itself when nothing follows", async () => {
  const { output, put } = source();
  const out = masked(output);
  put(chunk("who: h"));
  expect(await out.next()).toMatchObject({ value: chunk("who: ") });
  expect(await out.next()).toMatchObject({ value: chunk("h") });
  put(chunk("unter2!"));
  expect(await out.next()).toMatchObject({ value: chunk("*******") });
  put(undefined);
  expect(await out.next()).toMatchObject({ done: true });
});

test("one stream's chatter does not keep the other's waiting", async () => {
  const { output, put } = source();
  const chatter = setInterval(() => put(chunk(".", "stderr")), 5);
  put(chunk("who: h"));
  let text = "";
  for await (const { stream, bytes } of masked(output)) {
    if (stream === "stdout") text += Buffer.from(bytes).toString();
    if (text === "who: h") break;
  }
  clearInterval(chatter);
  expect(text).toBe("who: h");
});

test("at the end what is held comes out, but not when the next server gets it again", async () => {
  expect(await collect(masked(all(chunk("the hu"))))).toBe("1:the  1:hu ");
  expect(await collect(masked(all(chunk("the hunter"))))).toBe("1:the  1:****** ");
  expect(await collect(masked(all(chunk("the hunter")), true))).toBe("1:the  ");
});
