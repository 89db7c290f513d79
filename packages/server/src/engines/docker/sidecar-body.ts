import { SIDECAR_FOLDER, SIDECAR_LABEL, type SidecarRequest } from "../engine.ts";

const MEBIBYTE = 1024 * 1024;

/** All that is ever asked for when we create a container; nobody can ask for more. */
export function toSidecarBody({ image, besideId, user, owner, cmd }: SidecarRequest) {
  return {
    Image: image,
    Entrypoint: cmd,
    Cmd: [],
    User: user || "0",
    WorkingDir: "/",
    Env: [],
    Tty: false,
    Healthcheck: { Test: ["NONE"] },
    Labels: { [SIDECAR_LABEL]: owner },
    HostConfig: {
      PidMode: `container:${besideId}`,
      NetworkMode: "none",
      Privileged: false,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      ReadonlyRootfs: true,
      Tmpfs: { [SIDECAR_FOLDER]: "rw,exec,nosuid,nodev,size=2m,mode=1777" },
      Memory: 64 * MEBIBYTE,
      PidsLimit: 16,
      Ulimits: [
        { Name: "nofile", Soft: 256, Hard: 256 },
        { Name: "nproc", Soft: 1024, Hard: 1024 },
      ],
      RestartPolicy: { Name: "no" },
      AutoRemove: true,
    },
  };
}
