/* SPDX-License-Identifier: BSL-1.0 */
/* The rows of muxd.yaml and the rules between them. The loader, the sample file, the reference and
 * the reload read them. */
#include "mux/conf.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "mux/mux.h"

enum {
    SERVICES_MAX = SIMC__MUX_SERVICES_MAX,
    MAPS_MAX = 256,
    STATICS_MAX = 64,
    HOST_SIZE = 64,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- addresses ---- */

static bool is_input(struct simc_slice text, char why[SIMC__CONF_WHY_SIZE]);
static bool is_output(struct simc_slice text, char why[SIMC__CONF_WHY_SIZE]);

static bool is_address(struct simc_slice text, unsigned directions, char why[SIMC__CONF_WHY_SIZE])
{
    struct simc__tsio_address address;
    char copy[SIMC__TSIO_ADDRESS_SIZE], reason[SIMC__TSIO_TEXT_SIZE];
    if (text.size >= sizeof copy || (text.size && memchr(text.data, '\0', text.size))) {
        snprintf(why, SIMC__CONF_WHY_SIZE, "is too long for an address");
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (simc__tsio_address_read(copy, directions, &address, reason) == 0)
        return true;
    snprintf(why, SIMC__CONF_WHY_SIZE, "is no address: %.200s", reason);
    return false;
}

static bool is_input(struct simc_slice text, char why[SIMC__CONF_WHY_SIZE])
{
    return is_address(text, SIMC__TSIO_INPUT, why);
}

static bool is_output(struct simc_slice text, char why[SIMC__CONF_WHY_SIZE])
{
    return is_address(text, SIMC__TSIO_OUTPUT, why);
}

static bool is_hex(struct simc_slice text, char why[SIMC__CONF_WHY_SIZE])
{
    uint8_t bytes[SIMC_CA_PRIVATE_MAX];
    size_t size;
    if (simc_hex_read(text, bytes, sizeof bytes, &size, NULL) == 0)
        return true;
    snprintf(why, SIMC__CONF_WHY_SIZE, "is not at most %d bytes in hex digits",
             SIMC_CA_PRIVATE_MAX);
    return false;
}

bool simc__muxd_link_read(const char *text, const char **path, char host[64], uint16_t *port,
                          char why[SIMC__CONF_WHY_SIZE])
{
    const char *colon = strrchr(text, ':');
    uint64_t number = 0;
    *path = NULL;
    if (strchr(text, '/')) {
        *path = text;
        return true;
    }
    size_t size = colon ? (size_t)(colon - text) : 0;
    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    if (!colon || size == 0 || size >= HOST_SIZE ||
        simc__text_read_uint(simc_slice_text(colon + 1), &number) || number < 1 ||
        number > UINT16_MAX) {
        snprintf(why, SIMC__CONF_WHY_SIZE,
                 "is neither the path of a unix socket (with a slash in it) nor HOST:PORT");
        return false;
    }
    memcpy(host, text, size);
    host[size] = '\0';
    *port = (uint16_t)number;
    return true;
}

static bool is_link(struct simc_slice text, char why[SIMC__CONF_WHY_SIZE])
{
    char copy[SIMC__CONF_TEXT_MAX + 1], host[HOST_SIZE];
    const char *path;
    uint16_t port;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return simc__muxd_link_read(copy, &path, host, &port, why);
}

/* ---- link ---- */

/* clang-format off */
#define TLS_ROW(name_, help_, ...)                                                          \
    {.name = #name_, .type = SIMC__CONF_PATH, SIMC__CONF_AT(simc__muxd_tls_conf, name_),    \
     .required = true, .help = help_, __VA_ARGS__}
/* clang-format on */

static const struct simc__conf_row tls_rows[] = {
    TLS_ROW(certificate_file, "certificate of this muxd with its chain (PEM)",
            .example = "tls/mux.pem"),
    TLS_ROW(key_file, "its private key (PEM)", .example = "tls/mux.key"),
    TLS_ROW(ca_file, "who signs the certificate of the SCS (PEM)", .example = "tls/ca.pem"),
    {.name = "server_name",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__muxd_tls_conf, server_name),
     .null_allowed = true,
     .fallback = "null",
     .help = "the name that the certificate of the SCS must have; null: the host of the address"},
};

static const struct simc__conf_table tls_table = {
    .name = "tls",
    .rows = tls_rows,
    .count = COUNT(tls_rows),
    .size = sizeof(struct simc__muxd_tls_conf),
};

static const struct simc__conf_row link_rows[] = {
    {.name = "address",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__muxd_link_conf, address),
     .required = true,
     .min = 1,
     .check = is_link,
     .example = "/run/simulcrypt/scs-mux.sock",
     .help = "the path of the unix socket of scsd, or HOST:PORT"},
    {.name = "tls",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(simc__muxd_link_conf, tls),
     SIMC__CONF_HAS(simc__muxd_link_conf, has_tls),
     .null_allowed = true,
     .fallback = "null",
     .table = &tls_table,
     .help = "TLS with certificates on both sides; null: none, for this host only"},
};

/* Control words go over this connection. */
static void check_link(const void *values, struct simc__conf_check *check)
{
    const struct simc__muxd_link_conf *link = values;
    char host[HOST_SIZE], why[SIMC__CONF_WHY_SIZE];
    const char *path;
    uint16_t port;
    if (!simc__muxd_link_read(link->address, &path, host, &port, why))
        return;
    if (path && link->has_tls)
        simc__conf_complain(check, "tls", "a unix socket needs no TLS; leave it out");
    else if (!path && !link->has_tls && !simc__http_is_loopback(host))
        simc__conf_complain(check, "address",
                            "control words would cross the network in the clear; add tls, or use a "
                            "unix socket");
}

static const struct simc__conf_table link_table = {
    .name = "link",
    .rows = link_rows,
    .count = COUNT(link_rows),
    .size = sizeof(struct simc__muxd_link_conf),
    .check = check_link,
};

/* ---- inputs ---- */

static const struct simc__conf_choice timing_choices[] = {
    {"pcr", SIMC__MUX_TIMING_PCR, "by its PCRs"},
    {"arrival", SIMC__MUX_TIMING_ARRIVAL, "as the packets arrive"},
    {"bitrate", SIMC__MUX_TIMING_BITRATE, "at the bitrate given, for streams without PCR"},
    {NULL, 0, NULL},
};

/* clang-format off */
#define PASS_ROW(name_, fallback_, help_)                                                   \
    {.name = #name_, .type = SIMC__CONF_BOOL,                                               \
     SIMC__CONF_AT(simc__muxd_input_conf, name_), .fallback = fallback_, .reloadable = true, \
     .help = help_}
/* clang-format on */

static const struct simc__conf_row input_rows[] = {
    {.name = "name",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__muxd_input_conf, name),
     .null_allowed = true,
     .min = 1,
     .max = SIMC__MUX_NAME_SIZE - 1,
     .fallback = "null",
     .reloadable = true,
     .help = "what services call it; null: input and its number, from input1 on"},
    {.name = "address",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__muxd_input_conf, address),
     .required = true,
     .check = is_input,
     .example = "udp://239.1.2.3:5000?interface=eth1",
     .reloadable = true,
     .help = "where the stream comes from; docs/addresses.md"},
    {.name = "loop",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__muxd_input_conf, loop),
     .fallback = "false",
     .reloadable = true,
     .help = "a file begins again at its end"},
    {.name = "delay",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(simc__muxd_input_conf, delay_ms),
     .unit = "ms",
     .max = 10000,
     .fallback = "200ms",
     .reloadable = true,
     .help = "from arrival to output, more than the jitter of the network and the distance of the "
             "PCRs together; not used for titles"},
    {.name = "buffer",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__muxd_input_conf, buffer_count),
     .min = 256,
     .max = 4194304,
     .unit = "packets",
     .fallback = "16384",
     .reloadable = true,
     .help = "what may wait; bitrate times delay, and some more"},
    {.name = "loss",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(simc__muxd_input_conf, loss_ms),
     .unit = "ms",
     .min = 10,
     .max = 60000,
     .fallback = "1s",
     .reloadable = true,
     .help = "silence that is a lost input"},
    {.name = "timing",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__muxd_input_conf, timing),
     .choices = timing_choices,
     .fallback = "pcr",
     .reloadable = true,
     .help = "how its packets find their time"},
    {.name = "bitrate",
     .type = SIMC__CONF_RATE,
     SIMC__CONF_AT(simc__muxd_input_conf, bitrate),
     .unit = "bit/s",
     .max = UINT64_C(100000000000),
     .fallback = "0bit/s",
     .reloadable = true,
     .help = "with timing: bitrate"},
    PASS_ROW(pass_nit, "false", "its NIT passes as it is"),
    PASS_ROW(pass_eit, "false", "its EIT passes"),
    PASS_ROW(pass_tdt, "false", "its TDT and TOT pass"),
    PASS_ROW(pass_other, "false", "other reserved PIDs (0x02..0x0f, 0x13, 0x15..0x1f) pass"),
    PASS_ROW(pass_data, "false", "PIDs that no programme names pass"),
};

static void check_input(const void *values, struct simc__conf_check *check)
{
    const struct simc__muxd_input_conf *input = values;
    if ((input->timing == SIMC__MUX_TIMING_BITRATE) != (input->bitrate != 0))
        simc__conf_complain(check, "bitrate", "timing: bitrate and a bitrate belong together");
}

static const struct simc__conf_table input_table = {
    .name = "input",
    .rows = input_rows,
    .count = COUNT(input_rows),
    .size = sizeof(struct simc__muxd_input_conf),
    .check = check_input,
};

static const struct simc__conf_row input_item = {
    .type = SIMC__CONF_MAP, SIMC__CONF_ITEM(struct simc__muxd_input_conf), .table = &input_table};

/* ---- services ---- */

/* clang-format off */
#define PID_ROW(type_, name_, min_, ...)                                                    \
    {.name = #name_, .type = SIMC__CONF_UINT, SIMC__CONF_AT(type_, name_), .min = (min_),   \
     .max = 0x1ffe, .hex_digits = 4, .reloadable = true, __VA_ARGS__}
/* clang-format on */

static const struct simc__conf_row map_rows[] = {
    PID_ROW(simc__muxd_map_conf, from, 1, .required = true, .example = "0x0101",
            .help = "in the input"),
    PID_ROW(simc__muxd_map_conf, to, 0x20, .required = true, .example = "0x0201",
            .help = "in the output"),
};

static const struct simc__conf_table map_table = {
    .name = "pids",
    .rows = map_rows,
    .count = COUNT(map_rows),
    .size = sizeof(struct simc__muxd_map_conf),
};

static const struct simc__conf_row map_item = {
    .type = SIMC__CONF_MAP, SIMC__CONF_ITEM(struct simc__muxd_map_conf), .table = &map_table};

static const struct simc__conf_row pid_item = {.type = SIMC__CONF_UINT,
                                               SIMC__CONF_ITEM(uint16_t),
                                               .min = 1,
                                               .max = 0x1ffe,
                                               .hex_digits = 4,
                                               .example = "0x0103"};

static const struct simc__conf_choice hold_choices[] = {
    {"nothing", SIMC__MUX_HOLD_NOTHING, "it is clear until the SCS has it scrambled"},
    {"until-scrambled", SIMC__MUX_HOLD_UNTIL_SCRAMBLED, "it waits for its first control word"},
    {"while-clear", SIMC__MUX_HOLD_WHILE_CLEAR, "it is never clear, even by order of the SCS"},
    {NULL, 0, NULL},
};

static const struct simc__conf_row service_rows[] = {
    {.name = "input",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__muxd_service_conf, input),
     .null_allowed = true,
     .fallback = "null",
     .reloadable = true,
     .help = "the name of its input; null: the first one"},
    {.name = "service_id",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__muxd_service_conf, service_id),
     .required = true,
     .min = 1,
     .max = 0xffff,
     .example = "1",
     .reloadable = true,
     .help = "in the input (program_number)"},
    {.name = "as",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__muxd_service_conf, as),
     SIMC__CONF_HAS(simc__muxd_service_conf, has_as),
     .null_allowed = true,
     .min = 1,
     .max = 0xffff,
     .fallback = "null",
     .reloadable = true,
     .help = "service_id in the output; null: the same"},
    {.name = "pmt_pid",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__muxd_service_conf, pmt_pid),
     SIMC__CONF_HAS(simc__muxd_service_conf, has_pmt_pid),
     .null_allowed = true,
     .min = 0x20,
     .max = 0x1ffe,
     .hex_digits = 4,
     .fallback = "null",
     .reloadable = true,
     .help = "in the output; null: the same, if it is free"},
    {.name = "pids",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__muxd_service_conf, pids),
     .max = MAPS_MAX,
     .item = &map_item,
     .fallback = "[]",
     .reloadable = true,
     .help = "PIDs of components and PCR that change; the others stay, if they are free"},
    {.name = "drop",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__muxd_service_conf, drop),
     .max = MAPS_MAX,
     .item = &pid_item,
     .fallback = "[]",
     .reloadable = true,
     .help = "components (PIDs in the input) that are left out"},
    {.name = "name",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__muxd_service_conf, name),
     .null_allowed = true,
     .max = SIMC__MUX_NAME_SIZE - 1,
     .fallback = "null",
     .reloadable = true,
     .help = "for the SDT; null: as in the input"},
    {.name = "provider",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__muxd_service_conf, provider),
     .null_allowed = true,
     .max = SIMC__MUX_NAME_SIZE - 1,
     .fallback = "null",
     .reloadable = true,
     .help = "likewise"},
    {.name = "hold_back",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__muxd_service_conf, hold_back),
     SIMC__CONF_HAS(simc__muxd_service_conf, has_hold_back),
     .choices = hold_choices,
     .null_allowed = true,
     .fallback = "null",
     .reloadable = true,
     .help = "what is not sent, so as not to be clear; null: as the multiplex says"},
};

static const struct simc__conf_table service_table = {
    .name = "service",
    .rows = service_rows,
    .count = COUNT(service_rows),
    .size = sizeof(struct simc__muxd_service_conf),
};

static const struct simc__conf_row service_item = {.type = SIMC__CONF_MAP,
                                                   SIMC__CONF_ITEM(struct simc__muxd_service_conf),
                                                   .table = &service_table};

/* ---- EMMs, tables ---- */

static const struct simc__conf_row emm_rows[] = {
    {.name = "system_id",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__muxd_emm_conf, system_id),
     .required = true,
     .hex_digits = 4,
     .example = "0x1234",
     .reloadable = true,
     .help = "CA_system_id"},
    PID_ROW(simc__muxd_emm_conf, pid, 0x20, .required = true, .example = "0x1fc0",
            .help = "the EMM PID, which passes from an input"),
    {.name = "private_data",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__muxd_emm_conf, private_data),
     .null_allowed = true,
     .check = is_hex,
     .fallback = "null",
     .reloadable = true,
     .help = "of the CA_descriptor, in hex digits"},
};

static const struct simc__conf_table emm_table = {
    .name = "emm",
    .rows = emm_rows,
    .count = COUNT(emm_rows),
    .size = sizeof(struct simc__muxd_emm_conf),
};

static const struct simc__conf_row emm_item = {
    .type = SIMC__CONF_MAP, SIMC__CONF_ITEM(struct simc__muxd_emm_conf), .table = &emm_table};

/* clang-format off */
#define TABLE_ROW(name_, min_, max_, fallback_, help_)                                      \
    {.name = #name_, .type = SIMC__CONF_DURATION,                                           \
     SIMC__CONF_AT(simc__muxd_psi_conf, name_##_ms), .unit = "ms", .min = (min_),           \
     .max = (max_), .fallback = fallback_, .reloadable = true, .help = help_}
/* clang-format on */

static const struct simc__conf_row psi_rows[] = {
    TABLE_ROW(pat, 10, 500, "90ms", "repetition of the PAT"),
    TABLE_ROW(pmt, 10, 500, "90ms", "of each PMT"),
    TABLE_ROW(cat, 10, 500, "150ms", "of the CAT"),
    TABLE_ROW(sdt, 25, 2000, "1s", "of the SDT"),
    TABLE_ROW(pcr, 10, 100, "35ms", "longest distance of two PCRs of a service"),
    {.name = "make_sdt",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__muxd_psi_conf, sdt),
     .fallback = "true",
     .reloadable = true,
     .help = "an SDT is made"},
};

static const struct simc__conf_table psi_table = {
    .name = "psi",
    .rows = psi_rows,
    .count = COUNT(psi_rows),
    .size = sizeof(struct simc__muxd_psi_conf),
};

/* ---- laboratory ---- */

static const struct simc__conf_choice algorithm_choices[] = {
    {"cissa", SIMC_SCRAMBLING_CISSA, "AES-128-CBC of DVB-CISSA"},
    {"csa1", SIMC_SCRAMBLING_CSA1, "DVB-CSA with control words of 48 bits"},
    {"csa2", SIMC_SCRAMBLING_CSA2, "DVB-CSA with control words of 64 bits"},
    {"idsa", SIMC_SCRAMBLING_IDSA, "ATIS IDSA"},
    {NULL, 0, NULL},
};

static const struct simc__conf_row service_id_item = {
    .type = SIMC__CONF_UINT, SIMC__CONF_ITEM(uint16_t), .min = 1, .max = 0xffff, .example = "1"};

static const struct simc__conf_row static_rows[] = {
    {.name = "name",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__muxd_static_conf, name),
     .max = SIMC__MUX_NAME_SIZE - 1,
     .fallback = "laboratory",
     .help = "for logs and the status"},
    {.name = "services",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__muxd_static_conf, services),
     .min = 1,
     .max = SIMC__SCS_MUX_SCG_SERVICES_MAX,
     .required = true,
     .item = &service_id_item,
     .help = "service_ids in the output"},
    {.name = "cw_file",
     .type = SIMC__CONF_PATH,
     SIMC__CONF_AT(simc__muxd_static_conf, cw_file),
     .required = true,
     .example = "words.txt",
     .help = "a file of one or two lines with the hex digits of a control word: even, odd"},
    {.name = "algorithm",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__muxd_static_conf, algorithm),
     .choices = algorithm_choices,
     .fallback = "cissa",
     .help = "how it is scrambled"},
    {.name = "cp",
     .type = SIMC__CONF_DURATION,
     SIMC__CONF_AT(simc__muxd_static_conf, cp_ms),
     .unit = "ms",
     .max = 3600000,
     .fallback = "0s",
     .help = "how long each of two words lasts; 0s: the even one for good"},
};

static const struct simc__conf_table static_table = {
    .name = "static",
    .rows = static_rows,
    .count = COUNT(static_rows),
    .size = sizeof(struct simc__muxd_static_conf),
};

static const struct simc__conf_row static_item = {
    .type = SIMC__CONF_MAP, SIMC__CONF_ITEM(struct simc__muxd_static_conf), .table = &static_table};

/* ---- multiplexes ---- */

static const struct simc__conf_choice mode_choices[] = {
    {"live", SIMC__MUXD_LIVE, "by the clock, for ever"},
    {"title", SIMC__MUXD_TITLE,
     "from the start of its inputs to their end, as fast as disk and SCS allow; then muxd ends"},
    {NULL, 0, NULL},
};

static const struct simc__conf_choice rate_choices[] = {
    {"constant", SIMC__MUX_CONSTANT, "at the bitrate, filled with null packets"},
    {"variable", SIMC__MUX_VARIABLE, "as the packets are due, at most the bitrate"},
    {"replace", SIMC__MUX_REPLACE,
     "that of the only input: its packets keep their places, and what is inserted takes those of "
     "null packets; a title without such places grows"},
    {NULL, 0, NULL},
};

static const struct simc__conf_choice source_ca_choices[] = {
    {"drop", SIMC__MUX_SOURCE_CA_DROP, "with the ECM and EMM PIDs that they name"},
    {"keep", SIMC__MUX_SOURCE_CA_KEEP, "they pass"},
    {NULL, 0, NULL},
};

static const struct simc__conf_row output_item = {.type = SIMC__CONF_TEXT,
                                                  SIMC__CONF_ITEM(const char *),
                                                  .check = is_output,
                                                  .example = "udp://239.9.9.9:5000?interface=eth2"};

/* clang-format off */
#define TIME_ROW(name_, min_, max_, fallback_, help_)                                       \
    {.name = #name_, .type = SIMC__CONF_DURATION,                                           \
     SIMC__CONF_AT(simc__muxd_multiplex_conf, name_##_ms), .unit = "ms", .min = (min_),     \
     .max = (max_), .fallback = fallback_, .reloadable = true, .help = help_}
#define ID_ROW(name_, member_, help_)                                                       \
    {.name = #name_, .type = SIMC__CONF_UINT,                                               \
     SIMC__CONF_AT(simc__muxd_multiplex_conf, member_),                                     \
     SIMC__CONF_HAS(simc__muxd_multiplex_conf, has_##member_), .null_allowed = true,        \
     .fallback = "null", .hex_digits = 4, .reloadable = true, .help = help_}
/* clang-format on */

static const struct simc__conf_row multiplex_rows[] = {
    {.name = "name",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(simc__muxd_multiplex_conf, name),
     .required = true,
     .min = 1,
     .max = SIMC__MUX_NAME_SIZE - 1,
     .example = "mux1",
     .reloadable = true,
     .help = "what the SCS knows it by; a reload knows it by this, too"},
    {.name = "mode",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__muxd_multiplex_conf, mode),
     .choices = mode_choices,
     .fallback = "live",
     .help = "how time goes on"},
    {.name = "rate",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__muxd_multiplex_conf, rate),
     .choices = rate_choices,
     .fallback = "constant",
     .reloadable = true,
     .help = "at which rate it leaves"},
    {.name = "bitrate",
     .type = SIMC__CONF_RATE,
     SIMC__CONF_AT(simc__muxd_multiplex_conf, bitrate),
     SIMC__CONF_HAS(simc__muxd_multiplex_conf, has_bitrate),
     .null_allowed = true,
     .unit = "bit/s",
     .min = SIMC__MUX_BITRATE_MIN,
     .max = UINT64_C(100000000000),
     .fallback = "null",
     .reloadable = true,
     .help = "of the output; null with rate: replace only"},
    ID_ROW(transport_stream_id, ts_id, "of the output; null: that of the first input"),
    ID_ROW(original_network_id, network_id, "likewise"),
    {.name = "inputs",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__muxd_multiplex_conf, inputs),
     .required = true,
     .min = 1,
     .max = SIMC__MUX_INPUTS_MAX,
     .item = &input_item,
     .reloadable = true,
     .help = "where its packets come from"},
    {.name = "pass_services",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__muxd_multiplex_conf, pass_services),
     .fallback = "false",
     .reloadable = true,
     .help = "all services and PIDs of all inputs; the list only changes names and PIDs"},
    {.name = "services",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__muxd_multiplex_conf, services),
     .max = SERVICES_MAX,
     .item = &service_item,
     .fallback = "[]",
     .reloadable = true,
     .help = "the services of the output"},
    {.name = "hold_back",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__muxd_multiplex_conf, hold_back),
     .choices = hold_choices,
     .fallback = "nothing",
     .reloadable = true,
     .help = "what services that do not say it hold back; tables go on; docs/muxd.md"},
    {.name = "source_ca",
     .type = SIMC__CONF_CHOICE,
     SIMC__CONF_AT(simc__muxd_multiplex_conf, source_ca),
     .choices = source_ca_choices,
     .fallback = "drop",
     .reloadable = true,
     .help = "CA_descriptors, scrambling_descriptors and the CAT of the inputs"},
    {.name = "emms",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__muxd_multiplex_conf, emms),
     .max = SIMC__MUX_EMMS_MAX,
     .item = &emm_item,
     .fallback = "[]",
     .reloadable = true,
     .help = "rows of the CAT"},
    {.name = "outputs",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__muxd_multiplex_conf, outputs),
     .required = true,
     .min = 1,
     .max = SIMC__MUXD_OUTPUTS_MAX,
     .item = &output_item,
     .reloadable = true,
     .help = "where it goes; each is independent of the others; docs/addresses.md"},
    {.name = "psi",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(simc__muxd_multiplex_conf, psi),
     .table = &psi_table,
     .reloadable = true,
     .help = "how often tables and PCRs are sent"},
    {.name = "static",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__muxd_multiplex_conf, statics),
     .max = STATICS_MAX,
     .item = &static_item,
     .fallback = "[]",
     .help = "for laboratories: services scrambled with control words of a file, without any SCS"},
    {.name = "use_link",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(simc__muxd_multiplex_conf, use_link),
     .fallback = "true",
     .help = "the SCS of `link` may scramble services of it"},
    TIME_ROW(lead, 5, 1000, "20ms", "packets are made so long before they leave"),
    TIME_ROW(air_lead, 20, 10000, "200ms",
             "the SCS has to send orders so long before they take effect"),
    TIME_ROW(horizon, 1000, 86400000, "20s", "title: what the SCS may plan ahead"),
    TIME_ROW(
        answer, 100, 3600000, "30s",
        "title: longest wait for the SCS, an input or an output; then muxd ends with an error"),
    {.name = "scgs_awaited",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__muxd_multiplex_conf, scgs_awaited),
     .max = SIMC__SCS_MUX_SCGS_MAX,
     .fallback = "1",
     .help = "title: nothing leaves before the SCS has defined so many SCGs"},
    {.name = "scg_limit",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(simc__muxd_multiplex_conf, scg_limit),
     .min = 1,
     .max = SIMC__SCS_MUX_SCGS_MAX,
     .fallback = "256",
     .help = "most SCGs of it"},
    PID_ROW(simc__muxd_multiplex_conf, ecm_pid_first, 0x20, .fallback = "0x1f00",
            .help = "where free PIDs for ECMs are looked for"),
    PID_ROW(simc__muxd_multiplex_conf, pid_first, 0x20, .fallback = "0x0200", .help = "and others"),
};

void simc__muxd_input_name(const struct simc__muxd_multiplex_conf *multiplex, size_t index,
                           char name[64])
{
    const char *given = multiplex->inputs[index].name;
    if (given)
        snprintf(name, 64, "%s", given);
    else
        snprintf(name, 64, "input%zu", index + 1);
}

int simc__muxd_input_find(const struct simc__muxd_multiplex_conf *multiplex, const char *name)
{
    char each[64];
    for (size_t i = 0; i < multiplex->inputs_count; i++) {
        simc__muxd_input_name(multiplex, i, each);
        if (!name || strcmp(name, each) == 0)
            return (int)i;
    }
    return -1;
}

static struct simc__tsio_address address_of(const char *text, unsigned direction)
{
    struct simc__tsio_address address;
    char why[SIMC__TSIO_TEXT_SIZE];
    if (simc__tsio_address_read(text, direction, &address, why))
        memset(&address, 0, sizeof address);
    return address;
}

static void check_inputs(const struct simc__muxd_multiplex_conf *multiplex,
                         struct simc__conf_check *check)
{
    for (size_t i = 0; i < multiplex->inputs_count; i++) {
        const struct simc__muxd_input_conf *input = &multiplex->inputs[i];
        struct simc__tsio_address address = address_of(input->address, SIMC__TSIO_INPUT);
        char name[64];
        simc__muxd_input_name(multiplex, i, name);
        if (simc__muxd_input_find(multiplex, name) != (int)i)
            simc__conf_complain_item(check, "inputs", i, "the name '%s' is there twice", name);
        if (input->loop && address.kind != SIMC__TSIO_FILE)
            simc__conf_complain_item(check, "inputs", i, "only a file can loop");
        if (multiplex->mode == SIMC__MUXD_TITLE && input->loop)
            simc__conf_complain_item(check, "inputs", i, "a title that loops has no end");
        if (multiplex->mode == SIMC__MUXD_TITLE && !simc__tsio_can_wait(&address))
            simc__conf_complain_item(
                check, "inputs", i, "a title comes from a file or a pipe; a network does not wait");
        for (size_t k = 0; k < multiplex->outputs_count; k++) {
            struct simc__tsio_address output = address_of(multiplex->outputs[k], SIMC__TSIO_OUTPUT);
            if (output.path[0] && strcmp(output.path, address.path) == 0)
                simc__conf_complain_item(check, "outputs", k,
                                         "it would overwrite the input of that name");
        }
    }
}

static void check_services(const struct simc__muxd_multiplex_conf *multiplex,
                           struct simc__conf_check *check)
{
    if (!multiplex->pass_services && !multiplex->services_count)
        simc__conf_complain(check, "services",
                            "nothing would be in the output: list services, or set pass_services");
    for (size_t i = 0; i < multiplex->services_count; i++) {
        const struct simc__muxd_service_conf *service = &multiplex->services[i];
        if (simc__muxd_input_find(multiplex, service->input) < 0)
            simc__conf_complain_item(check, "services", i, "there is no input '%s'",
                                     service->input);
        for (size_t k = 0; k < i; k++) {
            const struct simc__muxd_service_conf *other = &multiplex->services[k];
            unsigned mine = service->has_as ? service->as : service->service_id;
            unsigned others = other->has_as ? other->as : other->service_id;
            if (mine == others)
                simc__conf_complain_item(check, "services", i,
                                         "service_id %u would be in the output twice", mine);
        }
    }
}

static void check_multiplex(const void *values, struct simc__conf_check *check)
{
    const struct simc__muxd_multiplex_conf *multiplex = values;
    bool is_title = multiplex->mode == SIMC__MUXD_TITLE;
    check_inputs(multiplex, check);
    check_services(multiplex, check);
    if (!multiplex->has_bitrate && multiplex->rate != SIMC__MUX_REPLACE)
        simc__conf_complain(check, "bitrate", "it is needed; without it rate must be replace");
    if (multiplex->rate == SIMC__MUX_REPLACE && multiplex->inputs_count > 1)
        simc__conf_complain(check, "rate", "replace has room for one input only");
    for (size_t i = 0; i < multiplex->outputs_count; i++) {
        struct simc__tsio_address address = address_of(multiplex->outputs[i], SIMC__TSIO_OUTPUT);
        if (is_title && !simc__tsio_can_wait(&address))
            simc__conf_complain_item(check, "outputs", i,
                                     "a title goes to a file or a pipe; use mode: live for a "
                                     "network");
        for (size_t k = 0; k < i; k++)
            if (strcmp(multiplex->outputs[i], multiplex->outputs[k]) == 0)
                simc__conf_complain_item(check, "outputs", i, "it is there twice");
    }
}

static const struct simc__conf_table multiplex_table = {
    .name = "multiplex",
    .rows = multiplex_rows,
    .count = COUNT(multiplex_rows),
    .size = sizeof(struct simc__muxd_multiplex_conf),
    .check = check_multiplex,
};

static const struct simc__conf_row multiplex_item = {
    .type = SIMC__CONF_MAP,
    SIMC__CONF_ITEM(struct simc__muxd_multiplex_conf),
    .table = &multiplex_table};

/* ---- the file ---- */

static const struct simc__conf_row admin_rows[] = {SIMC__DAEMON_ADMIN_ROWS("127.0.0.1:12240")};
static const struct simc__conf_table admin_table = SIMC__DAEMON_ADMIN_TABLE(admin_rows);

static const struct simc__conf_row muxd_rows[] = {
    {.name = "link",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(simc__muxd_conf, link),
     SIMC__CONF_HAS(simc__muxd_conf, has_link),
     .null_allowed = true,
     .fallback = "null",
     .table = &link_table,
     .help = "the SCS (scsd) that scrambles services; null: none"},
    {.name = "multiplexes",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(simc__muxd_conf, multiplexes),
     .required = true,
     .min = 1,
     .max = SIMC__MUXD_MULTIPLEXES_MAX,
     .item = &multiplex_item,
     .reloadable = true,
     .help = "the output transport streams"},
    {.name = "emmg",
     .type = SIMC__CONF_MAP,
     SIMC__CONF_AT(simc__muxd_conf, emmg),
     SIMC__CONF_HAS(simc__muxd_conf, has_emmg),
     .null_allowed = true,
     .fallback = "null",
     .table = &simc__emmg_conf_table,
     .help = "EMMGs and PDGs that bring EMMs and private data, docs/emmg.md; null: none. It needs "
             "threads: 1"},
    SIMC__DAEMON_THREADS_ROW(simc__muxd_conf, daemon, "1"),
    SIMC__DAEMON_ROWS(simc__muxd_conf, daemon, admin_table),
};

/* The server touches the engines of all multiplexes: one thread has them all. */
static void check_emmg(const struct simc__muxd_conf *conf, struct simc__conf_check *check)
{
    const struct simc__emmg_conf *emmg = &conf->emmg;
    if (simc__daemon_threads(&conf->daemon) != 1)
        simc__conf_complain(check, "emmg",
                            "emmg needs threads: 1; for more threads run several muxd");
    if (conf->multiplexes[0].mode != SIMC__MUXD_LIVE)
        simc__conf_complain(check, "emmg", "EMMGs bring data to live multiplexes, not to titles");
    for (size_t i = 0; i < emmg->clients_count; i++) {
        const char *name = emmg->clients[i].multiplex;
        bool is_there = !name;
        for (size_t k = 0; k < conf->multiplexes_count && !is_there; k++)
            is_there = strcmp(conf->multiplexes[k].name, name) == 0;
        if (!is_there)
            simc__conf_complain(check, "emmg", "clients: there is no multiplex '%.64s'", name);
    }
}

static void check_muxd(const void *values, struct simc__conf_check *check)
{
    const struct simc__muxd_conf *conf = values;
    if (conf->has_emmg)
        check_emmg(conf, check);
    for (size_t i = 0; i < conf->multiplexes_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(conf->multiplexes[i].name, conf->multiplexes[k].name) == 0)
                simc__conf_complain_item(check, "multiplexes", i, "the name '%s' is there twice",
                                         conf->multiplexes[i].name);
            if (conf->multiplexes[i].mode != conf->multiplexes[k].mode && k == 0)
                simc__conf_complain_item(check, "multiplexes", i,
                                         "one muxd makes titles or runs live, not both");
        }
    }
}

const struct simc__conf_table simc__muxd_conf_table = {
    .name = "muxd",
    .help = "The TS multiplexer and scrambler muxd: transport streams in, scrambled and "
            "multiplexed with ECMs and tables, out.\n\n"
            "Keys that are marked reloadable take effect at SIGHUP, the others at a restart. "
            "Services that do not change go on without a gap.",
    .rows = muxd_rows,
    .count = COUNT(muxd_rows),
    .size = sizeof(struct simc__muxd_conf),
    .check = check_muxd,
};
