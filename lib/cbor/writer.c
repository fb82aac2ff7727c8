/* SPDX-License-Identifier: BSL-1.0 */
/* The deterministic CBOR writer; see cbor.h. libcbor encodes the heads, in their shortest form;
 * counts and the order of keys are checked here. */
#include <string.h>

#include <cbor/encoding.h>

#include "cbor/cbor.h"

typedef size_t head_encoder(uint64_t value, unsigned char *room, size_t size);

void simc__cbor_writer_init(struct simc__cbor_writer *writer, struct simc_writer *out)
{
    writer->out = out;
    writer->depth = 0;
    memset(&writer->levels[0], 0, sizeof writer->levels[0]); /* the others when entered */
    writer->levels[0].left = 1;
}

/* Room for an item at this place: not where a key belongs, not behind the end. */
static bool item_begin(struct simc__cbor_writer *writer)
{
    bool is_key =
        writer->levels[writer->depth].is_map && writer->levels[writer->depth].left % 2 == 0;
    if (writer->levels[writer->depth].left == 0 || is_key)
        simc_writer_fail(writer->out, SIMC_EINVAL);
    return writer->out->error == 0 || writer->out->error == SIMC_ENOSPC;
}

/* Counts an item; arrays and maps end behind their last one. */
static void item_end(struct simc__cbor_writer *writer)
{
    writer->levels[writer->depth].left--;
    while (writer->depth && writer->levels[writer->depth].left == 0)
        writer->depth--;
}

static void head(struct simc__cbor_writer *writer, head_encoder *encode, uint64_t value)
{
    size_t size = simc__cbor_head_size(value);
    uint8_t *room = simc_writer_room(writer->out, size);
    if (room && encode(value, room, size) != size)
        simc_writer_fail(writer->out, SIMC_EINVAL);
}

/* libcbor takes lengths and counts as size_t; a room exists only for what fits there. */
static size_t encode_bytes(uint64_t size, unsigned char *room, size_t room_size)
{
    return cbor_encode_bytestring_start((size_t)size, room, room_size);
}

static size_t encode_text(uint64_t size, unsigned char *room, size_t room_size)
{
    return cbor_encode_string_start((size_t)size, room, room_size);
}

static size_t encode_array(uint64_t count, unsigned char *room, size_t room_size)
{
    return cbor_encode_array_start((size_t)count, room, room_size);
}

static size_t encode_map(uint64_t count, unsigned char *room, size_t room_size)
{
    return cbor_encode_map_start((size_t)count, room, room_size);
}

void simc__cbor_put_uint(struct simc__cbor_writer *writer, uint64_t value)
{
    if (!item_begin(writer))
        return;
    head(writer, cbor_encode_uint, value);
    item_end(writer);
}

void simc__cbor_put_int(struct simc__cbor_writer *writer, int64_t value)
{
    if (value >= 0) {
        simc__cbor_put_uint(writer, (uint64_t)value);
        return;
    }
    if (!item_begin(writer))
        return;
    head(writer, cbor_encode_negint, (uint64_t)(-1 - value));
    item_end(writer);
}

/* A simple value is one byte. */
static void simple(struct simc__cbor_writer *writer, uint8_t byte)
{
    if (!item_begin(writer))
        return;
    simc_writer_u8(writer->out, byte);
    item_end(writer);
}

void simc__cbor_put_bool(struct simc__cbor_writer *writer, bool value)
{
    simple(writer, value ? 0xf5 : 0xf4);
}

void simc__cbor_put_null(struct simc__cbor_writer *writer)
{
    simple(writer, 0xf6);
}

void simc__cbor_put_bytes_head(struct simc__cbor_writer *writer, size_t size)
{
    if (!item_begin(writer))
        return;
    head(writer, encode_bytes, size);
    item_end(writer);
}

void simc__cbor_put_bytes(struct simc__cbor_writer *writer, struct simc_slice bytes)
{
    if (!item_begin(writer))
        return;
    head(writer, encode_bytes, bytes.size);
    simc_writer_slice(writer->out, bytes);
    item_end(writer);
}

void simc__cbor_put_text(struct simc__cbor_writer *writer, struct simc_slice text)
{
    if (!simc__cbor_is_utf8(text))
        simc_writer_fail(writer->out, SIMC_EINVAL);
    if (!item_begin(writer))
        return;
    head(writer, encode_text, text.size);
    simc_writer_slice(writer->out, text);
    item_end(writer);
}

/* Begins an array or map; an empty one is complete at once. */
static void enter(struct simc__cbor_writer *writer, head_encoder *encode, uint64_t count)
{
    bool is_map = encode == encode_map;
    if (!item_begin(writer))
        return;
    if (writer->depth >= SIMC__CBOR_DEPTH_MAX || count > SIZE_MAX / 2) {
        simc_writer_fail(writer->out, SIMC_EINVAL);
        return;
    }
    head(writer, encode, count);
    if (count == 0) {
        item_end(writer);
        return;
    }
    writer->levels[writer->depth].left--;
    writer->depth++;
    memset(&writer->levels[writer->depth], 0, sizeof writer->levels[0]);
    writer->levels[writer->depth].left = is_map ? 2 * count : count;
    writer->levels[writer->depth].is_map = is_map;
}

void simc__cbor_put_array(struct simc__cbor_writer *writer, uint64_t count)
{
    enter(writer, encode_array, count);
}

void simc__cbor_put_map(struct simc__cbor_writer *writer, uint64_t count)
{
    enter(writer, encode_map, count);
}

/* True where a key belongs; false is noted as an error. */
static bool key_begin(struct simc__cbor_writer *writer, bool is_after_last)
{
    unsigned depth = writer->depth;
    if (!writer->levels[depth].is_map || writer->levels[depth].left % 2 || !is_after_last)
        simc_writer_fail(writer->out, SIMC_EINVAL);
    return writer->out->error == 0 || writer->out->error == SIMC_ENOSPC;
}

/* Shortest heads grow with their numbers, so that encoded numbers are in order when they are. */
void simc__cbor_put_key(struct simc__cbor_writer *writer, uint64_t key)
{
    unsigned depth = writer->depth;
    bool is_after_last = !writer->levels[depth].has_key ||
                         (!writer->levels[depth].key_is_text && key > writer->levels[depth].key);
    if (!key_begin(writer, is_after_last))
        return;
    head(writer, cbor_encode_uint, key);
    writer->levels[depth].has_key = true;
    writer->levels[depth].key = key;
    writer->levels[depth].left--;
}

/* Encoded text is in order of its length first, since that stands in its head. */
static bool text_is_after(struct simc_slice text, struct simc_slice last)
{
    if (text.size != last.size)
        return text.size > last.size;
    return text.size && memcmp(text.data, last.data, text.size) > 0;
}

void simc__cbor_put_key_text(struct simc__cbor_writer *writer, const char *key)
{
    unsigned depth = writer->depth;
    struct simc_slice text = simc_slice_text(key);
    bool is_after_last =
        !writer->levels[depth].key_is_text || text_is_after(text, writer->levels[depth].key_text);
    if (!key_begin(writer, is_after_last && simc__cbor_is_utf8(text)))
        return;
    head(writer, encode_text, text.size);
    simc_writer_slice(writer->out, text);
    writer->levels[depth].has_key = writer->levels[depth].key_is_text = true;
    writer->levels[depth].key_text = text;
    writer->levels[depth].left--;
}

int simc__cbor_put_finish(struct simc__cbor_writer *writer)
{
    if (writer->depth || writer->levels[0].left)
        simc_writer_fail(writer->out, SIMC_EINVAL);
    return writer->out->error;
}
