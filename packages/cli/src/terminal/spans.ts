/** `9.8s`, `4m12s`, `3h05m`, `12d`. */
export function formatSpan(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${(Math.floor(seconds * 10) / 10).toFixed(1)}s`;
  if (seconds < 60) return `${Math.floor(seconds)}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${pad(Math.floor(seconds % 60))}s`;
  if (seconds < 86_400)
    return `${Math.floor(seconds / 3600)}h${pad(Math.floor((seconds % 3600) / 60))}m`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** How long ago a time was, in words. */
export function formatAgo(timestamp: string, nowMs: number): string {
  const ms = nowMs - Date.parse(timestamp);
  return ms < 1_000 ? "now" : `${formatSpan(ms).replace(/\.\d/, "")} ago`;
}

/** How long it is until a time, in words. */
export function formatIn(timestamp: string, nowMs: number): string {
  const ms = Date.parse(timestamp) - nowMs;
  return ms < 1_000 ? "now" : `in ${formatSpan(ms).replace(/\.\d/, "")}`;
}

/** `412 B`, `1.2 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, bytes === 0 ? 0 : Math.floor(Math.log2(bytes) / 10));
  return power === 0 ? `${bytes} B` : `${(bytes / 1024 ** power).toFixed(1)} ${units[power]}`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}
