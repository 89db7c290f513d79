# Removes an execution's directory. What still writes to its pipes goes nowhere from then on.
for DECKHAND_P in /tmp /var/tmp "${HOME:-/}" /dev/shm; do
  DECKHAND_P=${DECKHAND_P%/}/.deckhand-files-$DECKHAND_FILED_ID
  if [ -d "$DECKHAND_P" ] && [ ! -L "$DECKHAND_P" ] && [ -O "$DECKHAND_P" ]; then rm -rf "$DECKHAND_P"; fi
done
exit 0
