import os, sys
def say(words):
    os.write(1, ("deckhand-guard " + words + "\n").encode())
if not hasattr(os, "memfd_create"):
    say("nowhere this python is older than 3.8"); sys.exit(0)
try:
    fd = os.memfd_create("deckhand-guard", 0)
except OSError as error:
    say("nowhere no memory file: " + str(error)); sys.exit(0)
say("need")
left = int(os.environ["DECKHAND_GUARD_BYTES"])
while left > 0:
    piece = os.read(0, min(left, 65536))
    if not piece:
        sys.exit(0)
    left -= os.write(fd, piece)
say("at /proc/%d/exe" % os.getpid())
try:
    os.execv("/proc/self/fd/%d" % fd, ["deckhand-guard", "bridge"])
except OSError as error:
    say("nowhere it can not be started from memory: " + str(error))
