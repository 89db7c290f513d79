# Makes JSON of psql's unaligned output. The output is cut at \036; a piece that begins with a mark and the execution's id says
# what begins there (T a result, R a row, F a field, N null), and any other piece belongs to the value before it.
BEGIN {
  RS = "\036"
  escapes()
  depth = 0
}
{
  kind = substr($0, 1, 1)
  if (NR > 1 && index("TRFN", kind) > 0 && substr($0, 2, length(id)) == id) {
    text = substr($0, 2 + length(id))
    if (kind == "T") { ended(); began() }
    else if (kind == "R") { row(); fields = 0; field() }
    else if (kind == "F") field()
    else { isNull[fields] = 1; values[fields] = text }
  } else if (NR > 1) values[fields] = values[fields] "\036" $0
  else if ($0 != "") printf "%s", $0
}
END { ended() }

function field() {
  fields++
  values[fields] = text
  isNull[fields] = 0
}

function began() {
  depth = 1
  rows = -1
  fields = 0
  printf "["
}

# The last value of a result has the end of the line.
function ended() {
  if (!depth) return
  sub(/\n$/, "", values[fields])
  row()
  print "]"
  depth = 0
}

# The first row has the names of the columns.
function row(  place) {
  if (fields == 0) return
  rows++
  if (rows == 0) {
    for (place = 1; place <= fields; place++) names[place] = values[place]
    return
  }
  printf "%s{", (rows > 1 ? ",\n" : "")
  for (place = 1; place <= fields; place++) {
    printf "%s", (place > 1 ? "," : "")
    put(names[place])
    printf ":"
    if (isNull[place]) printf "null"
    else put(values[place])
  }
  printf "}"
}
