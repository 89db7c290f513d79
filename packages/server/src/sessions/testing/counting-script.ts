const LINES = 20_000;

/** Numbered lines, slowly enough that a connection can be cut in between; ends with 9. */
export const COUNT = `i=0; while [ $i -lt ${LINES} ]; do echo "line $i"; i=$((i+1)); [ $((i % 2000)) = 0 ] && sleep 0.2; done; exit 9`;
/** What it writes. */
export const COUNTED = Array.from({ length: LINES }, (_, index) => `line ${index}\n`).join("");
