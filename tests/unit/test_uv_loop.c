/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of loops of simulcrypt/uv.h: what other threads ask of them, timers, signals, loops in
 * threads. The runner in main.c calls suite_uv_loop(). */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test_uv_bed.h"
#include "uv/internal.h"

/* ---- posts ---- */

enum { POST_THREADS = 4, POSTS = 2000 };

struct counter {
    struct simc_uv_loop *loop;
    unsigned count, last[POST_THREADS]; /* written by the loop only */
    bool in_order;
    atomic_uint failed;
};

struct posted {
    struct counter *counter;
    unsigned thread, number;
};

static void count_post(void *context)
{
    struct posted *posted = context;
    struct counter *counter = posted->counter;
    counter->in_order = counter->in_order && posted->number == counter->last[posted->thread] + 1;
    counter->last[posted->thread] = posted->number;
    counter->count++;
    free(posted);
}

struct poster {
    struct counter *counter;
    unsigned thread;
    pthread_t handle;
};

static void *post_many(void *context)
{
    struct poster *poster = context;
    for (unsigned i = 1; i <= POSTS; i++) {
        struct posted *posted = malloc(sizeof *posted);
        if (!posted)
            break;
        *posted = (struct posted){poster->counter, poster->thread, i};
        if (simc_uv_loop_post(poster->counter->loop, count_post, posted)) {
            atomic_fetch_add(&poster->counter->failed, 1);
            free(posted);
        }
    }
    return NULL;
}

START_TEST(posts_of_several_threads_come_each_once_and_in_order)
{
    struct bed bed;
    struct counter counter = {.in_order = true};
    struct poster posters[POST_THREADS];
    bed_init(&bed);
    counter.loop = bed.loop;
    for (unsigned i = 0; i < POST_THREADS; i++) {
        posters[i] = (struct poster){&counter, i, 0};
        ck_assert_int_eq(pthread_create(&posters[i].handle, NULL, post_many, &posters[i]), 0);
    }
    bed_until(&bed, counter.count == POST_THREADS * POSTS);
    for (unsigned i = 0; i < POST_THREADS; i++)
        pthread_join(posters[i].handle, NULL);
    ck_assert(counter.in_order);
    ck_assert_uint_eq(atomic_load(&counter.failed), 0);
    bed_fini(&bed);
}
END_TEST

static void count_up(void *context)
{
    ++*(unsigned *)context;
}

START_TEST(posts_have_a_ceiling_and_run_before_the_loop_is_gone)
{
    struct simc_uv_loop *loop;
    unsigned count = 0;
    ck_assert_int_eq(simc_uv_loop_new(NULL, &loop), 0);
    for (unsigned i = 0; i < SIMC__UV_POSTS_MAX; i++)
        ck_assert_int_eq(simc_uv_loop_post(loop, count_up, &count), 0);
    unit_expect_error(simc_uv_loop_post(loop, count_up, &count), SIMC_EFULL);
    simc_uv_loop_free(loop);
    ck_assert_uint_eq(count, SIMC__UV_POSTS_MAX);
    simc_uv_loop_free(NULL);
}
END_TEST

static int post_step(void *context)
{
    struct simc_uv_loop *loop;
    unsigned count = 0;
    (void)context;
    int error = simc_uv_loop_new(NULL, &loop);
    if (error)
        return error;
    error = simc_uv_loop_post(loop, count_up, &count);
    struct simc_uv_timer *timer;
    struct simc_uv_signal *signal;
    if (!error)
        error = simc_uv_timer_new(loop, count_up, &count, &timer);
    if (!error)
        error = simc_uv_signal_new(loop, SIGUSR1, NULL, NULL, &signal);
    simc_uv_loop_free(loop);
    return error;
}

START_TEST(a_loop_without_memory_says_so)
{
    ck_assert_uint_eq(unit_fail_each_allocation(post_step, NULL, true), 5);
}
END_TEST

/* ---- notes ---- */

struct notifier {
    struct simc_uv_loop *loop;
    uint64_t id;
    unsigned count;
};

static void *notify(void *context)
{
    struct notifier *notifier = context;
    for (unsigned i = 0; i < notifier->count; i++)
        simc_uv_loop_notify(notifier->loop, notifier->id + i);
    return NULL;
}

START_TEST(a_note_of_another_thread_calls_on_events)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {0};
    pthread_t thread;
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 1);
    struct bed_echo *echo = bed.echoes;
    unsigned before = echo->events;
    struct notifier notifier = {bed.loop, simc_uv_connection_id(echo->connection), 1};
    ck_assert_int_eq(simc_buffer_append(&echo->out, simc_slice("answer", 6)), 0);
    pthread_create(&thread, NULL, notify, &notifier);
    uint8_t got[6];
    ck_assert_uint_eq(bed_receive(&bed, fd, got, sizeof got), sizeof got);
    ck_assert(memcmp(got, "answer", 6) == 0);
    ck_assert_uint_eq(echo->events, before + 1);
    pthread_join(thread, NULL);
    /* Numbers of nobody do nothing; too many of them call everybody. */
    static const unsigned counts[] = {SIMC__UV_NOTES_MAX - 1, SIMC__UV_NOTES_MAX + 10};
    for (size_t i = 0; i < UNIT_COUNT(counts); i++) {
        before = echo->events;
        struct notifier strange = {bed.loop, 1U << 30, counts[i]};
        notify(&strange);
        bed_turns(&bed, 5);
        ck_assert_uint_eq(echo->events - before, i);
    }
    close(fd);
    bed_until(&bed, bed.ended == 1);
    notify(&notifier);
    bed_turns(&bed, 5);
    bed_fini(&bed);
}
END_TEST

/* ---- timers and signals ---- */

START_TEST(timers_ring_once_or_again)
{
    struct bed bed;
    struct simc_uv_timer *once, *again, *never;
    unsigned once_count = 0, again_count = 0, never_count = 0;
    bed_init(&bed);
    ck_assert_int_eq(simc_uv_timer_new(bed.loop, count_up, &once_count, &once), 0);
    ck_assert_int_eq(simc_uv_timer_new(bed.loop, count_up, &again_count, &again), 0);
    ck_assert_int_eq(simc_uv_timer_new(bed.loop, count_up, &never_count, &never), 0);
    simc_uv_timer_start(once, 1, 0);
    simc_uv_timer_start(again, 1, 1);
    simc_uv_timer_start(never, 1, 1);
    simc_uv_timer_stop(never);
    bed_until(&bed, again_count > 5);
    ck_assert_uint_eq(once_count, 1);
    ck_assert_uint_eq(never_count, 0);
    simc_uv_timer_free(again);
    again_count = 0;
    bed_turns(&bed, 10);
    ck_assert_uint_eq(again_count, 0);
    simc_uv_timer_free(NULL);
    bed_fini(&bed);
}
END_TEST

static void take_signal(void *context, int number)
{
    *(int *)context = number;
}

START_TEST(signals_arrive_in_the_loop)
{
    struct bed bed;
    struct simc_uv_signal *hup, *wrong;
    int got = 0;
    bed_init(&bed);
    ck_assert_int_eq(simc_uv_signal_new(bed.loop, SIGHUP, take_signal, &got, &hup), 0);
    unit_expect_error(simc_uv_signal_new(bed.loop, SIGKILL, take_signal, &got, &wrong),
                      SIMC_EINVAL);
    ck_assert_ptr_null(wrong);
    kill(getpid(), SIGHUP);
    bed_until(&bed, got == SIGHUP);
    simc_uv_signal_free(hup);
    simc_uv_signal_free(NULL);
    bed_fini(&bed);
}
END_TEST

START_TEST(a_loop_may_be_borrowed)
{
    uv_loop_t uv;
    struct simc_uv_loop *loop;
    struct simc_uv_timer *timer;
    unsigned count = 0;
    ck_assert_int_eq(uv_loop_init(&uv), 0);
    ck_assert_int_eq(simc_uv_loop_new(&uv, &loop), 0);
    ck_assert_ptr_eq(simc_uv_loop_uv(loop), &uv);
    ck_assert_int_eq(simc_uv_timer_new(loop, count_up, &count, &timer), 0);
    /* Again and again, because libuv runs due timers before it waits for something. */
    simc_uv_timer_start(timer, 1, 1);
    while (count == 0)
        uv_run(&uv, UV_RUN_ONCE);
    simc_uv_loop_free(loop);
    ck_assert_int_eq(uv_loop_close(&uv), 0);
}
END_TEST

/* ---- threads ---- */

enum { THREADS = 3, THREAD_CLIENTS = 60 };

struct crew {
    struct simc_uv_gate *gate;
    uint16_t port;
    int fail_at; /* index whose start fails; -1: none */
    atomic_uint started, stopped, opened, ended, turns;
    atomic_bool is_parked, met_while_parked;
    unsigned shared; /* changed while the threads are parked only */
};

static int crew_open(void *context, struct simc_uv_connection *connection)
{
    static struct bed shared_bed;
    struct crew *crew = context;
    struct bed_echo *echo = calloc(1, sizeof *echo);
    if (!echo)
        return SIMC_ENOMEM;
    atomic_fetch_add(&crew->opened, 1);
    echo->bed = &shared_bed;
    echo->deadline_ms = SIMC_DEADLINE_NONE;
    simc_buffer_init(&echo->in, 1000);
    simc_buffer_init(&echo->out, 1000);
    simc_uv_attach(connection, &bed_protocol, echo, echo);
    return 0;
}

static void crew_events(void *context, struct simc_uv_connection *connection, uint64_t now_ms)
{
    struct crew *crew = context;
    (void)connection, (void)now_ms;
    if (atomic_load(&crew->is_parked))
        atomic_store(&crew->met_while_parked, true);
    atomic_fetch_add(&crew->turns, crew->shared);
}

static void crew_end(void *context, struct simc_uv_connection *connection,
                     const struct simc_uv_end *end)
{
    struct crew *crew = context;
    struct bed_echo *echo = simc_uv_connection_owner(connection);
    (void)end;
    simc_buffer_fini(&echo->in);
    simc_buffer_fini(&echo->out);
    free(echo);
    atomic_fetch_add(&crew->ended, 1);
}

static int crew_start(void *context, struct simc_uv_loop *loop, size_t index,
                      char why[SIMC_UV_TEXT_SIZE])
{
    struct crew *crew = context;
    if (crew->fail_at == (int)index) {
        snprintf(why, SIMC_UV_TEXT_SIZE, "thread %zu does not want to", index);
        return SIMC_EIO;
    }
    struct simc_uv_address listen = {.host = "127.0.0.1", .port = crew->port};
    struct simc_uv_server_settings settings = {
        .listen = &listen,
        .listen_count = 1,
        .reuse_port = true,
        .gate = crew->gate,
        .handlers = {.on_open = crew_open, .on_events = crew_events, .on_end = crew_end},
        .context = crew};
    struct simc_uv_server *server;
    atomic_fetch_add(&crew->started, 1);
    return simc_uv_server_new(loop, &settings, why, &server);
}

static void crew_stop(void *context, struct simc_uv_loop *loop, size_t index)
{
    struct crew *crew = context;
    (void)loop, (void)index;
    atomic_fetch_add(&crew->stopped, 1);
}

/* A port that is free now, and can be shared. */
static uint16_t free_port(void)
{
    uint16_t port;
    close(bed_listen(&port));
    return port;
}

/* A blocking round trip. */
static void ping(int fd, uint8_t byte)
{
    uint8_t got;
    ck_assert_int_eq(send(fd, &byte, 1, MSG_NOSIGNAL), 1);
    ck_assert_int_eq(recv(fd, &got, 1, 0), 1);
    ck_assert_uint_eq(got, byte);
}

static int connect_blocking(uint16_t port)
{
    struct timeval patience = {20, 0};
    struct sockaddr_in address;
    ck_assert_int_eq(uv_ip4_addr("127.0.0.1", port, &address), 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void crew_init(struct crew *crew)
{
    char why[SIMC_UV_TEXT_SIZE];
    memset(crew, 0, sizeof *crew);
    crew->fail_at = -1;
    crew->port = free_port();
    crew->shared = 1;
    ck_assert_int_eq(simc_uv_gate_new(NULL, why, &crew->gate), 0);
    signal(SIGPIPE, SIG_IGN);
}

START_TEST(loops_in_threads_share_a_port_and_a_gate)
{
    static struct crew crew;
    static int fds[THREAD_CLIENTS];
    struct simc_uv_threads *threads;
    struct simc_uv_stats stats;
    char why[SIMC_UV_TEXT_SIZE];
    crew_init(&crew);
    struct simc_uv_threads_settings settings = {THREADS, crew_start, crew_stop, &crew};
    int error = simc_uv_threads_start(&settings, why, &threads);
    ck_assert_msg(error == 0, "%s", why);
    ck_assert_ptr_nonnull(simc_uv_threads_loop(threads, THREADS - 1));
    ck_assert_ptr_null(simc_uv_threads_loop(threads, THREADS));
    for (int i = 0; i < THREAD_CLIENTS; i++) {
        fds[i] = connect_blocking(crew.port);
        ping(fds[i], (uint8_t)(i + 100));
    }
    ck_assert_uint_eq(atomic_load(&crew.opened), THREAD_CLIENTS);
    /* While the threads stand still nothing happens, and what they share may be changed. */
    for (int round = 0; round < 20; round++) {
        uint8_t byte = 'x';
        simc_uv_threads_park(threads);
        atomic_store(&crew.is_parked, true);
        crew.shared++;
        ck_assert_int_eq(send(fds[round], &byte, 1, MSG_NOSIGNAL), 1);
        atomic_store(&crew.is_parked, false);
        simc_uv_threads_resume(threads);
        ck_assert_int_eq(recv(fds[round], &byte, 1, 0), 1);
    }
    ck_assert(!atomic_load(&crew.met_while_parked));
    for (int i = 0; i < THREAD_CLIENTS / 2; i++)
        close(fds[i]);
    /* A loop that somebody stops goes on until the threads are freed. */
    simc_uv_loop_stop(simc_uv_threads_loop(threads, 0));
    for (int i = THREAD_CLIENTS / 2; i < THREAD_CLIENTS; i++)
        ping(fds[i], 7);
    simc_uv_gate_stats(crew.gate, &stats);
    ck_assert_uint_eq(stats.connections_total, THREAD_CLIENTS);
    simc_uv_threads_free(threads);
    simc_uv_threads_free(NULL);
    ck_assert_uint_eq(atomic_load(&crew.ended), THREAD_CLIENTS);
    ck_assert_uint_eq(atomic_load(&crew.stopped), THREADS);
    simc_uv_gate_stats(crew.gate, &stats);
    ck_assert_uint_eq(stats.connections, 0);
    ck_assert_uint_eq(stats.connections_total, THREAD_CLIENTS);
    for (int i = THREAD_CLIENTS / 2; i < THREAD_CLIENTS; i++)
        close(fds[i]);
    simc_uv_gate_free(crew.gate);
}
END_TEST

START_TEST(when_one_thread_cannot_start_none_does)
{
    for (int at = 0; at < THREADS; at++) {
        struct crew crew;
        struct simc_uv_threads *threads;
        char why[SIMC_UV_TEXT_SIZE], expected[64];
        crew_init(&crew);
        crew.fail_at = at;
        struct simc_uv_threads_settings settings = {THREADS, crew_start, crew_stop, &crew};
        unit_expect_error(simc_uv_threads_start(&settings, why, &threads), SIMC_EIO);
        snprintf(expected, sizeof expected, "thread %d does not want to", at);
        ck_assert_str_eq(why, expected);
        ck_assert_ptr_null(threads);
        ck_assert_uint_eq(atomic_load(&crew.started), THREADS - 1);
        ck_assert_uint_eq(atomic_load(&crew.stopped), THREADS - 1);
        simc_uv_gate_free(crew.gate);
    }
    static const struct simc_uv_threads_settings wrong[] = {
        {0, crew_start, NULL, NULL}, {257, crew_start, NULL, NULL}, {1, NULL, NULL, NULL}};
    for (size_t i = 0; i < UNIT_COUNT(wrong); i++) {
        struct simc_uv_threads *threads;
        char why[SIMC_UV_TEXT_SIZE];
        unit_expect_error(simc_uv_threads_start(&wrong[i], why, &threads), SIMC_EINVAL);
        ck_assert_uint_gt(strlen(why), 10);
    }
}
END_TEST

static TCase *loop_tests(void)
{
    TCase *tests = tcase_create("loops");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, posts_of_several_threads_come_each_once_and_in_order);
    tcase_add_test(tests, posts_have_a_ceiling_and_run_before_the_loop_is_gone);
    tcase_add_test(tests, a_loop_without_memory_says_so);
    tcase_add_test(tests, a_note_of_another_thread_calls_on_events);
    tcase_add_test(tests, timers_ring_once_or_again);
    tcase_add_test(tests, signals_arrive_in_the_loop);
    tcase_add_test(tests, a_loop_may_be_borrowed);
    return tests;
}

static TCase *thread_tests(void)
{
    TCase *tests = tcase_create("threads");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, loops_in_threads_share_a_port_and_a_gate);
    tcase_add_test(tests, when_one_thread_cannot_start_none_does);
    return tests;
}

Suite *suite_uv_loop(void);

Suite *suite_uv_loop(void)
{
    Suite *suite = suite_create("uv_loop");
    suite_add_tcase(suite, loop_tests());
    suite_add_tcase(suite, thread_tests());
    return suite;
}
