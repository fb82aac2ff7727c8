/* SPDX-License-Identifier: BSL-1.0 */
/* Which services are in the output, and which PID of an input becomes which PID there. It is worked
 * out anew when a table of an input, the configuration or an SCG changes; what a service had, it
 * keeps. */
#include <string.h>

#include "mux/internal.h"

static const uint8_t clear_types[] = {0x05, 0x0a, 0x0b, 0x0c, 0x0d, 0x14, 0x16, 0x86};

bool simc__mux_type_is_clear(uint8_t stream_type)
{
    for (size_t i = 0; i < sizeof clear_types; i++)
        if (clear_types[i] == stream_type)
            return true;
    return false;
}

uint16_t simc__mux_ts_id(const struct simc__mux *mux)
{
    if (mux->config->ts_id != SIMC__MUX_ANY)
        return (uint16_t)mux->config->ts_id;
    return mux->input_count > 0 ? mux->inputs[0]->ts_id : 1;
}

uint16_t simc__mux_network_id(const struct simc__mux *mux)
{
    if (mux->config->network_id != SIMC__MUX_ANY)
        return (uint16_t)mux->config->network_id;
    return mux->input_count > 0 ? mux->inputs[0]->network_id : 1;
}

/* ---- services ---- */

int simc__mux_services_reserve(struct simc__mux *mux, uint32_t count)
{
    if (count <= mux->service_limit)
        return 0;
    struct simc__mux_service **services = (struct simc__mux_service **)simc_realloc(
        mux->services, count * sizeof(struct simc__mux_service *));
    if (!services)
        return SIMC_ENOMEM;
    mux->services = services;
    struct simc__mux_pcr **pcrs =
        (struct simc__mux_pcr **)simc_realloc(mux->pcrs, count * sizeof(struct simc__mux_pcr *));
    if (!pcrs)
        return SIMC_ENOMEM;
    mux->pcrs = pcrs;
    while (mux->service_limit < count) {
        struct simc__mux_service *service =
            (struct simc__mux_service *)simc_calloc(1, sizeof(struct simc__mux_service));
        struct simc__mux_pcr *pcr =
            (struct simc__mux_pcr *)simc_calloc(1, sizeof(struct simc__mux_pcr));
        bool has_table =
            service && pcr &&
            simc__mux_table_init(mux, &service->pmt, SIMC_PID_NULL, SIMC_PSI_SIZE_MAX) == 0;
        if (!has_table || simc__mux_timers_reserve(mux, 2)) {
            if (has_table)
                simc__mux_table_fini(mux, &service->pmt);
            simc_free(service);
            simc_free(pcr);
            return SIMC_ENOMEM;
        }
        pcr->item.timer.kind = SIMC__MUX_TIMER_PCR;
        pcr->item.rank = SIMC__MUX_RANK_PCR;
        mux->services[mux->service_limit] = service;
        mux->pcrs[mux->service_limit++] = pcr;
        mux->memory += sizeof *service + sizeof *pcr;
    }
    return 0;
}

void simc__mux_services_free(struct simc__mux *mux)
{
    for (uint32_t i = 0; i < mux->service_limit; i++) {
        simc__mux_table_fini(mux, &mux->services[i]->pmt);
        simc_free(mux->services[i]);
        simc_free(mux->pcrs[i]);
    }
    simc_free(mux->services);
    simc_free(mux->pcrs);
}

const struct simc__mux_service_config *simc__mux_service_row(
    const struct simc__mux *mux, const struct simc__mux_service *service)
{
    return service->row == SIMC__MUX_NONE ? NULL : &mux->config->services[service->row];
}

struct simc__mux_service *simc__mux_service_find(const struct simc__mux *mux, uint16_t service_id)
{
    for (uint32_t i = 0; i < mux->service_count; i++)
        if (mux->services[i]->service_id == service_id)
            return mux->services[i];
    return NULL;
}

/* Puts a service at place `at` of the list: one that is there further behind, or a new one. */
static void put_service(struct simc__mux *mux, uint32_t at, uint32_t input, uint16_t number,
                        uint32_t row)
{
    uint32_t from = at;
    while (from < mux->service_count &&
           (mux->services[from]->input != input || mux->services[from]->number != number))
        from++;
    struct simc__mux_service *service = mux->services[from];
    if (from >= mux->service_count) {
        /* The first one that is not in use makes room for itself. */
        from = mux->service_count++;
        service = mux->services[from];
        struct simc__mux_table pmt = service->pmt;
        *service = (struct simc__mux_service){.input = input, .number = number, .pmt = pmt};
        service->pmt.version = (uint8_t)mux->config->psi.version_first;
        service->pmt.size = 0;
    }
    mux->services[from] = mux->services[at];
    mux->services[at] = service;
    service->row = row;
    service->service_id = number;
    if (row != SIMC__MUX_NONE && mux->config->services[row].new_service_id != 0)
        service->service_id = mux->config->services[row].new_service_id;
}

static void list_services(struct simc__mux *mux)
{
    const struct simc__mux_config *config = mux->config;
    uint32_t count = 0;
    for (uint32_t row = 0; config->choice == SIMC__MUX_SELECT && row < config->service_count;
         row++, count++)
        put_service(mux, count, config->services[row].input, config->services[row].service_id, row);
    for (uint32_t i = 0; config->choice == SIMC__MUX_TRANSPARENT && i < mux->input_count; i++) {
        for (uint32_t p = 0; p < mux->inputs[i]->program_count; p++) {
            uint16_t number = mux->inputs[i]->programs[p].number;
            uint32_t row = 0;
            while (row < config->service_count &&
                   (config->services[row].input != i || config->services[row].service_id != number))
                row++;
            if (count < mux->service_limit)
                put_service(mux, count++, i, number,
                            row < config->service_count ? row : SIMC__MUX_NONE);
        }
    }
    while (mux->service_count > count)
        simc__mux_table_off(mux, &mux->services[--mux->service_count]->pmt);
}

static bool is_dropped(const struct simc__mux_service_config *row, uint16_t pid)
{
    for (uint32_t i = 0; row && i < row->drop_count; i++)
        if (row->drops[i] == pid)
            return true;
    return false;
}

static void note_ca(struct simc__mux_input *input, struct simc_slice descriptors)
{
    struct simc_descriptor descriptor;
    struct simc_ca_descriptor ca;
    while (simc_descriptor_next(&descriptors, &descriptor) == 0)
        if (descriptor.tag == SIMC_DESCRIPTOR_CA &&
            simc_ca_descriptor_read(descriptor.body, &ca) == 0 && ca.pid >= SIMC_PID_FREE)
            input->routes[ca.pid].is_ca = true;
}

static bool pmt_of(const struct simc__mux_program *program, struct simc_pmt *pmt)
{
    struct simc_section section;
    return program && program->has_pmt &&
           simc_section_read(simc_slice(program->pmt, program->pmt_size), &section) == 0 &&
           simc_pmt_read(&section, pmt) == 0;
}

/* The components of a service as its PMT has them. */
static void read_components(struct simc__mux *mux, struct simc__mux_service *service)
{
    struct simc__mux_input *input = mux->inputs[service->input];
    const struct simc__mux_program *program = simc__mux_program_find(input, service->number);
    const struct simc__mux_service_config *row = simc__mux_service_row(mux, service);
    struct simc_pmt pmt;
    struct simc_pmt_stream stream;
    service->component_count = 0;
    service->pcr_in = SIMC_PID_NULL;
    service->is_present = pmt_of(program, &pmt);
    service->has_conflict = false;
    if (!service->is_present)
        return;
    if (pmt.pcr_pid >= SIMC_PID_FREE)
        service->pcr_in = pmt.pcr_pid;
    while (simc_pmt_next(&pmt.streams, &stream) == 0)
        if (service->component_count < SIMC__SCS_MUX_COMPONENTS_MAX &&
            stream.pid >= SIMC_PID_FREE && stream.pid != SIMC_PID_NULL &&
            !is_dropped(row, stream.pid))
            service->components[service->component_count++] =
                (struct simc__mux_component){.pid = stream.pid, .type = stream.type};
}

/* ---- PIDs ---- */

bool simc__mux_pid_is_free(const struct simc__mux *mux, uint16_t pid)
{
    if (pid < SIMC_PID_FREE || pid >= SIMC_PID_NULL)
        return false;
    if (mux->outs[pid].use == SIMC__MUX_USE_FREE)
        return true;
    /* A PID that would pass if there were packets on it. */
    return mux->outs[pid].use == SIMC__MUX_USE_PASS &&
           (mux->inputs[mux->outs[pid].input]->routes[pid].cc & 0x80);
}

uint16_t simc__mux_pid_free(const struct simc__mux *mux, uint16_t first)
{
    for (unsigned i = 0; i < SIMC_PID_NULL; i++) {
        unsigned pid = (first + i) % SIMC_PID_NULL;
        bool is_free = simc__mux_pid_is_free(mux, (uint16_t)pid);
        /* Not one that an input uses, even if it does not pass: it might be chosen later. */
        for (uint32_t n = 0; is_free && n < mux->input_count; n++)
            is_free = mux->inputs[n]->routes[pid].cc & 0x80;
        if (is_free)
            return (uint16_t)pid;
    }
    return 0;
}

static bool is_own(const struct simc__mux *mux, uint16_t out, uint32_t input, uint16_t pid)
{
    return mux->outs[out].use == SIMC__MUX_USE_COMPONENT && mux->outs[out].input == input &&
           mux->outs[out].source == pid;
}

static void claim(struct simc__mux *mux, uint16_t out, uint32_t input, uint16_t pid)
{
    mux->outs[out].use = SIMC__MUX_USE_COMPONENT;
    mux->outs[out].input = (uint16_t)input;
    mux->outs[out].source = pid;
    mux->outs[out].class_index = SIMC__MUX_CLASS_CLEAR;
    struct simc__mux_route *route = &mux->inputs[input]->routes[pid];
    route->out = out;
    route->is_mapped = true;
    route->kind = SIMC__MUX_KIND_PASS;
}

static uint16_t explicit_pid(const struct simc__mux_service_config *row, uint16_t pid)
{
    for (uint32_t i = 0; row && i < row->map_count; i++)
        if (row->maps[i].from == pid)
            return row->maps[i].to;
    return 0;
}

/* Gives a PID of a service its place. @param keeps only if it has one already. */
static void place(struct simc__mux *mux, struct simc__mux_service *service, uint16_t pid,
                  bool keeps)
{
    if (pid == SIMC_PID_NULL)
        return;
    const struct simc__mux_route *route = &mux->inputs[service->input]->routes[pid];
    uint16_t wanted = explicit_pid(simc__mux_service_row(mux, service), pid);
    if (route->is_mapped && is_own(mux, route->out, service->input, pid))
        return;
    if (keeps) {
        if (route->is_mapped && (wanted == 0 || wanted == route->out) &&
            mux->outs[route->out].use == SIMC__MUX_USE_FREE)
            claim(mux, route->out, service->input, pid);
        return;
    }
    if (wanted != 0 && mux->outs[wanted].use != SIMC__MUX_USE_FREE) {
        service->has_conflict = true;
        wanted = 0;
    }
    if (wanted == 0)
        wanted = mux->outs[pid].use == SIMC__MUX_USE_FREE
                     ? pid
                     : simc__mux_pid_free(mux, mux->config->pid_first);
    if (wanted != 0)
        claim(mux, wanted, service->input, pid);
}

static void place_pmt(struct simc__mux *mux, struct simc__mux_service *service, bool keeps)
{
    const struct simc__mux_service_config *row = simc__mux_service_row(mux, service);
    const struct simc__mux_program *program =
        simc__mux_program_find(mux->inputs[service->input], service->number);
    if (!program || !service->is_present) {
        return;
    }
    uint16_t had = service->pmt_pid;
    uint16_t wanted = row ? row->pmt_pid : 0;
    if (had != 0 && mux->outs[had].use == SIMC__MUX_USE_PMT && mux->outs[had].source == had &&
        mux->outs[had].input == service->service_id)
        return;
    if (keeps && (had == 0 || (wanted != 0 && wanted != had)))
        return;
    if (keeps)
        wanted = had;
    else if (wanted == 0)
        wanted = program->pmt_pid;
    if (wanted < SIMC_PID_FREE || mux->outs[wanted].use != SIMC__MUX_USE_FREE) {
        if (keeps)
            return;
        service->has_conflict = service->has_conflict || (row && row->pmt_pid != 0);
        wanted = simc__mux_pid_free(mux, mux->config->pid_first);
    }
    if (wanted == 0)
        return;
    service->pmt_pid = wanted;
    mux->outs[wanted].use = SIMC__MUX_USE_PMT;
    mux->outs[wanted].input = service->service_id;
    mux->outs[wanted].source = wanted;
    mux->outs[wanted].class_index = SIMC__MUX_CLASS_PSI;
}

static void place_service(struct simc__mux *mux, struct simc__mux_service *service, bool keeps)
{
    place_pmt(mux, service, keeps);
    for (unsigned i = 0; i < service->component_count; i++)
        place(mux, service, service->components[i].pid, keeps);
    if (service->is_present)
        place(mux, service, service->pcr_in, keeps);
}

/* ECM PIDs of the input, when its conditional access is kept. */
static void place_ca(struct simc__mux *mux, struct simc__mux_service *service)
{
    struct simc_pmt pmt;
    struct simc_pmt_stream stream;
    const struct simc__mux_program *program =
        simc__mux_program_find(mux->inputs[service->input], service->number);
    if (mux->config->source_ca != SIMC__MUX_SOURCE_CA_KEEP || !pmt_of(program, &pmt))
        return;
    bool is_last = false;
    while (!is_last) {
        struct simc_slice loop = pmt.descriptors;
        pmt.descriptors = simc_slice(NULL, 0);
        struct simc_descriptor descriptor;
        struct simc_ca_descriptor ca;
        if (loop.size == 0) {
            is_last = simc_pmt_next(&pmt.streams, &stream) != 0;
            loop = is_last ? loop : stream.descriptors;
        }
        while (simc_descriptor_next(&loop, &descriptor) == 0)
            if (descriptor.tag == SIMC_DESCRIPTOR_CA &&
                simc_ca_descriptor_read(descriptor.body, &ca) == 0 && ca.pid >= SIMC_PID_FREE)
                place(mux, service, ca.pid, false);
    }
}

/* ---- inputs ---- */

static void watch(struct simc__mux_input *input, uint32_t index, uint16_t pid)
{
    struct simc__mux_watch *watch = &input->watches[index];
    if (!watch->is_used || watch->pid != pid)
        simc_section_assembler_reset(&watch->assembler);
    watch->is_used = true;
    watch->pid = pid;
    input->routes[pid].kind = SIMC__MUX_KIND_PSI;
    input->routes[pid].watch = (uint16_t)index;
}

static bool is_pmt_pid(const struct simc__mux_input *input, uint16_t pid)
{
    for (uint32_t i = 0; i < input->program_count; i++)
        if (input->programs[i].pmt_pid == pid)
            return true;
    return false;
}

static void watch_tables(struct simc__mux_input *input)
{
    watch(input, SIMC__MUX_WATCH_PAT, SIMC_PID_PAT);
    watch(input, SIMC__MUX_WATCH_CAT, SIMC_PID_CAT);
    watch(input, SIMC__MUX_WATCH_SDT, SIMC_PID_SDT);
    for (uint32_t i = SIMC__MUX_WATCH_PMT; i < input->watch_count; i++)
        if (input->watches[i].is_used && !is_pmt_pid(input, input->watches[i].pid))
            input->watches[i].is_used = false;
    for (uint32_t p = 0; p < input->program_count; p++) {
        uint16_t pid = input->programs[p].pmt_pid;
        if (pid < SIMC_PID_FREE || pid == SIMC_PID_NULL)
            continue;
        uint32_t at = SIMC__MUX_WATCH_PMT;
        while (at < input->watch_count &&
               !(input->watches[at].is_used && input->watches[at].pid == pid))
            at++;
        for (uint32_t i = SIMC__MUX_WATCH_PMT; at == input->watch_count && i < at; i++)
            if (!input->watches[i].is_used)
                at = i;
        if (at < input->watch_count)
            watch(input, at, pid);
    }
}

static bool holds_back(const struct simc__mux *mux)
{
    bool holds = mux->config->hold > SIMC__MUX_HOLD_NOTHING;
    for (uint32_t i = 0; i < mux->config->service_count; i++)
        holds = holds || mux->config->services[i].hold > SIMC__MUX_HOLD_NOTHING;
    return holds;
}

/* What no service names. */
static void pass_rest(struct simc__mux *mux, struct simc__mux_input *input)
{
    static const struct {
        uint16_t first, last;
        uint32_t bit;
    } rows[] = {
        {0x02, 0x0f, SIMC__MUX_PASS_OTHER},  {0x10, 0x10, SIMC__MUX_PASS_NIT},
        {0x12, 0x12, SIMC__MUX_PASS_EIT},    {0x13, 0x13, SIMC__MUX_PASS_OTHER},
        {0x14, 0x14, SIMC__MUX_PASS_TDT},    {0x15, 0x1f, SIMC__MUX_PASS_OTHER},
        {0x20, 0x1ffe, SIMC__MUX_PASS_DATA},
    };
    bool drops_ca = mux->config->source_ca == SIMC__MUX_SOURCE_CA_DROP;
    /* Which PIDs no programme names is known when all of them have told theirs. */
    bool matters = mux->config->choice == SIMC__MUX_SELECT || holds_back(mux);
    bool is_known = input->has_pat || !matters;
    for (uint32_t p = 0; matters && p < input->program_count; p++)
        is_known = is_known && input->programs[p].has_pmt;
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        for (unsigned pid = rows[row].first;
             (input->config.pass & rows[row].bit) && pid <= rows[row].last &&
             (is_known || pid < SIMC_PID_FREE);
             pid++) {
            struct simc__mux_route *route = &input->routes[pid];
            struct simc__mux_out *out = &mux->outs[pid];
            if (route->kind != SIMC__MUX_KIND_DROP || out->use != SIMC__MUX_USE_FREE ||
                (route->is_ca && drops_ca))
                continue;
            out->use = SIMC__MUX_USE_PASS;
            out->input = (uint16_t)input->index;
            out->source = (uint16_t)pid;
            out->class_index = pid < SIMC_PID_FREE ? SIMC__MUX_CLASS_PSI : SIMC__MUX_CLASS_OTHER;
            route->kind = SIMC__MUX_KIND_PASS;
            route->out = (uint16_t)pid;
        }
    }
}

/* Components of programmes that are not chosen need not even wait in the buffer. */
static void skip_others(struct simc__mux *mux, struct simc__mux_input *input)
{
    for (uint32_t p = 0; p < input->program_count; p++) {
        struct simc_pmt pmt;
        struct simc_pmt_stream stream;
        if (mux->config->choice == SIMC__MUX_SELECT && pmt_of(&input->programs[p], &pmt))
            while (simc_pmt_next(&pmt.streams, &stream) == 0)
                if (input->routes[stream.pid].kind == SIMC__MUX_KIND_DROP &&
                    stream.pid >= SIMC_PID_FREE)
                    input->routes[stream.pid].kind = SIMC__MUX_KIND_SKIP;
    }
}

static void reset(struct simc__mux *mux)
{
    for (unsigned pid = 0; pid < SIMC_TS_PID_COUNT; pid++) {
        struct simc__mux_out *out = &mux->outs[pid];
        if (out->use == SIMC__MUX_USE_PMT || out->use == SIMC__MUX_USE_COMPONENT ||
            out->use == SIMC__MUX_USE_PASS)
            out->use = SIMC__MUX_USE_FREE;
        out->scg = 0;
        out->pcr = 0;
    }
    for (uint32_t i = 0; i < mux->input_count; i++) {
        struct simc__mux_input *input = mux->inputs[i];
        for (unsigned pid = 0; pid < SIMC_TS_PID_COUNT; pid++) {
            if (input->routes[pid].kind == SIMC__MUX_KIND_SKIP)
                input->routes[pid].cc = 0x80;
            input->routes[pid].kind = SIMC__MUX_KIND_DROP;
            input->routes[pid].is_ca = false;
        }
        note_ca(input, simc_slice(input->cat, input->cat_size));
        for (uint32_t p = 0; p < input->program_count; p++) {
            struct simc_pmt pmt;
            struct simc_pmt_stream stream;
            if (!pmt_of(&input->programs[p], &pmt))
                continue;
            note_ca(input, pmt.descriptors);
            while (simc_pmt_next(&pmt.streams, &stream) == 0)
                note_ca(input, stream.descriptors);
        }
    }
}

/* ---- PCRs ---- */

static void assign_pcrs(struct simc__mux *mux)
{
    for (uint32_t i = 0; i < mux->service_limit; i++)
        mux->pcrs[i]->is_used = false;
    for (uint32_t s = 0; s < mux->service_count; s++) {
        const struct simc__mux_service *service = mux->services[s];
        uint16_t pid = service->pcr_out;
        if (!service->is_present || pid == SIMC_PID_NULL || mux->outs[pid].pcr != 0 ||
            mux->config->rate == SIMC__MUX_REPLACE)
            continue;
        uint32_t at = mux->service_limit;
        for (uint32_t i = 0; i < mux->service_limit; i++) {
            struct simc__mux_pcr *pcr = mux->pcrs[i];
            if (pcr->item.pid == pid && !pcr->is_used) {
                at = i;
                break;
            }
        }
        for (uint32_t i = 0; at == mux->service_limit && i < mux->service_limit; i++) {
            bool is_wanted = false;
            for (uint32_t n = 0; n < mux->service_count; n++)
                is_wanted = is_wanted || mux->services[n]->pcr_out == mux->pcrs[i]->item.pid;
            if (!mux->pcrs[i]->is_used && (!is_wanted || mux->pcrs[i]->item.pid == 0))
                at = i;
        }
        if (at == mux->service_limit)
            continue;
        struct simc__mux_pcr *pcr = mux->pcrs[at];
        if (pcr->item.pid != pid || pcr->input != service->input) {
            simc__mux_item_stop(mux, &pcr->item);
            pcr->has_last = false;
            pcr->clock = 0;
        }
        pcr->is_used = true;
        pcr->item.pid = pid;
        pcr->input = (uint16_t)service->input;
        mux->outs[pid].pcr = (uint16_t)(at + 1);
    }
    for (uint32_t i = 0; i < mux->service_limit; i++)
        if (!mux->pcrs[i]->is_used) {
            simc__mux_item_stop(mux, &mux->pcrs[i]->item);
            mux->pcrs[i]->item.pid = 0;
        }
}

/* ---- all of it ---- */

static uint64_t hash(uint64_t value, const void *memory, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)memory;
    for (size_t i = 0; i < size; i++)
        value = (value ^ bytes[i]) * UINT64_C(0x100000001b3);
    return value;
}

static void note_services(struct simc__mux *mux)
{
    uint16_t ids[2] = {simc__mux_ts_id(mux), simc__mux_network_id(mux)};
    uint64_t value = hash(UINT64_C(0xcbf29ce484222325), ids, sizeof ids);
    for (uint32_t i = 0; i < mux->service_count; i++) {
        const struct simc__mux_service *service = mux->services[i];
        struct simc__mux_input *input = mux->inputs[service->input];
        const struct simc__mux_program *program = simc__mux_program_find(input, service->number);
        if (!service->is_present)
            continue;
        value = hash(value, &service->service_id, sizeof service->service_id);
        value = hash(value, &service->pcr_out, sizeof service->pcr_out);
        for (unsigned c = 0; c < service->component_count; c++) {
            value = hash(value, &service->components[c].out, sizeof service->components[c].out);
            value = hash(value, &service->components[c].type, sizeof service->components[c].type);
        }
        if (program && program->has_sdt)
            value = hash(value, program->sdt, program->sdt_size);
    }
    if (value != mux->service_hash)
        mux->news |= SIMC__MUX_NEWS_ANNOUNCE;
    mux->service_hash = value;
}

static void tell_conflict(struct simc__mux *mux)
{
    const struct simc__mux_service *conflict = NULL;
    for (uint32_t i = 0; i < mux->service_count; i++)
        if (mux->services[i]->has_conflict)
            conflict = mux->services[i];
    if (conflict)
        simc__mux_alarm_raise(
            mux, simc__mux_alarm_of(SIMC__MUX_ALARM_PID_CONFLICT), 0,
            "service 0x%04x does not get a PID that it is configured for, because "
            "another one has it",
            conflict->service_id);
    else
        simc__mux_alarm_clear(mux, simc__mux_alarm_of(SIMC__MUX_ALARM_PID_CONFLICT));
}

void simc__mux_route(struct simc__mux *mux)
{
    mux->is_route_due = false;
    mux->is_psi_due = true;
    list_services(mux);
    reset(mux);
    for (uint32_t i = 0; i < mux->service_count; i++)
        read_components(mux, mux->services[i]);
    for (unsigned keeps = 2; keeps-- > 0;)
        for (uint32_t i = 0; i < mux->service_count; i++)
            place_service(mux, mux->services[i], keeps);
    for (uint32_t i = 0; i < mux->service_count; i++)
        place_ca(mux, mux->services[i]);
    for (uint32_t i = 0; i < mux->input_count; i++) {
        struct simc__mux_input *input = mux->inputs[i];
        for (unsigned pid = 0; pid < SIMC_TS_PID_COUNT; pid++)
            if (input->routes[pid].kind == SIMC__MUX_KIND_DROP)
                input->routes[pid].is_mapped = false;
        watch_tables(input);
        skip_others(mux, input);
        pass_rest(mux, input);
    }
    for (uint32_t i = 0; i < mux->service_count; i++) {
        struct simc__mux_service *service = mux->services[i];
        struct simc__mux_route *routes = mux->inputs[service->input]->routes;
        unsigned kept = 0;
        for (unsigned c = 0; c < service->component_count; c++) {
            /* One that found no PID in a full multiplex is left out. */
            struct simc__mux_component component = service->components[c];
            component.out = routes[component.pid].out;
            if (routes[component.pid].is_mapped)
                service->components[kept++] = component;
        }
        service->component_count = (uint8_t)kept;
        service->pcr_out = service->pcr_in == SIMC_PID_NULL || !routes[service->pcr_in].is_mapped
                               ? (uint16_t)SIMC_PID_NULL
                               : routes[service->pcr_in].out;
    }
    assign_pcrs(mux);
    simc__mux_scg_assign(mux);
    simc__mux_hold(mux);
    note_services(mux);
    tell_conflict(mux);
}
