/* SPDX-License-Identifier: BSL-1.0 */
/* `simulcrypt ts scramble` and `ts descramble`: a laboratory scrambler with fixed control words, or
 * a list of them, one per crypto period. One loop serves both; only the key of a packet differs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/ts.h"
#include "cli/ts_output.h"
#include "cli/ts_select.h"
#include "cli/ts_words.h"
#include "simulcrypt/scramble.h"
#include "simulcrypt/ts.h"

enum { JOBS_MAX = 8192, SCRATCH_SIZE = SIMC__TS_BLOCK_SIZE, TICKS_PER_MS = 27000 };

struct values {
    unsigned mode;
    struct simc__option_texts words, services, pids;
    const char *word_file;
    uint64_t cp_duration_ms, ttl, packet_size, seconds;
    bool odd, keep_parity, quiet;
};

/* No crypto period yet. */
#define PERIOD_NONE UINT32_MAX

struct work {
    const struct values *values;
    bool descramble;
    struct simc__select select;
    struct simc__words words;
    struct simc_scrambler *scrambler;
    struct simc__ts_output output;
    struct simc_pcr_clock clock;
    uint64_t packet;          /* index of the next packet */
    uint64_t boundary_packet; /* the first one of the next crypto period, as far as known */
    uint32_t period;          /* crypto periods since the start; PERIOD_NONE before the first */
    /* For descrambling, the crypto period that a PID was seen in last: other scramblers change the
     * PIDs of a service one after the other. */
    uint32_t pid_period[SIMC_TS_PID_COUNT];
    size_t job_count;
    struct simc_scramble_job jobs[JOBS_MAX];
    uint8_t scratch[SCRATCH_SIZE];
};

static const char *const modes[] = {"cissa", "csa1", "csa2", "idsa", "aes-cbc", "aes-ecb", NULL};

/* ---- keys ---- */

static int flush(struct work *work)
{
    int error = work->descramble ? simc_descramble(work->scrambler, work->jobs, work->job_count)
                                 : simc_scramble(work->scrambler, work->jobs, work->job_count);
    work->job_count = 0;
    return error ? simc__cli_trouble("the cipher library failed: %s", simc_error_text(error)) : 0;
}

static enum simc_scrambling algorithm_of(const struct work *work)
{
    return simc_scrambling_by_name(modes[work->values->mode])->algorithm;
}

static int set_key(struct work *work, enum simc_parity parity, const struct simc_secret *word)
{
    int error = simc_scrambler_key_set(work->scrambler, 0, parity, algorithm_of(work), word);
    if (!error)
        return 0;
    if (error == SIMC_EUNSUPPORTED)
        return simc__cli_trouble("%s", simc_scrambler_why(work->scrambler));
    return simc__cli_trouble("the control word cannot be used: %s", simc_error_text(error));
}

/* Begins a crypto period: its control word goes into the slot of its parity. What was given under
 * the old word of that slot is done first. */
static int begin_period(struct work *work, uint32_t period)
{
    int status = flush(work);
    work->period = period;
    if (status)
        return status;
    return set_key(work, (enum simc_parity)(period & 1),
                   &work->words.items[period % work->words.count]);
}

/* A single control word serves both parities and all periods. */
static int set_single(struct work *work)
{
    int status = set_key(work, SIMC_PARITY_EVEN, &work->words.items[0]);
    work->period = work->values->odd ? 1 : 0;
    return status ? status : set_key(work, SIMC_PARITY_ODD, &work->words.items[0]);
}

/* ---- packets ---- */

static int add_job(struct work *work, uint8_t *packet, enum simc_parity parity)
{
    if (work->job_count == JOBS_MAX) {
        int status = flush(work);
        if (status)
            return status;
    }
    struct simc_scramble_job job = {.packet = packet, .slot = 0, .parity = (uint8_t)parity};
    work->jobs[work->job_count++] = job;
    return 0;
}

/* Looks ahead: with which packet does the next period begin, if the bit rate stays. */
static void plan_boundary(struct work *work)
{
    const struct simc_pcr_clock *clock = &work->clock;
    uint64_t first = work->values->odd ? 1 : 0;
    uint64_t boundary_27mhz =
        (work->period - first + 1) * work->values->cp_duration_ms * TICKS_PER_MS;
    if (clock->time_27mhz >= boundary_27mhz)
        work->boundary_packet = work->packet;
    else if (clock->has_rate && clock->rate_ticks)
        work->boundary_packet = clock->packet + 1 +
                                (uint64_t)((double)(boundary_27mhz - clock->time_27mhz) *
                                           (double)clock->rate_packets / (double)clock->rate_ticks);
    else
        work->boundary_packet = UINT64_MAX;
}

static int scramble_packet(struct work *work, uint8_t *packet, uint8_t flags)
{
    uint64_t pcr_27mhz;
    if (work->words.count > 1) {
        if ((flags & SIMC__SELECT_CLOCK) && simc_ts_pcr(packet, &pcr_27mhz)) {
            simc_pcr_clock_push(&work->clock, pcr_27mhz, work->packet,
                                simc_ts_discontinuity(packet));
            plan_boundary(work);
        }
        if (work->packet >= work->boundary_packet) {
            int status = begin_period(work, work->period + 1);
            if (status)
                return status;
            plan_boundary(work);
        }
    }
    if (!(flags & SIMC__SELECT_CHANGE))
        return 0;
    return add_job(work, packet, (enum simc_parity)(work->period & 1));
}

static int descramble_packet(struct work *work, uint8_t *packet)
{
    enum simc_ts_tsc tsc = simc_ts_tsc(packet);
    if (tsc != SIMC_TSC_EVEN && tsc != SIMC_TSC_ODD)
        return 0;
    uint32_t parity = tsc == SIMC_TSC_ODD;
    uint16_t pid = simc_ts_pid(packet);
    int status = 0;
    if (work->words.count == 1)
        return add_job(work, packet, (enum simc_parity)parity);
    if (work->period == PERIOD_NONE) {
        /* A stream that begins with the odd key lacks the period of the first word. */
        status = begin_period(work, parity);
    } else if ((work->period & 1) != parity && work->pid_period[pid] == work->period) {
        /* This PID was in the present period already, so it is in the next one now; others may
         * still send the last packets of the old one, whose key stays. */
        status = begin_period(work, work->period + 1);
    }
    if ((work->period & 1) == parity)
        work->pid_period[pid] = work->period;
    return status ? status : add_job(work, packet, (enum simc_parity)parity);
}

static int change(struct work *work, uint8_t *packets, size_t count)
{
    int status = 0;
    for (size_t i = 0; i < count && !status; i++, work->packet++) {
        uint8_t *packet = packets + i * SIMC_TS_SIZE;
        uint8_t flags = work->select.pids[simc_ts_pid(packet)];
        if (!flags)
            continue;
        if (flags & SIMC__SELECT_PSI) {
            if (simc__select_push(&work->select, packet))
                status = simc__cli_trouble("no memory");
        } else if (work->descramble) {
            status = flags & SIMC__SELECT_CHANGE ? descramble_packet(work, packet) : 0;
        } else {
            status = scramble_packet(work, packet, flags);
        }
    }
    if (!status)
        status = flush(work);
    if (!status && simc__ts_output_write(&work->output, simc_slice(packets, count * SIMC_TS_SIZE)))
        status = simc__cli_trouble("cannot write %s: %s", work->output.name, strerror(errno));
    return status;
}

static int take(void *context, const struct simc_ts_sync *sync, const struct simc_ts_run *run)
{
    struct work *work = context;
    (void)sync;
    if (run->count == 0)
        return 0;
    /* Packets that lie side by side in the input's block are changed there: nobody reads the block
     * again. Others are gathered first, which also drops the tails of 204-byte packets. */
    if (run->at != SIZE_MAX && run->stride == SIMC_TS_SIZE)
        return change(work, (uint8_t *)(uintptr_t)run->data, run->count);
    for (size_t done = 0; done < run->count;) {
        size_t count = run->count - done;
        if (count > SCRATCH_SIZE / SIMC_TS_SIZE)
            count = SCRATCH_SIZE / SIMC_TS_SIZE;
        for (size_t i = 0; i < count; i++)
            memcpy(work->scratch + i * SIMC_TS_SIZE, run->data + (done + i) * run->stride,
                   SIMC_TS_SIZE);
        int status = change(work, work->scratch, count);
        if (status)
            return status;
        done += count;
    }
    return 0;
}

/* ---- the verbs ---- */

/* What happened, on standard error; and whether it is what was asked for. */
static int report(const struct work *work)
{
    const struct simc_scramble_stats *stats = simc_scrambler_stats(work->scrambler);
    const struct simc_scrambling_info *info = simc_scrambling_info(algorithm_of(work));
    const char *verb = work->descramble ? "descrambled" : "scrambled";
    uint64_t done = stats->packets[SIMC_SCRAMBLE_DONE];
    char missing[512];
    struct simc_writer out = simc_writer(missing, sizeof missing - 1);
    if (!work->values->quiet) {
        fprintf(stderr, "%llu packets, %llu %s with %s (%s)", (unsigned long long)work->packet,
                (unsigned long long)done, verb, info->name,
                simc_scrambler_engine(work->scrambler, info->algorithm));
        for (int i = SIMC_SCRAMBLE_SHORT; i < SIMC_SCRAMBLE_RESULT_COUNT; i++) {
            if (stats->packets[i])
                fprintf(stderr, ", %llu %s", (unsigned long long)stats->packets[i],
                        simc_scramble_result_name((enum simc_scramble_result)i));
        }
        if (work->words.count > 1 && work->period != PERIOD_NONE)
            fprintf(stderr, ", %u crypto periods", work->period + 1);
        if (stats->checksums_repaired)
            fprintf(stderr, ", %llu control words had wrong sums (bytes 4 and 8), made right",
                    (unsigned long long)stats->checksums_repaired);
        fputc('\n', stderr);
    }
    simc__select_explain(&work->select, &out);
    missing[out.error ? sizeof missing - 1 : out.at] = '\0';
    if (missing[0]) {
        simc__cli_trouble("%s", missing);
        return SIMC__EXIT_FOUND;
    }
    if (!work->descramble && work->words.count > 1 && !work->clock.started) {
        simc__cli_trouble("no PCR was found, so all is under the first control word");
        return SIMC__EXIT_FOUND;
    }
    if (done == 0) {
        simc__cli_trouble("nothing was %s: no packet of the PIDs asked for %s", verb,
                          work->descramble ? "is scrambled" : "can be scrambled");
        return SIMC__EXIT_FOUND;
    }
    return SIMC__EXIT_GOOD;
}

static int prepare(struct work *work)
{
    const struct values *values = work->values;
    char why[SIMC__OPTIONS_WHY_SIZE];
    const struct simc_scrambler_config config = {
        .slot_count = 1,
        .short_tsc = values->keep_parity ? SIMC_SHORT_TSC_KEEP_PARITY : SIMC_SHORT_TSC_CLEAR};
    if (simc__select_init(&work->select, &values->services, &values->pids, why))
        return simc__cli_trouble("%s", why);
    if (work->descramble && work->select.all_services) {
        /* Whatever is scrambled: the packets tell, no table is needed. */
        memset(work->select.pids, SIMC__SELECT_CHANGE, sizeof work->select.pids);
        work->select.all_services = false;
    }
    if (simc__words_read(&work->words, &values->words, values->word_file,
                         simc_scrambling_info(algorithm_of(work)), why))
        return simc__cli_trouble("%s", why);
    if (simc_scrambler_new(&config, &work->scrambler))
        return simc__cli_trouble("no memory");
    if (simc_scrambler_require(work->scrambler, algorithm_of(work)))
        return simc__cli_trouble("%s", simc_scrambler_why(work->scrambler));
    for (size_t pid = 0; pid < SIMC_TS_PID_COUNT; pid++)
        work->pid_period[pid] = PERIOD_NONE;
    work->period = PERIOD_NONE;
    work->boundary_packet = UINT64_MAX;
    if (work->words.count == 1)
        return set_single(work);
    return work->descramble ? 0 : begin_period(work, values->odd ? 1 : 0);
}

static int run_work(struct work *work, const struct simc__operands *operands)
{
    char why[SIMC__TS_WHY_SIZE];
    const char *in = operands->items[0], *out = operands->items[1];
    const struct simc__ts_options options = {work->values->packet_size, work->values->seconds};
    int status = prepare(work);
    if (status)
        return status;
    if (simc__ts_output_open(&work->output, out, in, (unsigned)work->values->ttl, why))
        return simc__cli_trouble("%s", why);
    status = simc__ts_run(in, &options, !work->values->quiet, take, work);
    if (simc__ts_output_close(&work->output) && !status)
        status = simc__cli_trouble("cannot write %s: %s", out, strerror(errno));
    return status ? status : report(work);
}

static int run(const void *values, const struct simc__operands *operands, bool descramble)
{
    struct work *work = calloc(1, sizeof *work);
    if (!work)
        return simc__cli_trouble("no memory");
    work->values = values;
    work->descramble = descramble;
    int status = run_work(work, operands);
    simc__select_fini(&work->select);
    simc__words_fini(&work->words);
    simc_scrambler_free(work->scrambler);
    free(work);
    return status;
}

static int run_scramble(const void *values, const struct simc__operands *operands)
{
    return run(values, operands, false);
}

static int run_descramble(const void *values, const struct simc__operands *operands)
{
    return run(values, operands, true);
}

/* The rows that only scrambling has stand first; descrambling begins behind them. */
enum { SCRAMBLE_ONLY_COUNT = 3 };

static const struct simc__option options[] = {
    {.name = "cp-duration",
     .type = SIMC__OPTION_UINT,
     .argument = "MS",
     .min = 100,
     .max = 6553500,
     .fallback = "10000",
     .offset = offsetof(struct values, cp_duration_ms),
     .help = "milliseconds of a crypto period, on the clock of the stream's PCR; it matters only "
             "with more than one control word"},
    {.name = "odd",
     .offset = offsetof(struct values, odd),
     .help = "begin with the odd key instead of the even one"},
    {.name = "keep-parity",
     .offset = offsetof(struct values, keep_parity),
     .help = "mark packets that are too short to be scrambled like their neighbours; otherwise "
             "they are marked clear, as they are"},
    {.name = "mode",
     .letter = 'm',
     .type = SIMC__OPTION_CHOICE,
     .argument = "NAME",
     .choices = modes,
     .fallback = "cissa",
     .offset = offsetof(struct values, mode),
     .help = "the scrambling algorithm"},
    {.name = "cw",
     .letter = 'c',
     .type = SIMC__OPTION_TEXTS,
     .argument = "HEX",
     .offset = offsetof(struct values, words),
     .help = "a control word; others on this machine can see it, so for laboratories only. One is "
             "used for both parities; of several, the next one is used in each crypto period, and "
             "behind the last the first again, so that two are a fixed even and odd one"},
    {.name = "cw-file",
     .letter = 'f',
     .type = SIMC__OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct values, word_file),
     .help = "a file with a control word on each line, used as with --cw; '#' begins a comment"},
    {.name = "service",
     .letter = 's',
     .type = SIMC__OPTION_TEXTS,
     .argument = "N",
     .offset = offsetof(struct values, services),
     .help = "the streams of this service (program_number)"},
    {.name = "pid",
     .letter = 'p',
     .type = SIMC__OPTION_TEXTS,
     .argument = "N",
     .offset = offsetof(struct values, pids),
     .help = "the packets of this PID"},
    {.name = "packet-size",
     .type = SIMC__OPTION_UINT,
     .argument = "N",
     .min = 0,
     .max = 204,
     .fallback = "0",
     .offset = offsetof(struct values, packet_size),
     .help = "bytes from packet to packet: 188, 192, 204, or 0 to find out; 188 are written"},
    {.name = "for",
     .type = SIMC__OPTION_UINT,
     .argument = "SECONDS",
     .min = 0,
     .max = 31536000,
     .fallback = "0",
     .offset = offsetof(struct values, seconds),
     .help = "end after this time; 0 is at the end of the input"},
    {.name = "ttl",
     .type = SIMC__OPTION_UINT,
     .argument = "N",
     .min = 1,
     .max = 255,
     .fallback = "1",
     .offset = offsetof(struct values, ttl),
     .help = "time to live of the datagrams sent"},
    {.name = "quiet",
     .letter = 'q',
     .offset = offsetof(struct values, quiet),
     .help = "no progress bar and no summary"},
};

enum { OPTION_COUNT = sizeof options / sizeof options[0] };

static const struct simc__example scramble_examples[] = {
    {"simulcrypt ts scramble --cw 00112233445566778899aabbccddeeff clear.ts scrambled.ts",
     "all services under one control word, with DVB-CISSA"},
    {"simulcrypt ts scramble -m csa2 -f words.txt --cp-duration 5000 -s 1 clear.ts out.ts",
     "service 1 with DVB-CSA2, a new control word every five seconds"},
    {"simulcrypt ts scramble -f words.txt udp://239.1.1.1:5000 udp://239.1.1.2:5000", "live"},
};

static const struct simc__example descramble_examples[] = {
    {"simulcrypt ts descramble --cw 00112233445566778899aabbccddeeff scrambled.ts clear.ts",
     "everything that is scrambled"},
    {"simulcrypt ts descramble -m csa2 -f words.txt -q in.ts - | ffplay -", "watch it"},
};

static const struct simc__exit_row exits[] = {
    {SIMC__EXIT_GOOD, "done"},
    {SIMC__EXIT_FOUND, "the stream does not have what was asked for, or nothing was changed"},
    {SIMC__EXIT_TROUBLE, "wrong usage, or reading or writing failed"},
};

#define OPERANDS_HELP                                                                             \
    "\n\nIN and OUT are files, '-' for standard input and output, or udp://[SOURCE@]ADDRESS:PORT" \
    "[?INTERFACE]. UDP goes out as fast as the input comes: from a file, that is at once."

const struct simc__command simc__command_ts_scramble = {
    .name = "ts scramble",
    .summary = "scramble a transport stream with given control words",
    .description =
        "Scrambles services, or packets of some PIDs, with control words that you give. Without "
        "--service and --pid, all services are scrambled: the elementary streams of their PMTs, "
        "without those that carry sections. Tables stay clear, and nothing is added to them: no "
        "CA_descriptor and no ECM, for this is a tool for laboratories." OPERANDS_HELP,
    .operands = "IN OUT",
    .operand_min = 2,
    .operand_max = 2,
    .options = options,
    .option_count = OPTION_COUNT,
    .examples = scramble_examples,
    .example_count = sizeof scramble_examples / sizeof scramble_examples[0],
    .exits = exits,
    .exit_count = sizeof exits / sizeof exits[0],
    .values_size = sizeof(struct values),
    .run = run_scramble,
};

const struct simc__command simc__command_ts_descramble = {
    .name = "ts descramble",
    .summary = "descramble a transport stream with given control words",
    .description =
        "Descrambles with control words that you give: whatever is marked as scrambled, or the "
        "services and PIDs named. With a list of control words, the first one belongs to the "
        "first crypto period and even parity; each change of parity begins the next one. A wrong "
        "control word cannot be noticed here: the packets are marked clear and their payload is "
        "noise." OPERANDS_HELP,
    .operands = "IN OUT",
    .operand_min = 2,
    .operand_max = 2,
    .options = options + SCRAMBLE_ONLY_COUNT,
    .option_count = OPTION_COUNT - SCRAMBLE_ONLY_COUNT,
    .examples = descramble_examples,
    .example_count = sizeof descramble_examples / sizeof descramble_examples[0],
    .exits = exits,
    .exit_count = sizeof exits / sizeof exits[0],
    .values_size = sizeof(struct values),
    .run = run_descramble,
};
