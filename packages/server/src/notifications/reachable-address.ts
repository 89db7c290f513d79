import { lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** Networks that are not the public internet: this machine, its neighbours, and what leads there. */
const PRIVATE_NETWORKS = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/128",
  "::1/128",
  "64:ff9b::/96",
  "64:ff9b:1::/48",
  "100::/64",
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
];

/** An address of version 4 in the clothes of version 6; lists take the one for the other. */
const MAPPED = toBlockList(["::ffff:0:0/96"]);

/** Where messages may go. */
export interface ReachRules {
  /** Throws when a host that is an address itself may not be reached. */
  assertHost(host: string): void;
  /** Resolves a name to the addresses that may be reached, so that what was checked is what is connected to. */
  readonly lookup: LookupFunction;
  /** One address to connect to; throws when there is none. */
  resolve(host: string): Promise<string>;
}

/** Refuses private addresses but those in the networks that the operator allows. */
export function reachRules(allowedNetworks: readonly string[]): ReachRules {
  const inside = toBlockList(PRIVATE_NETWORKS);
  const isFour = (network: string) => isIP(network.split("/")[0] ?? "") === 4;
  const allowedFour = toBlockList(allowedNetworks.filter(isFour));
  const allowedSix = toBlockList(allowedNetworks.filter((network) => !isFour(network)));
  const mayReach = (address: string) => {
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    const isOfFour = family === "ipv4" || MAPPED.check(address, family);
    const allowed = isOfFour ? allowedFour : allowedSix;
    return !inside.check(address, family) || allowed.check(address, family);
  };

  function assertHost(host: string): void {
    const address = host.replace(/^\[(.*)\]$/, "$1");
    if (isIP(address) !== 0 && !mayReach(address)) throw new AddressDenied(address, [address]);
  }

  const checkedLookup: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, "");
      const open = found.filter(({ address }) => mayReach(address));
      const [first] = open;
      if (!first) {
        const addresses = found.map(({ address }) => address);
        return callback(new AddressDenied(hostname, addresses), "");
      }
      if (options.all) return callback(null, open);
      return callback(null, first.address, first.family);
    });
  };

  async function resolve(host: string): Promise<string> {
    assertHost(host);
    if (isIP(host) !== 0) return host;
    return new Promise((done, failed) => {
      checkedLookup(host, {}, (error, address) =>
        error ? failed(error) : done(address as string),
      );
    });
  }

  return { assertHost, lookup: checkedLookup, resolve };
}

/** A name leads nowhere but to addresses that may not be reached. */
export class AddressDenied extends Error {
  constructor(host: string, addresses: readonly string[]) {
    const leads = addresses[0] === host ? "" : ` (${addresses.join(", ")})`;
    super(
      `${host}${leads} is a private address; notifications.privateNetworks says which of them may be reached.`,
    );
    this.name = "AddressDenied";
  }
}

function toBlockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits] = network.split("/");
    list.addSubnet(address, Number(bits), isIP(address) === 6 ? "ipv6" : "ipv4");
  }
  return list;
}
