/* SPDX-License-Identifier: BSL-1.0 */
/* ETI files and pipes: cuts bytes of any segmentation into frames without losing one of them, and
 * writes frames in the three forms. Command line tools feed it. */
#include <string.h>

#include "simulcrypt/dab.h"

enum {
    HEAD_SIZE = 4,   /* the count of a framed file */
    LENGTH_SIZE = 2, /* the size in front of a frame */
    LOOK_SIZE = 8,   /* of a frame: up to FL */
    FRONT_SIZE = HEAD_SIZE + LENGTH_SIZE + LOOK_SIZE,
    SYNC_SIZE = 4, /* error level and synchronisation word */
};

const char *simc_eti_form_name(enum simc_eti_form form)
{
    static const char *const names[] = {"unknown", "raw", "streamed", "framed"};
    size_t row = (size_t)form;
    return names[row < sizeof names / sizeof names[0] ? row : 0];
}

void simc_eti_reader_init(struct simc_eti_reader *reader)
{
    memset(reader, 0, offsetof(struct simc_eti_reader, held));
}

void simc_eti_reader_feed(struct simc_eti_reader *reader, uint8_t *bytes, size_t size)
{
    reader->input = bytes;
    reader->input_size = size;
    reader->input_at = 0;
}

void simc_eti_reader_end(struct simc_eti_reader *reader)
{
    reader->ended = true;
}

/* ---- what stands at a place ---- */

static bool is_sync(const struct simc_eti_reader *reader, const uint8_t *bytes)
{
    return (bytes[0] == 0xff || reader->tolerant) &&
           ((bytes[1] == 0x07 && bytes[2] == 0x3a && bytes[3] == 0xb6) ||
            (bytes[1] == 0xf8 && bytes[2] == 0xc5 && bytes[3] == 0x49));
}

/* Sizes and counts of files are little-endian, unlike all else. */
static size_t get_length(const uint8_t *bytes)
{
    return (size_t)bytes[1] << 8 | bytes[0];
}

/* Bytes that the frame claims to have, from LOOK_SIZE of them. */
static size_t claimed_size(const uint8_t *frame)
{
    return SIMC_ETI_SIZE_MIN + 4 * ((frame[6] & 7u) << 8 | frame[7]);
}

enum verdict { NO, YES, MORE };

struct view {
    uint8_t *bytes;
    size_t size;
    size_t wanted; /* how many it takes to go on, after MORE */
};

static enum verdict more(struct view *view, size_t wanted)
{
    view->wanted = wanted;
    return MORE;
}

/* Whether a frame starts at an offset where nobody promised one: stricter than in its place. A raw
 * frame must be followed by another, unless the stream ends before. */
static enum verdict match(const struct simc_eti_reader *reader, struct view *view, size_t at)
{
    bool has_length = reader->form == SIMC_ETI_STREAMED || reader->form == SIMC_ETI_FRAMED;
    size_t front = has_length ? LENGTH_SIZE : 0, left = view->size - at;
    const uint8_t *bytes = view->bytes + at;
    if (left < front + LOOK_SIZE)
        return reader->ended ? NO : more(view, at + front + LOOK_SIZE);
    if (!is_sync(reader, bytes + front) || claimed_size(bytes + front) > SIMC_ETI_SIZE)
        return NO;
    if (has_length)
        return get_length(bytes) >= claimed_size(bytes + front) &&
                       get_length(bytes) <= SIMC_ETI_SIZE
                   ? YES
                   : NO;
    if (left < SIMC_ETI_SIZE + SYNC_SIZE) {
        if (reader->ended)
            return left >= claimed_size(bytes) ? YES : NO;
        return more(view, at + SIMC_ETI_SIZE + SYNC_SIZE);
    }
    return is_sync(reader, bytes + SIMC_ETI_SIZE) ? YES : NO;
}

/* The form of a stream by where its first synchronisation word is. */
static enum verdict detect(struct simc_eti_reader *reader, struct view *view)
{
    static const struct {
        size_t at;
        enum simc_eti_form form;
    } rows[] = {
        {0, SIMC_ETI_RAW},
        {LENGTH_SIZE, SIMC_ETI_STREAMED},
        {HEAD_SIZE + LENGTH_SIZE, SIMC_ETI_FRAMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (view->size < rows[i].at + SYNC_SIZE)
            return reader->ended ? NO : more(view, FRONT_SIZE);
        if (is_sync(reader, view->bytes + rows[i].at)) {
            reader->form = rows[i].form;
            return YES;
        }
    }
    return NO;
}

/* ---- the pieces ---- */

static enum verdict piece_of(struct simc_eti_piece *piece, enum simc_eti_piece_kind kind,
                             const struct view *view, size_t size, size_t front)
{
    bool is_frame = kind == SIMC_ETI_FRAME;
    *piece = (struct simc_eti_piece){kind, view->bytes, size, is_frame ? view->bytes + front : NULL,
                                     is_frame ? size - front : 0};
    return YES;
}

/* Looks for the first frame. What is in front of it is a piece of its own. */
static enum verdict hunt(struct simc_eti_reader *reader, struct view *view,
                         struct simc_eti_piece *piece)
{
    if (reader->form == SIMC_ETI_UNKNOWN) {
        enum verdict verdict = detect(reader, view);
        if (verdict == MORE)
            return MORE;
        if (verdict == YES) {
            reader->locked = true;
            if (reader->form != SIMC_ETI_FRAMED)
                return NO;
            reader->declared =
                (uint32_t)(get_length(view->bytes) | get_length(view->bytes + 2) << 16);
            return piece_of(piece, SIMC_ETI_HEAD, view, HEAD_SIZE, 0);
        }
        reader->form = SIMC_ETI_RAW; /* garbage in front: only raw frames can be found behind it */
    }
    enum verdict verdict = NO;
    size_t at = 0;
    while (at < view->size) {
        verdict = match(reader, view, at);
        if (verdict != NO)
            break;
        at++;
    }
    if (at == 0 && verdict == YES) {
        reader->locked = true;
        return NO;
    }
    if (at == 0)
        return verdict == MORE ? MORE : more(view, 1);
    reader->skipped += at;
    return piece_of(piece, SIMC_ETI_SKIP, view, at, 0);
}

/* A frame in its place whose word or size is damaged is believed if the stream goes on behind it as
 * it should. */
static enum verdict confirm(const struct simc_eti_reader *reader, struct view *view, size_t front,
                            size_t size)
{
    size_t next = front + size;
    if (size < SIMC_ETI_SIZE_MIN || size > SIMC_ETI_SIZE)
        return NO;
    if (view->size >= next + front + SYNC_SIZE)
        return is_sync(reader, view->bytes + next + front) ? YES : NO;
    if (!reader->ended)
        return more(view, next + front + SYNC_SIZE);
    return view->size == next ? YES : NO;
}

/* The frame at its place. NO: it is not where it should be. */
static enum verdict take(struct simc_eti_reader *reader, struct view *view,
                         struct simc_eti_piece *piece)
{
    size_t front = reader->form == SIMC_ETI_RAW ? 0 : LENGTH_SIZE, size = SIMC_ETI_SIZE;
    bool has_look = view->size >= front + LOOK_SIZE;
    if (!has_look && !reader->ended)
        return more(view, front + LOOK_SIZE);
    if (has_look) {
        const uint8_t *frame = view->bytes + front;
        if (front)
            size = get_length(view->bytes);
        if (!is_sync(reader, frame) || size > SIMC_ETI_SIZE ||
            (front && size < claimed_size(frame))) {
            enum verdict verdict = confirm(reader, view, front, size);
            if (verdict != YES)
                return verdict;
        }
    }
    if (view->size < front + size) {
        if (!reader->ended)
            return more(view, front + size);
        reader->truncated++;
        return piece_of(piece, SIMC_ETI_TAIL, view, view->size, 0);
    }
    reader->frames++;
    return piece_of(piece, SIMC_ETI_FRAME, view, front + size, front);
}

static enum verdict step(struct simc_eti_reader *reader, struct view *view,
                         struct simc_eti_piece *piece)
{
    for (;;) {
        enum verdict verdict;
        if (reader->locked) {
            verdict = take(reader, view, piece);
            if (verdict != NO)
                return verdict;
            reader->locked = false;
            reader->losses++;
        }
        verdict = hunt(reader, view, piece);
        if (verdict != NO)
            return verdict;
    }
}

/* Moves input behind what is held until `wanted` bytes are there. */
static void fill_held(struct simc_eti_reader *reader, size_t wanted)
{
    if (reader->held_at) {
        memmove(reader->held, reader->held + reader->held_at, reader->held_size - reader->held_at);
        reader->held_size -= reader->held_at;
        reader->held_at = 0;
    }
    size_t left = reader->input_size - reader->input_at;
    if (wanted > SIMC_ETI_HELD_SIZE)
        wanted = SIMC_ETI_HELD_SIZE;
    if (reader->held_size < wanted && left) {
        size_t size = wanted - reader->held_size < left ? wanted - reader->held_size : left;
        memcpy(reader->held + reader->held_size, reader->input + reader->input_at, size);
        reader->held_size += size;
        reader->input_at += size;
    }
}

int simc_eti_reader_next(struct simc_eti_reader *reader, struct simc_eti_piece *piece)
{
    for (;;) {
        bool is_held = reader->held_at < reader->held_size;
        struct view view = {.bytes = reader->held + reader->held_at,
                            .size = reader->held_size - reader->held_at};
        if (!is_held) {
            view.size = reader->input_size - reader->input_at;
            view.bytes = view.size ? reader->input + reader->input_at : NULL;
        }
        if (!view.size)
            return reader->ended ? SIMC_EEND : SIMC_EAGAIN;
        if (step(reader, &view, piece) == YES) {
            if (is_held)
                reader->held_at += piece->size;
            else
                reader->input_at += piece->size;
            return 0;
        }
        size_t before = view.size;
        fill_held(reader, view.wanted);
        if (is_held && reader->held_size == before)
            return SIMC_EAGAIN; /* the input is used up */
    }
}

/* ---- writing ---- */

void simc_eti_put_head(struct simc_writer *out, enum simc_eti_form form, uint32_t frames)
{
    for (unsigned shift = 0; form == SIMC_ETI_FRAMED && shift < 32; shift += 8)
        simc_writer_u8(out, (uint8_t)(frames >> shift));
}

int simc_eti_put_frame(struct simc_writer *out, enum simc_eti_form form, struct simc_slice bytes,
                       const struct simc_eti_frame *frame)
{
    struct simc_slice content = simc_slice(bytes.data, frame->size);
    if (form == SIMC_ETI_UNKNOWN || frame->size < SIMC_ETI_SIZE_MIN || bytes.size < frame->size)
        return SIMC_EINVAL;
    if (form != SIMC_ETI_RAW) {
        simc_writer_u8(out, (uint8_t)frame->size);
        simc_writer_u8(out, (uint8_t)(frame->size >> 8));
        simc_writer_slice(out, content);
        return out->error;
    }
    simc_writer_slice(out, content);
    uint8_t *padding = simc_writer_room(out, SIMC_ETI_SIZE - (size_t)frame->size);
    if (padding)
        memset(padding, SIMC_ETI_PADDING, SIMC_ETI_SIZE - (size_t)frame->size);
    return out->error;
}
