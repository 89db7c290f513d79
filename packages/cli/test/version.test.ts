import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";

const ROOT = new URL("../../../", import.meta.url);

test.each(["packages/cli/src/version.ts", "packages/server/src/main/version.ts"])(
  "%s has the version of the root package.json",
  async (path) => {
    const text = await readFile(new URL("package.json", ROOT), "utf8");
    const { version } = JSON.parse(text) as { version: string };
    const source = (await import(new URL(path, ROOT).href)) as { VERSION: string };
    expect(source.VERSION).toBe(version);
  },
);
