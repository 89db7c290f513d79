import { ensureDocker, ensurePodman } from "./engine/ensure-engine.mjs";
import { ensureTestedGuard } from "./guard/ensure-guard-tools.mjs";
import { ensureImages } from "./images/ensure-images.mjs";
import { ensureCeph } from "./s3/ceph-packages.mjs";
import { ensureReadersPrograms } from "./ensure-readers-programs.mjs";
import { ensureToolchain } from "./toolchain.mjs";

/** Makes sure of all that the suites need; gives the environment to run them in. */
export async function ensureTestEnvironment() {
  const env = await ensureToolchain();
  await ensureTestedGuard();
  await ensureCeph();
  await ensureReadersPrograms();
  const docker = await ensureDocker();
  const podman = await ensurePodman();
  await ensureImages(docker, ["busybox", "scratch", "postgres", "mariadb", "builder"]);
  await ensureImages(podman, ["busybox", "scratch"]);
  return { ...env, ...toVariables({ docker, podman }) };
}

/** How the suites learn where the engines are. */
function toVariables({ docker, podman }) {
  return {
    DECKHAND_TEST_DOCKER_SOCKET: docker.address.socketPath ?? "",
    DECKHAND_TEST_PODMAN_SOCKET: podman.address.socketPath ?? "",
  };
}
