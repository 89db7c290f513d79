import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const PROGRAM = new URL("../../tools/s3/ceph-cluster.mjs", import.meta.url).pathname;

/** A real S3 server of the suite's own. */
export interface CephCluster {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  close(): Promise<void>;
}

/** Starts a Ceph cluster with its S3 gateway; it ends with this process, whatever ends that. */
export async function startCephCluster(): Promise<CephCluster> {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (bytes: Buffer) => {
    said += bytes.toString();
  });
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), "line"),
    once(child, "close"),
  ])) as [unknown];
  if (typeof line !== "string") throw new Error(`the Ceph cluster did not start:\n${said}`);
  const keys = JSON.parse(line) as Omit<CephCluster, "close">;
  return {
    ...keys,
    close: async () => {
      child.stdin.end();
      if (child.exitCode === null && child.signalCode === null) await once(child, "close");
    },
  };
}
