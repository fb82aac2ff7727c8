/* SPDX-License-Identifier: BSL-1.0 */
/* `simulcrypt receive`: the reference receiver between an input and an output. The work is done by
 * receiver/; here are the options, the loop, and the key file, which is read again when it changes.
 */
#include "cli/receive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/keys.h"
#include "cli/ts.h"
#include "cli/ts_output.h"
#include "sys/clock.h"

enum { LIVE_MS = 500, KEYS_MS = 1000, SILENCE_MS = 1000, SCRATCH_PACKETS = 1024 };

struct values {
    const char *key_file, *output, *ca_system_id;
    struct simc__option_texts services;
    uint64_t hold_ms, hold_packets, packet_size, seconds, ttl, interval;
    unsigned require;
    bool whole, no_psi, clean_psi, drop_scrambled, json, quiet, dump_rights;
};

struct work {
    const struct values *values;
    const char *input_name;
    struct simc__key_store *store;
    struct stat key_file; /* as it was when it was read */
    struct simc__receiver *receiver;
    struct simc__receive_show show;
    struct simc__ts_input input;
    struct simc__ts_output output;
    bool has_output;
    bool is_recording; /* a file: windows of keys are not judged */
    bool was_silent;
    uint64_t data_ms; /* when bytes came last */
    uint64_t shown_ms, keys_ms;
    uint64_t losses; /* of the synchroniser, as seen last */
    uint16_t services[SIMC__RECEIVER_WANTED_MAX];
    uint8_t scratch[SCRATCH_PACKETS * SIMC_TS_SIZE];
};

#define DEMAND_WORD(name, word, text) word,
static const char *const demands[] = {SIMC__RECEIVER_DEMAND_ROWS(DEMAND_WORD) NULL};

/* ---- keys ---- */

static int load_keys(struct work *work)
{
    struct simc__keys *keys;
    if (stat(work->values->key_file, &work->key_file))
        memset(&work->key_file, 0, sizeof work->key_file);
    int status = simc__cli_keys_open(work->values->key_file, SIMC__EXIT_TROUBLE, &keys);
    if (!status)
        simc__key_store_take(work->store, keys);
    return status;
}

/* Takes a key file that was replaced: `simulcrypt keys rotate` does that. A faulty one is told and
 * changes nothing. */
static void watch_keys(struct work *work, uint64_t now_ms)
{
    struct stat now;
    if (now_ms - work->keys_ms < KEYS_MS)
        return;
    work->keys_ms = now_ms;
    if (stat(work->values->key_file, &now) ||
        (now.st_ino == work->key_file.st_ino && now.st_size == work->key_file.st_size &&
         now.st_mtim.tv_sec == work->key_file.st_mtim.tv_sec &&
         now.st_mtim.tv_nsec == work->key_file.st_mtim.tv_nsec) ||
        !S_ISREG(work->key_file.st_mode))
        return;
    if (load_keys(work) == 0 && !work->show.quiet)
        fprintf(stderr, "simulcrypt: %s was read again\n", work->values->key_file);
}

/* ---- packets ---- */

static int put_out(struct work *work)
{
    struct simc_slice packets;
    while (simc__receiver_next(work->receiver, &packets) == 0) {
        if (work->has_output && simc__ts_output_write(&work->output, packets))
            return simc__cli_trouble("cannot write %s: %s", work->output.name, strerror(errno));
    }
    return 0;
}

static int push(struct work *work, const uint8_t *packets, size_t count)
{
    uint64_t now_s = work->is_recording ? 0 : simc__cli_now_s();
    while (count) {
        size_t taken;
        if (simc__receiver_push(work->receiver, packets, count, now_s, &taken))
            return simc__cli_trouble("the cipher library failed");
        packets += taken * SIMC_TS_SIZE;
        count -= taken;
        int status = put_out(work);
        if (status)
            return status;
    }
    return 0;
}

static int take(struct work *work, const struct simc_ts_run *run)
{
    if (run->stride == SIMC_TS_SIZE)
        return push(work, run->data, run->count);
    int status = 0;
    for (size_t done = 0; done < run->count && !status;) {
        size_t count = run->count - done;
        if (count > SCRATCH_PACKETS)
            count = SCRATCH_PACKETS;
        for (size_t i = 0; i < count; i++)
            memcpy(work->scratch + i * SIMC_TS_SIZE, run->data + (done + i) * run->stride,
                   SIMC_TS_SIZE);
        status = push(work, work->scratch, count);
        done += count;
    }
    return status;
}

static int take_all(struct work *work, struct simc_ts_sync *sync)
{
    struct simc_ts_run run;
    while (simc_ts_sync_next(sync, &run) == 0) {
        if (sync->losses != work->losses)
            simc__receiver_break(work->receiver);
        work->losses = sync->losses;
        int status = take(work, &run);
        if (status)
            return status;
    }
    return 0;
}

/* Time passes without bytes: what waits must not wait for ever. */
static int be_silent(struct work *work, uint64_t now_ms)
{
    if (now_ms - work->data_ms <= work->values->hold_ms || work->was_silent)
        return 0;
    work->was_silent = true;
    simc__receiver_flush(work->receiver);
    return put_out(work);
}

static void show(struct work *work, uint64_t now_ms)
{
    uint64_t interval_ms = work->show.json ? work->values->interval * 1000 : (uint64_t)LIVE_MS;
    simc__receive_show_events(&work->show, work->receiver);
    if (interval_ms == 0 || now_ms - work->shown_ms < interval_ms)
        return;
    work->shown_ms = now_ms;
    simc__receive_show_now(&work->show, work->receiver);
}

static int run_loop(struct work *work)
{
    char why[SIMC__TS_WHY_SIZE];
    struct simc_ts_sync sync;
    struct simc_slice bytes;
    int status = 0, error = 0;
    if (simc_ts_sync_init(&sync, (unsigned)work->values->packet_size))
        return simc__cli_trouble("packets are 188, 192 or 204 bytes apart, not %llu",
                                 (unsigned long long)work->values->packet_size);
    work->data_ms = work->shown_ms = work->keys_ms = simc__clock_monotonic_ms();
    while (!status && (error = simc__ts_input_read(&work->input, &bytes, why)) == 0) {
        uint64_t now_ms = simc__clock_monotonic_ms();
        if (bytes.size) {
            if (now_ms - work->data_ms > SILENCE_MS && sync.packets)
                simc__receiver_break(work->receiver);
            work->data_ms = now_ms;
            work->was_silent = false;
            simc_ts_sync_feed(&sync, bytes);
            status = take_all(work, &sync);
        } else {
            status = be_silent(work, now_ms);
        }
        watch_keys(work, now_ms);
        show(work, now_ms);
    }
    if (!status && error == SIMC_EIO)
        status = simc__cli_trouble("%s", why);
    simc_ts_sync_feed(&sync, simc_slice(NULL, 0));
    simc_ts_sync_end(&sync);
    if (!status)
        status = take_all(work, &sync);
    simc__receiver_flush(work->receiver);
    if (!status)
        status = put_out(work);
    if (!status && sync.packets == 0)
        status = simc__cli_trouble("%s holds no transport stream packets", work->input_name);
    return status;
}

/* ---- start and end ---- */

static int read_services(struct work *work, struct simc__receiver_config *config)
{
    const struct simc__option_texts *texts = &work->values->services;
    for (size_t i = 0; i < texts->count; i++) {
        uint64_t number;
        if (simc__text_read_uint(simc_slice_text(texts->items[i]), &number) || number < 1 ||
            number > UINT16_MAX)
            return simc__cli_trouble("--service is %s, but must be 1 to 65535", texts->items[i]);
        work->services[i] = (uint16_t)number;
    }
    config->services = work->services;
    config->service_count = texts->count;
    return 0;
}

static int make_receiver(struct work *work)
{
    const struct values *values = work->values;
    struct simc__receiver_config config = {.rights = simc__receiver_rights_of(work->store),
                                           .hold_packets = (uint32_t)values->hold_packets,
                                           .hold_ms = (uint32_t)values->hold_ms,
                                           .drop_scrambled = values->drop_scrambled,
                                           .only_services =
                                               values->services.count && !values->whole,
                                           .drop_psi = values->no_psi,
                                           .clean_psi = values->clean_psi};
    int status = read_services(work, &config);
    if (status)
        return status;
    if (values->ca_system_id) {
        uint64_t number;
        if (simc__text_read_uint(simc_slice_text(values->ca_system_id), &number) ||
            number > UINT16_MAX)
            return simc__cli_trouble("--ca-system-id is %s, but must be 0 to 0xffff",
                                     values->ca_system_id);
        config.has_ca_system_id = true;
        config.ca_system_id = (uint16_t)number;
    }
    int error = simc__receiver_new(&config, &work->receiver);
    return error ? simc__cli_trouble("cannot start: %s", simc_error_text(error)) : 0;
}

static int open_streams(struct work *work)
{
    char why[SIMC__TS_WHY_SIZE];
    const struct values *values = work->values;
    if (simc__ts_input_open(&work->input, work->input_name, values->seconds, why))
        return simc__cli_trouble("%s", why);
    work->is_recording = work->input.size > 0;
    if (!values->output)
        return 0;
    if (simc__ts_output_open(&work->output, values->output, work->input_name, (unsigned)values->ttl,
                             why))
        return simc__cli_trouble("%s", why);
    work->has_output = true;
    return 0;
}

/* What was asked for and is not there, in words. */
static int judge(struct work *work)
{
    struct simc__receiver_service service;
    char why[SIMC__RECEIVER_TEXT_SIZE];
    bool told = false;
    if (simc__receiver_meets(work->receiver, (enum simc__receiver_demand)work->values->require))
        return SIMC__EXIT_GOOD;
    for (size_t i = 0; simc__receiver_service(work->receiver, i, &service); i++) {
        struct simc_writer out = simc_writer(why, sizeof why - 1);
        if (!service.wanted)
            continue;
        simc__receiver_why(work->receiver, service.program, &out);
        why[out.error ? 0 : out.at] = '\0';
        if (!out.at && work->values->require == SIMC__RECEIVER_DEMAND_ALL &&
            service.stats.lost_start) {
            simc__cli_trouble("service %u: %llu packets came before the first ECM", service.program,
                              (unsigned long long)service.stats.lost_start);
            told = true;
        }
        if (!out.at)
            continue;
        simc__cli_trouble("%s", why);
        told = true;
    }
    if (!told)
        simc__cli_trouble("the stream has no PAT, so its services are not known");
    return SIMC__EXIT_FOUND;
}

static int run_work(struct work *work)
{
    const struct values *values = work->values;
    int status = load_keys(work);
    if (status)
        return status;
    if (values->dump_rights) {
        simc__receive_show_rights(&work->show, simc__key_store_keys(work->store),
                                  simc__cli_now_s());
        if (!work->input_name)
            return SIMC__EXIT_GOOD;
    }
    if (!work->input_name)
        return simc__cli_trouble("no input is named: a file, '-' or udp://ADDRESS:PORT");
    status = make_receiver(work);
    if (!status)
        status = open_streams(work);
    if (!status)
        status = run_loop(work);
    if (work->has_output && simc__ts_output_close(&work->output) && !status)
        status = simc__cli_trouble("cannot write %s: %s", values->output, strerror(errno));
    if (!status) {
        simc__receive_show_events(&work->show, work->receiver);
        simc__receive_show_end(&work->show, work->receiver);
        status = judge(work);
    }
    return status;
}

static int run(const void *values_in, const struct simc__operands *operands)
{
    const struct values *values = values_in;
    if (!values->key_file)
        return simc__cli_trouble("no key file is given: --key-file FILE ('simulcrypt keys new' "
                                 "makes one)");
    struct work *work = calloc(1, sizeof *work);
    int status = SIMC__EXIT_TROUBLE;
    bool uses_stdout = values->output && strcmp(values->output, "-") == 0;
    if (work) {
        work->values = values;
        work->input_name = operands->count ? operands->items[0] : NULL;
        work->input.fd = -1;
        work->show = (struct simc__receive_show){
            .to = (values->json || values->dump_rights) && !uses_stdout ? stdout : stderr,
            .json = values->json,
            .quiet = values->quiet,
            .is_terminal = isatty(STDERR_FILENO) == 1,
            .page = malloc(SIMC__RECEIVE_PAGE_SIZE)};
        work->store = simc__key_store_new();
    }
    if (work && work->store && work->show.page)
        status = run_work(work);
    else
        simc__cli_trouble("no memory");
    if (work) {
        simc__ts_input_close(&work->input);
        simc__receiver_free(work->receiver);
        simc__key_store_free(work->store);
        free(work->show.page);
    }
    free(work);
    return status;
}

/* ---- rows ---- */

static const struct simc__option options[] = {
    {.name = "key-file",
     .letter = 'k',
     .type = SIMC__OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct values, key_file),
     .help = "the package keys to open ECMs with; read again when it is replaced"},
    {.name = "output",
     .letter = 'o',
     .type = SIMC__OPTION_TEXT,
     .argument = "OUT",
     .offset = offsetof(struct values, output),
     .help = "where the clear stream goes: a file, '-' for standard output, or "
             "udp://ADDRESS:PORT[?INTERFACE]; without it, only the figures are wanted"},
    {.name = "service",
     .letter = 's',
     .type = SIMC__OPTION_TEXTS,
     .argument = "N",
     .offset = offsetof(struct values, services),
     .help = "this service (program_number); the others are left out of the output. Without it, "
             "all services of the stream"},
    {.name = "whole",
     .offset = offsetof(struct values, whole),
     .help = "with --service: the packets of all other PIDs go out too, as they are"},
    {.name = "no-psi",
     .offset = offsetof(struct values, no_psi),
     .help = "with --service: leave out PIDs 1 to 0x1f (SDT, EIT and so on) too"},
    {.name = "clean-psi",
     .offset = offsetof(struct values, clean_psi),
     .help = "take CA_descriptors and scrambling_descriptors out of the PMTs, other services out "
             "of the PAT (with --service), and put null packets in the place of CAT and ECMs"},
    {.name = "drop-scrambled",
     .offset = offsetof(struct values, drop_scrambled),
     .help = "leave out packets that cannot be opened in time instead of passing them on "
             "scrambled"},
    {.name = "ca-system-id",
     .type = SIMC__OPTION_TEXT,
     .argument = "ID",
     .offset = offsetof(struct values, ca_system_id),
     .help =
         "look at CA_descriptors with this CA_system_id only; otherwise every ECM PID is tried"},
    {.name = "hold",
     .type = SIMC__OPTION_UINT,
     .argument = "MS",
     .min = 1,
     .max = 60000,
     .fallback = "500",
     .offset = offsetof(struct values, hold_ms),
     .help = "longest time of the stream that packets wait for a control word"},
    {.name = "hold-packets",
     .type = SIMC__OPTION_UINT,
     .argument = "N",
     .min = SIMC__RECEIVER_HOLD_MIN,
     .max = SIMC__RECEIVER_HOLD_MAX,
     .fallback = "32768",
     .offset = offsetof(struct values, hold_packets),
     .help = "most packets of the stream that wait; 188 bytes of memory each"},
    {.name = "require",
     .letter = 'r',
     .type = SIMC__OPTION_CHOICE,
     .argument = "WHAT",
     .choices = demands,
     .fallback = "steady",
     .offset = offsetof(struct values, require),
     .help = "what of each service asked for must have been decoded for exit status 0. steady: "
             "everything from its first decodable packet on; all: every packet of the input; some: "
             "something; none: nothing. A service that is not scrambled counts as decoded"},
    {.name = "json",
     .offset = offsetof(struct values, json),
     .help = "events and figures as lines of JSON, on standard output (on standard error when the "
             "stream goes there)"},
    {.name = "interval",
     .type = SIMC__OPTION_UINT,
     .argument = "SECONDS",
     .min = 0,
     .max = 3600,
     .fallback = "0",
     .offset = offsetof(struct values, interval),
     .help = "with --json: figures each time this has passed, not only at the end"},
    {.name = "dump-rights",
     .offset = offsetof(struct values, dump_rights),
     .help = "say which packages there are keys for, with versions and windows; without IN, that "
             "is all"},
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
     .help = "no events, no live line, no summary"},
};

static const struct simc__example examples[] = {
    {"simulcrypt receive -k keys.yaml -o clear.ts scrambled.ts", "a recording"},
    {"simulcrypt receive -k keys.yaml -s 1 --clean-psi -o - udp://239.1.1.1:5000 | ffplay -",
     "watch a service"},
    {"simulcrypt receive -k keys.yaml -o udp://127.0.0.1:5001 udp://239.1.1.1:5000",
     "for players on this machine: mpv udp://127.0.0.1:5001"},
    {"simulcrypt receive -k keys.yaml --json --interval 1 udp://239.1.1.1:5000",
     "figures each second, no output"},
    {"simulcrypt receive -k keys.yaml --dump-rights", "what can be decoded"},
};

static const struct simc__exit_row exits[] = {
    {SIMC__EXIT_GOOD, "everything asked for was decoded, as --require says"},
    {SIMC__EXIT_FOUND, "it was not; a sentence for each service says why"},
    {SIMC__EXIT_TROUBLE, "wrong usage, or reading or writing failed"},
};

const struct simc__command simc__command_receive = {
    .name = "receive",
    .summary = "receive and descramble services with package keys",
    .description =
        "Follows PAT and PMT, opens the ECMs of CA profile 1 for which the key file has a key, and "
        "descrambles: DVB-CISSA, DVB-CSA1 and 2 (with libdvbcsa), IDSA. Of several ECM PIDs of a "
        "service, any one that opens will do. Packets stay in their order; those whose control "
        "word is not known yet wait for it, together with all behind them, and go on as they are "
        "when --hold is over. A control word is proved before it is used where counting crypto "
        "periods does not tell: at the start, and behind a loss.\n\n"
        "IN is a file, '-' for standard input, a FIFO, or udp://[SOURCE@]ADDRESS:PORT[?INTERFACE], "
        "with or without RTP. Windows of keys are judged by the clock of this computer, but not in "
        "recordings.",
    .operands = "[IN]",
    .operand_min = 0,
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
