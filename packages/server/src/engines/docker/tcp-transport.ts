import { Agent } from "node:http";
import { KEEP_ALIVE_ON_NETWORK, type Transport } from "./transport.ts";

const USUAL_PORT = 2375;

/** `tcp://host:2375` */
export function tcpTransport(url: URL): Transport {
  const agent = new Agent(KEEP_ALIVE_ON_NETWORK);
  return {
    secure: false,
    options: { host: toHost(url), port: url.port || USUAL_PORT, agent },
    close: () => agent.destroy(),
  };
}

/** An IPv6 address stands in brackets in a URL only. */
export function toHost(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}
