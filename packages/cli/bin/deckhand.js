#!/usr/bin/env node
// Plain JavaScript, so that an old Node can say what is wrong instead of failing on a type.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 11)) {
  process.stderr.write(
    `deckhand: Node 24.11 or newer is needed; this is ${process.versions.node}.\n`,
  );
  process.exitCode = 69;
} else {
  const { beSparing } = await import("./be-sparing.js");
  beSparing(process.argv.slice(2));
  const { main } = await import("../src/main.ts");
  process.exitCode = await main(process.argv.slice(2));
}
