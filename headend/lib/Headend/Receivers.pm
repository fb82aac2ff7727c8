# SPDX-License-Identifier: BSL-1.0
# What the two receivers say of themselves, in their JSON lines. Headend::Run keeps it for the
# screen and for the reasons of the verdict.
package Headend::Receivers;

use strict;
use warnings FATAL => 'all';

use JSON::PP;

sub new { return bless {services => {}}, $_[0] }

# A line of standard error of `simulcrypt receive --json`.
sub take_line {
    my ($self, $line) = @_;
    return if $line !~ /\A\{/;
    my $value = eval { JSON::PP->new->utf8->decode($line) } or return;
    return if ref $value->{services} ne 'ARRAY';
    $self->{figures} = $value;
    $self->{services} = {map { $_->{service} => $_ } @{$value->{services}}};
    return;
}

# A service's state and the reason why it is not decoded, or undef.
sub state_of { return ($_[0]{services}{$_[1]} || {})->{state} || 'unknown' }
sub why { return ($_[0]{services}{$_[1]} || {})->{why} }

# True when all these services are decoded.
sub decodes {
    my ($self, @services) = @_;
    return !grep { $self->state_of($_) ne 'decoded' } @services;
}

1;
