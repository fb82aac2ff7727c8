/* SPDX-License-Identifier: BSL-1.0 */
/* The configuration of ecmgd as structs; conf.c has the rows. The service and main.c read it. */
#ifndef SIMC__ECMG_CONF_H
#define SIMC__ECMG_CONF_H

#include "conf/conf.h"
#include "daemon/daemon.h"

/* Within what ids of channels and ECM_ids have to be unique. */
enum simc__ecmg_id_scope {
    SIMC__ECMG_IDS_PER_PEER,       /* the address (or TLS identity) of the SCS */
    SIMC__ECMG_IDS_PER_ECMG,       /* this process */
    SIMC__ECMG_IDS_PER_CONNECTION, /* one connection: no check beyond it */
};

/* What happens when no version of a package's key is valid any more. */
enum simc__ecmg_expired { SIMC__ECMG_EXPIRED_GO_ON, SIMC__ECMG_EXPIRED_REFUSE };

/* A client that may come in by TLS. */
struct simc__ecmg_client_conf {
    const char *name; /* a DNS, URI or IP name of the certificate */
    uint32_t *super_cas_ids;
    size_t super_cas_ids_count; /* 0: all */
};

struct simc__ecmg_tls_conf {
    const char *certificate_file, *key_file;
    const char *client_ca_file; /* NULL: clients need no certificate */
    bool tls12;
    struct simc__ecmg_client_conf *clients;
    size_t clients_count;
};

struct simc__ecmg_listen_conf {
    struct simc__conf_address address;
    bool has_tls;
    struct simc__ecmg_tls_conf tls;
};

/* A CA system: what it announces [5.4.3], and what makes its ECMs. */
struct simc__ecmg_system_conf {
    uint32_t super_cas_id;
    const char *plugin_file; /* NULL: CA profile 1 */
    const char **settings;   /* of the plug-in: "name=value" */
    size_t settings_count;

    const char *key_file;
    bool has_default_package;
    uint32_t default_package;
    uint32_t lowest_epoch;
    uint8_t expired; /* enum simc__ecmg_expired */
    bool long_sections;

    bool ts_packets;
    int16_t delay_start_ms, delay_stop_ms;
    bool has_ac_delay_start, has_ac_delay_stop;
    int16_t ac_delay_start_ms, ac_delay_stop_ms;
    bool has_transition_delay_start, has_transition_delay_stop;
    int16_t transition_delay_start_ms, transition_delay_stop_ms;
    uint16_t ecm_rep_period_ms;
    uint16_t max_streams;
    uint32_t min_cp_duration_ms;
    uint8_t lead_cw, cw_per_msg;
    uint16_t max_comp_time_ms;
    bool transfer_mode;
    uint16_t *ecm_ids; /* allowed; none: all */
    size_t ecm_ids_count;
};

struct simc__ecmg_limits_conf {
    uint32_t connections, connections_per_address;
    uint32_t channels, streams_per_channel, streams;
    uint32_t message_length;
    uint32_t output;
    uint32_t access_criteria;
    uint32_t pending;
    uint32_t faults;
};

/* When an SCS opens a channel that is open on another connection. */
enum simc__ecmg_takeover { SIMC__ECMG_TAKEOVER_ENDED, SIMC__ECMG_TAKEOVER_SAME_PEER };

struct simc__ecmg_timers_conf {
    uint32_t setup_ms, close_ms, idle_test_ms, test_ms, stall_ms, keepalive_ms;
};

struct simc__ecmg_conf {
    struct simc__daemon_conf daemon;
    struct simc__ecmg_listen_conf *listen;
    size_t listen_count;
    const char **allow;
    size_t allow_count;
    uint8_t *versions;
    size_t versions_count;
    bool strict, exact_cws, zero_encryption_is_clear;
    uint8_t id_scope; /* enum simc__ecmg_id_scope */
    uint8_t takeover; /* enum simc__ecmg_takeover */
    struct simc__ecmg_timers_conf timers;
    struct simc__ecmg_limits_conf limits;
    struct simc__ecmg_system_conf *systems;
    size_t systems_count;
};

extern const struct simc__conf_table simc__ecmg_conf_table;

#endif
