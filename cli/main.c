/* SPDX-License-Identifier: BSL-1.0 */
/* The simulcrypt command: finds the verb and runs it. --help, --version and the man pages come from
 * the verbs' rows. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/dab.h"
#include "cli/ts.h"
#include "config.h"
#ifdef SIMC_WITH_KEYS
#include "cli/ecm.h"
#include "cli/keys.h"
#endif
#ifdef SIMC_WITH_RECEIVER
#include "cli/receive.h"
#endif
#include "simulcrypt/msg.h"
#include "sys/process.h"

/* clang-format off */
static const struct simc__command *const commands[] = {
#ifdef SIMC_WITH_CONF
    &simc__command_dab_config_check,
    &simc__command_dab_config_sample,
    &simc__command_dab_inject,
#endif
    &simc__command_dab_show,
    &simc__command_dump,
#ifdef SIMC_WITH_KEYS
    &simc__command_ecm,
#endif
#ifdef SIMC_WITH_UV
    &simc__command_emmg,
#endif
    &simc__command_encode,
#ifdef SIMC_WITH_KEYS
    &simc__command_keys_ac,
    &simc__command_keys_add,
    &simc__command_keys_check,
    &simc__command_keys_new,
    &simc__command_keys_rotate,
    &simc__command_keys_show,
#endif
#ifdef SIMC_WITH_UV
    &simc__command_load_ecmg,
    &simc__command_load_mux,
#endif
#ifdef SIMC_WITH_RECEIVER
    &simc__command_receive,
#endif
    &simc__command_ts_analyze,
#ifdef SIMC_WITH_SCRAMBLE
    &simc__command_ts_descramble,
    &simc__command_ts_scramble,
#endif
    &simc__command_ts_sections,
};
/* clang-format on */

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0], WORDS_MAX = 3, PAGE_SIZE_MAX = 65536 };

static int output_errno; /* of the first write to standard output that failed */

void simc__cli_flush(void)
{
    bool failed = fflush(stdout) != 0;
    if ((failed || ferror(stdout)) && !output_errno)
        output_errno = errno ? errno : EIO;
}

int simc__cli_trouble(const char *format, ...)
{
    va_list arguments;
    simc__cli_flush();
    fputs("simulcrypt: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return SIMC__EXIT_TROUBLE;
}

void simc__cli_write(struct simc_slice bytes)
{
    if (!output_errno && fwrite(bytes.data, 1, bytes.size, stdout) != bytes.size)
        output_errno = errno ? errno : EIO;
}

bool simc__cli_output_failed(void)
{
    return output_errno != 0;
}

int simc__cli_finish(int status)
{
    simc__cli_flush();
    /* A reader that has seen enough (`| head`) is no trouble of ours. */
    if (!output_errno || output_errno == EPIPE)
        return status;
    return simc__cli_trouble("cannot write the output: %s", strerror(output_errno));
}

const char *simc__cli_input(const char *path)
{
    uint64_t fd = STDIN_FILENO;
    bool is_numbered = strncmp(path, "/dev/fd/", 8) == 0;
    if (!is_numbered && strcmp(path, "/dev/stdin") != 0)
        return path;
    /* The kernel keeps a process that is not dumpable away from its own /proc/self/fd, where these
     * names lead (unless it is root's); the descriptor itself is at hand. */
    if (is_numbered && (simc__text_read_uint(simc_slice_text(path + 8), &fd) || fd > INT_MAX))
        return path;
    if (fd != STDIN_FILENO && dup2((int)fd, STDIN_FILENO) < 0)
        return path;
    return "-";
}

static int print_page(void (*write)(const struct simc__command *, struct simc_writer *),
                      const struct simc__command *command)
{
    char *page = malloc(PAGE_SIZE_MAX);
    if (!page)
        return simc__cli_trouble("no memory");
    struct simc_writer out = simc_writer(page, PAGE_SIZE_MAX);
    write(command, &out);
    if (!out.error)
        simc__cli_write(simc_slice(page, out.at));
    int error = out.error;
    free(page);
    return error ? simc__cli_trouble("the page is too long: %s", simc_error_text(error))
                 : simc__cli_finish(SIMC__EXIT_GOOD);
}

static void write_help(const struct simc__command *command, struct simc_writer *out)
{
    simc__options_help("simulcrypt", command, out);
}

static void write_man(const struct simc__command *command, struct simc_writer *out)
{
    simc__options_man("simulcrypt", command, SIMC_VERSION, out);
}

static void write_overview(const struct simc__command *unused, struct simc_writer *out)
{
    (void)unused;
    simc__text_put(
        out, "Usage: simulcrypt COMMAND [OPTION...] [ARGUMENT...]\n\n"
             "Tools for DVB SimulCrypt, transport streams and DAB signalling.\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        simc__text_printf(out, "  %-18s %s\n", commands[i]->name, commands[i]->summary);
    simc__text_put(out, "  help COMMAND       what a command does and its options\n"
                        "  version            version and build of this program\n"
                        "\nEach command answers to --help, and has a man page: "
                        "man simulcrypt-dump.\n");
}

static void write_overview_man(const struct simc__command *unused, struct simc_writer *out)
{
    (void)unused;
    simc__text_printf(
        out,
        ".TH simulcrypt 1 \"\" \"OpenSimulCrypt %s\" \"OpenSimulCrypt\"\n"
        ".SH NAME\nsimulcrypt \\- tools for SimulCrypt, transport streams and DAB\n"
        ".SH SYNOPSIS\n\\fBsimulcrypt\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR...] "
        "[\\fIARGUMENT\\fR...]\n.SH DESCRIPTION\n"
        "Tools for DVB SimulCrypt, transport streams and DAB signalling. Each command has "
        "a page of its own.\n.SH COMMANDS\n",
        SIMC_VERSION);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        simc__text_printf(out, ".TP\n\\fB%s\\fR\n%s\n", commands[i]->name, commands[i]->summary);
    simc__text_put(out, ".TP\n\\fBhelp\\fR \\fICOMMAND\\fR\nwhat a command does and its options\n"
                        ".TP\n\\fBversion\\fR\nversion and build of this program\n"
                        ".TP\n\\fBmanual\\fR [\\fICOMMAND\\fR]\nthese pages as troff\n");
}

static int print_version(void)
{
    printf("simulcrypt %s (OpenSimulCrypt)\n"
           "components: %s\nswitches:   %s\ncompiler:   %s\n"
           "protocols: ",
           SIMC_VERSION, SIMC_BUILD_COMPONENTS, SIMC_BUILD_SWITCHES, SIMC_BUILD_COMPILER);
    /* The rows compiled in, so that a report of a fault names them. */
    size_t count;
    const struct simc_interface *const *interfaces = simc_interfaces(&count);
    for (size_t i = 0; i < count; i++)
        printf("%s %s", i ? "," : "", interfaces[i]->name);
    printf("\nLicence: Boost Software License 1.0\n");
    return simc__cli_finish(SIMC__EXIT_GOOD);
}

/* Finds the command whose words the arguments begin with. @param used how many words it has. */
static const struct simc__command *find(int argc, char **argv, int *used)
{
    for (int words = WORDS_MAX; words >= 1; words--) {
        char name[64] = "";
        if (words > argc)
            continue;
        for (int i = 0; i < words; i++)
            snprintf(name + strlen(name), sizeof name - strlen(name), "%s%s", i ? " " : "",
                     argv[i]);
        for (size_t i = 0; i < COMMAND_COUNT; i++) {
            if (strcmp(commands[i]->name, name) == 0) {
                *used = words;
                return commands[i];
            }
        }
    }
    return NULL;
}

static int unknown_command(const char *typed)
{
    const struct simc__command *nearest = simc__command_nearest(commands, COMMAND_COUNT, typed);
    if (nearest)
        return simc__cli_trouble("there is no command '%s'; did you mean %s?", typed,
                                 nearest->name);
    return simc__cli_trouble("there is no command '%s'; 'simulcrypt help' lists them", typed);
}

static int run(const struct simc__command *command, int argc, char **argv)
{
    char why[SIMC__OPTIONS_WHY_SIZE];
    struct simc__operands operands;
    void *values = malloc(command->values_size ? command->values_size : 1);
    int status = SIMC__EXIT_TROUBLE;
    if (!values)
        return simc__cli_trouble("no memory");
    switch (simc__options_read(command, argc, argv, values, &operands, why)) {
    case SIMC__OPTIONS_RUN:
        status = simc__cli_finish(command->run(values, &operands));
        break;
    case SIMC__OPTIONS_HELP:
        status = print_page(write_help, command);
        break;
    case SIMC__OPTIONS_BAD:
        status = simc__cli_trouble("%s", why);
        break;
    }
    free(values);
    return status;
}

/* `help COMMAND` and, for the build, `manual COMMAND`. */
static int print_about(int argc, char **argv,
                       void (*write)(const struct simc__command *, struct simc_writer *),
                       void (*write_all)(const struct simc__command *, struct simc_writer *))
{
    int used;
    if (argc == 0)
        return print_page(write_all, NULL);
    const struct simc__command *command = find(argc, argv, &used);
    return command ? print_page(write, command) : unknown_command(argv[0]);
}

int main(int argc, char **argv)
{
    int used;
    if (simc__process_harden() != 0)
        return simc__cli_trouble("the system gives no random bytes");
    if (argc < 2) {
        print_page(write_overview, NULL);
        return SIMC__EXIT_TROUBLE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0)
        return print_version();
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return print_page(write_overview, NULL);
    if (strcmp(word, "help") == 0)
        return print_about(argc - 2, argv + 2, write_help, write_overview);
    if (strcmp(word, "manual") == 0)
        return print_about(argc - 2, argv + 2, write_man, write_overview_man);
    const struct simc__command *command = find(argc - 1, argv + 1, &used);
    if (!command)
        return unknown_command(word);
    return run(command, argc - 1 - used, argv + 1 + used);
}
