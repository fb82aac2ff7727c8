/* SPDX-License-Identifier: BSL-1.0 */
/* Opens a configuration with the files of its secrets; see conf.h. The reading itself is the
 * caller's function, so that tests need no files and this folder no operating system. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "conf/internal.h"

enum { READER_WHY_SIZE = 512 };

struct secrets {
    int (*read)(const char *path, struct simc_buffer *into, char why[READER_WHY_SIZE]);
    struct simc__conf_faults *faults;
    bool wipe; /* instead of reading */
    int error;
};

static void walk_map(struct secrets *s, const struct simc__conf_place *place,
                     const struct simc__conf_table *table, const uint8_t *values);

/* The text without its line end, which editors add. */
static struct simc_slice without_line_end(struct simc_slice text)
{
    if (text.size && text.data[text.size - 1] == '\n')
        text.size--;
    if (text.size && text.data[text.size - 1] == '\r')
        text.size--;
    return text;
}

/* @return NULL, or what is wrong with the contents. */
static const char *take_secret(const struct simc__conf_row *row, struct simc_slice text,
                               struct simc_secret *secret, size_t *size)
{
    uint8_t bytes[SIMC_SECRET_SIZE_MAX];
    int error;
    if (row->type == SIMC__CONF_SECRET_TEXT) {
        text = without_line_end(text);
        *size = text.size;
        return simc_secret_set(secret, text) ? "is too long" : NULL;
    }
    error = simc_hex_read(text, bytes, sizeof bytes, size, NULL);
    if (!error)
        error = simc_secret_set(secret, simc_slice(bytes, *size));
    simc_wipe(bytes, sizeof bytes);
    if (error == SIMC_ESYNTAX)
        return "must hold hex digits only";
    return error ? "is too long" : NULL;
}

static void read_secret(struct secrets *s, const struct simc__conf_place *place,
                        const struct simc__conf_row *row, const struct simc__conf_secret *secret)
{
    const struct simc__conf_mark mark = {secret->line, secret->column};
    uint64_t min = row->min ? row->min : 1, max = simc__conf_row_max(row);
    char reason[READER_WHY_SIZE] = "", shown[SIMC__CONF_SHOWN_SIZE];
    struct simc_buffer file;
    size_t size = 0;
    simc_buffer_init(&file, SIMC__CONF_SECRET_FILE_MAX);
    int error = s->read(secret->path, &file, reason);
    simc__conf_shown(simc_slice_text(secret->path), shown);
    if (error == SIMC_ENOMEM) {
        s->error = SIMC_ENOMEM;
    } else if (error) {
        simc__conf_fault_add(s->faults, place, mark, "%s", reason);
    } else {
        const char *why = take_secret(row, simc_buffer_bytes(&file), secret->value, &size);
        if (why)
            simc__conf_fault_add(s->faults, place, mark, "the secret in %s %s", shown, why);
        else if (size < min || size > max)
            simc__conf_fault_add(s->faults, place, mark,
                                 "the secret in %s has %zu bytes, but must have %llu to %llu",
                                 shown, size, (unsigned long long)min, (unsigned long long)max);
    }
    simc_buffer_fini(&file);
}

static void walk_value(struct secrets *s, const struct simc__conf_place *place,
                       const struct simc__conf_row *row, const uint8_t *values)
{
    size_t count;
    if (simc__conf_is_null(row, values))
        return;
    if (row->type == SIMC__CONF_SECRET_TEXT || row->type == SIMC__CONF_SECRET_HEX) {
        struct simc__conf_secret secret;
        memcpy(&secret, values + row->offset, sizeof secret);
        if (s->wipe)
            simc_secret_wipe(secret.value);
        else
            read_secret(s, place, row, &secret);
    } else if (row->type == SIMC__CONF_MAP) {
        walk_map(s, place, row->table, values + row->offset);
    } else if (!simc__conf_is_scalar(row->type)) {
        const uint8_t *items = simc__conf_items(row, values, &count);
        for (size_t i = 0; i < count; i++) {
            const uint8_t *item = items + i * row->size;
            struct simc__conf_place here =
                row->type == SIMC__CONF_LIST
                    ? simc__conf_place_index(place, i)
                    : simc__conf_place_key(place,
                                           simc_slice_text(simc__conf_entry_name(row, item)));
            walk_value(s, &here, row->item, item);
        }
    }
}

static void walk_map(struct secrets *s, const struct simc__conf_place *place,
                     const struct simc__conf_table *table, const uint8_t *values)
{
    for (size_t i = 0; i < table->count; i++) {
        struct simc__conf_place here =
            simc__conf_place_key(place, simc_slice_text(table->rows[i].name));
        walk_value(s, &here, &table->rows[i], values);
    }
}

int simc__conf_secrets_read(struct simc__conf *owner,
                            int (*read)(const char *path, struct simc_buffer *into, char why[512]),
                            struct simc__conf_faults *faults)
{
    const struct simc__conf_place top = {NULL, {NULL, 0}, 0};
    struct secrets secrets = {read, faults, false, 0};
    faults->count = faults->total = 0;
    walk_map(&secrets, &top, owner->table, owner->values);
    if (!secrets.error && faults->total == 0)
        return 0;
    secrets.wipe = true;
    walk_map(&secrets, &top, owner->table, owner->values);
    if (secrets.error)
        faults->count = faults->total = 0;
    simc__conf_faults_sort(faults);
    return secrets.error ? secrets.error : SIMC_ESYNTAX;
}

int simc__conf_open(const struct simc__conf_table *table, const char *path,
                    int (*read)(const char *path, struct simc_buffer *into, char why[512]),
                    void *out, struct simc__conf **owner, struct simc__conf_faults *faults)
{
    const struct simc__conf_mark whole = {0, 0};
    char why[READER_WHY_SIZE] = "";
    struct simc_buffer file;
    faults->count = faults->total = 0;
    *owner = NULL;
    void *values = simc_calloc(1, table->size);
    if (!values)
        return SIMC_ENOMEM;
    simc_buffer_init(&file, SIMC__CONF_FILE_MAX);
    int error = read(path, &file, why);
    if (error && error != SIMC_ENOMEM) {
        simc__conf_fault_add(faults, NULL, whole, "%s", why);
        error = SIMC_ESYNTAX;
    }
    if (!error)
        error = simc__conf_load(table, simc_buffer_bytes(&file), path, values, owner, faults);
    if (!error)
        error = simc__conf_secrets_read(*owner, read, faults);
    simc_buffer_fini(&file);
    if (error) {
        simc__conf_free(*owner);
        *owner = NULL;
    } else {
        memcpy(out, values, table->size);
    }
    simc_free(values);
    return error;
}
