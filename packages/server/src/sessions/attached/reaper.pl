# Adopts what a script leaves behind. Without it an orphan becomes a child of the container's main process, and PostgreSQL
# takes an unknown child that ends by a signal for a crashed session and restarts all of them.
eval { require Config };
my ($prctl, $setsid) = $Config::Config{archname} =~ /^x86_64/ ? (157, 112)
  : $Config::Config{archname} =~ /^(aarch64|riscv64)/ ? (167, 157) : ();
my @wrapper = ("/bin/sh", "-c", shift, "sh");
my $note = "\036deckhand $ENV{DECKHAND_NONCE} gone\n";
delete $ENV{PERL_BADLANG};

# 36 is PR_SET_CHILD_SUBREAPER. Where it, or a fork, is refused the wrapper takes this place.
my $adopts = $prctl && syscall($prctl, 36, 1, 0, 0, 0) == 0;
my $child = $adopts ? fork : 0;
if (!$child) {
  syscall($setsid) if $adopts;
  exec { $wrapper[0] } @wrapper;
  exit 126;
}

# The sweep knows it by this name (15 is PR_SET_NAME) and its mark; assigning to $0 would overwrite the mark.
my $name = "deckhand-reaper";
syscall($prctl, 15, $name, 0, 0, 0);
$SIG{$_} = "IGNORE" for qw(HUP INT QUIT TERM PIPE);
chdir "/";
open STDIN, "<", "/dev/null";
while ((my $pid = wait) > 0) {
  next if $pid != $child;
  # A wrapper that came to its end has reported it. What lives on must not hold the streams by us.
  syswrite STDOUT, $note if $?;
  open STDOUT, ">", "/dev/null";
  open STDERR, ">", "/dev/null";
}
# PostgreSQL as the main process minds any other status.
exit 0;
