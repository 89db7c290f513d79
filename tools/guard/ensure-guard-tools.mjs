import { canInstallPackages, installPackages } from "../engine/debian-packages.mjs";
import { step } from "../progress.mjs";
import { tryCommand } from "../run-command.mjs";
import { EXIT_UNAVAILABLE, SetUpError } from "../set-up-error.mjs";
import { buildGuard } from "./build-guard.mjs";
import { ARCHES, CROSS_PACKAGES, findClang, findCompiler, hostArch } from "./guard-compilers.mjs";

/** Builds the guard for every machine, with all that its tests need; what can not be installed here is a failure. */
export async function ensureTestedGuard() {
  const missing = await findMissing();
  if (missing.length > 0) await install(missing);
  for (const arch of ARCHES) await buildGuard({ arch });
}

async function install(missing) {
  const packages = missing.flatMap((tool) => tool.packages);
  if (!canInstallPackages()) throw notThere(missing);
  await step(`install ${packages.join(", ")}`, (status) => installPackages(packages, status));
  const stillMissing = await findMissing();
  if (stillMissing.length > 0) throw notThere(stillMissing);
}

async function findMissing() {
  const tools = [
    ...ARCHES.map((arch) => ({
      name: `a C compiler for ${arch}`,
      packages: arch === hostArch() ? ["gcc", "libc6-dev"] : CROSS_PACKAGES[arch],
      find: () => findCompiler(arch),
    })),
    // The sanitizers and the fuzzer are Clang's.
    { name: "clang", packages: ["clang", "libclang-rt-dev", "libc6-dev"], find: findClang },
    ...ARCHES.filter((arch) => arch !== hostArch()).map((arch) => ({
      name: `qemu-${arch}`,
      packages: ["qemu-user"],
      find: () => isThere(`qemu-${arch}`),
    })),
  ];
  const found = await Promise.all(tools.map((tool) => tool.find()));
  return tools.filter((_, index) => !found[index]);
}

async function isThere(command) {
  return (await tryCommand(command, ["--version"])).exitCode === 0;
}

function notThere(missing) {
  return new SetUpError(
    `the tests of the guard need ${missing.map(({ name }) => name).join(", ")}`,
    {
      exitCode: EXIT_UNAVAILABLE,
      hint: `Install ${missing.flatMap(({ packages }) => packages).join(" ")}, or run this as root on Debian or Ubuntu.`,
    },
  );
}
