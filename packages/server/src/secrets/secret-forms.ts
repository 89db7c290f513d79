/** A value shorter than this can not be told from other text, so it can be no secret. */
const SHORTEST_BYTES = 4;
/** Lines of a secret that are shorter than this, such as a lone brace, are common text. */
const SHORTEST_LINE_BYTES = 8;
/** What is longer is looked for in pieces, so that little has to be held back. */
const LONGEST_BYTES = 64;

/** Every byte sequence that shows one of the values: as it is, its lines, and as programs usually write it. */
export function toForms(values: readonly string[]): readonly Uint8Array[] {
  const sound = values.map((value) => value.toWellFormed());
  const texts = new Set(sound.flatMap(toParts).flatMap(toSpellings));
  return [...texts]
    .map((text) => Buffer.from(text))
    .filter(isLong)
    .flatMap(toPieces);
}

function isLong(form: Uint8Array): boolean {
  return form.length >= SHORTEST_BYTES;
}

function toParts(value: string): readonly string[] {
  const lines = value.split(/[\r\n]+/).map((line) => line.trim());
  const long = lines.filter((line) => Buffer.byteLength(line) >= SHORTEST_LINE_BYTES);
  return [value, value.trim(), ...long].filter((part) => isLong(Buffer.from(part)));
}

function toSpellings(text: string): readonly string[] {
  return [
    text,
    ...toJsonForms(text),
    ...["'\\''", `'"'"'`].map((quote) => text.replaceAll("'", quote)),
    ...toUrlForms(text),
    ...[0, 1, 2].flatMap((offset) => toBase64Forms(text, offset)),
  ];
}

const NO_ASCII = /[\u0080-\uffff]/g;

/** Writers of JSON differ in what they escape without need: what is no ASCII, slashes, signs of HTML. */
function toJsonForms(text: string): readonly string[] {
  const plain = JSON.stringify(text).slice(1, -1);
  const ascii = plain.replaceAll(NO_ASCII, toJsonEscape);
  const upper = plain.replaceAll(NO_ASCII, (unit) => `\\u${toHex(unit).toUpperCase()}`);
  const forms = [plain, ascii, upper];
  return [
    ...forms,
    ...forms.map((form) => form.replaceAll("/", "\\/")),
    ...forms.map((form) => form.replaceAll(/[<>&]/g, toJsonEscape)),
  ];
}

function toJsonEscape(unit: string): string {
  return `\\u${toHex(unit)}`;
}

function toHex(unit: string): string {
  return unit.charCodeAt(0).toString(16).padStart(4, "0");
}

/** What the usual writers of URLs encode besides that on which all agree. */
const ALSO_ENCODED = [/(?!)/g, /[!'()*]/g, /[!'()~]/g];

function toUrlForms(text: string): readonly string[] {
  const plain = encodeURIComponent(text);
  const forms = ALSO_ENCODED.map((signs) => plain.replaceAll(signs, toUrlEscape))
    .flatMap((form) => [form, form.replaceAll("%2F", "/")])
    .flatMap((form) => [form, form.replaceAll("%20", "+")]);
  return [...forms, ...forms.map((form) => form.replaceAll(/%../g, (code) => code.toLowerCase()))];
}

function toUrlEscape(sign: string): string {
  return `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** What base64 makes of the text behind any other text: the signs that depend on nothing but the text. */
function toBase64Forms(text: string, offset: number): readonly string[] {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]);
  const [from, to] = [Math.ceil((offset * 8) / 6), Math.floor((bytes.length * 8) / 6)];
  return [bytes.toString("base64"), bytes.toString("base64url")].map((form) =>
    form.slice(from, to),
  );
}

function toPieces(form: Buffer): readonly Buffer[] {
  if (form.length <= LONGEST_BYTES) return [form];
  const starts = Array.from({ length: Math.ceil(form.length / LONGEST_BYTES) }, (_, index) =>
    Math.min(index * LONGEST_BYTES, form.length - LONGEST_BYTES),
  );
  return starts.map((start) => form.subarray(start, start + LONGEST_BYTES));
}
