import { secretMask } from "../secrets/secret-mask.ts";
import type { AttemptResult } from "./attempt.ts";
import type { OpenReceiver } from "./open-receiver.ts";

/** Receivers, and what is on the way to them, may repeat what they were given; none of their secrets is kept of it. */
export function hideInAnswer(receiver: OpenReceiver, result: AttemptResult): AttemptResult {
  const mask = secretMask(listSecrets(receiver));
  return mask ? { ...result, answer: mask.text(result.answer) } : result;
}

function listSecrets(receiver: OpenReceiver): readonly string[] {
  switch (receiver.kind) {
    case "webhook":
      return [receiver.secret.replace(/^whsec_/, "")];
    case "slack": {
      const { pathname, search } = new URL(receiver.url);
      const place = pathname + search;
      return [place, ...place.split(/[/?&=]/).filter(isTelling)];
    }
    case "email":
      return receiver.smtp.password === undefined ? [] : [receiver.smtp.password];
  }
}

/** Parts of an address such as `services` are in other texts as well. */
function isTelling(part: string): boolean {
  return part.length >= 16;
}
