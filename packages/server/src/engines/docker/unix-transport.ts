import { Agent } from "node:http";
import { KEEP_ALIVE, type Transport } from "./transport.ts";

/** `unix:///var/run/docker.sock` */
export function unixTransport(url: URL): Transport {
  const agent = new Agent(KEEP_ALIVE);
  return {
    secure: false,
    options: { socketPath: decodeURIComponent(url.pathname), agent, host: "localhost" },
    close: () => agent.destroy(),
  };
}
