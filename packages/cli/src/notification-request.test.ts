import type { Notification } from "@deckhand/core";
import { expect, test } from "vitest";
import { toNotificationRequest } from "./notification-request.ts";

const TELL = { when: ["failed"], scripts: [], origins: [], on: [] };
const GIVEN = { secret: undefined, slack: undefined, password: undefined };
const before = (to: object) => ({ to, tell: TELL, enabled: false, description: "" }) as never;

test("what is not given stays as it was, also that it is disabled", () => {
  const chat = before({ kind: "slack", host: "chat.example.org", text: "{run.title}" });
  const moved = toNotificationRequest({ ...GIVEN, slack: "https://chat.example.org/x" }, chat);
  expect(moved.body).toMatchObject({
    to: { kind: "slack", url: "https://chat.example.org/x", text: "{run.title}" },
    tell: TELL,
    enabled: false,
  });
  expect(toNotificationRequest({ ...GIVEN, enable: true }, chat).body).toMatchObject({
    to: { kind: "slack", text: "{run.title}" },
    enabled: true,
  });
});

test("another kind of receiver keeps nothing of the one before", () => {
  const web: Notification["to"] = { kind: "webhook", url: "https://ops.example.org" };
  const { body } = toNotificationRequest({ ...GIVEN, slack: "https://x.org/y" }, before(web));
  expect(body.to).toEqual({ kind: "slack", url: "https://x.org/y" });
  const same = toNotificationRequest({ ...GIVEN, description: "new" }, before(web));
  expect(same).toMatchObject({ body: { to: web }, madeSecret: undefined });
  expect(() => toNotificationRequest(GIVEN, undefined)).toThrow("whom to tell");
});
