/* SPDX-License-Identifier: BSL-1.0 */
/* The age of a queue from a few marks. emmg.c sets them with each message, emmg_stats.c asks. */
#include "mux/emmg_age.h"

enum { PARTS = 16 }; /* marks stand this part of the queue's age apart */

static uint32_t place(const struct simc__emmg_age *age, uint32_t index)
{
    return (age->first + index) % SIMC__EMMG_AGE_MARKS;
}

/* Of two neighbours one mark is left, which begins with the first and ends with the second. */
static void thin_out(struct simc__emmg_age *age)
{
    age->count /= 2;
    for (uint32_t i = 0; i < age->count; i++) {
        uint32_t to = place(age, i), from = place(age, 2 * i);
        age->marks[to].came_ms = age->marks[from].came_ms;
        age->marks[to].end = age->marks[place(age, 2 * i + 1)].end;
    }
}

bool simc__emmg_age_extend(struct simc__emmg_age *age, uint64_t end, uint64_t now_ms)
{
    if (age->count == 0)
        return false;
    uint32_t newest = place(age, age->count - 1);
    if (age->marks[newest].came_ms != now_ms)
        return false;
    age->marks[newest].end = end;
    return true;
}

void simc__emmg_age_add(struct simc__emmg_age *age, uint64_t out, uint64_t end, uint64_t now_ms)
{
    uint64_t old_ms = simc__emmg_age_ms(age, out, now_ms);
    if (age->count > 0) {
        uint32_t newest = place(age, age->count - 1);
        if (now_ms - age->marks[newest].came_ms <= old_ms / PARTS) {
            age->marks[newest].end = end;
            return;
        }
    }
    if (age->count == SIMC__EMMG_AGE_MARKS)
        thin_out(age);
    uint32_t at = place(age, age->count++);
    age->marks[at].end = end;
    age->marks[at].came_ms = now_ms;
}

uint64_t simc__emmg_age_ms(struct simc__emmg_age *age, uint64_t out, uint64_t now_ms)
{
    while (age->count > 0 && age->marks[age->first].end <= out) {
        age->first = place(age, 1);
        age->count--;
    }
    return age->count > 0 ? now_ms - age->marks[age->first].came_ms : 0;
}
