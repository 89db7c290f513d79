import type { RunEvent } from "@deckhand/core";

/** What is told when somebody tries whether a receiver hears us. */
export interface TestEvent {
  readonly type: "notification.test";
  readonly timestamp: string;
  readonly data: { readonly notification: string; readonly by: string };
}
export type NotificationEvent = RunEvent | TestEvent;

/** One thing to be sent. */
export interface Message {
  /** The same in each attempt. */
  readonly id: string;
  readonly event: NotificationEvent;
}

/** How one attempt went. `gone`: the receiver wants nothing any more. */
export interface AttemptResult {
  readonly kind: "delivered" | "failed" | "gone";
  readonly status: number | null;
  /** What the receiver said, or why it did not. */
  readonly answer: string;
  readonly retryAfterMs?: number | undefined;
}

/** The text of an event that is no run's. */
export function isTest(event: NotificationEvent): event is TestEvent {
  return event.type === "notification.test";
}

/** For a person: what the test is. */
export function toTestText({ data, timestamp }: TestEvent): string {
  return `This is a test of the notification ${data.notification} of Deckhand, asked for by ${data.by} at ${timestamp}.`;
}
