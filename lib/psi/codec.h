/* SPDX-License-Identifier: BSL-1.0 */
/* What the headers of elementary streams say about the buffers that a decoder needs for them.
 * analyze_stream.c finds the headers and calls this. */
#ifndef SIMC__PSI_CODEC_H
#define SIMC__PSI_CODEC_H

#include "psi/tstd.h"

enum simc__codec_kind {
    SIMC__CODEC_NONE,
    SIMC__CODEC_MPEG_VIDEO, /* MPEG-1 and MPEG-2 */
    SIMC__CODEC_AVC,
    SIMC__CODEC_HEVC,
    SIMC__CODEC_MPEG_AUDIO, /* layers 1 to 3 */
    SIMC__CODEC_AAC,        /* in ADTS */
};

/* The codec of a stream_type; SIMC__CODEC_NONE: one that this cannot read. */
enum simc__codec_kind simc__codec_of(uint8_t stream_type);

/* What a video stream needs. */
struct simc__codec {
    unsigned profile, level; /* as in the stream; MPEG-2: the byte with both, in `profile` */
    bool low_delay;          /* a picture may be incomplete when its time comes */
    struct simc__std_sizes sizes;
};

/* Reads a sequence header, from the byte behind its start code on, and the extension behind it.
 * @return 0; SIMC_EPROTO: cut short or wrong; SIMC_ENOTFOUND: no sizes are defined for it. */
int simc__codec_mpeg_video(struct simc_slice bytes, struct simc__codec *codec) SIMC_MUST_CHECK;
/* Reads a sequence parameter set, from its NAL unit header on. @return as above. */
int simc__codec_avc(struct simc_slice bytes, struct simc__codec *codec) SIMC_MUST_CHECK;
int simc__codec_hevc(struct simc_slice bytes, struct simc__codec *codec) SIMC_MUST_CHECK;

enum { SIMC__AUDIO_HEADER = 7 };

struct simc__audio_frame {
    unsigned size;           /* bytes with the header, at least SIMC__AUDIO_HEADER */
    unsigned duration_27mhz; /* ticks */
    struct simc__std_sizes sizes;
};

/* Reads the header of an audio frame. @return 0, or SIMC_EPROTO: there is none. */
int simc__audio_frame_read(enum simc__codec_kind kind, const uint8_t header[SIMC__AUDIO_HEADER],
                           struct simc__audio_frame *frame) SIMC_MUST_CHECK;

#endif
