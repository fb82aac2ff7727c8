/* SPDX-License-Identifier: BSL-1.0 */
/* What differs between two sets of keys, in words; see keys.h. The log of a reload prints it. */
#include "base/text.h"
#include "keys/keys.h"

enum difference { SAME, ADDED, REMOVED, REKEYED, MOVED, DIFFERENCE_COUNT };

static const char *const words[DIFFERENCE_COUNT] = {
    [ADDED] = "added",
    [REMOVED] = "removed",
    [REKEYED] = "with another key",
    [MOVED] = "with another window",
};

/* The keys of a package in both sets, and how far they have been walked through. */
struct walk {
    const struct simc__keys_entry *before, *after;
    size_t before_left, after_left;
};

/* The next version that is in either set. @return false: there is none. */
static bool next(struct walk *w, uint32_t *version, enum difference *difference)
{
    const struct simc__keys_entry *a = w->before_left ? w->before : NULL;
    const struct simc__keys_entry *b = w->after_left ? w->after : NULL;
    if (!a && !b)
        return false;
    bool is_before = a && (!b || a->version <= b->version);
    bool is_after = b && (!a || b->version <= a->version);
    *version = is_before ? a->version : b->version;
    if (is_before != is_after)
        *difference = is_before ? REMOVED : ADDED;
    else if (!simc_secret_equal(a->key, b->key))
        *difference = REKEYED;
    else
        *difference = a->start_s != b->start_s || a->end_s != b->end_s ? MOVED : SAME;
    if (is_before) {
        w->before++;
        w->before_left--;
    }
    if (is_after) {
        w->after++;
        w->after_left--;
    }
    return true;
}

/* Versions as ranges, "3, 5 to 9", as many as fit. */
struct ranges {
    char text[160];
    size_t size;          /* of the text */
    bool open, cut;       /* a range waits for its end; not all of them fitted */
    uint32_t first, last; /* of the open range */
    size_t count;         /* versions */
};

static void close_range(struct ranges *r)
{
    struct simc_writer out = simc_writer(r->text + r->size, sizeof r->text - r->size);
    if (!r->open)
        return;
    simc__text_printf(&out, r->size ? ", %u" : "%u", (unsigned)r->first);
    if (r->last != r->first)
        simc__text_printf(&out, " to %u", (unsigned)r->last);
    r->open = false;
    r->cut |= out.error != 0;
    r->size += r->cut ? 0 : out.at;
}

static void add_version(struct ranges *r, uint32_t version)
{
    if (!r->open || version != r->last + 1) {
        close_range(r);
        r->first = version;
    }
    r->last = version;
    r->open = true;
    r->count++;
}

/* What happened to versions of a package, "versions 3, 5 to 9 added". @return whether there are
 * any. */
static bool put_kind(struct simc_writer *out, struct walk walk, enum difference kind, bool first)
{
    struct ranges ranges = {.size = 0};
    enum difference difference;
    uint32_t version;
    while (next(&walk, &version, &difference)) {
        if (difference == kind)
            add_version(&ranges, version);
    }
    close_range(&ranges);
    if (ranges.count == 0)
        return false;
    simc__text_printf(out, "%sversion%s ", first ? "" : ", ", ranges.count == 1 ? "" : "s");
    simc_writer_slice(out, simc_slice(ranges.text, ranges.size));
    simc__text_printf(out, "%s %s", ranges.cut ? " and more" : "", words[kind]);
    return true;
}

static bool differs(struct walk walk)
{
    uint32_t version;
    enum difference difference;
    while (next(&walk, &version, &difference)) {
        if (difference != SAME)
            return true;
    }
    return false;
}

static void put_package(struct simc_writer *out, uint32_t package, struct walk walk)
{
    bool first = true;
    simc__text_printf(out, "package %u%s: ", (unsigned)package,
                      !walk.before_left  ? " added"
                      : !walk.after_left ? " removed"
                                         : "");
    for (unsigned kind = ADDED; kind < DIFFERENCE_COUNT; kind++) {
        if (put_kind(out, walk, (enum difference)kind, first))
            first = false;
    }
    simc__text_put(out, "\n");
}

size_t simc__keys_difference_put(struct simc_writer *out, const struct simc__keys *old_keys,
                                 const struct simc__keys *new_keys)
{
    size_t before_left, after_left, count = 0;
    const struct simc__keys_entry *before = simc__keys_all(old_keys, &before_left);
    const struct simc__keys_entry *after = simc__keys_all(new_keys, &after_left);
    while (before_left || after_left) {
        bool is_before = before_left && (!after_left || before->package <= after->package);
        uint32_t package = is_before ? before->package : after->package;
        struct walk walk = {0};
        walk.before = simc__keys_of(old_keys, package, &walk.before_left);
        walk.after = simc__keys_of(new_keys, package, &walk.after_left);
        before += walk.before_left;
        before_left -= walk.before_left;
        after += walk.after_left;
        after_left -= walk.after_left;
        if (!differs(walk))
            continue;
        if (count < SIMC__KEYS_DIFFERENCES_MAX)
            put_package(out, package, walk);
        count++;
    }
    if (count > SIMC__KEYS_DIFFERENCES_MAX)
        simc__text_printf(out, "and %zu more packages\n", count - SIMC__KEYS_DIFFERENCES_MAX);
    return count;
}
