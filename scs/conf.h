/* SPDX-License-Identifier: BSL-1.0 */
/* The configuration of scsd as structs; conf.c has the rows. The service and main.c read it. */
#ifndef SIMC__SCS_CONF_H
#define SIMC__SCS_CONF_H

#include "conf/conf.h"
#include "daemon/daemon.h"
#include "sched/sched.h"

enum {
    SIMC__SCS_ECMGS_MAX = 256,
    SIMC__SCS_SCGS_MAX = 4096, /* groups, those of `repeat` included */
    SIMC__SCS_AC_MAX = 1024,   /* bytes of access criteria */
    SIMC__SCS_CHANNELS_MAX = 64,
};

/* A delay of channel_status that the configuration sets in place of what is announced. */
struct simc__scs_delay_conf {
    bool is_set;
    int16_t ms;
};

struct simc__scs_announced_conf {
    struct simc__scs_delay_conf delay_start, delay_stop, ac_delay_start, ac_delay_stop,
        transition_delay_start, transition_delay_stop;
    bool has_ecm_rep_period, has_max_comp_time, has_min_cp_duration;
    uint16_t ecm_rep_period_ms, max_comp_time_ms;
    uint32_t min_cp_duration_ms;
};

struct simc__scs_tls_conf {
    const char *ca_file, *certificate_file, *key_file, *server_name;
    bool tls12;
};

/* An ECMG that streams of its Super_CAS_id may use. */
struct simc__scs_ecmg_conf {
    const char *name;
    uint32_t super_cas_id;
    struct simc__conf_address address;
    uint16_t priority;
    uint8_t version; /* 0: 3, then 2 */
    uint16_t channel_id;
    uint16_t channels;
    uint32_t max_streams; /* of a channel; 0: as announced */
    bool has_tls;
    struct simc__scs_tls_conf tls;
    uint32_t connect_ms, setup_ms, test_ms, idle_ms, retry_first_ms, retry_most_ms;
    uint32_t reply_allowance_ms, max_comp_default_ms;
    struct simc__scs_announced_conf announced;
    bool from_n, strict, warm;
};

struct simc__scs_ecm_conf {
    uint32_t super_cas_id;
    uint16_t ecm_id;
    const char *access_criteria; /* hex digits; NULL: none, or by the package */
    bool has_package, has_content;
    uint32_t package, content;
    bool required, is_hidden;
    uint16_t pid;
    const char *private_data; /* hex digits; NULL: by the package, or none */
};

struct simc__scs_service_conf {
    uint16_t service_id;
    bool has_transport_stream_id, has_original_network_id;
    uint16_t transport_stream_id, original_network_id;
    uint16_t *components;
    size_t components_count;
};

struct simc__scs_loss_conf {
    uint8_t action; /* enum simc__sched_loss */
    uint32_t limit_ms;
};

struct simc__scs_scg_conf {
    uint32_t id;
    const char *name;
    const char *mux; /* NULL: whichever mux comes first */
    uint32_t repeat;
    struct simc__scs_service_conf *services;
    size_t services_count;
    struct simc__scs_ecm_conf *streams;
    size_t streams_count;
    uint8_t algorithm; /* scrambling_mode */
    bool no_scrambling_descriptor;
    bool reduce_entropy; /* CSA1: 48 free bits */
    uint32_t cp_ms;
    uint16_t first_cp;
    uint8_t start; /* enum simc__sched_start */
    struct simc__scs_loss_conf *loss;
    size_t loss_count;
    uint32_t margin_ms, start_wait_ms, retry_ms;
};

struct simc__scs_link_conf {
    const char *socket; /* NULL: none */
    struct simc__conf_address listen;
    bool allow_remote;
};

enum simc__scs_print { SIMC__SCS_PRINT_NONE, SIMC__SCS_PRINT_TEXT, SIMC__SCS_PRINT_JSON };

struct simc__scs_conf {
    struct simc__daemon_conf daemon;
    struct simc__scs_link_conf link;
    struct simc__scs_ecmg_conf *ecmgs;
    size_t ecmgs_count;
    struct simc__scs_scg_conf *scgs;
    size_t scgs_count;
    uint32_t hold_ms, mux_hold_ms;
    uint8_t print; /* enum simc__scs_print */
};

extern const struct simc__conf_table simc__scs_conf_table;

/* Bytes of a control word of a scrambling_mode. */
uint8_t simc__scs_cw_size(uint8_t scrambling_mode);

#endif
