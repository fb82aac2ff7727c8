/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target of the framer. The first byte chooses the limit and the segmentation, the rest is the
 * stream; what comes out must be what a plain loop over the whole stream finds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "violated: %s\n", what);
        abort();
    }
}

/* The plain cutter: the next frame of the stream from `*at` on. */
struct cutter {
    struct simc_slice stream;
    size_t at;
    size_t limit;
};

static bool cut(struct cutter *cutter, struct simc_frame *frame, bool *too_long)
{
    size_t left = cutter->at < cutter->stream.size ? cutter->stream.size - cutter->at : 0;
    const uint8_t *p = left ? cutter->stream.data + cutter->at : NULL;
    if (left < 5)
        return false;
    size_t length = (size_t)p[3] * 256 + p[4];
    *too_long = length > cutter->limit;
    if (!*too_long && left < 5 + length)
        return false;
    frame->offset = cutter->at;
    frame->bytes = simc_slice(p, *too_long ? 5 : 5 + length);
    cutter->at += 5 + length;
    return true;
}

static void take(struct simc_framer *framer, struct cutter *cutter)
{
    struct simc_frame frame, wanted;
    bool too_long;
    int error;
    while ((error = simc_framer_next(framer, &frame)) != SIMC_EAGAIN) {
        require(error == 0 || error == SIMC_ETOOLONG, "only two outcomes but the end of input");
        require(cut(cutter, &wanted, &too_long), "no frame that is not there");
        require(too_long == (error == SIMC_ETOOLONG), "too long when above the limit");
        require(frame.offset == wanted.offset, "the frame's offset");
        require(simc_slice_equal(frame.bytes, wanted.bytes), "the frame's bytes");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t limits[] = {SIMC_MSG_LENGTH_MAX, 300, 14, 0};
    static const size_t pieces[] = {1, 3, 5, 17, 64, 300, 4096, 65536};
    if (size < 1)
        return 0;
    uint32_t state = data[0];
    size_t piece_max = pieces[data[0] >> 2 & 7];
    struct cutter cutter = {simc_slice(data + 1, size - 1), 0, limits[data[0] & 3]};
    struct simc_framer framer;
    simc_framer_init(&framer, limits[data[0] & 3]);
    for (size_t at = 1; at < size;) {
        state = state * 1103515245 + 12345;
        size_t piece = 1 + (state >> 8) % piece_max;
        if (piece > size - at)
            piece = size - at;
        uint8_t *copy = malloc(piece);
        require(copy != NULL, "memory for the test");
        memcpy(copy, data + at, piece);
        simc_framer_feed(&framer, simc_slice(copy, piece));
        take(&framer, &cutter);
        free(copy);
        at += piece;
        require(framer.taken == at - 1, "all input is used up");
    }
    /* What is pending is what the cutter has not reached, or has gone too far. */
    size_t fed = size - 1;
    size_t pending = cutter.at > fed ? cutter.at - fed : fed - cutter.at;
    require(simc_framer_pending(&framer) == pending, "pending bytes");
    struct simc_frame missed;
    bool too_long;
    require(!cut(&cutter, &missed, &too_long), "no frame is left behind");
    simc_framer_fini(&framer);
    return 0;
}
