/* SPDX-License-Identifier: BSL-1.0 */
/* How options of a command line become a configuration: as texts that can be nothing else, or as
 * values that the rows judge. The daemons' main.c files call it. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "daemon/daemon.h"

void simc__daemon_put_quoted(struct simc_writer *yaml, const char *text)
{
    simc__text_put(yaml, "'");
    for (; *text; text++)
        simc__text_printf(yaml, *text == '\'' ? "''" : "%c", *text);
    simc__text_put(yaml, "'");
}

int simc__daemon_check_plain(const char *program, const char *option, const char *text,
                             char why[SIMC__DAEMON_WHY_SIZE])
{
    static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ.:[]-%_/";
    if (!text || (text[0] && text[strspn(text, allowed)] == '\0'))
        return 0;
    snprintf(why, SIMC__DAEMON_WHY_SIZE, "--%s: '%.64s' is no such value; '%s --help' has examples",
             option, text, program);
    return SIMC_EINVAL;
}

void simc__daemon_put_admin(struct simc_writer *yaml, const char *admin)
{
    if (admin)
        simc__text_printf(
            yaml, strcmp(admin, "null") == 0 ? "admin: {listen: %s}\n" : "admin: {listen: '%s'}\n",
            admin);
}
