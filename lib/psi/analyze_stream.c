/* SPDX-License-Identifier: BSL-1.0 */
/* The analyser's reading of elementary streams, as far as their buffers need it: PES headers,
 * where pictures and audio frames begin, and the headers that tell profile and level.
 * analyze_buffer.c gives it packets. [13818-1 2.4.3.6, 13818-2 6.2, 14496-10 B.1, 23008-2 B.2] */
#include <string.h>

#include "psi/analyze_internal.h"

/* What start codes mean: a code is masked and shifted before it is compared. */
static const struct {
    uint8_t shift, mask;
    uint8_t picture; /* a picture begins, or the delimiter in front of it */
    uint8_t header;  /* tells profile and level */
    bool keeps_code; /* the code is part of the header */
    int (*read)(struct simc_slice bytes, struct simc__codec *codec);
} syntax_rows[] = {
    [SIMC__CODEC_MPEG_VIDEO] = {0, 0xff, 0x00, 0xb3, false, simc__codec_mpeg_video},
    [SIMC__CODEC_AVC] = {0, 0x1f, 9, 7, true, simc__codec_avc},
    [SIMC__CODEC_HEVC] = {1, 0x3f, 35, 33, true, simc__codec_hevc},
};

static bool is_video(const struct simc__es *es)
{
    return es->kind >= SIMC__CODEC_MPEG_VIDEO && es->kind <= SIMC__CODEC_HEVC;
}

static void stop(struct simc__analyzer *analyzer, struct simc__es *es, uint16_t pid,
                 enum simc__blind blind)
{
    es->blind = blind;
    simc__buffer_record(analyzer, pid, SIMC__STD_STOP, 0);
}

/* ---- video ---- */

static bool same_sizes(const struct simc__std_sizes *a, const struct simc__std_sizes *b)
{
    return a->transport_bps == b->transport_bps && a->leak_bps == b->leak_bps &&
           a->multiplex == b->multiplex && a->elementary == b->elementary;
}

/* A header is there, as far as it is kept. Another size of buffers makes others of them. */
static void end_header(struct simc__analyzer *analyzer, struct simc__es *es, uint16_t pid)
{
    struct simc__codec codec;
    struct simc_slice bytes = simc_slice(es->header, es->collected);
    es->wanted = 0;
    int result = syntax_rows[es->kind].read(bytes, &codec);
    if (result == SIMC_EPROTO)
        return;
    bool known = result == 0;
    if (es->known && !(known && same_sizes(&codec.sizes, &es->codec.sizes)))
        simc__buffer_record(analyzer, pid, SIMC__STD_STOP, 0);
    es->codec = codec;
    es->known = known;
    if (!known)
        es->blind = SIMC__BLIND_NO_SIZES;
    else if (es->blind == SIMC__BLIND_NO_SIZES || es->blind == SIMC__BLIND_NO_HEADER)
        es->blind = SIMC__BLIND_NOT;
}

static void take_code(struct simc__analyzer *analyzer, struct simc__es *es, uint16_t pid,
                      uint8_t code)
{
    unsigned value = (unsigned)code >> syntax_rows[es->kind].shift & syntax_rows[es->kind].mask;
    if (value == syntax_rows[es->kind].picture && ++es->pictures == 2)
        /* Only the first picture of a PES packet has a time of its own. */
        simc__buffer_record(analyzer, pid, SIMC__STD_FORGIVE, 0);
    if (value != syntax_rows[es->kind].header || es->wanted)
        return;
    es->wanted = SIMC__ES_HEADER_MAX;
    es->collected = 0;
    if (syntax_rows[es->kind].keeps_code)
        es->header[es->collected++] = code;
}

static void collect(struct simc__analyzer *analyzer, struct simc__es *es, uint16_t pid,
                    struct simc_slice bytes)
{
    size_t room = es->wanted - es->collected;
    size_t size = bytes.size < room ? bytes.size : room;
    if (size)
        memcpy(es->header + es->collected, bytes.data, size);
    es->collected += (unsigned)size;
    if (es->collected == es->wanted)
        end_header(analyzer, es, pid);
}

/* Finds start codes, also those that packets cut in two. */
static void scan(struct simc__analyzer *analyzer, struct simc__es *es, uint16_t pid,
                 struct simc_slice bytes)
{
    const uint8_t *data = bytes.data, *one;
    size_t at = 0, collect_at = 0;
    if (es->code_next) {
        es->code_next = false;
        if (!es->wanted)
            collect_at = 1;
        take_code(analyzer, es, pid, data[0]);
    }
    for (; at < bytes.size && (one = memchr(data + at, 1, bytes.size - at)); at++) {
        at = (size_t)(one - data);
        uint8_t before = at >= 1 ? data[at - 1] : es->tail[1];
        uint8_t ahead = at >= 2 ? data[at - 2] : es->tail[at];
        if (before || ahead)
            continue;
        if (at + 1 == bytes.size) {
            es->code_next = true;
            break;
        }
        if (!es->wanted)
            collect_at = at + 2;
        take_code(analyzer, es, pid, data[at + 1]);
    }
    if (es->wanted)
        collect(analyzer, es, pid, simc_slice(data + collect_at, bytes.size - collect_at));
    if (bytes.size >= 2)
        es->tail[0] = data[bytes.size - 2];
    else
        es->tail[0] = es->tail[1];
    es->tail[1] = data[bytes.size - 1];
}

/* The start of a PES packet of video: it must be that of a picture, or nothing is known of when
 * its first bytes are decoded. */
static void begin_picture(struct simc__analyzer *analyzer, struct simc__es *es, uint16_t pid,
                          struct simc_slice bytes)
{
    if (es->wanted)
        end_header(analyzer, es, pid); /* what is there must do */
    es->pictures = 0;
    es->code_next = false;
    es->tail[0] = es->tail[1] = 0xff;
    if (bytes.size >= 4 && (bytes.data[0] || bytes.data[1] || bytes.data[2] > 1)) {
        stop(analyzer, es, pid, SIMC__BLIND_NO_ALIGNMENT);
        return;
    }
    if (es->blind == SIMC__BLIND_NO_ALIGNMENT || es->blind == SIMC__BLIND_SCRAMBLED)
        es->blind = SIMC__BLIND_NOT;
    if (es->has_stamp) {
        simc__buffer_unit(analyzer, pid, 0, es->stamp_27mhz, !es->codec.low_delay);
        if (es->blind == SIMC__BLIND_NO_STAMPS || es->blind == SIMC__BLIND_NO_PES)
            es->blind = SIMC__BLIND_NOT;
    } else {
        simc__buffer_record(analyzer, pid, SIMC__STD_FORGIVE, 0);
        if (!es->std.packets)
            es->blind = SIMC__BLIND_NO_STAMPS;
    }
    if (!es->known && es->blind == SIMC__BLIND_NOT)
        es->blind = SIMC__BLIND_NO_HEADER;
}

/* ---- audio ---- */

static void begin_frame(struct simc__analyzer *analyzer, struct simc__es *es, uint16_t pid,
                        unsigned offset, const struct simc__audio_frame *frame)
{
    if (es->known && !same_sizes(&frame->sizes, &es->codec.sizes))
        simc__buffer_record(analyzer, pid, SIMC__STD_STOP, 0);
    es->codec.sizes = frame->sizes;
    es->known = true;
    es->frame_left = frame->size - SIMC__AUDIO_HEADER;
    if (!es->has_stamp)
        return;
    es->blind = SIMC__BLIND_NOT;
    simc__buffer_unit(analyzer, pid, offset, es->stamp_27mhz, true);
    es->stamp_27mhz = simc_pcr_add(es->stamp_27mhz, frame->duration_27mhz);
}

/* From frame to frame by their sizes. */
static void walk(struct simc__analyzer *analyzer, struct simc__es *es, uint16_t pid,
                 struct simc_slice bytes)
{
    unsigned at = 0, size = (unsigned)bytes.size, frame_at = 0;
    while (at < size && es->synced) {
        struct simc__audio_frame frame;
        if (es->frame_left) {
            unsigned step = size - at < es->frame_left ? size - at : es->frame_left;
            es->frame_left -= step;
            at += step;
            continue;
        }
        if (es->collected == 0)
            frame_at = at;
        es->header[es->collected++] = bytes.data[at++];
        if (es->collected < SIMC__AUDIO_HEADER)
            continue;
        es->collected = 0;
        if (simc__audio_frame_read(es->kind, es->header, &frame) == 0) {
            begin_frame(analyzer, es, pid, frame_at, &frame);
        } else {
            es->synced = false;
            stop(analyzer, es, pid, SIMC__BLIND_NO_FRAMES);
        }
        frame_at = at;
    }
}

static void begin_sound(struct simc__es *es, bool stamped)
{
    if (!es->synced) {
        /* A frame that is cut somewhere: the next PES packet begins with one, or there is none. */
        es->synced = true;
        es->frame_left = es->collected = 0;
    }
    if (!es->has_stamp && !stamped)
        es->blind = SIMC__BLIND_NO_STAMPS;
}

/* ---- PES packets ---- */

/* A PES header. @return false: this is none that can be read. */
static bool read_header(struct simc__es *es, const uint8_t *p, size_t size, bool *stamped,
                        bool *scrambled)
{
    enum { PES_HEADER = 9, STAMP = 5, TRICK_MODE = 0x08 };
    uint64_t pts, dts;
    if (size < PES_HEADER || p[0] || p[1] || p[2] != 1 || (p[6] & 0xc0) != 0x80)
        return false;
    *scrambled = p[6] & 0x30;
    es->header_left = PES_HEADER + p[8];
    *stamped = (p[7] & 0x80) && !(p[7] & TRICK_MODE) && size >= PES_HEADER + STAMP &&
               simc__pes_stamp(p + PES_HEADER, &pts);
    if (!*stamped)
        return true;
    bool has_dts = (p[7] & 0x40) && size >= PES_HEADER + 2 * STAMP &&
                   simc__pes_stamp(p + PES_HEADER + STAMP, &dts);
    es->stamp_27mhz = (has_dts ? dts : pts) * 300;
    return true;
}

/* @return what of the payload belongs to the elementary stream. */
static struct simc_slice read_pes(struct simc__analyzer *analyzer, struct simc__es *es,
                                  uint16_t pid, const uint8_t *packet, bool *begins)
{
    struct simc_slice payload = simc_ts_payload(packet), nothing = simc_slice(NULL, 0);
    bool stamped = false, scrambled = simc_ts_tsc(packet) != SIMC_TSC_CLEAR;
    bool video = is_video(es);
    *begins = !scrambled && simc_ts_unit_start(packet);
    if (*begins && !read_header(es, payload.data, payload.size, &stamped, &scrambled)) {
        es->in_pes = false;
        stop(analyzer, es, pid, SIMC__BLIND_NO_PES);
    } else if (*begins && !scrambled) {
        es->in_pes = true;
        if (!video)
            begin_sound(es, stamped);
        /* Sound goes on by the durations of its frames. */
        es->has_stamp = stamped || (!video && es->has_stamp);
    }
    if (scrambled && payload.size) {
        es->in_pes = es->synced = es->has_stamp = false;
        if (es->blind != SIMC__BLIND_SCRAMBLED)
            stop(analyzer, es, pid, SIMC__BLIND_SCRAMBLED);
    }
    if (!es->in_pes)
        return nothing;
    size_t skipped = es->header_left < payload.size ? es->header_left : payload.size;
    es->header_left -= (unsigned)skipped;
    return simc_slice(payload.data + skipped, payload.size - skipped);
}

void simc__es_packet(struct simc__analyzer *analyzer, struct simc__es *es, uint16_t pid,
                     const uint8_t *packet, bool duplicate)
{
    bool begins = false;
    struct simc_slice bytes = simc_slice(NULL, 0);
    if (!duplicate && simc_ts_payload_at(packet) < SIMC_TS_SIZE)
        bytes = read_pes(analyzer, es, pid, packet, &begins);
    if (is_video(es)) {
        if (begins && es->in_pes)
            begin_picture(analyzer, es, pid, bytes);
        if (bytes.size)
            scan(analyzer, es, pid, bytes);
    } else {
        walk(analyzer, es, pid, bytes);
    }
    simc__buffer_record(analyzer, pid, SIMC__STD_PACKET, (unsigned)bytes.size);
}
