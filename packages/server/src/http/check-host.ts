import { AppError } from "@deckhand/core";

const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];

export interface HostRules {
  /** `name` (any port) or `name:port`. */
  readonly allowedHosts: readonly string[];
  /** `https://name` or `https://name:port`. */
  readonly allowedOrigins: readonly string[];
}

export interface AddressedRequest {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** The port on which the request arrived. */
  readonly port: number | undefined;
}

/**
 * Refuses what another site's page could make a visitor's browser send: a Host that is not ours (a name that was
 * pointed at this address), or an Origin other than the one served here.
 */
export function checkHost(rules: HostRules, request: AddressedRequest): void {
  const host = request.host?.toLowerCase() ?? "";
  if (!isAllowedHost(rules, host, request.port)) throw hostDenied(host);
  if (request.origin !== undefined && !isAllowedOrigin(rules, request.origin.toLowerCase(), host)) {
    throw originDenied(request.origin);
  }
}

function isAllowedHost(rules: HostRules, host: string, port: number | undefined): boolean {
  const name = host.replace(/:\d*$/, "");
  if (LOOPBACK_NAMES.includes(name)) {
    const given = host.slice(name.length + 1) || "80";
    if (given === String(port)) return true;
  }
  return (
    host !== "" &&
    rules.allowedHosts.some((allowed) => [host, name].includes(allowed.toLowerCase()))
  );
}

function isAllowedOrigin(rules: HostRules, origin: string, host: string): boolean {
  if (origin === `http://${host}` || origin === `https://${host}`) return true;
  return rules.allowedOrigins.some((allowed) => allowed.toLowerCase() === origin);
}

function hostDenied(host: string): AppError {
  return new AppError("HOST_DENIED", {
    detail: `This server does not answer to the name ${JSON.stringify(host.slice(0, 200))}.`,
    hint: "Use the address that the server printed at its start, or add the name to http.allowedHosts.",
  });
}

function originDenied(origin: string): AppError {
  return new AppError("ORIGIN_DENIED", {
    detail: `Pages of ${JSON.stringify(origin.slice(0, 200))} may not use this server.`,
    hint: "Add the origin to http.allowedOrigins if it is yours.",
  });
}
