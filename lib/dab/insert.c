/* SPDX-License-Identifier: BSL-1.0 */
/* Puts the FIGs of a carousel into the FIC of ETI frames: into free space, or in the place of FIGs
 * that the frame repeats. `simulcrypt dab inject` calls it for every frame. */
#include <string.h>

#include "simulcrypt/dab.h"

enum {
    TYPE_MCI = 0,
    TYPE_LABEL = 1,
    TYPE_LONG_LABEL = 2,
    TYPE_6 = 6,
    FIG_0_0 = 0,
    FIG_0_7 = 7,
    FIG_0_10 = 10,
};

/* The FIC of one frame while it is worked on. */
struct fic {
    uint8_t *bytes;
    size_t count;
    struct simc_fib fibs[SIMC_FIB_COUNT_MAX];
    bool changed;
};

static uint8_t *fib_bytes(const struct fic *fic, size_t index)
{
    return fic->bytes + index * SIMC_FIB_SIZE;
}

void simc_dab_inserter_init(struct simc_dab_inserter *inserter, struct simc_fig_carousel *carousel,
                            const struct simc_dab_insert_config *config)
{
    *inserter = (struct simc_dab_inserter){.config = *config, .carousel = carousel};
}

/* ---- what may go ---- */

/* MCI, SI and labels that are repeated. FIG 0/0 and 0/7 have a fixed place and FIG 0/10 is the
 * time: never touched [300401 6.4, 8.1.3]. Nor are types of which a copy may be a message of its
 * own, and the FIGs that we insert make no room for each other. */
static bool may_go(const struct simc_fig *fig)
{
    unsigned extension = fig->bytes.data[1] & 0x1f; /* a FIG has two bytes at least */
    if (fig->type == TYPE_MCI)
        return extension != FIG_0_0 && extension != FIG_0_7 && extension != FIG_0_10;
    return fig->type == TYPE_LABEL || fig->type == TYPE_LONG_LABEL;
}

/* Whether an earlier place of the frame, in a FIB that receivers take, has the same bytes. */
static bool is_repeated(const struct fic *fic, size_t fib, size_t index)
{
    const struct simc_fig *fig = &fic->fibs[fib].figs[index];
    for (size_t i = 0; i <= fib; i++) {
        size_t end = i == fib ? index : fic->fibs[i].count;
        if (!simc_fib_good(&fic->fibs[i]))
            continue;
        for (size_t k = 0; k < end; k++) {
            if (simc_slice_equal(fic->fibs[i].figs[k].bytes, fig->bytes))
                return true;
        }
    }
    return false;
}

static size_t free_size(const struct simc_fib *fib)
{
    return simc_fib_good(fib) ? SIMC_FIB_DATA_SIZE - (size_t)fib->used : 0;
}

/* Bytes that `fib` could offer without its repeated FIGs; `spare` marks those. */
static size_t capacity(const struct fic *fic, size_t fib, bool spare[SIMC_FIB_FIGS_MAX])
{
    const struct simc_fib *one = &fic->fibs[fib];
    size_t size = free_size(one);
    if (!simc_fib_good(one))
        return 0;
    for (size_t i = 0; i < one->count; i++) {
        spare[i] = may_go(&one->figs[i]) && is_repeated(fic, fib, i);
        size += spare[i] ? one->figs[i].bytes.size : 0;
    }
    return size;
}

/* The FIG whose loss brings the FIB nearest to `size` free bytes: the last that is enough alone,
 * otherwise the largest; so as few as possible go. */
static size_t choose(const struct simc_fib *fib, const bool spare[SIMC_FIB_FIGS_MAX], size_t size)
{
    size_t largest = SIZE_MAX, missing = size - free_size(fib);
    for (size_t i = fib->count; i-- > 0;) {
        size_t own = fib->figs[i].bytes.size;
        if (!spare[i])
            continue;
        if (own >= missing)
            return i;
        if (largest == SIZE_MAX || own > fib->figs[largest].bytes.size)
            largest = i;
    }
    return largest;
}

/* ---- placing ---- */

static bool append(struct fic *fic, size_t fib, struct simc_slice fig)
{
    if (simc_fib_append(fib_bytes(fic, fib), &fic->fibs[fib], fig))
        return false;
    fic->changed = true;
    return true;
}

static bool displace(struct simc_dab_inserter *inserter, struct fic *fic, size_t fib,
                     struct simc_slice fig)
{
    bool spare[SIMC_FIB_FIGS_MAX];
    while (free_size(&fic->fibs[fib]) < fig.size) {
        if (capacity(fic, fib, spare) < fig.size)
            return false;
        size_t index = choose(&fic->fibs[fib], spare, fig.size);
        if (index == SIZE_MAX || simc_fib_remove(fib_bytes(fic, fib), &fic->fibs[fib], index))
            return false;
        inserter->stats.figs_displaced++;
    }
    return append(fic, fib, fig);
}

static bool place(struct simc_dab_inserter *inserter, struct fic *fic, struct simc_slice fig)
{
    for (size_t i = 0; i < fic->count; i++) {
        if (free_size(&fic->fibs[i]) >= fig.size && append(fic, i, fig))
            return true;
    }
    /* The last FIB first: what repeats stands there, and FIG 0/0 stands in the first. */
    for (size_t i = fic->count; inserter->config.displace && i-- > 0;) {
        if (displace(inserter, fic, i, fig))
            return true;
    }
    return false;
}

static size_t largest_room(const struct simc_dab_inserter *inserter, const struct fic *fic)
{
    size_t largest = 0;
    for (size_t i = 0; i < fic->count; i++) {
        bool spare[SIMC_FIB_FIGS_MAX];
        size_t room =
            inserter->config.displace ? capacity(fic, i, spare) : free_size(&fic->fibs[i]);
        if (room > largest)
            largest = room;
    }
    return largest;
}

/* Sends one FIG of a slot: as large as it likes, or as large as there is room for.
 * @return true when there may be another. */
static bool send(struct simc_dab_inserter *inserter, struct fic *fic, struct simc_fig_slot *slot,
                 uint64_t frame)
{
    uint8_t bytes[SIMC_FIG_SIZE_MAX];
    struct simc_fig_cursor next;
    struct simc_fig_fill fill = simc_fig_slot_offer(slot, &next, bytes, sizeof bytes);
    bool is_placed = fill.size && place(inserter, fic, simc_slice(bytes, fill.size));
    if (fill.size && !is_placed) {
        size_t room = largest_room(inserter, fic);
        fill = simc_fig_slot_offer(slot, &next, bytes, room < sizeof bytes ? room : sizeof bytes);
        is_placed = fill.size && place(inserter, fic, simc_slice(bytes, fill.size));
    }
    if (!is_placed && (fill.size || !fill.complete)) {
        simc_fig_slot_deferred(slot, frame);
        return false;
    }
    inserter->stats.figs_inserted += is_placed;
    simc_fig_slot_sent(slot, frame, fill, &next);
    return is_placed && !fill.complete;
}

static void remove_type_6(struct simc_dab_inserter *inserter, struct fic *fic)
{
    for (size_t i = 0; i < fic->count; i++) {
        for (size_t k = fic->fibs[i].count; k-- > 0;) {
            if (fic->fibs[i].figs[k].type != TYPE_6)
                continue;
            inserter->stats.figs_found++;
            if (inserter->config.remove && simc_fib_good(&fic->fibs[i]) &&
                simc_fib_remove(fib_bytes(fic, i), &fic->fibs[i], k) == 0) {
                inserter->stats.figs_removed++;
                fic->changed = true;
            }
        }
    }
}

static void read_fic(struct simc_dab_insert_stats *stats, struct fic *fic)
{
    for (size_t i = 0; i < fic->count; i++) {
        simc_fib_read(fib_bytes(fic, i), &fic->fibs[i]);
        stats->fibs++;
        stats->fibs_crc_bad += fic->fibs[i].crc_bad;
        stats->fibs_malformed += !fic->fibs[i].crc_bad && fic->fibs[i].malformed;
    }
}

/* Notes what is wrong with a frame. @return true when it is to be left alone. */
static bool is_faulty(struct simc_dab_inserter *inserter, const struct simc_eti_frame *frame)
{
    unsigned mended = inserter->config.repair ? SIMC_ETI_BAD_EOF_CRC : 0;
    if (inserter->config.tolerant)
        mended |= SIMC_ETI_BAD_ERR;
    for (size_t bit = 0; frame->faults && bit < SIMC_ETI_FAULT_COUNT; bit++)
        inserter->stats.faults[bit] += frame->faults >> bit & 1;
    return frame->faults & ~mended;
}

bool simc_dab_insert(struct simc_dab_inserter *inserter, uint8_t *bytes, size_t size,
                     struct simc_eti_frame *given)
{
    struct simc_eti_frame own, *frame = given ? given : &own;
    struct simc_dab_insert_stats *stats = &inserter->stats;
    uint64_t number = stats->frames++;
    int error = simc_eti_read(simc_slice(bytes, size), frame);
    bool is_idle = is_faulty(inserter, frame) || error;
    if (is_idle)
        stats->left_alone++;
    else if (!frame->fib_count)
        stats->without_fic++;
    struct fic fic = {.bytes = is_idle ? NULL : bytes + frame->fic_at,
                      .count = is_idle ? 0 : frame->fib_count};
    read_fic(stats, &fic);
    remove_type_6(inserter, &fic);
    for (size_t i = 0; i < inserter->carousel->count; i++) {
        struct simc_fig_slot *slot = &inserter->carousel->slots[i];
        while (simc_fig_slot_due(slot, number)) {
            if (!send(inserter, &fic, slot, number))
                break;
        }
    }
    bool is_repaired = !is_idle && (frame->faults & SIMC_ETI_BAD_EOF_CRC);
    stats->repaired += is_repaired;
    if (!fic.changed && !is_repaired)
        return false;
    simc_eti_seal(bytes, frame);
    stats->changed++;
    return true;
}
