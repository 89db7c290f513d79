import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rewriteTokens } from "./rewrite-tokens.ts";

const VARIABLES = {
  a: { name: "a", isOptional: false },
  b: { name: "b", isOptional: true },
} as const;

function rewrite(text: string) {
  const token = /@option\.([^@\s]+)@/y;
  return rewriteTokens({ text, token, find: (asked) => VARIABLES[asked as "a" | "b"] });
}

describe("a token becomes a variable in the quotes that its place asks for", () => {
  test.each([
    ["echo @option.a@", 'echo "${a}"'],
    ["echo --x=@option.a@/y", 'echo --x="${a}"/y'],
    ["run @option.b@", 'run ${b:+"${b}"}'],
    ['echo "x @option.a@ y"', 'echo "x ${a} y"'],
    ["awk '{print @option.a@}'", "awk '{print '\"${a}\"'}'"],
    ["echo it\\'s @option.a@", 'echo it\\\'s "${a}"'],
    ["# it's @option.a@\necho @option.a@", '# it\'s a\necho "${a}"'],
    ["echo a#b @option.a@", 'echo a#b "${a}"'],
    ["cat <<END\n'@option.a@'\nEND\necho @option.a@", "cat <<END\n'${a}'\nEND\necho \"${a}\""],
    [
      "cat <<-A - <<B\n\t@option.a@\n\tA\n@option.a@\nB\n",
      "cat <<-A - <<B\n\t${a}\n\tA\n${a}\nB\n",
    ],
    ["echo $((1<<2)) @option.a@", 'echo $((1<<2)) "${a}"'],
    ["cat <<<@option.a@", 'cat <<<"${a}"'],
    ["x=$(date) y=`date` z=${x#*:} w=@option.a@", 'x=$(date) y=`date` z=${x#*:} w="${a}"'],
  ])("%s", (text, written) => {
    expect(rewrite(text)).toMatchObject({ text: written, faults: [] });
  });
});

test.each([
  "x=$(echo @option.a@)",
  'x="$(echo "@option.a@")"',
  "x=`echo @option.a@`",
  "echo ${x:-@option.a@}",
  "echo $'@option.a@'",
  "cat <<'END'\n@option.a@\nEND\n",
  "x=$(case y in y) echo;; esac); echo @option.a@",
  "echo @option.unknown@",
])("where the quotes are not sure nothing is changed, and that is told: %s", (text) => {
  const { text: written, faults } = rewrite(text);
  expect(written).toBe(text);
  expect(faults).toHaveLength(1);
});

/** Pieces of a script that print their token, each in a line of its own. */
const PLACES = [
  (token: string) => `printf '[%s]\\n' ${token}`,
  (token: string) => `printf '[%s]\\n' "${token}"`,
  (token: string) => `printf '[%s]\\n' '${token}'`,
  (token: string) => `v=${token}; printf '[%s]\\n' "$v"`,
  (token: string) => `v="${token}" # it's "${token}"\nprintf '[%s]\\n' "$v"`,
  (token: string) => `(printf '[%s]\\n' ""${token}'') # '`,
  (token: string) => `if [ "${token}" = ${token} ]; then printf '[%s]\\n' "${token}"; fi`,
  (token: string) => `v=$(date); printf '[%s]\\n' "\${v:+}${token}"`,
  (token: string) => `cat <<END\n[${token}]\nEND`,
];

test("in a real shell every value arrives as it is, and nothing of it is run", () => {
  const value = fc
    .oneof(
      fc.string({ unit: "grapheme", maxLength: 20 }),
      fc.stringMatching(/^[ '"$`\\();|&<>*?#\n-]{0,12}$/),
      fc.constantFrom("$(echo no)", "`echo no`", '"; echo no; "', "'; echo no; '", "-n", "*"),
    )
    .filter((text) => !text.includes("\0") && text !== "");
  const places = fc.array(fc.constantFrom(...PLACES), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(places, value, (chosen, given) => {
      const script = chosen.map((place) => place("@option.a@")).join("\n");
      const { text, faults } = rewrite(script);
      expect(faults).toEqual([]);
      const env = { PATH: process.env["PATH"], a: given };
      const { stdout, stderr } = spawnSync("sh", ["-c", text], { env, encoding: "utf8" });
      expect(stdout, `${text}\n${stderr}`).toBe(chosen.map(() => `[${given}]\n`).join(""));
    }),
    { numRuns: 60 },
  );
});

test("any text comes to its end, and without a token it stays as it is", () => {
  const text = fc.array(
    fc.constantFrom(
      "'",
      '"',
      "\\",
      "$(",
      ")",
      "`",
      "${",
      "}",
      "#",
      "\n",
      " ",
      "<<A",
      "A",
      "case x",
    ),
  );
  fc.assert(
    fc.property(text, (pieces) => {
      expect(rewrite(pieces.join("")).text).toBe(pieces.join(""));
    }),
  );
});
