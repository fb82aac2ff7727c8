/* SPDX-License-Identifier: BSL-1.0 */
/* The configuration of muxd as structs; conf.c has the rows. The service and main.c read it. */
#ifndef SIMC__MUX_CONF_H
#define SIMC__MUX_CONF_H

#include "conf/conf.h"
#include "daemon/daemon.h"
#include "mux/emmg_conf.h"
#include "tsio/tsio.h"

enum {
    SIMC__MUXD_MULTIPLEXES_MAX = 1024,
    SIMC__MUXD_OUTPUTS_MAX = 16,
};

enum simc__muxd_mode { SIMC__MUXD_LIVE, SIMC__MUXD_TITLE };

/* TLS towards the SCS. */
struct simc__muxd_tls_conf {
    const char *certificate_file, *key_file, *ca_file;
    const char *server_name; /* NULL: the host of the address */
};

struct simc__muxd_link_conf {
    const char *address; /* the path of a unix socket, or HOST:PORT */
    bool has_tls;
    struct simc__muxd_tls_conf tls;
};

struct simc__muxd_input_conf {
    const char *name; /* NULL: "input" and its number */
    const char *address;
    bool loop;
    uint32_t delay_ms;
    uint32_t buffer_count;
    uint32_t loss_ms;
    uint8_t timing; /* enum simc__mux_timing */
    uint64_t bitrate;
    bool pass_nit, pass_eit, pass_tdt, pass_other, pass_data;
};

struct simc__muxd_map_conf {
    uint16_t from, to;
};

struct simc__muxd_service_conf {
    const char *input; /* NULL: the first one */
    uint16_t service_id;
    bool has_as;
    uint16_t as;
    bool has_pmt_pid;
    uint16_t pmt_pid;
    struct simc__muxd_map_conf *pids;
    size_t pids_count;
    uint16_t *drop;
    size_t drop_count;
    const char *name, *provider; /* NULL: as in the input */
    bool has_hold_back;
    uint8_t hold_back; /* enum simc__mux_hold */
};

struct simc__muxd_emm_conf {
    uint16_t system_id, pid;
    const char *private_data; /* hex digits; NULL: none */
};

struct simc__muxd_psi_conf {
    uint32_t pat_ms, pmt_ms, cat_ms, sdt_ms, pcr_ms;
    bool sdt;
};

/* An SCG with control words of a file, for laboratories. */
struct simc__muxd_static_conf {
    const char *name;
    uint16_t *services; /* in the output; none: every service that is configured */
    size_t services_count;
    const char *cw_file;
    uint8_t algorithm; /* enum simc_scrambling */
    uint32_t cp_ms;
};

struct simc__muxd_multiplex_conf {
    const char *name;
    uint8_t mode; /* enum simc__muxd_mode */
    uint8_t rate; /* enum simc__mux_rate */
    bool has_bitrate;
    uint64_t bitrate;
    bool has_ts_id, has_network_id;
    uint16_t ts_id, network_id;
    struct simc__muxd_input_conf *inputs;
    size_t inputs_count;
    bool pass_services; /* all of all inputs */
    struct simc__muxd_service_conf *services;
    size_t services_count;
    uint8_t hold_back; /* enum simc__mux_hold */
    uint8_t source_ca; /* enum simc__mux_source_ca */
    struct simc__muxd_emm_conf *emms;
    size_t emms_count;
    const char **outputs;
    size_t outputs_count;
    struct simc__muxd_psi_conf psi;
    struct simc__muxd_static_conf *statics;
    size_t statics_count;
    bool use_link;
    uint32_t lead_ms, air_lead_ms, horizon_ms, answer_ms;
    uint32_t scgs_awaited, scg_limit;
    uint16_t ecm_pid_first, pid_first;
};

struct simc__muxd_conf {
    bool has_link;
    struct simc__muxd_link_conf link;
    bool has_emmg;
    struct simc__emmg_conf emmg;
    struct simc__muxd_multiplex_conf *multiplexes;
    size_t multiplexes_count;
    struct simc__daemon_conf daemon;
};

extern const struct simc__conf_table simc__muxd_conf_table;

/* The name of an input, given or counted. */
void simc__muxd_input_name(const struct simc__muxd_multiplex_conf *multiplex, size_t index,
                           char name[64]);
/* The index of an input by its name; -1: there is none. */
int simc__muxd_input_find(const struct simc__muxd_multiplex_conf *multiplex, const char *name);

/* HOST:PORT or a path. @return false: it is neither; `why` says so. */
bool simc__muxd_link_read(const char *text, const char **path, char host[64], uint16_t *port,
                          char why[SIMC__CONF_WHY_SIZE]);

#endif
