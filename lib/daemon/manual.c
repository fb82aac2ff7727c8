/* SPDX-License-Identifier: BSL-1.0 */
/* What a daemon prints about itself: --help, its man page, --version. The body of both pages comes
 * from lib/base/options_help.c; only their heads differ, because a daemon is a program, not a
 * command of one. main.c calls it. */
#include "base/text.h"
#include "daemon/internal.h"

static const struct {
    const char *name, *text;
} signals[] = {
    {"SIGHUP", "read the configuration again; all of it comes into force, or nothing"},
    {"SIGTERM, SIGINT", "take no new work, finish what is in progress (at most as long as the key "
                        "`drain' says), and end; a second one ends at once"},
};

enum { SIGNAL_COUNT = sizeof signals / sizeof signals[0] };

void simc__daemon_put_help(struct simc_writer *out, const struct simc__daemon *daemon,
                           const struct simc__command *command)
{
    simc__text_printf(out, "Usage: %s [OPTION...]\n\n", daemon->name);
    simc__options_help_body(command, out);
    simc__text_printf(out, "\n`%s manual' prints the man page.\n", daemon->name);
}

void simc__daemon_put_man(struct simc_writer *out, const struct simc__daemon *daemon,
                          const struct simc__command *command)
{
    simc__text_printf(out, ".TH %s 8 \"\" \"OpenSimulCrypt %s\" \"OpenSimulCrypt\"\n.SH NAME\n",
                      daemon->name, daemon->version);
    simc__text_printf(out, "%s \\- %s\n", daemon->name, daemon->summary);
    simc__text_printf(out, ".SH SYNOPSIS\n\\fB%s\\fR [\\fIOPTION\\fR...]\n", daemon->name);
    simc__options_man_body(command, out);
    simc__text_put(out, ".SH SIGNALS\n");
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        simc__text_printf(out, ".TP\n\\fB%s\\fR\n%s\n", signals[i].name, signals[i].text);
    simc__text_printf(out,
                      ".SH CONFIGURATION\nA YAML file; \\fB%s \\-\\-print\\-sample\\fR prints one "
                      "with a comment for each key, and\n\\fB%s \\-\\-print\\-reference\\fR a "
                      "table of all keys.\n",
                      daemon->name, daemon->name);
    simc__text_put(out, ".SH ENVIRONMENT\n.TP\n\\fBNOTIFY_SOCKET\\fR, \\fBWATCHDOG_USEC\\fR, "
                        "\\fBWATCHDOG_PID\\fR\nset by systemd, which is told of start, reload, "
                        "stop and health\n.TP\n\\fBJOURNAL_STREAM\\fR\nset by systemd: the log "
                        "takes the form of its journal\n");
}

void simc__daemon_put_version(struct simc_writer *out, const struct simc__daemon *daemon)
{
    simc__text_printf(out, "%s %s (OpenSimulCrypt)\n%sLicence: Boost Software License 1.0\n",
                      daemon->name, daemon->version, daemon->build ? daemon->build : "");
}
