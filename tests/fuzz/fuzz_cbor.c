/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: the CBOR reader and writer. libFuzzer or the corpus replay calls it.
 *
 * Byte 0: what is allowed (bits 0 and 1), depth (bits 2 to 5). The rest is the data: first it is
 * read over and, when it is good, written again, which must give the same bytes; then it is pulled
 * with calls that its own bytes choose. */
#include <stdlib.h>
#include <string.h>

#include "cbor/cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MAX_HERE = 4096, KEY_SIZE = 64 };

static void check(bool condition)
{
    if (!condition)
        abort();
}

/* Copies one item of data that was found good, keys and all. @return false: a key of a type that
 * the writer does not have. */
static bool copy(struct simc__cbor_reader *reader, struct simc__cbor_writer *writer)
{
    char key[KEY_SIZE];
    struct simc_slice text;
    uint64_t count, number;
    bool copied = true;
    switch (simc__cbor_peek(reader)) {
    case SIMC__CBOR_UINT:
        simc__cbor_put_uint(writer, simc__cbor_uint(reader, 0, UINT64_MAX));
        break;
    case SIMC__CBOR_NEGATIVE:
        simc__cbor_put_int(writer, simc__cbor_int(reader, INT64_MIN, -1));
        copied = reader->fault == SIMC__CBOR_GOOD; /* below -2^63 */
        break;
    case SIMC__CBOR_BYTES:
        simc__cbor_put_bytes(writer, simc__cbor_bytes(reader, 0, SIZE_MAX));
        break;
    case SIMC__CBOR_STRING:
        simc__cbor_put_text(writer, simc__cbor_text(reader, 0, SIZE_MAX));
        break;
    case SIMC__CBOR_BOOL:
        simc__cbor_put_bool(writer, simc__cbor_bool(reader));
        break;
    case SIMC__CBOR_NULL:
        simc__cbor_null(reader);
        simc__cbor_put_null(writer);
        break;
    case SIMC__CBOR_ARRAY:
        count = simc__cbor_array(reader, 0, UINT64_MAX);
        simc__cbor_put_array(writer, count);
        while (copied && simc__cbor_more(reader))
            copied = copy(reader, writer);
        simc__cbor_leave(reader);
        break;
    case SIMC__CBOR_MAP:
        count = simc__cbor_map(reader, 0, UINT64_MAX);
        simc__cbor_put_map(writer, count);
        /* One kind of keys is enough: the writer needs theirs to live until the next one. */
        while (copied && simc__cbor_more(reader)) {
            if (simc__cbor_peek(reader) == SIMC__CBOR_UINT && simc__cbor_key(reader, &number)) {
                simc__cbor_put_key(writer, number);
            } else if (count == 1 && simc__cbor_key_text(reader, &text) && text.size < KEY_SIZE &&
                       !memchr(text.data, 0, text.size)) {
                memcpy(key, text.data, text.size);
                key[text.size] = '\0';
                simc__cbor_put_key_text(writer, key);
            } else
                return false;
            copied = copy(reader, writer);
        }
        simc__cbor_leave(reader);
        break;
    case SIMC__CBOR_NONE:
        abort();
    }
    return copied;
}

static void read_and_write(struct simc_slice bytes, unsigned allow, unsigned depth)
{
    static uint8_t room[SIZE_MAX_HERE];
    struct simc_writer out = simc_writer(room, sizeof room);
    struct simc__cbor_reader reader;
    struct simc__cbor_writer writer;
    simc__cbor_reader_init(&reader, bytes, allow, depth);
    simc__cbor_skip(&reader);
    enum simc__cbor_fault fault = simc__cbor_finish(&reader);
    check(fault < SIMC__CBOR_FAULT_COUNT && reader.at <= bytes.size);
    if (fault) {
        check(reader.fault_at <= bytes.size);
        return;
    }
    check(reader.at == bytes.size);
    simc__cbor_reader_init(&reader, bytes, allow, depth);
    simc__cbor_writer_init(&writer, &out);
    if (!copy(&reader, &writer))
        return;
    check(simc__cbor_finish(&reader) == SIMC__CBOR_GOOD);
    check(simc__cbor_put_finish(&writer) == 0);
    check(out.at == bytes.size && memcmp(room, bytes.data, out.at) == 0);
}

static void pull(struct simc_slice bytes, unsigned allow, unsigned depth)
{
    struct simc__cbor_reader reader;
    struct simc_slice slice = {NULL, 0};
    uint64_t number;
    simc__cbor_reader_init(&reader, bytes, allow, depth);
    for (size_t i = 0; i < bytes.size && !reader.fault; i++) {
        size_t at = reader.at;
        switch (bytes.data[bytes.size - 1 - i] % 12) {
        case 0:
            simc__cbor_uint(&reader, 0, bytes.data[i]);
            break;
        case 1:
            simc__cbor_int(&reader, -100, 100);
            break;
        case 2:
            slice = simc__cbor_bytes(&reader, 0, 20);
            break;
        case 3:
            slice = simc__cbor_text(&reader, 0, 20);
            break;
        case 4:
            simc__cbor_array(&reader, 0, 10);
            break;
        case 5:
            simc__cbor_map(&reader, 0, 10);
            break;
        case 6:
            simc__cbor_leave(&reader);
            break;
        case 7:
            simc__cbor_bool(&reader);
            break;
        case 8:
            simc__cbor_skip(&reader);
            break;
        case 9:
            simc__cbor_key(&reader, &number);
            break;
        case 10:
            simc__cbor_key_text(&reader, &slice);
            break;
        default:
            simc__cbor_peek(&reader);
        }
        check(reader.at >= at && reader.at <= bytes.size && reader.fault_at <= bytes.size);
        check(slice.size == 0 ||
              (slice.data >= bytes.data && slice.data + slice.size <= bytes.data + bytes.size));
    }
    simc__cbor_finish(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > SIZE_MAX_HERE)
        return 0;
    uint8_t *exact = malloc(size); /* so that a read behind it is seen */
    check(exact != NULL);
    memcpy(exact, data + 1, size - 1);
    struct simc_slice bytes = simc_slice(exact, size - 1);
    unsigned allow = data[0] & 3, depth = data[0] >> 2 & 0xf;
    read_and_write(bytes, allow, depth);
    pull(bytes, allow, depth);
    free(exact);
    return 0;
}
