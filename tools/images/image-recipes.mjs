import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canInstallPackages, installPackages } from "../engine/debian-packages.mjs";
import { ARCHES, CROSS_PACKAGES, hostArch } from "../guard/guard-compilers.mjs";
import { ROOT } from "../paths.mjs";
import { runCommand, tryCommand } from "../run-command.mjs";
import { EXIT_UNAVAILABLE, SetUpError } from "../set-up-error.mjs";
import { findNode, NODE_VERSION } from "../toolchain.mjs";

const RECIPE_VERSION = "1";
const POSTGRES_FOLDER = join(ROOT, "examples/images/psql-custom");
const MARIADB_ENTRYPOINT = join(ROOT, "tools/images/mariadb-entrypoint.sh");
/** What compiles the guard for this machine and for the other. */
const COMPILER_PACKAGES = [
  "gcc",
  "libc6-dev",
  ...ARCHES.filter((arch) => arch !== hostArch()).flatMap((arch) => CROSS_PACKAGES[arch]),
];
const POSTGRES_BIN = "/usr/lib/postgresql/15/bin";

/** Small and quick: what is in it is gone with the container. */
const MARIADB_OPTIONS = [
  "--user=mysql",
  "--skip-networking",
  "--innodb-buffer-pool-size=8M",
  "--innodb-log-file-size=4M",
  "--innodb-flush-method=nosync",
  "--performance-schema=OFF",
];

/**
 * Every image we need. `registry` is how it is had from a registry, `archive` writes its file system as a tar from Debian
 * packages, `changes` are the image settings that go with the archive.
 */
export const IMAGES = {
  postgres: {
    name: "psql-custom:1.0",
    registry: { pull: "postgres:16-bookworm", build: POSTGRES_FOLDER },
    archive: writePostgres,
    changes: [
      `ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${POSTGRES_BIN}`,
      "ENV PGDATA=/var/lib/postgresql/data",
      "ENV LANG=C.UTF-8",
      "VOLUME /var/lib/postgresql/data",
      'ENTRYPOINT ["/usr/local/bin/entrypoint.sh"]',
      'CMD ["postgres"]',
    ],
    recipe: () => readFileSync(join(POSTGRES_FOLDER, "entrypoint.sh"), "utf8"),
  },
  mariadb: {
    name: "deckhand-test/mariadb-sqlite:1",
    archive: writeMariadb,
    changes: [
      "ENV LANG=C.UTF-8",
      'ENTRYPOINT ["/usr/local/bin/mariadb-entrypoint.sh"]',
      `CMD ${JSON.stringify(["mariadbd", ...MARIADB_OPTIONS])}`,
    ],
    recipe: () => readFileSync(MARIADB_ENTRYPOINT, "utf8"),
  },
  busybox: {
    name: "deckhand-test/busybox:1",
    archive: (path, status) => writeBusybox(path, status, "all"),
    changes: ['CMD ["sh"]'],
    recipe: () => "all applets",
  },
  builder: {
    name: "deckhand-test/builder:1",
    archive: writeBuilder,
    changes: ["ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    recipe: () => `Node ${NODE_VERSION} and ${COMPILER_PACKAGES.join(", ")}`,
  },
  scratch: {
    name: "deckhand-test/scratch:1",
    archive: (path, status) => writeBusybox(path, status, ["sleep", "echo", "cat"]),
    changes: ['CMD ["/sleep", "86400"]'],
    recipe: () => "sleep, echo, cat and no shell",
  },
};

/** Changes with everything the archive is made of. */
export function recipeHash(image) {
  const parts = [RECIPE_VERSION, image.name, image.recipe(), ...image.changes];
  return createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 16);
}

async function writePostgres(path, status) {
  await writeDebian(path, status, {
    variant: "minbase",
    packages: ["postgresql", "python3", "ca-certificates", "procps"],
    hooks: [
      `--customize-hook=copy-in ${join(POSTGRES_FOLDER, "entrypoint.sh")} /usr/local/bin`,
      "--customize-hook=rm -rf $1/var/lib/postgresql/15 $1/var/log/postgresql/*",
    ],
  });
}

function writeBuilder(path, status) {
  return writeDebian(path, status, {
    variant: "minbase",
    packages: ["libstdc++6", ...COMPILER_PACKAGES],
    hooks: [
      `--customize-hook=upload ${findNode()} /usr/local/bin/node`,
      "--customize-hook=chmod 755 $1/usr/local/bin/node",
    ],
  });
}

/** The clients of two databases beside one server of theirs, whose system tables are made once, here. */
async function writeMariadb(path, status) {
  await writeDebian(path, status, {
    variant: "essential",
    packages: ["mariadb-server-core", "mariadb-client-core", "sqlite3"],
    hooks: [
      `--customize-hook=copy-in ${MARIADB_ENTRYPOINT} /usr/local/bin`,
      '--customize-hook=echo "mysql:x:999:999::/var/lib/mysql:/usr/sbin/nologin" >>"$1/etc/passwd"',
      '--customize-hook=echo "mysql:x:999:" >>"$1/etc/group"',
      '--customize-hook=chroot "$1" install -d -o mysql -g mysql /var/lib/mysql',
      '--customize-hook=chroot "$1" mariadb-install-db --user=mysql --force --skip-name-resolve --skip-test-db --innodb-log-file-size=4M',
    ],
  });
}

async function writeDebian(path, status, { variant, packages, hooks }) {
  if (!(await isInstalled("mmdebstrap"))) await installMmdebstrap(status);
  const left = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"];
  await runCommand(
    "mmdebstrap",
    [
      `--variant=${variant}`,
      `--include=${packages.join(",")}`,
      ...left.map((glob) => `--dpkgopt=path-exclude=${glob}`),
      ...hooks,
      "bookworm",
      path,
      ...debianSources(),
    ],
    { onLine: status },
  );
}

async function installMmdebstrap(status) {
  if (!canInstallPackages()) {
    throw new SetUpError("the example image can not be made here: no image registry is reachable", {
      exitCode: EXIT_UNAVAILABLE,
      hint: "Make a registry reachable for the engine, or run this as root on Debian or Ubuntu: then it is made from Debian packages.",
    });
  }
  await installPackages(["mmdebstrap"], status);
}

/** The machine's own package sources: it may reach no others. */
function debianSources() {
  const folder = "/etc/apt/sources.list.d";
  const candidates = [
    join(folder, "debian.sources"),
    "/etc/apt/sources.list",
    ...(existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []),
  ];
  const found = candidates.find(
    (file) => existsSync(file) && /\bbookworm\b/.test(readFileSync(file, "utf8")),
  );
  return found ? [found] : [];
}

/** One static program is every command: its name decides. */
async function writeBusybox(path, status, wanted) {
  const folder = mkdtempSync(join(tmpdir(), "deckhand-busybox-"));
  try {
    const program = await findBusybox(folder, status);
    const root = join(folder, "root");
    mkdirSync(join(root, "bin"), { recursive: true });
    mkdirSync(join(root, "tmp"));
    chmodSync(join(root, "tmp"), 0o1777);
    const applets =
      wanted === "all" ? (await runCommand(program, ["--list"])).trim().split("\n") : wanted;
    const place = (applet) => (wanted === "all" ? join(root, "bin", applet) : join(root, applet));
    copyFileSync(program, place(applets[0]));
    chmodSync(place(applets[0]), 0o755);
    for (const applet of applets.slice(1)) linkSync(place(applets[0]), place(applet));
    await runCommand("tar", [
      "--create",
      "--file",
      path,
      "--numeric-owner",
      "--owner=0",
      "--group=0",
      "--directory",
      root,
      ".",
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A package is unpacked, not installed, so that no root is needed and nothing on the machine changes. */
async function findBusybox(folder, status) {
  await tryCommand("apt-get", ["update", "-q"], { onLine: status });
  const { exitCode } = await tryCommand("apt-get", ["download", "-q", "busybox-static"], {
    cwd: folder,
    onLine: status,
  });
  const archive = readdirSync(folder).find((name) => name.endsWith(".deb"));
  if (exitCode !== 0 || !archive) {
    throw new SetUpError("the small test images can not be made here", {
      exitCode: EXIT_UNAVAILABLE,
      hint: "They need Debian's package busybox-static, which apt-get could not download.",
    });
  }
  await runCommand("dpkg", ["-x", join(folder, archive), join(folder, "package")]);
  return join(folder, "package/bin/busybox");
}

async function isInstalled(command) {
  return (await tryCommand(command, ["--version"])).exitCode === 0;
}
