/* SPDX-License-Identifier: BSL-1.0 */
/* Figures and events of a receiver, for programs: words of the rows, services and ECM PIDs as they
 * are now, JSON, and whether that is what was asked for. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "receiver/internal.h"

/* ---- words ---- */

#define REFUSAL_WORD(name, word, text) [SIMC__RECEIVER_REFUSAL_##name] = word,
#define REFUSAL_TEXT(name, word, text) [SIMC__RECEIVER_REFUSAL_##name] = text,
#define WORD(name, word)               word,

const char *simc__receiver_refusal_word(int reason)
{
    static const char *const words[] = {SIMC__RECEIVER_REFUSAL_ROWS(REFUSAL_WORD)};
    if (reason >= SIMC_ECM_REASON_COUNT && reason < SIMC__RECEIVER_REFUSAL_COUNT)
        return words[reason];
    return reason < 0 ? "?" : simc_ecm_reason_word((enum simc_ecm_reason)reason);
}

const char *simc__receiver_refusal_text(int reason)
{
    static const char *const texts[] = {SIMC__RECEIVER_REFUSAL_ROWS(REFUSAL_TEXT)};
    if (reason >= SIMC_ECM_REASON_COUNT && reason < SIMC__RECEIVER_REFUSAL_COUNT)
        return texts[reason];
    return reason < 0 ? "?" : simc_ecm_reason_text((enum simc_ecm_reason)reason);
}

const char *simc__receiver_state_word(enum simc__receiver_state state)
{
    static const char *const words[] = {SIMC__RECEIVER_STATE_ROWS(WORD)};
    return (unsigned)state < SIMC__RECEIVER_STATE_COUNT ? words[state] : "?";
}

const char *simc__receiver_event_word(enum simc__receiver_event_type type)
{
    static const char *const words[] = {SIMC__RECEIVER_EVENT_ROWS(WORD)};
    return (unsigned)type < SIMC__RECEIVER_EVENT_COUNT ? words[type] : "?";
}

/* ---- events ---- */

void simc__event(struct simc__receiver *receiver, enum simc__receiver_event_type type,
                 uint16_t program, uint16_t pid, const char *format, ...)
{
    va_list arguments;
    unsigned at = (receiver->event_at + receiver->event_count) % SIMC__RECEIVER_EVENTS_MAX;
    if (receiver->event_count == SIMC__RECEIVER_EVENTS_MAX)
        receiver->event_at = (receiver->event_at + 1) % SIMC__RECEIVER_EVENTS_MAX;
    else
        receiver->event_count++;
    struct simc__receiver_event *event = &receiver->events[at];
    event->type = type;
    event->packet = receiver->tail;
    event->time_ms = simc__receiver_time_ms(receiver, receiver->tail);
    event->program = program;
    event->pid = pid;
    va_start(arguments, format);
    vsnprintf(event->text, sizeof event->text, format, arguments);
    va_end(arguments);
}

int simc__receiver_event(struct simc__receiver *receiver, struct simc__receiver_event *event)
{
    if (!receiver->event_count)
        return SIMC_EAGAIN;
    *event = receiver->events[receiver->event_at];
    receiver->event_at = (receiver->event_at + 1) % SIMC__RECEIVER_EVENTS_MAX;
    receiver->event_count--;
    return 0;
}

/* ---- what is now ---- */

const struct simc__receiver_stats *simc__receiver_stats(const struct simc__receiver *receiver)
{
    return &receiver->stats;
}

static bool can_decode(const struct simc__receiver *receiver, size_t service, bool *waits)
{
    bool decodes = true;
    *waits = false;
    for (size_t i = 0; i < SIMC__GROUPS_MAX; i++) {
        const struct simc__group *group = &receiver->groups[i];
        if (!group->used || group->service != service || !group->period)
            continue;
        if (group->periods[group->period % SIMC__PERIODS_MAX].word >= 0)
            continue;
        decodes = false;
        *waits = *waits || (group->can && !group->hopeless);
    }
    return decodes;
}

static enum simc__receiver_state state_of(const struct simc__receiver *receiver, size_t at)
{
    const struct simc__service *service = &receiver->services[at];
    const struct simc__receiver_service_stats *stats = &service->stats;
    bool waits;
    if (!service->has_pmt)
        return SIMC__RECEIVER_NO_PMT;
    if (!stats->packets)
        return SIMC__RECEIVER_SILENT;
    if (!stats->scrambled)
        return SIMC__RECEIVER_CLEAR;
    if (service->has_ca && can_decode(receiver, at, &waits))
        return SIMC__RECEIVER_DECODED;
    return service->has_ca && waits ? SIMC__RECEIVER_WAITING : SIMC__RECEIVER_NOT_DECODED;
}

/* A service that was asked for and is not there. */
static bool missing(const struct simc__receiver *receiver, size_t index,
                    struct simc__receiver_service *into)
{
    for (size_t i = 0; i < receiver->config.service_count; i++) {
        bool found = false;
        for (size_t k = 0; k < receiver->service_count; k++)
            found = found || (receiver->services[k].used &&
                              receiver->services[k].program == receiver->wanted[i]);
        if (found || index--)
            continue;
        *into = (struct simc__receiver_service){.program = receiver->wanted[i],
                                                .wanted = true,
                                                .state = SIMC__RECEIVER_MISSING,
                                                .scrambling = -1};
        /* It may have been there. */
        for (size_t k = 0; k < receiver->service_count; k++) {
            if (receiver->services[k].program == receiver->wanted[i])
                into->stats = receiver->services[k].stats;
        }
        return true;
    }
    return false;
}

bool simc__receiver_service(const struct simc__receiver *receiver, size_t index,
                            struct simc__receiver_service *into)
{
    for (size_t i = 0; i < receiver->service_count; i++) {
        const struct simc__service *service = &receiver->services[i];
        if (!service->used || index--)
            continue;
        *into = (struct simc__receiver_service){.program = service->program,
                                                .pmt_pid = service->pmt_pid,
                                                .wanted = service->wanted,
                                                .has_ca = service->has_ca,
                                                .state = state_of(receiver, i),
                                                .scrambling = service->mode,
                                                .stats = service->stats};
        return true;
    }
    return missing(receiver, index, into);
}

bool simc__receiver_ecm(const struct simc__receiver *receiver, uint16_t program, size_t index,
                        struct simc__receiver_ecm_stats *into)
{
    bool seen[SIMC__ECMS_MAX] = {false};
    for (size_t i = 0; i < SIMC__GROUPS_MAX; i++) {
        const struct simc__group *group = &receiver->groups[i];
        if (!group->used || receiver->services[group->service].program != program)
            continue;
        for (unsigned k = 0; k < group->ca_count; k++) {
            const struct simc__pid_row *row = &receiver->pids[group->cas[k].pid];
            if (row->kind != SIMC__PID_ECM || seen[row->index])
                continue;
            seen[row->index] = true;
            if (index--)
                continue;
            *into = receiver->ecms[row->index].stats;
            return true;
        }
    }
    return false;
}

/* ---- judgement ---- */

static bool meets(const struct simc__receiver_service *service, enum simc__receiver_demand demand)
{
    const struct simc__receiver_service_stats *stats = &service->stats;
    if (service->state == SIMC__RECEIVER_MISSING || service->state == SIMC__RECEIVER_NO_PMT ||
        !stats->packets)
        return false;
    if (!stats->scrambled)
        return true;
    if (demand == SIMC__RECEIVER_DEMAND_SOME)
        return stats->opened > 0;
    return service->state == SIMC__RECEIVER_DECODED && stats->opened && !stats->lost &&
           (demand != SIMC__RECEIVER_DEMAND_ALL || !stats->lost_start);
}

bool simc__receiver_meets(const struct simc__receiver *receiver, enum simc__receiver_demand demand)
{
    struct simc__receiver_service service;
    unsigned count = 0;
    if (demand == SIMC__RECEIVER_DEMAND_NONE)
        return true;
    for (size_t i = 0; simc__receiver_service(receiver, i, &service); i++) {
        if (!service.wanted)
            continue;
        count++;
        if (!meets(&service, demand))
            return false;
    }
    return count > 0;
}

/* ---- JSON ---- */

static void put_ecm(struct simc__json *json, const struct simc__receiver_ecm_stats *ecm)
{
    simc__json_object(json, NULL);
    simc__json_hex(json, "pid", ecm->pid, 4);
    simc__json_hex(json, "ca_system_id", ecm->ca_system_id, 4);
    simc__json_uint(json, "package", ecm->package);
    simc__json_uint(json, "key_version", ecm->key_version);
    simc__json_uint(json, "ecm_id", ecm->ecm_id);
    simc__json_uint(json, "seen", ecm->sections);
    simc__json_uint(json, "changes", ecm->changes);
    simc__json_uint(json, "opened", ecm->opened);
    simc__json_object(json, "refused");
    for (int i = 1; i < SIMC__RECEIVER_REFUSAL_COUNT; i++) {
        if (ecm->refused[i])
            simc__json_uint(json, simc__receiver_refusal_word(i), ecm->refused[i]);
    }
    simc__json_end(json);
    simc__json_uint(json, "last_ms", ecm->last_ms);
    simc__json_end(json);
}

/* The counters of a service: name in JSON, place. */
static const struct {
    const char *name;
    size_t offset;
} counters[] = {
    {"packets", offsetof(struct simc__receiver_service_stats, packets)},
    {"clear", offsetof(struct simc__receiver_service_stats, clear)},
    {"scrambled", offsetof(struct simc__receiver_service_stats, scrambled)},
    {"opened", offsetof(struct simc__receiver_service_stats, opened)},
    {"lost", offsetof(struct simc__receiver_service_stats, lost)},
    {"lost_start", offsetof(struct simc__receiver_service_stats, lost_start)},
    {"held", offsetof(struct simc__receiver_service_stats, held)},
    {"damaged", offsetof(struct simc__receiver_service_stats, damaged)},
    {"gaps", offsetof(struct simc__receiver_service_stats, gaps)},
    {"crypto_periods", offsetof(struct simc__receiver_service_stats, periods)},
    {"cw_changes", offsetof(struct simc__receiver_service_stats, cw_changes)},
    {"cw_wrong", offsetof(struct simc__receiver_service_stats, wrong)},
    {"pmt_changes", offsetof(struct simc__receiver_service_stats, pmt_changes)},
};

static void put_service(const struct simc__receiver *receiver, struct simc__json *json,
                        const struct simc__receiver_service *service)
{
    char why[SIMC__RECEIVER_TEXT_SIZE] = "";
    struct simc__receiver_ecm_stats ecm;
    struct simc_writer out = simc_writer(why, sizeof why - 1);
    simc__json_object(json, NULL);
    simc__json_uint(json, "service", service->program);
    simc__json_text(json, "state", simc__receiver_state_word(service->state));
    simc__receiver_why(receiver, service->program, &out);
    if (out.at && !out.error)
        simc__json_text(json, "why", why);
    else
        simc__json_null(json, "why");
    if (service->scrambling >= 0)
        simc__json_hex(json, "scrambling_mode", (unsigned)service->scrambling, 2);
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        uint64_t value;
        memcpy(&value, (const char *)&service->stats + counters[i].offset, sizeof value);
        simc__json_uint(json, counters[i].name, value);
    }
    if (service->stats.has_first) {
        simc__json_uint(json, "first_packet", service->stats.first_packet);
        simc__json_uint(json, "first_ms", service->stats.first_ms);
    }
    simc__json_array(json, "ecms");
    for (size_t i = 0; simc__receiver_ecm(receiver, service->program, i, &ecm); i++)
        put_ecm(json, &ecm);
    simc__json_end(json);
    simc__json_end(json);
}

void simc__receiver_json(const struct simc__receiver *receiver, struct simc__json *json,
                         const char *name)
{
    const struct simc__receiver_stats *stats = &receiver->stats;
    struct simc__receiver_service service;
    simc__json_object(json, name);
    simc__json_uint(json, "time_ms", stats->time_ms);
    simc__json_uint(json, "packets", stats->packets);
    simc__json_uint(json, "passed", stats->passed);
    simc__json_uint(json, "dropped", stats->dropped);
    simc__json_uint(json, "waiting", receiver->waiting);
    simc__json_uint(json, "held_max", stats->held_max);
    simc__json_uint(json, "forced", stats->forced);
    simc__json_uint(json, "breaks", stats->breaks);
    simc__json_uint(json, "over_ceilings", stats->services_over);
    simc__json_array(json, "services");
    for (size_t i = 0; simc__receiver_service(receiver, i, &service); i++) {
        if (service.wanted)
            put_service(receiver, json, &service);
    }
    simc__json_end(json);
    simc__json_end(json);
}
