# Holds one execution without anybody attached: starts the wrapper ($1), whose streams go through pipes into files. A file
# begins where the one before it ended and is named by that place. What was taken is deleted, and while too much waits
# the script waits in its writing, so that files never fill what the container's own programs need.
DECKHAND_D=$DECKHAND_FILED_DIR
DECKHAND_ID=$DECKHAND_FILED_ID
unset DECKHAND_FILED_DIR DECKHAND_FILED_ID
# The one that makes it starts the script; nobody makes it twice.
mkdir "$DECKHAND_D/started" 2>/dev/null || exit 0
trap : HUP INT QUIT TERM

# deckhand_pump NAME: standard input to files. Another signal than KILL does not end it, and it never closes the pipe before
# the last writer has: a process that outlives its script must not end by SIGPIPE. (A redirection that fails would end the
# shell with `:`, but not with `true`.)
deckhand_pump() {
  trap '' HUP INT QUIT TERM
  cd "$DECKHAND_D" || exec cat >/dev/null
  umask 077
  DECKHAND_S=0.05
  sleep 0.01 2>/dev/null || DECKHAND_S=1
  DECKHAND_M=$1
  # Where the newest file begins, where all of it ends, and what was taken.
  DECKHAND_G=0
  DECKHAND_O=0
  DECKHAND_A=0
  set -- 0
  while :; do
    DECKHAND_R=1048576
    if ! { dd bs=65536 count=1 >>"$DECKHAND_M.$DECKHAND_G"; } 2>/dev/null; then
      [ -d "$DECKHAND_D/started" ] || break
      # No room: this piece is lost, and the next one waits until all is taken.
      true >"$DECKHAND_M.gap"
      DECKHAND_R=1
      if [ ! -e "$DECKHAND_M.$DECKHAND_G" ]; then sleep 1; continue; fi
    fi
    DECKHAND_L=$(wc -c <"$DECKHAND_M.$DECKHAND_G") || break
    DECKHAND_L=$((DECKHAND_L))
    if [ $((DECKHAND_G + DECKHAND_L)) -eq "$DECKHAND_O" ]; then
      if [ "$DECKHAND_R" -eq 1 ]; then continue; else break; fi
    fi
    DECKHAND_O=$((DECKHAND_G + DECKHAND_L))
    [ "$DECKHAND_L" -ge 65536 ] || [ "$DECKHAND_R" -eq 1 ] || continue
    DECKHAND_G=$DECKHAND_O
    set -- "$@" "$DECKHAND_G"
    true >"$DECKHAND_M.$DECKHAND_G"
    while :; do
      read -r DECKHAND_L <"$DECKHAND_M.taken" && DECKHAND_A=$DECKHAND_L
      while [ $# -gt 1 ] && [ "$2" -le "$DECKHAND_A" ]; do
        rm -f "$DECKHAND_M.$1"
        shift
      done
      [ $((DECKHAND_O - DECKHAND_A)) -ge "$DECKHAND_R" ] && [ -d "$DECKHAND_D/started" ] || break
      true >"$DECKHAND_M.full"
      sleep "$DECKHAND_S"
    done
    rm -f "$DECKHAND_M.full"
  done
  exec cat >/dev/null
}

# PID and beginning of this shell: a number alone may be another process's later.
IFS= read -r DECKHAND_L <"/proc/$$/stat"
DECKHAND_W=$1
set -- ${DECKHAND_L##*) }
shift 19
(
  umask 077
  echo "$$ $1" >"$DECKHAND_D/keeper" && echo "$DECKHAND_NONCE" >"$DECKHAND_D/nonce" && printf '%20s\n' "" >"$DECKHAND_D/wrapper"
) 2>/dev/null || exit 0
mkfifo -m 600 "$DECKHAND_D/stdout.pipe" "$DECKHAND_D/stderr.pipe" || exit 0
(deckhand_pump stdout) <"$DECKHAND_D/stdout.pipe" >/dev/null 2>&1 &
DECKHAND_1=$!
(deckhand_pump stderr) <"$DECKHAND_D/stderr.pipe" >/dev/null 2>&1 &
DECKHAND_2=$!
# The wrapper begins a session of its own, with the execution's mark: what ends the script ends neither this shell nor the pumps.
(
  DECKHAND_EXECUTION_ID=$DECKHAND_ID
  export DECKHAND_EXECUTION_ID
  exec setsid /bin/sh -c "$DECKHAND_W" sh <"$DECKHAND_D/stdin" >"$DECKHAND_D/stdout.pipe" 2>"$DECKHAND_D/stderr.pipe"
) &
DECKHAND_W=$!
printf '%20s\n' "$DECKHAND_W" 1<>"$DECKHAND_D/wrapper"

# deckhand_await PID: a signal interrupts a wait, but not this.
deckhand_await() {
  while kill -0 "$1" 2>/dev/null; do wait "$1"; done
}
deckhand_await "$DECKHAND_W"
true >"$DECKHAND_D/ended"
deckhand_await "$DECKHAND_1"
deckhand_await "$DECKHAND_2"
exit 0
