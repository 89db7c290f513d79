/** Whose jobs `scripts import` reads. */
export const IMPORT_FORMATS = ["rundeck", "ofelia"] as const;
export type ImportFormat = (typeof IMPORT_FORMATS)[number];
