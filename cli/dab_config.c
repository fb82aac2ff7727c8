/* SPDX-License-Identifier: BSL-1.0 */
/* `simulcrypt dab config check` and `simulcrypt dab config sample`: what is wrong with a
 * configuration or what it sends, and one to start from. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/dab.h"
#include "conf/conf.h"

enum { PAGE_SIZE_MAX = 65536 };

struct no_values {
    char unused;
};

/* What will be sent, FIG by FIG, as bytes. */
static void print_cycle(const struct simc_dab_ca *ca, uint32_t period_ms)
{
    struct simc_fig_carousel carousel = {.count = 0};
    size_t size = 0;
    if (simc_fig_carousel_add_ca(&carousel, ca, period_ms))
        return;
    for (size_t i = 0; i < carousel.count; i++) {
        struct simc_fig_slot *slot = &carousel.slots[i];
        struct simc_fig_fill fill;
        do {
            uint8_t bytes[SIMC_FIG_SIZE_MAX];
            char text[2 * SIMC_FIG_SIZE_MAX + 1];
            fill = simc_fig_slot_offer(slot, &slot->cursor, bytes, sizeof bytes);
            struct simc_writer out = simc_writer(text, sizeof text);
            simc__text_put_hex(&out, simc_slice(bytes, fill.size));
            if (fill.size)
                printf("  %-24s %.*s\n", slot->source->name, (int)out.at, text);
            size += fill.size;
        } while (!fill.complete);
    }
    if (size)
        printf("%zu bytes every %u frames (%u ms)\n", size, simc_fig_period_frames(period_ms),
               simc_fig_period_frames(period_ms) * SIMC_DAB_FRAME_MS);
    else
        printf("nothing is sent\n");
}

static int run_check(const void *values, const struct simc__operands *operands)
{
    struct simc__dab_setup setup;
    (void)values;
    int status = simc__dab_setup_open(&setup, operands->items[0]);
    if (!status) {
        const struct simc_dab_ca *ca = &setup.ca;
        printf("%s: no faults\n", operands->items[0]);
        printf("layout %s, %zu CA systems, %zu services\n",
               ca->layout == SIMC_DAB_SIMPLE ? "simple (private, not EN 300 401)" : "EN 300 401",
               ca->system_count, ca->service_count);
        print_cycle(ca, setup.conf.ensemble.ca.period_ms);
    }
    simc__dab_setup_fini(&setup);
    return status;
}

static int run_sample(const void *values, const struct simc__operands *operands)
{
    (void)values;
    (void)operands;
    char *page = malloc(PAGE_SIZE_MAX);
    if (!page)
        return simc__cli_trouble("no memory");
    struct simc_writer out = simc_writer(page, PAGE_SIZE_MAX);
    simc__conf_put_sample(&out, simc__dab_conf_table(), true);
    if (!out.error)
        simc__cli_write(simc_slice(page, out.at));
    free(page);
    return out.error ? simc__cli_trouble("%s", simc_error_text(out.error)) : SIMC__EXIT_GOOD;
}

static const struct simc__example check_examples[] = {
    {"simulcrypt dab config check dab.yaml", "what is wrong with it, or what will be sent"},
};

static const struct simc__exit_row check_exits[] = {
    {SIMC__EXIT_GOOD, "the file can be used"},
    {SIMC__EXIT_FOUND, "it has faults"},
    {SIMC__EXIT_TROUBLE, "it cannot be read"},
};

const struct simc__command simc__command_dab_config_check = {
    .name = "dab config check",
    .summary = "check a configuration of DAB conditional access signalling",
    .description =
        "Reads a configuration file ('-' for standard input), tells every fault with its line and "
        "column, and shows the FIGs that 'simulcrypt dab inject' would send.",
    .operands = "FILE",
    .operand_min = 1,
    .operand_max = 1,
    .examples = check_examples,
    .example_count = sizeof check_examples / sizeof check_examples[0],
    .exits = check_exits,
    .exit_count = sizeof check_exits / sizeof check_exits[0],
    .values_size = sizeof(struct no_values),
    .run = run_check,
};

static const struct simc__example sample_examples[] = {
    {"simulcrypt dab config sample > dab.yaml", "start a configuration of your own"},
};

static const struct simc__exit_row sample_exits[] = {
    {SIMC__EXIT_GOOD, "the sample was written"},
    {SIMC__EXIT_TROUBLE, "writing failed"},
};

const struct simc__command simc__command_dab_config_sample = {
    .name = "dab config sample",
    .summary = "print a commented configuration of DAB conditional access signalling",
    .description = "Prints a configuration file with every key, its meaning and its default.",
    .operands = "",
    .examples = sample_examples,
    .example_count = sizeof sample_examples / sizeof sample_examples[0],
    .exits = sample_exits,
    .exit_count = sizeof sample_exits / sizeof sample_exits[0],
    .values_size = sizeof(struct no_values),
    .run = run_sample,
};
