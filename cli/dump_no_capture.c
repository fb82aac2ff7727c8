/* SPDX-License-Identifier: BSL-1.0 */
/* Stands in for dump_capture.c in a build without libpcap (--disable-capture). */
#include "cli/commands.h"
#include "cli/dump.h"

int simc__dump_capture(struct simc__dump *dump, const char *path)
{
    (void)dump;
    return simc__cli_trouble("cannot read the capture %s: this build has no capture support; "
                             "build with libpcap and without --disable-capture",
                             path);
}
