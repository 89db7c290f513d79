/** A name with its last number taken out; names that differ in it alone are written together. */
interface NumberedName {
  readonly head: string;
  readonly digits: string;
  readonly tail: string;
}

interface Family {
  readonly head: string;
  readonly tail: string;
  readonly width: number;
  readonly numbers: Set<number>;
}

/** More digits are an id, and no number that can be counted on. */
const NUMBERED = /^(.*?)(\d{1,9})(\D*)$/s;

/** Writes names in short: `pg-eu-[1-2,4] web`. Each once, in the order in which they or their like come first. */
export function compressNames(names: readonly string[]): string {
  const all = [...new Set(names)];
  const padded = paddedWidths(all);
  const families = new Map<string, Family | string>();
  for (const name of all) {
    const numbered = takeApart(name);
    if (numbered) addToFamily(families, numbered, padded);
    else families.set(`name ${name}`, name);
  }
  return [...families.values()]
    .map((one) => (typeof one === "string" ? one : toText(one)))
    .join(" ");
}

function takeApart(name: string): NumberedName | undefined {
  const [, head, digits, tail] = NUMBERED.exec(name) ?? [];
  if (head === undefined || digits === undefined || tail === undefined) return undefined;
  return /\d$/.test(head) ? undefined : { head, digits, tail };
}

function placeOf({ head, tail }: Pick<NumberedName, "head" | "tail">, width: number): string {
  return `number ${JSON.stringify([head, tail, width])}`;
}

/** `08` says that the others of its kind are written with two digits as well. */
function paddedWidths(names: readonly string[]): ReadonlySet<string> {
  const numbered = names.map(takeApart).filter((one) => one !== undefined);
  const padded = numbered.filter(({ digits }) => digits.length > 1 && digits.startsWith("0"));
  return new Set(padded.map((one) => placeOf(one, one.digits.length)));
}

function addToFamily(
  families: Map<string, Family | string>,
  { head, digits, tail }: NumberedName,
  padded: ReadonlySet<string>,
): void {
  const fixed = padded.has(placeOf({ head, tail }, digits.length));
  const width = fixed ? digits.length : 0;
  const place = placeOf({ head, tail }, width);
  const family = families.get(place);
  if (typeof family === "object") family.numbers.add(Number(digits));
  else families.set(place, { head, tail, width, numbers: new Set([Number(digits)]) });
}

function toText({ head, tail, width, numbers }: Family): string {
  const write = (number: number) => String(number).padStart(width, "0");
  const ranges = toRanges([...numbers].sort((one, other) => one - other));
  const texts = ranges.map(([from, to]) =>
    from === to ? write(from) : `${write(from)}-${write(to)}`,
  );
  return numbers.size === 1 ? `${head}${texts[0]}${tail}` : `${head}[${texts.join(",")}]${tail}`;
}

function toRanges(numbers: readonly number[]): (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last && number === last[1] + 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges;
}
