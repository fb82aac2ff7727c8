# SPDX-License-Identifier: BSL-1.0
# How fast each ECM generator answers, and how long before the last moment its ECMs come, from the
# histograms of scsd. Headend::Run gives it each /metrics, the screen shows what it knows.
package Headend::Margins;

use strict;
use warnings FATAL => 'all';

sub new { return bless {sums => {}, replies => {}, margins => {}}, $_[0] }

# `ecmg_of` tells which ECMG serves a stream now: "Super_CAS_id ECM_id" to name.
sub take_text {
    my ($self, $text, $ecmg_of) = @_;
    my %now;
    while ($text =~ /^scs_(ecmg_reply|stream_margin)_seconds_(sum|count)\{([^}]*)\} (\S+)$/mg) {
        my ($what, $kind, $labels, $value) = ($1, $2, $3, $4);
        my %label = $labels =~ /(\w+)="([^"]*)"/g;
        my $of = $what eq 'ecmg_reply' ? $label{ecmg} : "$label{super_cas_id} $label{ecm_id}";
        $now{$what}{$of}{$kind} = $value;
    }
    my $before = $self->{sums};
    $self->{sums} = \%now;
    my %margins;
    for my $what (keys %now) {
        for my $of (keys %{$now{$what}}) {
            my ($new, $old) = ($now{$what}{$of}, $before->{$what}{$of} || {sum => 0, count => 0});
            my $count = $new->{count} - $old->{count};
            next if $count <= 0;
            my $mean = ($new->{sum} - $old->{sum}) / $count;
            if ($what eq 'ecmg_reply') {
                $self->{replies}{$of} = $mean;
            } elsif (defined(my $ecmg = $ecmg_of->{$of})) {
                $margins{$ecmg} = $mean if !defined $margins{$ecmg} || $mean < $margins{$ecmg};
            }
        }
    }
    $self->{margins}{$_} = $margins{$_} for keys %margins;
    return;
}

# Seconds, or undef.
sub reply { return $_[0]{replies}{$_[1]} }
sub margin { return $_[0]{margins}{$_[1]} }

1;
