/* SPDX-License-Identifier: BSL-1.0 */
/* Scrambling control groups: what DEFINE and REMOVE of the SCS do, and which packets of the output
 * belong to which group. The program calls it for the link; route.c when PIDs change. */
#include <stdio.h>
#include <string.h>

#include "link/link.h"
#include "mux/internal.h"

struct simc__mux_scg *simc__mux_scg_find(const struct simc__mux *mux, uint32_t scg_id)
{
    for (uint32_t i = 0; i < mux->scg_limit; i++)
        if (mux->scgs[i] && mux->scgs[i]->scg_id == scg_id)
            return mux->scgs[i];
    return NULL;
}

static bool is_here(const struct simc__mux *mux, const struct simc__scs_mux_scg_service *row)
{
    return (row->original_network_id == SIMC__SCS_MUX_ANY ||
            row->original_network_id == simc__mux_network_id(mux)) &&
           (row->transport_stream_id == SIMC__SCS_MUX_ANY ||
            row->transport_stream_id == simc__mux_ts_id(mux));
}

static bool names(const struct simc__scs_mux_scg_service *row, uint16_t component)
{
    if (component == SIMC_PID_NULL)
        return row->component_count == 0;
    for (unsigned i = 0; i < row->component_count; i++)
        if (row->components[i] == component)
            return true;
    return false;
}

bool simc__mux_scg_has(const struct simc__mux *mux, const struct simc__mux_scg *scg,
                       uint16_t service_id, uint16_t component)
{
    for (unsigned i = 0; i < scg->service_count; i++)
        if (scg->services[i].service_id == service_id && is_here(mux, &scg->services[i]) &&
            names(&scg->services[i], component))
            return true;
    return false;
}

/* ---- which packets ---- */

/* @return components that the row names and that are not there; 1 for a service that is not. */
static unsigned assign(struct simc__mux *mux, const struct simc__mux_scg *scg,
                       const struct simc__scs_mux_scg_service *row)
{
    const struct simc__mux_service *service = simc__mux_service_find(mux, row->service_id);
    if (!service || !service->is_present || !is_here(mux, row))
        return 1;
    unsigned found = 0;
    for (unsigned c = 0; c < service->component_count; c++) {
        const struct simc__mux_component *component = &service->components[c];
        struct simc__mux_out *out = &mux->outs[component->out];
        bool is_ours = row->component_count > 0 ? names(row, component->out)
                                                : !simc__mux_type_is_clear(component->type);
        if (!is_ours || out->use != SIMC__MUX_USE_COMPONENT)
            continue;
        out->scg = (uint16_t)(scg->index + 1);
        found++;
    }
    return row->component_count > found ? row->component_count - found : 0;
}

void simc__mux_scg_tell_gone(struct simc__mux *mux, const struct simc__mux_scg *scg)
{
    struct simc__mux_alarm_key key = simc__mux_alarm_of_scg(SIMC__SCS_MUX_ALARM_SERVICE_GONE,
                                                            scg->scg_id, SIMC__MUX_STREAM_NONE);
    if (scg->is_incomplete)
        simc__mux_alarm_raise(mux, key, 0,
                              "a service or component of SCG %u \"%s\" is not in the multiplex; it "
                              "is scrambled as soon as it appears",
                              scg->scg_id, scg->name);
    else
        simc__mux_alarm_clear(mux, key);
}

void simc__mux_scg_assign(struct simc__mux *mux)
{
    /* Groups of whole programmes first: those of components take theirs out of them. */
    for (unsigned level = 0; level < 2; level++) {
        for (uint32_t i = 0; i < mux->scg_limit; i++) {
            struct simc__mux_scg *scg = mux->scgs[i];
            if (!scg)
                continue;
            if (level == 0)
                scg->is_incomplete = false;
            for (unsigned s = 0; s < scg->service_count; s++)
                if ((scg->services[s].component_count > 0) == (level == 1) &&
                    assign(mux, scg, &scg->services[s]) > 0)
                    scg->is_incomplete = true;
            if (level == 0)
                continue;
            /* At the start the tables are still on their way; second.c looks again. */
            if (!scg->is_incomplete || scg->was_complete)
                simc__mux_scg_tell_gone(mux, scg);
            scg->was_complete = scg->was_complete || !scg->is_incomplete;
        }
    }
}

/* ---- the definition ---- */

struct fault {
    uint32_t *code;
    char *why;
};

static int refuse(struct fault *fault, uint32_t code)
{
    *fault->code = code;
    return SIMC_EINVAL;
}

static bool is_taken(const struct simc__mux *mux, const struct simc__mux_scg *own,
                     const struct simc__scs_mux_scg_service *row, uint16_t component)
{
    for (uint32_t i = 0; i < mux->scg_limit; i++) {
        const struct simc__mux_scg *scg = mux->scgs[i];
        if (scg && scg != own && simc__mux_scg_has(mux, scg, row->service_id, component))
            return true;
    }
    return false;
}

static int check_services(const struct simc__mux *mux, const struct simc__scs_mux_scg *wanted,
                          const struct simc__mux_scg *own, struct fault *fault)
{
    for (unsigned i = 0; i < wanted->service_count; i++) {
        const struct simc__scs_mux_scg_service *row = &wanted->services[i];
        if (row->component_count > SIMC__SCS_MUX_COMPONENTS_MAX)
            return refuse(fault, SIMC__LINK_BAD_REQUEST);
        if (!is_here(mux, row)) {
            snprintf(fault->why, SIMC__MUX_TEXT_SIZE,
                     "service 0x%04x is wanted of another transport stream than this one (0x%04x "
                     "of network 0x%04x)",
                     row->service_id, simc__mux_ts_id(mux), simc__mux_network_id(mux));
            return refuse(fault, SIMC__LINK_CONFLICT);
        }
        bool is_conflict =
            row->component_count == 0 && is_taken(mux, own, row, (uint16_t)SIMC_PID_NULL);
        for (unsigned c = 0; c < row->component_count; c++)
            is_conflict = is_conflict || is_taken(mux, own, row, row->components[c]);
        if (is_conflict) {
            snprintf(fault->why, SIMC__MUX_TEXT_SIZE,
                     "service 0x%04x, or a component of it, is in another SCG already",
                     row->service_id);
            return refuse(fault, SIMC__LINK_CONFLICT);
        }
    }
    return 0;
}

static bool is_same_stream(const struct simc__scs_mux_stream *a,
                           const struct simc__scs_mux_stream *b)
{
    return a->stream == b->stream && a->super_cas_id == b->super_cas_id && a->ecm_id == b->ecm_id;
}

static struct simc__mux_player *player_like(struct simc__mux_scg *scg,
                                            const struct simc__scs_mux_stream *stream)
{
    for (unsigned i = 0; scg && i < scg->stream_count; i++)
        if (is_same_stream(&scg->players[i].config, stream))
            return &scg->players[i];
    return NULL;
}

static bool has_pid(const struct simc__mux_scg *scg, uint16_t pid)
{
    for (unsigned i = 0; scg && i < scg->stream_count; i++)
        if (scg->players[i].pid == pid)
            return true;
    return false;
}

static int check_streams(const struct simc__mux *mux, const struct simc__scs_mux_scg *wanted,
                         const struct simc__mux_scg *own, struct fault *fault)
{
    for (unsigned i = 0; i < wanted->stream_count; i++) {
        const struct simc__scs_mux_stream *stream = &wanted->streams[i];
        bool is_twice = stream->stream >= SIMC__SCS_MUX_STREAMS_MAX ||
                        stream->private_size > SIMC__SCS_MUX_PRIVATE_MAX;
        for (unsigned n = 0; n < i; n++)
            is_twice = is_twice || wanted->streams[n].stream == stream->stream ||
                       (stream->pid != 0 && wanted->streams[n].pid == stream->pid);
        if (is_twice) {
            snprintf(fault->why, SIMC__MUX_TEXT_SIZE,
                     "stream %u is out of range, or its number or PID stands twice",
                     stream->stream);
            return refuse(fault, SIMC__LINK_BAD_REQUEST);
        }
        if (stream->pid != 0 && !simc__mux_pid_is_free(mux, stream->pid) &&
            !has_pid(own, stream->pid)) {
            snprintf(fault->why, SIMC__MUX_TEXT_SIZE,
                     "PID 0x%04x of stream %u is taken; leave the choice to the mux, or name a "
                     "free one",
                     stream->pid, stream->stream);
            return refuse(fault, SIMC__LINK_CONFLICT);
        }
    }
    return 0;
}

static int check(struct simc__mux *mux, const struct simc__scs_mux_scg *wanted,
                 const struct simc__mux_scg *own, struct fault *fault)
{
    const struct simc_scrambling_info *info = simc_scrambling_by_mode(wanted->scrambling_mode);
    if (!info || wanted->service_count > SIMC__SCS_MUX_SCG_SERVICES_MAX ||
        wanted->stream_count > SIMC__SCS_MUX_STREAMS_MAX || wanted->service_count == 0) {
        snprintf(fault->why, SIMC__MUX_TEXT_SIZE,
                 "scrambling_mode 0x%02x is unknown, or the SCG has no or too many services or "
                 "streams",
                 wanted->scrambling_mode);
        return refuse(fault, SIMC__LINK_BAD_REQUEST);
    }
    int error = simc_scrambler_require(mux->scrambler, info->algorithm);
    if (error == SIMC_EUNSUPPORTED) {
        snprintf(fault->why, SIMC__MUX_TEXT_SIZE, "%s", simc_scrambler_why(mux->scrambler));
        return refuse(fault, SIMC__LINK_UNAVAILABLE);
    }
    if (error)
        return error;
    if (!own && mux->scg_count == mux->scg_limit) {
        snprintf(fault->why, SIMC__MUX_TEXT_SIZE, "the limit of %u SCGs is reached",
                 mux->scg_limit);
        return refuse(fault, SIMC__LINK_LIMIT);
    }
    error = check_services(mux, wanted, own, fault);
    return error ? error : check_streams(mux, wanted, own, fault);
}

static bool is_alike(const struct simc__mux_scg *scg, const struct simc__scs_mux_scg *wanted)
{
    if (scg->scrambling_mode != wanted->scrambling_mode ||
        scg->no_scrambling_descriptor != wanted->no_scrambling_descriptor ||
        scg->service_count != wanted->service_count || scg->stream_count != wanted->stream_count ||
        strncmp(scg->name, wanted->name, sizeof scg->name) != 0)
        return false;
    for (unsigned i = 0; i < wanted->service_count; i++) {
        const struct simc__scs_mux_scg_service *a = &scg->services[i];
        const struct simc__scs_mux_scg_service *b = &wanted->services[i];
        if (a->original_network_id != b->original_network_id ||
            a->transport_stream_id != b->transport_stream_id || a->service_id != b->service_id ||
            a->component_count != b->component_count ||
            memcmp(a->components, b->components, a->component_count * sizeof(uint16_t)) != 0)
            return false;
    }
    for (unsigned i = 0; i < wanted->stream_count; i++) {
        const struct simc__scs_mux_stream *a = &scg->players[i].config;
        const struct simc__scs_mux_stream *b = &wanted->streams[i];
        if (!is_same_stream(a, b) || a->is_hidden != b->is_hidden || a->pid != b->pid ||
            a->private_size != b->private_size ||
            memcmp(a->private_data, b->private_data, a->private_size) != 0)
            return false;
    }
    return true;
}

/* A player moves: heaps point to its item. */
static void move_player(struct simc__mux *mux, struct simc__mux_player *from,
                        struct simc__mux_player *to)
{
    simc__mux_item_stop(mux, &from->item);
    *to = *from;
    memset(from->ecms, 0, sizeof from->ecms);
    from->window_count = 0;
    from->is_on = false;
}

static uint16_t choose_pid(const struct simc__mux *mux, const struct simc__scs_mux_stream *stream,
                           const struct simc__mux_player *old)
{
    if (stream->pid != 0)
        return stream->pid;
    return old ? old->pid : simc__mux_pid_free(mux, mux->config->ecm_pid_first);
}

/* Puts the streams of a definition in place of those that are there. */
static void take_streams(struct simc__mux *mux, struct simc__mux_scg *scg,
                         const struct simc__scs_mux_scg *wanted, struct simc__mux_player *players)
{
    for (unsigned i = 0; i < scg->stream_count; i++)
        mux->outs[scg->players[i].pid].use = SIMC__MUX_USE_FREE;
    for (unsigned named = 2; named-- > 0;) {
        /* PIDs that are asked for go first, so that the free choice finds others. */
        for (unsigned i = 0; i < wanted->stream_count; i++) {
            const struct simc__scs_mux_stream *stream = &wanted->streams[i];
            struct simc__mux_player *old = player_like(scg, stream);
            if ((stream->pid != 0) != (named == 1))
                continue;
            uint16_t pid = choose_pid(mux, stream, old);
            if (old)
                move_player(mux, old, &players[i]);
            players[i].item.timer.kind = SIMC__MUX_TIMER_PLAYER;
            players[i].item.rank = SIMC__MUX_RANK_ECM;
            players[i].item.pid = players[i].pid = pid;
            players[i].config = *stream;
            players[i].scg = scg;
            mux->outs[pid].use = SIMC__MUX_USE_ECM;
            mux->outs[pid].class_index = SIMC__MUX_CLASS_ECM;
        }
    }
    for (unsigned i = 0; i < scg->stream_count; i++)
        simc__mux_player_fini(mux, &scg->players[i]);
    simc_free(scg->players);
    scg->players = players;
    if (scg->stream_count > wanted->stream_count)
        mux->timer_count -= (uint32_t)scg->stream_count - wanted->stream_count;
    scg->stream_count = wanted->stream_count;
    scg->ecm_bytes = 0;
    for (unsigned i = 0; i < scg->stream_count; i++) {
        for (unsigned e = 0; e < SIMC__SCS_MUX_WORDS_KEPT; e++)
            scg->ecm_bytes += (size_t)players[i].ecms[e].packet_count * SIMC_TS_SIZE;
        simc__mux_player_fire(mux, &players[i], mux->tick);
    }
}

static int make(struct simc__mux *mux, const struct simc__scs_mux_scg *wanted,
                struct simc__mux_scg *scg)
{
    struct simc__mux_player *players = (struct simc__mux_player *)simc_calloc(
        wanted->stream_count ? wanted->stream_count : 1, sizeof(struct simc__mux_player));
    struct simc__scs_mux_scg_service *services = (struct simc__scs_mux_scg_service *)simc_calloc(
        wanted->service_count, sizeof(struct simc__scs_mux_scg_service));
    if (!players || !services ||
        simc__mux_timers_reserve(mux, wanted->stream_count > scg->stream_count
                                          ? wanted->stream_count - scg->stream_count
                                          : 0)) {
        simc_free(players);
        simc_free(services);
        return SIMC_ENOMEM;
    }
    memcpy(services, wanted->services, wanted->service_count * sizeof *services);
    simc_free(scg->services);
    scg->services = services;
    scg->service_count = wanted->service_count;
    snprintf(scg->name, sizeof scg->name, "%s", wanted->name);
    scg->scg_id = wanted->scg_id;
    scg->scrambling_mode = wanted->scrambling_mode;
    scg->algorithm = simc_scrambling_by_mode(wanted->scrambling_mode)->algorithm;
    scg->no_scrambling_descriptor = wanted->no_scrambling_descriptor;
    take_streams(mux, scg, wanted, players);
    mux->is_route_due = true;
    return 0;
}

static int create(struct simc__mux *mux, const struct simc__scs_mux_scg *wanted,
                  struct simc__mux_scg **made)
{
    struct simc__mux_scg *scg =
        (struct simc__mux_scg *)simc_calloc(1, sizeof(struct simc__mux_scg));
    if (!scg || simc__mux_timers_reserve(mux, 1)) {
        simc_free(scg);
        return SIMC_ENOMEM;
    }
    while (mux->scgs[scg->index])
        scg->index++;
    scg->timer.kind = SIMC__MUX_TIMER_PERIOD;
    int error = make(mux, wanted, scg);
    if (error) {
        mux->timer_count--;
        simc_free(scg);
        return error;
    }
    mux->scgs[scg->index] = scg;
    mux->scg_count++;
    *made = scg;
    return 0;
}

void simc__mux_scg_free(struct simc__mux *mux, struct simc__mux_scg *scg)
{
    if (!scg)
        return;
    if (scg->jobs)
        simc__mux_scramble_jobs(mux);
    simc__mux_timer_stop(mux, &scg->timer);
    mux->timer_count -= 1u + scg->stream_count;
    for (unsigned i = 0; i < scg->stream_count; i++) {
        mux->outs[scg->players[i].pid].use = SIMC__MUX_USE_FREE;
        simc__mux_player_fini(mux, &scg->players[i]);
    }
    simc_scrambler_key_wipe(mux->scrambler, scg->index, SIMC_PARITY_EVEN);
    simc_scrambler_key_wipe(mux->scrambler, scg->index, SIMC_PARITY_ODD);
    simc_free(scg->players);
    simc_free(scg->services);
    mux->scgs[scg->index] = NULL;
    mux->scg_count--;
    simc_wipe(scg, sizeof *scg);
    simc_free(scg);
}

static void clear_alarms(struct simc__mux *mux, const struct simc__mux_scg *scg)
{
    for (uint32_t type = SIMC__SCS_MUX_ALARM_SERVICE_GONE; type <= SIMC__SCS_MUX_ALARM_STRETCHED;
         type++) {
        simc__mux_alarm_clear(mux,
                              simc__mux_alarm_of_scg(type, scg->scg_id, SIMC__MUX_STREAM_NONE));
        for (unsigned i = 0; i < scg->stream_count; i++)
            simc__mux_alarm_clear(
                mux, simc__mux_alarm_of_scg(type, scg->scg_id, scg->players[i].config.stream));
    }
}

int simc__mux_remove(struct simc__mux *mux, uint32_t scg_id)
{
    struct simc__mux_scg *scg = simc__mux_scg_find(mux, scg_id);
    if (!scg)
        return SIMC_ENOTFOUND;
    for (unsigned i = 0; i < scg->stream_count; i++)
        simc__mux_player_stop(mux, &scg->players[i], true);
    clear_alarms(mux, scg);
    simc__mux_scg_free(mux, scg);
    mux->is_route_due = true;
    return 0;
}

/* Control words and ECMs of another cipher, or of a laboratory, are of no use. */
static void forget(struct simc__mux *mux, struct simc__mux_scg *scg)
{
    if (scg->jobs)
        simc__mux_scramble_jobs(mux);
    for (unsigned i = 0; i < scg->stream_count; i++) {
        simc__mux_player_stop(mux, &scg->players[i], true);
        simc__mux_player_fini(mux, &scg->players[i]);
    }
    clear_alarms(mux, scg);
    simc__mux_timer_stop(mux, &scg->timer);
    simc_scrambler_key_wipe(mux->scrambler, scg->index, SIMC_PARITY_EVEN);
    simc_scrambler_key_wipe(mux->scrambler, scg->index, SIMC_PARITY_ODD);
    simc_wipe(scg->words, sizeof scg->words);
    scg->ahead_count = 0;
    scg->ecm_bytes = 0;
    scg->is_on = scg->is_waiting = scg->was_scrambled = scg->is_static = false;
    scg->report = 0;
    scg->start_tick = scg->length = scg->end_tick = scg->static_period = 0;
    scg->planned_tick = 0;
    simc__mux_scg_signal(mux, scg);
}

static void tell(const struct simc__mux *mux, const struct simc__mux_scg *scg,
                 struct simc__scs_mux_defined *defined)
{
    memset(defined, 0, sizeof *defined);
    defined->stream_count = scg->stream_count;
    for (unsigned i = 0; i < scg->stream_count; i++)
        defined->pids[i] = scg->players[i].pid;
    for (unsigned i = 0; i < scg->service_count; i++) {
        const struct simc__mux_service *service =
            simc__mux_service_find(mux, scg->services[i].service_id);
        if (!service || !service->is_present) {
            snprintf(defined->remark, sizeof defined->remark,
                     "service 0x%04x is not in the multiplex now; it is scrambled as soon as it "
                     "appears",
                     scg->services[i].service_id);
            return;
        }
    }
}

static int define(struct simc__mux *mux, const struct simc__scs_mux_scg *wanted, bool is_static,
                  struct simc__mux_scg **made, uint32_t *code, char why[SIMC__MUX_TEXT_SIZE])
{
    struct fault fault = {code, why};
    *code = 0;
    snprintf(why, SIMC__MUX_TEXT_SIZE, "the definition of the SCG is out of range");
    if (mux->is_route_due)
        simc__mux_route(mux);
    struct simc__mux_scg *scg = simc__mux_scg_find(mux, wanted->scg_id);
    int error = check(mux, wanted, scg, &fault);
    if (error)
        return error;
    *made = scg;
    if (!scg)
        return create(mux, wanted, made);
    bool is_other = scg->scrambling_mode != wanted->scrambling_mode || scg->is_static != is_static;
    if (!is_other && is_alike(scg, wanted))
        return 0;
    error = make(mux, wanted, scg);
    if (!error && is_other)
        forget(mux, scg);
    return error;
}

int simc__mux_define(struct simc__mux *mux, const struct simc__scs_mux_scg *wanted,
                     struct simc__scs_mux_defined *defined, uint32_t *code,
                     char why[SIMC__MUX_TEXT_SIZE])
{
    struct simc__mux_scg *scg;
    int error = define(mux, wanted, false, &scg, code, why);
    if (error)
        return error;
    tell(mux, scg, defined);
    return 0;
}

int simc__mux_define_static(struct simc__mux *mux, const struct simc__scs_mux_scg *wanted,
                            const struct simc_secret words[2], uint32_t cp_ms, uint32_t *code,
                            char why[SIMC__MUX_TEXT_SIZE])
{
    const struct simc_scrambling_info *info = simc_scrambling_by_mode(wanted->scrambling_mode);
    struct simc__mux_scg *scg;
    if (info && (words[0].size != info->cw_size || words[1].size != info->cw_size)) {
        *code = SIMC__LINK_BAD_REQUEST;
        snprintf(why, SIMC__MUX_TEXT_SIZE, "control words of %s have %u bytes", info->name,
                 info->cw_size);
        return SIMC_EINVAL;
    }
    int error = define(mux, wanted, true, &scg, code, why);
    if (error)
        return error;
    if (scg->jobs)
        simc__mux_scramble_jobs(mux);
    for (unsigned parity = 0; parity < 2 && !error; parity++)
        error = simc_scrambler_key_set(mux->scrambler, scg->index, (enum simc_parity)parity,
                                       scg->algorithm, &words[parity]);
    if (error) {
        int gone = simc__mux_remove(mux, wanted->scg_id);
        return gone ? gone : error;
    }
    scg->is_static = true;
    scg->is_on = true;
    scg->was_scrambled = mux->was_scrambled = true;
    scg->static_period = simc__mux_ms(cp_ms);
    scg->cp = (uint16_t)(cp_ms ? mux->tick / scg->static_period : 0);
    scg->parity = scg->cp & 1;
    scg->start_tick = cp_ms ? mux->tick - mux->tick % scg->static_period : mux->tick;
    simc__mux_period_arm(mux, scg);
    simc__mux_scg_signal(mux, scg);
    return 0;
}
