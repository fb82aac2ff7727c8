/* SPDX-License-Identifier: BSL-1.0 */
/* scsd: the program. Everything but its description is in lib/daemon and service.c. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config.h"
#include "scs/conf.h"
#include "scs/service.h"

struct options {
    struct simc__option_texts ecmgs;
    const char *super_cas_id, *access_criteria, *cp_duration, *admin, *listen;
    struct simc__option_texts ecm_ids;
    uint64_t protocol_version;
    unsigned algorithm;
    bool print, json;
};

static const char *const algorithms[] = {"csa2", "csa1", "csa3", "cissa", "idsa", NULL};

static const struct simc__option option_rows[] = {
    {.name = "ecmg",
     .type = SIMC__OPTION_TEXTS,
     .argument = "HOST:PORT",
     .offset = offsetof(struct options, ecmgs),
     .help = "an ECMG; those after the first are its backups"},
    {.name = "super-cas-id",
     .type = SIMC__OPTION_TEXT,
     .argument = "ID",
     .offset = offsetof(struct options, super_cas_id),
     .help = "the CA system, such as 0x12340001"},
    {.name = "ecm-id",
     .type = SIMC__OPTION_TEXTS,
     .argument = "NUMBER",
     .offset = offsetof(struct options, ecm_ids),
     .help = "an ECM stream by its ECM_id; 1 without this"},
    {.name = "access-criteria",
     .type = SIMC__OPTION_TEXT,
     .argument = "HEX",
     .offset = offsetof(struct options, access_criteria),
     .help = "access criteria of the streams in hex digits"},
    {.name = "cp-duration",
     .type = SIMC__OPTION_TEXT,
     .argument = "DURATION",
     .offset = offsetof(struct options, cp_duration),
     .help = "how long a control word lasts, such as 5s; 10s without this"},
    {.name = "algorithm",
     .type = SIMC__OPTION_CHOICE,
     .argument = "NAME",
     .choices = algorithms,
     .offset = offsetof(struct options, algorithm),
     .help = "how is scrambled; decides how long control words are"},
    {.name = "protocol-version",
     .type = SIMC__OPTION_UINT,
     .argument = "NUMBER",
     .max = 5,
     .fallback = "0",
     .offset = offsetof(struct options, protocol_version),
     .help = "1, 2, 3 or 5; 0: 3, and 2 when that is refused"},
    {.name = "print",
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct options, print),
     .help = "without a mux: print what would be on air"},
    {.name = "json",
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct options, json),
     .help = "print it as JSON, a line for each event"},
    {.name = "listen",
     .type = SIMC__OPTION_TEXT,
     .argument = "ADDRESS:PORT",
     .offset = offsetof(struct options, listen),
     .help = "where muxes connect; 127.0.0.1:2231 without this"},
    {.name = "admin",
     .type = SIMC__OPTION_TEXT,
     .argument = "ADDRESS:PORT",
     .offset = offsetof(struct options, admin),
     .help = "where health, status and metrics are, or null; 127.0.0.1:12231 without this"},
};

static const struct simc__example examples[] = {
    {"scsd --ecmg 192.0.2.1:2222 --super-cas-id 0x12340001 --print",
     "drives an ECMG and shows when its ECMs would be on air"},
    {"scsd --ecmg 192.0.2.1:2222 --ecmg 192.0.2.2:2222 --super-cas-id 0x12340001 --ecm-id 1 "
     "--ecm-id 2 --access-criteria a10101 --cp-duration 5s --json",
     "two streams, with a backup, as JSON lines"},
    {"scsd --print-sample > scsd.yaml", "writes a configuration with all keys and their meaning"},
    {"scsd --config scsd.yaml --check", "tells what is wrong in a configuration"},
};

static int check_options(const struct options *options, char why[SIMC__DAEMON_WHY_SIZE])
{
    const char *missing = !options->ecmgs.count    ? "--ecmg HOST:PORT"
                          : !options->super_cas_id ? "--super-cas-id ID"
                                                   : NULL;
    if (missing) {
        snprintf(why, SIMC__DAEMON_WHY_SIZE,
                 "give --config FILE, or --ecmg and --super-cas-id; %s is missing", missing);
        return SIMC_EINVAL;
    }
    int error = simc__daemon_check_plain("scsd", "super-cas-id", options->super_cas_id, why);
    if (!error)
        error = simc__daemon_check_plain("scsd", "cp-duration", options->cp_duration, why);
    if (!error)
        error = simc__daemon_check_plain("scsd", "admin", options->admin, why);
    for (size_t i = 0; !error && i < options->ecm_ids.count; i++)
        error = simc__daemon_check_plain("scsd", "ecm-id", options->ecm_ids.items[i], why);
    return error;
}

static void put_stream(struct simc_writer *yaml, const struct options *options, const char *ecm_id)
{
    simc__text_printf(yaml, "      - super_cas_id: %s\n        ecm_id: %s\n", options->super_cas_id,
                      ecm_id);
    if (!options->access_criteria)
        return;
    simc__text_put(yaml, "        access_criteria: ");
    simc__daemon_put_quoted(yaml, options->access_criteria);
    simc__text_put(yaml, "\n");
}

static int compose(const void *values, struct simc_writer *yaml, char why[SIMC__DAEMON_WHY_SIZE])
{
    const struct options *options = values;
    int error = check_options(options, why);
    if (error)
        return error;
    simc__daemon_put_admin(yaml, options->admin);
    if (options->listen) {
        simc__text_put(yaml, "link: {listen: ");
        simc__daemon_put_quoted(yaml, options->listen);
        simc__text_put(yaml, "}\n");
    }
    if (options->print || options->json)
        simc__text_printf(yaml, "print: %s\n", options->json ? "json" : "text");
    simc__text_put(yaml, "ecmgs:\n");
    for (size_t i = 0; i < options->ecmgs.count; i++) {
        simc__text_printf(yaml, "  - name: ecmg%zu\n    super_cas_id: %s\n    priority: %zu\n",
                          i + 1, options->super_cas_id, i);
        simc__text_printf(yaml,
                          "    version: %u\n    address: ", (unsigned)options->protocol_version);
        simc__daemon_put_quoted(yaml, options->ecmgs.items[i]);
        simc__text_put(yaml, "\n");
    }
    simc__text_printf(yaml, "scgs:\n  - id: 1\n    algorithm: %s\n",
                      algorithms[options->algorithm]);
    if (options->cp_duration)
        simc__text_printf(yaml, "    crypto_period: %s\n", options->cp_duration);
    simc__text_put(yaml, "    services: [{service_id: 1}]\n    streams:\n");
    for (size_t i = 0; i < options->ecm_ids.count; i++)
        put_stream(yaml, options, options->ecm_ids.items[i]);
    if (!options->ecm_ids.count)
        put_stream(yaml, options, "1");
    return 0;
}

static const struct simc__daemon scsd = {
    .name = "scsd",
    .summary = "the SimulCrypt synchroniser: control words, ECMs in time, and when they are on air",
    .description =
        "Draws the control words of scrambling control groups, has ECMs made for them by the ECMGs "
        "of any number of CA systems (ECMG-SCS of TS 103 197), and tells multiplexers when each "
        "control word and each ECM is on air.\n\n"
        "ECMGs of one Super_CAS_id share the streams or stand by for each other; a stream whose "
        "ECMG fails goes to another one within the same crypto period. With --config everything "
        "can be set; without, the options below are enough for one group. With --print no mux is "
        "needed: what would be on air is printed, so that any ECMG can be driven and examined.",
    .version = SIMC_VERSION,
    .build = "components: " SIMC_BUILD_COMPONENTS "\nswitches:   " SIMC_BUILD_SWITCHES
             "\ncompiler:   " SIMC_BUILD_COMPILER "\n",
    .table = &simc__scs_conf_table,
    .common_offset = offsetof(struct simc__scs_conf, daemon),
    .options = option_rows,
    .option_count = sizeof option_rows / sizeof option_rows[0],
    .options_size = sizeof(struct options),
    .examples = examples,
    .example_count = sizeof examples / sizeof examples[0],
    .compose = compose,
    .check = simc__scs_service_check,
    .files = simc__scs_service_files,
    .start = simc__scs_service_start,
    .reload = simc__scs_service_reload,
    .drain = simc__scs_service_drain,
    .stop = simc__scs_service_stop,
    .release = simc__scs_service_release,
    .status = simc__scs_service_status,
    .collect = simc__scs_service_collect,
    .is_ready = simc__scs_service_is_ready,
};

int main(int argc, char **argv)
{
    return simc__daemon_main(&scsd, argc, argv);
}
