/* SPDX-License-Identifier: BSL-1.0 */
/* The configuration rows that all daemons have, and what their values mean; see daemon.h. Tables of
 * the daemons include them. */
#include <string.h>
#include <unistd.h>

#include "daemon/internal.h"

enum { THREADS_MAX = 64 };

static const struct simc__conf_choice levels[] = {
    {"error", SIMC_LOG_ERROR, "what does not work, and somebody has to act"},
    {"warning", SIMC_LOG_WARNING, "what is wrong but handled"},
    {"notice", SIMC_LOG_NOTICE, "changes of state"},
    {"info", SIMC_LOG_INFO, "normal work"},
    {"debug", SIMC_LOG_DEBUG, "for developers"},
    {NULL, 0, NULL},
};

static const struct simc__conf_choice forms[] = {
    {"auto", SIMC__DAEMON_LOG_AUTO, "journal or terminal if standard error is one, else json"},
    {"json", SIMC__DAEMON_LOG_JSON, "one JSON object per line"},
    {"plain", SIMC__DAEMON_LOG_PLAIN, "for people"},
    {"journal", SIMC__DAEMON_LOG_JOURNAL, "with priorities for systemd's journal"},
    {"terminal", SIMC__DAEMON_LOG_TERMINAL, "for people, in colours"},
    {NULL, 0, NULL},
};

static const struct simc__conf_row log_rows[] = {
    {.name = "level",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__daemon_log_conf, level),
     .choices = levels,
     .fallback = "info",
     .reloadable = true,
     .help = "what is logged; each level includes those above it"},
    {.name = "form",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__daemon_log_conf, form),
     .choices = forms,
     .fallback = "auto",
     .reloadable = true,
     .help = "how lines look"},
};

const struct simc__conf_table simc__daemon_log_table = {
    .name = "log",
    .rows = log_rows,
    .count = sizeof log_rows / sizeof log_rows[0],
    .size = sizeof(struct simc__daemon_log_conf),
};

void simc__daemon_admin_check(const void *values, struct simc__conf_check *check)
{
    const struct simc__daemon_admin_conf *admin = values;
    const struct simc__conf_address *listen = &admin->listen;
    if (!listen->host)
        return;
    if (listen->kind == SIMC__CONF_HOST_NAME && strcmp(listen->host, "localhost") != 0)
        simc__conf_complain(check, "listen",
                            "'%s' is a name; write an address in figures, such as 127.0.0.1:%u",
                            listen->host, listen->port);
    else if (strchr(listen->host, '%'))
        simc__conf_complain(check, "listen", "an address with an interface is not served here");
    else if (!admin->allow_remote && !simc__http_is_loopback(listen->host))
        simc__conf_complain(check, "listen",
                            "%s can be reached by other hosts, and whoever reaches it may ask; "
                            "listen on 127.0.0.1 or [::1], or guard it by a firewall and say "
                            "allow_remote: true",
                            listen->host);
}

unsigned simc__daemon_threads(const struct simc__daemon_conf *conf)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned count = conf->threads;
    if (count == 0)
        count = processors > 0 ? (unsigned)processors : 1;
    return count > THREADS_MAX ? THREADS_MAX : count;
}

enum simc__log_sink_kind simc__daemon_log_kind(enum simc__daemon_log_form form)
{
    switch (form) {
    case SIMC__DAEMON_LOG_JSON:
        return SIMC__LOG_SINK_JSON;
    case SIMC__DAEMON_LOG_PLAIN:
        return SIMC__LOG_SINK_PLAIN;
    case SIMC__DAEMON_LOG_JOURNAL:
        return SIMC__LOG_SINK_JOURNAL;
    case SIMC__DAEMON_LOG_TERMINAL:
        return SIMC__LOG_SINK_TERMINAL;
    case SIMC__DAEMON_LOG_AUTO:
        break;
    }
    return simc__log_sink_kind_of(STDERR_FILENO);
}
