/* SPDX-License-Identifier: BSL-1.0 */
/* `simulcrypt receive`: the reference receiver between an input and an output. The work is done by
 * receiver/; receive_flow.c moves the packets; here are the options and the key file, which is read
 * again when it changes.
 */
#include "cli/receive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/keys.h"
#include "cli/receive_flow.h"
#include "sys/clock.h"

enum { LIVE_MS = 500, KEYS_MS = 1000 };

struct values {
    const char *key_file, *output, *ca_system_id;
    struct simc__option_texts services;
    uint64_t hold_ms, hold_packets, seconds, interval;
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
    uint64_t keys_ms;
    uint16_t services[SIMC__RECEIVER_WANTED_MAX];
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
static void watch_keys(void *context)
{
    struct work *work = context;
    struct stat now;
    uint64_t now_ms = simc__clock_monotonic_ms();
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

static int run_flow(struct work *work)
{
    const struct values *values = work->values;
    const struct simc__receive_flow flow = {
        .input = work->input_name,
        .output = values->output,
        .seconds = values->seconds,
        .hold_ms = values->hold_ms,
        .figures_ms = values->json ? values->interval * 1000 : LIVE_MS,
        .receiver = work->receiver,
        .show = &work->show,
        .tick = watch_keys,
        .context = work,
    };
    work->keys_ms = simc__clock_monotonic_ms();
    return simc__receive_flow_run(&flow);
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
        return simc__cli_trouble("no input is named: a file, '-', udp://ADDRESS:PORT or "
                                 "rtp://ADDRESS:PORT");
    status = make_receiver(work);
    if (!status)
        status = run_flow(work);
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
     .help = "where the clear stream goes: a file, '-' for standard output, a FIFO, "
             "udp://ADDRESS:PORT or rtp://ADDRESS:PORT; without it, only the figures are wanted"},
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
    {.name = "for",
     .type = SIMC__OPTION_UINT,
     .argument = "SECONDS",
     .min = 0,
     .max = 31536000,
     .fallback = "0",
     .offset = offsetof(struct values, seconds),
     .help = "end after this time; 0 is at the end of the input"},
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
        "IN is a file, '-' for standard input, a FIFO, udp://[SOURCE@]ADDRESS:PORT or rtp://...; "
        "behind a question mark stand options such as interface=eth1, of outputs also ttl=8, with "
        "& between them. An input of a network is waited for when it is lost; an output that is "
        "too slow holds a file or pipe up, and of a network packets are dropped and counted.\n\n"
        "Windows of keys are judged by the clock of this computer, but not in recordings.",
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
