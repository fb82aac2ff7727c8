/* SPDX-License-Identifier: BSL-1.0 */
/* The configuration of an engine: checked against its ranges and itself, defaults filled in, and
 * copied with everything that it points to. engine.c takes it. */
#include <stdio.h>
#include <string.h>

#include "mux/internal.h"

/* Numbers of the configuration: name, offset, default, range. */
struct row {
    const char *name;
    size_t at;
    uint32_t normal, min, max;
};

#define ROW(member, normal, min, max)                                        \
    {                                                                        \
#member, offsetof(struct simc__mux_config, member), normal, min, max \
    }

static const struct row numbers[] = {
    ROW(lead_ms, 20, 1, 1000),
    ROW(air_lead_ms, 200, 1, 60000),
    ROW(horizon_ms, 60000, 1000, 3600000),
    ROW(scg_limit, 64, 1, SIMC__SCS_MUX_SCGS_MAX),
    ROW(block_count, 512, 7, 65536),
    ROW(late_ms, 500, 10, 60000),
    ROW(program_limit, 64, 1, SIMC__MUX_SERVICES_MAX),
    ROW(ecm_bytes_limit, 1048576, 188, 268435456),
    ROW(psi.pat_ms, 90, 10, 10000),
    ROW(psi.pmt_ms, 90, 10, 10000),
    ROW(psi.cat_ms, 150, 10, 10000),
    ROW(psi.sdt_ms, 1000, 25, 10000),
    ROW(psi.pcr_ms, 35, 5, 1000),
};

static int fault(char why[SIMC__MUX_TEXT_SIZE], const char *text)
{
    snprintf(why, SIMC__MUX_TEXT_SIZE, "%s", text);
    return SIMC_EINVAL;
}

static int check_numbers(struct simc__mux_config *config, char why[SIMC__MUX_TEXT_SIZE])
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uint32_t value;
        memcpy(&value, (const uint8_t *)config + numbers[i].at, sizeof value);
        if (value == 0)
            value = numbers[i].normal;
        if (value < numbers[i].min || value > numbers[i].max) {
            snprintf(why, SIMC__MUX_TEXT_SIZE, "%s is %u; it may be %u to %u", numbers[i].name,
                     value, numbers[i].min, numbers[i].max);
            return SIMC_EINVAL;
        }
        memcpy((uint8_t *)config + numbers[i].at, &value, sizeof value);
    }
    if (config->ecm_pid_first == 0)
        config->ecm_pid_first = 0x1f00;
    if (config->pid_first == 0)
        config->pid_first = 0x0200;
    if (config->rate > SIMC__MUX_REPLACE || config->choice > SIMC__MUX_TRANSPARENT ||
        config->source_ca > SIMC__MUX_SOURCE_CA_KEEP || config->hold > SIMC__MUX_HOLD_WHILE_CLEAR ||
        config->psi.version_first > 31 || config->ecm_pid_first >= SIMC_PID_NULL ||
        config->pid_first >= SIMC_PID_NULL ||
        (config->ts_id > UINT16_MAX && config->ts_id != SIMC__MUX_ANY) ||
        (config->network_id > UINT16_MAX && config->network_id != SIMC__MUX_ANY))
        return fault(why, "a mode, version, PID, transport_stream_id or original_network_id is out "
                          "of range");
    bool needs_rate = config->rate != SIMC__MUX_REPLACE;
    if ((needs_rate || config->bitrate != 0) &&
        (config->bitrate < SIMC__MUX_BITRATE_MIN || config->bitrate > UINT64_C(100000000000)))
        return fault(why, "the bit rate of the output must be 10000 to 100000000000 bit/s");
    if (!needs_rate && config->input_count != 1)
        return fault(why, "null packet replacement needs exactly one input");
    return 0;
}

static int check_inputs(const struct simc__mux_config *config, char why[SIMC__MUX_TEXT_SIZE])
{
    if (config->input_count > SIMC__MUX_INPUTS_MAX)
        return fault(why, "there are too many inputs");
    for (uint32_t i = 0; i < config->input_count; i++) {
        const struct simc__mux_input_config *input = &config->inputs[i];
        bool is_good = input->delay_ms <= 10000 &&
                       (input->buffer_count == 0 ||
                        (input->buffer_count >= 256 && input->buffer_count <= 4194304)) &&
                       input->timing <= SIMC__MUX_TIMING_BITRATE &&
                       memchr(input->name, 0, sizeof input->name);
        if (input->timing == SIMC__MUX_TIMING_BITRATE)
            is_good = is_good && input->bitrate >= SIMC__MUX_BITRATE_MIN;
        if (input->timing == SIMC__MUX_TIMING_ARRIVAL)
            is_good = is_good && !config->is_file;
        for (uint32_t n = 0; n < i; n++)
            is_good = is_good && strcmp(config->inputs[n].name, input->name) != 0;
        if (is_good)
            continue;
        snprintf(why, SIMC__MUX_TEXT_SIZE,
                 "input \"%.63s\" (number %u): its delay, buffer, timing or bit rate is out of "
                 "range, or its name stands twice",
                 input->name, i + 1);
        return SIMC_EINVAL;
    }
    return 0;
}

static bool is_free_pid(uint16_t pid)
{
    return pid >= SIMC_PID_FREE && pid < SIMC_PID_NULL;
}

static uint16_t id_of(const struct simc__mux_service_config *service)
{
    return service->new_service_id ? service->new_service_id : service->service_id;
}

static int check_services(const struct simc__mux_config *config, char why[SIMC__MUX_TEXT_SIZE])
{
    uint64_t maps = 0;
    if (config->service_count > SIMC__MUX_SERVICES_MAX)
        return fault(why, "there are too many services");
    if (config->emm_count > SIMC__MUX_EMMS_MAX)
        return fault(why, "there are too many rows for the CAT");
    for (uint32_t i = 0; i < config->service_count; i++) {
        const struct simc__mux_service_config *service = &config->services[i];
        bool is_good = service->input < config->input_count && service->service_id != 0 &&
                       (service->pmt_pid == 0 || is_free_pid(service->pmt_pid));
        is_good = is_good && service->hold <= SIMC__MUX_HOLD_WHILE_CLEAR;
        maps += service->map_count + service->drop_count;
        is_good = is_good && maps <= SIMC__MUX_PID_MAPS_MAX;
        for (uint32_t m = 0; is_good && m < service->map_count; m++) {
            is_good = is_free_pid(service->maps[m].to) && service->maps[m].from < SIMC_PID_NULL;
            for (uint32_t n = 0; n < m; n++)
                is_good = is_good && service->maps[n].from != service->maps[m].from &&
                          service->maps[n].to != service->maps[m].to;
        }
        for (uint32_t n = 0; is_good && n < i; n++)
            is_good = id_of(&config->services[n]) != id_of(service) &&
                      (config->services[n].input != service->input ||
                       config->services[n].service_id != service->service_id);
        if (is_good)
            continue;
        snprintf(
            why, SIMC__MUX_TEXT_SIZE,
            "service 0x%04x (number %u): its input is unknown, a PID is out of range or mapped "
            "twice, or its service_id stands twice",
            service->service_id, i + 1);
        return SIMC_EINVAL;
    }
    return 0;
}

/* ---- the copy ---- */

static void *copy(const void *from, size_t count, size_t size)
{
    void *to = simc_calloc(count ? count : 1, size);
    if (to && count)
        memcpy(to, from, count * size);
    return to;
}

static const char *keep_text(char **at, const char *text)
{
    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    char *kept = *at;
    memcpy(kept, text, size);
    *at += size;
    return kept;
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static int copy_services(struct simc__mux_settings *settings)
{
    struct simc__mux_config *config = &settings->config;
    size_t maps = 0, drops = 0;
    size_t texts = 1 + text_size(config->aes_engine) + text_size(config->csa_engine);
    for (uint32_t i = 0; i < config->service_count; i++) {
        maps += config->services[i].map_count;
        drops += config->services[i].drop_count;
        texts += text_size(config->services[i].name) + text_size(config->services[i].provider);
    }
    settings->services = (struct simc__mux_service_config *)copy(
        config->services, config->service_count, sizeof(struct simc__mux_service_config));
    settings->maps =
        (struct simc__mux_pid_map *)simc_calloc(maps + 1, sizeof(struct simc__mux_pid_map));
    settings->drops = (uint16_t *)simc_calloc(drops + 1, sizeof(uint16_t));
    settings->texts = (char *)simc_calloc(1, texts);
    if (!settings->services || !settings->maps || !settings->drops || !settings->texts)
        return SIMC_ENOMEM;
    struct simc__mux_pid_map *map = settings->maps;
    uint16_t *drop = settings->drops;
    char *text = settings->texts;
    for (uint32_t i = 0; i < config->service_count; i++) {
        struct simc__mux_service_config *service = &settings->services[i];
        if (service->map_count > 0)
            memcpy(map, service->maps, service->map_count * sizeof *map);
        if (service->drop_count > 0)
            memcpy(drop, service->drops, service->drop_count * sizeof *drop);
        service->maps = map;
        service->drops = drop;
        map += service->map_count;
        drop += service->drop_count;
        service->name = keep_text(&text, service->name);
        service->provider = keep_text(&text, service->provider);
    }
    config->services = settings->services;
    config->aes_engine = keep_text(&text, config->aes_engine);
    config->csa_engine = keep_text(&text, config->csa_engine);
    return 0;
}

int simc__mux_settings_copy(struct simc__mux_settings *settings,
                            const struct simc__mux_config *config, char why[SIMC__MUX_TEXT_SIZE])
{
    *settings = (struct simc__mux_settings){.config = *config};
    int error = check_numbers(&settings->config, why);
    if (!error)
        error = check_inputs(config, why);
    if (!error)
        error = check_services(config, why);
    if (error)
        return error;
    settings->inputs = (struct simc__mux_input_config *)copy(config->inputs, config->input_count,
                                                             sizeof(struct simc__mux_input_config));
    settings->emms = (struct simc__mux_emm_config *)copy(config->emms, config->emm_count,
                                                         sizeof(struct simc__mux_emm_config));
    if (!settings->inputs || !settings->emms || copy_services(settings)) {
        simc__mux_settings_fini(settings);
        return SIMC_ENOMEM;
    }
    for (uint32_t i = 0; i < config->input_count; i++)
        if (settings->inputs[i].loss_ms == 0)
            settings->inputs[i].loss_ms = 1000;
    settings->config.inputs = settings->inputs;
    settings->config.emms = settings->emms;
    return 0;
}

void simc__mux_settings_fini(struct simc__mux_settings *settings)
{
    simc_free(settings->inputs);
    simc_free(settings->services);
    simc_free(settings->maps);
    simc_free(settings->drops);
    simc_free(settings->emms);
    simc_free(settings->texts);
    *settings = (struct simc__mux_settings){0};
}
