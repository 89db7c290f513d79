# Finds the processes of one execution and signals them: those that carry its mark in their environment, those in its
# session, and the children of either or of its reaper. Builtins only and no fork, so that it works where no process can be
# made any more. Without a reaper, a process that left the session, lost its parent and cleared its environment can not be
# found.
DECKHAND_N=$DECKHAND_NONCE
deckhand_say() { printf '\036deckhand %s %s\n' "$DECKHAND_N" "$1"; }

# deckhand_stat PID: name, state, parent and session in DECKHAND_NAME, DECKHAND_STATE, DECKHAND_PARENT, DECKHAND_SESSION.
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

# deckhand_marked PID: a value may hold newlines, so every line counts.
deckhand_marked() {
  while IFS= read -r DECKHAND_L 2>/dev/null || [ -n "$DECKHAND_L" ]; do
    case $DECKHAND_L in *"DECKHAND_EXECUTION_ID=$DECKHAND_SWEEP_ID"*) return 0 ;; esac
    DECKHAND_L=
  done 2>/dev/null <"/proc/$1/environ"
  return 1
}

# All that belong to the execution and live, in DECKHAND_FOUND, but this shell, the one that reports and the reaper: those
# end by themselves. DECKHAND_FAMILY is all whose children belong to it.
deckhand_find() {
  DECKHAND_FOUND=' '
  DECKHAND_FAMILY=" $DECKHAND_SWEEP_SPARE "
  DECKHAND_GREW=yes
  while [ -n "$DECKHAND_GREW" ]; do
    DECKHAND_GREW=
    for DECKHAND_P in /proc/[0-9]*; do
      DECKHAND_P=${DECKHAND_P#/proc/}
      case "$DECKHAND_FAMILY $$ " in *" $DECKHAND_P "*) continue ;; esac
      deckhand_stat "$DECKHAND_P" || continue
      [ "$DECKHAND_STATE" = Z ] && continue
      if [ "$DECKHAND_SESSION" != "$DECKHAND_SWEEP_SESSION" ]; then
        case $DECKHAND_FAMILY in
          *" $DECKHAND_PARENT "*) ;;
          *) deckhand_marked "$DECKHAND_P" || continue ;;
        esac
      fi
      DECKHAND_FAMILY="$DECKHAND_FAMILY$DECKHAND_P "
      DECKHAND_GREW=yes
      [ "$DECKHAND_NAME" = deckhand-reaper ] || DECKHAND_FOUND="$DECKHAND_FOUND$DECKHAND_P "
    done
  done
}

deckhand_signal() {
  for DECKHAND_P in $DECKHAND_FOUND; do kill "-$1" "$DECKHAND_P" 2>/dev/null; done
}

# The number of a reporter that ended may be another execution's by now.
if [ -n "$DECKHAND_SWEEP_SPARE" ] && [ -e "/proc/$DECKHAND_SWEEP_SPARE/stat" ] && ! deckhand_marked "$DECKHAND_SWEEP_SPARE"; then
  DECKHAND_SWEEP_SPARE=
  DECKHAND_SWEEP_SESSION=none
fi

deckhand_find
case $DECKHAND_SWEEP_SIGNAL in
  TERM) deckhand_signal TERM ;;
  KILL)
    DECKHAND_ROUND=0
    DECKHAND_CLEAN=0
    while [ "$DECKHAND_CLEAN" -lt 2 ] && [ "$DECKHAND_ROUND" -lt 50 ]; do
      deckhand_signal STOP
      deckhand_find
      deckhand_signal KILL
      deckhand_find
      if [ "$DECKHAND_FOUND" = ' ' ]; then DECKHAND_CLEAN=$((DECKHAND_CLEAN + 1)); else DECKHAND_CLEAN=0; fi
      DECKHAND_ROUND=$((DECKHAND_ROUND + 1))
    done
    ;;
esac
for DECKHAND_P in $DECKHAND_FOUND; do
  deckhand_stat "$DECKHAND_P" || continue
  deckhand_say "left $DECKHAND_P $DECKHAND_NAME"
done
deckhand_say swept
