/* SPDX-License-Identifier: BSL-1.0 */
/* A configuration that uses every type of lib/conf. Its unit tests and its fuzz target load it. */
#ifndef SIMC_TESTS_CONF_DEMO_H
#define SIMC_TESTS_CONF_DEMO_H

#include <stdio.h>
#include <string.h>

#include "conf/conf.h"

enum demo_level { DEMO_ERROR = 3, DEMO_INFO = 6, DEMO_DEBUG = 7 };

struct demo_listen {
    struct simc__conf_address address;
    bool tls;
    uint16_t backlog;
    const char **peers;
    size_t peers_count;
};

struct demo_tls {
    const char *certificate;
    struct simc__conf_secret key;
};

struct demo_package {
    const char *name;
    uint32_t id;
    uint32_t first_ms, last_ms;
    struct demo_tls tls;
    bool has_tls;
};

struct demo_label {
    const char *name;
    const char *text;
};

struct demo_log {
    enum demo_level level;
    bool json;
};

struct demo {
    const char *name;
    const char *country;
    uint16_t port;
    uint8_t small;
    uint64_t large;
    int16_t offset;
    int64_t shift;
    uint16_t ca_system;
    bool has_ca_system;
    uint32_t timeout_ms;
    uint64_t lease_s;
    uint32_t buffer;
    uint64_t rate;
    const char *state;
    const char *note;
    struct simc__conf_address upstream;
    struct simc__conf_secret password;
    struct demo_log log;
    struct demo_tls tls;
    bool has_tls;
    uint16_t *pids;
    size_t pids_count;
    struct demo_listen *listen;
    size_t listen_count;
    struct demo_package *packages;
    size_t packages_count;
    struct demo_label *labels;
    size_t labels_count;
};

static inline bool demo_country(struct simc_slice text, char why[SIMC__CONF_WHY_SIZE])
{
    bool good = text.size == 2 && text.data[0] >= 'a' && text.data[0] <= 'z' &&
                text.data[1] >= 'a' && text.data[1] <= 'z';
    if (!good)
        snprintf(why, SIMC__CONF_WHY_SIZE, "is no country code; write two small letters");
    return good;
}

static const struct simc__conf_choice demo_levels[] = {
    {"error", DEMO_ERROR, "faults only"},
    {"info", DEMO_INFO, "normal work"},
    {"debug", DEMO_DEBUG, NULL},
    {NULL, 0, NULL},
};

static const struct simc__conf_row demo_log_rows[] = {
    {.name = "level",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(demo_log, level),
     .choices = demo_levels,
     .fallback = "info",
     .reloadable = true,
     .help = "what is logged"},
    {.name = "json",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(demo_log, json),
     .fallback = "false",
     .help = "one JSON object per line"},
};

static const struct simc__conf_table demo_log_table = {
    .name = "log", .rows = demo_log_rows, .count = 2, .size = sizeof(struct demo_log)};

static const struct simc__conf_row demo_tls_rows[] = {
    {.name = "certificate",
     .type = SIMC__CONF_PATH,
     SIMC__CONF_AT(demo_tls, certificate),
     .required = true,
     .example = "tls/server.pem",
     .help = "certificate chain in PEM"},
    {.name = "key_file",
     .type = SIMC__CONF_SECRET_HEX,
     SIMC__CONF_AT(demo_tls, key),
     .min = 16,
     .max = 16,
     .required = true,
     .example = "tls/server.key",
     .help = "key of the server"},
};

static const struct simc__conf_table demo_tls_table = {
    .name = "tls", .rows = demo_tls_rows, .count = 2, .size = sizeof(struct demo_tls)};

static const struct simc__conf_row demo_peer = {.name = "peer",
                                                .type = SIMC__CONF_TEXT,
                                                SIMC__CONF_ITEM(const char *),
                                                .min = 1,
                                                .max = 32,
                                                .example = "scs.example",
                                                .help = "name of a peer"};

static const struct simc__conf_row demo_listen_rows[] = {
    {.name = "address",
     .type = SIMC__CONF_ADDRESS,
     SIMC__CONF_AT(demo_listen, address),
     .required = true,
     .example = "0.0.0.0:2222",
     .help = "where to listen"},
    {.name = "tls",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(demo_listen, tls),
     .fallback = "false",
     .help = "TLS with client certificates"},
    {.name = "backlog",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(demo_listen, backlog),
     .min = 1,
     .max = 1024,
     .fallback = "64",
     .reloadable = true,
     .help = "connections that may wait"},
    {.name = "peers",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(demo_listen, peers),
     .max = 8,
     .item = &demo_peer,
     .reloadable = true,
     .help = "who may connect; empty for everybody"},
};

static const struct simc__conf_table demo_listen_table = {
    .name = "listen", .rows = demo_listen_rows, .count = 4, .size = sizeof(struct demo_listen)};

static void demo_check_package(const void *values, struct simc__conf_check *check)
{
    const struct demo_package *package = values;
    if (package->first_ms > package->last_ms)
        simc__conf_complain(check, "first", "must not be later than last");
}

static const struct simc__conf_row demo_package_rows[] = {
    {.name = "id",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(demo_package, id),
     .min = 1,
     .hex_digits = 4,
     .required = true,
     .example = "0x0010",
     .help = "number on air"},
    {.name = "first",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(demo_package, first_ms),
     .unit = "ms",
     .fallback = "0ms",
     .help = "start of the window"},
    {.name = "last",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(demo_package, last_ms),
     .unit = "ms",
     .fallback = "1h",
     .help = "end of the window"},
    {.name = "tls",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(demo_package, tls),
     SIMC__CONF_HAS(demo_package, has_tls),
     .null_allowed = true,
     .fallback = "null",
     .table = &demo_tls_table,
     .help = "identity of the package"},
};

static const struct simc__conf_table demo_package_table = {.name = "package",
                                                           .rows = demo_package_rows,
                                                           .count = 4,
                                                           .size = sizeof(struct demo_package),
                                                           .check = demo_check_package};

static const struct simc__conf_row demo_pid = {.name = "pid",
                                               .type = SIMC__CONF_UINT,
                                               SIMC__CONF_ITEM(uint16_t),
                                               .max = 8191,
                                               .hex_digits = 4,
                                               .example = "0x0100",
                                               .help = "a PID"};
static const struct simc__conf_row demo_listen_item = {.name = "listen",
                                                       .type = SIMC__CONF_MAP,
                                                       SIMC__CONF_ITEM(struct demo_listen),
                                                       .table = &demo_listen_table,
                                                       .help = "a socket"};
static const struct simc__conf_row demo_package_item = {.name = "package",
                                                        .type = SIMC__CONF_MAP,
                                                        SIMC__CONF_ITEM(struct demo_package),
                                                        .table = &demo_package_table,
                                                        .help = "a package"};
static const struct simc__conf_row demo_label_item = {.name = "label",
                                                      .type = SIMC__CONF_TEXT,
                                                      SIMC__CONF_AT(demo_label, text),
                                                      .max = 64,
                                                      .example = "first floor",
                                                      .help = "text of a label"};

static const struct simc__conf_row demo_rows[] = {
    {.name = "name",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(demo, name),
     .min = 1,
     .max = 32,
     .required = true,
     .example = "head-end 1",
     .help = "what this system is called"},
    {.name = "country",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(demo, country),
     .check = demo_country,
     .fallback = "no",
     .help = "country code, two small letters"},
    {.name = "port",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(demo, port),
     .min = 1,
     .max = 65535,
     .fallback = "2222",
     .help = "TCP port"},
    {.name = "small",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(demo, small),
     .fallback = "0",
     .unit = "packets",
     .help = "a byte"},
    {.name = "large",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(demo, large),
     .fallback = "5",
     .help = "a large number"},
    {.name = "offset",
     .type = SIMC__CONF_INT,
     SIMC__CONF_AT(demo, offset),
     .int_min = -500,
     .int_max = 500,
     .fallback = "-20",
     .unit = "ms",
     .reloadable = true,
     .help = "a delay"},
    {.name = "shift",
     .type = SIMC__CONF_INT,
     SIMC__CONF_AT(demo, shift),
     .fallback = "0",
     .help = "a large delay"},
    {.name = "ca_system",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(demo, ca_system),
     SIMC__CONF_HAS(demo, has_ca_system),
     .min = 1,
     .max = 0xffff,
     .hex_digits = 4,
     .null_allowed = true,
     .fallback = "null",
     .help = "CA_system_id, or null for none"},
    {.name = "timeout",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(demo, timeout_ms),
     .unit = "ms",
     .min = 10,
     .max = 600000,
     .fallback = "10s",
     .reloadable = true,
     .help = "when to give up"},
    {.name = "lease",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(demo, lease_s),
     .unit = "s",
     .fallback = "1d",
     .help = "how long keys are held"},
    {.name = "buffer",
     .type = SIMC__CONF_SIZE,
     SIMC__CONF_AT(demo, buffer),
     .unit = "B",
     .min = 188,
     .max = 1 << 24,
     .fallback = "64KiB",
     .help = "room for packets"},
    {.name = "rate",
     .type = SIMC__CONF_RATE,
     SIMC__CONF_AT(demo, rate),
     .unit = "bit/s",
     .fallback = "38Mbit/s",
     .help = "rate of the output"},
    {.name = "state",
     .type = SIMC__CONF_PATH,
     SIMC__CONF_AT(demo, state),
     .fallback = "state",
     .help = "folder for what is kept"},
    {.name = "note",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(demo, note),
     .max = 200,
     .null_allowed = true,
     .fallback = "null",
     .help = "anything"},
    {.name = "upstream",
     .type = SIMC__CONF_ADDRESS,
     SIMC__CONF_AT(demo, upstream),
     .null_allowed = true,
     .fallback = "null",
     .help = "whom to ask"},
    {.name = "password_file",
     .type = SIMC__CONF_SECRET_TEXT,
     SIMC__CONF_AT(demo, password),
     .null_allowed = true,
     .fallback = "null",
     .help = "password of the database"},
    {.name = "log",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(demo, log),
     .table = &demo_log_table,
     .help = "the log"},
    {.name = "tls",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(demo, tls),
     SIMC__CONF_HAS(demo, has_tls),
     .null_allowed = true,
     .fallback = "null",
     .table = &demo_tls_table,
     .help = "identity, or null for none"},
    {.name = "pids",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(demo, pids),
     .max = 8,
     .item = &demo_pid,
     .fallback = "[0x0011, 18]",
     .reloadable = true,
     .help = "PIDs to keep"},
    {.name = "listen",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(demo, listen),
     .max = 4,
     .item = &demo_listen_item,
     .help = "where to listen"},
    {.name = "packages",
     .type = SIMC__CONF_ENTRIES,
     SIMC__CONF_LIST_AT(demo, packages),
     .key_offset = offsetof(struct demo_package, name),
     .max = 8,
     .item = &demo_package_item,
     .example = "basis",
     .reloadable = true,
     .help = "what can be subscribed to"},
    {.name = "labels",
     .type = SIMC__CONF_ENTRIES,
     SIMC__CONF_LIST_AT(demo, labels),
     .key_offset = offsetof(struct demo_label, name),
     .max = 8,
     .item = &demo_label_item,
     .example = "rack",
     .help = "notes by name"},
};

/* Two sockets cannot have one port. */
static void demo_check(const void *values, struct simc__conf_check *check)
{
    const struct demo *demo = values;
    for (size_t i = 0; i < demo->listen_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (demo->listen[i].address.port == demo->listen[k].address.port)
                simc__conf_complain_item(check, "listen", i, "has the port of listen[%zu]", k);
        }
    }
    if (demo->port == demo->small)
        simc__conf_complain(check, "small", "must differ from port");
    if (demo->large == 13)
        simc__conf_complain(check, NULL, "thirteen is not for us");
}

static const struct simc__conf_table demo_table = {
    .name = "demo",
    .help = "Configuration of the demonstration.\n\nIt uses every type that there is, so that "
            "tests can load it and print it.",
    .rows = demo_rows,
    .count = sizeof demo_rows / sizeof demo_rows[0],
    .size = sizeof(struct demo),
    .check = demo_check,
};

#endif
