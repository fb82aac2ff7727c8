/* SPDX-License-Identifier: BSL-1.0 */
/* Decides which FIG is due in which frame, from frame numbers alone. The inserter asks it, and
 * anyone who builds a FIC of his own may. */
#include <string.h>

#include "simulcrypt/dab.h"

uint32_t simc_fig_period_frames(uint32_t period_ms)
{
    uint32_t frames = period_ms / SIMC_DAB_FRAME_MS;
    return frames ? frames : 1;
}

int simc_fig_carousel_add(struct simc_fig_carousel *carousel, const struct simc_fig_source *source,
                          const void *context, uint32_t period_ms)
{
    if (carousel->count == SIMC_FIG_SLOTS_MAX)
        return SIMC_EFULL;
    /* Sorted by priority; of equals, who came first goes first. */
    size_t at = carousel->count;
    while (at > 0 && carousel->slots[at - 1].source->priority > source->priority)
        at--;
    struct simc_fig_slot *slot = &carousel->slots[at];
    memmove(slot + 1, slot, (carousel->count - at) * sizeof *slot);
    *slot = (struct simc_fig_slot){
        .source = source,
        .context = context,
        .period_frames = simc_fig_period_frames(period_ms ? period_ms : source->period_ms),
    };
    carousel->count++;
    return 0;
}

int simc_fig_carousel_add_ca(struct simc_fig_carousel *carousel, const struct simc_dab_ca *ca,
                             uint32_t period_ms)
{
    if (ca->layout == SIMC_DAB_EN300401)
        return simc_fig_carousel_add(carousel, &simc_fig6_en300401, ca, period_ms);
    if (SIMC_FIG_SLOTS_MAX - carousel->count < 2)
        return SIMC_EFULL;
    int error = simc_fig_carousel_add(carousel, &simc_fig6_organization, ca, period_ms);
    return error ? error : simc_fig_carousel_add(carousel, &simc_fig6_service, ca, period_ms);
}

struct simc_fig_fill simc_fig_slot_offer(const struct simc_fig_slot *slot,
                                         struct simc_fig_cursor *next, uint8_t *room, size_t size)
{
    *next = slot->cursor;
    return slot->source->fill(slot->context, next, room, size);
}

void simc_fig_slot_sent(struct simc_fig_slot *slot, uint64_t frame, struct simc_fig_fill fill,
                        const struct simc_fig_cursor *next)
{
    uint64_t waited = slot->waiting ? frame - slot->waiting_since : 0;
    if (waited > slot->wait_max)
        slot->wait_max = waited;
    slot->waiting = false;
    slot->cursor = *next;
    slot->figs += fill.size > 0;
    slot->bytes += fill.size;
    slot->in_cycle = !fill.complete;
    if (!fill.complete)
        return;
    slot->cycles += fill.size > 0;
    /* Counted from when the cycle was due, not from when it ended: deferrals do not add up. */
    slot->due += slot->period_frames;
    if (slot->due <= frame) {
        uint64_t late = (frame - slot->due) / slot->period_frames + 1;
        slot->due += late * slot->period_frames;
        slot->skipped += fill.size > 0 ? late : 0;
    }
}

void simc_fig_slot_deferred(struct simc_fig_slot *slot, uint64_t frame)
{
    slot->deferrals++;
    if (!slot->waiting) {
        slot->waiting = true;
        slot->waiting_since = frame;
    }
}
