/* SPDX-License-Identifier: BSL-1.0 */
/* TCP in lib/capture under load: ceilings, and random conversations that must give back the bytes
 * and the exact gaps. The shared runner calls suite_capture_random(). */
#include "test_capture_build.h"

/* ---- ceilings ---- */

static void pull_sizes(struct simc__capture *capture, uint64_t *data, uint64_t *gaps,
                       uint64_t *ceilings)
{
    struct simc__capture_event event;
    while (simc__capture_next(capture, &event) == 0) {
        if (event.kind == SIMC__CAPTURE_DATA)
            *data += event.size;
        if (event.kind == SIMC__CAPTURE_GAP)
            *gaps += event.size;
        if (event.kind == SIMC__CAPTURE_GAP && event.cause == SIMC__CAPTURE_CAUSE_CEILING)
            (*ceilings)++;
    }
}

static void feed_quietly(struct simc__capture *capture, uint16_t port, uint32_t seq, size_t size,
                         uint64_t *data, uint64_t *gaps, uint64_t *ceilings)
{
    static uint8_t bytes[65536];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    build_ipv4(&out, 0, BUILD_TCP, 0, 20 + size);
    build_tcp(&out, 0, seq, 0, seq ? 0 : BUILD_SYN, 0);
    bytes[20] = (uint8_t)(port >> 8);
    bytes[21] = (uint8_t)port;
    ck_assert_int_eq(simc__capture_packet(capture, SIMC__CAPTURE_LINK_RAW,
                                          simc_slice(bytes, out.at + size), out.at + size, 1),
                     0);
    pull_sizes(capture, data, gaps, ceilings);
}

START_TEST(held_bytes_have_a_ceiling_per_direction)
{
    struct simc__capture_limits limits = {.held_max = 1 << 16};
    struct simc__capture *capture;
    ck_assert_int_eq(simc__capture_new(&limits, &capture), 0);
    uint64_t data = 0, gaps = 0, ceilings = 0;
    feed_quietly(capture, 1, 0, 0, &data, &gaps, &ceilings);
    for (uint32_t i = 0; i < 200; i++)
        feed_quietly(capture, 1, 2 + i * 1001, 1000, &data, &gaps, &ceilings);
    ck_assert_uint_ge(data, 200 * 1000 - (1 << 16));
    ck_assert_uint_lt(data, 200 * 1000);
    ck_assert_uint_ge(ceilings, 100);
    simc__capture_end(capture);
    pull_sizes(capture, &data, &gaps, &ceilings);
    ck_assert_uint_eq(data, 200 * 1000);
    ck_assert_uint_eq(gaps, 200);
    simc__capture_free(capture);
}
END_TEST

START_TEST(held_segments_have_a_ceiling_per_direction)
{
    struct simc__capture *capture;
    ck_assert_int_eq(simc__capture_new(&build_small, &capture), 0);
    uint64_t data = 0, gaps = 0, ceilings = 0;
    feed_quietly(capture, 1, 0, 0, &data, &gaps, &ceilings);
    for (uint32_t i = 0; i < 10000; i++)
        feed_quietly(capture, 1, 2 + i * 2, 1, &data, &gaps, &ceilings);
    ck_assert_uint_ge(data, 10000 - 4096);
    ck_assert_uint_eq(data, ceilings);
    simc__capture_free(capture);
}
END_TEST

/* The direction that has waited longest gives way, not the one that comes last. */
START_TEST(held_bytes_have_a_ceiling_in_all)
{
    struct simc__capture_limits limits = {.held_total_max = 1 << 17};
    struct simc__capture *capture;
    ck_assert_int_eq(simc__capture_new(&limits, &capture), 0);
    uint64_t data = 0, gaps = 0, ceilings = 0;
    for (uint16_t port = 1; port <= 4; port++) {
        feed_quietly(capture, port, 0, 0, &data, &gaps, &ceilings);
        feed_quietly(capture, port, 11, 40000, &data, &gaps, &ceilings);
        ck_assert_uint_eq(data, port <= 3 ? 0 : 40000);
    }
    feed_quietly(capture, 4, 1, 10, &data, &gaps, &ceilings);
    ck_assert_uint_eq(data, 80010);
    ck_assert_uint_eq(gaps, 10);
    simc__capture_end(capture);
    pull_sizes(capture, &data, &gaps, &ceilings);
    ck_assert_uint_eq(data, 4 * 40000 + 10);
    ck_assert_uint_eq(ceilings, 1);
    simc__capture_free(capture);
}
END_TEST

START_TEST(connections_have_a_ceiling)
{
    struct simc__capture_limits limits = {.connections_max = 2};
    struct simc__capture *capture;
    ck_assert_int_eq(simc__capture_new(&limits, &capture), 0);
    uint64_t data = 0, gaps = 0, ceilings = 0;
    for (uint16_t port = 1; port <= 5; port++) {
        feed_quietly(capture, port, 0, 0, &data, &gaps, &ceilings);
        feed_quietly(capture, port, 2, 1, &data, &gaps, &ceilings);
        feed_quietly(capture, 1, 1, 1, &data, &gaps, &ceilings); /* keeps the first one young */
    }
    build_stats_check(simc__capture_stats(capture),
                      "connections=5 connections_evicted=3 gaps=3 retransmitted_bytes=4",
                      "ceiling");
    simc__capture_free(capture);
}
END_TEST

/* ---- random conversations ---- */

enum { STREAM_SIZE = 20000, PIECES_MAX = 4000 };

static uint64_t random_state;

/* xorshift64*: the same numbers everywhere. */
static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)((random_state * 0x2545f4914f6cdd1du) >> 32) % limit;
}

struct piece {
    uint32_t at, size, captured;
};

/* Cuts the stream into pieces, some twice, some overlapping, some cut, some lost. */
static size_t pieces_make(struct piece *pieces, uint32_t loss, uint32_t cut)
{
    size_t count = 0;
    for (uint32_t at = 0; at < STREAM_SIZE;) {
        uint32_t size = 1 + random_below(random_below(4) ? 60 : 1400);
        if (size > STREAM_SIZE - at)
            size = STREAM_SIZE - at;
        struct piece piece = {at, size, size};
        at += size;
        if (random_below(100) < loss)
            continue;
        if (random_below(100) < cut)
            piece.captured = random_below(size);
        pieces[count++] = piece;
        if (random_below(10) == 0)
            pieces[count++] = piece;
        if (random_below(10) == 0) {
            uint32_t back = random_below(200) + 1;
            piece.at -= back < piece.at ? back : piece.at;
            piece.size = piece.captured = random_below(200) + 1;
            if (piece.size > STREAM_SIZE - piece.at)
                piece.size = piece.captured = STREAM_SIZE - piece.at;
            pieces[count++] = piece;
        }
        ck_assert_uint_lt(count + 3, PIECES_MAX);
    }
    return count;
}

/* Moves each piece by at most `distance` places or so. */
static void pieces_shuffle(struct piece *pieces, size_t count, uint32_t distance)
{
    for (size_t i = 0; distance && i + 1 < count; i++) {
        size_t left = count - i;
        size_t j = i + random_below(distance < left ? distance : (uint32_t)left);
        struct piece piece = pieces[i];
        pieces[i] = pieces[j];
        pieces[j] = piece;
    }
}

struct random_row {
    const char *name;
    uint32_t loss, cut, distance;
    bool acks;
};

static const struct random_row random_rows[] = {
    {"in order", 0, 0, 0, false},
    {"a little out of order", 0, 0, 4, false},
    {"fully out of order", 0, 0, UINT32_MAX, false},
    {"with loss", 10, 0, 0, false},
    {"with loss and order lost", 10, 0, 20, false},
    {"with loss and acknowledgements", 10, 0, 0, true},
    {"much lost and fully out of order", 60, 0, UINT32_MAX, false},
    {"cut", 0, 20, 0, false},
};

static void feed_piece(struct simc__capture *capture, uint32_t isn, const uint8_t *stream,
                       const struct piece *piece, unsigned flags)
{
    static uint8_t bytes[1500]; /* lent until all events are pulled */
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    build_ipv4(&out, 0, BUILD_TCP, 0, 20 + piece->size);
    build_tcp(&out, 0, isn + 1 + piece->at, 1, flags, 0);
    simc_writer_slice(&out, simc_slice(stream + piece->at, piece->captured));
    ck_assert_int_eq(simc__capture_packet(capture, SIMC__CAPTURE_LINK_RAW,
                                          simc_slice(bytes, out.at), 40 + piece->size, 1),
                     0);
}

static void feed_ack(struct simc__capture *capture, uint32_t ack)
{
    uint8_t bytes[60];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    build_ipv4(&out, 1, BUILD_TCP, 0, 20);
    build_tcp(&out, 1, 1, ack, BUILD_ACK, 0);
    ck_assert_int_eq(
        simc__capture_packet(capture, SIMC__CAPTURE_LINK_RAW, simc_slice(bytes, out.at), out.at, 1),
        0);
}

/* Checks data against the stream, and marks what came. 1 = data, 2 = gap. */
static void pull_marked(struct simc__capture *capture, const uint8_t *stream, uint8_t *marks,
                        uint64_t *at)
{
    struct simc__capture_event event;
    while (simc__capture_next(capture, &event) == 0) {
        if (event.direction == 1 || event.kind == SIMC__CAPTURE_OPEN)
            continue;
        ck_assert_uint_eq(event.offset, *at);
        *at += event.size;
        ck_assert_uint_le(*at, STREAM_SIZE);
        if (event.kind == SIMC__CAPTURE_DATA)
            ck_assert_mem_eq(event.bytes.data, stream + event.offset, event.size);
        memset(marks + event.offset, event.kind == SIMC__CAPTURE_DATA ? 1 : 2, event.size);
    }
}

static void random_check(const struct random_row *row, const uint8_t *stream)
{
    static struct piece pieces[PIECES_MAX];
    static uint8_t marks[STREAM_SIZE], wanted[STREAM_SIZE];
    uint32_t isn = random_below(2) ? 1000 : UINT32_MAX - random_below(STREAM_SIZE);
    size_t count = pieces_make(pieces, row->loss, row->cut);
    pieces_shuffle(pieces, count, row->distance);
    memset(wanted, 2, sizeof wanted);
    memset(marks, 0, sizeof marks);
    struct simc__capture *capture;
    uint64_t at = 0;
    struct piece syn = {UINT32_MAX, 0, 0}, fin = {STREAM_SIZE, 0, 0};
    ck_assert_int_eq(simc__capture_new(&build_small, &capture), 0);
    feed_piece(capture, isn, stream, &syn, BUILD_SYN);
    uint32_t highest = 0;
    for (size_t i = 0; i < count; i++) {
        pull_marked(capture, stream, marks, &at);
        feed_piece(capture, isn, stream, &pieces[i], 0);
        memset(wanted + pieces[i].at, 1, pieces[i].captured);
        highest = pieces[i].at + pieces[i].size > highest ? pieces[i].at + pieces[i].size : highest;
        if (row->acks) {
            pull_marked(capture, stream, marks, &at);
            feed_ack(capture, isn + 1 + highest);
            pull_marked(capture, stream, marks, &at);
            ck_assert_uint_eq(at, highest);
        }
    }
    pull_marked(capture, stream, marks, &at);
    feed_piece(capture, isn, stream, &fin, BUILD_FIN);
    pull_marked(capture, stream, marks, &at);
    simc__capture_end(capture);
    pull_marked(capture, stream, marks, &at);
    ck_assert_uint_eq(at, STREAM_SIZE);
    for (size_t i = 0; i < STREAM_SIZE; i++) {
        /* Of bytes that were cut once the first packet decides, so only the sum is known then;
         * of bytes acknowledged as lost a late repetition does not count. */
        bool same = marks[i] == wanted[i] || ((row->cut || row->acks) && marks[i] == 2);
        ck_assert_msg(same, "%s: byte %zu is %u, wanted %u", row->name, i, marks[i], wanted[i]);
    }
    ck_assert_uint_eq(simc__capture_stats(capture)->overlaps_different, 0);
    simc__capture_free(capture);
}

START_TEST(random_conversations_give_their_bytes_and_exact_gaps)
{
    static uint8_t stream[STREAM_SIZE];
    random_state = 0x5eed + (unsigned)_i;
    for (size_t i = 0; i < sizeof stream; i++)
        stream[i] = (uint8_t)random_below(256);
    for (int round = 0; round < 20; round++)
        random_check(&random_rows[_i], stream);
}
END_TEST

Suite *suite_capture_random(void);
Suite *suite_capture_random(void)
{
    Suite *suite = suite_create("capture_random");
    TCase *tcase = tcase_create("ceilings");
    tcase_add_test(tcase, held_bytes_have_a_ceiling_per_direction);
    tcase_add_test(tcase, held_segments_have_a_ceiling_per_direction);
    tcase_add_test(tcase, held_bytes_have_a_ceiling_in_all);
    tcase_add_test(tcase, connections_have_a_ceiling);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("random");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, random_conversations_give_their_bytes_and_exact_gaps, 0,
                        (int)COUNT(random_rows));
    suite_add_tcase(suite, tcase);
    return suite;
}
