export { ConfigError } from "./config/config-error.ts";
export type { ConfigOverrides } from "./config/load-config.ts";
export { type ServeOptions, serve } from "./main/serve.ts";
