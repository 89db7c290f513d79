import type { AgentOptions, RequestOptions } from "node:http";

/** How requests reach the engine; `secure` asks for node:https. */
export interface Transport {
  readonly secure: boolean;
  readonly options: RequestOptions;
  close(): void;
}

export const KEEP_ALIVE: AgentOptions = { keepAlive: true, maxSockets: 256, maxFreeSockets: 8 };

/** On a network a silent peer is found by probes of the kernel; an exec may be silent for days. */
export const KEEP_ALIVE_ON_NETWORK: AgentOptions = { ...KEEP_ALIVE, keepAliveMsecs: 30_000 };
