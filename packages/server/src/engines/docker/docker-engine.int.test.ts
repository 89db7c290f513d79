import { engines } from "../../../../../test/support/engines.ts";
import { dockerCommand, podmanCommand, podmanHealthcheck } from "../testing/engine-command.ts";
import { engineContract } from "../testing/engine-contract.ts";
import { dockerEngine } from "./docker-engine.ts";

const { docker, podman, images } = engines();

engineContract({
  name: "Docker Engine",
  product: "docker",
  socketPath: docker.socketPath,
  makeEngine: (address) => dockerEngine({ name: "docker", address }),
  command: dockerCommand(docker.socketPath),
  image: images.busybox,
  flags: [],
});

engineContract({
  name: "Podman",
  product: "podman",
  socketPath: podman.socketPath,
  makeEngine: (address) => dockerEngine({ name: "podman", address }),
  command: podmanCommand(podman.socketPath),
  image: images.busybox,
  flags: ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"],
  checkHealth: (name) => podmanHealthcheck(podman.socketPath, name),
});
