/* SPDX-License-Identifier: BSL-1.0 */
/* What `simulcrypt dab show` finds in a stream: filled by dab_show.c, printed by dab_show_text.c.
 */
#ifndef SIMC__CLI_DAB_SHOW_H
#define SIMC__CLI_DAB_SHOW_H

#include "simulcrypt/dab.h"

enum { SIMC__DAB_TYPES = 8, SIMC__DAB_EXTENSIONS = 32, SIMC__DAB_CONTENTS_MAX = 1024 };

/* How often something came. */
struct simc__dab_rate {
    uint64_t count;            /* FIGs */
    uint64_t frames;           /* frames with one at least */
    uint64_t last;             /* frame */
    uint64_t gap_min, gap_max; /* frames from one to the next */
};

/* A FIG of type 6, or one of type 0 with CA fields, that is repeated byte for byte. */
struct simc__dab_content {
    uint8_t bytes[SIMC_FIG_SIZE_MAX];
    uint8_t size; /* 0: the place is free */
    uint64_t first;
    struct simc__dab_rate rate;
};

struct simc__dab_report {
    struct simc_eti_reader reader;
    struct simc_eti_frame first, last; /* that were good */
    uint64_t frames, good_frames, fct_jumps;
    uint64_t faults[SIMC_ETI_FAULT_COUNT];
    uint64_t fibs, fibs_crc_bad, fibs_malformed, free_bytes;
    bool ensemble_seen;
    uint16_t ensemble;
    char label[17]; /* ASCII of FIG 1/0, "" if it was not seen */
    struct simc__dab_rate rates[SIMC__DAB_TYPES][SIMC__DAB_EXTENSIONS];
    struct simc__dab_content contents[SIMC__DAB_CONTENTS_MAX]; /* an open hash table */
    uint64_t content_count, contents_lost;
    uint64_t simple, en300401, unknown; /* FIGs of type 6 by layout */
};

/* True when the stream has faults or FIGs of type 6 that are not what they should be. */
bool simc__dab_report_failed(const struct simc__dab_report *report);
/* Prints it. @param name of the input. */
void simc__dab_report_print(const struct simc__dab_report *report, const char *name);

#endif
