# SPDX-License-Identifier: BSL-1.0
# Keys, CAs and certificates for tests of TLS, made by openssl. The scenarios of TLS use it. The
# files of a name are scratch("$name.key") and scratch("$name.pem").
package Simc::Certificates;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);

use Simc::Run;

our @EXPORT = qw(ca certificate);

my $DAYS = 2;

sub openssl {
    my (@arguments) = @_;
    my $run = run(['openssl', @arguments]);
    die "openssl @arguments: $run->{err}" if $run->{status};
    return;
}

sub key {
    my ($name) = @_;
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out',
        scratch("$name.key"));
    chmod 0600, scratch("$name.key");
    return;
}

# A CA that has signed itself.
sub ca {
    my ($name) = @_;
    key($name);
    openssl('req', '-x509', '-new', '-key', scratch("$name.key"), '-subj', "/CN=$name", '-days',
        $DAYS, '-out', scratch("$name.pem"));
    return;
}

# A certificate of a CA for some subjectAltNames; one of -1 days has expired.
sub certificate {
    my ($name, $ca, $names, $days) = @_;
    key($name);
    openssl('req', '-new', '-key', scratch("$name.key"), '-subj', '/CN=nobody', '-out',
        scratch("$name.csr"));
    write_file(scratch("$name.ext"), "subjectAltName=$names\n");
    openssl('x509', '-req', '-in', scratch("$name.csr"), '-CA', scratch("$ca.pem"), '-CAkey',
        scratch("$ca.key"), '-CAcreateserial', '-days', $days || $DAYS, '-extfile',
        scratch("$name.ext"), '-out', scratch("$name.pem"));
    return;
}

1;
