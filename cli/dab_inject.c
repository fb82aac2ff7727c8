/* SPDX-License-Identifier: BSL-1.0 */
/* `simulcrypt dab inject`: puts FIGs of type 6 into an ETI file or pipe and changes nothing else.
 * The work is done in lib/dab/insert.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/dab.h"
#include "sys/file.h"

enum {
    LATE_FRAMES = 42,    /* a second: longer than a FIG of rate B should wait */
    SIGHT_FRAMES = 4200, /* in which every service should have appeared */
    NS_PER_FRAME = SIMC_DAB_FRAME_MS * 1000000,
    NS_PER_S = 1000000000,
};

struct values {
    const char *config;
    unsigned form; /* enum simc_eti_form; SIMC_ETI_UNKNOWN: that of the input */
    bool live, tolerant, repair, quiet;
};

/* What of the configuration was seen in the stream. */
struct sight {
    bool ensemble_seen;
    uint16_t ensemble;
    bool *services; /* by index */
    size_t services_left;
    bool any_service;
};

struct injection {
    const struct values *values;
    const char *output; /* its name */
    int fd;
    struct simc__dab_setup setup;
    struct simc_fig_carousel carousel;
    struct simc_dab_inserter inserter;
    struct simc_eti_reader reader;
    struct sight sight;
    struct simc_slice pending;  /* done, not yet written */
    struct timespec next_frame; /* live: when the next one may leave */
    uint64_t dropped;           /* bytes that the wanted form has no place for */
    uint32_t written;           /* frames */
    bool is_closed;             /* the reader of our output has seen enough */
};

/* ---- output ---- */

static int write_out(struct injection *injection, struct simc_slice bytes)
{
    if (!bytes.size || simc__file_write(injection->fd, bytes) == 0)
        return 0;
    injection->is_closed = errno == EPIPE;
    return injection->is_closed
               ? SIMC__EXIT_TROUBLE
               : simc__cli_trouble("cannot write %s: %s", injection->output, strerror(errno));
}

static int flush(void *context)
{
    struct injection *injection = context;
    struct simc_slice bytes = injection->pending;
    injection->pending = simc_slice(NULL, 0);
    return write_out(injection, bytes);
}

/* Joins pieces that stand side by side, so that a block is written at once. */
static int put_piece(struct injection *injection, const struct simc_eti_piece *piece, bool is_held)
{
    struct simc_slice *pending = &injection->pending;
    int status = 0;
    if (pending->size && pending->data + pending->size == piece->bytes) {
        pending->size += piece->size;
    } else {
        status = flush(injection);
        *pending = simc_slice(piece->bytes, piece->size);
    }
    return status || !is_held ? status : flush(injection);
}

static int put_converted(struct injection *injection, const struct simc_eti_piece *piece,
                         const struct simc_eti_frame *frame)
{
    uint8_t bytes[SIMC_ETI_SIZE + 8];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    enum simc_eti_form form = (enum simc_eti_form)injection->values->form;
    if (!injection->written)
        simc_eti_put_head(&out, form, 0);
    if (piece->kind != SIMC_ETI_FRAME ||
        simc_eti_put_frame(&out, form, simc_slice(piece->frame, piece->frame_size), frame)) {
        injection->dropped += piece->kind == SIMC_ETI_HEAD ? 0 : piece->size;
        return 0;
    }
    injection->written++;
    return write_out(injection, simc_slice(bytes, out.at));
}

/* The count in front of a framed file that was converted, where the output can be gone back in. */
static int put_count(struct injection *injection)
{
    uint8_t bytes[4];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    if (injection->values->form != SIMC_ETI_FRAMED || injection->fd == STDOUT_FILENO ||
        lseek(injection->fd, 0, SEEK_SET) != 0)
        return 0;
    simc_eti_put_head(&out, SIMC_ETI_FRAMED, injection->written);
    return write_out(injection, simc_slice(bytes, out.at));
}

/* Waits until the frame may leave: 24 ms behind the one before, on a grid that does not drift. */
static void wait_for_turn(struct injection *injection)
{
    struct timespec *next = &injection->next_frame;
    if (!next->tv_sec)
        clock_gettime(CLOCK_MONOTONIC, next);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL) == EINTR)
        continue;
    next->tv_nsec += NS_PER_FRAME;
    if (next->tv_nsec >= NS_PER_S) {
        next->tv_nsec -= NS_PER_S;
        next->tv_sec++;
    }
}

/* ---- what the stream says about the ensemble ---- */

static void see_service(struct injection *injection, const struct simc_fig0_reader *fig,
                        uint32_t id)
{
    struct sight *sight = &injection->sight;
    sight->any_service = true;
    for (size_t i = 0; i < injection->setup.ca.service_count; i++) {
        const struct simc_dab_service *service = &injection->setup.services[i];
        if (service->id == id && service->is_32bit == fig->is_32bit && !sight->services[i]) {
            sight->services[i] = true;
            sight->services_left--;
        }
    }
}

static void see_fig(struct injection *injection, const struct simc_fig *fig)
{
    struct simc_fig0_reader reader;
    struct simc_fig0_entry entry;
    const uint8_t *bytes = fig->bytes.data;
    if (fig->type == 0 && fig->bytes.size >= 4 && (bytes[1] & 0x5f) == 0) {
        injection->sight.ensemble_seen = true;
        injection->sight.ensemble = (uint16_t)(bytes[2] << 8 | bytes[3]);
    }
    if (simc_fig0_reader_init(&reader, fig->bytes) || reader.extension != 2 || reader.other)
        return;
    while (simc_fig0_reader_next(&reader, &entry) == 0) {
        if (entry.kind == SIMC_FIG0_SERVICE)
            see_service(injection, &reader, entry.service);
    }
}

/* Looks at the FIC as long as something of the configuration has not been seen. */
static void see_frame(struct injection *injection, const uint8_t *bytes, size_t size)
{
    struct simc_eti_frame frame;
    const struct sight *sight = &injection->sight;
    if ((sight->ensemble_seen && !sight->services_left) ||
        injection->inserter.stats.frames > SIGHT_FRAMES ||
        simc_eti_read(simc_slice(bytes, size), &frame))
        return;
    for (size_t i = 0; i < frame.fib_count; i++) {
        struct simc_fib fib;
        simc_fib_read(bytes + frame.fic_at + i * SIMC_FIB_SIZE, &fib);
        for (size_t k = 0; k < fib.count && simc_fib_good(&fib); k++)
            see_fig(injection, &fib.figs[k]);
    }
}

static bool warn_about_sight(const struct injection *injection)
{
    const struct sight *sight = &injection->sight;
    const struct simc__dab_conf *conf = &injection->setup.conf;
    bool warned = false;
    if (sight->ensemble_seen && sight->ensemble != conf->ensemble.id) {
        simc__cli_trouble("the ensemble of the stream is 0x%04X, that of %s is 0x%04X",
                          sight->ensemble, injection->values->config, conf->ensemble.id);
        warned = true;
    }
    for (size_t i = 0; sight->any_service && i < conf->services_count; i++) {
        if (sight->services[i] || !conf->services[i].has_ca)
            continue;
        simc__cli_trouble("the stream has no service 0x%04X (%s)", (unsigned)conf->services[i].id,
                          conf->services[i].uid);
        warned = true;
    }
    return warned;
}

/* ---- the work ---- */

static int take(void *context, const struct simc_eti_piece *piece, bool is_held)
{
    struct injection *injection = context;
    struct simc_eti_frame frame = {.size = 0};
    if (piece->kind == SIMC_ETI_FRAME) {
        see_frame(injection, piece->frame, piece->frame_size);
        simc_dab_insert(&injection->inserter, piece->frame, piece->frame_size, &frame);
    }
    if (injection->values->live && piece->kind == SIMC_ETI_FRAME)
        wait_for_turn(injection);
    int status = injection->values->form == SIMC_ETI_UNKNOWN
                     ? put_piece(injection, piece, is_held)
                     : put_converted(injection, piece, &frame);
    return status || !injection->values->live ? status : flush(injection);
}

/* ---- the report ---- */

static void report_slot(const struct simc_fig_slot *slot, uint64_t frames)
{
    fprintf(stderr, "%s: %llu FIGs, %llu of %llu cycles of %u ms", slot->source->name,
            (unsigned long long)slot->figs, (unsigned long long)slot->cycles,
            (unsigned long long)((frames + slot->period_frames - 1) / slot->period_frames),
            slot->period_frames * SIMC_DAB_FRAME_MS);
    fprintf(stderr, "; %llu frames had no room, longest wait %llu ms\n",
            (unsigned long long)slot->deferrals,
            (unsigned long long)slot->wait_max * SIMC_DAB_FRAME_MS);
}

/* @return true when a FIG was not placed in time. */
static bool report_carousel(struct injection *injection)
{
    uint64_t frames = injection->inserter.stats.frames;
    bool is_late = false;
    for (size_t i = 0; i < injection->carousel.count; i++) {
        struct simc_fig_slot *slot = &injection->carousel.slots[i];
        uint64_t waits = slot->waiting ? frames - slot->waiting_since : 0;
        if (waits > slot->wait_max)
            slot->wait_max = waits;
        if (!injection->values->quiet)
            report_slot(slot, frames);
        if (slot->wait_max > LATE_FRAMES || slot->skipped || (slot->waiting && !slot->cycles)) {
            simc__cli_trouble("%s found too little room: %llu cycles were left out, and a FIG "
                              "waited for %llu ms",
                              slot->source->name, (unsigned long long)slot->skipped,
                              (unsigned long long)slot->wait_max * SIMC_DAB_FRAME_MS);
            is_late = true;
        }
    }
    return is_late;
}

/* @return true when the input was faulty. */
static bool report_faults(const struct injection *injection)
{
    const struct simc_dab_insert_stats *stats = &injection->inserter.stats;
    const struct simc_eti_reader *reader = &injection->reader;
    for (unsigned bit = 0; bit < SIMC_ETI_FAULT_COUNT; bit++) {
        if (stats->faults[bit])
            simc__cli_trouble("%llu frames: %s", (unsigned long long)stats->faults[bit],
                              simc_eti_fault_text((enum simc_eti_fault)(1u << bit)));
    }
    if (stats->left_alone)
        simc__cli_trouble("%llu faulty frames were left as they are",
                          (unsigned long long)stats->left_alone);
    if (stats->repaired)
        simc__cli_trouble("%llu frames were repaired", (unsigned long long)stats->repaired);
    if (stats->fibs_crc_bad + stats->fibs_malformed)
        simc__cli_trouble("%llu FIBs with a wrong CRC and %llu malformed ones were left as they "
                          "are",
                          (unsigned long long)stats->fibs_crc_bad,
                          (unsigned long long)stats->fibs_malformed);
    if (reader->truncated)
        simc__cli_trouble("the last frame is cut off");
    if (reader->skipped)
        simc__cli_trouble("%llu bytes are no ETI", (unsigned long long)reader->skipped);
    if (injection->dropped)
        simc__cli_trouble("%llu bytes have no place in the %s form",
                          (unsigned long long)injection->dropped,
                          simc_eti_form_name((enum simc_eti_form)injection->values->form));
    return stats->left_alone || stats->repaired || stats->fibs_crc_bad || stats->fibs_malformed ||
           reader->truncated || reader->skipped;
}

static int report(struct injection *injection)
{
    const struct simc_dab_insert_stats *stats = &injection->inserter.stats;
    if (!injection->values->quiet) {
        fprintf(stderr,
                "%s: %llu frames, %.3f s, %llu changed; %llu FIGs inserted, %llu displaced, %llu "
                "removed\n",
                simc_eti_form_name(injection->reader.form), (unsigned long long)stats->frames,
                simc__dab_seconds(stats->frames), (unsigned long long)stats->changed,
                (unsigned long long)stats->figs_inserted, (unsigned long long)stats->figs_displaced,
                (unsigned long long)stats->figs_removed);
        if (injection->setup.ca.layout == SIMC_DAB_SIMPLE && stats->figs_inserted)
            fprintf(stderr, "FIG 6 is in the simple layout: private, not that of EN 300 401\n");
    }
    bool is_late = report_carousel(injection), is_faulty = report_faults(injection);
    bool is_other = warn_about_sight(injection);
    if (stats->figs_found > stats->figs_removed)
        simc__cli_trouble("the input has %llu FIGs of type 6 of its own; 'existing: replace' takes "
                          "them out",
                          (unsigned long long)(stats->figs_found - stats->figs_removed));
    return is_late || is_faulty || is_other ? SIMC__EXIT_FOUND : SIMC__EXIT_GOOD;
}

/* ---- the command ---- */

static int start(struct injection *injection)
{
    const struct simc__dab_conf_ca *ca = &injection->setup.conf.ensemble.ca;
    const struct simc_dab_insert_config config = {
        .displace = ca->displace,
        .remove = ca->existing == SIMC__DAB_REPLACE,
        .repair = injection->values->repair,
        .tolerant = injection->values->tolerant,
    };
    size_t count = injection->setup.ca.service_count;
    injection->sight.services = calloc(count + 1, sizeof *injection->sight.services);
    injection->sight.services_left = count;
    if (!injection->sight.services ||
        simc_fig_carousel_add_ca(&injection->carousel, &injection->setup.ca, ca->period_ms))
        return simc__cli_trouble("no memory");
    simc_dab_inserter_init(&injection->inserter, &injection->carousel, &config);
    return 0;
}

/* Opening the input for writing would empty it before it is read. */
static bool is_same_file(const char *input, const char *output)
{
    struct stat in, out;
    bool is_stdin = strcmp(simc__cli_input(input), "-") == 0;
    return (is_stdin ? fstat(STDIN_FILENO, &in) : stat(input, &in)) == 0 &&
           stat(output, &out) == 0 && S_ISREG(in.st_mode) && in.st_dev == out.st_dev &&
           in.st_ino == out.st_ino;
}

static int open_output(struct injection *injection, const char *input, const char *output)
{
    injection->output = "standard output";
    injection->fd = STDOUT_FILENO;
    if (strcmp(output, "-") == 0)
        return 0;
    injection->output = output;
    if (is_same_file(input, output))
        return simc__cli_trouble("%s is the input too; write to another file", output);
    injection->fd = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return injection->fd < 0 ? simc__cli_trouble("cannot write %s: %s", output, strerror(errno))
                             : 0;
}

static int inject(struct injection *injection, const char *input, const char *output)
{
    const struct simc__dab_sink sink = {take, flush, injection};
    int status = start(injection);
    if (!status)
        status = open_output(injection, input, output);
    if (!status)
        status = simc__dab_read(input, injection->values->tolerant, &injection->reader, &sink);
    if (!status)
        status = put_count(injection);
    if (injection->fd > STDOUT_FILENO && close(injection->fd) != 0 && !status)
        status = simc__cli_trouble("cannot write %s: %s", output, strerror(errno));
    /* A reader that has seen enough (`| head`) is no trouble of ours. */
    if (injection->is_closed)
        return SIMC__EXIT_GOOD;
    return status ? status : report(injection);
}

static int run(const void *given, const struct simc__operands *operands)
{
    const struct values *values = given;
    if (!values->config)
        return simc__cli_trouble("--config FILE is missing; 'simulcrypt dab config sample' prints "
                                 "one to start from");
    if (strcmp(simc__cli_input(values->config), "-") == 0 && strcmp(operands->items[0], "-") == 0)
        return simc__cli_trouble("the configuration and the stream cannot both be standard input");
    struct injection *injection = calloc(1, sizeof *injection);
    if (!injection)
        return simc__cli_trouble("no memory");
    injection->values = values;
    int status = simc__dab_setup_open(&injection->setup, values->config);
    if (!status)
        status =
            inject(injection, operands->items[0], operands->count > 1 ? operands->items[1] : "-");
    else
        status = SIMC__EXIT_TROUBLE;
    free(injection->sight.services);
    simc__dab_setup_fini(&injection->setup);
    free(injection);
    return status;
}

static const char *const forms[] = {"same", "raw", "streamed", "framed", NULL};

static const struct simc__option options[] = {
    {.name = "config",
     .letter = 'c',
     .type = SIMC__OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct values, config),
     .help = "what to signal, in YAML; needed"},
    {.name = "form",
     .letter = 'f',
     .type = SIMC__OPTION_CHOICE,
     .argument = "FORM",
     .choices = forms,
     .offset = offsetof(struct values, form),
     .help = "of the output: that of the input, or raw, streamed, framed"},
    {.name = "live",
     .letter = 'l',
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct values, live),
     .help = "let a frame out every 24 ms instead of as fast as possible"},
    {.name = "repair",
     .letter = 'r',
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct values, repair),
     .help = "correct a wrong CRC at the end of a frame instead of leaving the frame alone"},
    {.name = "tolerant",
     .letter = 't',
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct values, tolerant),
     .help = "use frames with an error level other than 0xff too"},
    {.name = "quiet",
     .letter = 'q',
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct values, quiet),
     .help = "report only what went wrong"},
};

static const struct simc__example examples[] = {
    {"simulcrypt dab inject --config dab.yaml in.eti out.eti", "a file, as fast as possible"},
    {"simulcrypt dab inject -c dab.yaml /run/mux.fifo /run/mod.fifo",
     "between multiplexer and modulator, through named pipes"},
    {"simulcrypt dab inject -c dab.yaml --live in.eti /run/eti.fifo", "in real time"},
};

static const struct simc__exit_row exits[] = {
    {SIMC__EXIT_GOOD, "everything was placed in time"},
    {SIMC__EXIT_FOUND, "the output is complete, but FIGs found no room in time, the input has "
                       "faults, or it is another ensemble than the configuration's"},
    {SIMC__EXIT_TROUBLE, "the configuration is faulty, or reading or writing failed"},
};

const struct simc__command simc__command_dab_inject = {
    .name = "dab inject",
    .summary = "insert conditional access signalling into a DAB ensemble",
    .description =
        "Reads ETI(NI) from a file or standard input ('-') and writes it to a file or standard "
        "output ('-', or no OUT) with FIGs of type 6 inserted into the fast information channel. "
        "Raw, streamed and framed files are told apart by themselves.\n\n"
        "A FIG goes into free space, or replaces FIGs that the same frame repeats. Where neither "
        "is enough it waits for the next frame. Everything but the FIBs that were used stays as it "
        "is, byte for byte; frames and FIBs with faults are passed on untouched.\n\n"
        "By default FIG 6 has the simple layout (FIG 6/0 CA organization, FIG 6/1 CA service), "
        "which is private: it is not that of EN 300 401. 'layout: en300401' in the configuration "
        "sends that one.",
    .operands = "IN [OUT]",
    .operand_min = 1,
    .operand_max = 2,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .examples = examples,
    .example_count = sizeof examples / sizeof examples[0],
    .exits = exits,
    .exit_count = sizeof exits / sizeof exits[0],
    .values_size = sizeof(struct values),
    .run = run,
};
