#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# Listens on a port of this host in place of an ECM generator on another, and spoils each ECM;
# headend.pl starts it for the exercise bad-ecm.
#
#     break-ecm.pl FROM_PORT TO_PORT
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::Bin/lib";

use Headend::Proxy;

die "usage: break-ecm.pl FROM_PORT TO_PORT\n" if @ARGV != 2;
Headend::Proxy::run(@ARGV);
