import type { OutputFrame } from "@deckhand/core";

export function toBytes(frame: OutputFrame): Buffer {
  return frame.base64 === undefined
    ? Buffer.from(frame.text ?? "")
    : Buffer.from(frame.base64, "base64");
}

/** Reads some output events of a stream and then leaves. */
export async function readSome(answer: Response, wanted: number): Promise<OutputFrame[]> {
  const frames: OutputFrame[] = [];
  let text = "";
  for await (const bytes of answer.body ?? []) {
    text += Buffer.from(bytes).toString("latin1");
    const events = text.split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) {
      const data = /event: output\ndata: (.*)$/.exec(event)?.[1];
      if (data && frames.length < wanted)
        frames.push(JSON.parse(Buffer.from(data, "latin1").toString()) as OutputFrame);
    }
    if (frames.length >= wanted) break;
  }
  return frames;
}
