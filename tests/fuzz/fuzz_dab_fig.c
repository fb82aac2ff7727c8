/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: FIBs and FIGs. All readers over any bytes; what the sources write from any lists
 * must be read back. libFuzzer or the corpus replay calls it. */
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/dab.h"

#define FUZZ_CHECK(condition) \
    do {                      \
        if (!(condition))     \
            abort();          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SERVICES_MAX = 40, CALLS_MAX = 200 };

static void read_fig(struct simc_slice bytes)
{
    struct simc_fig0_reader reader;
    struct simc_fig0_entry entry;
    struct simc_fig6 fig;
    for (int reading = 0; reading <= SIMC_FIG6_AS_AUTO; reading++) {
        int error = simc_fig6_read(bytes, (enum simc_fig6_reading)reading, &fig);
        FUZZ_CHECK(fig.count <= SIMC_FIG6_ENTRIES_MAX);
        FUZZ_CHECK(error || (fig.form != SIMC_FIG6_UNKNOWN && !fig.surplus));
    }
    if (simc_fig0_reader_init(&reader, bytes))
        return;
    unsigned count = 0;
    while (simc_fig0_reader_next(&reader, &entry) == 0)
        FUZZ_CHECK(++count <= bytes.size);
}

/* A FIB: what can be appended is found again, and can be removed again. */
static void work_on_fib(const uint8_t *data)
{
    static const uint8_t fig[] = {0xc3, 0x00, 0x56, 0x01};
    uint8_t bytes[SIMC_FIB_SIZE], before[SIMC_FIB_SIZE];
    struct simc_fib fib, again;
    memcpy(bytes, data, sizeof bytes);
    simc_fib_read(bytes, &fib);
    for (size_t i = 0; i < fib.count; i++)
        read_fig(fib.figs[i].bytes);
    /* Most FIBs of a fuzzer have a wrong CRC; the rest must be reached too. */
    fib.crc_bad = false;
    memcpy(before, bytes, sizeof before);
    int error = simc_fib_append(bytes, &fib, simc_slice(fig, sizeof fig));
    FUZZ_CHECK(!error || memcmp(before, bytes, sizeof bytes) == 0);
    if (error)
        return;
    simc_fib_read(bytes, &again);
    FUZZ_CHECK(simc_fib_good(&again) && again.count == fib.count && again.used == fib.used);
    FUZZ_CHECK(simc_fib_remove(bytes, &fib, (size_t)fib.count - 1) == 0);
    FUZZ_CHECK(memcmp(before, bytes, fib.used) == 0);
}

/* Lists from the bytes: systems, services and how much room each call gets. */
static void write_figs(const uint8_t *data, size_t size)
{
    struct simc_reader in = simc_reader(simc_slice(data, size));
    struct simc_dab_service services[SERVICES_MAX];
    uint16_t systems[SERVICES_MAX];
    uint8_t switches = simc_reader_u8(&in);
    struct simc_dab_ca ca = {.enabled = true,
                             .layout = switches & 1 ? SIMC_DAB_EN300401 : SIMC_DAB_SIMPLE,
                             .systems = systems,
                             .services = services,
                             .short_cycles = switches >> 6,
                             .system_count = simc_reader_u8(&in) % SERVICES_MAX,
                             .service_count = simc_reader_u8(&in) % SERVICES_MAX};
    for (size_t i = 0; i < ca.system_count; i++)
        systems[i] = simc_reader_u16(&in);
    for (size_t i = 0; i < ca.service_count; i++) {
        uint8_t flags = simc_reader_u8(&in);
        services[i] = (struct simc_dab_service){
            .id = simc_reader_u32(&in) >> (flags & 0x1f),
            .is_32bit = flags & 0x20,
            .has_ca = flags & 0x40,
            .ca_system = ca.system_count && flags & 0x80 ? systems[flags % ca.system_count] : 7,
            .ca_int_char = simc_reader_slice(&in, flags & 0x80 ? flags & 0x1f : 0)};
    }
    size_t index;
    enum simc_dab_ca_fault fault = simc_dab_ca_check(&ca, &index);
    const struct simc_fig_source *source = switches & 1   ? &simc_fig6_en300401
                                           : switches & 2 ? &simc_fig6_organization
                                                          : &simc_fig6_service;
    struct simc_fig_cursor cursor = {0, 0, 0};
    for (unsigned call = 0; call < CALLS_MAX && simc_reader_left(&in); call++) {
        size_t room = simc_reader_u8(&in) % 40;
        uint8_t *bytes = malloc(room + 1);
        FUZZ_CHECK(bytes != NULL);
        struct simc_fig_fill fill = source->fill(&ca, &cursor, bytes, room);
        struct simc_fig6 fig;
        FUZZ_CHECK(fill.size <= room && fill.size <= SIMC_FIG_SIZE_MAX);
        if (fill.size)
            FUZZ_CHECK(simc_fig6_read(simc_slice(bytes, fill.size), SIMC_FIG6_AS_AUTO, &fig) == 0);
        if (room & 32 && ca.service_count)
            ca.service_count--; /* the list shrinks while it is sent */
        free(bytes);
    }
    /* With room enough and a list that stays, every cycle comes to its end. */
    struct simc_fig_fill fill = {0, false};
    for (unsigned call = 0; !fill.complete; call++) {
        uint8_t bytes[SIMC_FIG_SIZE_MAX];
        FUZZ_CHECK(call <= 2 * SERVICES_MAX);
        fill = source->fill(&ca, &cursor, bytes, sizeof bytes);
        FUZZ_CHECK(fill.size || fill.complete);
    }
    FUZZ_CHECK(simc_dab_ca_fault_text(fault)[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* An exact copy, so that the sanitizer sees a step outside. */
    size_t fig_size = size < 40 ? size : 40;
    uint8_t *exact = malloc(fig_size + 1);
    FUZZ_CHECK(exact != NULL);
    if (fig_size)
        memcpy(exact, data, fig_size);
    read_fig(simc_slice(exact, fig_size));
    free(exact);
    for (size_t at = 0; size - at >= SIMC_FIB_SIZE; at += SIMC_FIB_SIZE)
        work_on_fib(data + at);
    write_figs(data, size);
    return 0;
}
