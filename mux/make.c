/* SPDX-License-Identifier: BSL-1.0 */
/* An engine from the configuration of a multiplex, and the control words of laboratories.
 * multiplex.c calls it. */
#include <stdio.h>
#include <string.h>

#include "mux/multiplex.h"
#include "sys/file.h"

enum { WORDS_FILE_MAX = 4096 };

/* ---- control words ---- */

static int read_word(struct simc_slice line, const struct simc_scrambling_info *algorithm,
                     struct simc_secret *word)
{
    uint8_t bytes[SIMC_SECRET_SIZE_MAX];
    size_t size = 0;
    int error = simc_hex_read(line, bytes, sizeof bytes, &size, NULL);
    if (!error && size == algorithm->cw_size)
        error = simc_secret_set(word, simc_slice(bytes, size));
    else
        error = SIMC_ESYNTAX;
    simc_wipe(bytes, sizeof bytes);
    return error;
}

/* One word a line; what stands behind a # is a comment. */
static int read_words(struct simc_slice text, const struct simc_scrambling_info *algorithm,
                      struct simc_secret words[2], size_t *count)
{
    *count = 0;
    while (text.size) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t size = end ? (size_t)(end - text.data) : text.size, next = size + (end != NULL);
        const uint8_t *comment = memchr(text.data, '#', size);
        struct simc_slice line =
            simc_slice(text.data, comment ? (size_t)(comment - text.data) : size);
        text = simc_slice(text.data + next, text.size - next);
        while (line.size && strchr(" \t\r", line.data[line.size - 1]))
            line.size--;
        if (!line.size)
            continue;
        if (*count == 2 || read_word(line, algorithm, &words[*count]))
            return SIMC_ESYNTAX;
        ++*count;
    }
    return *count ? 0 : SIMC_ESYNTAX;
}

int simc__muxd_words_read(const struct simc__muxd_static_conf *conf, struct simc_secret words[2],
                          char why[SIMC__MUXD_WHY_SIZE])
{
    const struct simc_scrambling_info *algorithm =
        simc_scrambling_info((enum simc_scrambling)conf->algorithm);
    char file_why[SIMC__FILE_WHY_SIZE];
    struct simc_buffer text;
    size_t count = 0;
    simc_buffer_init(&text, WORDS_FILE_MAX);
    int error = simc__file_read(conf->cw_file, &text, file_why);
    if (error) {
        snprintf(why, SIMC__MUXD_WHY_SIZE, "%.*s", SIMC__MUXD_WHY_SIZE - 1, file_why);
    } else {
        error = read_words(simc_buffer_bytes(&text), algorithm, words, &count);
        if (error)
            snprintf(why, SIMC__MUXD_WHY_SIZE,
                     "%.300s: one or two lines are needed, each with a control word of %s: %u hex "
                     "digits",
                     conf->cw_file, algorithm->name, 2U * algorithm->cw_size);
    }
    simc_buffer_fini(&text);
    if (!error && count == 1)
        error = simc_secret_set(&words[1], simc_secret_bytes(&words[0]));
    return error;
}

/* ---- the engine ---- */

/* The arrays that a configuration of the engine points to. */
struct parts {
    struct simc__mux_input_config *inputs;
    struct simc__mux_service_config *services;
    struct simc__mux_pid_map *maps;
    struct simc__mux_emm_config *emms;
};

static void parts_free(struct parts *parts)
{
    simc_free(parts->inputs);
    simc_free(parts->services);
    simc_free(parts->maps);
    simc_free(parts->emms);
}

/* An array of at least one, so that no memory and no items are told apart. */
static int parts_take(struct parts *parts, const struct simc__muxd_multiplex_conf *conf)
{
    size_t maps = 1;
    for (size_t i = 0; i < conf->services_count; i++)
        maps += conf->services[i].pids_count;
    parts->inputs = simc_calloc(conf->inputs_count + 1, sizeof *parts->inputs);
    parts->services = simc_calloc(conf->services_count + 1, sizeof *parts->services);
    parts->maps = simc_calloc(maps, sizeof *parts->maps);
    parts->emms = simc_calloc(conf->emms_count + 1, sizeof *parts->emms);
    return parts->inputs && parts->services && parts->maps && parts->emms ? 0 : SIMC_ENOMEM;
}

static void fill_input(struct simc__mux_input_config *out,
                       const struct simc__muxd_multiplex_conf *conf, size_t index)
{
    const struct simc__muxd_input_conf *in = &conf->inputs[index];
    simc__muxd_input_name(conf, index, out->name);
    out->timing = (enum simc__mux_timing)in->timing;
    out->bitrate = in->bitrate;
    out->delay_ms = conf->mode == SIMC__MUXD_TITLE ? 0 : in->delay_ms;
    out->buffer_count = in->buffer_count;
    out->loss_ms = in->loss_ms;
    out->pass =
        (in->pass_nit ? SIMC__MUX_PASS_NIT : 0U) | (in->pass_eit ? SIMC__MUX_PASS_EIT : 0U) |
        (in->pass_tdt ? SIMC__MUX_PASS_TDT : 0U) | (in->pass_other ? SIMC__MUX_PASS_OTHER : 0U) |
        (in->pass_data ? SIMC__MUX_PASS_DATA : 0U);
    /* Everything is to pass, so that does too. */
    if (conf->pass_services)
        out->pass = SIMC__MUX_PASS_ALL;
}

static void fill_service(struct simc__mux_service_config *out,
                         const struct simc__muxd_multiplex_conf *conf,
                         const struct simc__muxd_service_conf *in, struct simc__mux_pid_map *maps)
{
    int input = simc__muxd_input_find(conf, in->input);
    out->input = input < 0 ? 0 : (uint32_t)input;
    out->service_id = in->service_id;
    out->new_service_id = in->has_as ? in->as : 0;
    out->pmt_pid = in->has_pmt_pid ? in->pmt_pid : 0;
    out->map_count = (uint32_t)in->pids_count;
    out->maps = maps;
    for (size_t i = 0; i < in->pids_count; i++)
        maps[i] = (struct simc__mux_pid_map){in->pids[i].from, in->pids[i].to};
    out->drop_count = (uint32_t)in->drop_count;
    out->drops = in->drop;
    out->name = in->name;
    out->provider = in->provider;
    out->hold = in->has_hold_back ? (enum simc__mux_hold)in->hold_back : SIMC__MUX_HOLD_DEFAULT;
}

static void fill_emm(struct simc__mux_emm_config *out, const struct simc__muxd_emm_conf *in)
{
    size_t size = 0;
    out->system_id = in->system_id;
    out->pid = in->pid;
    if (in->private_data && simc_hex_read(simc_slice_text(in->private_data), out->private_data,
                                          sizeof out->private_data, &size, NULL) == 0)
        out->private_size = (uint8_t)size;
}

static int fill(struct simc__mux_config *out, struct parts *parts,
                const struct simc__muxd_multiplex_conf *conf, bool has_link, uint64_t timeline_id)
{
    int error = parts_take(parts, conf);
    if (error)
        return error;
    *out = (struct simc__mux_config){
        .timeline_id = timeline_id,
        .is_file = conf->mode == SIMC__MUXD_TITLE,
        .rate = (enum simc__mux_rate)conf->rate,
        .bitrate = conf->has_bitrate ? conf->bitrate : 0,
        .choice = conf->pass_services ? SIMC__MUX_TRANSPARENT : SIMC__MUX_SELECT,
        .source_ca = (enum simc__mux_source_ca)conf->source_ca,
        .hold = (enum simc__mux_hold)conf->hold_back,
        .ts_id = conf->has_ts_id ? conf->ts_id : SIMC__MUX_ANY,
        .network_id = conf->has_network_id ? conf->network_id : SIMC__MUX_ANY,
        .no_sdt = !conf->psi.sdt,
        .lead_ms = conf->lead_ms,
        .air_lead_ms = conf->air_lead_ms,
        .horizon_ms = conf->horizon_ms,
        .scg_limit = conf->scg_limit,
        .scgs_awaited = has_link ? conf->scgs_awaited : 0,
        .ecm_pid_first = conf->ecm_pid_first,
        .pid_first = conf->pid_first,
        .psi = {.pat_ms = conf->psi.pat_ms,
                .pmt_ms = conf->psi.pmt_ms,
                .cat_ms = conf->psi.cat_ms,
                .sdt_ms = conf->psi.sdt_ms,
                .pcr_ms = conf->psi.pcr_ms},
        .input_count = (uint32_t)conf->inputs_count,
        .service_count = (uint32_t)conf->services_count,
        .emm_count = (uint32_t)conf->emms_count,
        .inputs = parts->inputs,
        .services = parts->services,
        .emms = parts->emms,
    };
    snprintf(out->name, sizeof out->name, "%s", conf->name);
    struct simc__mux_pid_map *maps = parts->maps;
    for (size_t i = 0; i < conf->inputs_count; i++)
        fill_input(&parts->inputs[i], conf, i);
    for (size_t i = 0; i < conf->services_count; i++) {
        fill_service(&parts->services[i], conf, &conf->services[i], maps);
        maps += conf->services[i].pids_count;
    }
    for (size_t i = 0; i < conf->emms_count; i++)
        fill_emm(&parts->emms[i], &conf->emms[i]);
    return 0;
}

static void name_fault(const struct simc__muxd_multiplex_conf *conf, int error, const char *text,
                       char why[SIMC__MUXD_WHY_SIZE])
{
    snprintf(why, SIMC__MUXD_WHY_SIZE, "multiplex '%s': %s", conf->name,
             text[0] ? text : simc_error_text(error));
}

static int define_static(const struct simc__muxd_multiplex_conf *conf, size_t index,
                         struct simc__mux *mux, char why[SIMC__MUXD_WHY_SIZE])
{
    const struct simc__muxd_static_conf *each = &conf->statics[index];
    struct simc__scs_mux_scg_service services[SIMC__SCS_MUX_SCG_SERVICES_MAX];
    struct simc_secret words[2];
    uint32_t code = 0;
    char text[SIMC__MUX_TEXT_SIZE] = "";
    /* Numbers of SCSs are small ones; these are out of their way. */
    struct simc__scs_mux_scg scg = {
        .scg_id = UINT32_MAX - (uint32_t)index - 1,
        .scrambling_mode =
            (uint8_t)simc_scrambling_info((enum simc_scrambling)each->algorithm)->mode,
        .service_count = (uint8_t)each->services_count,
        .services = services,
    };
    snprintf(scg.name, sizeof scg.name, "%s", each->name);
    memset(services, 0, sizeof services);
    memset(words, 0, sizeof words);
    for (size_t i = 0; i < each->services_count; i++)
        services[i] = (struct simc__scs_mux_scg_service){.original_network_id = SIMC__SCS_MUX_ANY,
                                                         .transport_stream_id = SIMC__SCS_MUX_ANY,
                                                         .service_id = each->services[i]};
    int error = simc__muxd_words_read(each, words, why);
    if (!error) {
        error = simc__mux_define_static(mux, &scg, words, each->cp_ms, &code, text);
        if (error)
            name_fault(conf, error, text, why);
    }
    simc_secret_wipe(&words[0]);
    simc_secret_wipe(&words[1]);
    return error;
}

int simc__muxd_engine_new(const struct simc__muxd_multiplex_conf *conf, bool has_link,
                          uint64_t timeline_id, struct simc__mux **mux,
                          char why[SIMC__MUXD_WHY_SIZE])
{
    struct simc__mux_config config;
    struct parts parts = {0};
    char text[SIMC__MUX_TEXT_SIZE] = "";
    *mux = NULL;
    int error = fill(&config, &parts, conf, has_link, timeline_id);
    if (!error)
        error = simc__mux_new(&config, mux, text);
    parts_free(&parts);
    if (error) {
        name_fault(conf, error, text, why);
        return error;
    }
    for (size_t i = 0; i < conf->statics_count && !error; i++)
        error = define_static(conf, i, *mux, why);
    if (error) {
        simc__mux_free(*mux);
        *mux = NULL;
    }
    return error;
}

int simc__muxd_engine_change(const struct simc__muxd_multiplex_conf *conf, bool has_link,
                             uint64_t timeline_id, struct simc__mux *mux,
                             char why[SIMC__MUXD_WHY_SIZE])
{
    struct simc__mux_config config;
    struct parts parts = {0};
    char text[SIMC__MUX_TEXT_SIZE] = "";
    int error = fill(&config, &parts, conf, has_link, timeline_id);
    if (!error)
        error = simc__mux_change(mux, &config, text);
    parts_free(&parts);
    if (error)
        name_fault(conf, error, text, why);
    return error;
}
