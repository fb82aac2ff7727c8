/* SPDX-License-Identifier: BSL-1.0 */
/* Headers of video and audio streams: what encoders wrote reads as they meant it, every level of
 * every profile has the sizes of its standard, and no cut or wrong header does harm. Run by the
 * unit test runner. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "psi/bits.h"
#include "psi/codec.h"
#include "unit/unit.h"

Suite *suite_psi_codec(void);

/* Headers that x264, x265 and FFmpeg wrote, and what follows from them by hand. */
static const struct vector {
    const char *name, *hex;
    int (*read)(struct simc_slice bytes, struct simc__codec *codec);
    unsigned profile, level;
    struct simc__std_sizes sizes;
} vectors[] = {
    {"H.264 Baseline 3.1",
     "6742c01fda05067e7c0440000003004000000ca3c60ca8",
     simc__codec_avc,
     66,
     31,
     {16800000, 16800000, 11200, 2100000}},
    {"H.264 Baseline 1.3 with a buffer of 250 kbit",
     "6742c00dda05067e7c0440000003004000000c9800007a10001e84e2c20078a155",
     simc__codec_avc,
     66,
     13,
     {921600, 921600, 270083, 31250}},
    {"HEVC Main 2",
     "42010101600000030090000003000003003ca00a080c1f3e595952930bc05a020000030002000003003210",
     simc__codec_hevc,
     1,
     60,
     {1650000, 1650000, 1333, 206250}},
    {"MPEG-2 Main at Main",
     "1400b43303a9a1f0000001b5148a00010000000001b80008004000000100000d7db8",
     simc__codec_mpeg_video,
     0x48,
     0,
     {18000000, 15000000, 112400, 126976}},
};

static void check_sizes(const char *name, const struct simc__std_sizes *a,
                        const struct simc__std_sizes *b)
{
    ck_assert_msg(a->transport_bps == b->transport_bps && a->leak_bps == b->leak_bps &&
                      a->multiplex == b->multiplex && a->elementary == b->elementary,
                  "%s: %llu %llu %u %u", name, (unsigned long long)a->transport_bps,
                  (unsigned long long)a->leak_bps, a->multiplex, a->elementary);
}

START_TEST(headers_of_encoders_read_right)
{
    const struct vector *vector = &vectors[_i];
    struct unit_bytes bytes = unit_hex(vector->hex);
    struct simc__codec codec;
    unit_expect_error(vector->read(unit_slice(&bytes), &codec), 0);
    ck_assert_uint_eq(codec.profile, vector->profile);
    ck_assert_uint_eq(codec.level, vector->level);
    ck_assert(!codec.low_delay);
    check_sizes(vector->name, &codec.sizes, &vector->sizes);
}
END_TEST

/* Each length in memory of its own, so that a read behind the end is seen. */
START_TEST(cut_and_damaged_headers_do_no_harm)
{
    const struct vector *vector = &vectors[_i];
    struct unit_bytes whole = unit_hex(vector->hex);
    struct unit_random random = unit_random(5);
    for (size_t size = 0; size <= whole.size; size++) {
        for (unsigned round = 0; round < 200; round++) {
            struct simc__codec codec;
            uint8_t *bytes = unit_exact(simc_slice(whole.data, size));
            for (unsigned i = 0; i < round % 4 && size; i++) {
                uint8_t noise[2];
                unit_random_fill(&random, noise, sizeof noise);
                bytes[noise[0] % size] = noise[1];
            }
            int result = vector->read(simc_slice(bytes, size), &codec);
            ck_assert(result == 0 || result == SIMC_EPROTO || result == SIMC_ENOTFOUND);
            if (size < 4)
                ck_assert_int_eq(result, SIMC_EPROTO);
            free(bytes);
        }
    }
}
END_TEST

/* profile_idc, level_idc, flags; Rx in kbit/s, MB and EB in bytes; 0: there are no sizes. */
static const struct {
    uint8_t profile, flags, level;
    uint32_t kbps, multiplex, elementary;
} avc_levels[] = {
    {66, 0, 9, 153, 1333, 52500},
    {66, 0x10, 11, 153, 1333, 52500},
    {66, 0, 11, 230, 1333, 75000},
    {77, 0, 30, 12000, 8000, 1500000},
    {100, 0x10, 11, 288, 1333, 93750},
    {100, 0, 40, 30000, 20000, 4687500},
    {100, 0, 41, 75000, 50000, 11718750},
    {110, 0, 41, 180000, 120000, 28125000},
    {122, 0, 51, 1152000, 768000, 144000000},
    {100, 0, 62, 1200000, 800000, 150000000},
    {100, 0, 39, 0, 0, 0},
    {99, 0, 40, 0, 0, 0},
    {66, 0, 0, 0, 0, 0},
};

START_TEST(avc_levels_have_their_sizes)
{
    const uint8_t set[] = {0x67, avc_levels[_i].profile, avc_levels[_i].flags, avc_levels[_i].level,
                           0x80};
    struct simc__codec codec;
    int result = simc__codec_avc(simc_slice(set, sizeof set), &codec);
    ck_assert_int_eq(result, avc_levels[_i].kbps ? 0 : SIMC_ENOTFOUND);
    if (result)
        return;
    ck_assert_uint_eq(codec.sizes.transport_bps / 1000, avc_levels[_i].kbps);
    ck_assert_uint_eq(codec.sizes.leak_bps, codec.sizes.transport_bps);
    ck_assert_uint_eq(codec.sizes.multiplex, avc_levels[_i].multiplex);
    ck_assert_uint_eq(codec.sizes.elementary, avc_levels[_i].elementary);
}
END_TEST

static const struct {
    uint8_t profile_byte, level;
    uint32_t kbps, elementary;
} hevc_levels[] = {
    {0x01, 30, 140, 48125},
    {0x02, 93, 11000, 1375000},
    {0x01, 120, 13200, 1650000},
    {0x21, 120, 33000, 4125000},
    {0x02, 153, 44000, 5500000},
    {0x22, 186, 880000, 110000000},
    {0x21, 93, 0, 0},
    {0x04, 120, 0, 0},
    {0x41, 120, 0, 0},
    {0x01, 121, 0, 0},
};

START_TEST(hevc_levels_have_their_sizes)
{
    uint8_t set[20] = {0x42, 0x01, 0x01, hevc_levels[_i].profile_byte};
    struct simc__codec codec;
    memset(set + 4, 0x55, 10);
    set[14] = hevc_levels[_i].level;
    int result = simc__codec_hevc(simc_slice(set, sizeof set), &codec);
    ck_assert_int_eq(result, hevc_levels[_i].kbps ? 0 : SIMC_ENOTFOUND);
    if (result)
        return;
    ck_assert_uint_eq(codec.sizes.transport_bps / 1000, hevc_levels[_i].kbps);
    ck_assert_uint_eq(codec.sizes.elementary, hevc_levels[_i].elementary);
}
END_TEST

/* A sequence header of 720x576 with this bit rate (in 400 bit/s) and VBV (in 16384 bits), and an
 * extension with this profile and level; 0: no extension. */
static struct simc_slice sequence(uint32_t rate, unsigned vbv, unsigned code, bool constrained,
                                  bool low_delay)
{
    static uint8_t bytes[32];
    const uint8_t head[] = {0x2d,
                            0x02,
                            0x40,
                            0x33,
                            (uint8_t)(rate >> 10),
                            (uint8_t)(rate >> 2),
                            (uint8_t)(rate << 6 | 0x20 | vbv >> 5),
                            (uint8_t)(vbv << 3 | (constrained ? 4 : 0)),
                            0,
                            0,
                            1,
                            0xb5,
                            (uint8_t)(0x10 | code >> 4),
                            (uint8_t)(code << 4 | 0x0a),
                            0,
                            1,
                            0,
                            (uint8_t)(low_delay ? 0x80 : 0)};
    memcpy(bytes, head, sizeof head);
    return simc_slice(bytes, code ? sizeof head : 8);
}

static const struct {
    uint8_t code;
    uint32_t rate, vbv;
    int result;
    uint32_t kbps, leak_kbps, multiplex, elementary;
} mpeg_levels[] = {
    /* lower levels: MB takes what VBV leaves; Rbx is Rmax */
    {0x48, 37500, 112, 0, 18000, 15000, 10000, 229376},
    {0x48, 10000, 50, 0, 18000, 15000, 136976, 102400},
    {0x4a, 10000, 29, 0, 4800, 4000, 2666, 59392},
    {0x58, 10000, 112, 0, 18000, 15000, 10000, 229376},
    {0x85, 125000, 576, 0, 60000, 50000, 33333, 1179648},
    /* higher levels: it does not, and Rbx follows the stream */
    {0x44, 50000, 597, 0, 96000, 21000, 53333, 1222656},
    {0x44, 250000, 597, 0, 96000, 80000, 53333, 1222656},
    {0x46, 50000, 448, 0, 72000, 21000, 40000, 917504},
    {0x14, 50000, 746, 0, 120000, 21000, 66666, 1527808},
    {0x47, 50000, 448, SIMC_ENOTFOUND, 0, 0, 0, 0},
    {0x48, 0, 112, SIMC_EPROTO, 0, 0, 0, 0},
    {0x48, 1000, 0, SIMC_EPROTO, 0, 0, 0, 0},
};

START_TEST(mpeg2_levels_have_their_sizes)
{
    struct simc__codec codec;
    struct simc_slice bytes =
        sequence(mpeg_levels[_i].rate, mpeg_levels[_i].vbv, mpeg_levels[_i].code, false, _i % 2);
    int result = simc__codec_mpeg_video(bytes, &codec);
    ck_assert_int_eq(result, mpeg_levels[_i].result);
    if (result)
        return;
    ck_assert_uint_eq(codec.profile, mpeg_levels[_i].code);
    ck_assert_int_eq(codec.low_delay, _i % 2);
    ck_assert_uint_eq(codec.sizes.transport_bps / 1000, mpeg_levels[_i].kbps);
    ck_assert_uint_eq(codec.sizes.leak_bps / 1000, mpeg_levels[_i].leak_kbps);
    ck_assert_uint_eq(codec.sizes.multiplex, mpeg_levels[_i].multiplex);
    ck_assert_uint_eq(codec.sizes.elementary, mpeg_levels[_i].elementary);
}
END_TEST

START_TEST(mpeg1_has_sizes_with_constrained_parameters_only)
{
    struct simc__codec codec;
    ck_assert_int_eq(simc__codec_mpeg_video(sequence(2875, 20, 0, true, false), &codec), 0);
    ck_assert_uint_eq(codec.sizes.transport_bps, 2227200);
    ck_assert_uint_eq(codec.sizes.elementary, 40960);
    ck_assert_int_eq(simc__codec_mpeg_video(sequence(2875, 20, 0, false, false), &codec),
                     SIMC_ENOTFOUND);
}
END_TEST

static const struct {
    enum simc__codec_kind kind;
    const char *hex;
    unsigned size, duration; /* 0: no frame */
    uint32_t buffer;
} frames[] = {
    {SIMC__CODEC_AAC, "fff14c4018fffc", 199, 576000, 3584},        /* FFmpeg, 48 kHz, mono */
    {SIMC__CODEC_MPEG_AUDIO, "fffda4c4976768", 576, 648000, 3584}, /* FFmpeg, layer 2, 192 kbit/s */
    {SIMC__CODEC_MPEG_AUDIO, "fffb9064000000", 417, 705306, 3584}, /* layer 3, 44.1 kHz, 128 */
    {SIMC__CODEC_MPEG_AUDIO, "fffb9264000000", 418, 705306, 3584}, /* padded */
    {SIMC__CODEC_MPEG_AUDIO, "fff384c4000000", 192, 648000, 3584}, /* MPEG-2 layer 3, 24 kHz, 64 */
    {SIMC__CODEC_MPEG_AUDIO, "ffff14c4000000", 32, 216000, 3584},  /* layer 1, 48 kHz, 32 */
    {SIMC__CODEC_AAC, "fff15080ffffff", 2047, 626938, 3584},       /* 44.1 kHz, stereo, 4 blocks */
    {SIMC__CODEC_AAC, "fff14d8018fffc", 199, 576000, 8976},        /* six channels */
    {SIMC__CODEC_AAC, "fff14c0018fffc", 199, 576000, 8976},        /* channels not told */
    {SIMC__CODEC_AAC, "fff1740018fffc", 0, 0, 0},                  /* no such frequency */
    {SIMC__CODEC_AAC, "fff14c40001ffc", 0, 0, 0},                  /* shorter than its header */
    {SIMC__CODEC_AAC, "fff34c4018fffc", 0, 0, 0},                  /* a layer */
    {SIMC__CODEC_AAC, "00f14c4018fffc", 0, 0, 0},
    {SIMC__CODEC_MPEG_AUDIO, "ffeda4c4976768", 0, 0, 0}, /* reserved: version, layer, rate, Hz */
    {SIMC__CODEC_MPEG_AUDIO, "fff9a4c4976768", 0, 0, 0},
    {SIMC__CODEC_MPEG_AUDIO, "fffdf4c4976768", 0, 0, 0},
    {SIMC__CODEC_MPEG_AUDIO, "fffd04c4976768", 0, 0, 0},
    {SIMC__CODEC_MPEG_AUDIO, "fffdacc4976768", 0, 0, 0},
};

START_TEST(audio_frames_have_size_and_duration)
{
    struct simc__audio_frame frame;
    struct unit_bytes bytes = unit_hex(frames[_i].hex);
    ck_assert_uint_eq(bytes.size, SIMC__AUDIO_HEADER);
    int result = simc__audio_frame_read(frames[_i].kind, bytes.data, &frame);
    ck_assert_int_eq(result, frames[_i].size ? 0 : SIMC_EPROTO);
    if (result)
        return;
    ck_assert_uint_eq(frame.size, frames[_i].size);
    unsigned blocks = frames[_i].kind == SIMC__CODEC_AAC ? (bytes.data[6] & 3u) + 1 : 1;
    ck_assert_uint_le(frame.duration_27mhz - frames[_i].duration * blocks, blocks);
    ck_assert_uint_eq(frame.sizes.elementary, frames[_i].buffer);
}
END_TEST

START_TEST(bits_are_read_to_the_end_and_not_behind)
{
    const uint8_t bytes[] = {0xa6, 0x00, 0x00, 0x03, 0x01, 0x80, 0x00, 0x00, 0x01, 0xff};
    struct simc__bits plain = simc__bits(simc_slice(bytes, sizeof bytes), false);
    struct simc__bits escaped = simc__bits(simc_slice(bytes, sizeof bytes), true);
    ck_assert_uint_eq(simc__bits_golomb(&escaped), 0); /* 1 */
    ck_assert_uint_eq(simc__bits_golomb(&escaped), 1); /* 010 */
    ck_assert_uint_eq(simc__bits_golomb(&escaped), 2); /* 011 */
    ck_assert_uint_eq(simc__bits_get(&escaped, 1), 0);
    ck_assert_uint_eq(simc__bits_get(&escaped, 32), 0x00000180); /* the 03 is left out */
    ck_assert(!escaped.ended);
    ck_assert_uint_eq(simc__bits_get(&escaped, 16), 0);
    ck_assert(!escaped.ended);
    ck_assert_uint_eq(simc__bits_get(&escaped, 8), 0); /* a start code is an end */
    ck_assert(escaped.ended);
    ck_assert_uint_eq(simc__bits_get(&plain, 32), 0xa6000003);
    simc__bits_skip(&plain, 40);
    ck_assert_uint_eq(simc__bits_get(&plain, 8), 0xff);
    ck_assert(!plain.ended);
    ck_assert_uint_eq(simc__bits_get(&plain, 1), 0);
    ck_assert(plain.ended);
    struct simc__bits none = simc__bits(simc_slice(NULL, 0), true);
    ck_assert_uint_eq(simc__bits_golomb(&none), 0);
    ck_assert(none.ended);
}
END_TEST

Suite *suite_psi_codec(void)
{
    Suite *suite = suite_create("psi codec");
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, headers_of_encoders_read_right, 0, (int)UNIT_COUNT(vectors));
    tcase_add_loop_test(tests, cut_and_damaged_headers_do_no_harm, 0, (int)UNIT_COUNT(vectors));
    tcase_add_loop_test(tests, avc_levels_have_their_sizes, 0, (int)UNIT_COUNT(avc_levels));
    tcase_add_loop_test(tests, hevc_levels_have_their_sizes, 0, (int)UNIT_COUNT(hevc_levels));
    tcase_add_loop_test(tests, mpeg2_levels_have_their_sizes, 0, (int)UNIT_COUNT(mpeg_levels));
    tcase_add_test(tests, mpeg1_has_sizes_with_constrained_parameters_only);
    tcase_add_loop_test(tests, audio_frames_have_size_and_duration, 0, (int)UNIT_COUNT(frames));
    tcase_add_test(tests, bits_are_read_to_the_end_and_not_behind);
    suite_add_tcase(suite, tests);
    return suite;
}
