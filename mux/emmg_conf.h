/* SPDX-License-Identifier: BSL-1.0 */
/* The key `emmg` of muxd.yaml as structs: who may bring EMMs and private data, and how much.
 * emmg_conf.c has the rows; the EMMG server and the service read them. */
#ifndef SIMC__MUX_EMMG_CONF_H
#define SIMC__MUX_EMMG_CONF_H

#include "conf/conf.h"

enum {
    SIMC__EMMG_LISTEN_MAX = 8,
    SIMC__EMMG_CLIENTS_MAX = 256,
    SIMC__EMMG_ROUTES_MAX = 1024, /* PIDs of a client by data_id */
};

struct simc__emmg_tls_conf {
    const char *certificate_file, *key_file, *client_ca_file;
    bool tls12;
};

struct simc__emmg_listen_conf {
    struct simc__conf_address address;
    bool has_tls;
    struct simc__emmg_tls_conf tls;
};

/* Where data_provision comes by UDP. */
struct simc__emmg_udp_conf {
    struct simc__conf_address address; /* a multicast group is joined */
    const char *interface;             /* NULL: as the system routes */
};

struct simc__emmg_pid_conf {
    uint16_t data_id;
    uint16_t pid;
};

/* What a client may do. */
struct simc__emmg_client_conf {
    bool has_client_id; /* false: all that no other entry names */
    uint32_t client_id;
    const char *name;      /* that its certificate must have; NULL: any */
    const char *multiplex; /* NULL: the first one */
    uint16_t pid;          /* of its EMMs; 0: the mux chooses */
    struct simc__emmg_pid_conf *pids;
    size_t pids_count;
    bool only_these; /* data_ids that `pids` does not name are refused */
    bool no_private, no_cat, ecm_type;
    uint8_t priority;
    uint32_t bandwidth_kbitps;         /* of all its streams together, at most */
    uint32_t default_bandwidth_kbitps; /* of a stream that asks for nothing */
};

/* When a channel that is open gives way to a new connection that wants the same. */
enum simc__emmg_takeover { SIMC__EMMG_TAKEOVER_ENDED, SIMC__EMMG_TAKEOVER_SAME_PEER };

enum simc__emmg_excess { SIMC__EMMG_EXCESS_ERROR, SIMC__EMMG_EXCESS_WAIT };

struct simc__emmg_limits_conf {
    uint32_t connections, connections_per_address, channels, streams_per_channel, streams,
        message_length, faults, takeovers;
    uint32_t queue; /* bytes that wait on a PID */
};

struct simc__emmg_timers_conf {
    uint32_t setup_ms, close_ms, idle_test_ms, test_ms, takeover_ms, keepalive_ms, stall_ms;
};

struct simc__emmg_conf {
    struct simc__emmg_listen_conf *listen;
    size_t listen_count;
    struct simc__emmg_udp_conf *udp;
    size_t udp_count;
    const char **allow;
    size_t allow_count;
    uint8_t *versions;
    size_t versions_count;
    bool strict;
    bool is_exclusive; /* a client_id may have one channel only */
    uint8_t takeover;  /* enum simc__emmg_takeover */
    uint32_t bandwidth_kbitps;
    uint8_t excess; /* enum simc__emmg_excess */
    uint32_t burst_ms;
    struct simc__emmg_client_conf *clients;
    size_t clients_count;
    struct simc__emmg_limits_conf limits;
    struct simc__emmg_timers_conf timers;
};

extern const struct simc__conf_table simc__emmg_conf_table;

#endif
