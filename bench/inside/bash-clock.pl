# Reads how often, starts bash that often one after the other, and prints how long each took in microseconds.
use strict;
use warnings;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

$| = 1;
while ( my $count = <STDIN> ) {
    my @took;
    for ( 1 .. $count ) {
        my $from = clock_gettime(CLOCK_MONOTONIC);
        open( my $bash, '-|', 'bash', '-c', 'echo hello' ) or die "bash: $!";
        my $said = <$bash>;
        close($bash) or die 'bash failed';
        push @took, int( ( clock_gettime(CLOCK_MONOTONIC) - $from ) * 1e6 );
        die 'bash said something else' if $said ne "hello\n";
    }
    print "@took\n";
}
