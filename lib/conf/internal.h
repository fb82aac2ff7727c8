/* SPDX-License-Identifier: BSL-1.0 */
/* What crosses files inside lib/conf: the arena, the tree of a YAML text, places and faults, the
 * reading and writing of single values. */
#ifndef SIMC__CONF_INTERNAL_H
#define SIMC__CONF_INTERNAL_H

#include "conf/conf.h"

/* ---- arena: memory that is released, and wiped, as a whole ---- */

struct simc__conf_chunk;

struct simc__conf_arena {
    struct simc__conf_chunk *chunks;
    size_t taken;   /* bytes of all chunks */
    size_t ceiling; /* of `taken` */
    int error;      /* the first failure: SIMC_ENOMEM, or SIMC_EFULL for the ceiling */
};

/** Zeroed memory for any type. @return NULL: see `error`. */
void *simc__conf_arena_take(struct simc__conf_arena *arena, size_t count, size_t size);
/** A copy with an end mark. @return NULL: see `error`. */
char *simc__conf_arena_text(struct simc__conf_arena *arena, struct simc_slice text);
void simc__conf_arena_fini(struct simc__conf_arena *arena);

/* ---- places and faults ---- */

/* Where we are: a chain up to the top, on the stack of the caller. */
struct simc__conf_place {
    const struct simc__conf_place *up; /* NULL: the place is the top itself */
    struct simc_slice key;             /* data NULL: an item of a list */
    size_t index;
};

static inline struct simc__conf_place simc__conf_place_key(const struct simc__conf_place *up,
                                                           struct simc_slice key)
{
    struct simc__conf_place place = {up, key, 0};
    return place;
}

static inline struct simc__conf_place simc__conf_place_index(const struct simc__conf_place *up,
                                                             size_t index)
{
    struct simc__conf_place place = {up, {NULL, 0}, index};
    return place;
}

/** Writes `listen[2].port`, cut where it does not fit. */
void simc__conf_place_put(const struct simc__conf_place *place, char where[SIMC__CONF_WHERE_SIZE]);

struct simc__conf_mark {
    unsigned line, column;
};

/** Notes a fault; over SIMC__CONF_FAULTS_MAX they are only counted. */
void simc__conf_fault_add(struct simc__conf_faults *faults, const struct simc__conf_place *place,
                          struct simc__conf_mark mark, const char *format, ...) SIMC_PRINTF(4, 5);
void simc__conf_fault_addv(struct simc__conf_faults *faults, const struct simc__conf_place *place,
                           struct simc__conf_mark mark, const char *format, va_list arguments)
    SIMC_PRINTF(4, 0);
/** Orders the faults as they stand in the file. */
void simc__conf_faults_sort(struct simc__conf_faults *faults);
/** A value for a sentence: a plain word as it is, other text in quotes, cut when long. */
const char *simc__conf_shown(struct simc_slice text, char shown[SIMC__CONF_SHOWN_SIZE]);

/* ---- secret files ---- */

/* The text behind a masked one, and how far it has been read. */
struct simc__conf_masked {
    struct simc_slice original; /* data NULL: nothing is masked */
    size_t at, character;       /* the same place, in bytes and in characters */
};

/** Overwrites each row of more than SIMC__CONF_WORD_MAX letters and digits with as many 'x'. */
void simc__conf_mask(uint8_t *text, size_t size);
/** Overwrites the letters and digits of a value or key that has more of them than
 *  SIMC__CONF_SCATTERED_MAX: a secret with separators. */
void simc__conf_mask_scattered(char *text, size_t size);
/** What stood where a scalar was read. @param start its first and @param end its last character,
 *  and one, in an order that only grows. @param text what was read.
 *  @return data NULL: the text was put together, it stands nowhere as it is. */
struct simc_slice simc__conf_unmask(struct simc__conf_masked *masked, size_t start, size_t end,
                                    struct simc_slice text, bool plain);

/* ---- tree ---- */

enum simc__conf_kind {
    SIMC__CONF_NODE_SCALAR,
    SIMC__CONF_NODE_LIST,
    SIMC__CONF_NODE_MAP,
    SIMC__CONF_NODE_BAD, /* its fault has been noted */
};

struct simc__conf_node {
    enum simc__conf_kind kind;
    bool plain; /* a scalar without quotes, on no matter how many lines */
    struct simc__conf_mark mark;
    struct simc_slice text; /* of a scalar; in a secret file masked */
    struct simc_slice raw; /* the same unmasked, borrowed from the text; data NULL: not to be had */
    struct simc__conf_node *first, *last; /* of a list or map */
    size_t count;
    struct simc__conf_node *next; /* in the list or map it stands in */
    struct simc_slice key;        /* in a map; data NULL: a key whose fault has been noted */
    struct simc__conf_mark key_mark;
};

struct simc__conf_tree {
    struct simc__conf_arena arena;
    struct simc__conf_node *root; /* NULL: the text holds nothing */
    size_t count;                 /* nodes */
    bool partial;                 /* a fault ended the reading: what is missing may follow */
    struct simc__conf_masked masked;
};

/** Reads YAML text into a tree. What can be read is there even when there are faults.
 *  @param tree zeroed, or holding other trees of the same owner; release with
 *         simc__conf_arena_fini(). @param at NULL, or the mark that all nodes get.
 *  @return 0, or SIMC_ENOMEM. */
int simc__conf_tree_read(struct simc__conf_tree *tree, struct simc_slice yaml,
                         const struct simc__conf_mark *at,
                         struct simc__conf_faults *faults) SIMC_MUST_CHECK;
/** Checks that the bytes are text: UTF-8, no controls, no directives. A mark at the start is
 *  dropped. @return false: the fault is noted. */
bool simc__conf_tree_is_text(struct simc_slice *yaml, struct simc__conf_faults *faults);

/* ---- single values ---- */

struct simc__conf {
    const struct simc__conf_table *table;
    struct simc__conf_arena arena;
    void *values; /* as given to `out` */
};

/* One loading. */
struct simc__conf_loading {
    struct simc__conf_arena *arena; /* of the values */
    struct simc__conf_tree tree;
    struct simc__conf_faults *faults;
    struct simc_slice folder; /* of the file, with its last '/'; empty: relative paths stay */
};

/** Loads one value of any type, the null included. @return false: a fault, or no memory. */
bool simc__conf_value_load(struct simc__conf_loading *loading, const struct simc__conf_place *place,
                           const struct simc__conf_row *row, const struct simc__conf_node *node,
                           uint8_t *values);
/** Loads the default, or an example, of a row. @param text as in the row. */
bool simc__conf_text_load(struct simc__conf_loading *loading, const struct simc__conf_place *place,
                          const struct simc__conf_row *row, const char *text,
                          struct simc__conf_mark mark, uint8_t *values);
/** The scalar types of the above; `node` is a scalar and not null. */
bool simc__conf_scalar_load(struct simc__conf_loading *loading,
                            const struct simc__conf_place *place, const struct simc__conf_row *row,
                            const struct simc__conf_node *node, uint8_t *values);
/** Notes a fault of a node. @return false. */
bool simc__conf_wrong(struct simc__conf_loading *loading, const struct simc__conf_place *place,
                      const struct simc__conf_node *node, const char *format, ...)
    SIMC_PRINTF(4, 5);

/** Notes that a number, quantity or time is out of the range of its row. @return false. */
bool simc__conf_out_of_range(struct simc__conf_loading *loading,
                             const struct simc__conf_place *place, const struct simc__conf_row *row,
                             const struct simc__conf_node *node);

/* Times, in time.c, and secrets, in inline.c. */

bool simc__conf_load_time(struct simc__conf_loading *loading, const struct simc__conf_place *place,
                          const struct simc__conf_row *row, const struct simc__conf_node *node,
                          uint8_t *member);
bool simc__conf_load_inline(struct simc__conf_loading *loading,
                            const struct simc__conf_place *place, const struct simc__conf_row *row,
                            const struct simc__conf_node *node, uint8_t *member);

/* Text and files, in text.c. */

/** True when the text holds controls, or characters that no text has: escapes in double quotes and
 *  values over several lines can bring in what the file itself cannot hold. */
bool simc__conf_has_controls(struct simc_slice text);
bool simc__conf_load_text(struct simc__conf_loading *loading, const struct simc__conf_place *place,
                          const struct simc__conf_row *row, const struct simc__conf_node *node,
                          uint8_t *member);
bool simc__conf_load_path(struct simc__conf_loading *loading, const struct simc__conf_place *place,
                          const struct simc__conf_row *row, const struct simc__conf_node *node,
                          uint8_t *member);
bool simc__conf_load_secret(struct simc__conf_loading *loading,
                            const struct simc__conf_place *place, const struct simc__conf_row *row,
                            const struct simc__conf_node *node, uint8_t *member);
bool simc__conf_load_address(struct simc__conf_loading *loading,
                             const struct simc__conf_place *place, const struct simc__conf_row *row,
                             const struct simc__conf_node *node, uint8_t *member);

/* ---- units, in unit.c ---- */

struct simc__conf_unit {
    enum simc__conf_type type;
    const char *name;
    uint64_t factor; /* of the smallest unit of the type */
};

/** @return NULL: there is no such unit of this type. */
const struct simc__conf_unit *simc__conf_unit_find(enum simc__conf_type type,
                                                   struct simc_slice name);
/** Writes the names, "us, ms, s". */
void simc__conf_units_put(struct simc_writer *out, enum simc__conf_type type);
/** Writes `value`, counted in the unit of the row, with the largest unit that divides it. */
void simc__conf_quantity_put(struct simc_writer *out, const struct simc__conf_row *row,
                             uint64_t value);

/* ---- rows and members ---- */

/** What users call the type, "a number". */
const char *simc__conf_type_word(enum simc__conf_type type);
/** True for types that hold a single value. */
static inline bool simc__conf_is_scalar(enum simc__conf_type type)
{
    return type < SIMC__CONF_MAP;
}
/** True for types whose value is counted in units. */
static inline bool simc__conf_is_quantity(enum simc__conf_type type)
{
    return type == SIMC__CONF_DURATION || type == SIMC__CONF_SIZE || type == SIMC__CONF_RATE;
}
/** True for types whose value is text that null differs from by its pointer. */
static inline bool simc__conf_is_text(enum simc__conf_type type)
{
    return type >= SIMC__CONF_TEXT && type <= SIMC__CONF_SECRET_HEX;
}
/** The bounds of a row, with what `max` 0 stands for. */
uint64_t simc__conf_row_min(const struct simc__conf_row *row);
uint64_t simc__conf_row_max(const struct simc__conf_row *row);
int64_t simc__conf_row_int_min(const struct simc__conf_row *row);
int64_t simc__conf_row_int_max(const struct simc__conf_row *row);
/** Writes one bound of UINT, DURATION, SIZE and RATE as a user would. */
void simc__conf_bound_put(struct simc_writer *out, const struct simc__conf_row *row,
                          uint64_t bound);
/** True when the value is null (the flag says so, or the pointer of a text). */
bool simc__conf_is_null(const struct simc__conf_row *row, const uint8_t *values);
uint64_t simc__conf_uint_get(const void *member, size_t size);
void simc__conf_uint_set(void *member, size_t size, uint64_t value);
int64_t simc__conf_int_get(const void *member, size_t size);
/** The items of a LIST or ENTRIES. */
const uint8_t *simc__conf_items(const struct simc__conf_row *row, const uint8_t *values,
                                size_t *count);
/** The name of an entry. */
const char *simc__conf_entry_name(const struct simc__conf_row *row, const uint8_t *item);

/* ---- writing ---- */

/** Writes a scalar, or null, as it would stand in a file. */
void simc__conf_scalar_put(struct simc_writer *out, const struct simc__conf_row *row,
                           const uint8_t *values);
/** Writes text, in quotes where YAML or its readers could take it for something else. */
void simc__conf_text_put(struct simc_writer *out, struct simc_slice text);
/** Writes the default or example of a row; scalars of text types get quotes where needed. */
void simc__conf_fallback_put(struct simc_writer *out, const struct simc__conf_row *row,
                             const char *text);
/** Describes type and range of a row, "number, 1 to 65535". */
void simc__conf_range_put(struct simc_writer *out, const struct simc__conf_row *row);
/** True when both scalars (or nulls) are the same. */
bool simc__conf_scalar_equal(const struct simc__conf_row *row, const uint8_t *a, const uint8_t *b);

#endif
