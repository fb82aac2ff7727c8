/* SPDX-License-Identifier: BSL-1.0 */
/* The rows of the key `emmg` of muxd.yaml and the rules between them. conf.c puts them in their
 * place. */
#include "mux/emmg_conf.h"

#include <string.h>

enum { PID_MAX = 0x1ffe, PID_MIN = 0x20, ALLOW_MAX = 256, VERSIONS_MAX = 4, STREAMS_MAX = 16384 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- listen ---- */

static const struct simc__conf_row tls_rows[] = {
    {.name = "certificate_file",
     .type = SIMC__CONF_PATH,
     SIMC__CONF_AT(simc__emmg_tls_conf, certificate_file),
     .required = true,
     .example = "tls/mux.pem",
     .help = "certificate of this multiplexer with its chain (PEM)"},
    {.name = "key_file",
     .type = SIMC__CONF_PATH,
     SIMC__CONF_AT(simc__emmg_tls_conf, key_file),
     .required = true,
     .example = "tls/mux.key",
     .help = "its private key (PEM)"},
    {.name = "client_ca_file",
     .type = SIMC__CONF_PATH,
     SIMC__CONF_AT(simc__emmg_tls_conf, client_ca_file),
     .null_allowed = true,
     .fallback = "null",
     .help = "who signs certificates of EMMGs (PEM); null: they need none"},
    {.name = "tls12",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__emmg_tls_conf, tls12),
     .fallback = "false",
     .help = "accept TLS 1.2 beside 1.3"},
};

static const struct simc__conf_table tls_table = {
    .name = "tls",
    .rows = tls_rows,
    .count = COUNT(tls_rows),
    .size = sizeof(struct simc__emmg_tls_conf),
};

static const struct simc__conf_row listen_rows[] = {
    {.name = "address",
     .type = SIMC__CONF_ADDRESS,
     SIMC__CONF_AT(simc__emmg_listen_conf, address),
     .required = true,
     .example = "0.0.0.0:2240",
     .help = "where EMMGs and PDGs connect; [::]:2240 for IPv6"},
    {.name = "tls",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(simc__emmg_listen_conf, tls),
     SIMC__CONF_HAS(simc__emmg_listen_conf, has_tls),
     .null_allowed = true,
     .fallback = "null",
     .table = &tls_table,
     .help = "TLS for this address; null: plain TCP, as third-party equipment expects"},
};

static const struct simc__conf_table listen_table = {
    .name = "listen",
    .rows = listen_rows,
    .count = COUNT(listen_rows),
    .size = sizeof(struct simc__emmg_listen_conf),
};

static const struct simc__conf_row listen_item = {
    .type = SIMC__CONF_MAP, SIMC__CONF_ITEM(struct simc__emmg_listen_conf), .table = &listen_table};

static const struct simc__conf_row udp_rows[] = {
    {.name = "address",
     .type = SIMC__CONF_ADDRESS,
     SIMC__CONF_AT(simc__emmg_udp_conf, address),
     .required = true,
     .example = "0.0.0.0:2240",
     .help = "where data_provision comes by UDP; a multicast group is joined"},
    {.name = "interface",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__emmg_udp_conf, interface),
     .null_allowed = true,
     .fallback = "null",
     .help = "address of the interface on which a group is joined (IPv6: its name); null: as the "
             "system routes"},
};

static const struct simc__conf_table udp_table = {
    .name = "udp",
    .rows = udp_rows,
    .count = COUNT(udp_rows),
    .size = sizeof(struct simc__emmg_udp_conf),
};

static const struct simc__conf_row udp_item = {
    .type = SIMC__CONF_MAP, SIMC__CONF_ITEM(struct simc__emmg_udp_conf), .table = &udp_table};

/* ---- clients ---- */

static const struct simc__conf_row pid_rows[] = {
    {.name = "data_id",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__emmg_pid_conf, data_id),
     .required = true,
     .example = "1",
     .help = "data_id of a stream"},
    {.name = "pid",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__emmg_pid_conf, pid),
     .max = PID_MAX,
     .fallback = "0",
     .help = "PID of its data; 0: the mux chooses one of its own"},
};

static const struct simc__conf_table pid_table = {
    .name = "pid",
    .rows = pid_rows,
    .count = COUNT(pid_rows),
    .size = sizeof(struct simc__emmg_pid_conf),
};

static const struct simc__conf_row pid_item = {
    .type = SIMC__CONF_MAP, SIMC__CONF_ITEM(struct simc__emmg_pid_conf), .table = &pid_table};

static const struct simc__conf_row client_rows[] = {
    {.name = "client_id",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__emmg_client_conf, client_id),
     SIMC__CONF_HAS(simc__emmg_client_conf, has_client_id),
     .null_allowed = true,
     .required = true,
     .hex_digits = 8,
     .example = "0x12340001",
     .help = "of EMMs: the CA_system_id in the upper 16 bits; null: every client that no other "
             "entry names"},
    {.name = "name",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__emmg_client_conf, name),
     .null_allowed = true,
     .fallback = "null",
     .help = "a DNS name, URI or IP address that its certificate must have among its subject "
             "alternative names; null: any, or none"},
    {.name = "multiplex",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__emmg_client_conf, multiplex),
     .null_allowed = true,
     .fallback = "null",
     .help = "which output takes its data; null: the first"},
    {.name = "pid",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__emmg_client_conf, pid),
     .max = PID_MAX,
     .fallback = "0",
     .help = "PID of its EMMs, which its streams share; 0: the mux chooses"},
    {.name = "pids",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__emmg_client_conf, pids),
     .max = SIMC__EMMG_ROUTES_MAX,
     .item = &pid_item,
     .fallback = "[]",
     .help = "streams with PIDs of their own, by data_id; private data has one for each stream in "
             "any case"},
    {.name = "only_these",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__emmg_client_conf, only_these),
     .fallback = "false",
     .help = "refuse data_ids that `pids` does not name, with error 0x0010"},
    {.name = "no_private_data",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__emmg_client_conf, no_private),
     .fallback = "false",
     .help = "refuse private data (data_type 1) with error 0x000D"},
    {.name = "ecm_type",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__emmg_client_conf, ecm_type),
     .fallback = "false",
     .help = "take data_type 2, which DVB reserves for ECMs, as private data; otherwise error "
             "0x000D"},
    {.name = "not_in_cat",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__emmg_client_conf, no_cat),
     .fallback = "false",
     .help = "no CA_descriptor in the CAT names its EMM PID"},
    {.name = "priority",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__emmg_client_conf, priority),
     .max = 7,
     .fallback = "4",
     .help = "where room is short the smallest is served first; ECMs and tables come before all"},
    {.name = "bandwidth",
     .type = SIMC__CONF_RATE,
     SIMC__CONF_AT(simc__emmg_client_conf, bandwidth_kbitps),
     .unit = "kbit/s",
     .min = 1,
     .max = 1000000,
     .fallback = "65535kbit/s",
     .help = "what its streams get together at most"},
    {.name = "default_bandwidth",
     .type = SIMC__CONF_RATE,
     SIMC__CONF_AT(simc__emmg_client_conf, default_bandwidth_kbitps),
     .unit = "kbit/s",
     .max = 65535,
     .fallback = "100kbit/s",
     .help = "what a stream gets that never asks"},
};

static void check_client(const void *values, struct simc__conf_check *check)
{
    const struct simc__emmg_client_conf *client = values;
    if (client->pid && client->pid < PID_MIN)
        simc__conf_complain(check, "pid", "PIDs below 0x0020 are reserved; write 32..8190, or 0");
    for (size_t i = 0; i < client->pids_count; i++) {
        if (client->pids[i].pid && client->pids[i].pid < PID_MIN)
            simc__conf_complain_item(check, "pids", i,
                                     "PIDs below 0x0020 are reserved; write 32..8190, or 0");
        for (size_t k = 0; k < i; k++)
            if (client->pids[k].data_id == client->pids[i].data_id)
                simc__conf_complain_item(check, "pids", i, "data_id %u is there twice",
                                         (unsigned)client->pids[i].data_id);
    }
    if (client->only_these && !client->pids_count)
        simc__conf_complain(check, "only_these",
                            "with no entry in pids every stream would be refused");
}

static const struct simc__conf_table client_table = {
    .name = "client",
    .rows = client_rows,
    .count = COUNT(client_rows),
    .size = sizeof(struct simc__emmg_client_conf),
    .check = check_client,
};

static const struct simc__conf_row client_item = {
    .type = SIMC__CONF_MAP, SIMC__CONF_ITEM(struct simc__emmg_client_conf), .table = &client_table};

/* ---- limits and timers ---- */

/* clang-format off */
#define LIMIT_ROW(name_, min_, max_, fallback_, help_)                                            \
    {.name = #name_, .type = SIMC__CONF_UINT, SIMC__CONF_AT(simc__emmg_limits_conf, name_),       \
     .min = min_, .max = max_, .fallback = fallback_, .reloadable = true, .help = help_}
#define TIMER_ROW(name_, min_, max_, fallback_, reloadable_, help_)                               \
    {.name = #name_, .type = SIMC__CONF_DURATION,                                                 \
     SIMC__CONF_AT(simc__emmg_timers_conf, name_##_ms), .unit = "ms", .min = min_, .max = max_,   \
     .fallback = fallback_, .reloadable = reloadable_, .help = help_}
/* clang-format on */

static const struct simc__conf_row limits_rows[] = {
    LIMIT_ROW(connections, 1, 65536, "64", "connections at once; more are closed"),
    LIMIT_ROW(connections_per_address, 1, 65536, "64", "of those from one address"),
    LIMIT_ROW(channels, 1, 65536, "65536", "channels at once; more are refused with error 0x0007"),
    LIMIT_ROW(streams_per_channel, 1, 4096, "16",
              "streams of a channel; more are refused with error 0x0008"),
    LIMIT_ROW(streams, 1, STREAMS_MAX, "1024",
              "streams in all; more are refused with error 0x0009"),
    {.name = "message_length",
     .type = SIMC__CONF_SIZE,
     SIMC__CONF_AT(simc__emmg_limits_conf, message_length),
     .unit = "B",
     .min = 64,
     .max = 65535,
     .fallback = "65535B",
     .reloadable = true,
     .help = "longest message; longer ones are skipped with error 0x0004"},
    {.name = "queue",
     .type = SIMC__CONF_SIZE,
     SIMC__CONF_AT(simc__emmg_limits_conf, queue),
     .unit = "B",
     .min = 70000,
     .max = 1 << 26,
     .fallback = "256KiB",
     .help = "bytes that may wait on a PID; what comes beyond is refused with error 0x000F"},
    LIMIT_ROW(takeovers, 1, 65536, "16",
              "set-ups that wait at once for timers.takeover; more are refused without a test"),
    LIMIT_ROW(faults, 1, 1000000, "32", "invalid messages in a row, before a connection is closed"),
};

static const struct simc__conf_table limits_table = {
    .name = "limits",
    .rows = limits_rows,
    .count = COUNT(limits_rows),
    .size = sizeof(struct simc__emmg_limits_conf),
};

static const struct simc__conf_row timers_rows[] = {
    TIMER_ROW(setup, 100, 3600000, "30s", true, "how long a connection may be without a channel"),
    TIMER_ROW(close, 1, 600000, "1s", true,
              "how long an EMMG may take to close the connection when its channel has ended"),
    TIMER_ROW(idle_test, 0, 86400000, "10s", true,
              "silence after which an EMMG is tested with channel_test; 0s: never"),
    TIMER_ROW(test, 100, 600000, "5s", true, "longest wait for the answer to such a test"),
    TIMER_ROW(takeover, 0, 60000, "2s", true,
              "how long an EMMG may take to answer when another one wants its channel or data_id; "
              "behind that it gives way. 0s: it is not asked, and the other one is refused"),
    TIMER_ROW(stall, 1000, 600000, "30s", false,
              "how long an EMMG may take no bytes although there are some for it"),
    TIMER_ROW(keepalive, 0, 3600000, "10s", false,
              "silence after which TCP asks whether the peer is still there; 0s: never"),
};

static const struct simc__conf_table timers_table = {
    .name = "timers",
    .rows = timers_rows,
    .count = COUNT(timers_rows),
    .size = sizeof(struct simc__emmg_timers_conf),
};

/* ---- emmg ---- */

static const struct simc__conf_row version_item = {
    .type = SIMC__CONF_UINT, SIMC__CONF_ITEM(uint8_t), .min = 1, .max = 5, .example = "3"};

static const struct simc__conf_row allow_item = {
    .type = SIMC__CONF_TEXT, SIMC__CONF_ITEM(const char *), .example = "192.0.2.0/24"};

static const struct simc__conf_choice excess_choices[] = {
    {"error", SIMC__EMMG_EXCESS_ERROR, "it is dropped, and the EMMG is told with error 0x000F"},
    {"wait", SIMC__EMMG_EXCESS_WAIT,
     "nothing more is read from the connection until it fits; over UDP it is dropped"},
    {NULL, 0, NULL},
};

static const struct simc__conf_choice takeover_choices[] = {
    {"ended", SIMC__EMMG_TAKEOVER_ENDED,
     "it takes over a connection whose peer has ended it, or does not answer within "
     "timers.takeover; otherwise it is refused with error 0x0011, or 0x0014"},
    {"same_peer", SIMC__EMMG_TAKEOVER_SAME_PEER,
     "it also takes over a connection of the same address and certificate at once"},
    {NULL, 0, NULL},
};

static const struct simc__conf_row emmg_rows[] = {
    {.name = "listen",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__emmg_conf, listen),
     .min = 1,
     .max = SIMC__EMMG_LISTEN_MAX,
     .item = &listen_item,
     .required = true,
     .help = "where EMMGs and PDGs connect"},
    {.name = "udp",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__emmg_conf, udp),
     .max = SIMC__EMMG_LISTEN_MAX,
     .item = &udp_item,
     .fallback = "[]",
     .help = "where data of streams that are open on TCP comes by UDP; none: nowhere"},
    {.name = "allow",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__emmg_conf, allow),
     .max = ALLOW_MAX,
     .item = &allow_item,
     .fallback = "[]",
     .reloadable = true,
     .help = "addresses or networks that may connect; none: all"},
    {.name = "versions",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__emmg_conf, versions),
     .min = 1,
     .max = VERSIONS_MAX,
     .item = &version_item,
     .fallback = "[1, 2, 3, 5]",
     .reloadable = true,
     .help = "protocol_versions that are served"},
    {.name = "strict",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__emmg_conf, strict),
     .fallback = "false",
     .reloadable = true,
     .help = "answer unknown messages and parameters, and datagrams with several sections, with "
             "errors; for tests of equipment"},
    {.name = "exclusive_clients",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__emmg_conf, is_exclusive),
     .fallback = "false",
     .reloadable = true,
     .help = "a client_id may have one channel only; more are refused with error 0x0014"},
    {.name = "takeover",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__emmg_conf, takeover),
     .choices = takeover_choices,
     .fallback = "ended",
     .reloadable = true,
     .help = "what happens when an EMMG opens a channel that is open on another connection"},
    {.name = "bandwidth",
     .type = SIMC__CONF_RATE,
     SIMC__CONF_AT(simc__emmg_conf, bandwidth_kbitps),
     .unit = "kbit/s",
     .min = 1,
     .max = 10000000,
     .fallback = "2Mbit/s",
     .reloadable = true,
     .help = "what all streams of a multiplex get together, in packets on air"},
    {.name = "excess",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__emmg_conf, excess),
     .choices = excess_choices,
     .fallback = "error",
     .reloadable = true,
     .help = "what happens to data beyond the allocation of its stream"},
    {.name = "burst",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(simc__emmg_conf, burst_ms),
     .unit = "ms",
     .min = 10,
     .max = 10000,
     .fallback = "1s",
     .reloadable = true,
     .help = "how much of its allocation a stream may send ahead; one message is always taken"},
    {.name = "clients",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__emmg_conf, clients),
     .max = SIMC__EMMG_CLIENTS_MAX,
     .item = &client_item,
     .fallback = "[{client_id: null}]",
     .reloadable = true,
     .help = "who may bring what; others are refused with error 0x000E. A change holds for "
             "channels and streams opened afterwards, bandwidths at once"},
    {.name = "limits",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(simc__emmg_conf, limits),
     .table = &limits_table,
     .help = "how much of everything"},
    {.name = "timers",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(simc__emmg_conf, timers),
     .table = &timers_table,
     .help = "how long things may take"},
};

static bool is_same_client(const struct simc__emmg_client_conf *a,
                           const struct simc__emmg_client_conf *b)
{
    return a->has_client_id == b->has_client_id &&
           (!a->has_client_id || a->client_id == b->client_id);
}

static void check_emmg(const void *values, struct simc__conf_check *check)
{
    const struct simc__emmg_conf *conf = values;
    for (size_t i = 0; i < conf->versions_count; i++)
        if (conf->versions[i] == 4)
            simc__conf_complain_item(
                check, "versions", i,
                "4 is no protocol_version of EMMG-MUX; there are 1, 2, 3 and 5");
    for (size_t i = 0; i < conf->clients_count; i++)
        for (size_t k = 0; k < i; k++)
            if (is_same_client(&conf->clients[i], &conf->clients[k]))
                simc__conf_complain_item(check, "clients", i,
                                         "two entries are for the same client_id");
}

const struct simc__conf_table simc__emmg_conf_table = {
    .name = "emmg",
    .rows = emmg_rows,
    .count = COUNT(emmg_rows),
    .size = sizeof(struct simc__emmg_conf),
    .check = check_emmg,
};
