/* SPDX-License-Identifier: BSL-1.0 */
/* Key files as text: how they are read and replaced without ever being half there or open to
 * others, and the lines that new keys are made of. `simulcrypt keys` uses it. */
#ifndef SIMC__KEYS_FILE_H
#define SIMC__KEYS_FILE_H

#include "keys/keys.h"

enum {
    SIMC__KEYS_FILE_SIZE_MAX = SIMC__CONF_FILE_MAX,
    SIMC__KEYS_WHY_SIZE = 512,
    SIMC__KEYS_LINE_SIZE = 192,
};

/* ---- reading ---- */

/** Reads a key file, as the `read` of simc__conf_open(): a file that its group or others may use is
 *  refused. @param path "-" for standard input. @return 0, SIMC_EIO, SIMC_EFULL, SIMC_ENOMEM. */
int simc__keys_file_read(const char *path, struct simc_buffer *into,
                         char why[SIMC__KEYS_WHY_SIZE]) SIMC_MUST_CHECK;

/* ---- text ---- */

/** Appends what stands before the first key. */
int simc__keys_text_head(struct simc_buffer *text) SIMC_MUST_CHECK;
/** Appends the line of a key. @return as simc_buffer_append(). */
int simc__keys_text_entry(struct simc_buffer *text,
                          const struct simc__keys_entry *entry) SIMC_MUST_CHECK;
/** Appends head and lines of a whole set. */
int simc__keys_text_all(struct simc_buffer *text, const struct simc__keys *keys) SIMC_MUST_CHECK;
/** True when text holds comments besides those of the head: they would not survive a rewriting. */
bool simc__keys_text_has_comments(struct simc_slice text);

/* Versions of one package to be made: number n (from 0) is in force from start_s + n * length_s. */
struct simc__keys_issue {
    uint32_t package;
    uint32_t version;  /* of the first */
    uint64_t start_s;  /* of the first */
    uint64_t length_s; /* from the start of one version to that of the next */
    unsigned count;
};

/** How far a window reaches into the next one: a tenth of the length, at most a day. */
uint64_t simc__keys_overlap_s(uint64_t length_s);
/** Appends lines with new random keys. @return 0; SIMC_EINVAL: a version or time would pass its
 *  range; SIMC_EIO: no random bytes; SIMC_EFULL, SIMC_ENOMEM. */
int simc__keys_text_issue(struct simc_buffer *text,
                          const struct simc__keys_issue *issue) SIMC_MUST_CHECK;

/* ---- writing ---- */

/* A file that is being replaced, or made. */
struct simc__keys_save {
    char *path;    /* where the file really is: links are followed */
    char *fresh;   /* beside it, FILE.new: what will take its place, and the lock */
    int fresh_fd;  /* -1: there is no such file of ours */
    bool replaces; /* a file, whose mode and owner the new one gets */
    unsigned mode, owner, group;
};

/** Begins to change a key file: reads it and locks it against others who do the same.
 *  @param text empty, initialised; holds the file on success. @param why on failure a sentence.
 *  @return 0, SIMC_EIO, SIMC_EFULL, SIMC_ENOMEM; on failure the save needs no end. */
int simc__keys_save_begin(struct simc__keys_save *save, const char *path, struct simc_buffer *text,
                          char why[SIMC__KEYS_WHY_SIZE]) SIMC_MUST_CHECK;
/** Begins to make a key file; one that exists is an error. */
int simc__keys_save_create(struct simc__keys_save *save, const char *path,
                           char why[SIMC__KEYS_WHY_SIZE]) SIMC_MUST_CHECK;
/** Writes the text beside the old file, to the disk. Until the commit nothing has changed.
 *  @return 0, SIMC_EIO. */
int simc__keys_save_write(struct simc__keys_save *save, struct simc_slice text,
                          char why[SIMC__KEYS_WHY_SIZE]) SIMC_MUST_CHECK;
/** Puts the new file in the place of the old one, at once and for good. @return 0, SIMC_EIO. */
int simc__keys_save_commit(struct simc__keys_save *save,
                           char why[SIMC__KEYS_WHY_SIZE]) SIMC_MUST_CHECK;
/** Ends it in any case; without a commit the old file is as it was. */
void simc__keys_save_end(struct simc__keys_save *save);

#endif
