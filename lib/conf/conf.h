/* SPDX-License-Identifier: BSL-1.0 */
/* Configuration files as rows. A program describes its settings once; the YAML loader, the sample
 * file, the reference table, the effective configuration and reload read the same rows. Every
 * daemon and some commands use it. */
#ifndef SIMC__CONF_CONF_H
#define SIMC__CONF_CONF_H

#include "simulcrypt/base.h"

/* ---- rows ---- */

/* The types: what the member of the struct is, and what users call it. */
#define SIMC__CONF_TYPE_ROWS(ROW)                                                                  \
    ROW(BOOL, "true or false") /* bool */                                                          \
    ROW(UINT, "a number")      /* uint8_t .. uint64_t */                                           \
    ROW(INT, "a whole number") /* int8_t .. int64_t */                                             \
    ROW(CHOICE, "a word")      /* an enum or unsigned type: the value of the choice */             \
    ROW(DURATION, "a duration such as 500ms, 10s or 2min") /* uint8_t .. uint64_t, in `unit` */    \
    ROW(SIZE, "a size such as 64KiB")                      /* uint8_t .. uint64_t, in `unit` */    \
    ROW(RATE, "a bit rate such as 38Mbit/s")               /* uint8_t .. uint64_t, in `unit` */    \
    ROW(TIME, "a time such as 2026-11-21T00:00:00Z") /* uint32_t, uint64_t: seconds since 1970 */  \
    ROW(TEXT, "text")                                /* const char * */                            \
    ROW(PATH, "the path of a file or folder")        /* const char * */                            \
    ROW(ADDRESS, "an address and port such as 192.0.2.1:2222") /* struct simc__conf_address */     \
    ROW(SECRET_TEXT, "the path of a file that holds the secret as text")   /* simc__conf_secret */ \
    ROW(SECRET_HEX, "the path of a file that holds the key in hex digits") /* simc__conf_secret */ \
    ROW(SECRET_INLINE, "the hex digits of a key") /* struct simc_secret *; secret files only */    \
    ROW(MAP, "a map of keys and values")          /* a struct, see `table` */                      \
    ROW(LIST, "a list")                           /* pointer to items, and a count */              \
    ROW(ENTRIES, "a map of named entries")        /* pointer to items, and a count */

#define SIMC__CONF_TYPE_ENUM(name, word) SIMC__CONF_##name,
enum simc__conf_type { SIMC__CONF_TYPE_ROWS(SIMC__CONF_TYPE_ENUM) SIMC__CONF_TYPE_COUNT };
#undef SIMC__CONF_TYPE_ENUM

enum {
    SIMC__CONF_FILE_MAX = 1 << 20,    /* bytes of the largest configuration */
    SIMC__CONF_MEMORY_MAX = 16 << 20, /* bytes of all its values */
    SIMC__CONF_NODES_MAX = 65536,     /* values, lists and maps in one file */
    SIMC__CONF_DEPTH_MAX = 16,        /* maps and lists in each other */
    SIMC__CONF_ROWS_MAX = 64,         /* keys of one map */
    SIMC__CONF_ITEMS_MAX = 4096,      /* items of the longest list that a row may allow */
    SIMC__CONF_TEXT_MAX = 1024,       /* bytes of a text whose row has no `max` */
    SIMC__CONF_PATH_MAX = 4095,
    SIMC__CONF_NAME_MAX = 64,          /* bytes of the name of an entry */
    SIMC__CONF_SECRET_FILE_MAX = 4096, /* bytes of a file with a secret */
    SIMC__CONF_FAULTS_MAX = 64,
    SIMC__CONF_CHANGES_MAX = 64,
    SIMC__CONF_WORD_MAX = 15,      /* letters and digits in a row that a secret file shows */
    SIMC__CONF_SCATTERED_MAX = 20, /* and in one value, with other characters in between */
    SIMC__CONF_WHERE_SIZE = 128,   /* of a path such as listen[2].port */
    SIMC__CONF_WHY_SIZE = 256,     /* of a sentence */
};

enum simc__conf_host {
    SIMC__CONF_HOST_NAME,
    SIMC__CONF_HOST_IPV4,
    SIMC__CONF_HOST_IPV6, /* without its brackets; may end in %interface */
};

struct simc__conf_address {
    const char *host; /* NULL: null */
    enum simc__conf_host kind;
    uint16_t port;
};

struct simc__conf_secret {
    const char *path;          /* NULL: null */
    struct simc_secret *value; /* empty before simc__conf_secrets_read(); wiped with its owner */
    unsigned line, column;     /* where the path stands, for faults of the file */
};

struct simc__conf_choice {
    const char *name; /* NULL ends the list */
    uint64_t value;
    const char *help; /* NULL: the name says it all */
};

struct simc__conf_table;

/* One key of a map, or what an item of a list is. */
struct simc__conf_row {
    const char *name; /* lower case letters, digits and '_' */
    enum simc__conf_type type;
    size_t offset;       /* of the member in the struct of the map */
    size_t size;         /* of the member; LIST and ENTRIES: of one item */
    size_t count_offset; /* LIST, ENTRIES: of a size_t */
    size_t key_offset;   /* ENTRIES: of a const char * in the item, the name of the entry */
    size_t has_offset;   /* of a bool that is false for null; see SIMC__CONF_HAS */
    bool has;            /* there is such a member */
    bool required;       /* must be given; otherwise `fallback` holds */
    bool null_allowed;
    bool reloadable; /* a change takes effect without a restart */
    /* UINT, DURATION, SIZE, RATE: the range, in `unit`; TIME: the range, in seconds since 1970;
     * TEXT: bytes; SECRET_...: bytes of the secret;
     * ADDRESS: the port; LIST, ENTRIES: items. `max` 0: as much as the type holds (not for LIST
     * and ENTRIES); a port is 1..65535 then. */
    uint64_t min, max;
    int64_t int_min, int_max; /* INT; both 0: what the member holds */
    unsigned hex_digits;      /* UINT: printed as 0x and at least so many digits; 0: decimal */
    const char *unit;         /* DURATION, SIZE, RATE: what the member counts, such as "ms";
                                 UINT, INT: a word for the documentation, or NULL */
    /* The default as it would stand in the file, "null" included. Lists, entries and maps may have
     * one in flow style, "[1, 2]"; otherwise lists and entries are empty and the keys of maps have
     * defaults of their own. */
    const char *fallback;
    const char *example;                     /* a value for the sample, where there is no default;
                                                ENTRIES: the name of an entry */
    const struct simc__conf_choice *choices; /* CHOICE */
    /* TEXT, PATH, ENTRIES (the names): a rule of its own. @return false: `why` holds what follows
     * the quoted value, such as "is no country code; write two letters". */
    bool (*check)(struct simc_slice text, char why[SIMC__CONF_WHY_SIZE]);
    const struct simc__conf_table *table; /* MAP */
    const struct simc__conf_row *item;    /* LIST, ENTRIES: no LIST or ENTRIES again */
    const char *help;                     /* without a full stop */
};

/* Fills offset and size of a row. */
#define SIMC__CONF_AT(type_, member) \
    .offset = offsetof(struct type_, member), .size = sizeof(((struct type_ *)0)->member)
/* The same for a list: `member` points to the items, `member_count` counts them. */
#define SIMC__CONF_LIST_AT(type_, member)                                                   \
    .offset = offsetof(struct type_, member), .size = sizeof(*((struct type_ *)0)->member), \
    .count_offset = offsetof(struct type_, member##_count)
/* Names the bool that tells a value from null. */
#define SIMC__CONF_HAS(type_, member) .has = true, .has_offset = offsetof(struct type_, member)
/* For items of a list: the size of the item, which stands at its start. */
#define SIMC__CONF_ITEM(type_) .offset = 0, .size = sizeof(type_)

struct simc__conf_check;

/* The keys of a map. */
struct simc__conf_table {
    const char *name; /* of the program, or of what the map describes */
    const char *help; /* paragraphs for the head of the sample; NULL for maps inside others */
    const struct simc__conf_row *rows;
    size_t count;
    size_t size; /* of the struct */
    /* For the table of a whole file: the file holds secrets itself. SECRET_INLINE is allowed in it,
     * what users name freely (texts, paths, addresses, entries) is not; no fault and no change
     * shows what could be a secret, and the text that is loaded is the only copy of it. */
    bool secret_file;
    /* Rules between members, or NULL. Called when all values of the map are good on their own;
     * says what is wrong with simc__conf_complain(). */
    void (*check)(const void *values, struct simc__conf_check *check);
};

/** Says that a value breaks a rule between members; the fault stands where the value stands, or at
 *  the map when it was not given. @param member the name of a row, or NULL for the map itself. */
void simc__conf_complain(struct simc__conf_check *check, const char *member, const char *format,
                         ...) SIMC_PRINTF(3, 4);
/** The same for an item of a list or an entry. @param index counted from 0. */
void simc__conf_complain_item(struct simc__conf_check *check, const char *member, size_t index,
                              const char *format, ...) SIMC_PRINTF(4, 5);

/** Checks the rows themselves: names, sizes, ranges, units, defaults and examples. Unit tests call
 *  it for every table. @param why on failure what is wrong, with the path of the row.
 *  @return 0, SIMC_EINVAL, SIMC_ENOMEM. */
int simc__conf_table_check(const struct simc__conf_table *table,
                           char why[SIMC__CONF_WHY_SIZE]) SIMC_MUST_CHECK;

/* ---- loading ---- */

struct simc__conf_fault {
    unsigned line, column;             /* from 1; line 0: the file as a whole */
    char where[SIMC__CONF_WHERE_SIZE]; /* listen[2].port; "" at the top */
    char why[SIMC__CONF_WHY_SIZE];     /* a sentence without a full stop */
};

struct simc__conf_faults {
    size_t count; /* kept, ordered by line and column */
    size_t total; /* found */
    struct simc__conf_fault items[SIMC__CONF_FAULTS_MAX];
};

/* A loaded configuration: owns what the values point to. */
struct simc__conf;

/**
 * Loads a configuration, all or nothing. Nothing is read but the text given.
 * @param name of the file: for faults, and its folder is where relative paths start.
 * @param out the struct of the table; changed on success only. What it points to lives as long as
 *        the owner.
 * @param owner on success to be released with simc__conf_free(), otherwise NULL.
 * @param faults always filled; empty on success and for SIMC_ENOMEM.
 * @return 0, SIMC_ESYNTAX (there are faults), SIMC_ENOMEM.
 */
int simc__conf_load(const struct simc__conf_table *table, struct simc_slice yaml, const char *name,
                    void *out, struct simc__conf **owner,
                    struct simc__conf_faults *faults) SIMC_MUST_CHECK;
/** Wipes and releases; NULL is fine. */
void simc__conf_free(struct simc__conf *owner);

/** Reads the files of all secrets of a loaded configuration into their `value`.
 *  @param read reads a whole file and says why it could not: simc__file_read() of lib/sys.
 *  @return 0, SIMC_ESYNTAX (there are faults; no secret is kept), SIMC_ENOMEM. */
int simc__conf_secrets_read(struct simc__conf *owner,
                            int (*read)(const char *path, struct simc_buffer *into, char why[512]),
                            struct simc__conf_faults *faults) SIMC_MUST_CHECK;
/** Reads, loads, and reads the secrets: what a program calls. @param path also the name in faults.
 *  @return as simc__conf_load(); a file that cannot be read is a fault. */
int simc__conf_open(const struct simc__conf_table *table, const char *path,
                    int (*read)(const char *path, struct simc_buffer *into, char why[512]),
                    void *out, struct simc__conf **owner,
                    struct simc__conf_faults *faults) SIMC_MUST_CHECK;

/** Writes a line for each fault: `ecmgd.yaml:12:7: listen[0].port: 70000 is not ...`, and how many
 *  more there are. */
void simc__conf_faults_put(struct simc_writer *out, const struct simc__conf_faults *faults,
                           const char *name);

/* ---- printing ---- */

/** Writes a commented sample that loads without a fault and gives the defaults.
 *  @param whole optional lists, entries and maps hold an example instead of showing it in comments.
 */
void simc__conf_put_sample(struct simc_writer *out, const struct simc__conf_table *table,
                           bool whole);
/** Writes the rows as a Markdown table: key, type, default, reload, meaning. */
void simc__conf_put_reference(struct simc_writer *out, const struct simc__conf_table *table);
/** Writes the values in use as YAML that loads again; secrets are paths with a fingerprint. Inline
 *  secrets are fingerprints alone, so what is written of a secret file does not load. */
void simc__conf_put_effective(struct simc_writer *out, const struct simc__conf_table *table,
                              const void *values);

/* ---- times ---- */

/* 9999-12-31T23:59:59Z */
#define SIMC__CONF_TIME_LAST UINT64_C(253402300799)

/** Reads a time as files hold it, 2026-11-21T00:00:00Z. @param why on failure what follows the
 *  quoted text: "has no time of day; write ...". @return false: it is none. */
bool simc__conf_time_read(struct simc_slice text, uint64_t *seconds, char why[SIMC__CONF_WHY_SIZE]);
/** Writes seconds since 1970 the same way. */
void simc__conf_time_put(struct simc_writer *out, uint64_t seconds);

/* ---- reload ---- */

enum { SIMC__CONF_SHOWN_SIZE = 72 };

struct simc__conf_change {
    char where[SIMC__CONF_WHERE_SIZE];
    char from[SIMC__CONF_SHOWN_SIZE], to[SIMC__CONF_SHOWN_SIZE]; /* as in the file, maybe cut */
    bool reloadable;
};

struct simc__conf_changes {
    size_t count;    /* kept */
    size_t total;    /* found */
    bool reloadable; /* all that were found; true when there are none */
    struct simc__conf_change items[SIMC__CONF_CHANGES_MAX];
};

/** Names what differs between two loaded configurations of one table. Items of lists are compared
 *  by position, entries by name. */
void simc__conf_compare(const struct simc__conf_table *table, const void *old_values,
                        const void *new_values, struct simc__conf_changes *changes);
/** Writes a line for each change: `log.level: info -> debug`, with what needs a restart. */
void simc__conf_changes_put(struct simc_writer *out, const struct simc__conf_changes *changes);

#endif
