/* SPDX-License-Identifier: BSL-1.0 */
/* What is held back of the services, so that nothing of them is seen in the clear that must not be.
 * route.c asks for it when PIDs change, period.c when scrambling begins or ends. */
#include "mux/internal.h"

enum { ALARM_MS = 2000 };

static enum simc__mux_hold hold_of(const struct simc__mux *mux,
                                   const struct simc__mux_service *service)
{
    const struct simc__mux_service_config *row = simc__mux_service_row(mux, service);
    return row && row->hold != SIMC__MUX_HOLD_DEFAULT ? row->hold : mux->config->hold;
}

static const struct simc__mux_scg *scg_of(const struct simc__mux *mux, uint16_t out)
{
    return mux->outs[out].scg ? mux->scgs[mux->outs[out].scg - 1] : NULL;
}

/* True when an SCG of the service has had a control word in force: what no SCG names is clear by
 * the will of the SCS then, and not because its orders are still on their way. */
static bool was_scrambled(const struct simc__mux *mux, const struct simc__mux_service *service)
{
    for (unsigned c = 0; c < service->component_count; c++) {
        const struct simc__mux_scg *scg = scg_of(mux, service->components[c].out);
        if (scg && scg->was_scrambled)
            return true;
    }
    return false;
}

static bool is_held(const struct simc__mux *mux, const struct simc__mux_service *service,
                    const struct simc__mux_component *component, bool was)
{
    enum simc__mux_hold hold = hold_of(mux, service);
    const struct simc__mux_scg *scg = scg_of(mux, component->out);
    if (hold <= SIMC__MUX_HOLD_NOTHING || (!scg && simc__mux_type_is_clear(component->type)))
        return false;
    if (!scg)
        return !was;
    return !scg->is_on && (hold == SIMC__MUX_HOLD_WHILE_CLEAR || !scg->was_scrambled);
}

static void set(struct simc__mux *mux, const struct simc__mux_service *service,
                enum simc__mux_kind from, enum simc__mux_kind to, unsigned component)
{
    uint16_t pid = service->components[component].pid;
    struct simc__mux_route *route = &mux->inputs[service->input]->routes[pid];
    if (route->kind == from)
        route->kind = (uint8_t)to;
}

void simc__mux_hold(struct simc__mux *mux)
{
    for (uint32_t i = 0; i < mux->service_count; i++)
        for (unsigned c = 0; c < mux->services[i]->component_count; c++)
            set(mux, mux->services[i], SIMC__MUX_KIND_HELD, SIMC__MUX_KIND_PASS, c);
    /* Of a component of several services the strictest one decides. */
    for (uint32_t i = 0; i < mux->service_count; i++) {
        struct simc__mux_service *service = mux->services[i];
        bool was = was_scrambled(mux, service);
        bool was_held = service->is_held;
        service->is_held = false;
        for (unsigned c = 0; c < service->component_count; c++) {
            if (!is_held(mux, service, &service->components[c], was))
                continue;
            set(mux, service, SIMC__MUX_KIND_PASS, SIMC__MUX_KIND_HELD, c);
            service->is_held = true;
        }
        if (service->is_held && !was_held)
            service->held_tick = mux->tick;
    }
}

bool simc__mux_scg_is_held(const struct simc__mux *mux, const struct simc__mux_scg *scg)
{
    bool has_held = false;
    for (uint32_t i = 0; i < mux->service_count; i++) {
        const struct simc__mux_service *service = mux->services[i];
        for (unsigned c = 0; c < service->component_count; c++) {
            const struct simc__mux_component *component = &service->components[c];
            if (mux->outs[component->out].scg != scg->index + 1)
                continue;
            if (mux->inputs[service->input]->routes[component->pid].kind != SIMC__MUX_KIND_HELD)
                return false;
            has_held = true;
        }
    }
    return has_held;
}

/* What to do about it depends on what is missing. */
static const char *reason(const struct simc__mux *mux, const struct simc__mux_service *service)
{
    const struct simc__mux_scg *scg = NULL;
    for (unsigned c = 0; c < service->component_count && !scg; c++)
        scg = scg_of(mux, service->components[c].out);
    if (!mux->is_connected && !(scg && scg->is_static))
        return "the SCS is away; start scsd";
    if (!scg)
        return "the SCS scrambles no part of it; name it in an SCG of scsd, or do not hold it back";
    if (scg->was_scrambled)
        return "the SCS has ordered it to be clear; the log of scsd says why";
    return "its SCG has had no control word in force yet; the log of scsd says why";
}

void simc__mux_look_at_held(struct simc__mux *mux, uint64_t tick)
{
    const struct simc__mux_service *first = NULL;
    unsigned count = 0;
    for (uint32_t i = mux->service_count; i-- > 0;) {
        const struct simc__mux_service *service = mux->services[i];
        if (!service->is_held || tick < service->held_tick + simc__mux_ms(ALARM_MS))
            continue;
        first = service;
        count++;
    }
    struct simc__mux_alarm_key key = simc__mux_alarm_of(SIMC__MUX_ALARM_HELD_BACK);
    if (first)
        simc__mux_alarm_raise(mux, key, 0,
                              "%u services are held back so as not to be clear, among them 0x%04x "
                              "since %llu s: %s",
                              count, first->service_id,
                              (unsigned long long)((tick - first->held_tick) / SIMC__MUX_SECOND),
                              reason(mux, first));
    else
        simc__mux_alarm_clear(mux, key);
}
