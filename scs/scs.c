/* SPDX-License-Identifier: BSL-1.0 */
/* The synchroniser as a whole: start, reload, and the order in which things are done. The service
 * and tests call it. */
#include "scs/scs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scs/internal.h"

/* Of one simc__scs_run(): what one ECMG's answer sets off at another comes in further rounds. */
enum { ROUNDS_MOST = 64 };

/* ---- lists of what is to be looked at ---- */

void simc__scs_dirty_scg(struct simc__scs_scg *scg)
{
    if (scg->is_dirty)
        return;
    scg->is_dirty = true;
    scg->next_dirty = scg->scs->dirty_scgs;
    scg->scs->dirty_scgs = scg;
}

void simc__scs_dirty_channel(struct simc__scs_channel *channel)
{
    if (channel->is_dirty)
        return;
    channel->is_dirty = true;
    channel->next_dirty = channel->scs->dirty_channels;
    channel->scs->dirty_channels = channel;
}

void simc__scs_dirty_mux(struct simc__scs_mux *mux)
{
    if (mux->is_dirty)
        return;
    mux->is_dirty = true;
    mux->next_dirty = mux->scs->dirty_muxes;
    mux->scs->dirty_muxes = mux;
}

/* ---- the heap of deadlines ---- */

static void place(struct simc__scs *scs, struct simc__scs_scg *scg, size_t at)
{
    scs->heap[at] = scg;
    scg->heap_at = at;
}

static void sift(struct simc__scs *scs, struct simc__scs_scg *scg, size_t at)
{
    for (; at > 1 && scs->heap[at / 2]->deadline_ms > scg->deadline_ms; at /= 2)
        place(scs, scs->heap[at / 2], at);
    for (;;) {
        size_t child = 2 * at;
        if (child + 1 <= scs->heap_count &&
            scs->heap[child + 1]->deadline_ms < scs->heap[child]->deadline_ms)
            child++;
        if (child > scs->heap_count || scs->heap[child]->deadline_ms >= scg->deadline_ms)
            break;
        place(scs, scs->heap[child], at);
        at = child;
    }
    place(scs, scg, at);
}

void simc__scs_unschedule(struct simc__scs_scg *scg)
{
    struct simc__scs *scs = scg->scs;
    size_t at = scg->heap_at;
    if (at == 0)
        return;
    struct simc__scs_scg *last = scs->heap[scs->heap_count--];
    scg->heap_at = 0;
    if (last != scg)
        sift(scs, last, at);
}

void simc__scs_schedule(struct simc__scs_scg *scg, uint64_t deadline_ms)
{
    struct simc__scs *scs = scg->scs;
    scg->deadline_ms = deadline_ms;
    if (deadline_ms == SIMC_DEADLINE_NONE)
        simc__scs_unschedule(scg);
    else
        sift(scs, scg, scg->heap_at ? scg->heap_at : ++scs->heap_count);
}

uint64_t simc__scs_deadline_ms(const struct simc__scs *scs)
{
    bool is_due = scs->dirty_scgs || scs->dirty_channels || scs->dirty_muxes || scs->wants_settle;
    if (is_due)
        return scs->now_ms;
    return scs->heap_count ? scs->heap[1]->deadline_ms : SIMC_DEADLINE_NONE;
}

/* ---- running ---- */

/* Schedulers first; their orders go to the muxes before any control word goes to an ECMG. */
static void run_scgs(struct simc__scs *scs, uint64_t now_ms)
{
    struct simc__scs_scg *list = scs->dirty_scgs;
    scs->dirty_scgs = NULL;
    while (list) {
        struct simc__scs_scg *scg = list;
        list = scg->next_dirty;
        scg->is_dirty = false;
        simc__scs_scg_run(scg, now_ms);
        if (scg->has_provides)
            simc__scs_dirty_scg(scg);
    }
}

static void flush_muxes(struct simc__scs *scs)
{
    for (struct simc__scs_mux *mux = scs->muxes; mux; mux = mux->next)
        simc__scs_mux_orders_flush(mux);
    while (scs->dirty_muxes) {
        struct simc__scs_mux *mux = scs->dirty_muxes;
        scs->dirty_muxes = mux->next_dirty;
        mux->is_dirty = false;
        scs->environment.flush_mux(scs->environment.context, mux);
    }
}

static bool has_left(const struct simc__scs *scs, struct simc__scs_mux *mux)
{
    return !mux || !mux->owner || scs->environment.mux_waiting(scs->environment.context, mux) == 0;
}

/* @return true when something was sent, so that there may be more to do. */
static bool provide(struct simc__scs *scs, uint64_t now_ms)
{
    struct simc__scs_scg *list = scs->dirty_scgs;
    bool has_sent = false;
    scs->dirty_scgs = NULL;
    while (list) {
        struct simc__scs_scg *scg = list;
        list = scg->next_dirty;
        scg->is_dirty = false;
        if (!scg->has_provides) {
            simc__scs_dirty_scg(scg);
            has_sent = true;
        } else if (has_left(scs, scg->mux)) {
            simc__scs_scg_provide(scg, now_ms);
            has_sent = true;
        } else {
            /* Looked at again when the mux has taken its bytes. */
            simc__scs_schedule(scg, simc_deadline_after(now_ms, SIMC__SCS_LINK_POLL_MS));
        }
    }
    return has_sent;
}

static void flush_channels(struct simc__scs *scs)
{
    while (scs->dirty_channels) {
        struct simc__scs_channel *channel = scs->dirty_channels;
        scs->dirty_channels = channel->next_dirty;
        channel->is_dirty = false;
        if (channel->session)
            scs->environment.flush_channel(scs->environment.context, channel);
    }
}

void simc__scs_run(struct simc__scs *scs, uint64_t now_ms)
{
    scs->now_ms = now_ms > scs->now_ms ? now_ms : scs->now_ms;
    if (scs->is_running)
        return;
    scs->is_running = true;
    while (scs->heap_count && simc_deadline_due(scs->heap[1]->deadline_ms, now_ms)) {
        struct simc__scs_scg *scg = scs->heap[1];
        simc__scs_unschedule(scg);
        simc__scs_dirty_scg(scg);
    }
    for (unsigned i = 0; i < ROUNDS_MOST; i++) {
        if (scs->wants_settle) {
            scs->wants_settle = false;
            simc__scs_settle_all(scs, now_ms);
        }
        run_scgs(scs, now_ms);
        flush_muxes(scs);
        bool has_more = provide(scs, now_ms);
        flush_channels(scs);
        if (!has_more && !scs->dirty_scgs && !scs->wants_settle && !scs->dirty_muxes)
            break;
    }
    scs->is_running = false;
}

/* ---- groups ---- */

static int compare(uint32_t a, uint32_t b)
{
    return a < b ? -1 : a > b;
}

struct simc__scs_scg *simc__scs_find(const struct simc__scs *scs, uint32_t id)
{
    size_t low = 0, high = scs->scg_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(scs->scgs[middle]->id, id);
        if (order == 0)
            return scs->scgs[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static size_t count_scgs(const struct simc__scs_conf *conf, size_t *streams)
{
    size_t count = 0;
    *streams = 0;
    for (size_t i = 0; i < conf->scgs_count; i++) {
        count += conf->scgs[i].repeat;
        *streams += (size_t)conf->scgs[i].repeat * conf->scgs[i].streams_count;
    }
    return count;
}

/* The groups of a configuration, by rising id. */
struct wanted {
    const struct simc__scs_scg_conf *conf;
    uint32_t repetition;
    struct simc__scs_scg *scg;  /* the old one when it fits, or a new one */
    struct simc__scs_scg *made; /* new */
};

static uint32_t id_of(const struct wanted *wanted)
{
    return wanted->conf->id + wanted->repetition;
}

static int compare_wanted(const void *a, const void *b)
{
    return compare(id_of(a), id_of(b));
}

static int make_wanted(const struct simc__scs_conf *conf, struct wanted **out, size_t *count,
                       size_t *streams)
{
    *count = count_scgs(conf, streams);
    struct wanted *wanted = simc_calloc(*count + 1, sizeof *wanted);
    size_t at = 0;
    *out = wanted;
    if (!wanted)
        return SIMC_ENOMEM;
    for (size_t i = 0; i < conf->scgs_count; i++)
        for (uint32_t k = 0; k < conf->scgs[i].repeat; k++)
            wanted[at++] = (struct wanted){.conf = &conf->scgs[i], .repetition = k};
    qsort(wanted, *count, sizeof *wanted, compare_wanted);
    return 0;
}

static void begin_scg(struct simc__scs_scg *scg, uint64_t now_ms)
{
    struct simc__scs *scs = scg->scs;
    if (scs->conf->print != SIMC__SCS_PRINT_NONE) {
        scg->is_live = true;
        simc__scs_scg_timeline(scg, false);
    } else {
        simc__scs_mux_assign(scg);
    }
    for (unsigned i = 0; i < scg->stream_count; i++)
        simc__scs_settle(&scg->streams[i], now_ms);
    simc__scs_dirty_scg(scg);
}

/* Makes what the configuration has and the synchroniser has not. */
static int make_scg(struct simc__scs *scs, struct wanted *wanted)
{
    struct simc__scs_scg *old = simc__scs_find(scs, id_of(wanted));
    if (!old || !simc__scs_scg_fits(old, wanted->conf, wanted->repetition)) {
        int error = simc__scs_scg_new(scs, wanted->conf, wanted->repetition, old, &wanted->made);
        wanted->scg = wanted->made;
        return error;
    }
    wanted->scg = old;
    return simc__scs_scg_prepare(old, wanted->conf);
}

static void unmake_scgs(struct simc__scs *scs, struct wanted *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (wanted[i].made)
            simc__scs_scg_free(wanted[i].made, scs->now_ms);
        else if (wanted[i].scg)
            simc__scs_scg_forget(wanted[i].scg);
}

static int make_scgs(struct simc__scs *scs, struct wanted *wanted, size_t count)
{
    int error = 0;
    for (size_t i = 0; i < count && !error; i++)
        error = make_scg(scs, &wanted[i]);
    if (error)
        unmake_scgs(scs, wanted, count);
    return error;
}

/* From here on nothing fails. */
static void replace_scg(struct simc__scs *scs, struct simc__scs_scg *scg)
{
    struct simc__scs_scg *old = simc__scs_find(scs, scg->id);
    if (!old)
        return;
    scg->mux = old->mux;
    scg->is_live = old->is_live;
    scg->is_lost = old->is_lost;
    scg->lost_ms = old->lost_ms;
    scg->has_timeline_id = old->has_timeline_id;
    scg->timeline_id = old->timeline_id;
    simc__scs_scg_inherit(scg, old);
    if (scg->mux)
        simc__scs_mux_define(scg);
}

static void take_scgs(struct simc__scs *scs, struct wanted *wanted, size_t count, uint64_t now_ms)
{
    struct simc__scs_scg **old = scs->scgs;
    size_t old_count = scs->scg_count, at = 0;
    for (size_t i = 0; i < count; i++) {
        if (wanted[i].made)
            replace_scg(scs, wanted[i].made);
        else if (simc__scs_scg_take(wanted[i].scg, wanted[i].conf, wanted[i].repetition))
            simc_log(simc__scs_log(scs), SIMC_LOG_ERROR,
                     "a changed group cannot use all that the configuration says",
                     simc_log_uint("scg", wanted[i].scg->id));
    }
    for (size_t i = 0; i < old_count; i++) {
        while (at < count && id_of(&wanted[at]) < old[i]->id)
            at++;
        bool is_there = at < count && id_of(&wanted[at]) == old[i]->id;
        if (is_there && wanted[at].scg == old[i])
            continue;
        if (!is_there)
            simc__scs_mux_remove(old[i]);
        simc__scs_scg_free(old[i], now_ms);
    }
    for (size_t i = 0; i < count; i++)
        scs->scgs[i] = wanted[i].scg;
    scs->scg_count = count;
}

/* ---- start and reload ---- */

/* Only a matter of memory: arrays for so many groups. */
static int make_room(struct simc__scs *scs, size_t count)
{
    struct simc__scs_scg **heap =
        simc_realloc(scs->heap, (count + scs->scg_count + 2) * sizeof *heap);
    if (!heap)
        return SIMC_ENOMEM;
    scs->heap = heap;
    size_t most = count > scs->scg_count ? count : scs->scg_count;
    struct simc__scs_scg **scgs = simc_realloc(scs->scgs, (most + 1) * sizeof *scgs);
    if (!scgs)
        return SIMC_ENOMEM;
    scs->scgs = scgs;
    return 0;
}

static bool delay_is_equal(const struct simc__scs_ecmg_conf *a, const struct simc__scs_ecmg_conf *b)
{
    const struct simc__scs_announced_conf *one = &a->announced, *other = &b->announced;
#define DELAY_IS_EQUAL(member) \
    (one->member.is_set == other->member.is_set && one->member.ms == other->member.ms)
    return DELAY_IS_EQUAL(delay_start) && DELAY_IS_EQUAL(delay_stop) &&
           DELAY_IS_EQUAL(ac_delay_start) && DELAY_IS_EQUAL(ac_delay_stop) &&
           DELAY_IS_EQUAL(transition_delay_start) && DELAY_IS_EQUAL(transition_delay_stop) &&
           one->has_ecm_rep_period == other->has_ecm_rep_period &&
           one->ecm_rep_period_ms == other->ecm_rep_period_ms &&
           one->has_max_comp_time == other->has_max_comp_time &&
           one->max_comp_time_ms == other->max_comp_time_ms &&
           one->has_min_cp_duration == other->has_min_cp_duration &&
           one->min_cp_duration_ms == other->min_cp_duration_ms;
#undef DELAY_IS_EQUAL
}

static bool text_is_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool tls_is_equal(const struct simc__scs_ecmg_conf *a, const struct simc__scs_ecmg_conf *b)
{
    return a->has_tls == b->has_tls &&
           (!a->has_tls || (text_is_equal(a->tls.ca_file, b->tls.ca_file) &&
                            text_is_equal(a->tls.certificate_file, b->tls.certificate_file) &&
                            text_is_equal(a->tls.key_file, b->tls.key_file) &&
                            text_is_equal(a->tls.server_name, b->tls.server_name) &&
                            a->tls.tls12 == b->tls.tls12));
}

/* Whether the connections of an ECMG can stay; priority, warm and the like change in place. */
static bool ecmg_fits(const struct simc__scs_ecmg_conf *a, const struct simc__scs_ecmg_conf *b)
{
    return strcmp(a->name, b->name) == 0 && a->super_cas_id == b->super_cas_id &&
           strcmp(a->address.host, b->address.host) == 0 && a->address.port == b->address.port &&
           a->version == b->version && a->channel_id == b->channel_id &&
           a->channels == b->channels && a->connect_ms == b->connect_ms &&
           a->setup_ms == b->setup_ms && a->test_ms == b->test_ms && a->idle_ms == b->idle_ms &&
           a->retry_first_ms == b->retry_first_ms && a->retry_most_ms == b->retry_most_ms &&
           a->reply_allowance_ms == b->reply_allowance_ms &&
           a->max_comp_default_ms == b->max_comp_default_ms && a->from_n == b->from_n &&
           a->strict == b->strict && delay_is_equal(a, b) && tls_is_equal(a, b);
}

static struct simc__scs_ecmg *find_fitting(const struct simc__scs *scs,
                                           const struct simc__scs_ecmg_conf *conf)
{
    struct simc__scs_ecmg *ecmg = scs->ecmgs;
    while (ecmg && !ecmg_fits(ecmg->conf, conf))
        ecmg = ecmg->next;
    return ecmg;
}

static struct simc__scs_ecmg *find_namesake(const struct simc__scs *scs,
                                            const struct simc__scs_ecmg_conf *conf)
{
    struct simc__scs_ecmg *ecmg = scs->ecmgs;
    while (ecmg && (ecmg->conf->super_cas_id != conf->super_cas_id ||
                    strcmp(ecmg->conf->name, conf->name) != 0))
        ecmg = ecmg->next;
    return ecmg;
}

/* Those that are not there yet, as a list of its own. */
static int make_ecmgs(struct simc__scs *scs, const struct simc__scs_conf *conf,
                      struct simc__scs_ecmg **list)
{
    *list = NULL;
    for (size_t i = 0; i < conf->ecmgs_count; i++) {
        struct simc__scs_ecmg *ecmg;
        if (find_fitting(scs, &conf->ecmgs[i]))
            continue;
        int error =
            simc__scs_ecmg_new(scs, &conf->ecmgs[i], find_namesake(scs, &conf->ecmgs[i]), &ecmg);
        if (error == 0) {
            ecmg->next = *list;
            *list = ecmg;
            continue;
        }
        simc_log(simc__scs_log(scs), SIMC_LOG_ERROR, "an ECMG cannot be used",
                 simc_log_text("ecmg", conf->ecmgs[i].name),
                 simc_log_text("why", simc_error_text(error)));
        if (error == SIMC_ENOMEM)
            return error;
    }
    return 0;
}

static void unmake_ecmgs(struct simc__scs *scs, struct simc__scs_ecmg *list)
{
    while (list) {
        struct simc__scs_ecmg *ecmg = list;
        list = ecmg->next;
        simc__scs_ecmg_free(ecmg, scs->now_ms);
    }
}

/* What the configuration does not have, or has otherwise. */
static void drop_ecmgs(struct simc__scs *scs, const struct simc__scs_conf *conf, uint64_t now_ms)
{
    struct simc__scs_ecmg *next;
    for (struct simc__scs_ecmg *ecmg = scs->ecmgs; ecmg; ecmg = next) {
        bool is_wanted = false;
        next = ecmg->next;
        for (size_t i = 0; !is_wanted && i < conf->ecmgs_count; i++) {
            is_wanted = ecmg_fits(ecmg->conf, &conf->ecmgs[i]);
            if (!is_wanted)
                continue;
            ecmg->conf = &conf->ecmgs[i];
            for (size_t k = 0; k < ecmg->channel_count; k++)
                ecmg->channels[k]->conf = ecmg->conf;
        }
        if (!is_wanted)
            simc__scs_ecmg_free(ecmg, now_ms);
    }
}

static void take_ecmgs(struct simc__scs *scs, const struct simc__scs_conf *conf,
                       struct simc__scs_ecmg *list, uint64_t now_ms)
{
    while (list) {
        struct simc__scs_ecmg *ecmg = list;
        list = ecmg->next;
        simc__scs_ecmg_add(ecmg);
    }
    drop_ecmgs(scs, conf, now_ms);
}

int simc__scs_check(const struct simc__scs_conf *conf, char why[SIMC__SCS_WHY_SIZE])
{
    bool has_link = conf->link.socket || conf->link.listen.host;
    if (conf->print == SIMC__SCS_PRINT_NONE && !has_link) {
        snprintf(
            why, SIMC__SCS_WHY_SIZE,
            "link has neither socket nor listen, so no mux could connect; give one of them, or "
            "print");
        return SIMC_EINVAL;
    }
    return 0;
}

int simc__scs_change(struct simc__scs *scs, const struct simc__scs_conf *conf, uint64_t now_ms,
                     char why[SIMC__SCS_WHY_SIZE])
{
    struct wanted *wanted = NULL;
    size_t count = 0, streams = 0;
    scs->now_ms = now_ms > scs->now_ms ? now_ms : scs->now_ms;
    int error = simc__scs_check(conf, why);
    if (error)
        return error;
    size_t old_total = scs->stream_total;
    struct simc__scs_ecmg *ecmgs = NULL;
    error = make_wanted(conf, &wanted, &count, &streams);
    scs->stream_total = streams;
    if (!error)
        error = make_room(scs, count);
    if (!error)
        error = make_scgs(scs, wanted, count);
    if (!error) {
        error = make_ecmgs(scs, conf, &ecmgs);
        if (error) {
            unmake_ecmgs(scs, ecmgs);
            unmake_scgs(scs, wanted, count);
        }
    }
    if (error) {
        snprintf(why, SIMC__SCS_WHY_SIZE, "%s", simc_error_text(error));
        simc_free(wanted);
        scs->stream_total = old_total;
        return error;
    }
    scs->conf = conf;
    take_scgs(scs, wanted, count, now_ms);
    take_ecmgs(scs, conf, ecmgs, now_ms);
    for (size_t i = 0; i < count; i++) {
        if (!wanted[i].made)
            continue;
        if (!wanted[i].made->is_live)
            begin_scg(wanted[i].made, now_ms);
        simc__scs_dirty_scg(wanted[i].made);
    }
    simc_free(wanted);
    scs->wants_settle = true;
    return 0;
}

int simc__scs_new(const struct simc__scs_environment *environment,
                  const struct simc__scs_conf *conf, uint64_t now_ms, struct simc__scs **out,
                  char why[SIMC__SCS_WHY_SIZE])
{
    struct simc__scs *scs = simc_calloc(1, sizeof *scs);
    snprintf(why, SIMC__SCS_WHY_SIZE, "%s", simc_error_text(SIMC_ENOMEM));
    if (!scs)
        return SIMC_ENOMEM;
    scs->environment = *environment;
    scs->start_ms = scs->now_ms = now_ms;
    int error = simc__metrics_add(environment->metrics, &simc__scs_stats, NULL, 0, &scs->stats);
    if (!error)
        error = simc__scs_change(scs, conf, now_ms, why);
    if (error) {
        simc__scs_free(scs);
        return error;
    }
    *out = scs;
    return 0;
}

const struct simc__scs_conf *simc__scs_conf(const struct simc__scs *scs)
{
    return scs->conf;
}

/* ---- the end ---- */

void simc__scs_drain(struct simc__scs *scs, uint64_t now_ms)
{
    scs->is_draining = true;
    for (size_t i = 0; i < scs->scg_count; i++)
        scs->scgs[i]->is_live = false;
    for (struct simc__scs_ecmg *ecmg = scs->ecmgs; ecmg; ecmg = ecmg->next)
        for (size_t i = 0; i < ecmg->channel_count; i++) {
            struct simc__scs_channel *channel = ecmg->channels[i];
            if (!channel->session)
                continue;
            simc_session_close(channel->session, now_ms);
            simc__scs_dirty_channel(channel);
        }
}

bool simc__scs_is_drained(const struct simc__scs *scs)
{
    for (const struct simc__scs_ecmg *ecmg = scs->ecmgs; ecmg; ecmg = ecmg->next)
        for (size_t i = 0; i < ecmg->channel_count; i++)
            if (ecmg->channels[i]->session)
                return false;
    return scs->gone == NULL;
}

void simc__scs_free(struct simc__scs *scs)
{
    if (!scs)
        return;
    scs->is_draining = true;
    while (scs->muxes)
        simc__scs_mux_free(scs->muxes);
    for (size_t i = 0; i < scs->scg_count; i++)
        simc__scs_scg_free(scs->scgs[i], scs->now_ms);
    scs->scg_count = 0;
    while (scs->ecmgs)
        simc__scs_ecmg_free(scs->ecmgs, scs->now_ms);
    simc__scs_channels_drop(scs);
    simc__metrics_remove(scs->environment.metrics, scs->stats);
    simc_free(scs->heap);
    simc_free(scs->scgs);
    simc_free(scs);
}
