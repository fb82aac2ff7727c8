/* SPDX-License-Identifier: BSL-1.0 */
/* Cuts a TCP byte stream into messages, whatever its segmentation [103197 4.4.1]. Sessions, the
 * capture dump and the fuzzers feed it. */
#include <string.h>

#include "simulcrypt/msg.h"

void simc_framer_init(struct simc_framer *framer, uint32_t length_limit)
{
    memset(framer, 0, sizeof *framer);
    framer->length_limit = length_limit < SIMC_MSG_LENGTH_MAX ? length_limit : SIMC_MSG_LENGTH_MAX;
    simc_buffer_init(&framer->held, SIMC_MSG_SIZE_MAX);
}

void simc_framer_fini(struct simc_framer *framer)
{
    simc_buffer_fini(&framer->held);
    framer->input = simc_slice(NULL, 0);
    framer->drain = 0;
    framer->deliver_held = false;
}

void simc_framer_feed(struct simc_framer *framer, struct simc_slice bytes)
{
    framer->input = bytes;
}

size_t simc_framer_pending(const struct simc_framer *framer)
{
    size_t held = framer->deliver_held ? 0 : framer->held.size;
    return held + framer->drain;
}

static uint32_t message_length(const uint8_t *header)
{
    return (uint32_t)header[3] << 8 | header[4];
}

static void consume(struct simc_framer *framer, size_t size)
{
    framer->input.data += size;
    framer->input.size -= size;
    framer->taken += size;
}

/* Moves input into `held` until that has `wanted` bytes. */
static int hold(struct simc_framer *framer, size_t wanted)
{
    size_t missing = wanted > framer->held.size ? wanted - framer->held.size : 0;
    size_t size = missing < framer->input.size ? missing : framer->input.size;
    int error = simc_buffer_append(&framer->held, simc_slice(framer->input.data, size));
    if (error)
        return error;
    if (size)
        consume(framer, size);
    return size == missing ? 0 : SIMC_EAGAIN;
}

static void drain(struct simc_framer *framer)
{
    size_t size = framer->drain < framer->input.size ? framer->drain : framer->input.size;
    if (size)
        consume(framer, size);
    framer->drain -= (uint32_t)size;
}

/* A message above the limit: hand out its header and throw the rest away. */
static int too_long(struct simc_framer *framer, struct simc_frame *frame, uint32_t length)
{
    frame->offset = framer->taken - framer->held.size;
    frame->bytes = simc_buffer_bytes(&framer->held);
    framer->deliver_held = true;
    framer->drain = length;
    return SIMC_ETOOLONG;
}

/* The message begins in `held`, or the input is too short to hold all of it. */
static int next_held(struct simc_framer *framer, struct simc_frame *frame)
{
    int error = hold(framer, SIMC_MSG_HEADER_SIZE);
    if (error)
        return error;
    uint32_t length = message_length(simc_buffer_bytes(&framer->held).data);
    if (length > framer->length_limit)
        return too_long(framer, frame, length);
    error = hold(framer, SIMC_MSG_HEADER_SIZE + length);
    if (error)
        return error;
    frame->offset = framer->taken - framer->held.size;
    frame->bytes = simc_buffer_bytes(&framer->held);
    framer->deliver_held = true;
    return 0;
}

int simc_framer_next(struct simc_framer *framer, struct simc_frame *frame)
{
    if (framer->deliver_held) {
        simc_buffer_drop(&framer->held, framer->held.size);
        framer->deliver_held = false;
    }
    drain(framer);
    if (framer->input.size == 0)
        return SIMC_EAGAIN;

    struct simc_slice input = framer->input;
    if (framer->held.size == 0 && input.size >= SIMC_MSG_HEADER_SIZE) {
        uint32_t length = message_length(input.data);
        size_t size = SIMC_MSG_HEADER_SIZE + (size_t)length;
        if (length <= framer->length_limit && size <= input.size) {
            frame->offset = framer->taken;
            frame->bytes = simc_slice(input.data, size);
            consume(framer, size);
            return 0;
        }
    }
    return next_held(framer, frame);
}
