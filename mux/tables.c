/* SPDX-License-Identifier: BSL-1.0 */
/* PAT, PMTs, CAT and SDT of the output: built from those of the inputs, the configuration and the
 * SCGs, with a new version when their content changes. output.c asks for it before it makes
 * packets.
 */
#include <string.h>

#include "mux/internal.h"

enum {
    SECTIONS_MAX = 256,
    LOOP_SIZE = 2048,
    SI_GAP_MS = 25,
    SDT_WAIT_MS = 2000,
    PAT_WAIT_MS = 2000
};

int simc__mux_table_init(struct simc__mux *mux, struct simc__mux_table *table, uint16_t pid,
                         uint32_t size_limit)
{
    *table = (struct simc__mux_table){.size_limit = size_limit};
    table->item.timer.kind = SIMC__MUX_TIMER_TABLE;
    table->item.rank = SIMC__MUX_RANK_PSI;
    table->item.pid = pid;
    table->version = (uint8_t)mux->config->psi.version_first;
    /* Each section takes whole packets: the last one of each may be nearly empty. */
    table->count_limit = size_limit / 183 + size_limit / 1024 + 1;
    table->sections = (uint8_t *)simc_alloc(size_limit);
    table->packets = (uint8_t *)simc_alloc((size_t)table->count_limit * SIMC_TS_SIZE);
    if (!table->sections || !table->packets) {
        simc__mux_table_fini(NULL, table);
        return SIMC_ENOMEM;
    }
    mux->memory += size_limit + (size_t)table->count_limit * SIMC_TS_SIZE;
    return 0;
}

void simc__mux_table_fini(struct simc__mux *mux, struct simc__mux_table *table)
{
    if (mux && table->sections && table->packets)
        mux->memory -= table->size_limit + (size_t)table->count_limit * SIMC_TS_SIZE;
    simc_free(table->sections);
    simc_free(table->packets);
    table->sections = table->packets = NULL;
}

void simc__mux_table_off(struct simc__mux *mux, struct simc__mux_table *table)
{
    table->is_on = false;
    table->item.packet_at = 0;
    simc__mux_item_stop(mux, &table->item);
}

bool simc__mux_table_emit(struct simc__mux *mux, struct simc__mux_table *table, uint64_t tick,
                          uint8_t *packet)
{
    struct simc__mux_item *item = &table->item;
    if (!table->is_on)
        return false;
    if (table->is_stale && item->packet_at == 0) {
        table->is_stale = false;
        mux->is_psi_due = true;
        simc__mux_timer_arm(mux, &item->timer, item->grid_tick > tick ? item->grid_tick : tick + 1);
        return false;
    }
    memcpy(packet, table->packets + (size_t)item->packet_at * SIMC_TS_SIZE, SIMC_TS_SIZE);
    table->is_sent = true;
    if (item->packet_at == 0 && tick - item->grid_tick > item->late_max)
        item->late_max = tick - item->grid_tick;
    if (table->is_spread)
        table->free_tick = tick + simc__mux_ms(SI_GAP_MS);
    if (++item->packet_at < table->count) {
        bool is_start = simc_ts_unit_start(table->packets + (size_t)item->packet_at * SIMC_TS_SIZE);
        simc__mux_timer_arm(mux, &item->timer,
                            table->is_spread && is_start ? table->free_tick
                                                         : tick + SIMC__MUX_SPACING);
        return true;
    }
    item->packet_at = 0;
    item->grid_tick += table->period;
    while (item->grid_tick <= tick) {
        item->grid_tick += table->period;
        item->missed++;
    }
    simc__mux_timer_arm(mux, &item->timer,
                        table->is_stale && table->free_tick < item->grid_tick ? table->free_tick
                                                                              : item->grid_tick);
    return true;
}

/* Changes while its last section is too near are put off, and make one new version together. */
static void put_off(struct simc__mux *mux, struct simc__mux_table *table)
{
    if (!table->is_stale && table->item.packet_at == 0) {
        simc__mux_item_stop(mux, &table->item);
        simc__mux_timer_arm(mux, &table->item.timer, table->free_tick);
    }
    table->is_stale = true;
}

/* ---- a new content ---- */

typedef int build_table(struct simc__mux *mux, const void *subject, unsigned version,
                        struct simc_writer *out);

/* Lays the sections that stand in the table into its packets. @return false: they do not fit. */
static bool pack(struct simc__mux_table *table)
{
    struct simc_slice sections[SECTIONS_MAX];
    size_t count = 0;
    struct simc_slice rest = simc_slice(table->sections, table->size);
    while (count < SECTIONS_MAX && simc_section_next(&rest, &sections[count]) == 0)
        count++;
    struct simc_writer out = simc_writer(table->packets, (size_t)table->count_limit * SIMC_TS_SIZE);
    uint8_t cc = 0;
    if (simc_sections_pack(sections, count, SIMC_SECTIONS_APART, table->item.pid, &cc, &out))
        return false;
    table->count = (uint32_t)(out.at / SIMC_TS_SIZE);
    return table->count > 0;
}

/* Puts the table on air as it is now. @return false: it does not fit; the old one stays. */
static bool update(struct simc__mux *mux, struct simc__mux_table *table, uint16_t pid,
                   uint32_t period_ms, build_table *build, const void *subject)
{
    struct simc_writer out = simc_writer(mux->scratch, mux->scratch_size);
    if (table->is_on && mux->tick < table->free_tick) {
        put_off(mux, table);
        return true;
    }
    if (build(mux, subject, table->version, &out) || out.at > table->size_limit)
        return false;
    bool is_same = table->size == out.at && memcmp(table->sections, mux->scratch, out.at) == 0;
    bool is_moved = table->item.pid != pid;
    table->period = simc__mux_ms(period_ms);
    if (is_same && !is_moved && table->is_on)
        return true;
    /* Several changes before a packet of the first has left are one. */
    if (!is_same && table->size > 0 && table->is_sent) {
        table->version = (uint8_t)((table->version + 1) % 32);
        mux->counters[SIMC__MUX_COUNTER_PSI_CHANGES]++;
        out = simc_writer(mux->scratch, mux->scratch_size);
        if (build(mux, subject, table->version, &out) || out.at > table->size_limit)
            return false;
    }
    memcpy(table->sections, mux->scratch, out.at);
    table->is_sent = table->is_sent && is_same;
    table->size = (uint32_t)out.at;
    table->item.pid = pid;
    if (!pack(table)) {
        simc__mux_table_off(mux, table);
        return false;
    }
    simc__mux_item_stop(mux, &table->item);
    table->is_on = true;
    table->is_stale = false;
    table->item.packet_at = 0;
    table->item.grid_tick = table->free_tick > mux->tick ? table->free_tick : mux->tick;
    simc__mux_timer_arm(mux, &table->item.timer, table->item.grid_tick);
    return true;
}

/* ---- PAT ---- */

static int build_pat(struct simc__mux *mux, const void *subject, unsigned version,
                     struct simc_writer *out)
{
    (void)subject;
    struct simc_pat_entry entries[SIMC__MUX_SERVICES_MAX + 1];
    size_t count = 0;
    if (mux->outs[SIMC_PID_NIT].use == SIMC__MUX_USE_PASS)
        entries[count++] = (struct simc_pat_entry){0, SIMC_PID_NIT};
    for (uint32_t i = 0; i < mux->service_count; i++)
        if (mux->services[i]->is_present && mux->services[i]->pmt_pid != 0)
            entries[count++] =
                (struct simc_pat_entry){mux->services[i]->service_id, mux->services[i]->pmt_pid};
    return simc_pat_build(out, simc__mux_ts_id(mux), version, entries, count);
}

/* At the start the PAT waits a moment for the PMTs that the inputs promise, rather than grow
 * version by version. */
static bool wants_pat(const struct simc__mux *mux)
{
    bool has_pat = false;
    bool is_whole = true;
    for (uint32_t i = 0; i < mux->input_count; i++)
        has_pat = has_pat || mux->inputs[i]->has_pat;
    for (uint32_t i = 0; i < mux->service_count; i++)
        is_whole = is_whole && mux->services[i]->is_present;
    return has_pat && (is_whole || mux->pat.is_on || mux->tick > simc__mux_ms(PAT_WAIT_MS));
}

/* ---- PMT ---- */

/* Descriptors of the input, without or with its conditional access. */
static void put_loop(struct simc__mux *mux, const struct simc__mux_input *input,
                     struct simc_slice loop, struct simc_writer *out)
{
    bool keeps = mux->config->source_ca == SIMC__MUX_SOURCE_CA_KEEP;
    struct simc_descriptor descriptor;
    struct simc_ca_descriptor ca;
    while (simc_descriptor_next(&loop, &descriptor) == 0) {
        bool is_ca = descriptor.tag == SIMC_DESCRIPTOR_CA;
        if ((is_ca || descriptor.tag == SIMC_DESCRIPTOR_SCRAMBLING) && !keeps)
            continue;
        if (is_ca && simc_ca_descriptor_read(descriptor.body, &ca) == 0 &&
            input->routes[ca.pid].is_mapped) {
            ca.pid = input->routes[ca.pid].out;
            simc_ca_descriptor_put(out, &ca);
        } else {
            simc_descriptor_put(out, descriptor.tag, descriptor.body);
        }
    }
}

/* CA_descriptors of the SCGs that scramble this. @param component SIMC_PID_NULL: the programme. */
static void put_ca(struct simc__mux *mux, uint16_t service_id, uint16_t component,
                   struct simc_writer *out)
{
    for (uint32_t i = 0; i < mux->scg_limit; i++) {
        const struct simc__mux_scg *scg = mux->scgs[i];
        if (!scg || !scg->is_signalled || !simc__mux_scg_has(mux, scg, service_id, component))
            continue;
        for (unsigned s = 0; s < scg->stream_count; s++) {
            const struct simc__mux_player *player = &scg->players[s];
            struct simc_ca_descriptor ca = {
                .system_id = (uint16_t)(player->config.super_cas_id >> 16),
                .pid = player->pid,
                .private_data =
                    simc_slice(player->config.private_data, player->config.private_size),
            };
            if (!player->config.is_hidden)
                simc_ca_descriptor_put(out, &ca);
        }
    }
}

/* One scrambling_descriptor for the programme, whichever level its SCGs are at. */
static void put_mode(struct simc__mux *mux, const struct simc__mux_service *service,
                     struct simc_writer *out)
{
    for (uint32_t i = 0; i < mux->scg_limit; i++) {
        const struct simc__mux_scg *scg = mux->scgs[i];
        if (!scg || !scg->is_signalled || scg->no_scrambling_descriptor)
            continue;
        bool is_ours = simc__mux_scg_has(mux, scg, service->service_id, SIMC_PID_NULL);
        for (unsigned c = 0; c < service->component_count; c++)
            is_ours = is_ours ||
                      simc__mux_scg_has(mux, scg, service->service_id, service->components[c].out);
        if (is_ours) {
            simc_scrambling_descriptor_put(out, scg->scrambling_mode);
            return;
        }
    }
}

static bool has_component(const struct simc__mux_service *service, uint16_t pid)
{
    for (unsigned i = 0; i < service->component_count; i++)
        if (service->components[i].pid == pid)
            return true;
    return false;
}

static int build_pmt(struct simc__mux *mux, const void *subject, unsigned version,
                     struct simc_writer *out)
{
    const struct simc__mux_service *service = (const struct simc__mux_service *)subject;
    const struct simc__mux_input *input = mux->inputs[service->input];
    const struct simc__mux_program *program = simc__mux_program_find(input, service->number);
    struct simc_section section;
    struct simc_pmt pmt;
    if (!program || !program->has_pmt ||
        simc_section_read(simc_slice(program->pmt, program->pmt_size), &section) ||
        simc_pmt_read(&section, &pmt))
        return SIMC_EINVAL;
    struct simc_pmt_stream streams[SIMC__SCS_MUX_COMPONENTS_MAX];
    uint8_t bytes[LOOP_SIZE];
    struct simc_writer loop = simc_writer(bytes, sizeof bytes);
    put_loop(mux, input, pmt.descriptors, &loop);
    put_ca(mux, service->service_id, SIMC_PID_NULL, &loop);
    put_mode(mux, service, &loop);
    struct simc_pmt made = {.program = service->service_id,
                            .pcr_pid = service->pcr_out,
                            .descriptors = simc_slice(bytes, loop.error ? 0 : loop.at)};
    size_t count = 0;
    struct simc_pmt_stream stream;
    while (simc_pmt_next(&pmt.streams, &stream) == 0 && count < SIMC__SCS_MUX_COMPONENTS_MAX) {
        if (!has_component(service, stream.pid))
            continue;
        uint16_t pid = input->routes[stream.pid].out;
        size_t start = loop.at;
        put_loop(mux, input, stream.descriptors, &loop);
        put_ca(mux, service->service_id, pid, &loop);
        if (loop.error)
            return SIMC_ETOOLONG;
        streams[count++] = (struct simc_pmt_stream){
            .type = stream.type,
            .pid = pid,
            .descriptors = simc_slice(bytes + start, loop.at - start),
        };
    }
    if (loop.error)
        return SIMC_ETOOLONG;
    return simc_pmt_build(out, &made, version, streams, count);
}

/* ---- CAT ---- */

static int build_cat(struct simc__mux *mux, const void *subject, unsigned version,
                     struct simc_writer *out)
{
    (void)subject;
    uint8_t bytes[LOOP_SIZE * 4];
    struct simc_writer loop = simc_writer(bytes, sizeof bytes);
    for (uint32_t i = 0; mux->config->source_ca == SIMC__MUX_SOURCE_CA_KEEP && i < mux->input_count;
         i++)
        put_loop(mux, mux->inputs[i], simc_slice(mux->inputs[i]->cat, mux->inputs[i]->cat_size),
                 &loop);
    for (uint32_t i = 0; i < mux->config->emm_count; i++) {
        const struct simc__mux_emm_config *emm = &mux->config->emms[i];
        struct simc_ca_descriptor ca = {emm->system_id, emm->pid,
                                        simc_slice(emm->private_data, emm->private_size)};
        simc_ca_descriptor_put(&loop, &ca);
    }
    for (uint32_t i = 0; i < SIMC__MUX_SOURCES_MAX; i++) {
        const struct simc__mux_source *source = mux->sources[i];
        if (!source || !source->config.has_ca)
            continue;
        struct simc_ca_descriptor ca = {
            source->config.ca_system_id, source->item.pid,
            simc_slice(source->config.ca_private, source->config.ca_private_size)};
        simc_ca_descriptor_put(&loop, &ca);
    }
    if (loop.error)
        return SIMC_ETOOLONG;
    return simc_cat_build(out, version, simc_slice(bytes, loop.at));
}

static bool wants_cat(const struct simc__mux *mux)
{
    bool wants = mux->was_scrambled || mux->config->emm_count > 0;
    for (uint32_t i = 0; i < mux->scg_limit; i++)
        wants = wants || (mux->scgs[i] && mux->scgs[i]->is_signalled);
    for (uint32_t i = 0; i < SIMC__MUX_SOURCES_MAX; i++)
        wants = wants || (mux->sources[i] && mux->sources[i]->config.has_ca);
    for (uint32_t i = 0; i < mux->input_count; i++)
        wants = wants || (mux->inputs[i]->cat_size > 0 &&
                          mux->config->source_ca == SIMC__MUX_SOURCE_CA_KEEP);
    return wants;
}

/* ---- SDT ---- */

static bool is_controlled(const struct simc__mux *mux, const struct simc__mux_service *service)
{
    for (uint32_t i = 0; i < mux->scg_limit; i++) {
        const struct simc__mux_scg *scg = mux->scgs[i];
        if (!scg || !scg->is_signalled)
            continue;
        if (simc__mux_scg_has(mux, scg, service->service_id, SIMC_PID_NULL))
            return true;
        for (unsigned c = 0; c < service->component_count; c++)
            if (simc__mux_scg_has(mux, scg, service->service_id, service->components[c].out))
                return true;
    }
    return false;
}

/* The descriptors of a service, with the names of the configuration in place of those of the
 * input. */
static struct simc_slice sdt_loop(struct simc__mux *mux, const struct simc__mux_service *service,
                                  const struct simc__mux_program *program, uint8_t *bytes,
                                  size_t size)
{
    const struct simc__mux_service_config *row = simc__mux_service_row(mux, service);
    struct simc_slice known = simc_slice(program->sdt, program->has_sdt ? program->sdt_size : 0);
    if (!row || (!row->name && !row->provider))
        return known;
    struct simc_descriptor descriptor;
    struct simc_service_descriptor made = {.type = 1};
    if (simc_descriptor_find(known, SIMC_DESCRIPTOR_SERVICE, &descriptor) == 0 &&
        simc_service_descriptor_read(descriptor.body, &made))
        made = (struct simc_service_descriptor){.type = 1};
    uint8_t texts[2][SIMC__MUX_NAME_SIZE * 2];
    struct simc_writer name = simc_writer(texts[0], sizeof texts[0]);
    struct simc_writer provider = simc_writer(texts[1], sizeof texts[1]);
    if (row->name) {
        simc_dvb_text_put(&name, simc_slice_text(row->name));
        made.name = simc_slice(texts[0], name.error ? 0 : name.at);
    }
    if (row->provider) {
        simc_dvb_text_put(&provider, simc_slice_text(row->provider));
        made.provider = simc_slice(texts[1], provider.error ? 0 : provider.at);
    }
    struct simc_writer out = simc_writer(bytes, size);
    simc_service_descriptor_put(&out, &made);
    while (simc_descriptor_next(&known, &descriptor) == 0)
        if (descriptor.tag != SIMC_DESCRIPTOR_SERVICE)
            simc_descriptor_put(&out, descriptor.tag, descriptor.body);
    return simc_slice(bytes, out.error ? 0 : out.at);
}

static int build_sdt(struct simc__mux *mux, const void *subject, unsigned version,
                     struct simc_writer *out)
{
    (void)subject;
    struct simc_sdt_service services[SIMC__MUX_SERVICES_MAX];
    size_t count = 0;
    struct simc_sdt sdt = {.table_id = SIMC_TABLE_SDT_ACTUAL,
                           .ts_id = simc__mux_ts_id(mux),
                           .network_id = simc__mux_network_id(mux)};
    /* Names of the configuration need room of their own, behind the sections. */
    uint8_t *room = mux->scratch + mux->scratch_size;
    for (uint32_t i = 0; i < mux->service_count; i++) {
        const struct simc__mux_service *service = mux->services[i];
        const struct simc__mux_program *program =
            simc__mux_program_find(mux->inputs[service->input], service->number);
        if (!service->is_present || !program)
            continue;
        bool keeps = mux->config->source_ca == SIMC__MUX_SOURCE_CA_KEEP;
        services[count++] = (struct simc_sdt_service){
            .id = service->service_id,
            .eit_schedule = program->has_sdt && program->eit_schedule,
            .eit_pf = program->has_sdt && program->eit_pf,
            .running_status = program->has_sdt ? program->running_status : 4,
            .free_ca_mode =
                is_controlled(mux, service) || (keeps && program->has_sdt && program->free_ca_mode),
            .descriptors = sdt_loop(mux, service, program, room, 2 * SIMC__MUX_SDT_SIZE),
        };
        room += 2 * SIMC__MUX_SDT_SIZE;
    }
    return simc_sdt_build(out, &sdt, version, services, count);
}

/* At the start the SDT waits a moment until the names of all services are known, so that it does
 * not change at once. */
static bool wants_sdt(const struct simc__mux *mux)
{
    bool is_known = true;
    bool has_service = false;
    for (uint32_t i = 0; i < mux->service_count; i++) {
        const struct simc__mux_service *service = mux->services[i];
        const struct simc__mux_program *program =
            simc__mux_program_find(mux->inputs[service->input], service->number);
        has_service = has_service || service->is_present;
        is_known = is_known && service->is_present && program && program->has_sdt;
    }
    is_known = is_known || mux->sdt.is_on || mux->tick >= simc__mux_ms(SDT_WAIT_MS);
    return !mux->config->no_sdt && has_service && is_known;
}

/* ---- all of them ---- */

static uint32_t or_else(uint32_t value, uint32_t other)
{
    return value ? value : other;
}

void simc__mux_tables(struct simc__mux *mux)
{
    const struct simc__mux_psi_config *psi = &mux->config->psi;
    const char *too_long = NULL;
    uint16_t service_id = 0;
    mux->is_psi_due = false;
    if (wants_pat(mux) &&
        !update(mux, &mux->pat, SIMC_PID_PAT, or_else(psi->pat_ms, 90), build_pat, NULL))
        too_long = "the PAT";
    for (uint32_t i = 0; i < mux->service_count; i++) {
        struct simc__mux_service *service = mux->services[i];
        if (!service->is_present || service->pmt_pid == 0) {
            simc__mux_table_off(mux, &service->pmt);
        } else if (!update(mux, &service->pmt, service->pmt_pid, or_else(psi->pmt_ms, 90),
                           build_pmt, service)) {
            too_long = "the PMT";
            service_id = service->service_id;
        }
    }
    if (!wants_cat(mux))
        simc__mux_table_off(mux, &mux->cat);
    else if (!update(mux, &mux->cat, SIMC_PID_CAT, or_else(psi->cat_ms, 150), build_cat, NULL))
        too_long = "the CAT";
    if (!wants_sdt(mux))
        simc__mux_table_off(mux, &mux->sdt);
    else if (!update(mux, &mux->sdt, SIMC_PID_SDT, or_else(psi->sdt_ms, 1000), build_sdt, NULL))
        too_long = "the SDT";
    struct simc__mux_alarm_key key = simc__mux_alarm_of(SIMC__MUX_ALARM_PSI_TOO_LONG);
    if (too_long && service_id)
        simc__mux_alarm_raise(mux, key, 0,
                              "%s of service 0x%04x does not fit its section; the last good one "
                              "stays on air",
                              too_long, service_id);
    else if (too_long)
        simc__mux_alarm_raise(
            mux, key, 0, "%s does not fit its sections; the last good one stays on air", too_long);
    else
        simc__mux_alarm_clear(mux, key);
}
