const DEFAULT_REGISTRIES = ["docker.io/library/", "docker.io/", "localhost/"];

/**
 * Gives the spellings under which an image is found: as the engine writes it, without a default registry (Podman
 * writes `docker.io/library/postgres:16` where Docker writes `postgres:16`), and each without tag and digest.
 */
export function imageNames(image: string): readonly string[] {
  const registry = DEFAULT_REGISTRIES.find((prefix) => image.startsWith(prefix));
  const spellings = registry ? [image, image.slice(registry.length)] : [image];
  return [...new Set(spellings.flatMap((spelling) => [spelling, ...withoutVersion(spelling)]))];
}

function withoutVersion(image: string): readonly string[] {
  const tagged = image.split("@", 1)[0] ?? image;
  const colon = tagged.lastIndexOf(":");
  const bare = colon > tagged.lastIndexOf("/") ? tagged.slice(0, colon) : tagged;
  return [tagged, bare];
}
