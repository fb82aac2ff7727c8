# SPDX-License-Identifier: BSL-1.0
# Transport stream packets and the tables that name services, taken apart without the libraries of
# this tree, so that they can be judged by it. judge.pl and Headend::Source use it.
package Headend::Packets;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);

our @EXPORT = qw($PACKET payload_at pcr_of pid_of);

our $PACKET = 188;

my $PAT_PID = 0;
my $CAT_PID = 1;
my $CA_DESCRIPTOR = 0x09;
my $SERVICE_DESCRIPTOR = 0x48;
my $SDT_PID = 0x11;

sub pid_of {
    my ($packet) = @_;
    return unpack('n', substr $packet, 1, 2) & 0x1fff;
}

# Where the payload begins; 188: there is none.
sub payload_at {
    my ($packet) = @_;
    my $control = ord(substr $packet, 3, 1) & 0x30;
    return 4 if $control == 0x10;
    return $PACKET if $control != 0x30;
    my $at = 5 + ord substr $packet, 4, 1;
    return $at < $PACKET ? $at : $PACKET;
}

# The PCR in ticks of 27 MHz, or undef.
sub pcr_of {
    my ($packet) = @_;
    return if !(ord(substr $packet, 3, 1) & 0x20) || ord(substr $packet, 4, 1) < 7
        || !(ord(substr $packet, 5, 1) & 0x10);
    my ($high, $low) = unpack 'Nn', substr $packet, 6, 6;
    return ($high * 2 + ($low >> 15)) * 300 + ($low & 0x1ff);
}

# ---- tables ----

# What is known of the services of a stream: give packets, read {services}, program_number to
# {pmt_pid, pcr_pid, name, pids => [PID...], types => {PID => stream_type},
# ecms => {PID => package or undef}}; and {emms}, PID => CA_system_id of the CAT.
sub new {
    my ($class) = @_;
    return bless {
        services => {},
        emms => {},
        is_table => {$PAT_PID => 1, $CAT_PID => 1, $SDT_PID => 1},
        sections => {},
        seen => {},
        changes => 0,
    }, $class;
}

# True for PIDs that push() wants.
sub wants { return $_[0]{is_table}{$_[1]} }

# True when every service of the PAT has its PMT.
sub is_complete {
    my ($self) = @_;
    my @services = values %{$self->{services}};
    return $self->{has_pat} && !grep { !$_->{pids} } @services;
}

sub push_packet {
    my ($self, $pid, $packet) = @_;
    my $at = payload_at($packet);
    return if $at >= $PACKET || ord(substr $packet, 3, 1) & 0xc0;
    my $payload = substr $packet, $at;
    if (ord(substr $packet, 1, 1) & 0x40) {
        my $pointer = ord $payload;
        $self->add_bytes($pid, substr $payload, 1, $pointer) if $pointer < length $payload;
        return if $pointer + 1 > length $payload;
        $self->{sections}{$pid} = '';
        $payload = substr $payload, 1 + $pointer;
    }
    $self->add_bytes($pid, $payload);
    return;
}

# More bytes of sections on a PID; those that are whole are read.
sub add_bytes {
    my ($self, $pid, $bytes) = @_;
    return if not defined $self->{sections}{$pid};
    $self->{sections}{$pid} .= $bytes;
    while (length $self->{sections}{$pid} >= 3 && ord($self->{sections}{$pid}) != 0xff) {
        my $size = 3 + (unpack('n', substr $self->{sections}{$pid}, 1, 2) & 0x0fff);
        return if length $self->{sections}{$pid} < $size;
        my $section = substr $self->{sections}{$pid}, 0, $size, '';
        my $before = $self->{seen}{$pid . ' ' . substr $section, 0, 8};
        next if defined $before && $before eq $section;
        $self->{seen}{$pid . ' ' . substr $section, 0, 8} = $section;
        $self->read_section($pid, $section);
    }
    delete $self->{sections}{$pid} if length $self->{sections}{$pid} < 3 || length
        $self->{sections}{$pid} > 4096 || ord($self->{sections}{$pid}) == 0xff;
    return;
}

sub read_section {
    my ($self, $pid, $section) = @_;
    my $size = length $section;
    return if $size < 12 || !(ord(substr $section, 5, 1) & 1);    # too short, or not yet in force
    my ($table, $id) = (ord $section, unpack 'n', substr $section, 3, 2);
    $self->read_pat(substr $section, 8, $size - 12) if $table == 0 && $pid == $PAT_PID;
    $self->read_cat(substr $section, 8, $size - 12) if $table == 1 && $pid == $CAT_PID;
    $self->read_pmt($id, $pid, substr $section, 8, $size - 12) if $table == 2;
    $self->read_sdt(substr $section, 11, $size - 15) if $table == 0x42 && $size >= 15;
    return;
}

sub read_pat {
    my ($self, $body) = @_;
    my %now;
    while (length $body >= 4) {
        my ($program, $pid) = unpack 'nn', substr $body, 0, 4, '';
        $now{$program} = $pid & 0x1fff if $program;
    }
    my $services = $self->{services};
    delete @$services{grep { !defined $now{$_} } keys %$services};
    for my $program (keys %now) {
        $services->{$program} ||= {};
        $services->{$program}{pmt_pid} = $now{$program};
        $self->{is_table}{$now{$program}} = 1;
    }
    $self->{has_pat} = 1;
    $self->{changes}++;
    return;
}

sub read_cat {
    my ($self, $body) = @_;
    $self->{emms} = {};
    while (length $body >= 2) {
        my ($tag, $size) = unpack 'CC', substr $body, 0, 2, '';
        last if $size > length $body;
        my $descriptor = substr $body, 0, $size, '';
        next if $tag != $CA_DESCRIPTOR || $size < 4;
        my ($system, $pid) = unpack 'nn', $descriptor;
        $self->{emms}{$pid & 0x1fff} = $system;
    }
    $self->{changes}++;
    return;
}

# The ECM PIDs of a loop of descriptors, with the package that the private bytes name.
sub read_ecms {
    my ($descriptors, $ecms) = @_;
    while (length $descriptors >= 2) {
        my ($tag, $size) = unpack 'CC', substr $descriptors, 0, 2, '';
        return if $size > length $descriptors;
        my $body = substr $descriptors, 0, $size, '';
        next if $tag != $CA_DESCRIPTOR || $size < 4;
        my ($pid) = unpack 'n', substr $body, 2, 2;
        $ecms->{$pid & 0x1fff} = $size >= 10 ? unpack('N', substr $body, 4, 4) : undef;
    }
    return;
}

sub read_pmt {
    my ($self, $program, $pid, $body) = @_;
    my $service = $self->{services}{$program};
    return if !$service || $service->{pmt_pid} != $pid || length $body < 4;
    my ($pcr_pid, $size) = map { $_ & 0x1fff } unpack 'nn', substr $body, 0, 4, '';
    my (%ecms, %types, @pids);
    read_ecms(substr($body, 0, $size & 0xfff, ''), \%ecms) if ($size & 0xfff) <= length $body;
    while (length $body >= 5) {
        my ($type, $component, $info) = unpack 'Cnn', substr $body, 0, 5, '';
        last if ($info & 0xfff) > length $body;
        read_ecms(substr($body, 0, $info & 0xfff, ''), \%ecms);
        push @pids, $component & 0x1fff;
        $types{$component & 0x1fff} = $type;
    }
    @$service{qw(pcr_pid pids types ecms)} = ($pcr_pid, \@pids, \%types, \%ecms);
    $self->{changes}++;
    return;
}

sub read_sdt {
    my ($self, $body) = @_;
    while (length $body >= 5) {
        my ($program, undef, $size) = unpack 'nCn', substr $body, 0, 5, '';
        last if ($size & 0xfff) > length $body;
        my $descriptors = substr $body, 0, $size & 0xfff, '';
        while (length $descriptors >= 2) {
            my ($tag, $length) = unpack 'CC', substr $descriptors, 0, 2, '';
            last if $length > length $descriptors;
            my $descriptor = substr $descriptors, 0, $length, '';
            next if $tag != $SERVICE_DESCRIPTOR || $length < 3;
            my $name = eval { unpack 'x C/x C/a', $descriptor };
            next if not defined $name;
            $name =~ s/\A[\x00-\x1f]+//;    # the character table
            $name =~ s/[^\x20-\x7e]/?/g;
            $self->{names}{$program} = $name;
        }
    }
    $self->{changes}++;
    return;
}

1;
