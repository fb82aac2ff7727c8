/* SPDX-License-Identifier: BSL-1.0 */
/* `simulcrypt dab show`: what an ETI file says about conditional access, how often each FIG comes,
 * and what is wrong with the frames. dab_show_text.c prints what is counted here. */
#include <stdlib.h>
#include <string.h>

#include "cli/dab.h"
#include "cli/dab_show.h"

enum { LABEL_AT = 4, LABEL_SIZE = 16 };

struct values {
    bool tolerant;
};

static void count_rate(struct simc__dab_rate *rate, uint64_t frame)
{
    uint64_t gap = frame - rate->last;
    if (rate->count++ && gap) {
        if (rate->frames == 1 || gap < rate->gap_min)
            rate->gap_min = gap;
        if (gap > rate->gap_max)
            rate->gap_max = gap;
    }
    if (rate->count == 1 || gap)
        rate->frames++;
    rate->last = frame;
}

/* The extension as its type has it: 5 bits, 3 bits, or none. */
static unsigned extension_of(const struct simc_fig *fig)
{
    uint8_t head = fig->bytes.data[1];
    if (fig->type == 0)
        return head & 0x1f;
    return fig->type == 6 || fig->type == 7 ? 0 : head & 7;
}

static void count_content(struct simc__dab_report *report, struct simc_slice fig, uint64_t frame)
{
    size_t at = simc_dab_crc(fig) % SIMC__DAB_CONTENTS_MAX;
    for (size_t i = 0; i < SIMC__DAB_CONTENTS_MAX; i++) {
        struct simc__dab_content *content = &report->contents[(at + i) % SIMC__DAB_CONTENTS_MAX];
        if (!content->size && report->content_count < SIMC__DAB_CONTENTS_MAX / 2) {
            memcpy(content->bytes, fig.data, fig.size);
            content->size = (uint8_t)fig.size;
            content->first = frame;
            report->content_count++;
        }
        if (!content->size)
            break;
        if (simc_slice_equal(simc_slice(content->bytes, content->size), fig)) {
            count_rate(&content->rate, frame);
            return;
        }
    }
    report->contents_lost++; /* the table is half full: it stays quick, and says so */
}

static void read_label(struct simc__dab_report *report, struct simc_slice fig)
{
    for (size_t i = 0; i < LABEL_SIZE; i++) {
        uint8_t c = fig.data[LABEL_AT + i];
        report->label[i] = c >= ' ' && c <= '~' ? (char)c : '?';
    }
    for (size_t i = LABEL_SIZE; i > 0 && report->label[i - 1] == ' '; i--)
        report->label[i - 1] = '\0';
}

static void count_fig6(struct simc__dab_report *report, struct simc_slice bytes)
{
    struct simc_fig6 fig;
    int error = simc_fig6_read(bytes, SIMC_FIG6_AS_AUTO, &fig);
    bool is_simple = fig.form == SIMC_FIG6_ORGANIZATION || fig.form == SIMC_FIG6_SERVICE;
    report->simple += !error && is_simple;
    report->en300401 += !error && !is_simple;
    report->unknown += error != 0;
}

static void take_fig(struct simc__dab_report *report, const struct simc_fig *fig, uint64_t frame)
{
    struct simc_fig0_reader reader;
    const uint8_t *bytes = fig->bytes.data;
    count_rate(&report->rates[fig->type][extension_of(fig)], frame);
    if (fig->type == 0 && fig->bytes.size >= 4 && (bytes[1] & 0x5f) == 0) {
        report->ensemble_seen = true;
        report->ensemble = (uint16_t)(bytes[2] << 8 | bytes[3]);
    }
    if (fig->type == 1 && fig->bytes.size == LABEL_AT + LABEL_SIZE + 2 && (bytes[1] & 0xf) == 0)
        read_label(report, fig->bytes);
    if (fig->type == 6)
        count_fig6(report, fig->bytes);
    if (fig->type == 6 || simc_fig0_reader_init(&reader, fig->bytes) == 0)
        count_content(report, fig->bytes, frame);
}

static void take_fic(struct simc__dab_report *report, const uint8_t *fic, size_t count,
                     uint64_t frame)
{
    for (size_t i = 0; i < count; i++) {
        struct simc_fib fib;
        simc_fib_read(fic + i * SIMC_FIB_SIZE, &fib);
        report->fibs++;
        report->fibs_crc_bad += fib.crc_bad;
        report->fibs_malformed += !fib.crc_bad && fib.malformed;
        if (!simc_fib_good(&fib))
            continue;
        report->free_bytes += SIMC_FIB_DATA_SIZE - (size_t)fib.used;
        for (size_t k = 0; k < fib.count; k++)
            take_fig(report, &fib.figs[k], frame);
    }
}

static int take(void *context, const struct simc_eti_piece *piece, bool is_held)
{
    struct simc__dab_report *report = context;
    struct simc_eti_frame frame;
    (void)is_held;
    if (piece->kind != SIMC_ETI_FRAME)
        return 0;
    uint64_t number = report->frames++;
    int error = simc_eti_read(simc_slice(piece->frame, piece->frame_size), &frame);
    for (unsigned bit = 0; bit < SIMC_ETI_FAULT_COUNT; bit++)
        report->faults[bit] += frame.faults >> bit & 1;
    if (error || (frame.faults & SIMC_ETI_BAD_HEADER_CRC))
        return 0;
    if (report->good_frames++ == 0)
        report->first = frame;
    else
        report->fct_jumps += frame.fct != (report->last.fct + 1) % 250;
    report->last = frame;
    take_fic(report, piece->frame + frame.fic_at, frame.fib_count, number);
    return 0;
}

static int run(const void *given, const struct simc__operands *operands)
{
    const struct values *values = given;
    struct simc__dab_report *report = calloc(1, sizeof *report);
    if (!report)
        return simc__cli_trouble("no memory");
    const struct simc__dab_sink sink = {.take = take, .context = report};
    const char *name = strcmp(operands->items[0], "-") == 0 ? "standard input" : operands->items[0];
    int status = simc__dab_read(operands->items[0], values->tolerant, &report->reader, &sink);
    if (!status) {
        simc__dab_report_print(report, name);
        status = simc__dab_report_failed(report) ? SIMC__EXIT_FOUND : SIMC__EXIT_GOOD;
    }
    free(report);
    return status;
}

static const struct simc__option options[] = {
    {.name = "tolerant",
     .letter = 't',
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct values, tolerant),
     .help = "find frames with an error level other than 0xff too"},
};

static const struct simc__example examples[] = {
    {"simulcrypt dab show in.eti", "what is in it, and how often"},
    {"simulcrypt dab inject -c dab.yaml in.eti | simulcrypt dab show -", "see what was inserted"},
};

static const struct simc__exit_row exits[] = {
    {SIMC__EXIT_GOOD, "frames, FIBs and FIGs of type 6 are right"},
    {SIMC__EXIT_FOUND, "some are not, or both layouts of FIG 6 are in one ensemble"},
    {SIMC__EXIT_TROUBLE, "the input cannot be read, or holds no frames"},
};

const struct simc__command simc__command_dab_show = {
    .name = "dab show",
    .summary = "show the conditional access signalling of a DAB ensemble",
    .description =
        "Reads ETI(NI) from a file or standard input ('-'), raw, streamed or framed. Reports the "
        "faults of frames and FIBs, how often each FIG comes, the CA fields of FIG 0/2, 0/3, 0/4 "
        "and 0/13, and every FIG of type 6 with its bytes, read in both layouts: the simple one "
        "(FIG 6/0 and 6/1, private) and that of EN 300 401.\n\n"
        "The line 'layout' tells which of the two fits. Intervals are counted in frames of 24 ms, "
        "from one frame with the FIG to the next.",
    .operands = "IN",
    .operand_min = 1,
    .operand_max = 1,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .examples = examples,
    .example_count = sizeof examples / sizeof examples[0],
    .exits = exits,
    .exit_count = sizeof exits / sizeof exits[0],
    .values_size = sizeof(struct values),
    .run = run,
};
