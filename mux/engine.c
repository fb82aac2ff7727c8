/* SPDX-License-Identifier: BSL-1.0 */
/* The life of an engine: made from a configuration, changed in flight, released. The program calls
 * it. */
#include <stdio.h>
#include <string.h>

#include "mux/internal.h"

enum { TABLE_SIZE = 8192, SDT_SERVICE_SIZE = 300 };

static uint32_t services_wanted(const struct simc__mux_config *config)
{
    uint64_t count = config->choice == SIMC__MUX_SELECT
                         ? config->service_count
                         : (uint64_t)config->program_limit * config->input_count;
    return count < SIMC__MUX_SERVICES_MAX ? (uint32_t)count : SIMC__MUX_SERVICES_MAX;
}

static void fix_pids(struct simc__mux *mux)
{
    for (unsigned pid = 0; pid < SIMC_PID_FREE; pid++) {
        mux->outs[pid].use = pid == SIMC_PID_PAT || pid == SIMC_PID_CAT || pid == SIMC_PID_SDT
                                 ? SIMC__MUX_USE_FIXED
                                 : SIMC__MUX_USE_FREE;
        mux->outs[pid].class_index = SIMC__MUX_CLASS_PSI;
    }
    mux->outs[SIMC_PID_NULL].use = SIMC__MUX_USE_FIXED;
}

/* EMM PIDs of the configuration belong to sources of somebody else, or to none. */
static void fix_emms(struct simc__mux *mux, const struct simc__mux_config *config, bool is_on)
{
    for (uint32_t i = 0; i < config->emm_count; i++) {
        uint16_t pid = config->emms[i].pid;
        bool is_source = false;
        for (uint32_t s = 0; s < SIMC__MUX_SOURCES_MAX; s++)
            is_source = is_source || (mux->sources[s] && mux->sources[s]->item.pid == pid);
        if (pid < SIMC_PID_FREE || pid >= SIMC_PID_NULL || is_source)
            continue;
        if (!is_on && mux->outs[pid].use == SIMC__MUX_USE_SOURCE)
            mux->outs[pid].use = SIMC__MUX_USE_FREE;
        if (is_on && simc__mux_pid_is_free(mux, pid))
            mux->outs[pid].use = SIMC__MUX_USE_SOURCE;
    }
}

static int make_tables(struct simc__mux *mux)
{
    uint32_t limit = mux->service_limit;
    mux->scratch_size = limit * SDT_SERVICE_SIZE + TABLE_SIZE;
    mux->scratch =
        (uint8_t *)simc_alloc(mux->scratch_size + (size_t)(limit + 1) * 2 * SIMC__MUX_SDT_SIZE);
    if (!mux->scratch || simc__mux_timers_reserve(mux, 4) ||
        simc__mux_table_init(mux, &mux->pat, SIMC_PID_PAT, TABLE_SIZE) ||
        simc__mux_table_init(mux, &mux->cat, SIMC_PID_CAT, TABLE_SIZE) ||
        simc__mux_table_init(mux, &mux->sdt, SIMC_PID_SDT, mux->scratch_size))
        return SIMC_ENOMEM;
    mux->sdt.is_spread = true;
    mux->memory += mux->scratch_size + (size_t)limit * 2 * SIMC__MUX_SDT_SIZE;
    return 0;
}

static int make_arrays(struct simc__mux *mux)
{
    const struct simc__mux_config *config = mux->config;
    mux->scg_limit = config->scg_limit;
    mux->block_limit = config->block_count;
    mux->outs = (struct simc__mux_out *)simc_calloc(SIMC_TS_PID_COUNT, sizeof *mux->outs);
    mux->packets = (uint8_t *)simc_alloc((size_t)mux->block_limit * SIMC_TS_SIZE);
    mux->ticks = (uint64_t *)simc_calloc(mux->block_limit, sizeof *mux->ticks);
    mux->jobs = (struct simc_scramble_job *)simc_calloc(mux->block_limit, sizeof *mux->jobs);
    mux->scgs =
        (struct simc__mux_scg **)simc_calloc(mux->scg_limit, sizeof(struct simc__mux_scg *));
    mux->reports =
        (struct simc__scs_mux_report *)simc_calloc(SIMC__MUX_REPORTS, sizeof *mux->reports);
    mux->alarms = (struct simc__mux_alarm_row *)simc_calloc(SIMC__MUX_ALARMS, sizeof *mux->alarms);
    if (!mux->outs || !mux->packets || !mux->ticks || !mux->jobs || !mux->scgs || !mux->reports ||
        !mux->alarms)
        return SIMC_ENOMEM;
    mux->memory += sizeof *mux + SIMC_TS_PID_COUNT * sizeof *mux->outs +
                   mux->block_limit * (SIMC_TS_SIZE + sizeof *mux->ticks + sizeof *mux->jobs) +
                   SIMC__MUX_REPORTS * sizeof *mux->reports +
                   SIMC__MUX_ALARMS * sizeof *mux->alarms + (size_t)mux->scg_limit * 1024;
    return 0;
}

static int make_scrambler(struct simc__mux *mux, char why[SIMC__MUX_TEXT_SIZE])
{
    struct simc_scrambler_config config = {
        .slot_count = mux->scg_limit,
        .short_tsc = mux->config->short_tsc,
        .aes_engine = mux->config->aes_engine,
        .csa_engine = mux->config->csa_engine,
    };
    int error = simc_scrambler_new(&config, &mux->scrambler);
    if (error && error != SIMC_ENOMEM)
        snprintf(why, SIMC__MUX_TEXT_SIZE,
                 "the scrambling engine that is asked for does not exist or cannot run here");
    return error == SIMC_ENOTFOUND ? SIMC_EINVAL : error;
}

static int make_inputs(struct simc__mux *mux)
{
    for (uint32_t i = 0; i < mux->config->input_count; i++) {
        int error = simc__mux_input_new(mux, &mux->config->inputs[i], &mux->inputs[i]);
        if (error)
            return error;
        mux->inputs[i]->index = i;
        mux->input_count++;
    }
    return 0;
}

int simc__mux_new(const struct simc__mux_config *config, struct simc__mux **made,
                  char why[SIMC__MUX_TEXT_SIZE])
{
    struct simc__mux *mux = (struct simc__mux *)simc_calloc(1, sizeof(struct simc__mux));
    *made = NULL;
    if (!mux)
        return SIMC_ENOMEM;
    mux->config = &mux->settings.config;
    mux->next_tick = SIMC__MUX_NEVER;
    int error = simc__mux_settings_copy(&mux->settings, config, why);
    if (!error)
        error = make_arrays(mux);
    if (!error)
        error = make_scrambler(mux, why);
    if (!error) {
        fix_pids(mux);
        error = simc__mux_services_reserve(mux, services_wanted(mux->config));
    }
    if (!error)
        error = make_tables(mux);
    if (!error)
        error = simc__mux_relay_new(mux);
    if (!error)
        error = make_inputs(mux);
    if (error) {
        simc__mux_free(mux);
        return error;
    }
    fix_emms(mux, mux->config, true);
    simc__mux_slot_rate(mux);
    mux->second.timer.kind = SIMC__MUX_TIMER_SECOND;
    simc__mux_timer_arm(mux, &mux->second.timer, SIMC__MUX_SECOND);
    mux->is_route_due = true;
    mux->news = SIMC__MUX_NEWS_ANNOUNCE | SIMC__MUX_NEWS_TIMELINE;
    *made = mux;
    return 0;
}

void simc__mux_free(struct simc__mux *mux)
{
    if (!mux)
        return;
    for (uint32_t i = 0; mux->scgs && i < mux->scg_limit; i++)
        simc__mux_scg_free(mux, mux->scgs[i]);
    for (uint32_t i = 0; i < SIMC__MUX_SOURCES_MAX; i++)
        simc__mux_source_free(mux, mux->sources[i]);
    simc__mux_source_free(mux, mux->relay);
    for (uint32_t i = 0; i < mux->input_count; i++)
        simc__mux_input_free(mux, mux->inputs[i]);
    simc__mux_services_free(mux);
    simc__mux_table_fini(mux, &mux->pat);
    simc__mux_table_fini(mux, &mux->cat);
    simc__mux_table_fini(mux, &mux->sdt);
    simc_scrambler_free(mux->scrambler);
    simc__mux_settings_fini(&mux->settings);
    simc_free(mux->scratch);
    simc_free(mux->timers.timers);
    simc_free(mux->ready.timers);
    simc_free(mux->outs);
    simc_free(mux->packets);
    simc_free(mux->ticks);
    simc_free(mux->jobs);
    simc_free(mux->scgs);
    simc_free(mux->reports);
    simc_free(mux->alarms);
    simc_free(mux);
}

unsigned simc__mux_news(struct simc__mux *mux)
{
    unsigned news = mux->news;
    mux->news = 0;
    return news;
}

/* ---- a change in flight ---- */

static int check_change(const struct simc__mux_config *old, const struct simc__mux_config *config,
                        char why[SIMC__MUX_TEXT_SIZE])
{
    const char *what = NULL;
    if (strcmp(old->name, config->name) != 0)
        what = "the name of the output";
    else if (old->timeline_id != config->timeline_id || old->is_file != config->is_file)
        what = "the timeline";
    else if ((old->rate == SIMC__MUX_REPLACE) != (config->rate == SIMC__MUX_REPLACE))
        what = "the change between null packet replacement and an output rate of its own";
    else if (old->scg_limit != config->scg_limit || old->block_count != config->block_count ||
             old->program_limit != config->program_limit)
        what = "a limit";
    if (!what)
        return 0;
    snprintf(why, SIMC__MUX_TEXT_SIZE, "%s cannot change while the output runs; restart it", what);
    return SIMC_EINVAL;
}

/* What an input keeps its buffer over. */
static bool is_same_input(const struct simc__mux_input_config *a,
                          const struct simc__mux_input_config *b)
{
    return strcmp(a->name, b->name) == 0 && a->buffer_count == b->buffer_count &&
           a->timing == b->timing && a->bitrate == b->bitrate && a->delay_ms == b->delay_ms;
}

static uint32_t input_like(const struct simc__mux *mux, const struct simc__mux_input_config *config)
{
    uint32_t i = 0;
    while (i < mux->input_count && !is_same_input(&mux->inputs[i]->config, config))
        i++;
    return i;
}

/* Services and PCRs name inputs by their index; so they are told the new one. */
static void renumber(struct simc__mux *mux, const uint32_t *new_index)
{
    for (uint32_t i = 0; i < mux->service_limit; i++) {
        struct simc__mux_service *service = mux->services[i];
        struct simc__mux_pcr *pcr = mux->pcrs[i];
        if (i < mux->service_count)
            service->input = new_index[service->input];
        if (pcr->is_used && new_index[pcr->input] != SIMC__MUX_NONE) {
            pcr->input = (uint16_t)new_index[pcr->input];
        } else {
            simc__mux_item_stop(mux, &pcr->item);
            pcr->is_used = pcr->has_last = false;
            pcr->item.pid = pcr->input = pcr->clock = 0;
        }
    }
    /* Services of inputs that are gone leave the list. */
    for (uint32_t i = 0; i < mux->service_count;) {
        struct simc__mux_service *service = mux->services[i];
        if (service->input != SIMC__MUX_NONE) {
            i++;
            continue;
        }
        simc__mux_table_off(mux, &service->pmt);
        mux->services[i] = mux->services[--mux->service_count];
        mux->services[mux->service_count] = service;
    }
    for (unsigned pid = 0; pid < SIMC_TS_PID_COUNT; pid++) {
        uint8_t use = mux->outs[pid].use;
        if (use == SIMC__MUX_USE_COMPONENT || use == SIMC__MUX_USE_PASS)
            mux->outs[pid].use = SIMC__MUX_USE_FREE;
    }
}

static void take_inputs(struct simc__mux *mux, struct simc__mux_input **inputs, uint32_t count)
{
    uint32_t new_index[SIMC__MUX_INPUTS_MAX];
    for (uint32_t i = 0; i < mux->input_count; i++) {
        new_index[i] = SIMC__MUX_NONE;
        for (uint32_t n = 0; n < count; n++)
            if (inputs[n] == mux->inputs[i])
                new_index[i] = n;
        for (uint32_t type = SIMC__MUX_ALARM_INPUT_LOST; type <= SIMC__MUX_ALARM_TOO_MANY; type++)
            if (new_index[i] != i)
                simc__mux_alarm_clear(mux, simc__mux_alarm_of_input(type, i));
    }
    renumber(mux, new_index);
    for (uint32_t i = 0; i < mux->input_count; i++)
        if (new_index[i] == SIMC__MUX_NONE)
            simc__mux_input_free(mux, mux->inputs[i]);
    for (uint32_t i = 0; i < count; i++) {
        mux->inputs[i] = inputs[i];
        inputs[i]->index = i;
        inputs[i]->config = mux->config->inputs[i];
    }
    mux->input_count = count;
}

/* New memory for tables of a longer list of services; what is on air stays. */
static int grow(struct simc__mux *mux, uint32_t services)
{
    struct simc__mux_table sdt;
    uint32_t size = services * SDT_SERVICE_SIZE + TABLE_SIZE;
    /* Not by service_limit: a change that failed may have raised that one alone. */
    if (size <= mux->scratch_size)
        return 0;
    uint8_t *scratch =
        (uint8_t *)simc_alloc(size + (size_t)(services + 1) * 2 * SIMC__MUX_SDT_SIZE);
    if (!scratch || simc__mux_table_init(mux, &sdt, SIMC_PID_SDT, size)) {
        simc_free(scratch);
        return SIMC_ENOMEM;
    }
    if (simc__mux_services_reserve(mux, services)) {
        simc_free(scratch);
        simc__mux_table_fini(mux, &sdt);
        return SIMC_ENOMEM;
    }
    simc_free(mux->scratch);
    mux->scratch = scratch;
    mux->scratch_size = size;
    simc__mux_table_off(mux, &mux->sdt);
    sdt.version = mux->sdt.version;
    sdt.is_sent = mux->sdt.is_sent;
    sdt.free_tick = mux->sdt.free_tick;
    sdt.size = mux->sdt.size;
    memcpy(sdt.sections, mux->sdt.sections, mux->sdt.size);
    sdt.is_spread = true;
    simc__mux_table_fini(mux, &mux->sdt);
    mux->sdt = sdt;
    return 0;
}

int simc__mux_change(struct simc__mux *mux, const struct simc__mux_config *config,
                     char why[SIMC__MUX_TEXT_SIZE])
{
    struct simc__mux_settings settings;
    struct simc__mux_input *inputs[SIMC__MUX_INPUTS_MAX] = {NULL};
    int error = simc__mux_settings_copy(&settings, config, why);
    if (error)
        return error;
    const struct simc__mux_config *next = &settings.config;
    error = check_change(mux->config, next, why);
    for (uint32_t i = 0; !error && i < next->input_count; i++) {
        uint32_t old = input_like(mux, &next->inputs[i]);
        if (old < mux->input_count)
            inputs[i] = mux->inputs[old];
        else
            error = simc__mux_input_new(mux, &next->inputs[i], &inputs[i]);
    }
    if (!error)
        error = grow(mux, services_wanted(next));
    if (error) {
        for (uint32_t i = 0; i < SIMC__MUX_INPUTS_MAX; i++) {
            bool is_old = false;
            for (uint32_t n = 0; n < mux->input_count; n++)
                is_old = is_old || inputs[i] == mux->inputs[n];
            if (!is_old)
                simc__mux_input_free(mux, inputs[i]);
        }
        simc__mux_settings_fini(&settings);
        return error;
    }
    bool is_other_rate = mux->config->bitrate != next->bitrate;
    fix_emms(mux, mux->config, false);
    struct simc__mux_settings old = mux->settings;
    /* Pointers of the configuration lead to its arrays, not into the struct, so it may move. */
    mux->settings = settings;
    take_inputs(mux, inputs, settings.config.input_count);
    simc__mux_settings_fini(&old);
    if (is_other_rate)
        simc__mux_slot_rate(mux);
    fix_emms(mux, mux->config, true);
    for (uint32_t i = 0; i < mux->service_count; i++)
        mux->services[i]->row = SIMC__MUX_NONE;
    mux->is_route_due = true;
    mux->is_psi_due = true;
    mux->news |= SIMC__MUX_NEWS_TIMELINE;
    return 0;
}
