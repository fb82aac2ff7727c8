/* SPDX-License-Identifier: BSL-1.0 */
/* What main() of every daemon calls: reads the command line and prints, checks or runs; see
 * daemon.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/internal.h"
#include "sys/file.h"
#include "sys/process.h"

enum { PAGE_SIZE_MAX = 1 << 20 };

int simc__daemon_trouble(const struct simc__daemon *daemon, const char *format, ...)
{
    char text[SIMC__DAEMON_WHY_SIZE + 64], line[sizeof text + 64];
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    simc__text_disarm(text);
    snprintf(line, sizeof line, "%.40s: %s\n", daemon->name, text);
    (void)!simc__file_write(STDERR_FILENO, simc_slice_text(line));
    return SIMC__DAEMON_EXIT_TROUBLE;
}

/* ---- printing ---- */

struct page {
    const struct simc__daemon *daemon;
    const struct simc__daemon_line *line;
    const void *values;
};

static int print(const struct page *page,
                 void (*write)(const struct page *page, struct simc_writer *out))
{
    uint8_t *text = simc_alloc(PAGE_SIZE_MAX);
    if (!text)
        return simc__daemon_trouble(page->daemon, "no memory");
    struct simc_writer out = simc_writer(text, PAGE_SIZE_MAX);
    int status = SIMC__DAEMON_EXIT_GOOD;
    write(page, &out);
    if (out.error)
        status = simc__daemon_trouble(page->daemon, "the text cannot be printed: %s",
                                      simc_error_text(out.error));
    /* A reader that has seen enough (`| head`) is no trouble of ours. */
    else if (simc__file_write(STDOUT_FILENO, simc_slice(text, out.at)) != 0 && errno != EPIPE)
        status = simc__daemon_trouble(page->daemon, "cannot write the output: %s", strerror(errno));
    simc_free(text);
    return status;
}

static void write_help(const struct page *page, struct simc_writer *out)
{
    simc__daemon_put_help(out, page->daemon, &page->line->command);
}

static void write_man(const struct page *page, struct simc_writer *out)
{
    simc__daemon_put_man(out, page->daemon, &page->line->command);
}

static void write_version(const struct page *page, struct simc_writer *out)
{
    simc__daemon_put_version(out, page->daemon);
}

static void write_sample(const struct page *page, struct simc_writer *out)
{
    simc__conf_put_sample(out, page->daemon->table, false);
}

static void write_reference(const struct page *page, struct simc_writer *out)
{
    simc__conf_put_reference(out, page->daemon->table);
}

static void write_config(const struct page *page, struct simc_writer *out)
{
    simc__conf_put_effective(out, page->daemon->table, page->values);
}

static void write_good(const struct page *page, struct simc_writer *out)
{
    const char *name = simc__daemon_config_name(page->line);
    simc__text_printf(out, "%s: %s is good\n", page->daemon->name, name);
}

/* ---- what was asked for ---- */

static int with_values(struct page *page)
{
    const struct simc__daemon_options *options = page->line->common;
    struct simc_buffer faults;
    void *values;
    int status = SIMC__DAEMON_EXIT_FAULTY;
    int error = simc__daemon_config_load(page->daemon, page->line, &values, &faults);
    if (error == SIMC_ENOMEM)
        status = simc__daemon_trouble(page->daemon, "no memory");
    else if (error)
        (void)!simc__file_write(STDERR_FILENO, simc_buffer_bytes(&faults));
    simc_buffer_fini(&faults);
    if (error)
        return status;
    if (!options->check && !options->print_config)
        return simc__daemon_run_take(page->daemon, page->line, values);
    page->values = values;
    status = print(page, options->check ? write_good : write_config);
    simc__daemon_values_release(values);
    return status;
}

static int obey(struct page *page)
{
    const struct simc__daemon_options *options = page->line->common;
    if (options->version)
        return print(page, write_version);
    if (options->print_sample)
        return print(page, write_sample);
    if (options->print_reference)
        return print(page, write_reference);
    return with_values(page);
}

int simc__daemon_main(const struct simc__daemon *daemon, int argc, char **argv)
{
    char why[SIMC__DAEMON_WHY_SIZE];
    struct simc__daemon_line line;
    int status = SIMC__DAEMON_EXIT_TROUBLE;
    if (simc__process_harden() != 0)
        return simc__daemon_trouble(daemon, "the system gives no random bytes");
    if (simc__daemon_line_init(&line, daemon) != 0)
        return simc__daemon_trouble(daemon, "no memory");
    struct page page = {daemon, &line, NULL};
    if (argc == 2 && strcmp(argv[1], "manual") == 0) {
        status = print(&page, write_man);
    } else {
        switch (simc__daemon_line_read(&line, daemon, argc > 0 ? argc - 1 : 0, argv + 1, why)) {
        case SIMC__OPTIONS_RUN:
            status = obey(&page);
            break;
        case SIMC__OPTIONS_HELP:
            status = print(&page, write_help);
            break;
        case SIMC__OPTIONS_BAD:
            simc__daemon_trouble(daemon, "%s", why);
            break;
        }
    }
    simc__daemon_line_fini(&line);
    return status;
}
