/* SPDX-License-Identifier: BSL-1.0 */
/* One direction of a byte stream of `simulcrypt dump`: recognises SimulCrypt, cuts messages, and
 * finds its way again behind bytes that were never captured. */
#include <string.h>

#include "cli/commands.h"
#include "cli/dump.h"

bool simc__dump_looks_like_message(struct simc_slice bytes)
{
    struct simc_reader reader = simc_reader(bytes);
    uint8_t version = simc_reader_u8(&reader);
    uint16_t type = simc_reader_u16(&reader);
    uint16_t length = simc_reader_u16(&reader);
    const struct simc_message_row *row = simc_message_find(type);
    if (reader.error || !row || version > SIMC_VERSION_MAX ||
        !(row->interface->versions >> version & 1))
        return false;
    struct simc_slice body = simc_reader_slice(
        &reader, length < simc_reader_left(&reader) ? length : simc_reader_left(&reader));
    struct simc_parameter_cursor cursor = {body, 0, SIMC_MSG_HEADER_SIZE};
    struct simc_parameter parameter;
    bool is_whole = body.size == length;
    bool knows_one = length == 0;
    int error;
    while ((error = simc_parameter_next(&cursor, &parameter)) == 0) {
        if (simc_parameter_find(row->interface, parameter.code, version))
            knows_one = true;
    }
    /* A first parameter cut by the segment's end cannot be judged yet. */
    if (!is_whole && cursor.at == 0)
        return true;
    return knows_one && (error == SIMC_EEND || !is_whole);
}

void simc__dump_stream_init(struct simc__dump_stream *stream)
{
    memset(stream, 0, sizeof *stream);
    simc_framer_init(&stream->framer, SIMC_MSG_LENGTH_MAX);
}

void simc__dump_stream_fini(struct simc__dump_stream *stream)
{
    simc_framer_fini(&stream->framer);
}

static void restart_at(struct simc__dump_stream *stream, uint64_t offset)
{
    simc_framer_fini(&stream->framer);
    simc_framer_init(&stream->framer, SIMC_MSG_LENGTH_MAX);
    stream->base = offset;
}

/* True when a header and the head of a first parameter stand here that belong together. Other bytes
 * look so less than once in 2^40 times, so that it may be searched for at every offset. */
static bool begins_message(struct simc_slice bytes)
{
    struct simc_reader reader = simc_reader(bytes);
    uint8_t version = simc_reader_u8(&reader);
    uint16_t type = simc_reader_u16(&reader);
    uint16_t message_length = simc_reader_u16(&reader);
    uint16_t code = simc_reader_u16(&reader);
    uint16_t length = simc_reader_u16(&reader);
    const struct simc_message_row *row = reader.error ? NULL : simc_message_find(type);
    if (!row || version > SIMC_VERSION_MAX || !(row->interface->versions >> version & 1))
        return false;
    const struct simc_parameter_row *parameter = simc_parameter_find(row->interface, code, version);
    return parameter && length >= parameter->size_min && length <= parameter->size_max &&
           SIMC_PARAMETER_HEADER_SIZE + length <= message_length;
}

/* Finds the first message behind a gap. @param at on success its offset. */
static bool find_message(struct simc_slice bytes, size_t *at)
{
    /* A segment's begin is the likely place, so there a message without parameters counts too. */
    if (simc__dump_looks_like_message(bytes)) {
        *at = 0;
        return true;
    }
    for (size_t i = 1; i < bytes.size; i++) {
        if (begins_message(simc_slice(bytes.data + i, bytes.size - i))) {
            *at = i;
            return true;
        }
    }
    return false;
}

/* Decides whether bytes at the begin, or behind a gap, are to be read. @param given what is in
 * front of the first message is taken off. */
static bool may_read(struct simc__dump *dump, struct simc__dump_stream *stream,
                     const struct simc__dump_place *place, struct simc_slice *given, bool wanted)
{
    struct simc_slice bytes = *given;
    if (stream->is_ignored)
        return false;
    if (stream->is_lost) {
        size_t at;
        if (!find_message(bytes, &at))
            return false;
        restart_at(stream, place->offset + at);
        *given = simc_slice(bytes.data + at, bytes.size - at);
        stream->is_lost = false;
        stream->is_recognised = true;
    }
    if (!stream->is_recognised && !wanted) {
        /* Five bytes decide; fewer in a first segment are kept until there are more. */
        if (bytes.size >= SIMC_MSG_HEADER_SIZE && !simc_framer_pending(&stream->framer) &&
            !simc__dump_looks_like_message(bytes)) {
            stream->is_ignored = true;
            dump->ignored_count++;
            return false;
        }
    }
    return true;
}

void simc__dump_stream_data(struct simc__dump *dump, struct simc__dump_stream *stream,
                            const struct simc__dump_place *place, struct simc_slice bytes,
                            bool wanted)
{
    struct simc__dump_place here = *place;
    struct simc_frame frame;
    int error;
    if (!may_read(dump, stream, place, &bytes, wanted))
        return;
    simc_framer_feed(&stream->framer, bytes);
    while ((error = simc_framer_next(&stream->framer, &frame)) == 0) {
        if (simc__cli_output_failed())
            return;
        if (!stream->is_recognised && !wanted && !simc__dump_looks_like_message(frame.bytes)) {
            stream->is_ignored = true;
            dump->ignored_count++;
            return;
        }
        stream->is_recognised = true;
        here.offset = stream->base + frame.offset;
        simc__dump_message(dump, &here, frame.bytes, SIMC_TRANSPORT_TCP, &stream->interface);
    }
    if (error != SIMC_EAGAIN)
        dump->out_of_memory = true;
}

void simc__dump_stream_gap(struct simc__dump *dump, struct simc__dump_stream *stream,
                           const struct simc__dump_place *place, uint64_t size, bool wanted)
{
    if (stream->is_ignored)
        return;
    /* What follows may begin anywhere inside a message, also at the begin of a stream. */
    stream->is_lost = true;
    if (!wanted && !stream->is_recognised && !simc_framer_pending(&stream->framer))
        return;
    dump->gap_count++;
    simc__dump_note(dump, place, "GAP: %llu byte%s not captured; going on at the next message",
                    (unsigned long long)size, size == 1 ? " was" : "s were");
}

void simc__dump_stream_end(struct simc__dump *dump, struct simc__dump_stream *stream,
                           const struct simc__dump_place *place, bool is_fault)
{
    size_t pending = simc_framer_pending(&stream->framer);
    struct simc_slice held = simc_buffer_bytes(&stream->framer.held);
    /* Begun in the middle, and no message was found in it. */
    if (stream->is_lost && !stream->is_recognised && place->offset > 0)
        dump->ignored_count++;
    if (stream->is_ignored || stream->is_lost || pending == 0 ||
        (!stream->is_recognised && !is_fault))
        return;
    struct simc__dump_place here = *place;
    here.offset = stream->base + stream->framer.taken - pending;
    if (!is_fault) {
        simc__dump_note(dump, &here, "the capture ends inside a message, after %zu bytes of it",
                        pending);
        return;
    }
    if (held.size < SIMC_MSG_HEADER_SIZE) {
        dump->fault_count++;
        simc__dump_note(dump, &here,
                        "FAULT: the stream ends with %zu byte%s, but a message header has %d",
                        pending, pending == 1 ? "" : "s", SIMC_MSG_HEADER_SIZE);
        return;
    }
    /* The decoder explains what is missing, and what can be read is shown. */
    simc__dump_message(dump, &here, held, SIMC_TRANSPORT_TCP, &stream->interface);
}
