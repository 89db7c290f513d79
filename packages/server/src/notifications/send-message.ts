import { toSlackText } from "@deckhand/core";
import { signMessage } from "../signatures/standard-webhooks.ts";
import { type AttemptResult, isTest, type Message, toTestText } from "./attempt.ts";
import type { OpenReceiver } from "./open-receiver.ts";
import { postJson } from "./post-json.ts";
import type { ReachRules } from "./reachable-address.ts";
import { sendMail } from "./send-mail.ts";

export interface Sending {
  readonly receiver: OpenReceiver;
  readonly message: Message;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/** Tells one receiver once; never throws. */
export function sendMessage(reach: ReachRules, sending: Sending): Promise<AttemptResult> {
  const { receiver, message, signal } = sending;
  switch (receiver.kind) {
    case "webhook":
      return postJson(reach, { url: receiver.url, signal, ...toSigned(receiver.secret, sending) });
    case "slack": {
      const body = JSON.stringify({ text: toChatText(message, receiver.text) });
      return postJson(reach, { url: receiver.url, signal, headers: {}, body });
    }
    case "email":
      return sendMail(reach, { receiver, message, signal });
  }
}

function toSigned(secret: string, { message, nowMs }: Sending) {
  const body = JSON.stringify(message.event);
  const timestamp = String(Math.floor(nowMs / 1_000));
  const headers = {
    "webhook-id": message.id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signMessage(secret, { id: message.id, timestamp, body }),
  };
  return { headers, body };
}

function toChatText({ event }: Message, template: string | undefined): string {
  return isTest(event) ? toTestText(event) : toSlackText(event, template);
}
