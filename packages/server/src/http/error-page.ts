import { ERROR_CATALOG, type ErrorCode, STATUS_BY_CLASS } from "@deckhand/core";

const STYLE = `body{font:16px/1.6 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}
code,pre{font-family:ui-monospace,monospace;background:#8881;border-radius:4px;padding:.1em .3em}
pre{padding:1em;overflow-x:auto}pre code{background:none;padding:0}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8bf}}`;

/** The section of one code in docs/errors.md, without its heading. */
export function findErrorSection(document: string, code: string): string | undefined {
  const start = document.split("\n").findIndex((line) => line === `## ${code}`);
  if (start < 0) return undefined;
  const rest = document.split("\n").slice(start + 1);
  const end = rest.findIndex((line) => line.startsWith("## "));
  return (end < 0 ? rest : rest.slice(0, end)).join("\n").trim();
}

/** A page of its own about one error. */
export function toErrorPage(document: string, code: ErrorCode): string {
  const { title, class: errorClass } = ERROR_CATALOG[code];
  const section = findErrorSection(document, code) ?? "";
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(code)}: ${escape(title)}</title><style>${STYLE}</style></head>
<body><p><a href="/docs">Deckhand API</a></p><h1>${escape(title)}</h1>
<p><code>${escape(code)}</code>, status ${STATUS_BY_CLASS[errorClass]}</p>
${toHtml(section)}
</body></html>`;
}

/** As much of Markdown as docs/errors.md uses: paragraphs, lists, fenced code, bold, inline code. */
function toHtml(markdown: string): string {
  const blocks = markdown.split(/(```[a-z]*\n[\s\S]*?\n```)/);
  return blocks
    .map((block) => (block.startsWith("```") ? toCode(block) : toParagraphs(block)))
    .join("\n");
}

function toCode(block: string): string {
  const inner = block.split("\n").slice(1, -1).join("\n");
  return `<pre><code>${escape(inner)}</code></pre>`;
}

function toParagraphs(block: string): string {
  const paragraphs = block.split(/\n{2,}/).filter((text) => text.trim() !== "");
  return paragraphs
    .map((text) => (text.trim().startsWith("- ") ? toList(text) : `<p>${toInline(text)}</p>`))
    .join("\n");
}

function toList(text: string): string {
  const items = text.trim().split(/^- /m).filter(Boolean);
  return `<ul>${items.map((item) => `<li>${toInline(item)}</li>`).join("")}</ul>`;
}

function toInline(text: string): string {
  return escape(text.trim())
    .replaceAll(/`([^`]+)`/g, "<code>$1</code>")
    .replaceAll(/\*\*([^*]+)\*\*/g, "<strong>$1</strong>");
}

function escape(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replaceAll(/[&<>"']/g, (letter) => entities[letter] ?? "");
}
