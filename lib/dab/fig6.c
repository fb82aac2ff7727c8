/* SPDX-License-Identifier: BSL-1.0 */
/* Builds FIGs of type 6 in both layouts from the lists of an ensemble, one FIG per call. The
 * carousel calls it through the three sources at the end. specs/dab-fig6.md has the bytes. */
#include <string.h>

#include "simulcrypt/dab.h"

enum {
    TYPE_6 = 0xc0,
    PD_SIMPLE = 0x20, /* P/D where FIG type 0 has it */
    PD_300401 = 0x10, /* one bit lower: there is no extension, and a reserved bit in front */
    LONG_FORM = 0x08,
    SYSTEMS_PER_FIG = 14,
    PERIOD_MS = 1000,
};

/* --------------------------------------------------------------------------------- the rules -- */

const char *simc_dab_ca_fault_text(enum simc_dab_ca_fault fault)
{
    static const char *const texts[] = {"nothing is wrong",
#define SIMC__TEXT(name, text) text,
                                        SIMC_DAB_CA_FAULT_ROWS(SIMC__TEXT)
#undef SIMC__TEXT
    };
    size_t row = (size_t)fault;
    return row < sizeof texts / sizeof texts[0] ? texts[row] : "unknown fault";
}

/* The place of a system in the list, or its count. */
static size_t system_index(const struct simc_dab_ca *ca, uint16_t id)
{
    size_t i = 0;
    while (i < ca->system_count && ca->systems[i] != id)
        i++;
    return i;
}

static enum simc_dab_ca_fault check_systems(const struct simc_dab_ca *ca, size_t *index)
{
    *index = SIMC_DAB_SYSTEMS_MAX;
    if (ca->system_count > SIMC_DAB_SYSTEMS_MAX)
        return SIMC_DAB_CA_TOO_MANY;
    *index = SIMC_DAB_SHORT_MAX;
    if (ca->layout == SIMC_DAB_EN300401 && ca->system_count > SIMC_DAB_SHORT_MAX)
        return SIMC_DAB_CA_SHORT_MAX;
    for (*index = 0; *index < ca->system_count; ++*index) {
        if (system_index(ca, ca->systems[*index]) != *index)
            return SIMC_DAB_CA_SYSTEM_TWICE;
    }
    return SIMC_DAB_CA_GOOD;
}

enum simc_dab_ca_fault simc_dab_ca_check_service(const struct simc_dab_ca *ca, size_t index)
{
    const struct simc_dab_service *service = &ca->services[index];
    size_t ca_int_max = service->is_32bit ? SIMC_DAB_CA_INT_MAX_32 : SIMC_DAB_CA_INT_MAX_16;
    if (!service->is_32bit && service->id > UINT16_MAX)
        return SIMC_DAB_CA_SERVICE_WIDE;
    for (size_t i = 0; i < index; i++) {
        if (ca->services[i].id == service->id && ca->services[i].is_32bit == service->is_32bit)
            return SIMC_DAB_CA_SERVICE_TWICE;
    }
    if (!service->has_ca)
        return SIMC_DAB_CA_GOOD;
    if (system_index(ca, service->ca_system) == ca->system_count)
        return SIMC_DAB_CA_UNDECLARED;
    if (service->ca_int_char.size && ca->layout != SIMC_DAB_EN300401)
        return SIMC_DAB_CA_CA_INT_LAYOUT;
    return service->ca_int_char.size > ca_int_max ? SIMC_DAB_CA_CA_INT_LONG : SIMC_DAB_CA_GOOD;
}

enum simc_dab_ca_fault simc_dab_ca_check(const struct simc_dab_ca *ca, size_t *index)
{
    enum simc_dab_ca_fault fault = check_systems(ca, index);
    if (fault)
        return fault;
    *index = SIMC_DAB_SERVICES_MAX;
    if (ca->service_count > SIMC_DAB_SERVICES_MAX)
        return SIMC_DAB_CA_TOO_MANY;
    for (*index = 0; *index < ca->service_count; ++*index) {
        fault = simc_dab_ca_check_service(ca, *index);
        if (fault)
            return fault;
    }
    return SIMC_DAB_CA_GOOD;
}

/* ---------------------------------------------------------------------------------- the lists --
 */

static uint32_t digest_add(uint32_t digest, uint32_t value)
{
    /* FNV-1a by words: a change must be noticed, nobody tries to hide one. */
    return (digest ^ value) * 16777619u;
}

static uint32_t lists_digest(const struct simc_dab_ca *ca)
{
    uint32_t digest = digest_add(2166136261u, (uint32_t)ca->layout);
    for (size_t i = 0; i < ca->system_count; i++)
        digest = digest_add(digest, ca->systems[i]);
    for (size_t i = 0; i < ca->service_count; i++) {
        const struct simc_dab_service *service = &ca->services[i];
        digest = digest_add(digest, service->id);
        digest = digest_add(digest, (uint32_t)service->is_32bit | (uint32_t)service->has_ca << 1 |
                                        (uint32_t)service->ca_system << 2);
        for (size_t k = 0; k < service->ca_int_char.size; k++)
            digest = digest_add(digest, service->ca_int_char.data[k]);
    }
    return digest;
}

/* Whether there is anything to say at all. A cycle that began with other lists starts again. */
static bool begin(const struct simc_dab_ca *ca, struct simc_fig_cursor *cursor)
{
    if (!ca || !ca->enabled)
        return false;
    if (cursor->at && cursor->digest != lists_digest(ca))
        cursor->at = 0;
    return true;
}

/* What every fill ends with: `at` entries of `count` are sent. */
static struct simc_fig_fill done(const struct simc_dab_ca *ca, struct simc_fig_cursor *cursor,
                                 size_t size, size_t at, bool is_last)
{
    struct simc_fig_fill fill = {size, is_last};
    if (is_last) {
        cursor->at = 0;
        cursor->cycle++;
    } else {
        if (!cursor->at)
            cursor->digest = lists_digest(ca);
        cursor->at = (uint32_t)at;
    }
    return fill;
}

static const struct simc_fig_fill nothing_to_send = {0, true}, no_room = {0, false};

static struct simc_fig_fill nothing(struct simc_fig_cursor *cursor)
{
    cursor->at = 0;
    return nothing_to_send;
}

/* Entries of FIG 6/1 and of EN 300 401 are counted over the services that have CA: first those
 * with 16 bits, then those with 32. */
struct walk {
    const struct simc_dab_ca *ca;
    size_t index; /* into the services */
    bool wide;    /* in the second pass */
};

static bool is_sent(const struct simc_dab_ca *ca, const struct simc_dab_service *service)
{
    if (!service->has_ca || (!service->is_32bit && service->id > UINT16_MAX))
        return false;
    return ca->layout == SIMC_DAB_SIMPLE ||
           (system_index(ca, service->ca_system) < SIMC_DAB_SHORT_MAX &&
            system_index(ca, service->ca_system) < ca->system_count &&
            service->ca_int_char.size <=
                (size_t)(service->is_32bit ? SIMC_DAB_CA_INT_MAX_32 : SIMC_DAB_CA_INT_MAX_16));
}

/* The next service to be sent, or NULL; it stays the next until step(). */
static const struct simc_dab_service *current(struct walk *walk)
{
    for (;; walk->index++) {
        if (walk->index >= walk->ca->service_count) {
            if (walk->wide)
                return NULL;
            walk->wide = true;
            walk->index = 0;
            if (!walk->ca->service_count)
                return NULL;
        }
        const struct simc_dab_service *service = &walk->ca->services[walk->index];
        if (service->is_32bit == walk->wide && is_sent(walk->ca, service))
            return service;
    }
}

/* The walk behind the entries that the cursor has sent. */
static struct walk resume(const struct simc_dab_ca *ca, const struct simc_fig_cursor *cursor)
{
    struct walk walk = {ca, 0, false};
    for (uint32_t i = 0; i < cursor->at && current(&walk); i++)
        walk.index++;
    return walk;
}

static void put_id(struct simc_writer *out, const struct simc_dab_service *service)
{
    if (service->is_32bit)
        simc_writer_u32(out, service->id);
    else
        simc_writer_u16(out, (uint16_t)service->id);
}

/* --------------------------------------------------------------------------------- the fills -- */

static struct simc_fig_fill fill_organization(const void *context, struct simc_fig_cursor *cursor,
                                              uint8_t *room, size_t size)
{
    const struct simc_dab_ca *ca = context;
    if (!begin(ca, cursor) || !ca->system_count)
        return nothing(cursor);
    size_t left = ca->system_count - cursor->at, count = size < 4 ? 0 : (size - 2) / 2;
    if (count > SYSTEMS_PER_FIG)
        count = SYSTEMS_PER_FIG;
    /* A list that one FIG can hold is sent in one: readers need not wait for a second. */
    if (count == 0 || (ca->system_count <= SYSTEMS_PER_FIG && count < left))
        return no_room;
    if (count > left)
        count = left;
    struct simc_writer out = simc_writer(room, size);
    simc_writer_u8(&out, (uint8_t)(TYPE_6 | (1 + 2 * count)));
    simc_writer_u8(&out, 0);
    for (size_t i = 0; i < count; i++)
        simc_writer_u16(&out, ca->systems[cursor->at + i]);
    return done(ca, cursor, out.at, cursor->at + count, count == left);
}

static struct simc_fig_fill fill_service(const void *context, struct simc_fig_cursor *cursor,
                                         uint8_t *room, size_t size)
{
    const struct simc_dab_ca *ca = context;
    if (!begin(ca, cursor))
        return nothing(cursor);
    struct walk walk = resume(ca, cursor);
    const struct simc_dab_service *service = current(&walk);
    if (!service)
        return nothing(cursor);
    bool wide = service->is_32bit;
    size_t entry_size = wide ? 6 : 4, count = 0;
    if (size > SIMC_FIG_SIZE_MAX)
        size = SIMC_FIG_SIZE_MAX;
    if (size < 2 + entry_size)
        return no_room;
    struct simc_writer out = simc_writer(room, size);
    simc_writer_u8(&out, TYPE_6);
    simc_writer_u8(&out, wide ? PD_SIMPLE | 1 : 1);
    while (service && service->is_32bit == wide && size - out.at >= entry_size) {
        put_id(&out, service);
        simc_writer_u16(&out, service->ca_system);
        count++;
        walk.index++;
        service = current(&walk);
    }
    room[0] = (uint8_t)(TYPE_6 | (out.at - 1));
    return done(ca, cursor, out.at, cursor->at + count, !service);
}

static struct simc_fig_fill fill_en300401(const void *context, struct simc_fig_cursor *cursor,
                                          uint8_t *room, size_t size)
{
    const struct simc_dab_ca *ca = context;
    if (!begin(ca, cursor))
        return nothing(cursor);
    struct walk walk = resume(ca, cursor);
    const struct simc_dab_service *service = current(&walk);
    if (!service)
        return nothing(cursor);
    bool is_long = cursor->cycle % ((uint64_t)ca->short_cycles + 1) == 0;
    size_t length = (service->is_32bit ? 5u : 3u) + (is_long ? 2 + service->ca_int_char.size : 0);
    if (size < 1 + length)
        return no_room;
    struct simc_writer out = simc_writer(room, size);
    simc_writer_u8(&out, (uint8_t)(TYPE_6 | length));
    simc_writer_u8(&out, (uint8_t)((service->is_32bit ? PD_300401 : 0) | (is_long ? LONG_FORM : 0) |
                                   (system_index(ca, service->ca_system) + 1)));
    put_id(&out, service);
    if (is_long) {
        simc_writer_u16(&out, service->ca_system);
        simc_writer_slice(&out, service->ca_int_char);
    }
    walk.index++;
    return done(ca, cursor, out.at, cursor->at + 1, !current(&walk));
}

/* The label "rate C" is what the multiplexers that know these FIGs print; sent they are once a
 * second. */
const struct simc_fig_source simc_fig6_organization = {
    "FIG 6/0 CA organization", 6, 0, SIMC_FIG_RATE_C, SIMC_FIG_NORMAL, PERIOD_MS, fill_organization,
};
const struct simc_fig_source simc_fig6_service = {
    "FIG 6/1 CA service", 6, 1, SIMC_FIG_RATE_C, SIMC_FIG_NORMAL, PERIOD_MS, fill_service,
};
const struct simc_fig_source simc_fig6_en300401 = {
    "FIG 6 (EN 300 401)", 6, -1, SIMC_FIG_RATE_C, SIMC_FIG_NORMAL, PERIOD_MS, fill_en300401,
};
