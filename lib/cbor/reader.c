/* SPDX-License-Identifier: BSL-1.0 */
/* The strict CBOR reader; see cbor.h. libcbor decodes each head, and what the deterministic form
 * (RFC 8949 4.2.1) forbids is refused before libcbor sees it or by the size that it consumed. */
#include <string.h>

#include <cbor/streaming.h>

#include "cbor/cbor.h"

enum {
    MAJOR_BYTES = 2,
    MAJOR_TEXT = 3,
    MAJOR_ARRAY = 4,
    MAJOR_MAP = 5,
    MAJOR_TAG = 6,
    MAJOR_SIMPLE = 7,
    INFO_MASK = 0x1f,
    INFO_8_BYTES = 27,
    INFO_RESERVED = 28, /* up to 30; 31 is indefinite length, or a break */
    SIMPLE_FALSE = 20,
    SIMPLE_TRUE = 21,
    SIMPLE_NULL = 22,
};

/* An item, as libcbor's callbacks report it. */
struct item {
    enum simc__cbor_type type;
    uint64_t value;          /* of a number: n, or -1 - n; a length or a count */
    struct simc_slice bytes; /* of a string */
};

/* ---- what libcbor calls back ---- */

static void item_set(void *context, enum simc__cbor_type type, uint64_t value)
{
    struct item *item = context;
    item->type = type;
    item->value = value;
}

static void on_uint8(void *context, uint8_t value)
{
    item_set(context, SIMC__CBOR_UINT, value);
}

static void on_uint16(void *context, uint16_t value)
{
    item_set(context, SIMC__CBOR_UINT, value);
}

static void on_uint32(void *context, uint32_t value)
{
    item_set(context, SIMC__CBOR_UINT, value);
}

static void on_uint64(void *context, uint64_t value)
{
    item_set(context, SIMC__CBOR_UINT, value);
}

static void on_negint8(void *context, uint8_t value)
{
    item_set(context, SIMC__CBOR_NEGATIVE, value);
}

static void on_negint16(void *context, uint16_t value)
{
    item_set(context, SIMC__CBOR_NEGATIVE, value);
}

static void on_negint32(void *context, uint32_t value)
{
    item_set(context, SIMC__CBOR_NEGATIVE, value);
}

static void on_negint64(void *context, uint64_t value)
{
    item_set(context, SIMC__CBOR_NEGATIVE, value);
}

static void on_bytes(void *context, cbor_data data, size_t size)
{
    item_set(context, SIMC__CBOR_BYTES, size);
    ((struct item *)context)->bytes = simc_slice(data, size);
}

static void on_text(void *context, cbor_data data, size_t size)
{
    item_set(context, SIMC__CBOR_STRING, size);
    ((struct item *)context)->bytes = simc_slice(data, size);
}

static void on_array(void *context, size_t count)
{
    item_set(context, SIMC__CBOR_ARRAY, count);
}

static void on_map(void *context, size_t count)
{
    item_set(context, SIMC__CBOR_MAP, count);
}

static void on_bool(void *context, bool value)
{
    item_set(context, SIMC__CBOR_BOOL, value);
}

static void on_null(void *context)
{
    item_set(context, SIMC__CBOR_NULL, 0);
}

/* What head_check() refuses never gets here; if it did, the type would stay NONE. */
static const struct cbor_callbacks callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint8 = on_negint8,
    .negint16 = on_negint16,
    .negint32 = on_negint32,
    .negint64 = on_negint64,
    .byte_string = on_bytes,
    .byte_string_start = cbor_null_byte_string_start_callback,
    .string = on_text,
    .string_start = cbor_null_string_start_callback,
    .array_start = on_array,
    .indef_array_start = cbor_null_indef_array_start_callback,
    .map_start = on_map,
    .indef_map_start = cbor_null_indef_map_start_callback,
    .tag = cbor_null_tag_callback,
    .float2 = cbor_null_float2_callback,
    .float4 = cbor_null_float4_callback,
    .float8 = cbor_null_float8_callback,
    .undefined = cbor_null_undefined_callback,
    .null = on_null,
    .boolean = on_bool,
    .indef_break = cbor_null_indef_break_callback,
};

/* ---- faults ---- */

const char *simc__cbor_fault_text(enum simc__cbor_fault fault)
{
#define TEXT_OF_ROW(name, text) text,
    static const char *const texts[] = {SIMC__CBOR_FAULT_ROWS(TEXT_OF_ROW)};
#undef TEXT_OF_ROW
    return (size_t)fault < sizeof texts / sizeof texts[0] ? texts[fault] : "?";
}

void simc__cbor_refuse(struct simc__cbor_reader *reader, enum simc__cbor_fault fault, size_t at)
{
    if (!reader->fault) {
        reader->fault = fault;
        reader->fault_at = at;
    }
}

static bool refuse(struct simc__cbor_reader *reader, enum simc__cbor_fault fault)
{
    simc__cbor_refuse(reader, fault, reader->at);
    return false;
}

/* ---- heads ---- */

/* Refuses by its first byte what may not be here. */
static bool head_check(struct simc__cbor_reader *reader)
{
    if (reader->fault)
        return false;
    if (reader->at >= reader->size)
        return refuse(reader, SIMC__CBOR_SHORT);
    unsigned major = reader->data[reader->at] >> 5, info = reader->data[reader->at] & INFO_MASK;
    if (info >= INFO_RESERVED)
        return refuse(reader, SIMC__CBOR_INDEFINITE);
    if (major == MAJOR_TAG)
        return refuse(reader, SIMC__CBOR_TAG);
    if (major == MAJOR_TEXT && !(reader->allow & SIMC__CBOR_ALLOW_TEXT))
        return refuse(reader, SIMC__CBOR_TEXT);
    if (major == MAJOR_SIMPLE && info != SIMPLE_FALSE && info != SIMPLE_TRUE &&
        !(info == SIMPLE_NULL && (reader->allow & SIMC__CBOR_ALLOW_NULL)))
        return refuse(reader, SIMC__CBOR_SIMPLE);
    /* A length or count of eight bytes is over 2^32 in its shortest form: more than there is, and
     * more than libcbor's callbacks hold where size_t has 32 bits. */
    if (info == INFO_8_BYTES && major >= MAJOR_BYTES)
        return refuse(reader, SIMC__CBOR_COUNT);
    return true;
}

enum simc__cbor_type simc__cbor_peek(struct simc__cbor_reader *reader)
{
    static const enum simc__cbor_type types[] = {SIMC__CBOR_UINT,  SIMC__CBOR_NEGATIVE,
                                                 SIMC__CBOR_BYTES, SIMC__CBOR_STRING,
                                                 SIMC__CBOR_ARRAY, SIMC__CBOR_MAP};
    if (reader->fault || reader->levels[reader->depth].left == 0 || !head_check(reader))
        return SIMC__CBOR_NONE;
    unsigned head = reader->data[reader->at];
    if (head >> 5 != MAJOR_SIMPLE)
        return types[head >> 5];
    return (head & INFO_MASK) == SIMPLE_NULL ? SIMC__CBOR_NULL : SIMC__CBOR_BOOL;
}

/* Decodes one item, or the head of an array or map, without moving. */
static bool item_decode(struct simc__cbor_reader *reader, struct item *item, size_t *size)
{
    if (!head_check(reader))
        return false;
    size_t left = reader->size - reader->at;
    struct cbor_decoder_result result =
        cbor_stream_decode(reader->data + reader->at, left, &callbacks, item);
    if (result.status != CBOR_DECODER_FINISHED || item->type == SIMC__CBOR_NONE) {
        bool is_string = reader->data[reader->at] >> 5 == MAJOR_BYTES ||
                         reader->data[reader->at] >> 5 == MAJOR_TEXT;
        return refuse(reader, is_string ? SIMC__CBOR_COUNT : SIMC__CBOR_SHORT);
    }
    bool has_number = item->type != SIMC__CBOR_BOOL && item->type != SIMC__CBOR_NULL;
    if (has_number && result.read - item->bytes.size != simc__cbor_head_size(item->value))
        return refuse(reader, SIMC__CBOR_NOT_SHORTEST);
    /* Each element takes a byte at least. */
    left -= result.read;
    if ((item->type == SIMC__CBOR_ARRAY && item->value > left) ||
        (item->type == SIMC__CBOR_MAP && item->value > left / 2))
        return refuse(reader, SIMC__CBOR_COUNT);
    *size = result.read;
    return true;
}

/* Holds a key against the one before: encoded bytes in ascending order. [RFC 8949 4.2.1] */
static bool key_check(struct simc__cbor_reader *reader, enum simc__cbor_type type, size_t size)
{
    struct simc__cbor_level *level = &reader->levels[reader->depth];
    if (type == SIMC__CBOR_ARRAY || type == SIMC__CBOR_MAP)
        return refuse(reader, SIMC__CBOR_TYPE);
    if (level->has_key) {
        size_t common = size < level->key_size ? size : level->key_size;
        /* No key is a prefix of another one, so the common bytes decide. */
        int order = memcmp(reader->data + level->key_at, reader->data + reader->at, common);
        if (order >= 0)
            return refuse(reader, order == 0 ? SIMC__CBOR_REPEATED : SIMC__CBOR_ORDER);
    }
    level->has_key = true;
    level->key_at = reader->at;
    level->key_size = size;
    return true;
}

/* Moves over the next item, or over the head of an array or map, which is entered. */
static bool item_next(struct simc__cbor_reader *reader, struct item *item)
{
    struct simc__cbor_level *level = &reader->levels[reader->depth];
    size_t size = 0;
    *item = (struct item){0};
    if (reader->fault)
        return false;
    if (level->left == 0)
        return refuse(reader, SIMC__CBOR_RANGE);
    if (!item_decode(reader, item, &size))
        return false;
    if (level->is_map && level->left % 2 == 0 && !key_check(reader, item->type, size))
        return false;
    bool is_map = item->type == SIMC__CBOR_MAP;
    if (is_map || item->type == SIMC__CBOR_ARRAY) {
        if (reader->depth >= reader->depth_max)
            return refuse(reader, SIMC__CBOR_DEPTH);
        reader->levels[++reader->depth] = (struct simc__cbor_level){
            .left = is_map ? 2 * item->value : item->value, .is_map = is_map};
    }
    level->left--;
    reader->at += size;
    return true;
}

/* The next item, which must have one type. */
static bool item_take(struct simc__cbor_reader *reader, enum simc__cbor_type type,
                      struct item *item)
{
    enum simc__cbor_type next = simc__cbor_peek(reader);
    if (!reader->fault && next == SIMC__CBOR_NONE)
        return refuse(reader, SIMC__CBOR_RANGE);
    if (!reader->fault && next != type)
        return refuse(reader, SIMC__CBOR_TYPE);
    return item_next(reader, item);
}

static bool in_range(struct simc__cbor_reader *reader, size_t at, uint64_t value, uint64_t min,
                     uint64_t max)
{
    if (value >= min && value <= max)
        return true;
    simc__cbor_refuse(reader, SIMC__CBOR_RANGE, at);
    return false;
}

/* ---- items ---- */

void simc__cbor_reader_init(struct simc__cbor_reader *reader, struct simc_slice bytes,
                            unsigned allow, unsigned depth_max)
{
    reader->data = bytes.data;
    reader->size = bytes.size;
    reader->at = 0;
    reader->allow = allow;
    reader->depth = 0;
    reader->depth_max = depth_max < SIMC__CBOR_DEPTH_MAX ? depth_max : SIMC__CBOR_DEPTH_MAX;
    reader->fault = SIMC__CBOR_GOOD;
    reader->fault_at = 0;
    reader->levels[0] = (struct simc__cbor_level){.left = 1}; /* the others when entered */
}

uint64_t simc__cbor_uint(struct simc__cbor_reader *reader, uint64_t min, uint64_t max)
{
    size_t at = reader->at;
    struct item item;
    if (!item_take(reader, SIMC__CBOR_UINT, &item) || !in_range(reader, at, item.value, min, max))
        return 0;
    return item.value;
}

int64_t simc__cbor_int(struct simc__cbor_reader *reader, int64_t min, int64_t max)
{
    size_t at = reader->at;
    struct item item;
    bool is_negative = simc__cbor_peek(reader) == SIMC__CBOR_NEGATIVE;
    if (!item_take(reader, is_negative ? SIMC__CBOR_NEGATIVE : SIMC__CBOR_UINT, &item))
        return 0;
    int64_t value = (int64_t)(item.value & INT64_MAX);
    if (is_negative)
        value = -1 - value;
    if (item.value > INT64_MAX || value < min || value > max) {
        simc__cbor_refuse(reader, SIMC__CBOR_RANGE, at);
        return 0;
    }
    return value;
}

bool simc__cbor_bool(struct simc__cbor_reader *reader)
{
    struct item item;
    return item_take(reader, SIMC__CBOR_BOOL, &item) && item.value;
}

void simc__cbor_null(struct simc__cbor_reader *reader)
{
    struct item item;
    (void)item_take(reader, SIMC__CBOR_NULL, &item);
}

struct simc_slice simc__cbor_bytes(struct simc__cbor_reader *reader, size_t min, size_t max)
{
    size_t at = reader->at;
    struct item item;
    if (!item_take(reader, SIMC__CBOR_BYTES, &item) || !in_range(reader, at, item.value, min, max))
        return simc_slice(NULL, 0);
    return item.bytes;
}

bool simc__cbor_is_utf8(struct simc_slice text)
{
    for (size_t i = 0; i < text.size;) {
        uint8_t first = text.data[i++];
        size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
        if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || text.size - i < more)
            return false;
        for (size_t k = 0; k < more; k++, i++) {
            uint8_t min = 0x80, max = 0xbf;
            if (k == 0 && (first == 0xe0 || first == 0xf0))
                min = first == 0xe0 ? 0xa0 : 0x90;
            if (k == 0 && (first == 0xed || first == 0xf4))
                max = first == 0xed ? 0x9f : 0x8f;
            if (text.data[i] < min || text.data[i] > max)
                return false;
        }
    }
    return true;
}

struct simc_slice simc__cbor_text(struct simc__cbor_reader *reader, size_t min, size_t max)
{
    size_t at = reader->at;
    struct item item;
    if (!item_take(reader, SIMC__CBOR_STRING, &item) || !in_range(reader, at, item.value, min, max))
        return simc_slice(NULL, 0);
    if (!simc__cbor_is_utf8(item.bytes)) {
        simc__cbor_refuse(reader, SIMC__CBOR_UTF8, at);
        return simc_slice(NULL, 0);
    }
    return item.bytes;
}

/* ---- arrays and maps ---- */

static uint64_t enter(struct simc__cbor_reader *reader, enum simc__cbor_type type, uint64_t min,
                      uint64_t max)
{
    size_t at = reader->at;
    struct item item;
    if (!item_take(reader, type, &item) || !in_range(reader, at, item.value, min, max))
        return 0;
    return item.value;
}

uint64_t simc__cbor_array(struct simc__cbor_reader *reader, uint64_t min, uint64_t max)
{
    return enter(reader, SIMC__CBOR_ARRAY, min, max);
}

uint64_t simc__cbor_map(struct simc__cbor_reader *reader, uint64_t min, uint64_t max)
{
    return enter(reader, SIMC__CBOR_MAP, min, max);
}

bool simc__cbor_more(const struct simc__cbor_reader *reader)
{
    return !reader->fault && reader->levels[reader->depth].left > 0;
}

void simc__cbor_leave(struct simc__cbor_reader *reader)
{
    if (reader->fault)
        return;
    if (reader->depth == 0 || reader->levels[reader->depth].left) {
        (void)refuse(reader, SIMC__CBOR_MORE);
        return;
    }
    reader->depth--;
}

bool simc__cbor_key(struct simc__cbor_reader *reader, uint64_t *key)
{
    struct item item;
    *key = 0;
    if (!simc__cbor_more(reader) || !item_take(reader, SIMC__CBOR_UINT, &item))
        return false;
    *key = item.value;
    return true;
}

bool simc__cbor_key_text(struct simc__cbor_reader *reader, struct simc_slice *key)
{
    *key = simc_slice(NULL, 0);
    if (!simc__cbor_more(reader))
        return false;
    *key = simc__cbor_text(reader, 0, SIZE_MAX);
    return !reader->fault;
}

void simc__cbor_skip(struct simc__cbor_reader *reader)
{
    unsigned depth = reader->depth;
    do {
        size_t at = reader->at;
        struct item item;
        if (!item_next(reader, &item))
            return;
        if (item.type == SIMC__CBOR_STRING && !simc__cbor_is_utf8(item.bytes)) {
            simc__cbor_refuse(reader, SIMC__CBOR_UTF8, at);
            return;
        }
        while (reader->depth > depth && reader->levels[reader->depth].left == 0)
            reader->depth--;
    } while (reader->depth > depth);
}

enum simc__cbor_fault simc__cbor_finish(struct simc__cbor_reader *reader)
{
    if (!reader->fault) {
        if (reader->depth || reader->levels[0].left)
            (void)refuse(reader, SIMC__CBOR_MORE);
        else if (reader->at < reader->size)
            (void)refuse(reader, SIMC__CBOR_TRAILING);
    }
    return reader->fault;
}
