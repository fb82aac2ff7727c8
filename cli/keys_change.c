/* SPDX-License-Identifier: BSL-1.0 */
/* `simulcrypt keys new`, `add` and `rotate`: makes key files and new versions in them. keys.c shows
 * what is in such a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/keys.h"
#include "keys/file.h"

enum {
    PACKAGES_MAX = SIMC__OPTION_TEXTS_MAX,
    DAYS_MAX = 3650,
    VERSIONS_MAX = 1000,
    SECONDS_OF_HOUR = 3600,
    SECONDS_OF_DAY = 86400,
};

struct values {
    struct simc__option_texts packages;
    uint64_t days, versions;
    const char *at;
};

/* What a verb works on. */
struct change {
    const struct values *values;
    const char *path;
    uint32_t packages[PACKAGES_MAX];
    size_t package_count;
    uint64_t now_s;
    size_t key_count;        /* so far */
    struct simc_buffer text; /* of the file to be */
    struct simc__keys *keys; /* the same, read back */
    struct simc__keys_save save;
};

/* ---- what was asked for ---- */

static int read_packages(struct change *c)
{
    const struct simc__option_texts *texts = &c->values->packages;
    for (size_t i = 0; i < texts->count; i++) {
        uint32_t *package = &c->packages[c->package_count];
        int status = simc__cli_package(texts->items[i], package);
        if (status)
            return status;
        for (size_t k = 0; k < c->package_count; k++) {
            if (c->packages[k] == *package)
                return simc__cli_trouble("package %u is named twice", (unsigned)*package);
        }
        c->package_count++;
    }
    return SIMC__EXIT_GOOD;
}

static int begin(struct change *c, const void *values, const struct simc__operands *operands)
{
    memset(c, 0, sizeof *c);
    c->values = values;
    c->path = operands->items[0];
    c->now_s = simc__cli_now_s();
    c->save.fresh_fd = -1;
    simc_buffer_init(&c->text, SIMC__KEYS_FILE_SIZE_MAX);
    if (strcmp(c->path, "-") == 0)
        return simc__cli_trouble("keys go into a file of their own, not to standard output: name "
                                 "a FILE");
    return read_packages(c);
}

static void end(struct change *c)
{
    simc__keys_save_end(&c->save);
    simc__keys_free(c->keys);
    simc_buffer_fini(&c->text);
}

/* The begin of the hour that a moment is in: a clock that is a little slow finds a key too. */
static uint64_t hour_of(uint64_t time_s)
{
    return time_s - time_s % SECONDS_OF_HOUR;
}

/* ---- making it ---- */

static int issue(struct change *c, const struct simc__keys_issue *wanted)
{
    c->key_count += wanted->count;
    if (c->key_count > SIMC__KEYS_MAX)
        return simc__cli_trouble("there would be more than %d keys, the most that a file holds; "
                                 "make fewer versions, or a second file",
                                 SIMC__KEYS_MAX);
    int error = simc__keys_text_issue(&c->text, wanted);
    if (error == SIMC_EINVAL)
        return simc__cli_trouble("package %u: the last version would end after the year 2106, where"
                                 " times of 32 bits end; ask for fewer days or versions",
                                 (unsigned)wanted->package);
    if (error == SIMC_EIO)
        return simc__cli_trouble("the system gives no random bytes");
    return error ? simc__cli_trouble("no memory") : SIMC__EXIT_GOOD;
}

/* Reads the text back as ecmgd will, and writes the file. */
static int finish(struct change *c)
{
    char why[SIMC__KEYS_WHY_SIZE] = "";
    struct simc_slice text = simc_buffer_bytes(&c->text);
    int status = simc__cli_keys_load(text, c->path, SIMC__EXIT_TROUBLE, &c->keys);
    if (status)
        return status;
    if (simc__keys_save_write(&c->save, text, why) || simc__keys_save_commit(&c->save, why))
        return simc__cli_trouble("%s", why);
    return SIMC__EXIT_GOOD;
}

/* Says what has been added to a package. @param from the first new version. */
static void tell(const struct change *c, uint32_t package, uint32_t from)
{
    char start[SIMC__CLI_TIME_SIZE], last[SIMC__CLI_TIME_SIZE];
    size_t count, first = 0;
    const struct simc__keys_entry *entries = simc__keys_of(c->keys, package, &count);
    while (first + 1 < count && entries[first].version < from)
        first++;
    simc__cli_time(entries[first].start_s, start);
    simc__cli_time(entries[count - 1].end_s, last);
    if (count - first == 1)
        printf("%s: package %u, version %u from %s to %s\n", c->path, (unsigned)package,
               (unsigned)from, start, last);
    else
        printf("%s: package %u, versions %u to %u from %s to %s\n", c->path, (unsigned)package,
               (unsigned)from, (unsigned)entries[count - 1].version, start, last);
    simc__cli_keys_warn_order(c->keys, package);
}

/* New packages from version 1 on. */
static int issue_packages(struct change *c)
{
    int status = SIMC__EXIT_GOOD;
    for (size_t i = 0; i < c->package_count && !status; i++) {
        const struct simc__keys_issue wanted = {c->packages[i], 1, hour_of(c->now_s),
                                                c->values->days * SECONDS_OF_DAY,
                                                (unsigned)c->values->versions};
        status = issue(c, &wanted);
    }
    return status;
}

/* ---- new ---- */

static int make_new(struct change *c)
{
    char why[SIMC__KEYS_WHY_SIZE] = "";
    if (c->package_count == 0)
        return simc__cli_trouble("say for which packages: --package N, once for each");
    if (simc__keys_text_head(&c->text))
        return simc__cli_trouble("no memory");
    int status = issue_packages(c);
    if (!status && simc__keys_save_create(&c->save, c->path, why))
        status = simc__cli_trouble("%s", why);
    return status ? status : finish(c);
}

/* What `new` and `add` do but for the making: both issue first versions. */
static int run_issue(const void *values, const struct simc__operands *operands,
                     int (*make)(struct change *))
{
    struct change c;
    int status = begin(&c, values, operands);
    if (!status)
        status = make(&c);
    for (size_t i = 0; i < c.package_count && !status; i++)
        tell(&c, c.packages[i], 1);
    end(&c);
    return status;
}

static int run_new(const void *values, const struct simc__operands *operands)
{
    return run_issue(values, operands, make_new);
}

/* ---- add and rotate ---- */

/* Locks and reads the file, and begins the text of the new one with its keys. */
static int open_old(struct change *c, struct simc__keys **old_keys)
{
    char why[SIMC__KEYS_WHY_SIZE] = "";
    struct simc_buffer old_text;
    simc_buffer_init(&old_text, SIMC__KEYS_FILE_SIZE_MAX);
    *old_keys = NULL;
    int status = simc__keys_save_begin(&c->save, c->path, &old_text, why)
                     ? simc__cli_trouble("%s", why)
                     : simc__cli_keys_load(simc_buffer_bytes(&old_text), c->path,
                                           SIMC__EXIT_TROUBLE, old_keys);
    if (!status)
        simc__keys_all(*old_keys, &c->key_count);
    if (!status && simc__keys_text_all(&c->text, *old_keys))
        status = simc__cli_trouble("no memory");
    if (!status && simc__keys_text_has_comments(simc_buffer_bytes(&old_text)))
        fprintf(stderr,
                "simulcrypt: mind that the comments in %s are lost, for it is written "
                "anew\n",
                c->path);
    simc_buffer_fini(&old_text);
    return status;
}

static int make_add(struct change *c)
{
    struct simc__keys *old_keys;
    size_t count;
    if (c->package_count == 0)
        return simc__cli_trouble("say which package to add: --package N");
    int status = open_old(c, &old_keys);
    for (size_t i = 0; i < c->package_count && !status; i++) {
        const struct simc__keys_entry *entries = simc__keys_of(old_keys, c->packages[i], &count);
        if (entries)
            status = simc__cli_trouble("%s has package %u already, up to version %u; say "
                                       "'simulcrypt keys rotate' for a newer one",
                                       c->path, (unsigned)c->packages[i],
                                       (unsigned)entries[count - 1].version);
    }
    simc__keys_free(old_keys);
    if (!status)
        status = issue_packages(c);
    return status ? status : finish(c);
}

static int run_add(const void *values, const struct simc__operands *operands)
{
    return run_issue(values, operands, make_add);
}

/* The length without the part that reaches into the next window: the reverse of
 * simc__keys_overlap_s(), so that windows made here go on as they are. */
static uint64_t length_of(const struct simc__keys_entry *entry)
{
    uint64_t window_s = entry->end_s - entry->start_s;
    uint64_t length_s =
        window_s >= 11 * SECONDS_OF_DAY ? window_s - SECONDS_OF_DAY : window_s - window_s / 11;
    return length_s ? length_s : 1;
}

static int read_at(const struct change *c, uint64_t *at_s)
{
    char why[SIMC__CONF_WHY_SIZE] = "";
    if (strcmp(c->values->at, "now") == 0) {
        *at_s = c->now_s;
        return SIMC__EXIT_GOOD;
    }
    if (simc__conf_time_read(simc_slice_text(c->values->at), at_s, why))
        return SIMC__EXIT_GOOD;
    return simc__cli_trouble("--at: %s %s, or now", c->values->at, why);
}

/* The next versions of a package. @param first set to the first of them. */
static int rotate_package(struct change *c, const struct simc__keys *old_keys, uint32_t package,
                          uint32_t *first)
{
    size_t count;
    int status = SIMC__EXIT_GOOD;
    const struct simc__keys_entry *entries = simc__keys_of(old_keys, package, &count);
    if (!entries)
        return simc__cli_trouble("%s has no package %u; say 'simulcrypt keys add' for a new one",
                                 c->path, (unsigned)package);
    const struct simc__keys_entry *last = &entries[count - 1];
    struct simc__keys_issue wanted = {.package = package, .count = (unsigned)c->values->versions};
    if (last->version == UINT32_MAX)
        return simc__cli_trouble("package %u has the highest version there is; take another "
                                 "package",
                                 (unsigned)package);
    wanted.version = *first = last->version + 1;
    wanted.length_s = c->values->days ? c->values->days * SECONDS_OF_DAY : length_of(last);
    wanted.start_s = last->end_s > c->now_s ? last->start_s + length_of(last) : hour_of(c->now_s);
    if (c->values->at)
        status = read_at(c, &wanted.start_s);
    return status ? status : issue(c, &wanted);
}

static void all_packages(const struct simc__keys *keys, uint32_t *packages, size_t *package_count)
{
    size_t count;
    const struct simc__keys_entry *entries = simc__keys_all(keys, &count);
    *package_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || entries[i].package != entries[i - 1].package)
            packages[(*package_count)++] = entries[i].package;
    }
}

static int run_rotate(const void *values, const struct simc__operands *operands)
{
    struct change c;
    struct simc__keys *old_keys = NULL;
    uint32_t *packages = calloc(SIMC__KEYS_MAX, sizeof *packages);
    uint32_t *first = calloc(SIMC__KEYS_MAX, sizeof *first);
    size_t count = 0;
    int status = begin(&c, values, operands);
    if (!status && (!packages || !first))
        status = simc__cli_trouble("no memory");
    if (!status)
        status = open_old(&c, &old_keys);
    if (!status && c.package_count) {
        count = c.package_count;
        memcpy(packages, c.packages, count * sizeof *packages);
    } else if (!status) {
        all_packages(old_keys, packages, &count);
    }
    for (size_t i = 0; i < count && !status; i++)
        status = rotate_package(&c, old_keys, packages[i], &first[i]);
    if (!status)
        status = finish(&c);
    for (size_t i = 0; i < count && !status; i++)
        tell(&c, packages[i], first[i]);
    simc__keys_free(old_keys);
    end(&c);
    free(packages);
    free(first);
    return status;
}

/* ---- rows ---- */

#define DAYS_TEXT                                                                                  \
    "how long a version is in force; its window reaches a tenth of that, at most a day, into the " \
    "next one's"

static const struct simc__option new_options[] = {
    {.name = "package",
     .letter = 'p',
     .type = SIMC__OPTION_TEXTS,
     .argument = "N",
     .offset = offsetof(struct values, packages),
     .help = "a package to make keys for"},
    {.name = "days",
     .letter = 'd',
     .type = SIMC__OPTION_UINT,
     .argument = "D",
     .min = 1,
     .max = DAYS_MAX,
     .fallback = "30",
     .offset = offsetof(struct values, days),
     .help = DAYS_TEXT},
    {.name = "versions",
     .letter = 'n',
     .type = SIMC__OPTION_UINT,
     .argument = "V",
     .min = 1,
     .max = VERSIONS_MAX,
     .fallback = "12",
     .offset = offsetof(struct values, versions),
     .help = "how many versions to make ahead, one after the other"},
};

static const struct simc__option rotate_options[] = {
    {.name = "package",
     .letter = 'p',
     .type = SIMC__OPTION_TEXTS,
     .argument = "N",
     .offset = offsetof(struct values, packages),
     .help = "only this package; all of them without it"},
    {.name = "at",
     .letter = 'a',
     .type = SIMC__OPTION_TEXT,
     .argument = "TIME",
     .offset = offsetof(struct values, at),
     .help = "when the next version begins (2026-11-21T00:00:00Z, or now); without it, where the "
             "last one leaves off"},
    {.name = "days",
     .letter = 'd',
     .type = SIMC__OPTION_UINT,
     .argument = "D",
     .min = 0,
     .max = DAYS_MAX,
     .fallback = "0",
     .offset = offsetof(struct values, days),
     .help = "how long the version is in force; 0: as long as the last one"},
    {.name = "versions",
     .letter = 'n',
     .type = SIMC__OPTION_UINT,
     .argument = "V",
     .min = 1,
     .max = VERSIONS_MAX,
     .fallback = "1",
     .offset = offsetof(struct values, versions),
     .help = "how many versions to add, one after the other"},
};

static const struct simc__example new_examples[] = {
    {"simulcrypt keys new keys.yaml --package 1 --package 2",
     "keys for two packages and about a year"},
    {"simulcrypt keys new keys.yaml -p 1 --days 1 --versions 400", "a new version each day"},
};

static const struct simc__example add_examples[] = {
    {"simulcrypt keys add keys.yaml --package 3", "a third package"},
};

static const struct simc__example rotate_examples[] = {
    {"simulcrypt keys rotate keys.yaml && systemctl reload ecmgd",
     "one more version of each package, for a timer"},
    {"simulcrypt keys rotate keys.yaml --at now --versions 12",
     "the keys have become known: new ones from now on"},
};

static const struct simc__exit_row exits[] = {
    {SIMC__EXIT_GOOD, "the file was written"},
    {SIMC__EXIT_TROUBLE, "nothing was changed: wrong usage, a faulty key file, or no way to write"},
};

#define ABOUT_WRITING                                                                              \
    "The file is replaced as a whole: whatever happens, it is the old one or the new one. It "     \
    "keeps "                                                                                       \
    "its owner and mode; comments in it are lost. Two of these commands cannot change it at "      \
    "once. "                                                                                       \
    "While it is written there is a FILE.new beside it. A running ecmgd takes the file over when " \
    "it is told to reload (SIGHUP)."

const struct simc__command simc__command_keys_new = {
    .name = "keys new",
    .summary = "make a key file for ecmgd",
    .description =
        "Makes a key file with random keys for one or more packages, from the current hour on. "
        "It is readable by its owner alone, and a file that exists is never overwritten. Each "
        "version of a key is in force for a while, then the next one takes over. Whoever has the "
        "file can open everything: keep it safe, and keep a copy.",
    .operands = "FILE",
    .operand_min = 1,
    .operand_max = 1,
    .options = new_options,
    .option_count = sizeof new_options / sizeof new_options[0],
    .examples = new_examples,
    .example_count = sizeof new_examples / sizeof new_examples[0],
    .exits = exits,
    .exit_count = sizeof exits / sizeof exits[0],
    .values_size = sizeof(struct values),
    .run = run_new,
};

const struct simc__command simc__command_keys_add = {
    .name = "keys add",
    .summary = "add a package to a key file",
    .description =
        "Adds packages with random keys to a key file, from the current hour on.\n\n" ABOUT_WRITING,
    .operands = "FILE",
    .operand_min = 1,
    .operand_max = 1,
    .options = new_options,
    .option_count = sizeof new_options / sizeof new_options[0],
    .examples = add_examples,
    .example_count = sizeof add_examples / sizeof add_examples[0],
    .exits = exits,
    .exit_count = sizeof exits / sizeof exits[0],
    .values_size = sizeof(struct values),
    .run = run_add,
};

const struct simc__command simc__command_keys_rotate = {
    .name = "keys rotate",
    .summary = "add the next key version to a key file",
    .description =
        "Adds the next version of each package, or of those named, with a random key. It begins "
        "where the last version leaves off, or at the time of --at; from then on ECMs are made "
        "with it, because the highest version whose window holds is in force. Older versions stay "
        "in the file.\n\n" ABOUT_WRITING,
    .operands = "FILE",
    .operand_min = 1,
    .operand_max = 1,
    .options = rotate_options,
    .option_count = sizeof rotate_options / sizeof rotate_options[0],
    .examples = rotate_examples,
    .example_count = sizeof rotate_examples / sizeof rotate_examples[0],
    .exits = exits,
    .exit_count = sizeof exits / sizeof exits[0],
    .values_size = sizeof(struct values),
    .run = run_rotate,
};
