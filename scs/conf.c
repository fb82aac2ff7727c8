/* SPDX-License-Identifier: BSL-1.0 */
/* The rows of scsd.yaml and the rules between them. The loader, the sample file, the reference and
 * the reload read them. */
#include "scs/conf.h"

#include <stdio.h>
#include <string.h>

#include "simulcrypt/cas.h"
#include "simulcrypt/psi.h"

enum { PID_MAX = 0x1ffe, DELAY_MAX = 32767, COMPONENTS_MAX = 64, SERVICES_MAX = 64 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

uint8_t simc__scs_cw_size(uint8_t scrambling_mode)
{
    bool has_sixteen = scrambling_mode >= SIMC_SCRAMBLING_MODE_CSA3_STANDARD;
    return has_sixteen ? 16 : 8;
}

/* ---- rules of single values ---- */

static bool check_hex(struct simc_slice text, size_t most, char why[SIMC__CONF_WHY_SIZE])
{
    uint8_t bytes[SIMC__SCS_AC_MAX];
    size_t size, bad_at;
    int error = simc_hex_read(text, bytes, most, &size, &bad_at);
    if (error == SIMC_ENOSPC)
        snprintf(why, SIMC__CONF_WHY_SIZE, "is too long; at most %zu bytes are allowed", most);
    else if (error)
        snprintf(why, SIMC__CONF_WHY_SIZE,
                 "is no hex text; write two digits for each byte, such as a10101");
    return !error;
}

static bool check_access_criteria(struct simc_slice text, char why[SIMC__CONF_WHY_SIZE])
{
    return check_hex(text, SIMC__SCS_AC_MAX, why);
}

static bool check_private_data(struct simc_slice text, char why[SIMC__CONF_WHY_SIZE])
{
    return check_hex(text, 251, why);
}

/* ---- ECMGs ---- */

static const struct simc__conf_row tls_rows[] = {
    {.name = "ca_file",
     .type = SIMC__CONF_PATH,
     SIMC__CONF_AT(simc__scs_tls_conf, ca_file),
     .null_allowed = true,
     .fallback = "null",
     .help = "certificates of the CAs that the ECMG's certificate may come from; null: those of "
             "the system"},
    {.name = "certificate_file",
     .type = SIMC__CONF_PATH,
     SIMC__CONF_AT(simc__scs_tls_conf, certificate_file),
     .null_allowed = true,
     .fallback = "null",
     .help = "own certificate, with those that lead to the CA behind it; null: none is shown"},
    {.name = "key_file",
     .type = SIMC__CONF_PATH,
     SIMC__CONF_AT(simc__scs_tls_conf, key_file),
     .null_allowed = true,
     .fallback = "null",
     .help = "its private key; null: it stands in certificate_file"},
    {.name = "server_name",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__scs_tls_conf, server_name),
     .null_allowed = true,
     .fallback = "null",
     .help = "the name that the certificate must have; null: the host of the address"},
    {.name = "tls12",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__scs_tls_conf, tls12),
     .fallback = "false",
     .help = "accept TLS 1.2 too, not only 1.3"},
};

static const struct simc__conf_table tls_table = {
    .name = "tls",
    .rows = tls_rows,
    .count = COUNT(tls_rows),
    .size = sizeof(struct simc__scs_tls_conf),
};

#define DELAY_ROW(name_, help_)                                                                    \
    {                                                                                              \
        .name = #name_, .type = SIMC__CONF_INT, SIMC__CONF_AT(simc__scs_announced_conf, name_.ms), \
        SIMC__CONF_HAS(simc__scs_announced_conf, name_.is_set), .null_allowed = true,              \
        .int_min = -DELAY_MAX, .int_max = DELAY_MAX, .unit = "ms", .fallback = "null",             \
        .reloadable = true, .help = help_                                                          \
    }

static const struct simc__conf_row announced_rows[] = {
    DELAY_ROW(delay_start, "when ECM n goes on air, from the start of period n"),
    DELAY_ROW(delay_stop, "when ECM n leaves the air, from the end of period n"),
    DELAY_ROW(ac_delay_start, "the same when the access criteria have changed"),
    DELAY_ROW(ac_delay_stop, "the same before the access criteria change"),
    DELAY_ROW(transition_delay_start, "the same at the change from clear to scrambled"),
    DELAY_ROW(transition_delay_stop, "the same at the change from scrambled to clear"),
    {.name = "ecm_rep_period",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(simc__scs_announced_conf, ecm_rep_period_ms),
     SIMC__CONF_HAS(simc__scs_announced_conf, has_ecm_rep_period),
     .null_allowed = true,
     .unit = "ms",
     .min = 1,
     .max = UINT16_MAX,
     .fallback = "null",
     .reloadable = true,
     .help = "how often an ECM is repeated on air"},
    {.name = "max_comp_time",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(simc__scs_announced_conf, max_comp_time_ms),
     SIMC__CONF_HAS(simc__scs_announced_conf, has_max_comp_time),
     .null_allowed = true,
     .unit = "ms",
     .min = 1,
     .max = UINT16_MAX,
     .fallback = "null",
     .reloadable = true,
     .help = "longest time that an ECM takes; the session itself waits as long as was announced"},
    {.name = "min_cp_duration",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(simc__scs_announced_conf, min_cp_duration_ms),
     SIMC__CONF_HAS(simc__scs_announced_conf, has_min_cp_duration),
     .null_allowed = true,
     .unit = "ms",
     .min = 100,
     .max = 6553500,
     .fallback = "null",
     .reloadable = true,
     .help = "shortest crypto period"},
};

static const struct simc__conf_table announced_table = {
    .name = "announced",
    .rows = announced_rows,
    .count = COUNT(announced_rows),
    .size = sizeof(struct simc__scs_announced_conf),
};

#define ECMG_TIME_ROW(name_, member_, min_, max_, fallback_, help_)                               \
    {                                                                                             \
        .name = #name_, .type = SIMC__CONF_DURATION, SIMC__CONF_AT(simc__scs_ecmg_conf, member_), \
        .unit = "ms", .min = min_, .max = max_, .fallback = fallback_, .reloadable = true,        \
        .help = help_                                                                             \
    }

static const struct simc__conf_row ecmg_rows[] = {
    {.name = "name",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__scs_ecmg_conf, name),
     .min = 1,
     .max = 63,
     .required = true,
     .reloadable = true,
     .example = "main",
     .help = "for log, status and metrics; no two are alike"},
    {.name = "super_cas_id",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__scs_ecmg_conf, super_cas_id),
     .hex_digits = 8,
     .required = true,
     .reloadable = true,
     .example = "0x12340001",
     .help = "the CA system that it makes ECMs of"},
    {.name = "address",
     .type = SIMC__CONF_ADDRESS,
     SIMC__CONF_AT(simc__scs_ecmg_conf, address),
     .required = true,
     .reloadable = true,
     .example = "192.0.2.1:2222",
     .help = "where it listens: a name or an address, and a port"},
    {.name = "priority",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__scs_ecmg_conf, priority),
     .fallback = "0",
     .reloadable = true,
     .help = "among the ECMGs of one Super_CAS_id: the smallest is used, the others are backups; "
             "equal ones share the streams"},
    {.name = "version",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__scs_ecmg_conf, version),
     .max = 5,
     .fallback = "0",
     .reloadable = true,
     .help = "protocol_version: 1, 2, 3 or 5; 0: 3, and 2 when that is refused"},
    {.name = "channel_id",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__scs_ecmg_conf, channel_id),
     .fallback = "1",
     .reloadable = true,
     .help = "ECM_channel_id of its first channel; further ones count on"},
    {.name = "channels",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__scs_ecmg_conf, channels),
     .min = 1,
     .max = SIMC__SCS_CHANNELS_MAX,
     .fallback = "1",
     .reloadable = true,
     .help = "most channels, each on a connection of its own; another one is opened when the "
             "streams of those before reach max_streams"},
    {.name = "max_streams",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__scs_ecmg_conf, max_streams),
     .max = 65535,
     .fallback = "0",
     .reloadable = true,
     .help = "most streams of a channel, where fewer than announced are wanted; 0: as announced"},
    {.name = "warm",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__scs_ecmg_conf, warm),
     .fallback = "true",
     .reloadable = true,
     .help = "as a backup: open the streams ahead, so that a change to it costs one CW_provision"},
    {.name = "tls",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(simc__scs_ecmg_conf, tls),
     SIMC__CONF_HAS(simc__scs_ecmg_conf, has_tls),
     .null_allowed = true,
     .fallback = "null",
     .reloadable = true,
     .table = &tls_table,
     .help = "TLS; null: plain TCP"},
    ECMG_TIME_ROW(connect, connect_ms, 100, 600000, "3s", "longest wait for a connection"),
    ECMG_TIME_ROW(setup, setup_ms, 100, 600000, "5s",
                  "longest wait for channel_status and stream_status"),
    ECMG_TIME_ROW(idle_test, idle_ms, 0, 86400000, "5s",
                  "silence after which it is tested with channel_test; 0s: never"),
    ECMG_TIME_ROW(test, test_ms, 100, 600000, "3s", "longest wait for the answer to a test"),
    ECMG_TIME_ROW(retry_first, retry_first_ms, 10, 600000, "500ms",
                  "pause before the first new connection; it doubles with each failure"),
    ECMG_TIME_ROW(retry_most, retry_most_ms, 10, 3600000, "10s", "longest such pause"),
    ECMG_TIME_ROW(reply_allowance, reply_allowance_ms, 1, 60000, "500ms",
                  "for the network, on top of max_comp_time, before an ECM counts as missing"),
    ECMG_TIME_ROW(max_comp_time_default, max_comp_default_ms, 1, 60000, "1s",
                  "max_comp_time where 0 is announced"),
    {.name = "announced",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(simc__scs_ecmg_conf, announced),
     .reloadable = true,
     .table = &announced_table,
     .help = "values that hold in place of those in its channel_status; null: as announced"},
    {.name = "from_n",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__scs_ecmg_conf, from_n),
     .fallback = "false",
     .reloadable = true,
     .help = "for ECMGs that expect the control words of CP n..n+CW_per_msg-1 whatever lead_CW is"},
    {.name = "strict",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__scs_ecmg_conf, strict),
     .fallback = "false",
     .reloadable = true,
     .help = "answer unknown messages and parameters with errors; for tests of equipment"},
};

static void check_ecmg(const void *values, struct simc__conf_check *check)
{
    const struct simc__scs_ecmg_conf *ecmg = values;
    if (ecmg->version == 4)
        simc__conf_complain(check, "version",
                            "4 is no protocol_version of ECMG-SCS; there are 1, 2, 3 and 5");
    if (ecmg->retry_first_ms > ecmg->retry_most_ms)
        simc__conf_complain(check, "retry_first", "it must not be longer than retry_most");
    if ((uint32_t)ecmg->channel_id + ecmg->channels > 65536)
        simc__conf_complain(check, "channel_id", "the ids of %u channels would go beyond 65535",
                            (unsigned)ecmg->channels);
    if (ecmg->announced.has_min_cp_duration && ecmg->announced.min_cp_duration_ms % 100)
        simc__conf_complain(check, "announced",
                            "min_cp_duration: write whole tenths of a second, such as 1s");
}

static const struct simc__conf_table ecmg_table = {
    .name = "ecmg",
    .rows = ecmg_rows,
    .count = COUNT(ecmg_rows),
    .size = sizeof(struct simc__scs_ecmg_conf),
    .check = check_ecmg,
};

static const struct simc__conf_row ecmg_item = {
    .type = SIMC__CONF_MAP, SIMC__CONF_ITEM(struct simc__scs_ecmg_conf), .table = &ecmg_table};

/* ---- ECM streams ---- */

static const struct simc__conf_row ecm_rows[] = {
    {.name = "super_cas_id",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__scs_ecm_conf, super_cas_id),
     .hex_digits = 8,
     .required = true,
     .reloadable = true,
     .example = "0x12340001",
     .help = "the CA system; an entry of ecmgs must have it"},
    {.name = "ecm_id",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__scs_ecm_conf, ecm_id),
     .required = true,
     .reloadable = true,
     .example = "1",
     .help = "ECM_id: no two streams of one Super_CAS_id have the same"},
    {.name = "access_criteria",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__scs_ecm_conf, access_criteria),
     .max = 2 * SIMC__SCS_AC_MAX,
     .check = check_access_criteria,
     .null_allowed = true,
     .fallback = "null",
     .reloadable = true,
     .help = "access criteria in hex digits; null: none, or those of `package`"},
    {.name = "package",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__scs_ecm_conf, package),
     SIMC__CONF_HAS(simc__scs_ecm_conf, has_package),
     .null_allowed = true,
     .fallback = "null",
     .reloadable = true,
     .help = "for CA profile 1: the package, from which access criteria and the private bytes of "
             "the CA_descriptor are made"},
    {.name = "content",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__scs_ecm_conf, content),
     SIMC__CONF_HAS(simc__scs_ecm_conf, has_content),
     .null_allowed = true,
     .fallback = "null",
     .reloadable = true,
     .help = "for CA profile 1: id of the programme or title"},
    {.name = "required",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__scs_ecm_conf, required),
     .fallback = "true",
     .reloadable = true,
     .help = "no control word goes on air without an ECM of this stream"},
    {.name = "pid",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__scs_ecm_conf, pid),
     .max = PID_MAX,
     .fallback = "0",
     .reloadable = true,
     .help = "PID of the ECMs; 0: the mux chooses"},
    {.name = "private_data",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__scs_ecm_conf, private_data),
     .max = 502,
     .check = check_private_data,
     .null_allowed = true,
     .fallback = "null",
     .reloadable = true,
     .help = "private bytes of the CA_descriptor in hex digits; null: none, or package (4 bytes) "
             "and ECM_id (2 bytes) where `package` is given"},
    {.name = "hidden",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__scs_ecm_conf, is_hidden),
     .fallback = "false",
     .reloadable = true,
     .help = "no CA_descriptor names it"},
};

static void check_ecm(const void *values, struct simc__conf_check *check)
{
    const struct simc__scs_ecm_conf *ecm = values;
    if (ecm->has_package && ecm->access_criteria)
        simc__conf_complain(check, "access_criteria",
                            "give either access_criteria or package, not both");
    if (ecm->has_content && !ecm->has_package)
        simc__conf_complain(check, "content", "this belongs to CA profile 1: give package too");
    if (ecm->pid != 0 && ecm->pid < 0x20)
        simc__conf_complain(check, "pid", "PIDs below 0x0020 are reserved; write 32..8190, or 0");
}

static const struct simc__conf_table ecm_table = {
    .name = "stream",
    .rows = ecm_rows,
    .count = COUNT(ecm_rows),
    .size = sizeof(struct simc__scs_ecm_conf),
    .check = check_ecm,
};

static const struct simc__conf_row ecm_item = {
    .type = SIMC__CONF_MAP, SIMC__CONF_ITEM(struct simc__scs_ecm_conf), .table = &ecm_table};

/* ---- services ---- */

static const struct simc__conf_row component_item = {.type = SIMC__CONF_UINT,
                                                     SIMC__CONF_ITEM(uint16_t),
                                                     .min = 0x20,
                                                     .max = PID_MAX,
                                                     .example = "256"};

static const struct simc__conf_row service_rows[] = {
    {.name = "service_id",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__scs_service_conf, service_id),
     .min = 1,
     .required = true,
     .reloadable = true,
     .example = "1",
     .help = "in the output of the mux"},
    {.name = "transport_stream_id",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__scs_service_conf, transport_stream_id),
     SIMC__CONF_HAS(simc__scs_service_conf, has_transport_stream_id),
     .null_allowed = true,
     .fallback = "null",
     .reloadable = true,
     .help = "null: whichever"},
    {.name = "original_network_id",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__scs_service_conf, original_network_id),
     SIMC__CONF_HAS(simc__scs_service_conf, has_original_network_id),
     .null_allowed = true,
     .fallback = "null",
     .reloadable = true,
     .help = "null: whichever"},
    {.name = "components",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__scs_service_conf, components),
     .max = COMPONENTS_MAX,
     .item = &component_item,
     .fallback = "[]",
     .reloadable = true,
     .help = "PIDs of the components that are scrambled; none: all, and the CA_descriptors stand "
             "at programme level"},
};

static const struct simc__conf_table service_table = {
    .name = "service",
    .rows = service_rows,
    .count = COUNT(service_rows),
    .size = sizeof(struct simc__scs_service_conf),
};

static const struct simc__conf_row service_item = {.type = SIMC__CONF_MAP,
                                                   SIMC__CONF_ITEM(struct simc__scs_service_conf),
                                                   .table = &service_table};

/* ---- policies ---- */

static const struct simc__conf_choice start_choices[] = {
    {"all", SIMC__SCHED_START_ALL, "when all streams have an ECMG and an ECM"},
    {"any", SIMC__SCHED_START_ANY, "when one stream has an ECM, and all that are required"},
    {"always", SIMC__SCHED_START_ALWAYS, "after start_wait in any case, even without an ECM"},
    {"never", SIMC__SCHED_START_NEVER, "not at all"},
    {NULL, 0, NULL},
};

static const struct simc__conf_choice loss_choices[] = {
    {"keep", SIMC__SCHED_LOSS_KEEP, "the control word and its ECMs stay"},
    {"cycle", SIMC__SCHED_LOSS_CYCLE, "the last two take turns with their ECMs"},
    {"clear", SIMC__SCHED_LOSS_CLEAR, "scrambling ends"},
    {"silent", SIMC__SCHED_LOSS_SILENT, "the ECMs are taken off the air"},
    {NULL, 0, NULL},
};

static const struct simc__conf_row loss_rows[] = {
    {.name = "action",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__scs_loss_conf, action),
     .choices = loss_choices,
     .required = true,
     .reloadable = true,
     .example = "keep",
     .help = "what is done while a needed ECM is missing"},
    {.name = "limit",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(simc__scs_loss_conf, limit_ms),
     .unit = "ms",
     .max = 86400000,
     .fallback = "0s",
     .reloadable = true,
     .help = "after this the next step follows; 0s: it lasts until the ECMs are there again"},
};

static const struct simc__conf_table loss_table = {
    .name = "step",
    .rows = loss_rows,
    .count = COUNT(loss_rows),
    .size = sizeof(struct simc__scs_loss_conf),
};

static const struct simc__conf_row loss_item = {
    .type = SIMC__CONF_MAP, SIMC__CONF_ITEM(struct simc__scs_loss_conf), .table = &loss_table};

/* ---- SCGs ---- */

static const struct simc__conf_choice algorithm_choices[] = {
    {"csa1", SIMC_SCRAMBLING_MODE_CSA1, "DVB-CSA; control words of 8 bytes"},
    {"csa2", SIMC_SCRAMBLING_MODE_CSA2, "DVB-CSA with all 64 bits free"},
    {"csa3", SIMC_SCRAMBLING_MODE_CSA3_STANDARD, "16 bytes"},
    {"cissa", SIMC_SCRAMBLING_MODE_CISSA1, "DVB-CISSA version 1; 16 bytes"},
    {"idsa", SIMC_SCRAMBLING_MODE_IDSA, "ATIS IDSA; 16 bytes"},
    {NULL, 0, NULL},
};

#define SCG_TIME_ROW(name_, member_, min_, max_, fallback_, help_)                               \
    {                                                                                            \
        .name = #name_, .type = SIMC__CONF_DURATION, SIMC__CONF_AT(simc__scs_scg_conf, member_), \
        .unit = "ms", .min = min_, .max = max_, .fallback = fallback_, .reloadable = true,       \
        .help = help_                                                                            \
    }

static const struct simc__conf_row scg_rows[] = {
    {.name = "id",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__scs_scg_conf, id),
     .required = true,
     .reloadable = true,
     .example = "1",
     .help = "scrambling control group: services that share control words"},
    {.name = "name",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__scs_scg_conf, name),
     .max = 63,
     .null_allowed = true,
     .fallback = "null",
     .reloadable = true,
     .help = "for people"},
    {.name = "mux",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__scs_scg_conf, mux),
     .min = 1,
     .max = 63,
     .null_allowed = true,
     .fallback = "null",
     .reloadable = true,
     .help = "the mux that carries it, by the name that it announces; null: the first that comes"},
    {.name = "repeat",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__scs_scg_conf, repeat),
     .min = 1,
     .max = SIMC__SCS_SCGS_MAX,
     .fallback = "1",
     .reloadable = true,
     .help = "makes so many groups of this entry: id and service_id count up by one, ECM_ids by "
             "the number of streams"},
    {.name = "services",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__scs_scg_conf, services),
     .max = SERVICES_MAX,
     .item = &service_item,
     .fallback = "[]",
     .reloadable = true,
     .help = "what is scrambled with its control words"},
    {.name = "streams",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__scs_scg_conf, streams),
     .min = 1,
     .max = SIMC__SCHED_STREAMS_MAX,
     .item = &ecm_item,
     .required = true,
     .reloadable = true,
     .help = "its ECM streams, of any number of CA systems; all carry the same control words"},
    {.name = "algorithm",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__scs_scg_conf, algorithm),
     .choices = algorithm_choices,
     .fallback = "csa2",
     .reloadable = true,
     .help = "how it is scrambled; decides how long control words are"},
    {.name = "no_scrambling_descriptor",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__scs_scg_conf, no_scrambling_descriptor),
     .fallback = "false",
     .reloadable = true,
     .help = "the mux writes no scrambling_descriptor, for receivers that dislike it"},
    {.name = "reduce_entropy",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__scs_scg_conf, reduce_entropy),
     .fallback = "true",
     .reloadable = true,
     .help = "with csa1: bytes 3 and 7 of a control word are the sums of those before, as its "
             "receivers expect, before any ECMG sees it"},
    {.name = "crypto_period",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(simc__scs_scg_conf, cp_ms),
     .unit = "ms",
     .min = 100,
     .max = 6553500,
     .fallback = "10s",
     .reloadable = true,
     .help = "how long a control word lasts; longer where an ECMG needs it; whole tenths of a "
             "second"},
    {.name = "first_cp",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__scs_scg_conf, first_cp),
     .fallback = "0",
     .reloadable = true,
     .help = "CP_number of the first period, when no mux hands back a plan"},
    {.name = "start",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__scs_scg_conf, start),
     .choices = start_choices,
     .fallback = "all",
     .reloadable = true,
     .help = "when scrambling begins"},
    {.name = "on_loss",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__scs_scg_conf, loss),
     .max = SIMC__SCHED_LOSS_STEPS_MAX,
     .item = &loss_item,
     .fallback = "[]",
     .reloadable = true,
     .help = "steps that follow each other while a needed ECM is missing; none: keep, for good"},
    SCG_TIME_ROW(margin, margin_ms, 0, 60000, "2500ms",
                 "how much earlier than needed ECMs are asked for: time to go to a backup in the "
                 "same period, which takes the reply times of both"),
    SCG_TIME_ROW(start_wait, start_wait_ms, 0, 600000, "2s",
                 "any, always: how long at least the other ECMs are waited for"),
    SCG_TIME_ROW(retry, retry_ms, 10, 60000, "500ms",
                 "pause after a CW_provision that failed, where no other ECMG is left"),
};

static void check_scg(const void *values, struct simc__conf_check *check)
{
    const struct simc__scs_scg_conf *scg = values;
    if (scg->cp_ms % 100)
        simc__conf_complain(check, "crypto_period", "write whole tenths of a second, such as 10s");
    for (size_t i = 0; i < scg->loss_count; i++)
        if (scg->loss[i].action == SIMC__SCHED_LOSS_CLEAR && scg->start == SIMC__SCHED_START_ALWAYS)
            simc__conf_complain(check, "on_loss",
                                "'clear' and start: always contradict each other");
    if ((uint64_t)scg->id + scg->repeat - 1 > UINT32_MAX)
        simc__conf_complain(check, "repeat", "the ids would go beyond 32 bits");
    for (size_t i = 0; i < scg->services_count; i++) {
        if (scg->services[i].service_id + scg->repeat - 1 > UINT16_MAX)
            simc__conf_complain_item(check, "services", i,
                                     "with repeat %u, service_id would go "
                                     "beyond 65535",
                                     (unsigned)scg->repeat);
        if (scg->repeat > 1 && scg->services[i].components_count)
            simc__conf_complain_item(check, "services", i,
                                     "with repeat, components cannot be named; leave them out");
    }
    for (size_t i = 0; i < scg->streams_count; i++) {
        uint64_t last = scg->streams[i].ecm_id + (uint64_t)(scg->repeat - 1) * scg->streams_count;
        if (last > UINT16_MAX)
            simc__conf_complain_item(check, "streams", i,
                                     "with repeat %u, ecm_id would go beyond 65535",
                                     (unsigned)scg->repeat);
        if (scg->repeat > 1 && scg->streams[i].pid)
            simc__conf_complain_item(check, "streams", i, "with repeat, pid must be 0");
    }
}

static const struct simc__conf_table scg_table = {
    .name = "scg",
    .rows = scg_rows,
    .count = COUNT(scg_rows),
    .size = sizeof(struct simc__scs_scg_conf),
    .check = check_scg,
};

static const struct simc__conf_row scg_item = {
    .type = SIMC__CONF_MAP, SIMC__CONF_ITEM(struct simc__scs_scg_conf), .table = &scg_table};

/* ---- the file ---- */

static const struct simc__conf_row link_rows[] = {
    {.name = "socket",
     .type = SIMC__CONF_PATH,
     SIMC__CONF_AT(simc__scs_link_conf, socket),
     .null_allowed = true,
     .fallback = "null",
     .help = "path of a unix socket, or null for none; muxes of the same user or group may "
             "connect"},
    {.name = "listen",
     .type = SIMC__CONF_ADDRESS,
     SIMC__CONF_AT(simc__scs_link_conf, listen),
     .null_allowed = true,
     .fallback = "127.0.0.1:2231",
     .help = "address and port, or null for none"},
    {.name = "allow_remote",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__scs_link_conf, allow_remote),
     .fallback = "false",
     .help = "listen may be an address that other hosts reach; control words travel in the clear"},
};

static void check_link(const void *values, struct simc__conf_check *check)
{
    const struct simc__scs_link_conf *link = values;
    const char *host = link->listen.host;
    if (host && !link->allow_remote && strncmp(host, "127.", 4) != 0 && strcmp(host, "::1") != 0 &&
        strcmp(host, "localhost") != 0)
        simc__conf_complain(check, "listen",
                            "control words travel here, so only this host may connect; write "
                            "127.0.0.1 or set allow_remote");
}

static const struct simc__conf_table link_table = {
    .name = "link",
    .rows = link_rows,
    .count = COUNT(link_rows),
    .size = sizeof(struct simc__scs_link_conf),
    .check = check_link,
};

static const struct simc__conf_choice print_choices[] = {
    {"none", SIMC__SCS_PRINT_NONE, "a daemon that serves muxes"},
    {"text", SIMC__SCS_PRINT_TEXT, "lines for people"},
    {"json", SIMC__SCS_PRINT_JSON, "lines for programs"},
    {NULL, 0, NULL},
};

static const struct simc__conf_row admin_rows[] = {SIMC__DAEMON_ADMIN_ROWS("127.0.0.1:12231")};
static const struct simc__conf_table admin_table = SIMC__DAEMON_ADMIN_TABLE(admin_rows);

static const struct simc__conf_row scs_rows[] = {
    {.name = "link",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(simc__scs_conf, link),
     .table = &link_table,
     .help = "where muxes connect"},
    {.name = "ecmgs",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__scs_conf, ecmgs),
     .min = 1,
     .max = SIMC__SCS_ECMGS_MAX,
     .item = &ecmg_item,
     .required = true,
     .reloadable = true,
     .help = "the ECMGs"},
    {.name = "scgs",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__scs_conf, scgs),
     .max = SIMC__SCS_SCGS_MAX,
     .item = &scg_item,
     .required = true,
     .reloadable = true,
     .help = "the scrambling control groups"},
    {.name = "hold",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(simc__scs_conf, hold_ms),
     .unit = "ms",
     .max = 3600000,
     .fallback = "30s",
     .reloadable = true,
     .help = "how long an ECMG that had failed must be in order before streams go back to it"},
    {.name = "mux_hold",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(simc__scs_conf, mux_hold_ms),
     .unit = "ms",
     .max = 3600000,
     .fallback = "20s",
     .reloadable = true,
     .help = "how long periods are planned on for a mux whose connection is lost"},
    {.name = "print",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__scs_conf, print),
     .choices = print_choices,
     .fallback = "none",
     .help = "without a mux: print what would be on air to standard output"},
    SIMC__DAEMON_ROWS(simc__scs_conf, daemon, admin_table),
};

static void check_ecmgs(const struct simc__scs_conf *conf, struct simc__conf_check *check)
{
    for (size_t i = 0; i < conf->ecmgs_count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(conf->ecmgs[i].name, conf->ecmgs[k].name) == 0)
                simc__conf_complain_item(check, "ecmgs", i, "the name '%.64s' is there twice",
                                         conf->ecmgs[i].name);
}

static bool has_ecmg(const struct simc__scs_conf *conf, uint32_t super_cas_id)
{
    bool found = false;
    for (size_t i = 0; !found && i < conf->ecmgs_count; i++)
        found = conf->ecmgs[i].super_cas_id == super_cas_id;
    return found;
}

/* With `repeat` an entry is a range of ids. */
static bool ids_overlap(uint64_t a, uint64_t a_count, uint64_t b, uint64_t b_count)
{
    return a < b + b_count && b < a + a_count;
}

static void check_pair(const struct simc__scs_conf *conf, size_t i, size_t k,
                       struct simc__conf_check *check)
{
    const struct simc__scs_scg_conf *a = &conf->scgs[i], *b = &conf->scgs[k];
    if (i != k && ids_overlap(a->id, a->repeat, b->id, b->repeat))
        simc__conf_complain_item(check, "scgs", i, "its ids are those of scgs[%zu] too", k);
    for (size_t m = 0; m < a->streams_count; m++)
        for (size_t n = 0; n < (i == k ? m : b->streams_count); n++) {
            const struct simc__scs_ecm_conf *one = &a->streams[m], *other = &b->streams[n];
            uint64_t a_width = (uint64_t)(a->repeat - 1) * a->streams_count + 1;
            uint64_t b_width = (uint64_t)(b->repeat - 1) * b->streams_count + 1;
            bool same = i == k
                            ? one->ecm_id % a->streams_count == other->ecm_id % a->streams_count &&
                                  ids_overlap(one->ecm_id, a_width, other->ecm_id, b_width)
                            : ids_overlap(one->ecm_id, a_width, other->ecm_id, b_width);
            if (one->super_cas_id == other->super_cas_id && same)
                simc__conf_complain_item(check, "scgs", i,
                                         "streams[%zu]: ECM_id %u of Super_CAS_id 0x%08X is used "
                                         "by scgs[%zu].streams[%zu] too",
                                         m, (unsigned)one->ecm_id, (unsigned)one->super_cas_id, k,
                                         n);
        }
}

static void check_scgs(const struct simc__scs_conf *conf, struct simc__conf_check *check)
{
    uint64_t total = 0;
    for (size_t i = 0; i < conf->scgs_count; i++) {
        const struct simc__scs_scg_conf *scg = &conf->scgs[i];
        total += scg->repeat;
        for (size_t k = 0; k <= i; k++)
            check_pair(conf, i, k, check);
        for (size_t s = 0; s < scg->streams_count; s++)
            if (!has_ecmg(conf, scg->streams[s].super_cas_id))
                simc__conf_complain_item(check, "scgs", i,
                                         "streams[%zu]: no entry of ecmgs has Super_CAS_id 0x%08X",
                                         s, (unsigned)scg->streams[s].super_cas_id);
    }
    if (total > SIMC__SCS_SCGS_MAX)
        simc__conf_complain(check, "scgs", "these are %llu groups; at most %d are allowed",
                            (unsigned long long)total, (int)SIMC__SCS_SCGS_MAX);
}

static void check_scs(const void *values, struct simc__conf_check *check)
{
    const struct simc__scs_conf *conf = values;
    check_ecmgs(conf, check);
    check_scgs(conf, check);
}

const struct simc__conf_table simc__scs_conf_table = {
    .name = "scsd",
    .help = "The SimulCrypt synchroniser scsd: control words for crypto periods, ECMs of any "
            "number of CA systems for them in time, and what is on air when.\n\n"
            "Keys that are marked reloadable take effect at SIGHUP, the others at a restart.",
    .rows = scs_rows,
    .count = COUNT(scs_rows),
    .size = sizeof(struct simc__scs_conf),
    .check = check_scs,
};
