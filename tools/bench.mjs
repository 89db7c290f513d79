// npm run bench [-- --only p1,p3 --effort 2 --peers base --profile] or [-- history]: promises against the peers, in one run.
import { ensureDocker } from "./engine/ensure-engine.mjs";
import { ensureGuard } from "./guard/build-guard.mjs";
import { canInstallPackages, installPackages } from "./engine/debian-packages.mjs";
import { ensureImages } from "./images/ensure-images.mjs";
import { main } from "./main.mjs";
import { step } from "./progress.mjs";
import { tryCommand } from "./run-command.mjs";
import { ensureToolchain, runInForeground } from "./toolchain.mjs";

const PEER_PACKAGES = ["python3-fastapi", "python3-uvicorn", "python3-docker"];

await main(async (args) => {
  const env = await ensureToolchain();
  const docker = await ensureDocker();
  await ensureImages(docker, ["busybox", "postgres"]);
  await ensureGuard();
  if (args[0] !== "history") await ensurePeer();
  const [file, rest] =
    args[0] === "history" ? ["bench/history.ts", args.slice(1)] : ["bench/run.ts", args];
  return runInForeground("node", [file, ...rest], {
    env: { ...env, DECKHAND_TEST_DOCKER_SOCKET: docker.address.socketPath ?? "" },
  });
});

/** Without Python's packages the FastAPI peer is left out, and the benchmark says so. */
async function ensurePeer() {
  for (const python of ["python3", "/usr/bin/python3"]) {
    if ((await tryCommand(python, ["-c", "import docker, fastapi, uvicorn"])).exitCode === 0)
      return;
  }
  if (!canInstallPackages()) return;
  await step("install the FastAPI peer (Debian packages)", (status) =>
    installPackages(PEER_PACKAGES, status),
  );
}
