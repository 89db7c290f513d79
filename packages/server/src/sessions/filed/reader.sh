# Prepares an execution's directory, or finds it, and hands its output on. It answers commands on standard input and ends
# with it. By builtins as far as they go.
DECKHAND_N=$DECKHAND_NONCE
deckhand_say() { printf '\036deckhand %s %s\n' "$DECKHAND_N" "$1"; }
trap : HUP INT QUIT TERM

# Takes away what was prepared, unless somebody has started it.
deckhand_refuse() {
  if mkdir "$DECKHAND_D/started" 2>/dev/null; then rm -rf "$DECKHAND_D"; fi
  deckhand_say "impossible $1"
  exit 0
}

# The order matters: shared memory is the last, because databases need it.
DECKHAND_D=
for DECKHAND_P in /tmp /var/tmp "${HOME:-/}" /dev/shm; do
  DECKHAND_P=${DECKHAND_P%/}/.deckhand-files-$DECKHAND_FILED_ID
  if [ -d "$DECKHAND_P" ] && [ ! -L "$DECKHAND_P" ] && [ -O "$DECKHAND_P" ]; then DECKHAND_D=$DECKHAND_P; break; fi
done

if [ -z "$DECKHAND_D" ] || [ ! -d "$DECKHAND_D/started" ]; then
  if [ "$DECKHAND_FILED_ACT" != start ]; then deckhand_say absent; exit 0; fi
  # An attached exec has a reaper there, which is worth more to the container than files are to us.
  if [ -z "${PERL5OPT-}${PERL5LIB-}${PERL5DB-}${PERL_UNICODE-}${PERL_BADLANG-}" ] && command -v perl >/dev/null 2>&1; then
    deckhand_say "impossible perl"
    exit 0
  fi
  for DECKHAND_P in setsid mkfifo dd wc tail head cat mkdir mv rm sleep; do
    if ! command -v "$DECKHAND_P" >/dev/null 2>&1; then deckhand_say "impossible $DECKHAND_P"; exit 0; fi
  done
  for DECKHAND_P in /tmp /var/tmp "${HOME:-/}" /dev/shm; do
    [ -n "$DECKHAND_D" ] && break
    DECKHAND_P=${DECKHAND_P%/}/.deckhand-files-$DECKHAND_FILED_ID
    mkdir -m 700 "$DECKHAND_P" 2>/dev/null || continue
    if (echo "$DECKHAND_FILED_ID" >"$DECKHAND_P/id") 2>/dev/null; then DECKHAND_D=$DECKHAND_P; else rm -rf "$DECKHAND_P"; fi
  done
  if [ -z "$DECKHAND_D" ]; then deckhand_say "impossible directory"; exit 0; fi
  cd "$DECKHAND_D" || exit 0
  umask 077
  # Written over in place later on, so that a full disk can not take it back.
  for DECKHAND_P in stdout stderr; do
    if [ -e "$DECKHAND_P.taken" ] || (printf '%20s\n' 0 >"$DECKHAND_P.taken") 2>/dev/null; then continue; fi
    deckhand_refuse space
  done
  deckhand_say input
  # Two may prepare at once, and one of them may have started it: what is read already is never written again.
  if [ "$DECKHAND_FILED_INPUT" -gt 0 ]; then head -c "$DECKHAND_FILED_INPUT" 2>/dev/null >"stdin.$$"; else true >"stdin.$$"; fi
  DECKHAND_L=$(wc -c <"stdin.$$")
  if [ "$((DECKHAND_L))" -ne "$DECKHAND_FILED_INPUT" ] || ! mv -f "stdin.$$" stdin; then
    rm -f "stdin.$$"
    deckhand_refuse space
  fi
  deckhand_say "prepared $DECKHAND_D"
else
  cd "$DECKHAND_D" || exit 0
  deckhand_say held
fi

DECKHAND_S=0.05
sleep 0.01 2>/dev/null || DECKHAND_S=1
DECKHAND_C_stdout=0
DECKHAND_C_stderr=0
DECKHAND_G_stdout=
DECKHAND_G_stderr=
DECKHAND_Q=0

# deckhand_find NAME: the file that has the next byte, or the first one after it, in DECKHAND_G.
deckhand_find() {
  DECKHAND_G=
  DECKHAND_F=
  for DECKHAND_P in "$1".[0-9]*; do
    DECKHAND_P=${DECKHAND_P#"$1".}
    case $DECKHAND_P in *[!0-9]*) continue ;; esac
    if [ "$DECKHAND_P" -le "$DECKHAND_C" ]; then
      if [ -z "$DECKHAND_G" ] || [ "$DECKHAND_P" -gt "$DECKHAND_G" ]; then DECKHAND_G=$DECKHAND_P; fi
    elif [ -z "$DECKHAND_F" ] || [ "$DECKHAND_P" -lt "$DECKHAND_F" ]; then DECKHAND_F=$DECKHAND_P; fi
  done
  if [ -z "$DECKHAND_G" ] && [ -n "$DECKHAND_F" ]; then DECKHAND_G=$DECKHAND_F DECKHAND_C=$DECKHAND_F; fi
}

# deckhand_send NAME: what there is of one stream, a file at most. Files only grow, so what was counted is there.
deckhand_send() {
  eval "DECKHAND_C=\$DECKHAND_C_$1 DECKHAND_G=\$DECKHAND_G_$1"
  if [ -z "$DECKHAND_G" ]; then deckhand_find "$1"; fi
  if [ -n "$DECKHAND_G" ] && DECKHAND_L=$(wc -c 2>/dev/null <"$1.$DECKHAND_G"); then
    DECKHAND_K=$((DECKHAND_G + DECKHAND_L - DECKHAND_C))
    if [ "$DECKHAND_K" -gt 0 ]; then
      deckhand_say "chunk $1 $DECKHAND_C $DECKHAND_K"
      tail -c "+$((DECKHAND_C - DECKHAND_G + 1))" "$1.$DECKHAND_G" 2>/dev/null | head -c "$DECKHAND_K"
      DECKHAND_C=$((DECKHAND_C + DECKHAND_K))
      DECKHAND_T=yes
    elif [ "$DECKHAND_C" -gt "$DECKHAND_G" ] && [ -e "$1.$DECKHAND_C" ]; then
      DECKHAND_G=$DECKHAND_C
      DECKHAND_T=yes
    fi
  else
    DECKHAND_G=
  fi
  eval "DECKHAND_C_$1=\$DECKHAND_C DECKHAND_G_$1=\$DECKHAND_G"
}

# Whether nobody is there who could still bring output.
deckhand_is_over() {
  [ -e keeper ] && read -r DECKHAND_P DECKHAND_B <keeper || return 1
  IFS= read -r DECKHAND_L 2>/dev/null <"/proc/$DECKHAND_P/stat" || return 0
  set -- ${DECKHAND_L##*) }
  shift 19
  [ "$1" != "$DECKHAND_B" ]
}

# deckhand_follow: waits a little for output and hands it on. The end is told when whoever reports it is gone and all was
# quiet for a while since, with nothing that waits before the files.
deckhand_follow() {
  DECKHAND_I=0
  while [ "$DECKHAND_I" -lt 10 ]; do
    DECKHAND_T=
    DECKHAND_V=
    if deckhand_is_over; then DECKHAND_V=over; fi
    if [ -e ended ] && [ ! -e stdout.full ] && [ ! -e stderr.full ]; then DECKHAND_Q=$((DECKHAND_Q + 1)); fi
    deckhand_send stdout
    deckhand_send stderr
    if [ -e stdout.gap ] || [ -e stderr.gap ]; then deckhand_say gap; fi
    if [ -n "$DECKHAND_T" ]; then
      DECKHAND_Q=0
      deckhand_say more
      return
    fi
    if [ -n "$DECKHAND_V" ] || [ "$DECKHAND_Q" -gt 20 ]; then deckhand_say over; return; fi
    DECKHAND_I=$((DECKHAND_I + 1))
    sleep "$DECKHAND_S"
  done
  deckhand_say more
}

while IFS=' ' read -r DECKHAND_P DECKHAND_A DECKHAND_B; do
  case $DECKHAND_P in
    # Which wrapper writes the files, once it is there.
    meet)
      DECKHAND_L=
      if [ -s wrapper ]; then read -r DECKHAND_L <wrapper; fi
      if [ -n "$DECKHAND_L" ]; then
        read -r DECKHAND_B <nonce
        deckhand_say "found $DECKHAND_B $DECKHAND_L"
      else
        sleep "$DECKHAND_S"
        deckhand_say waiting
      fi
      ;;
    from)
      DECKHAND_C_stdout=$DECKHAND_A
      DECKHAND_C_stderr=$DECKHAND_B
      ;;
    # What is before these places was taken.
    go)
      printf '%20s\n' "$DECKHAND_A" 1<>stdout.taken
      printf '%20s\n' "$DECKHAND_B" 1<>stderr.taken
      deckhand_follow
      ;;
    # After this nobody can start it any more, unless somebody has.
    cancel) if mkdir started 2>/dev/null; then deckhand_say cancelled; else deckhand_say started; fi ;;
  esac
done
