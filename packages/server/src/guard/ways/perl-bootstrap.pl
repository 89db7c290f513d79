$| = 1;
sub say_ { print "deckhand-guard $_[0]\n" }
my $fd = syscall($ENV{DECKHAND_GUARD_MEMFD_CALL} + 0, my $name = "deckhand-guard", 0);
if ($fd < 0) { say_("nowhere no memory file: $!"); exit 0 }
open(my $file, ">&=", $fd) or do { say_("nowhere $!"); exit 0 };
binmode $file; binmode STDIN;
say_("need");
my $left = $ENV{DECKHAND_GUARD_BYTES};
while ($left > 0) {
  my $got = sysread(STDIN, my $piece, $left > 65536 ? 65536 : $left);
  exit 0 unless $got;
  syswrite($file, $piece) == $got or exit 0;
  $left -= $got;
}
say_("at /proc/$$/exe");
exec { "/proc/self/fd/$fd" } "deckhand-guard", "bridge" or say_("nowhere it can not be started from memory: $!");
