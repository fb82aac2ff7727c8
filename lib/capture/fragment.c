/* SPDX-License-Identifier: BSL-1.0 */
/* IP fragments put together, for packet.c. A datagram in fragments is a buffer with one bit per
 * block of eight bytes; all of them stand in a hash table and in a queue by age.
 *
 * Overlaps are what attacks are made of, so a datagram with one is dropped, and what follows of it
 * for a minute too [RFC 5722]; fragments that repeat the same bytes do no harm. */
#include <string.h>

#include "capture/internal.h"

enum {
    DATAGRAM_SIZE_MAX = 65535,
    BLOCK_SIZE = 8,
    BLOCK_COUNT = (DATAGRAM_SIZE_MAX + BLOCK_SIZE) / BLOCK_SIZE,
    CAPACITY_MIN = 2048,
    AGE_MAX_US = 60 * 1000000, /* [RFC 8200 4.5] */
    KEY_SIZE = 16 + 16 + 4 + 1 + 1,
};

struct simc__fragment_set {
    struct simc__fragment_set *chain; /* in its hash bucket */
    struct simc__fragment_set *newer; /* by time of the first fragment */
    struct simc__fragment_set *older;
    uint64_t hash;
    uint64_t begin_us;
    uint8_t key[KEY_SIZE];
    bool dead;        /* what belongs to it is dropped */
    bool has_last;    /* `size` is known */
    uint8_t protocol; /* from the first fragment */
    uint32_t size;    /* of the datagram */
    uint32_t end;     /* behind the last byte received */
    uint32_t block_count;
    uint8_t *bytes;
    size_t capacity;
    uint8_t blocks[(BLOCK_COUNT + 7) / 8];
};

static void key_make(uint8_t key[KEY_SIZE], const struct simc__ip *ip)
{
    struct simc_writer writer = simc_writer(key, KEY_SIZE);
    simc_writer_slice(&writer, simc_slice(ip->from.address, 16));
    simc_writer_slice(&writer, simc_slice(ip->to.address, 16));
    simc_writer_u32(&writer, ip->id);
    simc_writer_u8(&writer, ip->from.family);
    /* In IPv6 the protocol of a later fragment means nothing. [RFC 8200 4.5] */
    simc_writer_u8(&writer, ip->from.family == 4 ? ip->protocol : 0);
}

static struct simc__fragment_set **bucket_of(struct simc__capture *capture, uint64_t hash)
{
    return &capture->fragment_buckets[hash & (capture->fragment_bucket_count - 1)];
}

static void bytes_free(struct simc__capture *capture, struct simc__fragment_set *set)
{
    simc_free(set->bytes);
    set->bytes = NULL;
    capture->fragment_bytes -= set->capacity;
    set->capacity = 0;
}

static void set_free(struct simc__capture *capture, struct simc__fragment_set *set)
{
    struct simc__fragment_set **link = bucket_of(capture, set->hash);
    while (*link != set)
        link = &(*link)->chain;
    *link = set->chain;
    *(set->older ? &set->older->newer : &capture->fragment_oldest) = set->newer;
    *(set->newer ? &set->newer->older : &capture->fragment_newest) = set->older;
    bytes_free(capture, set);
    capture->fragment_bytes -= sizeof *set;
    capture->fragment_count--;
    simc_free(set);
}

/* Gives a datagram up: time, ceiling, or the end. */
static void set_drop(struct simc__capture *capture, struct simc__fragment_set *set)
{
    if (!set->dead)
        SIMC__COUNT(capture, fragments_dropped);
    set_free(capture, set);
}

/* Gives a datagram up but remembers it, so that the rest of it does not begin anew. */
static void set_kill(struct simc__capture *capture, struct simc__fragment_set *set)
{
    SIMC__COUNT(capture, fragments_dropped);
    set->dead = true;
    bytes_free(capture, set);
}

void simc__fragment_free_all(struct simc__capture *capture)
{
    while (capture->fragment_oldest)
        set_drop(capture, capture->fragment_oldest);
}

static void expire(struct simc__capture *capture)
{
    struct simc__fragment_set *set;
    while ((set = capture->fragment_oldest) && capture->time_us > set->begin_us &&
           capture->time_us - set->begin_us > AGE_MAX_US)
        set_drop(capture, set);
}

/* Drops the oldest datagrams, but not `keep`, until `size` more bytes are below the ceiling. */
static void make_room(struct simc__capture *capture, const struct simc__fragment_set *keep,
                      size_t size)
{
    while (capture->fragment_bytes + size > capture->limits.fragment_bytes_max) {
        struct simc__fragment_set *oldest = capture->fragment_oldest;
        if (oldest && oldest == keep)
            oldest = oldest->newer;
        if (!oldest)
            return; /* the least ceiling has room for one datagram */
        set_drop(capture, oldest);
    }
}

static struct simc__fragment_set *set_get(struct simc__capture *capture, const struct simc__ip *ip)
{
    uint8_t key[KEY_SIZE];
    key_make(key, ip);
    uint64_t hash = simc__capture_hash(capture->seed, key, sizeof key);
    struct simc__fragment_set *set = *bucket_of(capture, hash);
    while (set && memcmp(set->key, key, sizeof key) != 0)
        set = set->chain;
    if (set)
        return set;

    if (capture->fragment_count == capture->limits.fragments_max)
        set_drop(capture, capture->fragment_oldest);
    make_room(capture, NULL, sizeof *set);
    set = simc_calloc(1, sizeof *set);
    if (!set) {
        simc__capture_starve(capture);
        return NULL;
    }
    memcpy(set->key, key, sizeof key);
    set->hash = hash;
    set->begin_us = capture->time_us;
    struct simc__fragment_set **bucket = bucket_of(capture, hash);
    set->chain = *bucket;
    *bucket = set;
    set->older = capture->fragment_newest;
    *(set->older ? &set->older->newer : &capture->fragment_oldest) = set;
    capture->fragment_newest = set;
    capture->fragment_count++;
    capture->fragment_bytes += sizeof *set;
    return set;
}

static bool bytes_grow(struct simc__capture *capture, struct simc__fragment_set *set, size_t wanted)
{
    if (wanted <= set->capacity)
        return true;
    size_t capacity = CAPACITY_MIN;
    while (capacity < wanted)
        capacity *= 2;
    make_room(capture, set, capacity - set->capacity);
    uint8_t *bytes = simc_realloc(set->bytes, capacity);
    if (!bytes) {
        simc__capture_starve(capture);
        return false;
    }
    capture->fragment_bytes += capacity - set->capacity;
    set->bytes = bytes;
    set->capacity = capacity;
    return true;
}

/* How the blocks of a fragment stand to those received: none of them, all, or some. */
enum overlap { OVERLAP_NONE, OVERLAP_ALL, OVERLAP_SOME };

static enum overlap overlap_of(const struct simc__fragment_set *set, uint32_t first, uint32_t last)
{
    uint32_t known = 0;
    for (uint32_t i = first; i < last; i++)
        known += set->blocks[i / 8] >> (i % 8) & 1;
    return known == 0 ? OVERLAP_NONE : known == last - first ? OVERLAP_ALL : OVERLAP_SOME;
}

/* Takes the bytes in. @return false when the datagram cannot be right. */
static bool set_put(struct simc__capture *capture, struct simc__fragment_set *set,
                    const struct simc__ip *ip)
{
    size_t size = ip->size, end_wide = ip->offset + size;
    if (size == 0 || end_wide > DATAGRAM_SIZE_MAX || ip->payload.size < size ||
        (ip->more && size % BLOCK_SIZE != 0))
        return false;
    uint32_t end = (uint32_t)end_wide;
    if (set->has_last && (end > set->size || (!ip->more && end != set->size)))
        return false;
    if (!ip->more && end < set->end)
        return false;
    uint32_t first = ip->offset / BLOCK_SIZE, last = (end + BLOCK_SIZE - 1) / BLOCK_SIZE;
    enum overlap overlap = overlap_of(set, first, last);
    if (overlap == OVERLAP_ALL)
        return end <= set->end && memcmp(set->bytes + ip->offset, ip->payload.data, size) == 0;
    if (overlap == OVERLAP_SOME)
        return false;
    if (!bytes_grow(capture, set, end))
        return true;
    memcpy(set->bytes + ip->offset, ip->payload.data, size);
    for (uint32_t i = first; i < last; i++)
        set->blocks[i / 8] |= (uint8_t)(1u << (i % 8));
    set->block_count += last - first;
    if (end > set->end)
        set->end = end;
    if (ip->offset == 0)
        set->protocol = ip->protocol;
    if (!ip->more) {
        set->has_last = true;
        set->size = end;
    }
    return true;
}

bool simc__fragment_take(struct simc__capture *capture, struct simc__ip *ip)
{
    SIMC__COUNT(capture, fragments);
    expire(capture);
    struct simc__fragment_set *set = set_get(capture, ip);
    if (!set || set->dead)
        return false;
    if (!set_put(capture, set, ip)) {
        set_kill(capture, set);
        return false;
    }
    if (!set->has_last || set->block_count != (set->size + BLOCK_SIZE - 1) / BLOCK_SIZE)
        return false;
    SIMC__COUNT(capture, fragments_joined);
    ip->fragment = false;
    ip->protocol = set->protocol;
    ip->payload = simc_slice(set->bytes, set->size);
    ip->size = set->size;
    capture->joined = set->bytes;
    capture->fragment_bytes -= set->capacity;
    set->capacity = 0;
    set->bytes = NULL;
    set_free(capture, set);
    return true;
}
