/* SPDX-License-Identifier: BSL-1.0 */
/* Profiles and levels of video to the sizes and rates of decoder buffers, as rows; sequence headers
 * and sequence parameter sets; see codec.h for who calls it.
 * [13818-1 2.4.2.3, 2.14.3, 2.17; 13818-2 8; 14496-10 A.3, E.1; 23008-2 A.4] */
#include <string.h>

#include "psi/bits.h"
#include "psi/codec.h"
#include "simulcrypt/psi.h"

enum { KILO = 1000, SCALING_LISTS_MAX = 12, CPBS_MAX = 32 };

enum simc__codec_kind simc__codec_of(uint8_t stream_type)
{
    static const struct {
        uint8_t type, kind;
    } rows[] = {
        {0x01, SIMC__CODEC_MPEG_VIDEO}, {0x02, SIMC__CODEC_MPEG_VIDEO},
        {0x03, SIMC__CODEC_MPEG_AUDIO}, {0x04, SIMC__CODEC_MPEG_AUDIO},
        {0x0f, SIMC__CODEC_AAC},        {0x1b, SIMC__CODEC_AVC},
        {0x24, SIMC__CODEC_HEVC},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].type == stream_type)
            return (enum simc__codec_kind)rows[i].kind;
    }
    return SIMC__CODEC_NONE;
}

/* MB holds what differs in time of arrival (4 ms at the highest rate), the headers of PES packets
 * (1/750 s of it), and what a buffer smaller than the largest leaves over. */
static void set_sizes(struct simc__std_sizes *sizes, uint64_t rate_bps, uint64_t largest_bits,
                      uint64_t elementary_bits)
{
    uint64_t spare = largest_bits > elementary_bits ? largest_bits - elementary_bits : 0;
    sizes->multiplex = (uint32_t)((rate_bps / 250 + rate_bps / 750 + spare) / 8);
    sizes->elementary = (uint32_t)(elementary_bits / 8);
}

/* ---- MPEG-1 and MPEG-2 video ---- */

/* profile_and_level_indication, bits per second and bits of VBV at most, in thousands and whole.
 * The lower levels let MB have what VBV does not use. */
static const struct {
    uint8_t code;
    bool lower;
    uint32_t rate_kbps, vbv_bits;
} mpeg_rows[] = {
    {0x58, true, 15000, 1835008},    {0x4a, true, 4000, 475136},      {0x48, true, 15000, 1835008},
    {0x46, false, 60000, 7340032},   {0x44, false, 80000, 9781248},   {0x18, true, 20000, 2441216},
    {0x16, false, 80000, 9781248},   {0x14, false, 100000, 12222464}, {0x85, true, 50000, 9437184},
    {0x82, false, 300000, 47185920},
};

/* An MPEG-1 stream with constrained parameters. */
enum { MPEG1_RATE = 1856000, MPEG1_VBV = 20 * 16384 };

static int size_mpeg1(struct simc__codec *codec, bool constrained, uint64_t vbv_bits)
{
    if (!constrained)
        return SIMC_ENOTFOUND;
    set_sizes(&codec->sizes, MPEG1_RATE, MPEG1_VBV, vbv_bits);
    codec->sizes.transport_bps = codec->sizes.leak_bps = (uint64_t)MPEG1_RATE * 12 / 10;
    return 0;
}

static int size_mpeg2(struct simc__codec *codec, uint64_t rate_bps, uint64_t vbv_bits)
{
    for (size_t i = 0; i < sizeof mpeg_rows / sizeof mpeg_rows[0]; i++) {
        if (mpeg_rows[i].code != codec->profile)
            continue;
        uint64_t largest_bps = (uint64_t)mpeg_rows[i].rate_kbps * KILO;
        uint64_t largest_bits = mpeg_rows[i].lower ? mpeg_rows[i].vbv_bits : 0;
        set_sizes(&codec->sizes, largest_bps, largest_bits, vbv_bits);
        codec->sizes.transport_bps = largest_bps * 12 / 10;
        uint64_t leak_bps = mpeg_rows[i].lower ? largest_bps : rate_bps * 105 / 100;
        codec->sizes.leak_bps = leak_bps < largest_bps ? leak_bps : largest_bps;
        return 0;
    }
    return SIMC_ENOTFOUND;
}

/* The sequence extension, with the bits that its fields add to those of the header. */
static bool find_extension(struct simc_slice bytes, struct simc__bits *extension)
{
    for (size_t at = 0; at + 4 < bytes.size; at++) {
        const uint8_t *p = bytes.data + at;
        if (p[0] || p[1] || p[2] != 1)
            continue;
        *extension = simc__bits(simc_slice(p + 4, bytes.size - at - 4), false);
        return p[3] == 0xb5 && simc__bits_get(extension, 4) == 1;
    }
    return false;
}

int simc__codec_mpeg_video(struct simc_slice bytes, struct simc__codec *codec)
{
    enum { UNIT_BPS = 400, UNIT_VBV = 16384, SIZES_AND_RATES = 32, VARIABLE = 0x3ffff };
    struct simc__bits header = simc__bits(bytes, false), extension;
    memset(codec, 0, sizeof *codec);
    simc__bits_skip(&header, SIZES_AND_RATES);
    uint64_t rate = simc__bits_get(&header, 18);
    simc__bits_skip(&header, 1);
    uint64_t vbv = simc__bits_get(&header, 10);
    bool constrained = simc__bits_get(&header, 1);
    if (header.ended || !rate || !vbv)
        return SIMC_EPROTO;
    if (!find_extension(bytes, &extension))
        return size_mpeg1(codec, constrained && rate != VARIABLE, vbv * UNIT_VBV);
    codec->profile = simc__bits_get(&extension, 8);
    simc__bits_skip(&extension, 7); /* progressive_sequence, chroma_format, high bits of sizes */
    rate |= (uint64_t)simc__bits_get(&extension, 12) << 18;
    simc__bits_skip(&extension, 1);
    vbv |= (uint64_t)simc__bits_get(&extension, 8) << 10;
    codec->low_delay = simc__bits_get(&extension, 1);
    if (extension.ended)
        return SIMC_EPROTO;
    return size_mpeg2(codec, rate * UNIT_BPS, vbv * UNIT_VBV);
}

/* ---- H.264 ---- */

/* level_idc, MaxBR and MaxCPB in units of the factor of the profile; 9 is level 1b. */
static const struct {
    uint8_t level;
    uint32_t rate, cpb;
} avc_rows[] = {
    {9, 128, 350},        {10, 64, 175},        {11, 192, 500},       {12, 384, 1000},
    {13, 768, 2000},      {20, 2000, 2000},     {21, 4000, 4000},     {22, 4000, 4000},
    {30, 10000, 10000},   {31, 14000, 14000},   {32, 20000, 20000},   {40, 20000, 25000},
    {41, 50000, 62500},   {42, 50000, 62500},   {50, 135000, 135000}, {51, 240000, 240000},
    {52, 240000, 240000}, {60, 240000, 240000}, {61, 480000, 480000}, {62, 800000, 800000},
};

/* profile_idc and cpbBrNalFactor. */
static const struct {
    uint8_t profile;
    uint16_t factor;
} avc_profiles[] = {
    {66, 1200},  {77, 1200},  {88, 1200},  {100, 1500}, {118, 1500},
    {128, 1500}, {110, 3600}, {122, 4800}, {244, 4800}, {44, 4800},
};

static bool avc_has_chroma(unsigned profile)
{
    static const uint8_t profiles[] = {100, 110, 122, 244, 44,  83, 86,
                                       118, 128, 138, 139, 134, 135};
    return memchr(profiles, (int)profile, sizeof profiles) != NULL;
}

static void skip_scaling_list(struct simc__bits *bits, unsigned size)
{
    uint32_t last = 8, next = 8;
    for (unsigned i = 0; i < size && next && !bits->ended; i++) {
        uint32_t code = simc__bits_golomb(bits); /* se(v) */
        uint32_t delta = code & 1 ? (code + 1) / 2 : UINT32_C(0) - code / 2;
        next = (last + delta) & 0xff;
        last = next ? next : last;
    }
}

static void skip_chroma(struct simc__bits *bits)
{
    uint32_t format = simc__bits_golomb(bits);
    if (format == 3)
        simc__bits_skip(bits, 1); /* separate_colour_plane_flag */
    simc__bits_golomb(bits);
    simc__bits_golomb(bits);
    simc__bits_skip(bits, 1); /* qpprime_y_zero_transform_bypass_flag */
    if (!simc__bits_get(bits, 1))
        return;
    unsigned lists = format == 3 ? SCALING_LISTS_MAX : 8;
    for (unsigned i = 0; i < lists && !bits->ended; i++) {
        if (simc__bits_get(bits, 1))
            skip_scaling_list(bits, i < 6 ? 16 : 64);
    }
}

static void skip_picture_order(struct simc__bits *bits)
{
    uint32_t type = simc__bits_golomb(bits);
    if (type == 0)
        simc__bits_golomb(bits);
    if (type != 1)
        return;
    simc__bits_skip(bits, 1);
    simc__bits_golomb(bits);
    simc__bits_golomb(bits);
    for (uint32_t count = simc__bits_golomb(bits); count && !bits->ended; count--)
        simc__bits_golomb(bits);
}

/* Up to the flag that says whether VUI parameters follow. */
static bool skip_to_vui(struct simc__bits *bits, unsigned profile)
{
    simc__bits_golomb(bits); /* seq_parameter_set_id */
    if (avc_has_chroma(profile))
        skip_chroma(bits);
    simc__bits_golomb(bits); /* log2_max_frame_num_minus4 */
    skip_picture_order(bits);
    simc__bits_golomb(bits); /* max_num_ref_frames */
    simc__bits_skip(bits, 1);
    simc__bits_golomb(bits); /* width, height */
    simc__bits_golomb(bits);
    if (!simc__bits_get(bits, 1)) /* frame_mbs_only_flag */
        simc__bits_skip(bits, 1);
    simc__bits_skip(bits, 1);
    if (simc__bits_get(bits, 1)) { /* frame_cropping_flag */
        for (int i = 0; i < 4; i++)
            simc__bits_golomb(bits);
    }
    return simc__bits_get(bits, 1) && !bits->ended;
}

/* Up to the flag of the HRD parameters for NAL units. */
static void skip_to_hrd(struct simc__bits *bits)
{
    enum { EXTENDED_SAR = 255 };
    if (simc__bits_get(bits, 1) && simc__bits_get(bits, 8) == EXTENDED_SAR)
        simc__bits_skip(bits, 32);
    if (simc__bits_get(bits, 1)) /* overscan_info_present_flag */
        simc__bits_skip(bits, 1);
    if (simc__bits_get(bits, 1)) { /* video_signal_type_present_flag */
        simc__bits_skip(bits, 4);
        if (simc__bits_get(bits, 1))
            simc__bits_skip(bits, 24);
    }
    if (simc__bits_get(bits, 1)) { /* chroma_loc_info_present_flag */
        simc__bits_golomb(bits);
        simc__bits_golomb(bits);
    }
    if (simc__bits_get(bits, 1)) /* timing_info_present_flag */
        simc__bits_skip(bits, 65);
}

/* hrd_parameters(). @return the size of the last coded picture buffer in bits; 0: it is broken. */
static uint64_t read_hrd(struct simc__bits *bits)
{
    uint64_t size = 0;
    uint32_t count = simc__bits_golomb(bits) + 1;
    simc__bits_skip(bits, 4);
    unsigned scale = simc__bits_get(bits, 4);
    for (uint32_t i = 0; i < count && i < CPBS_MAX && !bits->ended; i++) {
        simc__bits_golomb(bits);
        size = ((uint64_t)simc__bits_golomb(bits) + 1) << (4 + scale);
        simc__bits_skip(bits, 1);
    }
    simc__bits_skip(bits, 20);
    return bits->ended || count > CPBS_MAX ? 0 : size;
}

/* What the stream itself says about its buffer, if it does. */
static void read_avc_buffer(struct simc__bits *bits, struct simc__codec *codec, uint64_t *cpb_bits)
{
    if (!skip_to_vui(bits, codec->profile))
        return;
    skip_to_hrd(bits);
    bool has_nal = simc__bits_get(bits, 1);
    uint64_t size = has_nal ? read_hrd(bits) : 0;
    bool has_vcl = simc__bits_get(bits, 1);
    if (has_vcl && !read_hrd(bits))
        return;
    bool low_delay = (has_nal || has_vcl) && simc__bits_get(bits, 1);
    if (bits->ended)
        return;
    codec->low_delay = low_delay;
    if (size && size < *cpb_bits)
        *cpb_bits = size;
}

static uint64_t at_least(uint64_t value, uint64_t least)
{
    return value > least ? value : least;
}

int simc__codec_avc(struct simc_slice bytes, struct simc__codec *codec)
{
    enum { SMALLEST_RATE = 2000000 };
    struct simc__bits bits = simc__bits(bytes, true);
    uint64_t factor = 0;
    memset(codec, 0, sizeof *codec);
    simc__bits_skip(&bits, 8);
    codec->profile = simc__bits_get(&bits, 8);
    unsigned flags = simc__bits_get(&bits, 8);
    codec->level = simc__bits_get(&bits, 8);
    if (bits.ended)
        return SIMC_EPROTO;
    for (size_t i = 0; i < sizeof avc_profiles / sizeof avc_profiles[0]; i++) {
        if (avc_profiles[i].profile == codec->profile)
            factor = avc_profiles[i].factor;
    }
    /* constraint_set3_flag makes level 1b of 1.1 in the older profiles. */
    if (codec->level == 11 && (flags & 0x10) && factor == 1200)
        codec->level = 9;
    for (size_t i = 0; i < sizeof avc_rows / sizeof avc_rows[0] && factor; i++) {
        if (avc_rows[i].level != codec->level)
            continue;
        uint64_t rate_bps = avc_rows[i].rate * factor;
        uint64_t largest_bits = avc_rows[i].cpb * factor, cpb_bits = largest_bits;
        read_avc_buffer(&bits, codec, &cpb_bits);
        set_sizes(&codec->sizes, at_least(rate_bps, SMALLEST_RATE), largest_bits, cpb_bits);
        codec->sizes.transport_bps = codec->sizes.leak_bps = rate_bps;
        return 0;
    }
    return SIMC_ENOTFOUND;
}

/* ---- HEVC ---- */

/* general_level_idc, MaxBR of the main and high tiers, MaxCPB where it differs from them. */
static const struct {
    uint8_t level;
    uint32_t main, high, cpb;
} hevc_rows[] = {
    {30, 128, 0, 350},        {60, 1500, 0, 0},        {63, 3000, 0, 0},
    {90, 6000, 0, 0},         {93, 10000, 0, 0},       {120, 12000, 30000, 0},
    {123, 20000, 50000, 0},   {150, 25000, 100000, 0}, {153, 40000, 160000, 0},
    {156, 60000, 240000, 0},  {180, 60000, 240000, 0}, {183, 120000, 480000, 0},
    {186, 240000, 800000, 0},
};

/* Its HRD parameters stand behind most of the set and are not looked for: with the largest CPB, MB
 * and EB together are as large as with any other. */
int simc__codec_hevc(struct simc_slice bytes, struct simc__codec *codec)
{
    enum {
        FACTOR = 1100,
        MAIN_STILL_PICTURE = 3,
        COMPATIBILITY = 32,
        CONSTRAINTS = 48,
        SMALLEST_RATE = 2000000
    };
    struct simc__bits bits = simc__bits(bytes, true);
    memset(codec, 0, sizeof *codec);
    simc__bits_skip(&bits, 16 + 8); /* NAL unit header; parameter set, layers, nesting */
    unsigned space = simc__bits_get(&bits, 2);
    bool high = simc__bits_get(&bits, 1);
    codec->profile = simc__bits_get(&bits, 5);
    simc__bits_skip(&bits, COMPATIBILITY + CONSTRAINTS);
    codec->level = simc__bits_get(&bits, 8);
    if (bits.ended)
        return SIMC_EPROTO;
    if (space || codec->profile < 1 || codec->profile > MAIN_STILL_PICTURE)
        return SIMC_ENOTFOUND;
    for (size_t i = 0; i < sizeof hevc_rows / sizeof hevc_rows[0]; i++) {
        uint64_t rate = high ? hevc_rows[i].high : hevc_rows[i].main;
        if (hevc_rows[i].level != codec->level || !rate)
            continue;
        uint64_t rate_bps = rate * FACTOR;
        uint64_t cpb_bits = (hevc_rows[i].cpb ? hevc_rows[i].cpb : rate) * FACTOR;
        set_sizes(&codec->sizes, at_least(rate_bps, SMALLEST_RATE), cpb_bits, cpb_bits);
        codec->sizes.transport_bps = codec->sizes.leak_bps = rate_bps;
        return 0;
    }
    return SIMC_ENOTFOUND;
}

/* ---- audio ---- */

enum { AUDIO_BPS = 2000000, AUDIO_BYTES = 3584, MANY_BPS = 5529600, MANY_BYTES = 8976 };

static int read_mpeg_frame(const uint8_t *p, struct simc__audio_frame *frame)
{
    /* bit rates in kbit/s: MPEG-1 layers 1, 2, 3; MPEG-2 layer 1, layers 2 and 3 */
    static const uint16_t rates[5][15] = {
        {0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
        {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
        {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
        {0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
        {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
    };
    static const uint16_t frequencies[3] = {44100, 48000, 32000};
    unsigned id = p[1] >> 3 & 3, layer = 4u - (p[1] >> 1 & 3), rate = p[2] >> 4;
    unsigned frequency = p[2] >> 2 & 3, padding = p[2] >> 1 & 1;
    if (p[0] != 0xff || (p[1] & 0xe0) != 0xe0 || id == 1 || layer == 4 || rate == 0 || rate == 15 ||
        frequency == 3)
        return SIMC_EPROTO;
    bool mpeg1 = id == 3;
    unsigned row = mpeg1 ? layer - 1 : layer == 1 ? 3 : 4;
    unsigned samples = layer == 1 ? 384 : layer == 3 && !mpeg1 ? 576 : 1152;
    unsigned hz = frequencies[frequency] / (mpeg1 ? 1u : id == 2 ? 2u : 4u);
    unsigned bps = rates[row][rate] * 1000u;
    frame->size = layer == 1 ? (12 * bps / hz + padding) * 4 : samples / 8 * bps / hz + padding;
    frame->duration_27mhz = (unsigned)(UINT64_C(27000000) * samples / hz);
    frame->sizes = (struct simc__std_sizes){AUDIO_BPS, 0, 0, AUDIO_BYTES};
    return frame->size < SIMC__AUDIO_HEADER ? SIMC_EPROTO : 0;
}

static int read_adts_frame(const uint8_t *p, struct simc__audio_frame *frame)
{
    static const uint32_t frequencies[13] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                             22050, 16000, 12000, 11025, 8000,  7350};
    enum { STEREO = 2, SAMPLES = 1024 };
    unsigned frequency = p[2] >> 2 & 0xf, channels = (p[2] & 1u) << 2 | p[3] >> 6;
    if (p[0] != 0xff || (p[1] & 0xf6) != 0xf0 || frequency >= 13)
        return SIMC_EPROTO;
    frame->size = (p[3] & 3u) << 11 | (unsigned)p[4] << 3 | p[5] >> 5;
    unsigned blocks = (p[6] & 3u) + 1;
    frame->duration_27mhz =
        (unsigned)(UINT64_C(27000000) * SAMPLES * blocks / frequencies[frequency]);
    /* 0: the channels stand in the data; the larger buffer is right for any of them. */
    bool few = channels > 0 && channels <= STEREO;
    frame->sizes =
        (struct simc__std_sizes){few ? AUDIO_BPS : MANY_BPS, 0, 0, few ? AUDIO_BYTES : MANY_BYTES};
    return frame->size < SIMC__AUDIO_HEADER ? SIMC_EPROTO : 0;
}

int simc__audio_frame_read(enum simc__codec_kind kind, const uint8_t header[SIMC__AUDIO_HEADER],
                           struct simc__audio_frame *frame)
{
    return kind == SIMC__CODEC_AAC ? read_adts_frame(header, frame)
                                   : read_mpeg_frame(header, frame);
}
