import { existsSync } from "node:fs";

/** Where the engines of the tests are, and which images they have; `npm test` brings them up. */
export interface TestEngines {
  readonly docker: { readonly socketPath: string };
  readonly podman: { readonly socketPath: string };
  readonly images: {
    readonly postgres: string;
    /** MariaDB and its client, and sqlite3. */
    readonly mariadb: string;
    readonly busybox: string;
    readonly scratch: string;
    readonly builder: string;
  };
}

export function engines(): TestEngines {
  return {
    docker: { socketPath: socketOf("DECKHAND_TEST_DOCKER_SOCKET", "/var/run/docker.sock") },
    podman: { socketPath: socketOf("DECKHAND_TEST_PODMAN_SOCKET", "/run/podman/podman.sock") },
    images: {
      postgres: "psql-custom:1.0",
      mariadb: "deckhand-test/mariadb-sqlite:1",
      busybox: "deckhand-test/busybox:1",
      scratch: "deckhand-test/scratch:1",
      builder: "deckhand-test/builder:1",
    },
  };
}

function socketOf(variable: string, usual: string): string {
  const socketPath = process.env[variable] || usual;
  if (existsSync(socketPath)) return socketPath;
  throw new Error(
    `no engine at ${socketPath}: run the tests by \`npm test\`, which starts the engines`,
  );
}
