import { createHmac, randomUUID } from "node:crypto";

export interface SignOptions {
  readonly secret: string;
  readonly id?: string;
  readonly atMs?: number;
}

/** The headers of Standard Webhooks for a body. */
export function standardHeaders(body: string, options: SignOptions): Record<string, string> {
  const { secret, id = `msg_${randomUUID()}`, atMs = Date.now() } = options;
  const timestamp = String(Math.floor(atMs / 1_000));
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const mac = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${mac}`,
  };
}

/** GitHub's header for a body. */
export function hubHeaders(body: string, secret: string): Record<string, string> {
  const mac = createHmac("sha256", secret).update(body).digest("hex");
  return { "x-hub-signature-256": `sha256=${mac}` };
}
