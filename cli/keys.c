/* SPDX-License-Identifier: BSL-1.0 */
/* `simulcrypt keys show`, `check` and `ac`: what is in a key file, whether it can be used, and the
 * access criteria for a package of it. keys_change.c makes and changes such files. */
#include "cli/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "keys/file.h"
#include "simulcrypt/cas.h"
#include "sys/clock.h"

enum { PAGE_SIZE = 65536, LINE_SIZE = 512, SECONDS_OF_DAY = 86400, SOON_DAYS = 7 };

/* ---- shared with the other verbs ---- */

int simc__cli_keys_load(struct simc_slice text, const char *name, int faulty,
                        struct simc__keys **keys)
{
    struct simc__conf_faults *faults = calloc(1, sizeof *faults);
    char *page = malloc(PAGE_SIZE);
    *keys = NULL;
    int error = faults && page ? simc__keys_load(text, name, keys, faults) : SIMC_ENOMEM;
    if (error == SIMC_ESYNTAX) {
        struct simc_writer out = simc_writer(page, PAGE_SIZE);
        simc__conf_faults_put(&out, faults, name);
        simc__cli_flush();
        fwrite(page, 1, out.error ? 0 : out.at, stderr);
    }
    free(page);
    free(faults);
    if (error && error != SIMC_ESYNTAX)
        return simc__cli_trouble("no memory");
    return error ? faulty : SIMC__EXIT_GOOD;
}

int simc__cli_keys_open(const char *path, int faulty, struct simc__keys **keys)
{
    char why[SIMC__KEYS_WHY_SIZE] = "";
    struct simc_buffer text;
    *keys = NULL;
    path = simc__cli_input(path);
    simc_buffer_init(&text, SIMC__KEYS_FILE_SIZE_MAX);
    int status =
        simc__keys_file_read(path, &text, why)
            ? simc__cli_trouble("%s", why)
            : simc__cli_keys_load(simc_buffer_bytes(&text),
                                  strcmp(path, "-") == 0 ? "standard input" : path, faulty, keys);
    simc_buffer_fini(&text);
    return status;
}

int simc__cli_package(const char *text, uint32_t *package)
{
    uint64_t value;
    if (simc__text_read_uint(simc_slice_text(text), &value) || value < 1 || value > UINT32_MAX)
        return simc__cli_trouble("--package is %s, but must be a number from 1 to %u", text,
                                 UINT32_MAX);
    *package = (uint32_t)value;
    return SIMC__EXIT_GOOD;
}

const char *simc__cli_time(uint64_t seconds, char text[SIMC__CLI_TIME_SIZE])
{
    struct simc_writer out = simc_writer(text, SIMC__CLI_TIME_SIZE - 1);
    simc__conf_time_put(&out, seconds);
    text[out.error ? 0 : out.at] = '\0';
    return text;
}

uint64_t simc__cli_now_s(void)
{
    return simc__clock_wall_us(NULL) / 1000000;
}

bool simc__cli_keys_warn_order(const struct simc__keys *keys, uint32_t package)
{
    char time[SIMC__CLI_TIME_SIZE];
    struct simc__package_key key;
    uint32_t version = 0;
    bool found = false;
    for (uint64_t at_s = simc__cli_now_s(); at_s != UINT64_MAX && !found; at_s = key.change_s) {
        int error = simc__keys_find(keys, package, at_s, &key);
        if (error == SIMC_ENOTFOUND)
            break;
        found = !error && key.standing == SIMC__KEY_IN_FORCE && key.version < version;
        if (found) {
            simc__cli_flush();
            fprintf(stderr,
                    "simulcrypt: mind that package %u goes back from version %u to version %u at "
                    "%s, because no newer one covers that time; add newer ones with 'simulcrypt "
                    "keys rotate'\n",
                    (unsigned)package, (unsigned)version, (unsigned)key.version,
                    simc__cli_time(at_s, time));
        }
        if (!error && key.standing == SIMC__KEY_IN_FORCE)
            version = key.version;
    }
    simc_secret_wipe(&key.key);
    return found;
}

/* ---- show ---- */

struct show_values {
    bool json;
};

/* How a key stands now. @param in_force the version that ECMs are made with; 0: none. */
static const char *state_of(const struct simc__keys_entry *entry, uint64_t now_s, uint32_t in_force)
{
    if (entry->version == in_force)
        return "in force";
    if (entry->end_s <= now_s)
        return "over";
    return entry->start_s > now_s ? "ahead" : "valid";
}

static void show_key(const char *name, const struct simc__keys_entry *entry, const char *state,
                     bool json)
{
    char line[LINE_SIZE], start[SIMC__CLI_TIME_SIZE], end[SIMC__CLI_TIME_SIZE];
    char fingerprint[SIMC_FINGERPRINT_SIZE];
    simc__cli_time(entry->start_s, start);
    simc__cli_time(entry->end_s, end);
    simc_secret_fingerprint(entry->key, fingerprint);
    if (!json) {
        printf("%-10u  %-10u  %s  %s  %s  %s\n", (unsigned)entry->package, (unsigned)entry->version,
               start, end, fingerprint, state);
        return;
    }
    struct simc_writer out = simc_writer(line, sizeof line);
    struct simc__json object;
    simc__json_init(&object, &out);
    simc__json_object(&object, NULL);
    /* A path takes any length; its end tells which file it is. */
    size_t size = strlen(name);
    simc__json_text(&object, "file", size > 128 ? name + size - 128 : name);
    simc__json_uint(&object, "package", entry->package);
    simc__json_uint(&object, "version", entry->version);
    simc__json_text(&object, "start", start);
    simc__json_text(&object, "end", end);
    simc__json_text(&object, "fingerprint", fingerprint);
    simc__json_text(&object, "state", state);
    simc__json_end(&object);
    if (simc__json_finish(&object) == 0)
        printf("%.*s\n", (int)out.at, line);
}

static int show_file(const char *path, bool json, bool named)
{
    struct simc__keys *keys;
    struct simc__package_key key = {0};
    uint64_t now_s = simc__cli_now_s();
    size_t count;
    int status = simc__cli_keys_open(path, SIMC__EXIT_FOUND, &keys);
    if (status)
        return status;
    const struct simc__keys_entry *entries = simc__keys_all(keys, &count);
    if (!json && named)
        printf("%s\n", path);
    if (!json)
        printf("%-10s  %-10s  %-20s  %-20s  %-8s  %s\n", "package", "version", "start", "end",
               "key", "now");
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || entries[i].package != entries[i - 1].package) {
            int error = simc__keys_find(keys, entries[i].package, now_s, &key);
            if (error || key.standing != SIMC__KEY_IN_FORCE)
                key.version = 0;
        }
        show_key(path, &entries[i], state_of(&entries[i], now_s, key.version), json);
    }
    simc_secret_wipe(&key.key);
    simc__keys_free(keys);
    return SIMC__EXIT_GOOD;
}

static int run_show(const void *given, const struct simc__operands *operands)
{
    const struct show_values *values = given;
    int worst = SIMC__EXIT_GOOD;
    for (size_t i = 0; i < operands->count; i++) {
        if (i && !values->json)
            printf("\n");
        int status = show_file(operands->items[i], values->json, operands->count > 1);
        worst = status > worst ? status : worst;
    }
    return worst;
}

static const struct simc__option show_options[] = {
    {.name = "json",
     .letter = 'j',
     .offset = offsetof(struct show_values, json),
     .help = "a JSON object per key and line"},
};

static const struct simc__example show_examples[] = {
    {"simulcrypt keys show keys.yaml", "the packages, their versions, and which one is in force"},
    {"simulcrypt keys show keys.yaml backup/keys.yaml", "the same fingerprint is the same key"},
};

static const struct simc__exit_row file_exits[] = {
    {SIMC__EXIT_GOOD, "the file can be used"},
    {SIMC__EXIT_FOUND, "it has faults"},
    {SIMC__EXIT_TROUBLE, "wrong usage, or it cannot be read or is open to others than its owner"},
};

const struct simc__command simc__command_keys_show = {
    .name = "keys show",
    .summary = "list the packages and key versions of a key file",
    .description =
        "Lists the keys of key files ('-' for standard input): package, version, when it begins "
        "and ends (UTC), a fingerprint, and how it stands now: in force (ECMs are made with it), "
        "valid (a newer version is in force), ahead, or over. The same key has the same "
        "fingerprint within one run only; so name two files to compare them. The keys themselves "
        "are never shown.",
    .operands = "FILE...",
    .operand_min = 1,
    .operand_max = 100,
    .options = show_options,
    .option_count = sizeof show_options / sizeof show_options[0],
    .examples = show_examples,
    .example_count = sizeof show_examples / sizeof show_examples[0],
    .exits = file_exits,
    .exit_count = sizeof file_exits / sizeof file_exits[0],
    .values_size = sizeof(struct show_values),
    .run = run_show,
};

/* ---- check ---- */

struct no_values {
    char unused;
};

/* Says until when the keys of a package last. @return false: none is in force now. */
static bool check_package(const struct simc__keys *keys, uint32_t package)
{
    char time[SIMC__CLI_TIME_SIZE];
    uint64_t now_s = simc__cli_now_s(), at_s = now_s;
    struct simc__package_key key, first;
    int error = simc__keys_find(keys, package, now_s, &first);
    /* When no window holds any more: the end of what begins now. */
    for (key = first; !error && key.standing == SIMC__KEY_IN_FORCE && key.change_s != UINT64_MAX;)
        error = simc__keys_find(keys, package, at_s = key.change_s, &key);
    bool good = first.standing == SIMC__KEY_IN_FORCE && first.version;
    if (!first.version)
        printf("package %u: no version is valid yet; the first begins at %s\n", (unsigned)package,
               simc__cli_time(first.change_s, time));
    else if (!good)
        printf("package %u: version %u ended at %s and no other is valid; say 'simulcrypt keys "
               "rotate'\n",
               (unsigned)package, (unsigned)first.version, simc__cli_time(first.end_s, time));
    else
        printf("package %u: version %u is in force; covered until %s%s\n", (unsigned)package,
               (unsigned)first.version, simc__cli_time(at_s, time),
               at_s - now_s < SOON_DAYS * SECONDS_OF_DAY ? "; say 'simulcrypt keys rotate' soon"
                                                         : "");
    simc_secret_wipe(&key.key);
    simc_secret_wipe(&first.key);
    return good;
}

static int run_check(const void *values, const struct simc__operands *operands)
{
    struct simc__keys *keys;
    size_t count;
    (void)values;
    int status = simc__cli_keys_open(operands->items[0], SIMC__EXIT_FOUND, &keys);
    if (status)
        return status;
    const struct simc__keys_entry *entries = simc__keys_all(keys, &count);
    printf("%s: no faults, %zu key%s\n", operands->items[0], count, count == 1 ? "" : "s");
    for (size_t i = 0; i < count; i++) {
        if (i && entries[i].package == entries[i - 1].package)
            continue;
        if (!check_package(keys, entries[i].package))
            status = SIMC__EXIT_FOUND;
        simc__cli_keys_warn_order(keys, entries[i].package);
    }
    if (!simc__keys_is_locked(keys))
        fprintf(stderr, "simulcrypt: mind that the system does not lock this memory (see ulimit "
                        "-l), so a program that uses the keys may leave them in the swap space\n");
    simc__keys_free(keys);
    return status;
}

static const struct simc__example check_examples[] = {
    {"simulcrypt keys check keys.yaml", "every fault with its line, or how long the keys last"},
};

static const struct simc__exit_row check_exits[] = {
    {SIMC__EXIT_GOOD, "the file can be used, and each package has a key that is in force"},
    {SIMC__EXIT_FOUND, "it has faults, or a package without a key that is in force now"},
    {SIMC__EXIT_TROUBLE, "wrong usage, or it cannot be read or is open to others than its owner"},
};

const struct simc__command simc__command_keys_check = {
    .name = "keys check",
    .summary = "check a key file",
    .description =
        "Reads a key file ('-' for standard input) as ecmgd does, tells every fault with its line "
        "and column, and says for each package which version is in force and until when there "
        "are keys.",
    .operands = "FILE",
    .operand_min = 1,
    .operand_max = 1,
    .examples = check_examples,
    .example_count = sizeof check_examples / sizeof check_examples[0],
    .exits = check_exits,
    .exit_count = sizeof check_exits / sizeof check_exits[0],
    .values_size = sizeof(struct no_values),
    .run = run_check,
};

/* ---- ac ---- */

struct ac_values {
    const char *package, *content, *conditions;
};

static int read_criteria(const struct ac_values *values, struct simc_access_criteria *criteria)
{
    uint64_t number;
    size_t size = 0;
    memset(criteria, 0, sizeof *criteria);
    if (!values->package)
        return simc__cli_trouble("say for which package: --package N");
    if (simc__cli_package(values->package, &criteria->package))
        return SIMC__EXIT_TROUBLE;
    if (values->content) {
        if (simc__text_read_uint(simc_slice_text(values->content), &number) || number > UINT32_MAX)
            return simc__cli_trouble("--content is %s, but must be a number up to %u",
                                     values->content, UINT32_MAX);
        criteria->has_content = true;
        criteria->content = (uint32_t)number;
    }
    if (values->conditions) {
        int error = simc_hex_read(simc_slice_text(values->conditions), criteria->conditions,
                                  sizeof criteria->conditions, &size, NULL);
        if (error == SIMC_ESYNTAX)
            return simc__cli_trouble("--conditions is '%s', but must be hex digits",
                                     values->conditions);
        if (error)
            return simc__cli_trouble("the conditions have more than %d bytes",
                                     SIMC_ECM_CONDITIONS_MAX);
        criteria->has_conditions = true;
        criteria->conditions_size = (uint8_t)size;
    }
    return SIMC__EXIT_GOOD;
}

static int run_ac(const void *given, const struct simc__operands *operands)
{
    uint8_t bytes[SIMC_ACCESS_CRITERIA_SIZE_MAX];
    char text[2 * SIMC_ACCESS_CRITERIA_SIZE_MAX + 1];
    struct simc_access_criteria criteria;
    struct simc__keys *keys;
    size_t count;
    int status = read_criteria(given, &criteria);
    if (!status)
        status = simc__cli_keys_open(operands->items[0], SIMC__EXIT_TROUBLE, &keys);
    if (status)
        return status;
    const struct simc__keys_entry *found = simc__keys_of(keys, criteria.package, &count);
    simc__keys_free(keys);
    if (!found)
        return simc__cli_trouble("%s has no key for package %u; 'simulcrypt keys add' makes one",
                                 operands->items[0], (unsigned)criteria.package);
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    int error = simc_access_criteria_put(&out, &criteria);
    if (error == SIMC_ETOOLONG)
        return simc__cli_trouble("the access criteria would take more than %d bytes; make the "
                                 "conditions shorter",
                                 SIMC_ACCESS_CRITERIA_SIZE_MAX);
    if (error)
        return simc__cli_trouble("%s", simc_error_text(error));
    struct simc_writer line = simc_writer(text, sizeof text);
    simc__text_put_hex(&line, simc_slice(bytes, out.at));
    simc__text_put(&line, "\n");
    simc__cli_write(simc_slice(text, line.at));
    return SIMC__EXIT_GOOD;
}

static const struct simc__option ac_options[] = {
    {.name = "package",
     .letter = 'p',
     .type = SIMC__OPTION_TEXT,
     .argument = "N",
     .offset = offsetof(struct ac_values, package),
     .help = "the package, which must have a key in FILE"},
    {.name = "content",
     .letter = 'c',
     .type = SIMC__OPTION_TEXT,
     .argument = "N",
     .offset = offsetof(struct ac_values, content),
     .help = "a number for the programme or title, which receivers get to see"},
    {.name = "conditions",
     .letter = 'C',
     .type = SIMC__OPTION_TEXT,
     .argument = "HEX",
     .offset = offsetof(struct ac_values, conditions),
     .help = "bytes that receivers get as they are, at most 64 and less with other things"},
};

static const struct simc__example ac_examples[] = {
    {"simulcrypt keys ac keys.yaml --package 2", "for a scrambler's access criteria field"},
};

static const struct simc__exit_row ac_exits[] = {
    {SIMC__EXIT_GOOD, "the access criteria were printed"},
    {SIMC__EXIT_TROUBLE, "wrong usage, no such package, or a key file that cannot be used"},
};

const struct simc__command simc__command_keys_ac = {
    .name = "keys ac",
    .summary = "print the access criteria of a package for a scrambler",
    .description =
        "Prints the access criteria of CA profile 1 in hex digits: a small CBOR map that tells "
        "ecmgd with which package's key the ECMs of a stream are to be made. Scramblers take it "
        "as it is, often in a field called access criteria, AC or AccessCriteria. It holds no "
        "secret.",
    .operands = "FILE",
    .operand_min = 1,
    .operand_max = 1,
    .options = ac_options,
    .option_count = sizeof ac_options / sizeof ac_options[0],
    .examples = ac_examples,
    .example_count = sizeof ac_examples / sizeof ac_examples[0],
    .exits = ac_exits,
    .exit_count = sizeof ac_exits / sizeof ac_exits[0],
    .values_size = sizeof(struct ac_values),
    .run = run_ac,
};
