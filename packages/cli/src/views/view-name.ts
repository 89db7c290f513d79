export const VIEWS = ["auto", "live", "prefix", "group", "same", "quiet", "raw"] as const;
export type ViewName = (typeof VIEWS)[number];
