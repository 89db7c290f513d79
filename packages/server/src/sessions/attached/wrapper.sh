# Starts one script and reports its end. Everything comes as environment; values are never shell text: eval sees constant
# words and numbers only. Names begin with DECKHAND_, because any other could be one of the script's own variables.
DECKHAND_N=$DECKHAND_NONCE
unset DECKHAND_NONCE
deckhand_say() { printf '\036deckhand %s %s\n' "$DECKHAND_N" "$1"; }
deckhand_say "hello $$"

# deckhand_take NAME NUMBER: moves a numbered variable to DECKHAND_V.
deckhand_take() {
  eval "DECKHAND_V=\$DECKHAND_${1}_$2"
  unset "DECKHAND_${1}_$2"
}

# deckhand_write NAME COUNT: the pieces of a text, one after the other.
deckhand_write() {
  DECKHAND_I=0
  while [ "$DECKHAND_I" -lt "$2" ]; do
    eval "printf %s \"\$DECKHAND_${1}_$DECKHAND_I\"" || return 1
    DECKHAND_I=$((DECKHAND_I + 1))
  done
}

# deckhand_store NAME COUNT SUFFIX: writes a text to the first place that takes it, its path in DECKHAND_F.
deckhand_store() {
  for DECKHAND_D in /dev/shm /tmp /var/tmp "${HOME:-/}" .; do
    DECKHAND_F=$DECKHAND_D/.deckhand-$DECKHAND_EXECUTION_ID$3
    if (umask 077 && set -C && deckhand_write "$1" "$2" >"$DECKHAND_F") 2>/dev/null; then return 0; fi
    rm -f "$DECKHAND_F" 2>/dev/null
  done
  return 1
}

deckhand_forget() {
  DECKHAND_I=0
  while [ "$DECKHAND_I" -lt "$2" ]; do
    unset "DECKHAND_${1}_$DECKHAND_I"
    DECKHAND_I=$((DECKHAND_I + 1))
  done
}

set --
if [ "$DECKHAND_SCRIPT_COUNT" -gt 0 ]; then
  DECKHAND_I=0
  DECKHAND_C=
  while [ "$DECKHAND_I" -lt "$DECKHAND_COMMAND_COUNT" ]; do
    deckhand_take COMMAND "$DECKHAND_I"
    if [ -z "$DECKHAND_C" ] && command -v "$DECKHAND_V" >/dev/null 2>&1; then DECKHAND_C=$DECKHAND_V; fi
    DECKHAND_I=$((DECKHAND_I + 1))
  done
  if [ -z "$DECKHAND_C" ]; then deckhand_say no-interpreter; exit 0; fi
  set -- "$DECKHAND_C"
  DECKHAND_I=0
  while [ "$DECKHAND_I" -lt "$DECKHAND_FLAG_COUNT" ]; do
    deckhand_take FLAG "$DECKHAND_I"
    set -- "$@" "$DECKHAND_V"
    DECKHAND_I=$((DECKHAND_I + 1))
  done
  deckhand_store SCRIPT "$DECKHAND_SCRIPT_COUNT" "$DECKHAND_EXTENSION" || { deckhand_say no-directory; exit 0; }
  DECKHAND_S=$DECKHAND_F
  if [ "$DECKHAND_PRELUDE_COUNT" -gt 0 ]; then
    deckhand_store PRELUDE "$DECKHAND_PRELUDE_COUNT" .prelude || { deckhand_say no-directory; exit 0; }
    exec 4<"$DECKHAND_F"
    rm -f "$DECKHAND_F"
    set -- "$@" /dev/fd/4 "$DECKHAND_V"
  fi
  if [ "$DECKHAND_DELIVERY" = descriptor ]; then
    exec 3<"$DECKHAND_S"
    rm -f "$DECKHAND_S"
    DECKHAND_S=
    set -- "$@" /dev/fd/3
  else
    set -- "$@" "$DECKHAND_S"
  fi
  deckhand_forget SCRIPT "$DECKHAND_SCRIPT_COUNT"
  deckhand_forget PRELUDE "$DECKHAND_PRELUDE_COUNT"
fi
DECKHAND_I=0
while [ "$DECKHAND_I" -lt "$DECKHAND_ARG_COUNT" ]; do
  deckhand_take ARG "$DECKHAND_I"
  set -- "$@" "$DECKHAND_V"
  DECKHAND_I=$((DECKHAND_I + 1))
done
DECKHAND_B=$DECKHAND_STDIN_BYTES
unset DECKHAND_SCRIPT_COUNT DECKHAND_PRELUDE_COUNT DECKHAND_COMMAND_COUNT DECKHAND_FLAG_COUNT DECKHAND_ARG_COUNT
unset DECKHAND_STDIN_BYTES DECKHAND_DELIVERY DECKHAND_EXTENSION
if [ -n "$DECKHAND_B" ] && ! command -v head >/dev/null 2>&1; then deckhand_say no-head; exit 0; fi

# The script gets the default dispositions; this shell lives on to report how it ended.
trap : HUP INT QUIT TERM
# `exec` in a subshell: the first word is a program, never a builtin. What this shell itself would say of an end by
# signal is not the script's, so its own error stream is away from here on.
deckhand_say ready
exec 5>&2 2>/dev/null
if [ -n "$DECKHAND_B" ]; then
  head -c "$DECKHAND_B" | (exec "$@" 2>&5 5>&-)
else
  (exec "$@" </dev/null 2>&5 5>&-)
fi
DECKHAND_E=$?

if [ -n "$DECKHAND_S" ]; then rm -f "$DECKHAND_S"; fi

# deckhand_stat PID: name, state, parent and session of a process.
deckhand_stat() {
  IFS= read -r DECKHAND_L 2>/dev/null <"/proc/$1/stat" || return 1
  DECKHAND_NAME=${DECKHAND_L#*\(}
  DECKHAND_NAME=${DECKHAND_NAME%\)*}
  DECKHAND_R=${DECKHAND_L##*) }
  DECKHAND_STATE=${DECKHAND_R%% *}
  DECKHAND_R=${DECKHAND_R#* }
  DECKHAND_PARENT=${DECKHAND_R%% *}
  DECKHAND_R=${DECKHAND_R#* }
  DECKHAND_R=${DECKHAND_R#* }
  DECKHAND_SESSION=${DECKHAND_R%% *}
}

# What the script left behind in this session or with the reaper, by builtins only, and not in a crowd.
set -- /proc/[0-9]*
DECKHAND_A=none
if deckhand_stat "$PPID" && [ "$DECKHAND_NAME" = deckhand-reaper ]; then DECKHAND_A=$PPID; fi
if deckhand_stat $$ && [ "$DECKHAND_SESSION" = $$ ] && [ $# -le 200 ]; then
  for DECKHAND_P in "$@"; do
    DECKHAND_P=${DECKHAND_P#/proc/}
    [ "$DECKHAND_P" = $$ ] && continue
    deckhand_stat "$DECKHAND_P" || continue
    [ "$DECKHAND_STATE" = Z ] && continue
    [ "$DECKHAND_SESSION" = $$ ] || [ "$DECKHAND_PARENT" = "$DECKHAND_A" ] || continue
    deckhand_say "left $DECKHAND_P $DECKHAND_NAME"
  done
fi
deckhand_say "exit $DECKHAND_E" >&5
deckhand_say "exit $DECKHAND_E"
