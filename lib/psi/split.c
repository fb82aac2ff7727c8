/* SPDX-License-Identifier: BSL-1.0 */
/* Loops, and tables split over sections: an entry is never cut, and the sections are numbered at
 * the end. The readers and builders of all tables call it. */
#include "psi/internal.h"

enum { LOOP_LENGTH_SIZE = 2, CRC_SIZE = 4, LOOP_MAX = 0xfff, SECTIONS_MAX = 256 };

struct simc_slice simc__loop_read(struct simc_reader *reader)
{
    return simc_reader_slice(reader, simc_reader_u16(reader) & LOOP_MAX);
}

int simc__loop_eat(struct simc_slice *rest, const struct simc_reader *reader)
{
    if (reader->error) {
        rest->size = 0;
        return SIMC_EPROTO;
    }
    *rest = simc_slice(rest->data + reader->at, rest->size - reader->at);
    return 0;
}

void simc__loop_put(struct simc_writer *out, unsigned bits, struct simc_slice loop)
{
    if (loop.size > LOOP_MAX)
        simc_writer_fail(out, SIMC_ETOOLONG);
    simc_writer_u16(out, (uint16_t)(bits << 12 | (loop.size & LOOP_MAX)));
    simc_writer_slice(out, loop);
}

static void begin_section(struct simc__split *split)
{
    split->section = simc_section_begin(split->out, &split->head);
    simc_writer_slice(split->out, split->prefix[split->count > 0]);
    split->entries = split->out->at;
    if (split->loop_length) {
        simc_writer_u16(split->out, 0);
        split->entries += LOOP_LENGTH_SIZE;
    }
    split->count++;
}

static void end_section(struct simc__split *split)
{
    if (split->loop_length)
        simc_writer_patch_u16(split->out, split->entries - LOOP_LENGTH_SIZE,
                              (uint16_t)(0xf000 | ((split->out->at - split->entries) & LOOP_MAX)));
    int error = simc_section_end(split->out, split->section);
    if (!split->error)
        split->error = error;
}

void simc__split_begin(struct simc__split *split, struct simc_writer *out,
                       const struct simc_section_head *head, const struct simc_slice prefix[2],
                       bool loop_length)
{
    *split = (struct simc__split){
        .out = out, .head = *head, .prefix = prefix, .loop_length = loop_length, .start = out->at};
    begin_section(split);
}

void simc__split_entry(struct simc__split *split, size_t size)
{
    size_t limit = simc__section_limit(split->head.table_id) - CRC_SIZE;
    if (split->out->at - split->section + size <= limit)
        return;
    if (split->out->at == split->entries && split->count > 1) {
        simc_writer_fail(split->out, SIMC_ETOOLONG); /* it does not fit into an empty one */
        return;
    }
    end_section(split);
    begin_section(split);
    if (split->out->at - split->section + size > limit || split->count > SECTIONS_MAX)
        simc_writer_fail(split->out, SIMC_ETOOLONG);
}

int simc__split_end(struct simc__split *split)
{
    end_section(split);
    if (!split->out->error)
        simc__sections_number(split->out, split->start, split->count);
    return split->out->error;
}
