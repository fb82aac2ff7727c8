/* SPDX-License-Identifier: BSL-1.0 */
/* Tests of the link with bad peers and bad luck: hostile hellos and frames, every truncation and
 * damage, failing allocations, wiping, random walks. Run by the unit test runner. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/link_pair.h"
#include "unit/unit.h"

Suite *suite_link_faults(void);

enum { FRAME_ROOM = 2048 };

static struct simc__link *link_new(void)
{
    const struct simc__link_settings settings = {
        .service = "test", .version_min = 2, .version_max = 3, .name = "under test"};
    struct simc__link *link;
    unit_expect_error(simc__link_new(&settings, 1000, &link), 0);
    simc__link_sent(link, simc__link_output(link).size);
    return link;
}

/* Feeds an item as a frame, in a block of exactly its size; counts the events. */
static unsigned feed_frame(struct simc__link *link, struct simc_slice item)
{
    static uint8_t room[FRAME_ROOM];
    struct simc_writer out = simc_writer(room, sizeof room);
    struct simc__link_event event;
    unsigned count = 0;
    simc_writer_u32(&out, (uint32_t)item.size);
    simc_writer_slice(&out, item);
    ck_assert_int_eq(out.error, 0);
    uint8_t *exact = unit_exact(simc_slice(room, out.at));
    simc__link_feed(link, simc_slice(exact, out.at), 1000);
    while (simc__link_next_event(link, &event))
        count++;
    free(exact);
    return count;
}

static unsigned feed_hex(struct simc__link *link, const char *hex)
{
    struct unit_bytes item = unit_hex(hex);
    return feed_frame(link, unit_slice(&item));
}

#define HELLO "83 00 01 a6 01 64 74657374 02 01 03 02 04 61 70 05 1904000608"

static struct simc__link *link_open(void)
{
    struct simc__link *link = link_new();
    ck_assert_uint_eq(feed_hex(link, HELLO), 1);
    ck_assert(simc__link_is_open(link));
    return link;
}

/* ---- sentences ---- */

static const struct {
    bool is_open; /* the hello has come before */
    const char *hex, *why;
} faults[] = {
    /* Hellos. */
    {false, "83 00 01 a6 01 65 6f74686572 02 01 03 02 04 61 70 05 190400 06 08",
     "this end speaks 'test', and the peer 'p' speaks 'other'"},
    {false, "83 00 01 a6 01 64 74657374 02 04 03 05 04 61 70 05 190400 06 08",
     "in the versions 2 to 3, and the peer 'p' 4 to 5: update the older one"},
    {false, "83 00 01 a6 01 64 74657374 02 01 03 01 04 61 70 05 190400 06 08",
     "in the versions 2 to 3, and the peer 'p' 1 to 1: update the older one"},
    {false, "83 00 02 a0", "another version of the link protocol"},
    {false, "83 00 01 a0", "a frame (HELLO) breaks the rules of the link"},
    {false, "83 00 01 a5 01 64 74657374 02 01 03 02 04 61 70 05 190400", "(HELLO) breaks"},
    {false, "83 00 01 a6 01 64 74657374 02 03 03 02 04 61 70 05 190400 06 08", "(HELLO) breaks"},
    {false, "83 00 01 a6 01 64 74657374 02 00 03 02 04 61 70 05 190400 06 08", "(HELLO) breaks"},
    {false, "83 00 01 a6 01 64 74657374 02 01 03 02 04 61 70 05 1903ff 06 08", "(HELLO) breaks"},
    {false, "83 00 01 a6 01 64 74657374 02 01 03 02 04 61 70 05 190400 06 00", "(HELLO) breaks"},
    {false, "83 00 01 a6 01 64 74657374 02 01 03 02 04 41 70 05 190400 06 08", "(HELLO) breaks"},
    {false, "83 00 01 a6 02 01 01 64 74657374 03 02 04 61 70 05 190400 06 08", "not in order"},
    {false, "82 06 01", "the peer does not begin with a hello"},
    {false, "85 01 01 10 a1 01 05 f6", "the peer does not begin with a hello"},
    {false, "82 08 65 66616c7365", "the peer closed the link: false"},
    {false, "f6", "a frame (of no known kind) breaks the rules"},
    /* Frames behind it. */
    {true, HELLO, "the peer says hello a second time"},
    {true, "82 09 01", "(of no known kind) breaks"},
    {true, "81 05", "(of no known kind) breaks"},
    {true, "a1 05 01", "(of no known kind) breaks"},
    {true, "83 05 01 02", "(of no known kind) breaks"},
    {true, "82 05 00", "(CANCEL) breaks"},
    {true, "82 05 01 00", "(CANCEL) breaks"},
    {true, "82 06 20", "(PING) breaks"},
    {true, "82 07 1b0000000100000000", "(PONG) breaks"},
    {true, "82 08 41 00", "(CLOSE) breaks"},
    {true, "85 01 00 10 a1 01 05 f6", "(REQUEST) breaks"},
    {true, "85 01 01 10 a0 f6", "(REQUEST) breaks"},
    {true, "85 01 01 10 a2 01 05 02 58 18 000000000000000000000000000000000000000000000000 f6",
     "(REQUEST) breaks"},
    {true, "85 01 01 10 a2 01 05 01 05 f6", "a key stands twice"},
    {true, "85 01 01 10 a1 01 05 c0 01", "a tag"},
    {true, "85 01 01 10 a1 01 05 9f ff", "indefinite length"},
    {true, "85 01 01 10 a1 01 05 1801", "not in its shortest form"},
    {true, "85 01 01 10 a1 01 05 a2 01 01 01 02", "a key stands twice"},
    {true, "85 01 01 10 a1 01 05 f97e00", "a float"},
    {true, "85 01 01 10 a1 01 05 61 ff", "not well-formed UTF-8"},
    {true, "85 01 01 10 a1 01 05 81818181818181818101", "nested too deep"},
    {true, "84 04 01 a0", "(of no known kind) breaks"},
    {true, "84 04 01 80 f6", "(EVENT) breaks"},
    {true, "84 03 01 00 60", "(FAILURE) breaks"},
    {true, "84 03 01 1820 60", "(FAILURE) breaks"},
    {true, "83 02 01 f6", "answers a request (1) that was never made"},
    {true, "84 03 07 01 60", "answers a request (7) that was never made"},
};

START_TEST(what_a_peer_does_wrong_is_said)
{
    struct simc__link *link = faults[_i].is_open ? link_open() : link_new();
    ck_assert_uint_eq(feed_hex(link, faults[_i].hex), 1);
    const char *why = simc__link_wants_close(link);
    ck_assert_msg(why && strstr(why, faults[_i].why), "%s: '%s', wanted '%s'", faults[_i].hex,
                  why ? why : "open", faults[_i].why);
    /* The peer is told, unless it has closed itself. */
    struct simc_slice told = simc__link_output(link);
    if (!strstr(why, "the peer closed"))
        unit_expect_hex(simc_slice(told.data + 4, 2), "8208");
    simc__link_free(link);
}
END_TEST

START_TEST(lengths_that_cannot_be_are_refused_at_once)
{
    static const struct {
        bool is_open;
        const char *hex, *why;
    } rows[] = {
        {false, "47455420", "does not speak the link protocol"},
        {false, "00000000", "does not speak the link protocol"},
        {false, "00000401", "does not speak the link protocol"},
        {true, "00000000", "a frame of 0 bytes came, and 1 to 262144 are allowed"},
        {true, "00040001", "a frame of 262145 bytes came"},
        {true, "ffffffff", "a frame of 4294967295 bytes came"},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct simc__link *link = rows[i].is_open ? link_open() : link_new();
        struct unit_bytes bytes = unit_hex(rows[i].hex);
        struct simc__link_event event;
        simc__link_feed(link, unit_slice(&bytes), 1000);
        ck_assert(simc__link_next_event(link, &event));
        ck_assert_int_eq(event.type, SIMC__LINK_EVENT_CLOSED);
        ck_assert_msg(strstr(event.text, rows[i].why) != NULL, "%s", event.text);
        ck_assert(!simc__link_next_event(link, &event));
        simc__link_free(link);
    }
}
END_TEST

START_TEST(unknown_keys_are_left_to_later_versions)
{
    struct simc__link *link = link_new();
    ck_assert_uint_eq(
        feed_hex(link, "83 00 01 a7 01 64 74657374 02 01 03 02 04 61 70 05 190400 06 08 07 80"), 1);
    ck_assert(simc__link_is_open(link));
    ck_assert_uint_eq(feed_hex(link, "85 01 01 10 a2 01 05 09 6178 f6"), 1);
    ck_assert_uint_eq(feed_hex(link, "84 04 10 a1 09 a0 f6"), 1);
    ck_assert(simc__link_is_open(link));
    simc__link_free(link);
}
END_TEST

START_TEST(a_number_for_two_requests_ends_the_link)
{
    struct simc__link *link = link_open();
    ck_assert_uint_eq(feed_hex(link, "85 01 05 10 a1 01 05 f6"), 1);
    ck_assert_uint_eq(feed_hex(link, "85 01 05 10 a1 01 05 f6"), 1);
    ck_assert_str_eq(simc__link_wants_close(link), "the peer gave two requests the number 5");
    simc__link_free(link);
}
END_TEST

START_TEST(requests_over_the_limit_are_refused)
{
    struct simc__link_settings settings = {
        .service = "test", .version_min = 2, .version_max = 2, .request_limit = 3};
    struct simc__link *link;
    struct simc__link_event event;
    unit_expect_error(simc__link_new(&settings, 1000, &link), 0);
    ck_assert_uint_eq(feed_hex(link, HELLO), 1);
    simc__link_sent(link, simc__link_waiting(link));
    for (unsigned i = 1; i <= 3; i++) {
        char hex[64];
        snprintf(hex, sizeof hex, "85 01 %02x 10 a1 01 05 f6", i);
        ck_assert_uint_eq(feed_hex(link, hex), 1);
    }
    /* One notice for all of them. */
    ck_assert_uint_eq(feed_hex(link, "85 01 04 10 a1 01 05 f6"), 1);
    ck_assert_uint_eq(feed_hex(link, "85 01 05 10 a1 01 05 f6"), 0);
    struct simc_slice output = simc__link_output(link);
    unit_expect_hex(simc_slice(output.data + 4, 4), "84030405");
    /* Room again. */
    unit_expect_error(simc__link_respond(link, 2, simc_slice(NULL, 0)), 0);
    ck_assert_uint_eq(feed_hex(link, "85 01 06 10 a1 01 05 f6"), 1);
    ck_assert(!simc__link_next_event(link, &event));
    ck_assert(simc__link_is_open(link));
    simc__link_free(link);
}
END_TEST

START_TEST(names_of_peers_are_printable)
{
    struct simc__link *link = link_new();
    struct unit_bytes item = unit_hex("83 00 01 a6 01 64 74657374 02 01 03 02 04 65 611b5b0062"
                                      "05 190400 06 08");
    struct simc__link_event event;
    uint8_t frame[128] = {0, 0, 0, (uint8_t)item.size};
    memcpy(frame + 4, item.data, item.size);
    simc__link_feed(link, simc_slice(frame, item.size + 4), 1000);
    ck_assert(simc__link_next_event(link, &event));
    ck_assert_str_eq(event.peer, "a?[?b");
    simc__link_free(link);
}
END_TEST

START_TEST(settings_out_of_range_are_refused)
{
    char name[80];
    struct simc__link *link;
    memset(name, 'n', sizeof name);
    name[65] = '\0';
    const struct simc__link_settings rows[] = {
        {.version_min = 1, .version_max = 1},
        {.service = "", .version_min = 1, .version_max = 1},
        {.service = name, .version_min = 1, .version_max = 1},
        {.service = "\xff", .version_min = 1, .version_max = 1},
        {.service = "s", .name = name, .version_min = 1, .version_max = 1},
        {.service = "s", .version_max = 1},
        {.service = "s", .version_min = 2, .version_max = 1},
        {.service = "s", .version_min = 1, .version_max = 1, .frame_limit = 1023},
        {.service = "s", .version_min = 1, .version_max = 1, .frame_limit = (16 << 20) + 1},
        {.service = "s", .version_min = 1, .version_max = 1, .request_limit = 1025},
        {.service = "s", .version_min = 1, .version_max = 1, .output_limit = 100},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++)
        unit_expect_error(simc__link_new(&rows[i], 0, &link), SIMC_EINVAL);
    name[64] = '\0';
    const struct simc__link_settings largest = {.service = name,
                                                .name = name,
                                                .version_min = UINT32_MAX,
                                                .version_max = UINT32_MAX,
                                                .frame_limit = 16 << 20,
                                                .request_limit = 1024};
    unit_expect_error(simc__link_new(&largest, 0, &link), 0);
    ck_assert_uint_le(simc__link_waiting(link), 4 + 1024);
    simc__link_free(link);
}
END_TEST

/* ---- truncation and damage ---- */

static const char *const good_frames[] = {
    ("85 01 01 10 a2 01 1902bc 02 58 19 01020304050607080910111213141516171819202122232425"
     "82 01 61 78"),
    "84 04 13 a0 83 48 0102030405060708 f5 a1 01 f6",
    "82 05 01",
    "82 06 01",
    "82 07 1903e8",
    "82 08 63 776879",
    "83 02 01 82 01 02",
    "84 03 01 04 63 776879",
};

static struct simc__link *link_asking(void)
{
    struct simc__link *link = link_open();
    uint32_t id;
    unit_expect_error(simc__link_request(link, 1, simc_slice(NULL, 0), 0, NULL, 1000, &id), 0);
    ck_assert_uint_eq(id, 1);
    return link;
}

START_TEST(every_truncation_and_damage_is_survived)
{
    struct unit_bytes item = unit_hex(good_frames[_i]);
    for (size_t size = 1; size < item.size; size++) {
        struct simc__link *link = link_asking();
        feed_frame(link, simc_slice(item.data, size));
        ck_assert_ptr_nonnull(simc__link_wants_close(link));
        simc__link_free(link);
    }
    for (size_t at = 0; at < item.size; at++) {
        uint8_t old = item.data[at];
        for (unsigned value = 0; value < 256; value++) {
            struct simc__link *link = link_asking();
            item.data[at] = (uint8_t)value;
            feed_frame(link, unit_slice(&item));
            const char *why = simc__link_wants_close(link);
            ck_assert(!why == simc__link_is_open(link));
            simc__link_free(link);
        }
        item.data[at] = old;
    }
}
END_TEST

START_TEST(every_truncation_and_damage_of_a_hello_is_survived)
{
    struct unit_bytes item = unit_hex(HELLO);
    for (size_t size = 1; size < item.size; size++) {
        struct simc__link *link = link_new();
        feed_frame(link, simc_slice(item.data, size));
        ck_assert_ptr_nonnull(simc__link_wants_close(link));
        simc__link_free(link);
    }
    for (size_t at = 0; at < item.size; at++) {
        uint8_t old = item.data[at];
        for (unsigned value = 0; value < 256; value++) {
            struct simc__link *link = link_new();
            item.data[at] = (uint8_t)value;
            feed_frame(link, unit_slice(&item));
            simc__link_free(link);
        }
        item.data[at] = old;
    }
}
END_TEST

/* ---- secrets ---- */

static bool holds(const uint8_t *memory, size_t size, const uint8_t *secret, size_t secret_size)
{
    for (size_t at = 0; memory && at + secret_size <= size; at++) {
        if (memcmp(memory + at, secret, secret_size) == 0)
            return true;
    }
    return false;
}

START_TEST(nothing_is_left_of_what_was_received_or_sent)
{
    static const uint8_t secret[9] = {0x48, 1, 22, 3, 44, 5, 66, 7, 88};
    struct link_pair pair = {.now_ms = 1000, .piece = 5};
    struct simc__link_event event;
    unit_expect_error(link_pair_start(&pair), 0);
    struct simc__link *a = pair.ends[PAIR_A], *b = pair.ends[PAIR_B];
    unsigned seen = 0;
    for (unsigned round = 0; round < 200; round++) {
        if (simc__link_is_open(a) && round % 8 == 0)
            unit_expect_error(simc__link_send(a, 1, simc_slice(secret, sizeof secret), NULL), 0);
        for (int end = 0; end < PAIR_ENDS; end++) {
            uint8_t *block = link_pair_carry(&pair, end);
            while (simc__link_next_event(pair.ends[1 - end], &event))
                seen += event.type == SIMC__LINK_EVENT_EVENT;
            free(block);
        }
    }
    while (simc__link_waiting(a)) {
        uint8_t *block = link_pair_carry(&pair, PAIR_A);
        while (simc__link_next_event(b, &event))
            seen += event.type == SIMC__LINK_EVENT_EVENT;
        free(block);
    }
    ck_assert_uint_gt(seen, 10);
    ck_assert_ptr_nonnull(a->output.memory);
    ck_assert_ptr_nonnull(b->kept.memory);
    ck_assert(!holds(a->output.memory, a->output.capacity, secret, sizeof secret));
    ck_assert(!holds(b->kept.memory, b->kept.capacity, secret, sizeof secret));
    link_pair_free(&pair);
}
END_TEST

/* ---- memory ---- */

static void swallow(void *context, struct link_pair *pair, int end,
                    const struct simc__link_event *event)
{
    unsigned *count = context;
    ++*count;
    if (event->type == SIMC__LINK_EVENT_REQUEST &&
        simc__link_respond(pair->ends[end], event->id, event->body))
        simc__link_close(pair->ends[end], "no memory");
}

static int talk_step(void *context)
{
    struct link_pair pair = {.now_ms = 1000, .piece = *(const size_t *)context};
    static uint8_t body[5003] = {0x59, 5000 >> 8, 5000 & 0xff};
    unsigned count = 0;
    uint32_t id;
    int error = link_pair_start(&pair);
    if (!error) {
        link_pair_run(&pair, swallow, &count);
        error = simc__link_request(pair.ends[PAIR_A], 1, simc_slice(body, sizeof body), 0, NULL,
                                   pair.now_ms, &id);
        link_pair_run(&pair, swallow, &count);
        /* A link that cannot keep its input ends. */
        for (int end = 0; end < PAIR_ENDS; end++) {
            if (!simc__link_is_open(pair.ends[end]))
                error = SIMC_ENOMEM;
        }
    }
    link_pair_free(&pair);
    return error;
}

START_TEST(failing_allocations_are_survived)
{
    size_t piece = _i ? 700 : 0;
    ck_assert_uint_ge(unit_fail_each_allocation(talk_step, &piece, true), 8);
}
END_TEST

START_TEST(a_warm_link_takes_no_memory)
{
    struct link_pair pair = {.now_ms = 1000, .piece = 300};
    unsigned count = 0;
    uint32_t id;
    static const uint8_t body[] = {0x83, 1, 2, 3};
    unit_alloc_start(0);
    unit_expect_error(link_pair_start(&pair), 0);
    for (unsigned round = 0; round < 500; round++) {
        uint64_t before = unit_alloc_count();
        link_pair_run(&pair, swallow, &count);
        for (int end = 0; end < PAIR_ENDS; end++) {
            for (unsigned i = 0; i < 20; i++) {
                unit_expect_error(simc__link_request(pair.ends[end], 1,
                                                     simc_slice(body, sizeof body), 0, NULL,
                                                     pair.now_ms, &id),
                                  0);
                unit_expect_error(
                    simc__link_send(pair.ends[end], 1, simc_slice(body, sizeof body), NULL), 0);
            }
        }
        link_pair_run(&pair, swallow, &count);
        if (round >= 5)
            ck_assert_uint_eq(unit_alloc_count(), before);
    }
    link_pair_free(&pair);
    ck_assert_uint_eq(unit_alloc_stop(), 0);
}
END_TEST

/* ---- the table of requests ---- */

/* Against a plain list. */
START_TEST(requests_are_found_whatever_their_numbers)
{
    enum { LIMIT = 64, STEPS = 40000 };
    struct simc__link_table table;
    struct unit_random random = unit_random(9);
    uint32_t ids[LIMIT] = {0};
    unsigned count = 0;
    unit_expect_error(simc__link_table_init(&table, LIMIT), 0);
    for (unsigned step = 0; step < STEPS; step++) {
        struct simc__link_pending pending = {
            .id = (uint32_t)unit_random_below(&random, 300) * (step % 2 ? 1 : 128) + 1,
            .deadline_ms = unit_random_below(&random, 1000)};
        bool is_there = false;
        unsigned at = 0;
        for (unsigned i = 0; i < count; i++) {
            if (ids[i] == pending.id) {
                is_there = true;
                at = i;
            }
        }
        ck_assert_int_eq(simc__link_table_find(&table, pending.id) != NULL, is_there);
        if (is_there && unit_random_below(&random, 3)) {
            ck_assert(simc__link_table_take(&table, ids[at], &pending));
            ids[at] = ids[--count];
        } else if (!is_there && count < LIMIT) {
            simc__link_table_put(&table, &pending);
            ids[count++] = pending.id;
        }
        ck_assert_uint_eq(table.count, count);
    }
    struct simc__link_pending taken;
    uint64_t last_ms = 0;
    for (uint64_t now_ms = 0; now_ms <= 1000; now_ms++) {
        while (simc__link_table_take_due(&table, now_ms, &taken)) {
            ck_assert_uint_eq(taken.deadline_ms, now_ms);
            ck_assert_uint_ge(taken.deadline_ms, last_ms);
            last_ms = taken.deadline_ms;
            count--;
        }
    }
    ck_assert_uint_eq(count, 0);
    ck_assert_uint_eq(table.first_ms, SIMC_DEADLINE_NONE);
    simc__link_table_fini(&table);
}
END_TEST

/* ---- random walks ---- */

struct walk {
    struct unit_random random;
    unsigned asked[PAIR_ENDS], over[PAIR_ENDS], sent[PAIR_ENDS], came[PAIR_ENDS];
    unsigned closed;
    uint32_t waiting[64]; /* requests at B that have no answer yet */
    unsigned waiting_count;
};

static void walk_event(void *context, struct link_pair *pair, int end,
                       const struct simc__link_event *event)
{
    struct walk *walk = context;
    switch (event->type) {
    case SIMC__LINK_EVENT_REQUEST:
        if (end == PAIR_B && walk->waiting_count < UNIT_COUNT(walk->waiting) &&
            unit_random_below(&walk->random, 2))
            walk->waiting[walk->waiting_count++] = event->id;
        else if (unit_random_below(&walk->random, 3))
            (void)!simc__link_respond(pair->ends[end], event->id, event->body);
        else
            (void)!simc__link_fail(pair->ends[end], event->id, SIMC__LINK_CONFLICT, "no");
        break;
    case SIMC__LINK_EVENT_RESPONSE:
    case SIMC__LINK_EVENT_FAILURE:
        walk->over[end]++;
        break;
    case SIMC__LINK_EVENT_EVENT:
        walk->came[end]++;
        break;
    case SIMC__LINK_EVENT_CLOSED:
        walk->closed++;
        break;
    default:
        break;
    }
}

static void walk_step(struct walk *walk, struct link_pair *pair, uint32_t *last_id)
{
    static const uint8_t body[203] = {0x58, 200};
    int end = (int)unit_random_below(&walk->random, PAIR_ENDS);
    struct simc__link *link = pair->ends[end];
    struct simc_slice bytes = simc_slice(body, 202);
    uint8_t *block;
    switch (unit_random_below(&walk->random, 9)) {
    case 0:
    case 1:
        if (!simc__link_request(link, 5, bytes, 1 + (uint32_t)unit_random_below(&walk->random, 200),
                                NULL, pair->now_ms, last_id))
            walk->asked[end]++;
        break;
    case 2:
        if (!simc__link_send(link, 6, bytes, NULL))
            walk->sent[end]++;
        break;
    case 3:
        (void)!simc__link_cancel(link, *last_id);
        break;
    case 4:
        if (walk->waiting_count)
            (void)!simc__link_respond(pair->ends[PAIR_B], walk->waiting[--walk->waiting_count],
                                      bytes);
        break;
    case 5:
        pair->now_ms += unit_random_below(&walk->random, 40);
        simc__link_expire(link, pair->now_ms);
        link_pair_pull(pair, end, walk_event, walk);
        break;
    default:
        pair->piece = 1 + unit_random_below(&walk->random, 900);
        block = link_pair_carry(pair, end);
        link_pair_pull(pair, 1 - end, walk_event, walk);
        free(block);
    }
}

START_TEST(random_walks_lose_nothing)
{
    unsigned checked = 0;
    for (unsigned seed = 0; seed < 200; seed++) {
        struct link_pair pair = {.now_ms = 1000, .output_limit = 20000, .request_limit = 20};
        struct walk walk = {.random = unit_random(seed + 1000 * (unsigned)_i)};
        uint32_t last_id = 1;
        unit_expect_error(link_pair_start(&pair), 0);
        for (unsigned step = 0; step < 600; step++)
            walk_step(&walk, &pair, &last_id);
        pair.piece = 0;
        link_pair_wait(&pair, pair.now_ms + 500, walk_event, &walk);
        /* Two ends that both send and do not read stay stuck until they end. */
        bool was_open = true;
        for (int end = 0; end < PAIR_ENDS; end++)
            was_open = was_open && simc__link_is_open(pair.ends[end]) &&
                       !simc__link_is_blocked(pair.ends[end]);
        checked += was_open;
        for (int end = 0; end < PAIR_ENDS; end++) {
            if (was_open)
                ck_assert_uint_eq(walk.came[1 - end], walk.sent[end]);
            simc__link_disconnected(pair.ends[end], pair.now_ms);
            link_pair_pull(&pair, end, walk_event, &walk);
            /* Each request is over exactly once. */
            ck_assert_uint_eq(walk.over[end], walk.asked[end]);
        }
        ck_assert_uint_eq(walk.closed, 2);
        link_pair_free(&pair);
    }
    ck_assert_uint_gt(checked, 50);
}
END_TEST

Suite *suite_link_faults(void)
{
    Suite *suite = suite_create("link_faults");
    TCase *tests = tcase_create("link_faults");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, what_a_peer_does_wrong_is_said, 0, UNIT_COUNT(faults));
    tcase_add_test(tests, lengths_that_cannot_be_are_refused_at_once);
    tcase_add_test(tests, unknown_keys_are_left_to_later_versions);
    tcase_add_test(tests, a_number_for_two_requests_ends_the_link);
    tcase_add_test(tests, requests_over_the_limit_are_refused);
    tcase_add_test(tests, names_of_peers_are_printable);
    tcase_add_test(tests, settings_out_of_range_are_refused);
    tcase_add_loop_test(tests, every_truncation_and_damage_is_survived, 0, UNIT_COUNT(good_frames));
    tcase_add_test(tests, every_truncation_and_damage_of_a_hello_is_survived);
    tcase_add_test(tests, nothing_is_left_of_what_was_received_or_sent);
    tcase_add_loop_test(tests, failing_allocations_are_survived, 0, 2);
    tcase_add_test(tests, a_warm_link_takes_no_memory);
    tcase_add_test(tests, requests_are_found_whatever_their_numbers);
    tcase_add_loop_test(tests, random_walks_lose_nothing, 0, 5);
    suite_add_tcase(suite, tests);
    return suite;
}
