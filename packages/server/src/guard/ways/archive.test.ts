import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { isNewEnough } from "./archive.ts";
import { toTar } from "../../archive/tar.ts";

test.each([
  ["docker", "29.5.1", true],
  ["docker", "29.6.0", true],
  ["docker", "30.0.0", true],
  ["docker", "29.5.1+deb13u1", true],
  ["docker", "29.5.0", false],
  ["docker", "29.4.9", false],
  ["docker", "28.9.9", false],
  ["docker", "20.10.24+dfsg1", false],
  ["docker", "29.5.1-rc.1", false],
  ["docker", "30.0.0-rc.1", true],
  ["docker", "dev", false],
  ["podman", "6.1.2", true],
  ["podman", "6.2.0", true],
  ["podman", "6.1.1", false],
  ["podman", "4.3.1", false],
] as const)("an archive may go to %s %s: %s", (product, version, expected) => {
  expect(isNewEnough({ product, version })).toBe(expected);
});

test.each([0, 1, 511, 512, 513, 25_928])(
  "an archive with a file of %i bytes is read by tar as it was meant",
  (size) => {
    const bytes = Buffer.alloc(size, "guard ");
    const archive = toTar([
      { kind: "folder", name: ".deckhand/", mode: 0o755 },
      { kind: "file", name: ".deckhand/guard", mode: 0o750, bytes },
    ]);
    const list = execFileSync("tar", ["tvf", "-", "--numeric-owner"], { input: archive });
    const [folder = "", file = ""] = list.toString().trim().split("\n");
    expect(folder).toMatch(/^drwxr-xr-x 0\/0 +0 .* \.deckhand\/$/);
    expect(file).toMatch(new RegExp(`^-rwxr-x--- 0/0 +${size} .* \\.deckhand/guard$`));
    const read = execFileSync("tar", ["xOf", "-", ".deckhand/guard"], { input: archive });
    expect(read.equals(bytes)).toBe(true);
  },
);
