/* SPDX-License-Identifier: BSL-1.0 */
/* The rows of a key file and the set of keys made of it; see keys.h. Once made a set never changes,
 * so looking into it needs no lock. */
#include "keys/keys.h"

#include <stdlib.h>
#include <string.h>

#include "keys/internal.h"
#include "sys/locked.h"

/* ---- the file as rows ---- */

enum { FORMAT = 1 };

struct item {
    uint32_t package, version;
    uint32_t start_s, end_s;
    struct simc_secret *key;
};

struct file {
    uint32_t format;
    struct item *keys;
    size_t keys_count;
};

static const struct simc__conf_row item_rows[] = {
    {.name = "package",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(item, package),
     .min = 1,
     .required = true,
     .example = "1",
     .help = "number of the package"},
    {.name = "version",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(item, version),
     .min = 1,
     .required = true,
     .example = "1",
     .help = "version of its key, higher than those before"},
    {.name = "start",
     .type = SIMC__CONF_TIME,
     SIMC__CONF_AT(item, start_s),
     .required = true,
     .example = "2026-11-21T00:00:00Z",
     .help = "when ECMs begin to be made with it"},
    {.name = "end",
     .type = SIMC__CONF_TIME,
     SIMC__CONF_AT(item, end_s),
     .required = true,
     .example = "2026-12-21T00:00:00Z",
     .help = "when it is no longer valid"},
    {.name = "key",
     .type = SIMC__CONF_SECRET_INLINE,
     SIMC__CONF_AT(item, key),
     .min = SIMC__KEYS_KEY_SIZE,
     .max = SIMC__KEYS_KEY_SIZE,
     .required = true,
     .example = "00000000000000000000000000000000",
     .help = "random bytes, such as 'simulcrypt keys new' makes"},
};

static void check_item(const void *values, struct simc__conf_check *check)
{
    const struct item *item = values;
    uint8_t mixed = 0;
    if (item->end_s <= item->start_s)
        simc__conf_complain(check, "end", "must be after start");
    for (size_t i = 1; i < item->key->size; i++)
        mixed |= item->key->bytes[i] ^ item->key->bytes[0];
    if (!mixed)
        simc__conf_complain(check, "key",
                            "all bytes are the same, which anyone can guess; make a random key "
                            "with 'simulcrypt keys new'");
}

static const struct simc__conf_table item_table = {.name = "key",
                                                   .rows = item_rows,
                                                   .count = sizeof item_rows / sizeof item_rows[0],
                                                   .size = sizeof(struct item),
                                                   .check = check_item};

static const struct simc__conf_row item_row = {.name = "key",
                                               .type = SIMC__CONF_MAP,
                                               SIMC__CONF_ITEM(struct item),
                                               .table = &item_table,
                                               .help = "a key"};

static const struct simc__conf_row file_rows[] = {
    {.name = "format",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(file, format),
     .required = true,
     .example = "1",
     .help = "of this file"},
    {.name = "keys",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(file, keys),
     .min = 1,
     .max = SIMC__KEYS_MAX,
     .item = &item_row,
     .required = true,
     .reloadable = true,
     .help = "the keys, in any order"},
};

/* What two items are compared by: numbers that tell nearly all of them apart. */
struct mark {
    uint64_t id;   /* package and version */
    uint64_t head; /* of the key: secret */
};

static uint64_t head_of(const struct simc_secret *key)
{
    struct simc_reader reader = simc_reader(simc_secret_bytes(key));
    return simc_reader_u64(&reader);
}

static void check_file(const void *values, struct simc__conf_check *check)
{
    const struct file *file = values;
    struct mark marks[SIMC__KEYS_MAX];
    if (file->format != FORMAT)
        simc__conf_complain(check, "format", "this program reads format %d only", FORMAT);
    for (size_t i = 0; i < file->keys_count; i++) {
        const struct item *item = &file->keys[i];
        marks[i].id = (uint64_t)item->package << 32 | item->version;
        marks[i].head = head_of(item->key);
        for (size_t k = 0; k < i; k++) {
            if (marks[k].id == marks[i].id)
                simc__conf_complain_item(check, "keys", i,
                                         "keys[%zu] is version %u of package %u already; give each "
                                         "version once",
                                         k, (unsigned)item->version, (unsigned)item->package);
            else if (marks[k].head == marks[i].head &&
                     simc_secret_equal(file->keys[k].key, item->key))
                simc__conf_complain_item(
                    check, "keys", i, "has the key of keys[%zu]; make a key for each version", k);
        }
    }
    simc_wipe(marks, sizeof marks);
}

const struct simc__conf_table simc__keys_table = {
    .name = "keys",
    .rows = file_rows,
    .count = sizeof file_rows / sizeof file_rows[0],
    .size = sizeof(struct file),
    .secret_file = true,
    .check = check_file,
};

/* ---- the set ---- */

#define NO_ENTRY UINT32_MAX

/* From this second on until the next one, the answer for a package is the same. */
struct segment {
    uint64_t from_s;
    uint32_t entry; /* NO_ENTRY: all versions are in the future */
    enum simc__key_standing standing;
};

struct package {
    uint32_t number;
    uint32_t first, count;                 /* entries */
    uint32_t first_segment, segment_count; /* at least two: before and after the first start */
};

struct simc__keys {
    struct simc__locked_pool *pool;
    struct simc__keys_entry *entries;
    size_t count;
    struct package *packages;
    size_t package_count;
    struct segment *segments;
    size_t segment_count;
};

static int compare_entries(const void *a, const void *b)
{
    const struct simc__keys_entry *p = a, *q = b;
    if (p->package != q->package)
        return p->package < q->package ? -1 : 1;
    return p->version < q->version ? -1 : p->version > q->version;
}

static int compare_times(const void *a, const void *b)
{
    const struct segment *p = a, *q = b;
    return p->from_s < q->from_s ? -1 : p->from_s > q->from_s;
}

/* The answer for a package from a moment on: the highest version whose window holds, else the one
 * that ended last, the higher one of two. */
static void decide(const struct simc__keys *keys, const struct package *package,
                   struct segment *segment)
{
    uint64_t ended_s = 0;
    segment->entry = NO_ENTRY;
    segment->standing = SIMC__KEY_EXPIRED;
    for (uint32_t i = package->first + package->count; i-- > package->first;) {
        const struct simc__keys_entry *entry = &keys->entries[i];
        if (entry->start_s <= segment->from_s && segment->from_s < entry->end_s) {
            segment->entry = i;
            segment->standing = SIMC__KEY_IN_FORCE;
            return;
        }
        if (entry->end_s <= segment->from_s && entry->end_s > ended_s) {
            ended_s = entry->end_s;
            segment->entry = i;
        }
    }
}

static void add_segments(struct simc__keys *keys, struct package *package)
{
    struct segment *segments = keys->segments + keys->segment_count;
    size_t count = 0, kept = 0;
    segments[count++].from_s = 0;
    for (uint32_t i = package->first; i < package->first + package->count; i++) {
        segments[count++].from_s = keys->entries[i].start_s;
        segments[count++].from_s = keys->entries[i].end_s;
    }
    qsort(segments, count, sizeof *segments, compare_times);
    for (size_t i = 0; i < count; i++) {
        struct segment segment = segments[i];
        if (i + 1 < count && segments[i + 1].from_s == segment.from_s)
            continue;
        decide(keys, package, &segment);
        if (kept == 0 || segments[kept - 1].entry != segment.entry ||
            segments[kept - 1].standing != segment.standing)
            segments[kept++] = segment;
    }
    package->first_segment = (uint32_t)keys->segment_count;
    package->segment_count = (uint32_t)kept;
    keys->segment_count += kept;
}

static void add_packages(struct simc__keys *keys)
{
    struct package *package = NULL;
    for (size_t i = 0; i < keys->count; i++) {
        if (!package || package->number != keys->entries[i].package) {
            package = &keys->packages[keys->package_count++];
            package->number = keys->entries[i].package;
            package->first = (uint32_t)i;
        }
        package->count++;
    }
    for (size_t i = 0; i < keys->package_count; i++)
        add_segments(keys, &keys->packages[i]);
}

static int add_entries(struct simc__keys *keys, const struct file *file)
{
    for (size_t i = 0; i < file->keys_count; i++) {
        const struct item *item = &file->keys[i];
        struct simc_secret *slot = simc__locked_take(keys->pool);
        int error = slot ? simc_secret_set(slot, simc_secret_bytes(item->key)) : SIMC_ENOMEM;
        if (error)
            return error;
        keys->entries[keys->count++] = (struct simc__keys_entry){
            item->package, item->version, item->start_s, item->end_s, slot,
        };
    }
    qsort(keys->entries, keys->count, sizeof *keys->entries, compare_entries);
    return 0;
}

static int make(const struct file *file, struct simc__keys **made)
{
    size_t count = file->keys_count;
    struct simc__keys *keys = simc_calloc(1, sizeof *keys);
    if (!keys)
        return SIMC_ENOMEM;
    keys->pool = simc__locked_pool_new(sizeof(struct simc_secret), count);
    keys->entries = simc_calloc(count, sizeof *keys->entries);
    keys->packages = simc_calloc(count, sizeof *keys->packages);
    keys->segments = simc_calloc(3 * count, sizeof *keys->segments);
    bool has_memory = keys->pool && keys->entries && keys->packages && keys->segments;
    int error = has_memory ? add_entries(keys, file) : SIMC_ENOMEM;
    if (error) {
        simc__keys_free(keys);
        return error;
    }
    add_packages(keys);
    *made = keys;
    return 0;
}

void simc__keys_free(struct simc__keys *keys)
{
    if (!keys)
        return;
    simc__locked_pool_free(keys->pool);
    simc_free(keys->entries);
    simc_free(keys->packages);
    simc_free(keys->segments);
    simc_free(keys);
}

int simc__keys_load(struct simc_slice yaml, const char *name, struct simc__keys **keys,
                    struct simc__conf_faults *faults)
{
    struct simc__conf *owner;
    struct file file;
    *keys = NULL;
    int error = simc__conf_load(&simc__keys_table, yaml, name, &file, &owner, faults);
    if (!error)
        error = make(&file, keys);
    simc__conf_free(owner);
    return error;
}

int simc__keys_open(const char *path, struct simc__keys **keys, struct simc__conf_faults *faults)
{
    struct simc__conf *owner;
    struct file file;
    *keys = NULL;
    int error =
        simc__conf_open(&simc__keys_table, path, simc__keys_file_read, &file, &owner, faults);
    if (!error)
        error = make(&file, keys);
    simc__conf_free(owner);
    return error;
}

/* ---- questions ---- */

bool simc__keys_is_locked(const struct simc__keys *keys)
{
    return simc__locked_pool_is_locked(keys->pool);
}

const struct simc__keys_entry *simc__keys_all(const struct simc__keys *keys, size_t *count)
{
    *count = keys->count;
    return keys->entries;
}

static const struct package *find_package(const struct simc__keys *keys, uint32_t number)
{
    size_t low = 0, high = keys->package_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (keys->packages[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < keys->package_count && keys->packages[low].number == number;
    return found ? &keys->packages[low] : NULL;
}

const struct simc__keys_entry *simc__keys_of(const struct simc__keys *keys, uint32_t package,
                                             size_t *count)
{
    const struct package *found = find_package(keys, package);
    *count = found ? found->count : 0;
    return found ? &keys->entries[found->first] : NULL;
}

static void fill(const struct simc__keys_entry *entry, struct simc__package_key *key)
{
    key->package = entry->package;
    key->version = entry->version;
    key->start_s = entry->start_s;
    key->end_s = entry->end_s;
    key->key = *entry->key;
}

int simc__keys_find(const struct simc__keys *keys, uint32_t package, uint64_t time_s,
                    struct simc__package_key *key)
{
    const struct package *found = find_package(keys, package);
    memset(key, 0, sizeof *key);
    if (!found)
        return SIMC_ENOTFOUND;
    /* The last segment that has begun; the first one begins at 0. */
    const struct segment *segments = keys->segments + found->first_segment;
    size_t low = 0, high = found->segment_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (segments[middle].from_s <= time_s)
            low = middle;
        else
            high = middle;
    }
    key->change_s = high < found->segment_count ? segments[high].from_s : UINT64_MAX;
    if (segments[low].entry == NO_ENTRY)
        return SIMC_EAGAIN;
    fill(&keys->entries[segments[low].entry], key);
    key->standing = segments[low].standing;
    return 0;
}

int simc__keys_find_version(const struct simc__keys *keys, uint32_t package, uint32_t version,
                            struct simc__package_key *key)
{
    size_t count;
    const struct simc__keys_entry *entries = simc__keys_of(keys, package, &count);
    size_t low = 0, high = count;
    memset(key, 0, sizeof *key);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entries[middle].version < version)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == count || entries[low].version != version)
        return SIMC_ENOTFOUND;
    fill(&entries[low], key);
    key->standing = SIMC__KEY_IN_FORCE;
    key->change_s = UINT64_MAX;
    return 0;
}
