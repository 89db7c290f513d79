import { expect, test } from "vitest";
import { namesOneTarget } from "./names-one-target.ts";
import { parseSelector } from "./parse-selector.ts";

test.each(["pg-1", "name=pg-1", "container='pg-*'", "id=tgt_3f9a", "project=shop,name=pg-1"])(
  "%s names one target",
  (text) => expect(namesOneTarget(parseSelector(text))).toBe(true),
);

test.each([
  "pg-*",
  "pg-1|pg-2",
  "name=pg-?",
  "name!=pg-1",
  "label=role=db",
  "svc/db",
  "@db",
  "project=shop,status=running",
])("%s may mean several", (text) => expect(namesOneTarget(parseSelector(text))).toBe(false));
