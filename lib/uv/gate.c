/* SPDX-License-Identifier: BSL-1.0 */
/* The gate: allow-list, limits and figures that servers on several loops share. A server asks it
 * for each connection; everything is behind one mutex, which is held for a moment only. */
#include <stdio.h>
#include <string.h>

#include "uv/internal.h"

enum {
    CONNECTIONS_STANDARD = 4096,
    CONNECTIONS_MOST = 1000000,
    PER_ADDRESS_STANDARD = 256,
    ALLOW_MAX = 65536,
    BUCKET_COUNT = 1024,
    TEXT_SHOWN_MAX = 64,
    IPV6_BYTES_COUNTED = 8, /* a host has a whole /64 */
};

/* An address that has connections. */
struct visitor {
    struct visitor *next;
    uint8_t bytes[16];
    uint32_t count;
};

struct rules {
    struct simc__uv_prefix *allow;
    size_t allow_count;
    uint32_t connections, per_address;
};

struct simc_uv_gate {
    uv_mutex_t mutex;
    struct rules rules;
    uint32_t connections;
    uint64_t seed; /* so that nobody can choose addresses that share a bucket */
    struct visitor *buckets[BUCKET_COUNT];
    struct simc__uv_gate_member *members;
    struct simc_uv_stats past; /* of members that are gone */
};

/* ---- settings ---- */

static int read_allow(const struct simc_uv_gate_settings *settings, struct rules *rules,
                      char why[SIMC_UV_TEXT_SIZE])
{
    if (settings->allow_count == 0)
        return 0;
    if (settings->allow_count > ALLOW_MAX) {
        snprintf(why, SIMC_UV_TEXT_SIZE, "the allow-list has more than %d entries", ALLOW_MAX);
        return SIMC_EINVAL;
    }
    rules->allow = simc_calloc(settings->allow_count, sizeof *rules->allow);
    if (!rules->allow)
        return SIMC_ENOMEM;
    for (size_t i = 0; i < settings->allow_count; i++) {
        const char *wrong;
        if (simc__uv_prefix_read(settings->allow[i], &rules->allow[i], &wrong)) {
            snprintf(why, SIMC_UV_TEXT_SIZE, "entry %zu of the allow-list, \"%.*s\": %s", i + 1,
                     TEXT_SHOWN_MAX, settings->allow[i], wrong);
            return SIMC_EINVAL;
        }
    }
    rules->allow_count = settings->allow_count;
    return 0;
}

static int read_settings(const struct simc_uv_gate_settings *settings, struct rules *rules,
                         char why[SIMC_UV_TEXT_SIZE])
{
    static const struct simc_uv_gate_settings standard;
    memset(rules, 0, sizeof *rules);
    snprintf(why, SIMC_UV_TEXT_SIZE, "%s", simc_error_text(SIMC_ENOMEM));
    settings = settings ? settings : &standard;
    rules->connections = settings->connections ? settings->connections : CONNECTIONS_STANDARD;
    rules->per_address = settings->connections_per_address ? settings->connections_per_address
                                                           : PER_ADDRESS_STANDARD;
    if (rules->connections > CONNECTIONS_MOST) {
        snprintf(why, SIMC_UV_TEXT_SIZE, "a limit of %u connections is more than %d",
                 (unsigned)rules->connections, CONNECTIONS_MOST);
        return SIMC_EINVAL;
    }
    int error = read_allow(settings, rules, why);
    if (error)
        simc_free(rules->allow);
    else
        why[0] = '\0';
    return error;
}

int simc_uv_gate_new(const struct simc_uv_gate_settings *settings, char why[SIMC_UV_TEXT_SIZE],
                     struct simc_uv_gate **gate)
{
    struct rules rules;
    *gate = NULL;
    int error = read_settings(settings, &rules, why);
    if (error)
        return error;
    struct simc_uv_gate *made = simc_calloc(1, sizeof *made);
    if (!made || uv_mutex_init(&made->mutex)) {
        simc_free(made);
        simc_free(rules.allow);
        snprintf(why, SIMC_UV_TEXT_SIZE, "%s", simc_error_text(SIMC_ENOMEM));
        return SIMC_ENOMEM;
    }
    made->rules = rules;
    made->seed = uv_hrtime();
    (void)uv_random(NULL, NULL, &made->seed, sizeof made->seed, 0, NULL);
    *gate = made;
    return 0;
}

int simc_uv_gate_change(struct simc_uv_gate *gate, const struct simc_uv_gate_settings *settings,
                        char why[SIMC_UV_TEXT_SIZE])
{
    struct rules rules, old;
    int error = read_settings(settings, &rules, why);
    if (error)
        return error;
    uv_mutex_lock(&gate->mutex);
    old = gate->rules;
    gate->rules = rules;
    uv_mutex_unlock(&gate->mutex);
    simc_free(old.allow);
    return 0;
}

void simc_uv_gate_free(struct simc_uv_gate *gate)
{
    if (!gate)
        return;
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        for (struct visitor *each = gate->buckets[i], *next; each; each = next) {
            next = each->next;
            simc_free(each);
        }
    }
    uv_mutex_destroy(&gate->mutex);
    simc_free(gate->rules.allow);
    simc_free(gate);
}

/* ---- coming and going ---- */

static void visitor_bytes(const union simc__uv_sockaddr *peer, uint8_t bytes[16])
{
    simc__uv_sockaddr_bytes(peer, bytes);
    if (peer->any.sa_family == AF_INET6)
        memset(bytes + IPV6_BYTES_COUNTED, 0, 16 - IPV6_BYTES_COUNTED);
}

static struct visitor **find_visitor(struct simc_uv_gate *gate, const uint8_t bytes[16])
{
    uint64_t hash = gate->seed;
    for (size_t i = 0; i < 16; i++) {
        hash = (hash ^ bytes[i]) * 0x9e3779b97f4a7c15U;
        hash ^= hash >> 29;
    }
    struct visitor **at = &gate->buckets[hash % BUCKET_COUNT];
    while (*at && memcmp((*at)->bytes, bytes, 16) != 0)
        at = &(*at)->next;
    return at;
}

static bool is_allowed(const struct rules *rules, const union simc__uv_sockaddr *peer)
{
    uint8_t bytes[16];
    /* Users of unix sockets are looked at by their servers. */
    if (simc__uv_is_local(peer))
        return true;
    simc__uv_sockaddr_bytes(peer, bytes);
    for (size_t i = 0; i < rules->allow_count; i++) {
        if (simc__uv_prefix_has(&rules->allow[i], bytes))
            return true;
    }
    return rules->allow_count == 0;
}

static enum simc_uv_end_reason enter(struct simc_uv_gate *gate, const union simc__uv_sockaddr *peer)
{
    uint8_t bytes[16];
    if (!is_allowed(&gate->rules, peer))
        return SIMC_UV_END_NOT_ALLOWED;
    if (gate->connections >= gate->rules.connections)
        return SIMC_UV_END_TOO_MANY;
    visitor_bytes(peer, bytes);
    struct visitor **at = find_visitor(gate, bytes);
    if (*at && (*at)->count >= gate->rules.per_address)
        return SIMC_UV_END_TOO_MANY_FROM_ADDRESS;
    if (!*at) {
        *at = simc_calloc(1, sizeof **at);
        if (!*at)
            return SIMC_UV_END_NO_MEMORY;
        memcpy((*at)->bytes, bytes, sizeof bytes);
    }
    (*at)->count++;
    gate->connections++;
    return SIMC_UV_END_NONE;
}

enum simc_uv_end_reason simc__uv_gate_enter(struct simc_uv_gate *gate,
                                            const union simc__uv_sockaddr *peer)
{
    uv_mutex_lock(&gate->mutex);
    enum simc_uv_end_reason reason = enter(gate, peer);
    uv_mutex_unlock(&gate->mutex);
    return reason;
}

void simc__uv_gate_leave(struct simc_uv_gate *gate, const union simc__uv_sockaddr *peer)
{
    uint8_t bytes[16];
    visitor_bytes(peer, bytes);
    uv_mutex_lock(&gate->mutex);
    struct visitor **at = find_visitor(gate, bytes), *visitor = *at;
    gate->connections--;
    if (visitor && --visitor->count == 0) {
        *at = visitor->next;
        simc_free(visitor);
    }
    uv_mutex_unlock(&gate->mutex);
}

/* ---- figures ---- */

static uint64_t figure(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

void simc__uv_counters_sum(const struct simc__uv_counters *counters, struct simc_uv_stats *stats)
{
    stats->connections_total += figure(&counters->connections_total);
    stats->bytes_in += figure(&counters->bytes_in);
    stats->bytes_out += figure(&counters->bytes_out);
    stats->tls_good += figure(&counters->tls_good);
    stats->tls_failed += figure(&counters->tls_failed);
    stats->accept_pauses += figure(&counters->accept_pauses);
    for (size_t i = 0; i < SIMC_UV_END_COUNT; i++)
        stats->ended[i] += figure(&counters->ended[i]);
}

void simc__uv_gate_join(struct simc_uv_gate *gate, struct simc__uv_gate_member *member)
{
    uv_mutex_lock(&gate->mutex);
    member->previous = NULL;
    member->next = gate->members;
    if (gate->members)
        gate->members->previous = member;
    gate->members = member;
    uv_mutex_unlock(&gate->mutex);
}

void simc__uv_gate_quit(struct simc_uv_gate *gate, struct simc__uv_gate_member *member)
{
    uv_mutex_lock(&gate->mutex);
    simc__uv_counters_sum(member->counters, &gate->past);
    if (member->next)
        member->next->previous = member->previous;
    if (member->previous)
        member->previous->next = member->next;
    else
        gate->members = member->next;
    uv_mutex_unlock(&gate->mutex);
}

void simc_uv_gate_stats(struct simc_uv_gate *gate, struct simc_uv_stats *stats)
{
    uv_mutex_lock(&gate->mutex);
    *stats = gate->past;
    for (struct simc__uv_gate_member *each = gate->members; each; each = each->next)
        simc__uv_counters_sum(each->counters, stats);
    stats->connections = gate->connections;
    uv_mutex_unlock(&gate->mutex);
}
