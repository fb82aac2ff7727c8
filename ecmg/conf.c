/* SPDX-License-Identifier: BSL-1.0 */
/* The rows of ecmgd.yaml and the rules between them. The loader, the sample file, the reference
 * and the reload read them. */
#include "ecmg/conf.h"

#include <stdlib.h>
#include <string.h>

#include "ecmg/ecmg.h"

enum {
    SYSTEMS_MAX = 64,
    LISTEN_MAX = 16,
    CLIENTS_MAX = 256,
    ALLOW_MAX = 256,
    ECM_IDS_MAX = 4096,
    VERSIONS_MAX = 4,
    STREAMS_MAX = 65536,
    DELAY_MAX = 32767,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- TLS ---- */

static const struct simc__conf_row super_cas_id_item = {
    .type = SIMC__CONF_UINT, SIMC__CONF_ITEM(uint32_t), .hex_digits = 8, .example = "0x12340001"};

static const struct simc__conf_row client_rows[] = {
    {.name = "name",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__ecmg_client_conf, name),
     .required = true,
     .min = 1,
     .example = "scs1.example",
     .help =
         "a DNS name, URI or IP address among the subject alternative names of its certificate"},
    {.name = "super_cas_ids",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__ecmg_client_conf, super_cas_ids),
     .max = SYSTEMS_MAX,
     .item = &super_cas_id_item,
     .fallback = "[]",
     .help = "what it may open channels for; none: every Super_CAS_id"},
};

static const struct simc__conf_table client_table = {
    .name = "client",
    .rows = client_rows,
    .count = COUNT(client_rows),
    .size = sizeof(struct simc__ecmg_client_conf),
};

static const struct simc__conf_row client_item = {
    .type = SIMC__CONF_MAP, SIMC__CONF_ITEM(struct simc__ecmg_client_conf), .table = &client_table};

static const struct simc__conf_row tls_rows[] = {
    {.name = "certificate_file",
     .type = SIMC__CONF_PATH,
     SIMC__CONF_AT(simc__ecmg_tls_conf, certificate_file),
     .required = true,
     .example = "tls/ecmg.pem",
     .help =
         "certificate of this ECMG with its chain (PEM); the files of TLS are read again at each "
         "reload"},
    {.name = "key_file",
     .type = SIMC__CONF_PATH,
     SIMC__CONF_AT(simc__ecmg_tls_conf, key_file),
     .required = true,
     .example = "tls/ecmg.key",
     .help = "its private key (PEM)"},
    {.name = "client_ca_file",
     .type = SIMC__CONF_PATH,
     SIMC__CONF_AT(simc__ecmg_tls_conf, client_ca_file),
     .null_allowed = true,
     .fallback = "null",
     .help = "who signs certificates of clients (PEM); null: clients need none"},
    {.name = "tls12",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__ecmg_tls_conf, tls12),
     .fallback = "false",
     .help = "accept TLS 1.2 beside 1.3"},
    {.name = "clients",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__ecmg_tls_conf, clients),
     .max = CLIENTS_MAX,
     .item = &client_item,
     .reloadable = true,
     .help = "the clients and what each may use; none: every client with a good certificate, "
             "everything"},
};

static void check_tls(const void *values, struct simc__conf_check *check)
{
    const struct simc__ecmg_tls_conf *tls = values;
    if (tls->clients_count && !tls->client_ca_file)
        simc__conf_complain(
            check, "clients",
            "clients are known by their certificates: client_ca_file must be given");
}

static const struct simc__conf_table tls_table = {
    .name = "tls",
    .rows = tls_rows,
    .count = COUNT(tls_rows),
    .size = sizeof(struct simc__ecmg_tls_conf),
    .check = check_tls,
};

/* ---- listen ---- */

static const struct simc__conf_row listen_rows[] = {
    {.name = "address",
     .type = SIMC__CONF_ADDRESS,
     SIMC__CONF_AT(simc__ecmg_listen_conf, address),
     .required = true,
     .example = "0.0.0.0:2222",
     .help = "where SCSs connect; [::]:2222 for IPv6"},
    {.name = "tls",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(simc__ecmg_listen_conf, tls),
     SIMC__CONF_HAS(simc__ecmg_listen_conf, has_tls),
     .null_allowed = true,
     .fallback = "null",
     .table = &tls_table,
     .reloadable = true,
     .help =
         "TLS for this address; null: plain TCP, as third-party equipment expects. Control words "
         "cross it in the clear then: use a network of its own"},
};

static const struct simc__conf_table listen_table = {
    .name = "listen",
    .rows = listen_rows,
    .count = COUNT(listen_rows),
    .size = sizeof(struct simc__ecmg_listen_conf),
};

static const struct simc__conf_row listen_item = {
    .type = SIMC__CONF_MAP, SIMC__CONF_ITEM(struct simc__ecmg_listen_conf), .table = &listen_table};

/* ---- CA systems ---- */

static bool is_setting(struct simc_slice text, char why[SIMC__CONF_WHY_SIZE])
{
    const char *equals = text.size ? memchr(text.data, '=', text.size) : NULL;
    static const char sentence[] = "is no setting; write it as name=value";
    if (equals && equals != (const char *)text.data)
        return true;
    memcpy(why, sentence, sizeof sentence);
    return false;
}

static const struct simc__conf_row setting_item = {
    .type = SIMC__CONF_TEXT,
    SIMC__CONF_ITEM(const char *),
    .check = is_setting,
    .example = "label=laboratory",
};

static const struct simc__conf_row ecm_id_item = {
    .type = SIMC__CONF_UINT, SIMC__CONF_ITEM(uint16_t), .hex_digits = 4, .example = "0x0021"};

static const struct simc__conf_choice expired_choices[] = {
    {"go_on", SIMC__ECMG_EXPIRED_GO_ON, "the newest version goes on being used, with an alarm"},
    {"refuse", SIMC__ECMG_EXPIRED_REFUSE, "no ECM; the SCS does what its own rules say"},
    {NULL, 0, NULL},
};

/* clang-format off */
#define DELAY_ROW(name_, fallback_, help_)                                                        \
    {.name = #name_, .type = SIMC__CONF_INT, SIMC__CONF_AT(simc__ecmg_system_conf, name_##_ms),   \
     .int_min = -DELAY_MAX, .int_max = DELAY_MAX, .unit = "ms", .fallback = fallback_,            \
     .reloadable = true, .help = help_}
#define OPTIONAL_DELAY_ROW(name_, help_)                                                          \
    {.name = #name_, .type = SIMC__CONF_INT, SIMC__CONF_AT(simc__ecmg_system_conf, name_##_ms),   \
     SIMC__CONF_HAS(simc__ecmg_system_conf, has_##name_), .null_allowed = true,                   \
     .int_min = -DELAY_MAX, .int_max = DELAY_MAX, .unit = "ms", .fallback = "null",               \
     .reloadable = true, .help = help_}
/* clang-format on */

static const struct simc__conf_row system_rows[] = {
    {.name = "super_cas_id",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__ecmg_system_conf, super_cas_id),
     .required = true,
     .hex_digits = 8,
     .example = "0x12340001",
     .help = "CA_system_id in the upper, CA_subsystem_id in the lower 16 bits"},
    {.name = "key_file",
     .type = SIMC__CONF_PATH,
     SIMC__CONF_AT(simc__ecmg_system_conf, key_file),
     .required = true,
     .null_allowed = true,
     .example = "keys.yaml",
     .reloadable = true,
     .help = "package keys of CA profile 1, made by `simulcrypt keys new`; read again at each "
             "reload; null with plugin_file"},
    {.name = "default_package",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__ecmg_system_conf, default_package),
     SIMC__CONF_HAS(simc__ecmg_system_conf, has_default_package),
     .null_allowed = true,
     .fallback = "null",
     .reloadable = true,
     .help = "package of streams whose SCS sends no access criteria at all; null: such a "
             "CW_provision is answered with error 0x0010"},
    {.name = "lowest_epoch",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__ecmg_system_conf, lowest_epoch),
     .fallback = "0",
     .reloadable = true,
     .help = "lowest EMM epoch that a receiver must have seen"},
    {.name = "expired_keys",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__ecmg_system_conf, expired),
     .choices = expired_choices,
     .fallback = "go_on",
     .reloadable = true,
     .help = "what happens when no version of a package's key is valid any more"},
    {.name = "long_sections",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__ecmg_system_conf, long_sections),
     .fallback = "false",
     .reloadable = true,
     .help = "let an ECM with many control words be up to 256 bytes instead of the 183 that fit "
             "into one packet"},
    {.name = "plugin_file",
     .type = SIMC__CONF_PATH,
     SIMC__CONF_AT(simc__ecmg_system_conf, plugin_file),
     .null_allowed = true,
     .fallback = "null",
     .help = "shared object of another CA system, see docs/ecm-plugin.md; null: CA profile 1"},
    {.name = "settings",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__ecmg_system_conf, settings),
     .max = SIMC_ECM_PLUGIN_SETTINGS_MAX,
     .item = &setting_item,
     .reloadable = true,
     .fallback = "[]",
     .help = "for the plug-in, each as name=value"},
    {.name = "ecm_ids",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__ecmg_system_conf, ecm_ids),
     .max = ECM_IDS_MAX,
     .item = &ecm_id_item,
     .reloadable = true,
     .fallback = "[]",
     .help = "the only ECM_ids that streams may have; none: any"},
    {.name = "ts_packets",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__ecmg_system_conf, ts_packets),
     .fallback = "false",
     .reloadable = true,
     .help = "section_TSpkt_flag: ECMs are sent as TS packets instead of sections"},
    DELAY_ROW(delay_start, "0",
              "when ECM n goes on air, from the start of crypto period n; negative: before it"),
    DELAY_ROW(delay_stop, "0",
              "when ECM n leaves the air, from the end of crypto period n; negative: before it"),
    OPTIONAL_DELAY_ROW(ac_delay_start,
                       "takes the place of delay_start when the access criteria have "
                       "changed; null: not announced"),
    OPTIONAL_DELAY_ROW(ac_delay_stop, "takes the place of delay_stop before the access criteria "
                                      "change; null: not announced"),
    OPTIONAL_DELAY_ROW(transition_delay_start, "takes the place of delay_start at the change from "
                                               "clear to scrambled; null: not announced"),
    OPTIONAL_DELAY_ROW(transition_delay_stop, "takes the place of delay_stop at the change from "
                                              "scrambled to clear; null: not announced"),
    {.name = "ecm_rep_period",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(simc__ecmg_system_conf, ecm_rep_period_ms),
     .unit = "ms",
     .min = 1,
     .max = UINT16_MAX,
     .fallback = "100ms",
     .reloadable = true,
     .help = "how often an ECM is repeated on air"},
    {.name = "max_streams",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__ecmg_system_conf, max_streams),
     .fallback = "0",
     .reloadable = true,
     .help = "streams that a channel may have; 0: not announced, limits.streams_per_channel holds"},
    {.name = "min_cp_duration",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(simc__ecmg_system_conf, min_cp_duration_ms),
     .unit = "ms",
     .min = 100,
     .max = 6553500,
     .fallback = "1s",
     .reloadable = true,
     .help = "shortest crypto period that is served; whole tenths of a second"},
    {.name = "lead_cw",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__ecmg_system_conf, lead_cw),
     .max = 7,
     .fallback = "1",
     .reloadable = true,
     .help = "control words that an ECM holds ahead of the current one"},
    {.name = "cw_per_msg",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__ecmg_system_conf, cw_per_msg),
     .min = 1,
     .max = 8,
     .fallback = "2",
     .reloadable = true,
     .help =
         "control words in each CW_provision; the earlier ones are remembered where it is fewer "
         "than lead_cw + 1"},
    {.name = "max_comp_time",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(simc__ecmg_system_conf, max_comp_time_ms),
     .unit = "ms",
     .min = 1,
     .max = UINT16_MAX,
     .fallback = "100ms",
     .reloadable = true,
     .help = "longest time that the answer to a CW_provision takes"},
    {.name = "access_criteria_in_each_message",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__ecmg_system_conf, transfer_mode),
     .fallback = "false",
     .reloadable = true,
     .help = "access_criteria_transfer_mode: SCSs send them in every CW_provision, not only when "
             "they change"},
};

static void check_system(const void *values, struct simc__conf_check *check)
{
    const struct simc__ecmg_system_conf *system = values;
    if (system->min_cp_duration_ms % 100)
        simc__conf_complain(check, "min_cp_duration", "write whole tenths of a second, such as 1s");
    if (!system->plugin_file && !system->key_file)
        simc__conf_complain(check, NULL,
                            "key_file must not be null without a plugin_file; `simulcrypt keys new "
                            "keys.yaml --package 1` makes a key file");
    if (!system->plugin_file && system->settings_count)
        simc__conf_complain(check, "settings", "these are for a plug-in: give plugin_file too");
    if (system->plugin_file && (system->key_file || system->has_default_package))
        simc__conf_complain(check, system->key_file ? "key_file" : "default_package",
                            "this belongs to CA profile 1, but plugin_file names another system");
    if (system->max_comp_time_ms > system->min_cp_duration_ms)
        simc__conf_complain(check, "max_comp_time",
                            "an ECM cannot take longer than min_cp_duration, the shortest period");
}

static const struct simc__conf_table system_table = {
    .name = "system",
    .rows = system_rows,
    .count = COUNT(system_rows),
    .size = sizeof(struct simc__ecmg_system_conf),
    .check = check_system,
};

static const struct simc__conf_row system_item = {
    .type = SIMC__CONF_MAP, SIMC__CONF_ITEM(struct simc__ecmg_system_conf), .table = &system_table};

/* ---- limits and timers ---- */

/* clang-format off */
#define LIMIT_ROW(name_, min_, max_, fallback_, reloadable_, help_)                               \
    {.name = #name_, .type = SIMC__CONF_UINT, SIMC__CONF_AT(simc__ecmg_limits_conf, name_),       \
     .min = min_, .max = max_, .fallback = fallback_, .reloadable = reloadable_, .help = help_}
#define LIMIT_SIZE_ROW(name_, min_, max_, fallback_, help_)                                       \
    {.name = #name_, .type = SIMC__CONF_SIZE, SIMC__CONF_AT(simc__ecmg_limits_conf, name_),       \
     .unit = "B", .min = min_, .max = max_, .fallback = fallback_,            \
     .reloadable = true, .help = help_}
#define TIMER_ROW(name_, min_, max_, fallback_, reloadable_, help_)                               \
    {.name = #name_, .type = SIMC__CONF_DURATION,                                                 \
     SIMC__CONF_AT(simc__ecmg_timers_conf, name_##_ms), .unit = "ms", .min = min_, .max = max_,   \
     .fallback = fallback_, .reloadable = reloadable_, .help = help_}
/* clang-format on */

static const struct simc__conf_row limits_rows[] = {
    LIMIT_ROW(connections, 1, 65536, "4096", true, "connections at once; more are closed"),
    LIMIT_ROW(connections_per_address, 1, 65536, "1024", true, "of those from one address"),
    LIMIT_ROW(channels, 1, 65536, "2048", true, "channels; more are refused with error 0x0008"),
    LIMIT_ROW(streams_per_channel, 1, STREAMS_MAX, "4096", true,
              "streams of a channel; more are refused with error 0x000A, or with 0x0009 over "
              "max_streams"),
    LIMIT_ROW(streams, 1, 1000000, "100000", true,
              "streams in all; more are refused with error 0x000A"),
    LIMIT_SIZE_ROW(message_length, 64, 65535, "65535B",
                   "longest message; longer ones are skipped with error 0x0004"),
    LIMIT_SIZE_ROW(output, 65536, 1 << 26, "4MiB",
                   "bytes that wait for an SCS that does not read, before it is disconnected"),
    LIMIT_SIZE_ROW(
        access_criteria, 1, 60000, "4KiB",
        "longest access criteria of a stream; longer ones are refused with error 0x0011"),
    LIMIT_ROW(pending, 1, 16, "2", true,
              "CW_provisions of a stream that wait for their ECM; more are refused with error "
              "0x000D"),
    LIMIT_ROW(faults, 1, 1000000, "32", true,
              "invalid messages in a row, before a connection is closed"),
};

static const struct simc__conf_table limits_table = {
    .name = "limits",
    .rows = limits_rows,
    .count = COUNT(limits_rows),
    .size = sizeof(struct simc__ecmg_limits_conf),
};

static const struct simc__conf_row timers_rows[] = {
    TIMER_ROW(setup, 100, 3600000, "30s", true, "how long a connection may be without a channel"),
    TIMER_ROW(close, 1, 600000, "1s", true,
              "how long an SCS may take to close the connection when its channel has ended"),
    TIMER_ROW(
        idle_test, 0, 86400000, "0s", true,
        "silence after which an SCS is tested with channel_test; 0s: never, as some SCSs take "
        "any message but an ECM for a fault"),
    TIMER_ROW(test, 100, 600000, "5s", true, "longest wait for the answer to such a test"),
    TIMER_ROW(stall, 1000, 600000, "30s", false,
              "how long an SCS may take no bytes although there are some for it"),
    TIMER_ROW(keepalive, 0, 3600000, "10s", false,
              "silence after which TCP asks whether the peer is still there; 0s: never"),
};

static const struct simc__conf_table timers_table = {
    .name = "timers",
    .rows = timers_rows,
    .count = COUNT(timers_rows),
    .size = sizeof(struct simc__ecmg_timers_conf),
};

/* ---- the file ---- */

static const struct simc__conf_row version_item = {
    .type = SIMC__CONF_UINT, SIMC__CONF_ITEM(uint8_t), .min = 1, .max = 5, .example = "3"};

static const struct simc__conf_row allow_item = {
    .type = SIMC__CONF_TEXT, SIMC__CONF_ITEM(const char *), .example = "192.0.2.0/24"};

static const struct simc__conf_choice takeover_choices[] = {
    {"ended", SIMC__ECMG_TAKEOVER_ENDED,
     "it takes over a connection whose peer has ended it; otherwise it is refused with error "
     "0x0013"},
    {"same_peer", SIMC__ECMG_TAKEOVER_SAME_PEER,
     "it also takes over a connection of the same address and certificate at once"},
    {NULL, 0, NULL},
};

static const struct simc__conf_choice scope_choices[] = {
    {"peer", SIMC__ECMG_IDS_PER_PEER, "for each address that SCSs come from"},
    {"ecmg", SIMC__ECMG_IDS_PER_ECMG, "for all SCSs together"},
    {"connection", SIMC__ECMG_IDS_PER_CONNECTION, "for each connection: no check beyond it"},
    {NULL, 0, NULL},
};

static const struct simc__conf_row admin_rows[] = {SIMC__DAEMON_ADMIN_ROWS("127.0.0.1:12222")};
static const struct simc__conf_table admin_table = SIMC__DAEMON_ADMIN_TABLE(admin_rows);

static const struct simc__conf_row ecmg_rows[] = {
    {.name = "listen",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__ecmg_conf, listen),
     .min = 1,
     .max = LISTEN_MAX,
     .item = &listen_item,
     .required = true,
     .help = "where SCSs connect"},
    {.name = "systems",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__ecmg_conf, systems),
     .min = 1,
     .max = SYSTEMS_MAX,
     .item = &system_item,
     .required = true,
     .reloadable = true,
     .help = "the CA systems that are served; what is announced holds for channels opened "
             "afterwards"},
    {.name = "allow",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__ecmg_conf, allow),
     .max = ALLOW_MAX,
     .item = &allow_item,
     .fallback = "[]",
     .reloadable = true,
     .help = "addresses or networks that may connect; none: all"},
    {.name = "versions",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__ecmg_conf, versions),
     .min = 1,
     .max = VERSIONS_MAX,
     .item = &version_item,
     .fallback = "[1, 2, 3, 5]",
     .reloadable = true,
     .help = "protocol_versions that are served"},
    {.name = "strict",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__ecmg_conf, strict),
     .fallback = "false",
     .reloadable = true,
     .help = "answer unknown messages and parameters with errors instead of skipping them; for "
             "tests of equipment"},
    {.name = "exact_cws",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__ecmg_conf, exact_cws),
     .fallback = "false",
     .reloadable = true,
     .help = "refuse the sets of control words that some SCSs send in place of those which lead_cw "
             "and cw_per_msg ask for"},
    {.name = "zero_cw_encryption_is_clear",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__ecmg_conf, zero_encryption_is_clear),
     .fallback = "false",
     .reloadable = true,
     .help = "take a CW_encryption of two zero bytes for \"not encrypted\" instead of refusing it"},
    {.name = "ids_unique_per",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__ecmg_conf, id_scope),
     .choices = scope_choices,
     .fallback = "peer",
     .help = "within what an ECM_channel_id and an ECM_id must not be in use twice"},
    {.name = "takeover",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__ecmg_conf, takeover),
     .choices = takeover_choices,
     .fallback = "ended",
     .reloadable = true,
     .help = "what happens when an SCS opens a channel that is open on another connection"},
    SIMC__DAEMON_THREADS_ROW(simc__ecmg_conf, daemon, "1"),
    {.name = "timers",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(simc__ecmg_conf, timers),
     .table = &timers_table,
     .help = "how long things may take"},
    {.name = "limits",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(simc__ecmg_conf, limits),
     .table = &limits_table,
     .help = "how much of everything"},
    SIMC__DAEMON_ROWS(simc__ecmg_conf, daemon, admin_table),
};

static void check_versions(const struct simc__ecmg_conf *conf, struct simc__conf_check *check)
{
    for (size_t i = 0; i < conf->versions_count; i++)
        if (conf->versions[i] == 4)
            simc__conf_complain_item(
                check, "versions", i,
                "4 is no protocol_version of ECMG-SCS; there are 1, 2, 3 and 5");
}

static void check_ecmg(const void *values, struct simc__conf_check *check)
{
    const struct simc__ecmg_conf *conf = values;
    check_versions(conf, check);
    for (size_t i = 0; i < conf->systems_count; i++)
        for (size_t k = 0; k < i; k++)
            if (conf->systems[i].super_cas_id == conf->systems[k].super_cas_id)
                simc__conf_complain_item(check, "systems", i, "Super_CAS_id 0x%08X is there twice",
                                         (unsigned)conf->systems[i].super_cas_id);
}

/* ---- all of it ---- */

const struct simc__conf_table simc__ecmg_conf_table = {
    .name = "ecmgd",
    .help = "The ECM generator ecmgd: control words in, ECMs out, over ECMG-SCS of TS 103 197.\n\n"
            "Keys that are marked reloadable take effect at SIGHUP, the others at a restart.",
    .rows = ecmg_rows,
    .count = COUNT(ecmg_rows),
    .size = sizeof(struct simc__ecmg_conf),
    .check = check_ecmg,
};
