import { toMail } from "@deckhand/core";
import { type AttemptResult, isTest, type Message, toTestText } from "./attempt.ts";
import type { OpenReceiver } from "./open-receiver.ts";
import { toWords } from "./post-json.ts";
import type { ReachRules } from "./reachable-address.ts";

type MailReceiver = Extract<OpenReceiver, { kind: "email" }>;

const WAIT_MS = 10_000;

export interface Mailing {
  readonly receiver: MailReceiver;
  readonly message: Message;
  readonly signal: AbortSignal;
}

/** Sends one mail over a connection of its own; never throws. */
export async function sendMail(reach: ReachRules, mailing: Mailing): Promise<AttemptResult> {
  const { receiver, message, signal } = mailing;
  let end = () => {};
  try {
    const address = await reach.resolve(receiver.smtp.host);
    const transport = await openTransport(receiver, address);
    end = () => transport.close();
    signal.addEventListener("abort", end, { once: true });
    const { response } = await Promise.race([
      transport.sendMail({
        from: receiver.from,
        to: receiver.to,
        messageId: `<${message.id}@deckhand>`,
        date: message.event.timestamp,
        headers: { "Auto-Submitted": "auto-generated" },
        ...toContent(receiver, message),
      }),
      whenAborted(signal),
    ]);
    return { kind: "delivered", status: Number.parseInt(response, 10), answer: response };
  } catch (error) {
    const { responseCode = null } = error as { responseCode?: number };
    return { kind: "failed", status: responseCode, answer: toWords(error, signal) };
  } finally {
    signal.removeEventListener("abort", end);
    end();
  }
}

/** The address was checked; the certificate is still the name's. */
async function openTransport({ smtp }: MailReceiver, address: string) {
  const { host, port, security, user, password } = smtp;
  // Few servers send mail.
  const { createTransport } = await import("nodemailer");
  return createTransport({
    host: address,
    port,
    secure: security === "tls",
    requireTLS: security === "starttls",
    ignoreTLS: security === "none",
    tls: { servername: host },
    ...(user !== undefined && { auth: { user, pass: password ?? "" } }),
    disableFileAccess: true,
    disableUrlAccess: true,
    connectionTimeout: WAIT_MS,
    greetingTimeout: WAIT_MS,
    socketTimeout: WAIT_MS,
  });
}

function toContent({ subject, text }: MailReceiver, { event }: Message) {
  if (isTest(event)) return { subject: "[Deckhand] Test", text: toTestText(event) };
  return toMail(event, { subject, text });
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true });
  });
}
