/* SPDX-License-Identifier: BSL-1.0 */
/* Tests of the link: two of them joined in memory talk in both directions, in every segmentation,
 * and end as they should. Run by the unit test runner. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/link_pair.h"
#include "unit/unit.h"

Suite *suite_link(void);

/* ---- a diary of events ---- */

enum { DIARY_SIZE = 16384 };

struct diary {
    char text[DIARY_SIZE];
    size_t size;
    bool answers;      /* requests are answered with their body */
    bool fails;        /* or refused */
    uint32_t asked_id; /* of the last request */
    uint64_t deadline_ms;
    char why[PAIR_ENDS][SIMC__LINK_TEXT_SIZE]; /* of CLOSED */
    unsigned events[PAIR_ENDS];
};

static void note(struct diary *diary, const char *what, int end, const struct simc__link_event *e)
{
    int size = snprintf(diary->text + diary->size, sizeof diary->text - diary->size,
                        "%c:%s method=%u code=%u body=%zu\n", 'a' + end, what, (unsigned)e->method,
                        (unsigned)e->code, e->body.size);
    ck_assert_int_gt(size, 0);
    diary->size += (size_t)size;
    ck_assert_uint_lt(diary->size, sizeof diary->text);
}

static void handle(void *context, struct link_pair *pair, int end,
                   const struct simc__link_event *event)
{
    static const char *const names[] = {"none",    "open",  "request", "cancel", "response",
                                        "failure", "event", "notice",  "closed"};
    struct diary *diary = context;
    /* Reads all of it, for the sanitizer. */
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < event->body.size; i++)
        sum = (uint8_t)(sum + event->body.data[i]);
    diary->events[end]++;
    note(diary, names[event->type], end, event);
    if (event->type == SIMC__LINK_EVENT_CLOSED)
        snprintf(diary->why[end], sizeof diary->why[end], "%s", event->text);
    if (event->type != SIMC__LINK_EVENT_REQUEST)
        return;
    diary->asked_id = event->id;
    diary->deadline_ms = event->deadline_ms;
    if (diary->answers)
        unit_expect_error(simc__link_respond(pair->ends[end], event->id, event->body), 0);
    if (diary->fails)
        unit_expect_error(
            simc__link_fail(pair->ends[end], event->id, SIMC__LINK_CONFLICT, "it is there already"),
            0);
}

static void expect_diary(struct diary *diary, const char *wanted)
{
    unit_expect_text(simc_slice(diary->text, diary->size), wanted);
    diary->size = 0;
}

/* A pair whose hellos were exchanged. */
static struct link_pair open_pair(struct diary *diary)
{
    struct link_pair pair = {.now_ms = 1000};
    memset(diary, 0, sizeof *diary);
    unit_expect_error(link_pair_start(&pair), 0);
    link_pair_run(&pair, handle, diary);
    ck_assert(simc__link_is_open(pair.ends[PAIR_A]));
    ck_assert(simc__link_is_open(pair.ends[PAIR_B]));
    diary->size = 0;
    return pair;
}

static uint32_t ask(struct link_pair *pair, int end, uint32_t method, const char *hex,
                    uint32_t within_ms)
{
    struct unit_bytes body = unit_hex(hex);
    uint32_t id;
    unit_expect_error(simc__link_request(pair->ends[end], method, unit_slice(&body), within_ms,
                                         NULL, pair->now_ms, &id),
                      0);
    return id;
}

/* ---- hello ---- */

START_TEST(the_hello_is_these_bytes)
{
    struct link_pair pair = {.now_ms = 1000};
    unit_expect_error(link_pair_start(&pair), 0);
    unit_expect_hex(simc__link_output(pair.ends[PAIR_A]),
                    "0000001f 83 00 01 a6 01 64 74657374 02 01 03 02 04 65 656e642061"
                    "05 1a00040000 06 190100");
    ck_assert(!simc__link_is_open(pair.ends[PAIR_A]));
    ck_assert_uint_eq(simc__link_deadline_ms(pair.ends[PAIR_A]), 6000);
    link_pair_free(&pair);
}
END_TEST

static void see_open(void *context, struct link_pair *pair, int end,
                     const struct simc__link_event *event)
{
    unsigned *seen = context;
    (void)pair;
    ck_assert_int_eq(event->type, SIMC__LINK_EVENT_OPEN);
    ck_assert_uint_eq(event->version, 2);
    ck_assert_str_eq(event->peer, end == PAIR_A ? "end b" : "end a");
    *seen |= 1u << end;
}

START_TEST(hellos_open_both_ends)
{
    struct link_pair pair = {.now_ms = 1000};
    unsigned seen = 0;
    uint32_t id;
    unit_expect_error(link_pair_start(&pair), 0);
    unit_expect_error(
        simc__link_request(pair.ends[PAIR_A], 1, simc_slice(NULL, 0), 0, NULL, 0, &id),
        SIMC_ENOTFOUND);
    unit_expect_error(simc__link_send(pair.ends[PAIR_A], 1, simc_slice(NULL, 0), NULL),
                      SIMC_ENOTFOUND);
    link_pair_run(&pair, see_open, &seen);
    ck_assert_uint_eq(seen, 3);
    link_pair_free(&pair);
}
END_TEST

/* ---- requests, answers, events, in any pieces ---- */

/* Talks in both directions, and puts down what happens at A and at B. */
static void talk(size_t piece, char seen[PAIR_ENDS][DIARY_SIZE])
{
    static struct diary diary;
    uint8_t trace[SIMC__LINK_TRACE_SIZE] = {1, 2, 3};
    struct link_pair pair = open_pair(&diary);
    diary.answers = true;
    pair.piece = piece;
    ask(&pair, PAIR_A, 7, "83010203", 0);
    ask(&pair, PAIR_B, 8, "", 0);
    for (int end = 0; end < PAIR_ENDS; end++) {
        struct unit_bytes body = unit_hex("82 4401020304 6161");
        unit_expect_error(simc__link_send(pair.ends[end], 30, unit_slice(&body), trace), 0);
    }
    link_pair_run(&pair, handle, &diary);
    simc__link_close(pair.ends[PAIR_A], "enough");
    link_pair_run(&pair, handle, &diary);
    ck_assert_str_eq(diary.why[PAIR_A], "enough");
    ck_assert_str_eq(diary.why[PAIR_B], "the peer closed the link: enough");
    memset(seen[0], 0, DIARY_SIZE);
    memset(seen[1], 0, DIARY_SIZE);
    size_t sizes[PAIR_ENDS] = {0, 0};
    for (const char *line = diary.text; line < diary.text + diary.size;) {
        size_t size = (size_t)(strchr(line, '\n') + 1 - line);
        int end = line[0] - 'a';
        memcpy(seen[end] + sizes[end], line, size);
        sizes[end] += size;
        line += size;
    }
    link_pair_free(&pair);
}

START_TEST(all_segmentations_give_the_same_events)
{
    static char whole[PAIR_ENDS][DIARY_SIZE], pieces[PAIR_ENDS][DIARY_SIZE];
    talk(0, whole);
    ck_assert_str_eq(whole[PAIR_A], "a:request method=8 code=0 body=1\n"
                                    "a:event method=30 code=0 body=8\n"
                                    "a:response method=7 code=0 body=4\n"
                                    "a:closed method=0 code=0 body=0\n");
    ck_assert_str_eq(whole[PAIR_B], "b:request method=7 code=0 body=4\n"
                                    "b:event method=30 code=0 body=8\n"
                                    "b:response method=8 code=0 body=1\n"
                                    "b:closed method=0 code=0 body=0\n");
    for (size_t piece = 1; piece < 64; piece++) {
        talk(piece, pieces);
        ck_assert_str_eq(pieces[PAIR_A], whole[PAIR_A]);
        ck_assert_str_eq(pieces[PAIR_B], whole[PAIR_B]);
    }
}
END_TEST

START_TEST(the_trace_arrives)
{
    static struct diary diary;
    struct link_pair pair = open_pair(&diary);
    struct simc__link_event event;
    uint8_t trace[SIMC__LINK_TRACE_SIZE];
    uint32_t id;
    for (unsigned i = 0; i < sizeof trace; i++)
        trace[i] = (uint8_t)i;
    unit_expect_error(
        simc__link_request(pair.ends[PAIR_A], 1, simc_slice(NULL, 0), 0, trace, pair.now_ms, &id),
        0);
    unit_expect_error(simc__link_send(pair.ends[PAIR_A], 2, simc_slice(NULL, 0), trace), 0);
    unit_expect_error(simc__link_send(pair.ends[PAIR_A], 2, simc_slice(NULL, 0), NULL), 0);
    uint8_t *block = link_pair_carry(&pair, PAIR_A);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(simc__link_next_event(pair.ends[PAIR_B], &event));
        ck_assert_int_eq(event.has_trace, i < 2);
        if (i < 2)
            unit_expect_bytes(simc_slice(event.trace, sizeof event.trace),
                              simc_slice(trace, sizeof trace));
    }
    free(block);
    link_pair_free(&pair);
}
END_TEST

START_TEST(failures_carry_code_and_text)
{
    static struct diary diary;
    struct link_pair pair = open_pair(&diary);
    struct simc__link_event event;
    uint32_t id = ask(&pair, PAIR_A, 7, "01", 0);
    diary.fails = true;
    uint8_t *block = link_pair_carry(&pair, PAIR_A);
    link_pair_pull(&pair, PAIR_B, handle, &diary);
    free(block);
    unit_expect_error(simc__link_fail(pair.ends[PAIR_B], diary.asked_id, SIMC__LINK_LIMIT, NULL),
                      SIMC_ENOTFOUND);
    block = link_pair_carry(&pair, PAIR_B);
    ck_assert(simc__link_next_event(pair.ends[PAIR_A], &event));
    ck_assert_int_eq(event.type, SIMC__LINK_EVENT_FAILURE);
    ck_assert_uint_eq(event.id, id);
    ck_assert_uint_eq(event.method, 7);
    ck_assert_uint_eq(event.code, SIMC__LINK_CONFLICT);
    ck_assert_str_eq(event.text, "it is there already");
    ck_assert(!simc__link_next_event(pair.ends[PAIR_A], &event));
    free(block);
    link_pair_free(&pair);
}
END_TEST

/* Long and bad texts are cut, not refused; codes that are not for the wire become INTERNAL. */
START_TEST(any_text_of_a_failure_can_be_sent)
{
    static struct diary diary;
    struct link_pair pair = open_pair(&diary);
    char text[600];
    memset(text, 'z', sizeof text);
    text[sizeof text - 1] = '\0';
    text[254] = (char)0xc3; /* in the middle of a character */
    text[255] = (char)0xa4;
    ask(&pair, PAIR_A, 7, "01", 0);
    link_pair_run(&pair, handle, &diary);
    unit_expect_error(simc__link_fail(pair.ends[PAIR_B], diary.asked_id, SIMC__LINK_DEADLINE, text),
                      0);
    diary.size = 0;
    link_pair_run(&pair, handle, &diary);
    expect_diary(&diary, "a:failure method=7 code=8 body=0\n");
    link_pair_free(&pair);
}
END_TEST

/* ---- deadlines and cancellation ---- */

START_TEST(a_request_without_answer_ends_at_its_deadline)
{
    static struct diary diary;
    struct link_pair pair = open_pair(&diary);
    ask(&pair, PAIR_A, 7, "01", 500);
    link_pair_run(&pair, handle, &diary);
    ck_assert_uint_eq(diary.deadline_ms, 1500);
    ck_assert_uint_eq(simc__link_deadline_ms(pair.ends[PAIR_A]), 1500);
    link_pair_wait(&pair, 1499, handle, &diary);
    expect_diary(&diary, "b:request method=7 code=0 body=1\n");
    link_pair_wait(&pair, 1500, handle, &diary);
    expect_diary(&diary, "a:failure method=7 code=32 body=0\nb:cancel method=7 code=0 body=0\n");
    unit_expect_error(simc__link_respond(pair.ends[PAIR_B], diary.asked_id, simc_slice(NULL, 0)),
                      SIMC_ENOTFOUND);
    link_pair_free(&pair);
}
END_TEST

START_TEST(an_answer_behind_the_deadline_is_dropped)
{
    static struct diary diary;
    struct link_pair pair = open_pair(&diary);
    ask(&pair, PAIR_A, 7, "01", 500);
    diary.answers = true;
    uint8_t *block = link_pair_carry(&pair, PAIR_A);
    link_pair_pull(&pair, PAIR_B, handle, &diary);
    free(block);
    pair.now_ms = 1600;
    simc__link_expire(pair.ends[PAIR_A], pair.now_ms);
    link_pair_run(&pair, handle, &diary);
    expect_diary(&diary, "b:request method=7 code=0 body=1\na:failure method=7 code=32 body=0\n");
    ck_assert(simc__link_is_open(pair.ends[PAIR_A]));
    link_pair_free(&pair);
}
END_TEST

START_TEST(a_cancelled_request_fails_once)
{
    static struct diary diary;
    struct link_pair pair = open_pair(&diary);
    uint32_t id = ask(&pair, PAIR_A, 7, "01", 0);
    link_pair_run(&pair, handle, &diary);
    unit_expect_error(simc__link_cancel(pair.ends[PAIR_A], id), 0);
    unit_expect_error(simc__link_cancel(pair.ends[PAIR_A], id), SIMC_ENOTFOUND);
    unit_expect_error(simc__link_cancel(pair.ends[PAIR_A], id + 1), SIMC_ENOTFOUND);
    unit_expect_error(simc__link_cancel(pair.ends[PAIR_A], 0), SIMC_ENOTFOUND);
    link_pair_run(&pair, handle, &diary);
    expect_diary(&diary, "b:request method=7 code=0 body=1\na:failure method=7 code=33 body=0\n"
                         "b:cancel method=7 code=0 body=0\n");
    link_pair_free(&pair);
}
END_TEST

START_TEST(what_is_outstanding_fails_before_the_last_event)
{
    static struct diary diary;
    struct link_pair pair = open_pair(&diary);
    ask(&pair, PAIR_A, 1, "01", 0);
    uint32_t id = ask(&pair, PAIR_A, 2, "01", 0);
    unit_expect_error(simc__link_cancel(pair.ends[PAIR_A], id), 0);
    simc__link_disconnected(pair.ends[PAIR_A], pair.now_ms);
    link_pair_pull(&pair, PAIR_A, handle, &diary);
    diary.text[diary.size] = '\0';
    ck_assert_ptr_nonnull(strstr(diary.text, "a:failure method=1 code=34"));
    ck_assert_ptr_nonnull(strstr(diary.text, "a:failure method=2 code=33"));
    ck_assert_str_eq(strstr(diary.text, "a:closed"), "a:closed method=0 code=0 body=0\n");
    ck_assert_str_eq(diary.why[PAIR_A], "the connection ended");
    ck_assert_uint_eq(simc__link_deadline_ms(pair.ends[PAIR_A]), SIMC_DEADLINE_NONE);
    link_pair_free(&pair);
}
END_TEST

/* ---- limits ---- */

START_TEST(no_more_requests_than_the_limit)
{
    static struct diary diary;
    struct link_pair pair = {.now_ms = 1000, .request_limit = 5};
    uint32_t id;
    memset(&diary, 0, sizeof diary);
    unit_expect_error(link_pair_start(&pair), 0);
    link_pair_run(&pair, handle, &diary);
    for (unsigned round = 0; round < 20; round++) {
        diary.answers = false;
        for (unsigned i = 0; i < 5; i++)
            ask(&pair, PAIR_A, i, "01", 0);
        unit_expect_error(simc__link_request(pair.ends[PAIR_A], 9, simc_slice(NULL, 0), 0, NULL,
                                             pair.now_ms, &id),
                          SIMC_EFULL);
        diary.answers = true;
        link_pair_run(&pair, handle, &diary);
        diary.size = 0;
    }
    ck_assert_uint_eq(diary.events[PAIR_A], 1 + 100);
    link_pair_free(&pair);
}
END_TEST

START_TEST(frames_over_the_smaller_limit_are_not_sent)
{
    static struct diary diary;
    static uint8_t large[4096];
    struct link_pair pair = {.now_ms = 1000};
    struct simc__link_settings settings = link_pair_settings(&pair, PAIR_A);
    uint32_t id;
    settings.frame_limit = 2048;
    memset(&diary, 0, sizeof diary);
    unit_expect_error(simc__link_new(&settings, pair.now_ms, &pair.ends[PAIR_A]), 0);
    settings.frame_limit = 1024;
    unit_expect_error(simc__link_new(&settings, pair.now_ms, &pair.ends[PAIR_B]), 0);
    link_pair_run(&pair, handle, &diary);
    ck_assert_uint_eq(simc__link_body_max(pair.ends[PAIR_A]), 1024 - 64);
    /* A byte string that fills a frame to the last byte, and one byte more: in front stand
     * [4, 1, {}, and the head of the string itself. */
    large[0] = 0x59;
    for (size_t size = 1024 - 4; size <= 1024 - 3; size++) {
        large[1] = (uint8_t)((size - 3) >> 8);
        large[2] = (uint8_t)(size - 3);
        unit_expect_error(simc__link_send(pair.ends[PAIR_A], 1, simc_slice(large, size), NULL),
                          size == 1024 - 4 ? 0 : SIMC_ETOOLONG);
    }
    unit_expect_error(simc__link_request(pair.ends[PAIR_A], 1, simc_slice(large, 1024), 0, NULL,
                                         pair.now_ms, &id),
                      SIMC_ETOOLONG);
    diary.size = 0;
    link_pair_run(&pair, handle, &diary);
    expect_diary(&diary, "b:event method=1 code=0 body=1020\n");
    link_pair_free(&pair);
}
END_TEST

/* Bodies in place: the same bytes as with a copy. */
START_TEST(a_body_written_in_place_is_the_same)
{
    static struct diary diary;
    struct link_pair pair = open_pair(&diary);
    struct unit_bytes body = unit_hex("83010203");
    struct simc_writer out;
    static uint8_t copied[256];
    unit_expect_error(simc__link_send(pair.ends[PAIR_A], 5, unit_slice(&body), NULL), 0);
    struct simc_slice output = simc__link_output(pair.ends[PAIR_A]);
    size_t size = output.size;
    memcpy(copied, output.data, size);
    simc__link_sent(pair.ends[PAIR_A], size);
    unit_expect_error(simc__link_send_begin(pair.ends[PAIR_A], 5, NULL, 1000, &out), 0);
    simc_writer_slice(&out, unit_slice(&body));
    unit_expect_error(simc__link_send_end(pair.ends[PAIR_A], &out), 0);
    unit_expect_bytes(simc__link_output(pair.ends[PAIR_A]), simc_slice(copied, size));
    /* What fails or is empty leaves nothing. */
    unit_expect_error(simc__link_send_begin(pair.ends[PAIR_A], 5, NULL, 2, &out), 0);
    simc_writer_slice(&out, unit_slice(&body));
    unit_expect_error(simc__link_send_end(pair.ends[PAIR_A], &out), SIMC_ENOSPC);
    unit_expect_error(simc__link_send_begin(pair.ends[PAIR_A], 5, NULL, 2, &out), 0);
    unit_expect_error(simc__link_send_end(pair.ends[PAIR_A], &out), SIMC_EINVAL);
    ck_assert_uint_eq(simc__link_waiting(pair.ends[PAIR_A]), size);
    /* Answers in the same way. */
    ask(&pair, PAIR_B, 9, "01", 0);
    link_pair_run(&pair, handle, &diary);
    unit_expect_error(simc__link_respond_begin(pair.ends[PAIR_A], diary.asked_id, 1u << 30, &out),
                      0);
    ck_assert_uint_ge(out.capacity, simc__link_body_max(pair.ends[PAIR_A]));
    simc_writer_slice(&out, unit_slice(&body));
    unit_expect_error(simc__link_respond_end(pair.ends[PAIR_A], &out), 0);
    unit_expect_error(simc__link_respond_begin(pair.ends[PAIR_A], diary.asked_id, 8, &out),
                      SIMC_ENOTFOUND);
    diary.size = 0;
    link_pair_run(&pair, handle, &diary);
    expect_diary(&diary, "b:response method=9 code=0 body=4\n");
    link_pair_free(&pair);
}
END_TEST

/* ---- silence ---- */

START_TEST(idle_links_ask_and_stay_open)
{
    static struct diary diary;
    struct link_pair pair = open_pair(&diary);
    link_pair_wait(&pair, 3600000, handle, &diary);
    ck_assert(simc__link_is_open(pair.ends[PAIR_A]));
    ck_assert(simc__link_is_open(pair.ends[PAIR_B]));
    expect_diary(&diary, "");
    link_pair_free(&pair);
}
END_TEST

START_TEST(a_silent_peer_ends_the_link)
{
    static struct diary diary;
    struct link_pair pair = open_pair(&diary);
    pair.is_stuck[PAIR_B] = true;
    link_pair_wait(&pair, 5999, handle, &diary);
    ck_assert(simc__link_is_open(pair.ends[PAIR_A]));
    link_pair_wait(&pair, 6000, handle, &diary);
    ck_assert_str_eq(diary.why[PAIR_A], "the peer did not answer within 3000 ms");
    ck_assert_str_eq(simc__link_wants_close(pair.ends[PAIR_A]), diary.why[PAIR_A]);
    link_pair_free(&pair);
}
END_TEST

START_TEST(no_hello_ends_the_link)
{
    static struct diary diary;
    struct link_pair pair = {.now_ms = 1000};
    memset(&diary, 0, sizeof diary);
    unit_expect_error(link_pair_start(&pair), 0);
    pair.is_stuck[PAIR_A] = pair.is_stuck[PAIR_B] = true;
    link_pair_wait(&pair, 6000, handle, &diary);
    ck_assert_str_eq(diary.why[PAIR_A], "no hello came within 5000 ms");
    link_pair_free(&pair);
}
END_TEST

/* ---- a peer that does not take its output ---- */

START_TEST(a_slow_peer_meets_back_pressure_then_the_end)
{
    static struct diary diary;
    static uint8_t body[1003] = {0x59, 1000 >> 8, 1000 & 0xff};
    struct link_pair pair = {.now_ms = 1000, .output_limit = 40000};
    unsigned count = 0;
    uint32_t id;
    int error;
    memset(&diary, 0, sizeof diary);
    unit_expect_error(link_pair_start(&pair), 0);
    link_pair_run(&pair, handle, &diary);
    struct simc__link *a = pair.ends[PAIR_A];
    pair.is_stuck[PAIR_A] = true;
    while (!(error = simc__link_send(a, 1, simc_slice(body, sizeof body), NULL))) {
        count++;
        ck_assert_int_eq(simc__link_is_blocked(a), simc__link_waiting(a) >= 10000);
    }
    unit_expect_error(error, SIMC_EFULL);
    ck_assert_uint_ge(simc__link_waiting(a), 30000);
    unit_expect_error(simc__link_request(a, 1, simc_slice(NULL, 0), 0, NULL, pair.now_ms, &id),
                      SIMC_EFULL);
    /* Requests of the peer are not looked at, but kept. */
    ask(&pair, PAIR_B, 5, "01", 0);
    struct simc_slice output = simc__link_output(pair.ends[PAIR_B]);
    simc__link_feed(a, output, pair.now_ms);
    diary.size = 0;
    link_pair_pull(&pair, PAIR_A, handle, &diary);
    expect_diary(&diary, "");
    simc__link_sent(pair.ends[PAIR_B], output.size);
    /* The peer is back in time: everything arrives in its order. */
    link_pair_wait(&pair, 3000, handle, &diary);
    pair.is_stuck[PAIR_A] = false;
    diary.size = 0;
    link_pair_run(&pair, handle, &diary);
    ck_assert_uint_eq(diary.events[PAIR_B], 1 + count);
    ck_assert_ptr_nonnull(strstr(diary.text, "a:request method=5"));
    link_pair_wait(&pair, 3600000, handle, &diary);
    ck_assert(simc__link_is_open(a));
    /* And is away for good. */
    diary.size = 0;
    pair.is_stuck[PAIR_A] = true;
    while (!simc__link_send(a, 1, simc_slice(body, sizeof body), NULL))
        continue;
    link_pair_wait(&pair, pair.now_ms + 6000, handle, &diary);
    ck_assert_str_eq(diary.why[PAIR_A],
                     "the peer has taken nothing of what is sent to it for 5000 ms");
    link_pair_free(&pair);
}
END_TEST

START_TEST(answers_that_nobody_takes_end_the_link)
{
    static struct diary diary;
    static uint8_t body[4003] = {0x59, 4000 >> 8, 4000 & 0xff};
    struct link_pair pair = {.now_ms = 1000, .output_limit = 16384};
    memset(&diary, 0, sizeof diary);
    unit_expect_error(link_pair_start(&pair), 0);
    link_pair_run(&pair, handle, &diary);
    struct simc__link *b = pair.ends[PAIR_B];
    uint32_t ids[8];
    for (unsigned i = 0; i < UNIT_COUNT(ids); i++) {
        ask(&pair, PAIR_A, i, "01", 0);
        link_pair_run(&pair, handle, &diary);
        ids[i] = diary.asked_id;
    }
    pair.is_stuck[PAIR_B] = true;
    unsigned taken = 0;
    while (!simc__link_respond(b, ids[taken], simc_slice(body, sizeof body)))
        taken++;
    ck_assert_uint_eq(taken, 4);
    ck_assert_ptr_nonnull(simc__link_wants_close(b));
    ck_assert_ptr_nonnull(strstr(simc__link_wants_close(b), "does not take what is sent"));
    link_pair_free(&pair);
}
END_TEST

Suite *suite_link(void)
{
    Suite *suite = suite_create("link");
    TCase *tests = tcase_create("link");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_hello_is_these_bytes);
    tcase_add_test(tests, hellos_open_both_ends);
    tcase_add_test(tests, all_segmentations_give_the_same_events);
    tcase_add_test(tests, the_trace_arrives);
    tcase_add_test(tests, failures_carry_code_and_text);
    tcase_add_test(tests, any_text_of_a_failure_can_be_sent);
    tcase_add_test(tests, a_request_without_answer_ends_at_its_deadline);
    tcase_add_test(tests, an_answer_behind_the_deadline_is_dropped);
    tcase_add_test(tests, a_cancelled_request_fails_once);
    tcase_add_test(tests, what_is_outstanding_fails_before_the_last_event);
    tcase_add_test(tests, no_more_requests_than_the_limit);
    tcase_add_test(tests, frames_over_the_smaller_limit_are_not_sent);
    tcase_add_test(tests, a_body_written_in_place_is_the_same);
    tcase_add_test(tests, idle_links_ask_and_stay_open);
    tcase_add_test(tests, a_silent_peer_ends_the_link);
    tcase_add_test(tests, no_hello_ends_the_link);
    tcase_add_test(tests, a_slow_peer_meets_back_pressure_then_the_end);
    tcase_add_test(tests, answers_that_nobody_takes_end_the_link);
    suite_add_tcase(suite, tests);
    return suite;
}
