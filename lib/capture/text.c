/* SPDX-License-Identifier: BSL-1.0 */
/* Endpoints, event kinds and causes as text. Everybody who prints an event calls this. */
#include <stdio.h>

#include "base/text.h"
#include "capture/capture.h"

static void put_ipv4(struct simc_writer *out, const uint8_t *address)
{
    simc__text_printf(out, "%u.%u.%u.%u", address[0], address[1], address[2], address[3]);
}

static unsigned group_of(const uint8_t *address, int index)
{
    return (unsigned)address[2 * index] << 8 | address[2 * index + 1];
}

/* The longest run of two or more zero groups, the first one of equals. [RFC 5952 4.2] */
static int longest_run(const uint8_t *address, int *run_size)
{
    int best = -1, best_size = 1;
    for (int i = 0; i < 8; i++) {
        int size = 0;
        while (i + size < 8 && group_of(address, i + size) == 0)
            size++;
        if (size > best_size) {
            best = i;
            best_size = size;
        }
        i += size;
    }
    *run_size = best < 0 ? 0 : best_size;
    return best;
}

static void put_ipv6(struct simc_writer *out, const uint8_t *address)
{
    int run_size, run = longest_run(address, &run_size);
    bool mapped = run == 0 && run_size == 5 && group_of(address, 5) == 0xffff;
    int groups = mapped ? 6 : 8;
    for (int i = 0; i < groups;) {
        if (i == run) {
            simc__text_put(out, "::");
            i += run_size;
            continue;
        }
        bool first = i == 0 || i == run + run_size;
        simc__text_printf(out, first ? "%x" : ":%x", group_of(address, i));
        i++;
    }
    if (mapped) {
        simc_writer_u8(out, ':');
        put_ipv4(out, address + 12);
    }
}

void simc__capture_endpoint_text(const struct simc__capture_endpoint *endpoint,
                                 char text[SIMC__CAPTURE_ENDPOINT_SIZE])
{
    struct simc_writer out = simc_writer(text, SIMC__CAPTURE_ENDPOINT_SIZE);
    if (endpoint->family == 6) {
        simc_writer_u8(&out, '[');
        put_ipv6(&out, endpoint->address);
        simc_writer_u8(&out, ']');
    } else {
        put_ipv4(&out, endpoint->address);
    }
    simc__text_printf(&out, ":%u", endpoint->port);
    simc_writer_u8(&out, '\0');
}

const char *simc__capture_kind_word(enum simc__capture_kind kind)
{
#define KIND_CASE(name, word)  \
    case SIMC__CAPTURE_##name: \
        return word;
    switch (kind) {
        SIMC__CAPTURE_KIND_ROWS(KIND_CASE)
    }
#undef KIND_CASE
    return "?";
}

const char *simc__capture_cause_word(enum simc__capture_cause cause)
{
#define CAUSE_CASE(name, word, text) \
    case SIMC__CAPTURE_CAUSE_##name: \
        return word;
    switch (cause) {
        SIMC__CAPTURE_CAUSE_ROWS(CAUSE_CASE)
    }
#undef CAUSE_CASE
    return "?";
}
