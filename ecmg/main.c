/* SPDX-License-Identifier: BSL-1.0 */
/* The program ecmgd: what lib/daemon has to know of it, and how its options become a configuration.
 * The work is in service.c. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config.h"
#include "ecmg/conf.h"
#include "ecmg/service.h"

struct options {
    struct simc__option_texts listen, super_cas_ids;
    const char *key_file, *default_package, *admin;
    uint64_t lead_cw, cw_per_msg, threads;
    bool ts_packets;
};

static const struct simc__option option_rows[] = {
    {.name = "listen",
     .type = SIMC__OPTION_TEXTS,
     .argument = "ADDRESS:PORT",
     .offset = offsetof(struct options, listen),
     .help = "where SCSs connect, such as 0.0.0.0:2222"},
    {.name = "super-cas-id",
     .type = SIMC__OPTION_TEXTS,
     .argument = "ID",
     .offset = offsetof(struct options, super_cas_ids),
     .help = "a CA system to serve, such as 0x12340001"},
    {.name = "key-file",
     .type = SIMC__OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct options, key_file),
     .help = "package keys, made by `simulcrypt keys new`"},
    {.name = "default-package",
     .type = SIMC__OPTION_TEXT,
     .argument = "NUMBER",
     .offset = offsetof(struct options, default_package),
     .help = "package of streams whose SCS sends no access criteria"},
    {.name = "ts-packets",
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct options, ts_packets),
     .help = "send ECMs as TS packets instead of sections"},
    {.name = "lead-cw",
     .type = SIMC__OPTION_UINT,
     .argument = "COUNT",
     .max = 7,
     .fallback = "1",
     .offset = offsetof(struct options, lead_cw),
     .help = "control words that an ECM holds ahead of the current one"},
    {.name = "cw-per-msg",
     .type = SIMC__OPTION_UINT,
     .argument = "COUNT",
     .min = 1,
     .max = 8,
     .fallback = "2",
     .offset = offsetof(struct options, cw_per_msg),
     .help = "control words in each CW_provision"},
    {.name = "threads",
     .type = SIMC__OPTION_UINT,
     .argument = "COUNT",
     .max = 64,
     .fallback = "1",
     .offset = offsetof(struct options, threads),
     .help = "threads that serve SCSs; 0: one for each processor"},
    {.name = "admin",
     .type = SIMC__OPTION_TEXT,
     .argument = "ADDRESS:PORT",
     .fallback = NULL,
     .offset = offsetof(struct options, admin),
     .help = "where health, status and metrics are, or null; 127.0.0.1:12222 without this"},
};

static const struct simc__example examples[] = {
    {"simulcrypt keys new keys.yaml --package 1 --package 2", "makes keys for two packages"},
    {"ecmgd --listen 127.0.0.1:2222 --super-cas-id 0x12340001 --key-file keys.yaml "
     "--default-package 1",
     "serves SCSs of this host, without any other file"},
    {"ecmgd --print-sample > ecmgd.yaml", "writes a configuration with all keys and their meaning"},
    {"ecmgd --config ecmgd.yaml --check", "tells what is wrong in a configuration"},
};

static void put_system(struct simc_writer *out, const struct options *options, const char *id)
{
    simc__text_printf(out, "  - super_cas_id: %s\n    key_file: ", id);
    simc__daemon_put_quoted(out, options->key_file);
    simc__text_printf(out, "\n    lead_cw: %u\n    cw_per_msg: %u\n    ts_packets: %s\n",
                      (unsigned)options->lead_cw, (unsigned)options->cw_per_msg,
                      options->ts_packets ? "true" : "false");
    if (options->default_package)
        simc__text_printf(out, "    default_package: %s\n", options->default_package);
}

static int compose(const void *values, struct simc_writer *yaml, char why[SIMC__DAEMON_WHY_SIZE])
{
    const struct options *options = values;
    const char *missing = !options->listen.count          ? "--listen ADDRESS:PORT"
                          : !options->super_cas_ids.count ? "--super-cas-id ID"
                          : !options->key_file            ? "--key-file FILE"
                                                          : NULL;
    if (missing) {
        snprintf(why, SIMC__DAEMON_WHY_SIZE,
                 "give --config FILE, or --listen, --super-cas-id and --key-file; %s is missing",
                 missing);
        return SIMC_EINVAL;
    }
    int error = simc__daemon_check_plain("ecmgd", "default-package", options->default_package, why);
    if (!error)
        error = simc__daemon_check_plain("ecmgd", "admin", options->admin, why);
    for (size_t i = 0; i < options->super_cas_ids.count && !error; i++)
        error =
            simc__daemon_check_plain("ecmgd", "super-cas-id", options->super_cas_ids.items[i], why);
    if (error)
        return error;
    simc__text_printf(yaml, "threads: %u\n", (unsigned)options->threads);
    simc__daemon_put_admin(yaml, options->admin);
    simc__text_put(yaml, "listen:\n");
    for (size_t i = 0; i < options->listen.count; i++) {
        simc__text_put(yaml, "  - address: ");
        simc__daemon_put_quoted(yaml, options->listen.items[i]);
        simc__text_put(yaml, "\n");
    }
    simc__text_put(yaml, "systems:\n");
    for (size_t i = 0; i < options->super_cas_ids.count; i++)
        put_system(yaml, options, options->super_cas_ids.items[i]);
    return 0;
}

static const struct simc__daemon ecmgd = {
    .name = "ecmgd",
    .summary = "the ECM generator: control words in, ECMs out",
    .description =
        "Serves ECMG-SCS of TS 103 197: SimulCrypt synchronisers (scramblers, multiplexers) "
        "connect, "
        "open a channel for a CA system and streams in it, and get an ECM for the control words of "
        "each crypto period.\n\n"
        "ECMs are those of OpenSimulCrypt's CA profile 1 under package keys of a key file, or what "
        "a plug-in of another CA system makes. With --config everything can be set; without, the "
        "options below are enough for one set of keys.",
    .version = SIMC_VERSION,
    .build = "components: " SIMC_BUILD_COMPONENTS "\nswitches:   " SIMC_BUILD_SWITCHES
             "\ncompiler:   " SIMC_BUILD_COMPILER "\n",
    .table = &simc__ecmg_conf_table,
    .common_offset = offsetof(struct simc__ecmg_conf, daemon),
    .options = option_rows,
    .option_count = sizeof option_rows / sizeof option_rows[0],
    .options_size = sizeof(struct options),
    .examples = examples,
    .example_count = sizeof examples / sizeof examples[0],
    .compose = compose,
    .check = simc__ecmg_service_check,
    .files = simc__ecmg_service_files,
    .start = simc__ecmg_service_start,
    .reload = simc__ecmg_service_reload,
    .drain = simc__ecmg_service_drain,
    .stop = simc__ecmg_service_stop,
    .release = simc__ecmg_service_release,
    .status = simc__ecmg_service_status,
    .collect = simc__ecmg_service_collect,
};

int main(int argc, char **argv)
{
    return simc__daemon_main(&ecmgd, argc, argv);
}
