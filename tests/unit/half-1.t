#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# Every second suite of the unit tests; half-0.t runs the others beside it. `make check` runs both.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";

use Simc::Units;

run_half(1);
