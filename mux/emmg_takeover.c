/* SPDX-License-Identifier: BSL-1.0 */
/* Who gives way: an EMMG that was cut off comes back and finds its channel, or its data_ids, open
 * on its old connection. emmg_channel.c asks here before it refuses; emmg.c when time has passed.
 *
 * Whoever has ended gives way at once. A connection that was lost without an end looks like one
 * that is silent: it is tested with channel_test, and whoever wants its place waits for the answer.
 * When the old EMMG answers, the new one is refused; when it does not, it gives way. */
#include <string.h>

#include "mux/emmg_internal.h"

/* It stands behind all that came before it, and is told when the loop has gone round. */
static bool has_ended(const struct simc__emmg_channel *channel)
{
    const struct simc__emmg_environment *environment = &channel->emmg->environment;
    return environment->is_ended && environment->is_ended(environment->context, channel);
}

static void give_way(struct simc__emmg_channel *channel, const char *why, uint64_t now_ms)
{
    const struct simc__emmg_environment *environment = &channel->emmg->environment;
    simc__emmg_channel_close(channel, why, now_ms);
    channel->held_until_ms = 0;
    simc__emmg_wait_end(channel, now_ms);
    simc_session_release(channel->session, now_ms);
    simc_session_close(channel->session, now_ms);
    environment->flush(environment->context, channel);
}

/* The address without the port, and all names of the certificate. */
static bool is_same_peer(const struct simc__emmg_channel *a, const struct simc__emmg_channel *b)
{
    const char *a_port = strrchr(a->address, ':'), *b_port = strrchr(b->address, ':');
    size_t len = a_port ? (size_t)(a_port - a->address) : strlen(a->address);
    bool is_same = len == (b_port ? (size_t)(b_port - b->address) : strlen(b->address)) &&
                   strncmp(a->address, b->address, len) == 0 && a->name_count == b->name_count;
    for (size_t i = 0; is_same && i < a->name_count; i++)
        is_same = strcmp(a->names[i], b->names[i]) == 0;
    return is_same;
}

/* ---- the test of the old one ---- */

static uint64_t test_over_ms(const struct simc__emmg_channel *old)
{
    return simc_deadline_after(old->tested_ms, old->emmg->conf->timers.takeover_ms);
}

/* One that has just answered is not asked again at once, however often others come. */
static bool begin_test(struct simc__emmg_channel *old, uint64_t now_ms)
{
    const struct simc__emmg *emmg = old->emmg;
    bool is_recent = old->tested_ms && now_ms < test_over_ms(old);
    if (is_recent && old->has_answered)
        return false;
    if (is_recent)
        return true;
    int error = simc_session_test(old->session, -1, now_ms);
    /* One may be under way, because it has been silent. */
    if (error && error != SIMC_EFULL)
        return false;
    old->tested_ms = now_ms;
    old->has_answered = false;
    emmg->environment.flush(emmg->environment.context, old);
    return true;
}

static enum simc__emmg_claim first_claim(const struct simc__emmg_channel *channel,
                                         struct simc__emmg_channel *old, uint64_t now_ms)
{
    const struct simc__emmg *emmg = channel->emmg;
    if (!emmg->conf->timers.takeover_ms || emmg->waiting >= emmg->conf->limits.takeovers)
        return SIMC__EMMG_CLAIM_IN_USE;
    return begin_test(old, now_ms) ? SIMC__EMMG_CLAIM_WAITS : SIMC__EMMG_CLAIM_IN_USE;
}

/* Some EMMGs bring data and answer no tests. What comes right behind the test may have been under
 * way when its sender was lost; what comes in the second half of the time was not. Of one that is
 * held for its bandwidth nothing is read, so that nothing is known. */
static bool shows_life(const struct simc__emmg_channel *old)
{
    return old->has_answered || old->held_until_ms ||
           old->heard_ms > old->tested_ms + old->emmg->conf->timers.takeover_ms / 2;
}

static enum simc__emmg_claim later_claim(const struct simc__emmg_channel *channel,
                                         struct simc__emmg_channel *old, uint64_t now_ms)
{
    bool was_tested = old->tested_ms && test_over_ms(old) >= channel->wait_since_ms;
    if (!was_tested || old->has_answered)
        return SIMC__EMMG_CLAIM_IN_USE;
    if (now_ms < test_over_ms(old))
        return SIMC__EMMG_CLAIM_WAITS;
    if (shows_life(old))
        return SIMC__EMMG_CLAIM_IN_USE;
    give_way(old, "its EMMG does not answer, and has come back on another connection", now_ms);
    return SIMC__EMMG_CLAIM_FREE;
}

enum simc__emmg_claim simc__emmg_claim(const struct simc__emmg_channel *channel,
                                       struct simc__emmg_channel *old, bool pushes, uint64_t now_ms)
{
    bool is_allowed = channel->emmg->conf->takeover == SIMC__EMMG_TAKEOVER_SAME_PEER;
    if (has_ended(old) || (pushes && is_allowed && is_same_peer(channel, old))) {
        give_way(old, "its EMMG has come back on another connection", now_ms);
        return SIMC__EMMG_CLAIM_FREE;
    }
    return channel->wait ? later_claim(channel, old, now_ms) : first_claim(channel, old, now_ms);
}

/* ---- those that wait ---- */

static uint64_t wait_over_ms(const struct simc__emmg_channel *channel)
{
    return simc_deadline_after(channel->wait_since_ms, channel->emmg->conf->timers.takeover_ms);
}

void simc__emmg_wait(struct simc__emmg_channel *channel, enum simc__emmg_wait wait, uint64_t now_ms)
{
    struct simc__emmg *emmg = channel->emmg;
    if (channel->wait || simc_session_defer(channel->session))
        return;
    channel->wait = (uint8_t)wait;
    channel->wait_since_ms = now_ms;
    emmg->waiting++;
    emmg->settle_ms = simc_deadline_first(emmg->settle_ms, wait_over_ms(channel));
}

void simc__emmg_wait_end(struct simc__emmg_channel *channel, uint64_t now_ms)
{
    const struct simc__emmg_environment *environment = &channel->emmg->environment;
    if (!channel->wait)
        return;
    channel->wait = SIMC__EMMG_WAITS_NOT;
    channel->emmg->waiting--;
    simc_session_release(channel->session, now_ms);
    environment->flush(environment->context, channel);
}

static void settle_one(struct simc__emmg_channel *channel, uint64_t now_ms)
{
    if (has_ended(channel) || simc_session_wants_close(channel->session))
        simc__emmg_wait_end(channel, now_ms);
    else
        simc__emmg_channel_decide(channel, now_ms);
}

/* The first that came is served first: new channels stand at the front of the list. */
void simc__emmg_settle(struct simc__emmg *emmg, uint64_t now_ms)
{
    struct simc__emmg_channel *channel = emmg->channels;
    if (now_ms < emmg->settle_ms)
        return;
    while (channel && channel->next)
        channel = channel->next;
    emmg->settle_ms = SIMC_DEADLINE_NONE;
    for (; channel && emmg->waiting; channel = channel->previous) {
        if (channel->wait)
            settle_one(channel, now_ms);
        if (channel->wait)
            emmg->settle_ms = simc_deadline_first(emmg->settle_ms, wait_over_ms(channel));
    }
}
