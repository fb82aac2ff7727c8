#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# Every second suite of the unit tests; half-0.t runs the others beside it. `make check` runs both.
use strict;
use warnings;

$ENV{SIMC_HALF} = 1;
exec "$ENV{SIMC_BUILDDIR}/unit-tests" or die "cannot run unit-tests: $!\n";
