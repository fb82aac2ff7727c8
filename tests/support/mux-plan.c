/* SPDX-License-Identifier: BSL-1.0 */
/* The plan of the mux simulator; see mux-plan.h. Only mux-sim.c calls it. */
#include "mux-plan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/internal.h"

enum { TICKS_PER_MS = 27000, PID_FIRST = 0x1f00, PIDS = 224, RING = SIMC__SCS_MUX_WORDS_KEPT };

void mux_say(const struct mux_plan *plan, const char *event, const char *format, ...)
{
    struct timespec now;
    va_list arguments;
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("{\"us\":%" PRIu64 ",\"tick\":%" PRIu64 ",\"event\":\"%s\"",
           (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000, plan->tick, event);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("}\n");
}

/* ---- reports ---- */

static void report(struct mux_plan *plan, struct simc__scs_mux_report what)
{
    if (plan->report_count < MUX_REPORTS_MAX)
        plan->reports[plan->report_count++] = what;
    else
        plan->counts.overfull++;
}

static void alarm_raise(struct mux_plan *plan, enum simc__scs_mux_alarm_type type, uint32_t scg_id,
                        unsigned stream, const char *text)
{
    mux_say(plan, "alarm", ",\"scg\":%u,\"stream\":%u,\"type\":%d,\"text\":\"%s\"",
            (unsigned)scg_id, stream, (int)type, text);
    if (plan->alarm_count == MUX_ALARMS_MAX)
        return;
    struct simc__scs_mux_alarm *alarm = &plan->alarms[plan->alarm_count++];
    *alarm = (struct simc__scs_mux_alarm){
        .type = type, .scg_id = scg_id, .stream = (uint8_t)stream, .is_raised = true};
    snprintf(alarm->text, sizeof alarm->text, "%s", text);
}

/* ---- SCGs ---- */

static uint32_t place_of(const struct mux_plan *plan, uint32_t scg_id)
{
    uint32_t at = 0;
    while (at < plan->scg_count && plan->scgs[at]->scg_id < scg_id)
        at++;
    return at;
}

struct mux_scg *mux_plan_find(struct mux_plan *plan, uint32_t scg_id)
{
    uint32_t low = 0, high = plan->scg_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (plan->scgs[middle]->scg_id < scg_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < plan->scg_count && plan->scgs[low]->scg_id == scg_id ? plan->scgs[low] : NULL;
}

static struct mux_scg *scg_add(struct mux_plan *plan, uint32_t scg_id)
{
    struct mux_scg *scg = calloc(1, sizeof *scg);
    if (!scg)
        abort();
    scg->scg_id = scg_id;
    for (unsigned i = 0; i < RING; i++)
        scg->slots[i].start_tick = SIMC__SCS_MUX_OPEN;
    uint32_t at = place_of(plan, scg_id);
    memmove(plan->scgs + at + 1, plan->scgs + at, (plan->scg_count - at) * sizeof plan->scgs[0]);
    plan->scgs[at] = scg;
    plan->scg_count++;
    return scg;
}

static void scg_free(struct mux_scg *scg)
{
    for (unsigned s = 0; s < SIMC__SCS_MUX_STREAMS_MAX; s++) {
        for (unsigned i = 0; i < RING; i++)
            free(scg->streams[s].ecms[i].data);
    }
    free(scg->body);
    simc_wipe(scg, sizeof *scg);
    free(scg);
}

bool mux_plan_remove(struct mux_plan *plan, uint32_t scg_id)
{
    struct mux_scg *scg = mux_plan_find(plan, scg_id);
    if (!scg)
        return false;
    uint32_t at = place_of(plan, scg_id);
    plan->scg_count--;
    memmove(plan->scgs + at, plan->scgs + at + 1, (plan->scg_count - at) * sizeof plan->scgs[0]);
    scg_free(scg);
    plan->is_changed = true;
    return true;
}

void mux_plan_drop(struct mux_plan *plan)
{
    while (plan->scg_count)
        (void)mux_plan_remove(plan, plan->scgs[plan->scg_count - 1]->scg_id);
}

static bool is_taken(const struct mux_plan *plan, uint16_t pid)
{
    for (uint32_t i = 0; i < plan->scg_count; i++) {
        for (unsigned s = 0; s < SIMC__SCS_MUX_STREAMS_MAX; s++) {
            const struct mux_stream *stream = &plan->scgs[i]->streams[s];
            if (stream->is_defined && stream->known.pid == pid)
                return true;
        }
    }
    return false;
}

static uint16_t pid_of(const struct mux_plan *plan, const struct mux_stream *before,
                       const struct simc__scs_mux_stream *wanted)
{
    if (wanted->pid || before->known.pid)
        return wanted->pid ? wanted->pid : before->known.pid;
    for (uint16_t pid = PID_FIRST; pid < PID_FIRST + PIDS; pid++) {
        if (!is_taken(plan, pid))
            return pid;
    }
    return PID_FIRST;
}

const char *mux_plan_define(struct mux_plan *plan, const struct simc__scs_mux_scg *definition,
                            struct simc_slice body, uint32_t limit,
                            struct simc__scs_mux_defined *defined)
{
    struct mux_scg *scg = mux_plan_find(plan, definition->scg_id);
    bool is_alike = scg && scg->body_size == body.size &&
                    simc_slice_equal(simc_slice(scg->body, scg->body_size), body);
    if (!scg && plan->scg_count >= limit)
        return "this mux has no room for more SCGs";
    if (!scg)
        scg = scg_add(plan, definition->scg_id);
    for (unsigned s = 0; s < SIMC__SCS_MUX_STREAMS_MAX; s++)
        scg->streams[s].is_defined = false;
    defined->stream_count = definition->stream_count;
    for (unsigned i = 0; i < definition->stream_count; i++) {
        const struct simc__scs_mux_stream *wanted = &definition->streams[i];
        struct mux_stream *stream = &scg->streams[wanted->stream];
        uint16_t pid = pid_of(plan, stream, wanted);
        stream->known = (struct simc__scs_mux_plan_stream){wanted->stream, wanted->super_cas_id,
                                                           wanted->ecm_id, pid};
        stream->is_defined = true;
        defined->pids[i] = pid;
    }
    if (!is_alike) {
        free(scg->body);
        scg->body = malloc(body.size);
        if (!scg->body)
            abort();
        memcpy(scg->body, body.data, body.size);
        scg->body_size = (uint32_t)body.size;
    }
    plan->is_changed = true;
    mux_say(plan, "define", ",\"scg\":%u,\"alike\":%s,\"services\":%u,\"streams\":%u",
            (unsigned)scg->scg_id, is_alike ? "true" : "false", definition->service_count,
            definition->stream_count);
    return NULL;
}

/* ---- orders ---- */

/* The place of a CP in the ring; an older CP gives way. */
static struct mux_slot *slot_of(struct mux_scg *scg, uint16_t cp)
{
    struct mux_slot *slot = &scg->slots[cp % RING];
    if (!slot->is_used || slot->cp != cp) {
        simc_secret_wipe(&slot->cw);
        *slot = (struct mux_slot){.is_used = true, .cp = cp, .start_tick = SIMC__SCS_MUX_OPEN};
    }
    return slot;
}

static void take_word(struct mux_plan *plan, struct mux_scg *scg,
                      const struct simc__scs_mux_order *order)
{
    struct mux_slot *slot = slot_of(scg, order->cp);
    char mark[SIMC_FINGERPRINT_SIZE], hex[2 * SIMC__SCS_MUX_CW_MAX + 1] = "";
    bool is_other = slot->cw.size && !simc_secret_equal(&slot->cw, &order->cw);
    simc_secret_fingerprint(&order->cw, mark);
    for (unsigned i = 0; i < order->cw.size && plan->shows_secrets; i++)
        snprintf(hex + 2 * i, sizeof hex - 2 * i, "%02x", order->cw.bytes[i]);
    mux_say(plan, "word", ",\"scg\":%u,\"cp\":%u,\"size\":%u,\"print\":\"%s\"%s%s%s",
            (unsigned)scg->scg_id, order->cp, order->cw.size, mark, *hex ? ",\"cw\":\"" : "", hex,
            *hex ? "\"" : "");
    plan->counts.words++;
    if (is_other) {
        plan->counts.cw_conflicts++;
        alarm_raise(plan, SIMC__SCS_MUX_ALARM_OTHER_WORD, scg->scg_id, 255,
                    "a CP has got a second, different control word");
        return;
    }
    slot->cw = order->cw;
}

static void take_ecm(struct mux_plan *plan, struct mux_scg *scg,
                     const struct simc__scs_mux_order *order)
{
    static const uint8_t hash_key[16];
    struct mux_ecm *ecm = &scg->streams[order->stream].ecms[order->cp % RING];
    free(ecm->data);
    ecm->data = malloc(order->datagram.size);
    if (!ecm->data)
        abort();
    memcpy(ecm->data, order->datagram.data, order->datagram.size);
    ecm->size = (uint32_t)order->datagram.size;
    ecm->cp = order->cp;
    plan->counts.ecms++;
    char *hex = plan->shows_ecms ? malloc(2 * order->datagram.size + 1) : NULL;
    for (size_t i = 0; hex && i < order->datagram.size; i++)
        snprintf(hex + 2 * i, 3, "%02x", order->datagram.data[i]);
    mux_say(plan, "ecm",
            ",\"scg\":%u,\"stream\":%u,\"cp\":%u,\"size\":%u,\"hash\":\"%016" PRIx64 "\"%s%s%s",
            (unsigned)scg->scg_id, order->stream, order->cp, (unsigned)ecm->size,
            simc__siphash(hash_key, ecm->data, ecm->size), hex ? ",\"hex\":\"" : "", hex ? hex : "",
            hex ? "\"" : "");
    free(hex);
}

/* How late an order is; it is counted and reported when it is obeyed. */
static uint64_t lateness(struct mux_plan *plan, uint32_t scg_id,
                         const struct simc__scs_mux_order *order)
{
    if (order->start_tick >= plan->tick) {
        if (order->start_tick - plan->tick < plan->lead_ticks)
            plan->counts.tight_orders++;
        return 0;
    }
    uint64_t late_ticks = plan->tick - order->start_tick;
    plan->counts.late_orders++;
    mux_say(plan, "late",
            ",\"scg\":%u,\"order\":%d,\"stream\":%u,\"cp\":%u,\"late_ticks\":%" PRIu64,
            (unsigned)scg_id, (int)order->type, order->stream, order->cp, late_ticks);
    report(plan, (struct simc__scs_mux_report){.type = SIMC__SCS_MUX_REPORT_LATE,
                                               .scg_id = scg_id,
                                               .stream = order->stream,
                                               .order = (uint8_t)order->type,
                                               .cp = order->cp,
                                               .tick = plan->tick,
                                               .late_ticks = late_ticks});
    return late_ticks;
}

/* An order that was obeyed before, told again by an SCS that has started anew. */
static bool is_repeated(const struct mux_plan *plan, const struct mux_scg *scg,
                        const struct simc__scs_mux_order *order)
{
    const struct mux_slot *slot = &scg->slots[order->cp % RING];
    if (order->start_tick >= plan->tick)
        return false;
    if (order->type == SIMC__SCS_MUX_ORDER_CLEAR)
        return !scg->is_scrambled && scg->end_tick == order->start_tick;
    return slot->is_used && slot->cp == order->cp && slot->start_tick == order->start_tick;
}

/* A period or end of scrambling; the same one that is still to come is moved. */
static void take_boundary(struct mux_plan *plan, struct mux_scg *scg,
                          const struct simc__scs_mux_order *order)
{
    bool is_clear = order->type == SIMC__SCS_MUX_ORDER_CLEAR;
    struct mux_boundary new = {.is_clear = is_clear,
                               .is_first = order->is_first,
                               .parity = order->parity,
                               .cp = order->cp,
                               .start_tick = order->start_tick};
    uint32_t at = 0;
    if (is_repeated(plan, scg, order))
        return;
    while (at < scg->boundary_count &&
           (scg->boundaries[at].is_clear != is_clear || scg->boundaries[at].cp != new.cp))
        at++;
    if (at < scg->boundary_count) {
        scg->boundary_count--;
        memmove(scg->boundaries + at, scg->boundaries + at + 1,
                (scg->boundary_count - at) * sizeof new);
    }
    if (scg->boundary_count == MUX_BOUNDARIES_MAX) {
        plan->counts.overfull++;
        return;
    }
    new.late_ticks = lateness(plan, scg->scg_id, order);
    at = scg->boundary_count++;
    for (; at > 0 && scg->boundaries[at - 1].start_tick > new.start_tick; at--)
        scg->boundaries[at] = scg->boundaries[at - 1];
    scg->boundaries[at] = new;
    if (!is_clear)
        slot_of(scg, order->cp)->start_tick = order->start_tick;
}

static void take_window(struct mux_plan *plan, struct mux_scg *scg,
                        const struct simc__scs_mux_order *order)
{
    struct mux_stream *stream = &scg->streams[order->stream];
    struct mux_window *window = NULL;
    for (unsigned i = 0; i < MUX_WINDOWS_MAX; i++) {
        struct mux_window *each = &stream->windows[i];
        bool is_it = each->is_used && each->cp == order->cp;
        if (is_it || (!each->is_used && (!window || !window->is_used)))
            window = each;
        if (is_it)
            break;
    }
    if (!window) {
        plan->counts.overfull++;
        return;
    }
    if (window->is_used) { /* its end is known now */
        window->stop_tick = order->stop_tick;
        window->repetition_ms = order->repetition_ms;
        if (!window->is_on_air)
            window->start_tick = order->start_tick;
        return;
    }
    if (order->stop_tick <= plan->tick) {
        plan->counts.missed_windows++;
        mux_say(plan, "missed", ",\"scg\":%u,\"stream\":%u,\"cp\":%u", (unsigned)scg->scg_id,
                order->stream, order->cp);
        return;
    }
    (void)lateness(plan, scg->scg_id, order);
    *window = (struct mux_window){.is_used = true,
                                  .cp = order->cp,
                                  .repetition_ms = order->repetition_ms,
                                  .start_tick = order->start_tick,
                                  .stop_tick = order->stop_tick};
}

void mux_plan_order(struct mux_plan *plan, const struct simc__scs_mux_order *order)
{
    struct mux_scg *scg = mux_plan_find(plan, order->scg_id);
    if (!scg) {
        mux_say(plan, "stray", ",\"scg\":%u,\"order\":%d", (unsigned)order->scg_id,
                (int)order->type);
        return;
    }
    plan->is_changed = true;
    switch (order->type) {
    case SIMC__SCS_MUX_ORDER_WORD:
        take_word(plan, scg, order);
        break;
    case SIMC__SCS_MUX_ORDER_ECM:
        take_ecm(plan, scg, order);
        break;
    case SIMC__SCS_MUX_ORDER_PERIOD:
    case SIMC__SCS_MUX_ORDER_CLEAR:
        take_boundary(plan, scg, order);
        break;
    case SIMC__SCS_MUX_ORDER_WINDOW:
        take_window(plan, scg, order);
        break;
    case SIMC__SCS_MUX_ORDER_PLANNED:
    case SIMC__SCS_MUX_ORDER_COUNT:
        scg->planned_tick = order->start_tick;
        break;
    }
}

/* ---- on air ---- */

/* The period that ends must have had an ECM of each stream on air. */
static void period_check(struct mux_plan *plan, struct mux_scg *scg)
{
    for (unsigned s = 0; s < SIMC__SCS_MUX_STREAMS_MAX; s++) {
        struct mux_stream *stream = &scg->streams[s];
        if (scg->is_scrambled && stream->is_defined && !stream->is_seen) {
            plan->counts.periods_without_ecm++;
            mux_say(plan, "no-ecm", ",\"scg\":%u,\"stream\":%u,\"cp\":%u", (unsigned)scg->scg_id, s,
                    scg->cp);
        }
        stream->is_seen = false;
        for (unsigned i = 0; i < MUX_WINDOWS_MAX; i++)
            stream->is_seen = stream->is_seen || stream->windows[i].is_on_air;
    }
}

static void period_begin(struct mux_plan *plan, struct mux_scg *scg,
                         const struct mux_boundary *boundary, uint64_t tick)
{
    const struct mux_slot *slot = &scg->slots[boundary->cp % RING];
    char mark[SIMC_FINGERPRINT_SIZE] = "--------";
    bool has_word = slot->is_used && slot->cp == boundary->cp && slot->cw.size;
    period_check(plan, scg);
    if (scg->is_scrambled && scg->parity == boundary->parity)
        plan->counts.parity_repeats++;
    if (scg->is_scrambled && boundary->cp != (uint16_t)(scg->cp + 1))
        plan->counts.cp_gaps++;
    if (has_word)
        simc_secret_fingerprint(&slot->cw, mark);
    mux_say(plan, "period",
            ",\"scg\":%u,\"cp\":%u,\"parity\":%u,\"at\":%" PRIu64
            ",\"first\":%s,\"late_ticks\":%" PRIu64 ",\"print\":\"%s\"",
            (unsigned)scg->scg_id, boundary->cp, boundary->parity, tick,
            boundary->is_first ? "true" : "false", boundary->late_ticks, mark);
    plan->counts.periods++;
    if (!has_word) {
        plan->counts.periods_without_word++;
        alarm_raise(plan, SIMC__SCS_MUX_ALARM_NO_WORD, scg->scg_id, 255,
                    "a period begins without a control word");
    }
    scg->is_scrambled = true;
    scg->cp = boundary->cp;
    scg->parity = boundary->parity;
    report(plan, (struct simc__scs_mux_report){.type = SIMC__SCS_MUX_REPORT_PERIOD,
                                               .scg_id = scg->scg_id,
                                               .cp = scg->cp,
                                               .parity = scg->parity,
                                               .tick = tick});
}

static void boundary_pass(struct mux_plan *plan, struct mux_scg *scg)
{
    struct mux_boundary boundary = scg->boundaries[0];
    uint64_t tick = boundary.start_tick + boundary.late_ticks;
    scg->boundary_count--;
    memmove(scg->boundaries, scg->boundaries + 1, scg->boundary_count * sizeof boundary);
    plan->is_changed = true;
    if (!boundary.is_clear) {
        period_begin(plan, scg, &boundary, tick);
        return;
    }
    period_check(plan, scg);
    scg->is_scrambled = false;
    scg->end_tick = tick;
    plan->counts.clears++;
    mux_say(plan, "clear", ",\"scg\":%u,\"at\":%" PRIu64, (unsigned)scg->scg_id, tick);
    report(plan, (struct simc__scs_mux_report){
                     .type = SIMC__SCS_MUX_REPORT_CLEAR, .scg_id = scg->scg_id, .tick = tick});
}

static void window_begin(struct mux_plan *plan, const struct mux_scg *scg,
                         struct mux_stream *stream, unsigned index, struct mux_window *window)
{
    const struct mux_ecm *ecm = &stream->ecms[window->cp % RING];
    plan->is_changed = true;
    plan->counts.windows++;
    if (!ecm->data || ecm->cp != window->cp) {
        plan->counts.windows_without_ecm++;
        window->is_used = false;
        alarm_raise(plan, SIMC__SCS_MUX_ALARM_NO_ECM, scg->scg_id, index,
                    "a window begins without its ECM");
        return;
    }
    window->is_on_air = stream->is_seen = true;
    window->first_tick = window->start_tick;
    mux_say(plan, "window",
            ",\"scg\":%u,\"stream\":%u,\"cp\":%u,\"at\":%" PRIu64 ",\"repetition_ms\":%u",
            (unsigned)scg->scg_id, index, window->cp, window->first_tick, window->repetition_ms);
    report(plan, (struct simc__scs_mux_report){.type = SIMC__SCS_MUX_REPORT_ECM_FIRST,
                                               .scg_id = scg->scg_id,
                                               .stream = (uint8_t)index,
                                               .cp = window->cp,
                                               .tick = window->first_tick});
}

static void window_end(struct mux_plan *plan, const struct mux_scg *scg, unsigned index,
                       struct mux_window *window)
{
    uint64_t length = window->stop_tick - window->first_tick;
    uint64_t count = length / ((uint64_t)window->repetition_ms * TICKS_PER_MS) + 1;
    mux_say(plan, "window-end",
            ",\"scg\":%u,\"stream\":%u,\"cp\":%u,\"at\":%" PRIu64 ",\"count\":%" PRIu64,
            (unsigned)scg->scg_id, index, window->cp, window->stop_tick, count);
    report(plan, (struct simc__scs_mux_report){.type = SIMC__SCS_MUX_REPORT_ECM_LAST,
                                               .scg_id = scg->scg_id,
                                               .stream = (uint8_t)index,
                                               .cp = window->cp,
                                               .tick = window->stop_tick,
                                               .count = (uint32_t)count});
    plan->is_changed = true;
    *window = (struct mux_window){.is_used = false};
}

static void windows_run(struct mux_plan *plan, struct mux_scg *scg, uint64_t tick, bool is_end)
{
    for (unsigned s = 0; s < SIMC__SCS_MUX_STREAMS_MAX; s++) {
        for (unsigned i = 0; i < MUX_WINDOWS_MAX; i++) {
            struct mux_window *window = &scg->streams[s].windows[i];
            if (!is_end && window->is_used && !window->is_on_air && window->start_tick <= tick)
                window_begin(plan, scg, &scg->streams[s], s, window);
            if (is_end && window->is_on_air && window->stop_tick <= tick)
                window_end(plan, scg, s, window);
        }
    }
}

void mux_plan_run(struct mux_plan *plan, uint64_t tick)
{
    plan->tick = tick;
    for (uint32_t i = 0; i < plan->scg_count; i++) {
        struct mux_scg *scg = plan->scgs[i];
        /* Each boundary sees the windows that had begun by then. */
        while (scg->boundary_count && scg->boundaries[0].start_tick <= tick) {
            windows_run(plan, scg, scg->boundaries[0].start_tick, false);
            boundary_pass(plan, scg);
        }
        windows_run(plan, scg, tick, false);
        windows_run(plan, scg, tick, true);
    }
}

/* ---- the plan for the SCS ---- */

static void tell_periods(const struct mux_scg *scg, struct simc__scs_mux_plan_scg *told)
{
    for (unsigned i = 0; i < RING; i++) {
        const struct mux_slot *slot = &scg->slots[i];
        if (!slot->is_used)
            continue;
        unsigned at = told->period_count++;
        for (; at > 0 && simc_cp_distance(told->periods[at - 1].cp, slot->cp) > 0; at--)
            told->periods[at] = told->periods[at - 1];
        told->periods[at] =
            (struct simc__scs_mux_plan_period){slot->cp, slot->start_tick, slot->cw};
    }
}

void mux_plan_tell(const struct mux_scg *scg, struct simc__scs_mux_plan_scg *told)
{
    memset(told, 0, sizeof *told);
    told->scg_id = scg->scg_id;
    told->is_clear = !scg->is_scrambled;
    told->end_tick = scg->is_scrambled ? 0 : scg->end_tick;
    for (uint32_t i = 0; i < scg->boundary_count; i++) {
        told->is_clear = scg->boundaries[i].is_clear;
        told->end_tick = told->is_clear ? scg->boundaries[i].start_tick : 0;
    }
    tell_periods(scg, told);
    for (unsigned s = 0; s < SIMC__SCS_MUX_STREAMS_MAX; s++) {
        const struct mux_stream *stream = &scg->streams[s];
        if (!stream->is_defined)
            continue;
        told->streams[told->stream_count++] = stream->known;
        for (unsigned i = 0, open = 0; i < MUX_WINDOWS_MAX && open < 2; i++) {
            const struct mux_window *window = &stream->windows[i];
            if (!window->is_used || window->stop_tick != SIMC__SCS_MUX_OPEN)
                continue;
            open++;
            told->ecms[told->ecm_count++] = (struct simc__scs_mux_plan_ecm){
                (uint8_t)s, window->cp, window->start_tick, window->repetition_ms};
        }
    }
}

uint64_t mux_plan_planned(const struct mux_plan *plan)
{
    uint64_t planned = SIMC__SCS_MUX_OPEN;
    for (uint32_t i = 0; i < plan->scg_count; i++) {
        if (plan->scgs[i]->planned_tick < planned)
            planned = plan->scgs[i]->planned_tick;
    }
    return planned;
}

/* ---- state ---- */

static bool ecms_of(struct mux_scg *scg, FILE *file, bool is_load)
{
    for (unsigned k = 0; k < SIMC__SCS_MUX_STREAMS_MAX * RING; k++) {
        struct mux_ecm *ecm = &scg->streams[k / RING].ecms[k % RING];
        if (is_load && ecm->data)
            ecm->data = malloc(ecm->size);
        if (ecm->data && (is_load ? fread(ecm->data, ecm->size, 1, file)
                                  : fwrite(ecm->data, ecm->size, 1, file)) != 1)
            return false;
    }
    return true;
}

bool mux_plan_save(const struct mux_plan *plan, void *file)
{
    bool is_good = fwrite(&plan->scg_count, sizeof plan->scg_count, 1, file) == 1;
    for (uint32_t i = 0; i < plan->scg_count && is_good; i++) {
        struct mux_scg *scg = plan->scgs[i];
        is_good = fwrite(scg, sizeof *scg, 1, file) == 1 &&
                  fwrite(scg->body, scg->body_size, 1, file) == 1 && ecms_of(scg, file, false);
    }
    return is_good;
}

bool mux_plan_load(struct mux_plan *plan, void *file)
{
    bool is_good = fread(&plan->scg_count, sizeof plan->scg_count, 1, file) == 1 &&
                   plan->scg_count <= SIMC__SCS_MUX_SCGS_MAX;
    for (uint32_t i = 0; i < plan->scg_count && is_good; i++) {
        struct mux_scg *scg = plan->scgs[i] = malloc(sizeof *scg);
        if (!scg)
            abort();
        is_good = fread(scg, sizeof *scg, 1, file) == 1 && (scg->body = malloc(scg->body_size)) &&
                  fread(scg->body, scg->body_size, 1, file) == 1 && ecms_of(scg, file, true);
    }
    return is_good;
}

void mux_plan_summary(const struct mux_plan *plan)
{
    const struct mux_counts *counts = &plan->counts;
    mux_say(plan, "summary",
            ",\"scgs\":%u,\"words\":%" PRIu64 ",\"ecms\":%" PRIu64 ",\"periods\":%" PRIu64
            ",\"windows\":%" PRIu64 ",\"clears\":%" PRIu64 ",\"late_orders\":%" PRIu64
            ",\"tight_orders\":%" PRIu64 ",\"missed_windows\":%" PRIu64
            ",\"periods_without_ecm\":%" PRIu64 ",\"periods_without_word\":%" PRIu64
            ",\"windows_without_ecm\":%" PRIu64 ",\"cw_conflicts\":%" PRIu64
            ",\"parity_repeats\":%" PRIu64 ",\"cp_gaps\":%" PRIu64 ",\"overfull\":%" PRIu64,
            (unsigned)plan->scg_count, counts->words, counts->ecms, counts->periods,
            counts->windows, counts->clears, counts->late_orders, counts->tight_orders,
            counts->missed_windows, counts->periods_without_ecm, counts->periods_without_word,
            counts->windows_without_ecm, counts->cw_conflicts, counts->parity_repeats,
            counts->cp_gaps, counts->overfull);
}
