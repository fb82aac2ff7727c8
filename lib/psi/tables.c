/* SPDX-License-Identifier: BSL-1.0 */
/* The tables of MPEG: PAT, CAT and PMT, taken apart and built. The multiplexer, the receiver and
 * the analyser call it. [13818 2.4.4.3 .. 2.4.4.9] */
#include "psi/internal.h"

enum { PID_BITS = 0xe000, PAT_ENTRY_SIZE = 4, STREAM_HEAD_SIZE = 5 };

static bool section_is(const struct simc_section *section, uint8_t table_id)
{
    return section->long_form && section->table_id == table_id;
}

int simc_pat_read(const struct simc_section *section, struct simc_pat *pat)
{
    pat->ts_id = section->extension;
    pat->programs = section->body;
    return section_is(section, SIMC_TABLE_PAT) ? 0 : SIMC_EPROTO;
}

int simc_pat_next(struct simc_slice *programs, struct simc_pat_entry *entry)
{
    if (programs->size == 0)
        return SIMC_EEND;
    struct simc_reader reader = simc_reader(*programs);
    entry->program = simc_reader_u16(&reader);
    entry->pid = simc_reader_u16(&reader) & 0x1fff;
    return simc__loop_eat(programs, &reader);
}

int simc_pat_build(struct simc_writer *out, uint16_t ts_id, unsigned version,
                   const struct simc_pat_entry *entries, size_t count)
{
    static const struct simc_slice prefix[2] = {{NULL, 0}, {NULL, 0}};
    struct simc_section_head head = {
        .table_id = SIMC_TABLE_PAT, .extension = ts_id, .version = (uint8_t)(version & 0x1f)};
    struct simc__split split;
    simc__split_begin(&split, out, &head, prefix, false);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].pid >= SIMC_TS_PID_COUNT)
            simc_writer_fail(out, SIMC_EINVAL);
        simc__split_entry(&split, PAT_ENTRY_SIZE);
        simc_writer_u16(out, entries[i].program);
        simc_writer_u16(out, (uint16_t)(PID_BITS | entries[i].pid));
    }
    return simc__split_end(&split);
}

int simc_cat_read(const struct simc_section *section, struct simc_slice *descriptors)
{
    *descriptors = section->body;
    return section_is(section, SIMC_TABLE_CAT) ? 0 : SIMC_EPROTO;
}

int simc_cat_build(struct simc_writer *out, unsigned version, struct simc_slice descriptors)
{
    static const struct simc_slice prefix[2] = {{NULL, 0}, {NULL, 0}};
    struct simc_section_head head = {
        .table_id = SIMC_TABLE_CAT, .extension = 0xffff, .version = (uint8_t)(version & 0x1f)};
    struct simc__split split;
    struct simc_descriptor descriptor;
    int error;
    simc__split_begin(&split, out, &head, prefix, false);
    while ((error = simc_descriptor_next(&descriptors, &descriptor)) == 0) {
        simc__split_entry(&split, 2 + descriptor.body.size);
        simc_descriptor_put(out, descriptor.tag, descriptor.body);
    }
    if (error != SIMC_EEND)
        simc_writer_fail(out, SIMC_EINVAL);
    return simc__split_end(&split);
}

int simc_pmt_read(const struct simc_section *section, struct simc_pmt *pmt)
{
    struct simc_reader reader = simc_reader(section->body);
    pmt->program = section->extension;
    pmt->pcr_pid = simc_reader_u16(&reader) & 0x1fff;
    pmt->descriptors = simc__loop_read(&reader);
    pmt->streams = simc_reader_slice(&reader, simc_reader_left(&reader));
    return reader.error || !section_is(section, SIMC_TABLE_PMT) ? SIMC_EPROTO : 0;
}

int simc_pmt_next(struct simc_slice *streams, struct simc_pmt_stream *stream)
{
    if (streams->size == 0)
        return SIMC_EEND;
    struct simc_reader reader = simc_reader(*streams);
    stream->type = simc_reader_u8(&reader);
    stream->pid = simc_reader_u16(&reader) & 0x1fff;
    stream->descriptors = simc__loop_read(&reader);
    return simc__loop_eat(streams, &reader);
}

int simc_pmt_build(struct simc_writer *out, const struct simc_pmt *pmt, unsigned version,
                   const struct simc_pmt_stream *streams, size_t count)
{
    struct simc_section_head head = {.table_id = SIMC_TABLE_PMT,
                                     .extension = pmt->program,
                                     .version = (uint8_t)(version & 0x1f)};
    size_t start = simc_section_begin(out, &head);
    if (pmt->pcr_pid >= SIMC_TS_PID_COUNT)
        simc_writer_fail(out, SIMC_EINVAL);
    simc_writer_u16(out, (uint16_t)(PID_BITS | pmt->pcr_pid));
    simc__loop_put(out, 0xf, pmt->descriptors);
    for (size_t i = 0; i < count; i++) {
        if (streams[i].pid >= SIMC_TS_PID_COUNT)
            simc_writer_fail(out, SIMC_EINVAL);
        simc_writer_u8(out, streams[i].type);
        simc_writer_u16(out, (uint16_t)(PID_BITS | streams[i].pid));
        simc__loop_put(out, 0xf, streams[i].descriptors);
    }
    return simc_section_end(out, start);
}
