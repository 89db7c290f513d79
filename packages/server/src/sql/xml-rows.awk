# Makes CSV or JSON of what the MySQL and MariaDB clients write as XML. The input is cut at "<", which no value holds.
BEGIN {
  RS = "<"
  escapes()
  entity["lt"] = "<"
  entity["gt"] = ">"
  entity["amp"] = "&"
  entity["quot"] = form == "json" ? "\\\"" : "\"\""
  entity["#0"] = form == "json" ? "\\u0000" : ""
}
/^resultset / { rows = 0; if (form == "json") printf "[" }
/^row>/ { fields = 0 }
/^field name="/ { field(substr($0, 13)) }
/^\/row>/ { rows++; if (form == "json") json(); else csv() }
/^\/resultset>/ { if (form == "json") print "]" }

function field(text,  end) {
  fields++
  end = index(text, "\"")
  names[fields] = substr(text, 1, end - 1)
  text = substr(text, end + 1)
  isNull[fields] = substr(text, 1, 1) != ">"
  values[fields] = isNull[fields] ? "" : substr(text, 2)
}

function json(  place) {
  printf "%s{", (rows > 1 ? ",\n" : "")
  for (place = 1; place <= fields; place++) {
    printf "%s\"", (place > 1 ? "," : "")
    decode(names[place])
    printf "\":"
    if (isNull[place]) printf "null"
    else { printf "\""; decode(values[place]); printf "\"" }
  }
  printf "}"
}

function csv(  place) {
  if (rows == 1) for (place = 1; place <= fields; place++) cell(names[place], place < fields ? "," : "\n")
  for (place = 1; place <= fields; place++) cell(values[place], place < fields ? "," : "\n")
}

function cell(text, end,  mark) {
  mark = text ~ /[,\n\r]|&quot;/ ? "\"" : ""
  printf "%s", mark
  decode(text)
  printf "%s%s", mark, end
}

# Prints a text with its entities and, for JSON, its control characters written out.
function decode(text,  pieces, count, place, at, sign, end) {
  if (form == "json") count = split(text, pieces, /[\001-\037\\&]/)
  else count = split(text, pieces, "&")
  for (place = 1; place <= count; place++) {
    end = sign == "&" ? index(pieces[place], ";") : 0
    if (end > 0) printf "%s", entity[substr(pieces[place], 1, end - 1)]
    at += length(pieces[place]) + 1
    sign = place < count ? substr(text, at, 1) : ""
    printf "%s%s", substr(pieces[place], end + 1), sign == "&" ? "" : escape[sign]
  }
}
