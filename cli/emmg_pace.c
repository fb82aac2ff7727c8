/* SPDX-License-Identifier: BSL-1.0 */
/* The pace of a stream of the laboratory EMMG: smooth by a credit, and never more than its rate in
 * any second by a record of what was sent. emmg_client.c asks it before and tells it behind each
 * message. */
#include <string.h>

#include "cli/emmg.h"

#define NS_PER_S 1000000000ULL
#define SLOT_NS  4000000ULL

enum {
    AHEAD_MS = 20, /* what a stream may catch up after a pause of this process */
    SLOTS = SIMC__EMMG_PACE_SLOTS,
};

/* All slots but the one that has just begun are a second. */
_Static_assert((SLOTS - 1) * SLOT_NS >= NS_PER_S, "the record is shorter than a second");

/* Forgets what was sent more than a second ago. */
static void forget(struct simc__emmg_pace *pace, uint64_t now_ns)
{
    uint64_t slot = now_ns / SLOT_NS;
    if (slot <= pace->slot)
        return;
    uint64_t steps = slot - pace->slot < SLOTS ? slot - pace->slot : SLOTS;
    for (uint64_t i = 1; i <= steps; i++) {
        uint32_t *old = &pace->sent_bits[(pace->slot + i) % SLOTS];
        pace->sum_bits -= *old;
        *old = 0;
    }
    /* Behind a pause of more than a second all are empty, and any place will do. */
    pace->slot = slot;
}

void simc__emmg_pace_start(struct simc__emmg_pace *pace, uint32_t kbitps)
{
    memset(pace, 0, sizeof *pace);
    pace->kbitps = kbitps;
}

void simc__emmg_pace_set(struct simc__emmg_pace *pace, uint32_t kbitps)
{
    /* What was right at the rate before does not silence a stream that becomes slower; it has no
     * credit of that rate either. */
    if (kbitps < pace->kbitps) {
        memset(pace->sent_bits, 0, sizeof pace->sent_bits);
        pace->sum_bits = 0;
        if (pace->credit > 0)
            pace->credit = 0;
    }
    pace->kbitps = kbitps;
    pace->refused_bits = 0;
}

void simc__emmg_pace_pass(struct simc__emmg_pace *pace, uint64_t passed_ns, uint64_t now_ns)
{
    /* kbit/s are bits per ms: credit counts thousandths of a bit. */
    int64_t most = (int64_t)pace->kbitps * 1000 * AHEAD_MS;
    pace->credit += (int64_t)(passed_ns / 1000 * pace->kbitps);
    if (pace->credit > most)
        pace->credit = most;
    forget(pace, now_ns);
}

bool simc__emmg_pace_fits(struct simc__emmg_pace *pace, uint64_t bits)
{
    /* What is longer than a second of the rate goes alone; the credit makes up for it. */
    bool fits = !pace->sum_bits || pace->sum_bits + bits <= (uint64_t)pace->kbitps * 1000;
    pace->refused_bits = fits ? 0 : bits;
    return fits;
}

bool simc__emmg_pace_is_due(struct simc__emmg_pace *pace)
{
    return pace->kbitps && pace->credit > 0 &&
           (!pace->refused_bits || simc__emmg_pace_fits(pace, pace->refused_bits));
}

void simc__emmg_pace_sent(struct simc__emmg_pace *pace, uint64_t bits, uint64_t now_ns)
{
    pace->credit -= (int64_t)bits * 1000;
    forget(pace, now_ns);
    pace->sent_bits[pace->slot % SLOTS] += (uint32_t)bits;
    pace->sum_bits += bits;
}
