/* SPDX-License-Identifier: BSL-1.0 */
/* The program muxd: what lib/daemon has to know of it, and how its options become a configuration.
 * The work is in service.c. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config.h"
#include "mux/conf.h"
#include "mux/service.h"

struct options {
    struct simc__option_texts inputs, outputs, services, scrambled;
    const char *bitrate, *link, *cw_file, *algorithm, *cp, *name, *admin, *answer;
    bool live, loop;
};

static const struct simc__option option_rows[] = {
    {.name = "input",
     .letter = 'i',
     .type = SIMC__OPTION_TEXTS,
     .argument = "ADDRESS",
     .offset = offsetof(struct options, inputs),
     .help = "a file, -, pipe:PATH, udp://HOST:PORT or rtp://HOST:PORT"},
    {.name = "output",
     .letter = 'o',
     .type = SIMC__OPTION_TEXTS,
     .argument = "ADDRESS",
     .offset = offsetof(struct options, outputs),
     .help = "likewise; several are independent of each other"},
    {.name = "bitrate",
     .type = SIMC__OPTION_TEXT,
     .argument = "RATE",
     .offset = offsetof(struct options, bitrate),
     .help =
         "constant rate of the output, such as 5M or 38Mbit/s; without it what is inserted takes "
         "the place of null packets"},
    {.name = "service",
     .type = SIMC__OPTION_TEXTS,
     .argument = "ID[=NEW]",
     .offset = offsetof(struct options, services),
     .help = "a service of the first input for the output, and its service_id there; without this "
             "everything passes"},
    {.name = "link",
     .type = SIMC__OPTION_TEXT,
     .argument = "ADDRESS",
     .offset = offsetof(struct options, link),
     .help = "the SCS: the path of scsd's unix socket, or HOST:PORT on this host"},
    {.name = "name",
     .type = SIMC__OPTION_TEXT,
     .argument = "NAME",
     .fallback = "muxd",
     .offset = offsetof(struct options, name),
     .help = "what the SCS knows the multiplex by"},
    {.name = "cw-file",
     .type = SIMC__OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct options, cw_file),
     .help = "laboratory: scramble with the one or two control words of this file, without an SCS"},
    {.name = "scramble",
     .type = SIMC__OPTION_TEXTS,
     .argument = "ID",
     .offset = offsetof(struct options, scrambled),
     .help = "with --cw-file: a service of the output to scramble; without it those of --service"},
    {.name = "algorithm",
     .type = SIMC__OPTION_TEXT,
     .argument = "NAME",
     .fallback = "cissa",
     .offset = offsetof(struct options, algorithm),
     .help = "with --cw-file: cissa, csa1, csa2 or idsa"},
    {.name = "cp",
     .type = SIMC__OPTION_TEXT,
     .argument = "TIME",
     .fallback = "0s",
     .offset = offsetof(struct options, cp),
     .help =
         "with --cw-file: how long each of two words lasts, such as 10s; 0s: the first for good"},
    {.name = "live",
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct options, live),
     .help = "by the clock, even if all addresses are files"},
    {.name = "loop",
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct options, loop),
     .help = "with --live: files begin again at their end"},
    {.name = "answer",
     .type = SIMC__OPTION_TEXT,
     .argument = "TIME",
     .fallback = "30s",
     .offset = offsetof(struct options, answer),
     .help = "titles: longest wait for the SCS, an input or an output"},
    {.name = "admin",
     .type = SIMC__OPTION_TEXT,
     .argument = "ADDRESS:PORT",
     .offset = offsetof(struct options, admin),
     .help = "where health, status and metrics are, or null; 127.0.0.1:12240 without this, for "
             "titles none"},
};

static const struct simc__example examples[] = {
    {"muxd --input title.ts --output scrambled.ts --cw-file words.txt --scramble 1",
     "scrambles service 1 of a file with fixed control words, as fast as the disk allows"},
    {"muxd --input title.ts --output scrambled.ts --link /run/simulcrypt/scs-mux.sock",
     "the same with an SCS, and with ECMs"},
    {"muxd --input 'udp://239.1.2.3:5000?interface=eth1' --output udp://239.9.9.9:5000 "
     "--bitrate 38Mbit/s --link /run/simulcrypt/scs-mux.sock",
     "multiplexes and scrambles live"},
    {"muxd --live --loop --input title.ts --output udp://127.0.0.1:5000 --bitrate 5M",
     "plays a file again and again"},
    {"muxd --print-sample > muxd.yaml", "writes a configuration with all keys and their meaning"},
    {"muxd --config muxd.yaml --check", "tells what is wrong in a configuration"},
};

/* 5M as people write it, besides the forms of the configuration. */
static void put_bitrate(struct simc_writer *out, const char *text)
{
    size_t len = strlen(text);
    const char *unit = "";
    if (len > 1 && strspn(text, "0123456789.") == len - 1)
        unit = text[len - 1] == 'k' || text[len - 1] == 'M' || text[len - 1] == 'G' ? "bit/s" : "";
    else if (strspn(text, "0123456789") == len)
        unit = "bit/s";
    simc__text_printf(out, "    bitrate: %s%s\n", text, unit);
}

static bool can_all_wait(const struct simc__option_texts *texts, unsigned direction)
{
    struct simc__tsio_address address;
    char why[SIMC__TSIO_TEXT_SIZE];
    for (size_t i = 0; i < texts->count; i++)
        if (simc__tsio_address_read(texts->items[i], direction, &address, why) == 0 &&
            !simc__tsio_can_wait(&address))
            return false;
    return true;
}

/* "1=101": the two numbers as they are written. */
static void put_services(struct simc_writer *out, const struct options *options)
{
    simc__text_put(out, "    services:\n");
    for (size_t i = 0; i < options->services.count; i++) {
        const char *text = options->services.items[i], *as = strchr(text, '=');
        int len = as ? (int)(as - text) : (int)strlen(text);
        simc__text_printf(out, "      - service_id: %.*s\n", len, text);
        if (as)
            simc__text_printf(out, "        as: %s\n", as + 1);
    }
}

static void put_static(struct simc_writer *out, const struct options *options)
{
    const struct simc__option_texts *ids =
        options->scrambled.count ? &options->scrambled : &options->services;
    simc__text_put(out, "    static:\n      - cw_file: ");
    simc__daemon_put_quoted(out, options->cw_file);
    simc__text_printf(out, "\n        algorithm: %s\n        cp: %s\n        services: [",
                      options->algorithm, options->cp);
    for (size_t i = 0; i < ids->count; i++) {
        const char *as = strchr(ids->items[i], '=');
        simc__text_printf(out, "%s%s", i ? ", " : "", as ? as + 1 : ids->items[i]);
    }
    simc__text_put(out, "]\n");
}

static int check(const struct options *options, char why[SIMC__DAEMON_WHY_SIZE])
{
    static const char number[] = "0123456789xabcdefABCDEF=";
    const char *missing = !options->inputs.count    ? "--input ADDRESS"
                          : !options->outputs.count ? "--output ADDRESS"
                                                    : NULL;
    if (missing) {
        snprintf(why, SIMC__DAEMON_WHY_SIZE,
                 "give --config FILE, or --input and --output; %s is missing", missing);
        return SIMC_EINVAL;
    }
    if (options->cw_file && !options->scrambled.count && !options->services.count) {
        snprintf(why, SIMC__DAEMON_WHY_SIZE,
                 "--cw-file: name the services to scramble with --scramble ID");
        return SIMC_EINVAL;
    }
    if (!options->cw_file && options->scrambled.count) {
        snprintf(why, SIMC__DAEMON_WHY_SIZE,
                 "--scramble belongs to --cw-file; with an SCS, that decides");
        return SIMC_EINVAL;
    }
    for (size_t i = 0; i < options->services.count + options->scrambled.count; i++) {
        const char *text = i < options->services.count
                               ? options->services.items[i]
                               : options->scrambled.items[i - options->services.count];
        if (text[0] == '\0' || text[strspn(text, number)] != '\0') {
            snprintf(why, SIMC__DAEMON_WHY_SIZE,
                     "'%.64s' is no service_id; write a number, or ID=NEW", text);
            return SIMC_EINVAL;
        }
    }
    int error = simc__daemon_check_plain("muxd", "bitrate", options->bitrate, why);
    if (!error)
        error = simc__daemon_check_plain("muxd", "algorithm", options->algorithm, why);
    if (!error)
        error = simc__daemon_check_plain("muxd", "cp", options->cp, why);
    if (!error)
        error = simc__daemon_check_plain("muxd", "answer", options->answer, why);
    return error ? error : simc__daemon_check_plain("muxd", "admin", options->admin, why);
}

static int compose(const void *values, struct simc_writer *yaml, char why[SIMC__DAEMON_WHY_SIZE])
{
    const struct options *options = values;
    int error = check(options, why);
    if (error)
        return error;
    bool is_title = !options->live && can_all_wait(&options->inputs, SIMC__TSIO_INPUT) &&
                    can_all_wait(&options->outputs, SIMC__TSIO_OUTPUT);
    if (options->admin && strcmp(options->admin, "null") != 0)
        simc__text_printf(yaml, "admin: {listen: '%s'}\n", options->admin);
    else if (options->admin || is_title)
        simc__text_put(yaml, "admin: {listen: null}\n");
    if (options->link) {
        simc__text_put(yaml, "link: {address: ");
        simc__daemon_put_quoted(yaml, options->link);
        simc__text_put(yaml, "}\n");
    }
    simc__text_put(yaml, "multiplexes:\n  - name: ");
    simc__daemon_put_quoted(yaml, options->name);
    simc__text_printf(yaml, "\n    mode: %s\n    answer: %s\n", is_title ? "title" : "live",
                      options->answer);
    if (options->bitrate)
        put_bitrate(yaml, options->bitrate);
    else
        simc__text_put(yaml, "    rate: replace\n");
    simc__text_put(yaml, "    inputs:\n");
    for (size_t i = 0; i < options->inputs.count; i++) {
        simc__text_put(yaml, "      - address: ");
        simc__daemon_put_quoted(yaml, options->inputs.items[i]);
        simc__text_printf(yaml, "\n        loop: %s\n", options->loop ? "true" : "false");
    }
    if (options->services.count)
        put_services(yaml, options);
    else
        simc__text_put(yaml, "    pass_services: true\n");
    simc__text_put(yaml, "    outputs:\n");
    for (size_t i = 0; i < options->outputs.count; i++) {
        simc__text_put(yaml, "      - ");
        simc__daemon_put_quoted(yaml, options->outputs.items[i]);
        simc__text_put(yaml, "\n");
    }
    if (options->cw_file)
        put_static(yaml, options);
    return 0;
}

static const struct simc__daemon muxd = {
    .name = "muxd",
    .summary = "the TS multiplexer and scrambler: streams in, scrambled streams with ECMs out",
    .description =
        "Takes MPEG transport streams from networks, files and pipes, chooses and renames "
        "services, "
        "scrambles them as a SimulCrypt synchroniser (scsd) says, inserts its ECMs at the packet "
        "where they belong, makes the tables anew, and sends the result to networks, files and "
        "pipes.\n\n"
        "Live, it runs by the clock for ever. When all inputs and outputs are files or pipes, it "
        "makes a title: from the start to the end, as fast as disk and SCS allow; the exit status "
        "is 0 only if all of it was written.\n\n"
        "With --config everything can be set; without, the options below are enough for one "
        "multiplex. docs/muxd.md has more.",
    .version = SIMC_VERSION,
    .build = "components: " SIMC_BUILD_COMPONENTS "\nswitches:   " SIMC_BUILD_SWITCHES
             "\ncompiler:   " SIMC_BUILD_COMPILER "\n",
    .table = &simc__muxd_conf_table,
    .common_offset = offsetof(struct simc__muxd_conf, daemon),
    .options = option_rows,
    .option_count = sizeof option_rows / sizeof option_rows[0],
    .options_size = sizeof(struct options),
    .examples = examples,
    .example_count = sizeof examples / sizeof examples[0],
    .compose = compose,
    .check = simc__muxd_service_check,
    .files = simc__muxd_service_files,
    .start = simc__muxd_service_start,
    .reload = simc__muxd_service_reload,
    .drain = simc__muxd_service_drain,
    .stop = simc__muxd_service_stop,
    .release = simc__muxd_service_release,
    .status = simc__muxd_service_status,
    .collect = simc__muxd_service_collect,
    .is_ready = simc__muxd_service_is_ready,
};

int main(int argc, char **argv)
{
    return simc__daemon_main(&muxd, argc, argv);
}
