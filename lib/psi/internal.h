/* SPDX-License-Identifier: BSL-1.0 */
/* What crosses files inside lib/psi and is not exported. */
#ifndef SIMC__PSI_INTERNAL_H
#define SIMC__PSI_INTERNAL_H

#include "simulcrypt/psi.h"

/* Most bytes of a section with this table_id. */
size_t simc__section_limit(uint8_t table_id);
/* Gives `count` sections written from `start` on their section_number and last_section_number. */
void simc__sections_number(struct simc_writer *out, size_t start, unsigned count);

/* Reads 16 bits of which the lower 12 are a length, and that many bytes. */
struct simc_slice simc__loop_read(struct simc_reader *reader);
/* Moves the rest of a loop behind the entry that the reader took from it. @return 0, or
 * SIMC_EPROTO: the entry runs past the end, and the loop ends with it. */
int simc__loop_eat(struct simc_slice *rest, const struct simc_reader *reader);
/* Writes a loop with the 12-bit length in front; `bits` are the upper four. The writer fails with
 * SIMC_ETOOLONG over 4095 bytes. */
void simc__loop_put(struct simc_writer *out, unsigned bits, struct simc_slice loop);

/* A table that is split over sections between its entries. */
struct simc__split {
    struct simc_writer *out;
    struct simc_section_head head;
    const struct simc_slice *prefix; /* in front of the entries: of the first section, of others */
    bool loop_length;                /* 12 bits of length stand between prefix and entries */
    size_t start;                    /* of the first section */
    size_t section;                  /* start of the present one */
    size_t entries;                  /* start of its entries */
    unsigned count;                  /* sections begun */
    int error;
};

void simc__split_begin(struct simc__split *split, struct simc_writer *out,
                       const struct simc_section_head *head, const struct simc_slice prefix[2],
                       bool loop_length);
/* Says that an entry of this size comes; it starts a new section when the present one is full. */
void simc__split_entry(struct simc__split *split, size_t size);
int simc__split_end(struct simc__split *split);

#endif
