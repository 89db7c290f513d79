# Texts as JSON has them; every byte that is no control character stays. Printed piece by piece: a text may be long.
function escapes(  code) {
  for (code = 1; code < 32; code++) escape[sprintf("%c", code)] = sprintf("\\u%04x", code)
  escape["\n"] = "\\n"
  escape["\r"] = "\\r"
  escape["\t"] = "\\t"
  escape["\""] = "\\\""
  escape["\\"] = "\\\\"
}

function put(text,  pieces, count, place, at) {
  printf "\""
  count = split(text, pieces, /[\001-\037"\\]/)
  for (place = 1; place <= count; place++) {
    at += length(pieces[place]) + 1
    printf "%s%s", pieces[place], place < count ? escape[substr(text, at, 1)] : ""
  }
  printf "\""
}
