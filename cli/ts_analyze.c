/* SPDX-License-Identifier: BSL-1.0 */
/* `simulcrypt ts analyze`: what is in a transport stream, how it is scrambled, and whether it
 * passes the checks of TR 101 290. The work is done in lib/psi/analyze.c. */
#include <stdlib.h>

#include "cli/ts.h"
#include "psi/analyze.h"

enum { PRIORITY_ALL = 3 };

struct values {
    struct simc__ts_options input;
    bool json, buffers, dvb;
    uint64_t priority, bitrate, pcr_filter, pcr_jitter, data_delay;
};

struct work {
    struct simc__analyzer analyzer;
    uint64_t arrival_ns; /* of the packets that are taken; 0: there is no clock for them */
};

static int take(void *context, const struct simc_ts_sync *sync, const struct simc_ts_run *run)
{
    struct work *work = context;
    simc__analyzer_sync(&work->analyzer, sync);
    simc__analyzer_arrival(&work->analyzer, work->arrival_ns);
    return simc__analyzer_push(&work->analyzer, run) ? simc__cli_trouble("no memory") : 0;
}

static int print(const struct simc__analyzer *analyzer, bool json)
{
    struct simc_writer out = simc_writer(NULL, 0);
    void (*write)(const struct simc__analyzer *, struct simc_writer *) =
        json ? simc__analyzer_json : simc__analyzer_text;
    write(analyzer, &out);
    size_t size = out.at + 1; /* vsnprintf() wants room for its end mark */
    void *memory = malloc(size);
    if (!memory)
        return simc__cli_trouble("no memory for the report");
    out = simc_writer(memory, size);
    write(analyzer, &out);
    if (!out.error)
        simc__cli_write(simc_slice(memory, out.at));
    free(memory);
    return out.error ? simc__cli_trouble("%s", simc_error_text(out.error)) : 0;
}

static int run(const void *arguments, const struct simc__operands *operands)
{
    const struct values *values = arguments;
    const struct simc__limits limits = {
        .buffers = values->buffers,
        .dvb = values->dvb,
        .bitrate_bps = values->bitrate,
        .pcr_demarcation_mhz = (uint32_t)values->pcr_filter,
        .pcr_jitter_ns = (uint32_t)values->pcr_jitter,
        .data_delay_ms = (uint32_t)values->data_delay,
        .clock_is_loose = !simc__ts_clock_is_kept(),
    };
    struct work *work = malloc(sizeof *work);
    if (!work || simc__analyzer_init(&work->analyzer, &limits) != 0) {
        free(work);
        return simc__cli_trouble("no memory");
    }
    work->arrival_ns = 0;
    int status =
        simc__ts_run_timed(operands->items[0], &values->input, true, take, work, &work->arrival_ns);
    simc__analyzer_end(&work->analyzer);
    if (!status)
        status = print(&work->analyzer, values->json);
    if (!status && simc__analyzer_failed(&work->analyzer, (unsigned)values->priority))
        status = SIMC__EXIT_FOUND;
    simc__analyzer_fini(&work->analyzer);
    free(work);
    return status;
}

static const struct simc__option options[] = {
    {.name = "json",
     .letter = 'j',
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct values, json),
     .help = "print one JSON object instead of text"},
    {.name = "for",
     .type = SIMC__OPTION_UINT,
     .argument = "SECONDS",
     .max = UINT32_MAX,
     .offset = offsetof(struct values, input.seconds),
     .help = "stop after this time; 0: at the end of the input, or at Ctrl-C"},
    {.name = "packet-size",
     .type = SIMC__OPTION_UINT,
     .argument = "BYTES",
     .max = SIMC_TS_STRIDE_MAX,
     .offset = offsetof(struct values, input.packet_size),
     .help = "bytes from packet to packet: 188, 192 or 204; 0: find out"},
    {.name = "priority",
     .type = SIMC__OPTION_UINT,
     .argument = "N",
     .max = PRIORITY_ALL,
     .fallback = "3",
     .offset = offsetof(struct values, priority),
     .help = "faults of priority 1 to N make the exit status 1; 0: none does"},
    {.name = "dvb",
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct values, dvb),
     .help = "miss NIT, SDT, EIT and TDT even if nothing in the stream announces them"},
    {.name = "buffers",
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct values, buffers),
     .help = "judge the decoder's buffers of video, audio and PSI as well (3.3, 3.9)"},
    {.name = "data-delay",
     .type = SIMC__OPTION_UINT,
     .argument = "MS",
     .min = 1,
     .max = 60000,
     .fallback = "1000",
     .offset = offsetof(struct values, data_delay),
     .help = "the longest time from arrival to decoding (3.10); still pictures have 60 s"},
    {.name = "bitrate",
     .type = SIMC__OPTION_UINT,
     .argument = "BPS",
     .max = UINT64_C(100000000000),
     .offset = offsetof(struct values, bitrate),
     .help = "bits per second at which a file's packets came: lets PCR_FO be judged; 0: unknown"},
    {.name = "pcr-filter",
     .type = SIMC__OPTION_UINT,
     .argument = "MHZ",
     .min = 1,
     .max = 1000000,
     .fallback = "10",
     .offset = offsetof(struct values, pcr_filter),
     .help = "millihertz between drift and jitter of PCRs; 10, 100 and 1000 are usual"},
    {.name = "pcr-jitter",
     .type = SIMC__OPTION_UINT,
     .argument = "NS",
     .max = UINT32_MAX,
     .offset = offsetof(struct values, pcr_jitter),
     .help = "overall jitter above this is a fault (PCR_OJ); 0: only measure it"},
};

static const struct simc__example examples[] = {
    {"simulcrypt ts analyze recording.ts", "services, PIDs, scrambling, and what is wrong"},
    {"simulcrypt ts analyze --for 10 'udp://239.1.1.1:5000?eth0'", "ten seconds of a multicast"},
    {"simulcrypt ts analyze --buffers --bitrate 38014706 in.ts",
     "decoder buffers, and PCRs against the rate of the channel"},
    {"simulcrypt ts analyze --json in.ts | jq '.services[].crypto_periods'",
     "when control words changed, and which ECM came when"},
};

static const struct simc__exit_row exits[] = {
    {SIMC__EXIT_GOOD, "no check failed"},
    {SIMC__EXIT_FOUND, "a check failed"},
    {SIMC__EXIT_TROUBLE, "the input cannot be read, or holds no packets"},
};

const struct simc__command simc__command_ts_analyze = {
    .name = "ts analyze",
    .summary = "report what is in a transport stream and what is wrong with it",
    .description =
        "Reads a file, standard input ('-') or UDP, with or without RTP: "
        "udp://[SOURCE@]GROUP:PORT[?INTERFACE]. Reports services, PIDs and bit rates, the "
        "scrambling of each PID, CA descriptors, ECM and EMM rates, the crypto periods that the "
        "packets show with the ECMs that appeared in each, and the checks of ETSI TR 101 290.\n\n"
        "All times are those of the stream, by its PCRs, counted from the first packet whose time "
        "is known. Tables are missed only when something announces them (the PAT a NIT, the SDT an "
        "EIT) or when they were there before; --dvb expects all of them. PCR accuracy is judged "
        "in streams of constant bit rate only, PTS and data delay where PES headers are clear.\n\n"
        "--buffers runs the buffers of the system target decoder of ISO/IEC 13818-1 for MPEG-1, "
        "MPEG-2, H.264 and HEVC video, MPEG and AAC (ADTS) audio, and PSI. Their sizes and rates "
        "come from profile and level in the stream; MB is emptied by the leak method. The report "
        "gives the highest level of each buffer, or says for each PID why it is not judged.\n\n"
        "PCR_FO, PCR_DR and PCR_OJ compare PCRs with the time at which they come. In files and "
        "pipes that is an ideal constant bit rate: --bitrate, or else that of the PCRs, which "
        "shows drift and jitter, but no offset. For UDP it is the clock of this computer; then "
        "drift and offset are judged when the filter has settled (100 s at 10 mHz), and the "
        "offset only while NTP or PTP keeps that clock. What jitter alone could cause is taken "
        "off before drift (75 mHz/s) and offset (810 Hz) are judged.",
    .operands = "INPUT",
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
