import { AppError } from "@deckhand/core";
import { sshTransport } from "./ssh-transport.ts";
import { tcpTransport } from "./tcp-transport.ts";
import { type TlsFiles, tlsTransport } from "./tls-transport.ts";
import type { Transport } from "./transport.ts";
import { unixTransport } from "./unix-transport.ts";

const PROTOCOLS = ["unix:", "tcp:", "http:", "https:", "ssh:"];

/** Reads `unix://`, `tcp://`, `http(s)://` and `ssh://` addresses. */
export function toTransport(address: string, tls: TlsFiles | undefined): Transport {
  const url = parseAddress(address);
  if (url.protocol === "unix:") return unixTransport(url);
  if (url.protocol === "ssh:") return sshTransport(url);
  if (tls || url.protocol === "https:") return tlsTransport(url, tls ?? {});
  return tcpTransport(url);
}

function parseAddress(address: string): URL {
  const url = URL.parse(address);
  if (url && PROTOCOLS.includes(url.protocol) && (url.hostname || url.protocol === "unix:"))
    return url;
  throw new AppError("ENGINE_UNREACHABLE", {
    detail: `${JSON.stringify(address)} is no engine address.`,
    hint: "Write unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host.",
  });
}
