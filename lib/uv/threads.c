/* SPDX-License-Identifier: BSL-1.0 */
/* Loops in threads of their own: start, stand still, stop. Daemons that scale call it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "uv/internal.h"

enum { THREADS_MAX = 256 };

struct member {
    struct simc_uv_threads *threads;
    struct simc_uv_loop *loop;
    size_t index;
    uv_thread_t thread;
    bool is_running; /* the thread has been made */
    int error;
    char why[SIMC_UV_TEXT_SIZE];
};

struct simc_uv_threads {
    struct simc_uv_threads_settings settings;
    uv_mutex_t mutex; /* of the following: */
    uv_cond_t changed;
    size_t started; /* are through with `start`, well or not */
    bool go, give_up, is_ending;
    size_t parked;
    bool is_parking;
    struct member *members;
};

/* Waits until all know whether all have started. @return false: one of them has not. */
static bool wait_for_all(struct simc_uv_threads *threads)
{
    uv_mutex_lock(&threads->mutex);
    threads->started++;
    uv_cond_broadcast(&threads->changed);
    while (!threads->go && !threads->give_up)
        uv_cond_wait(&threads->changed, &threads->mutex);
    bool goes = threads->go;
    uv_mutex_unlock(&threads->mutex);
    return goes;
}

static bool is_ending(struct simc_uv_threads *threads)
{
    uv_mutex_lock(&threads->mutex);
    bool ending = threads->is_ending;
    uv_mutex_unlock(&threads->mutex);
    return ending;
}

static void work(void *argument)
{
    struct member *member = argument;
    struct simc_uv_threads *threads = member->threads;
    const struct simc_uv_threads_settings *settings = &threads->settings;
    member->error = settings->start(settings->context, member->loop, member->index, member->why);
    bool has_started = !member->error;
    bool goes = wait_for_all(threads);
    /* Others know the loop until the end, even when somebody has stopped it before. */
    while (goes && !is_ending(threads))
        simc_uv_loop_run(member->loop);
    if (has_started && settings->stop)
        settings->stop(settings->context, member->loop, member->index);
    simc_uv_loop_free(member->loop);
    member->loop = NULL;
}

static void release(struct simc_uv_threads *threads)
{
    for (size_t i = 0; i < threads->settings.count; i++) {
        if (threads->members[i].is_running)
            uv_thread_join(&threads->members[i].thread);
        else
            simc_uv_loop_free(threads->members[i].loop);
    }
    uv_cond_destroy(&threads->changed);
    uv_mutex_destroy(&threads->mutex);
    simc_free(threads->members);
    simc_free(threads);
}

/* Signals are for the thread that has asked for them. */
static int create(struct member *member)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = uv_thread_create(&member->thread, work, member);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    member->is_running = !error;
    return error ? SIMC_EIO : 0;
}

static int prepare(struct simc_uv_threads *threads)
{
    int error = 0;
    for (size_t i = 0; i < threads->settings.count && !error; i++) {
        threads->members[i].threads = threads;
        threads->members[i].index = i;
        error = simc_uv_loop_new(NULL, &threads->members[i].loop);
    }
    return error;
}

/* Creates the threads and waits for those that could be. @return the first error. */
static int launch(struct simc_uv_threads *threads, char why[SIMC_UV_TEXT_SIZE])
{
    size_t count = 0;
    int error = prepare(threads);
    while (!error && count < threads->settings.count) {
        error = create(&threads->members[count]);
        count += !error;
    }
    if (error)
        snprintf(why, SIMC_UV_TEXT_SIZE, "a thread with its loop cannot be made: %s",
                 simc_error_text(error));
    uv_mutex_lock(&threads->mutex);
    while (threads->started < count)
        uv_cond_wait(&threads->changed, &threads->mutex);
    for (size_t i = 0; i < count && !error; i++) {
        error = threads->members[i].error;
        if (error)
            memcpy(why, threads->members[i].why, SIMC_UV_TEXT_SIZE);
    }
    threads->go = !error;
    threads->give_up = error != 0;
    uv_cond_broadcast(&threads->changed);
    uv_mutex_unlock(&threads->mutex);
    return error;
}

static struct simc_uv_threads *make(const struct simc_uv_threads_settings *settings)
{
    struct simc_uv_threads *made = simc_calloc(1, sizeof *made);
    if (!made)
        return NULL;
    made->settings = *settings;
    made->members = simc_calloc(settings->count, sizeof *made->members);
    if (made->members && uv_mutex_init(&made->mutex) == 0) {
        if (uv_cond_init(&made->changed) == 0)
            return made;
        uv_mutex_destroy(&made->mutex);
    }
    simc_free(made->members);
    simc_free(made);
    return NULL;
}

int simc_uv_threads_start(const struct simc_uv_threads_settings *settings,
                          char why[SIMC_UV_TEXT_SIZE], struct simc_uv_threads **threads)
{
    *threads = NULL;
    memset(why, 0, SIMC_UV_TEXT_SIZE);
    if (settings->count < 1 || settings->count > THREADS_MAX || !settings->start) {
        snprintf(why, SIMC_UV_TEXT_SIZE, "1 to %d threads are possible, not %zu", THREADS_MAX,
                 settings->count);
        return SIMC_EINVAL;
    }
    struct simc_uv_threads *made = make(settings);
    if (!made) {
        snprintf(why, SIMC_UV_TEXT_SIZE, "%s", simc_error_text(SIMC_ENOMEM));
        return SIMC_ENOMEM;
    }
    int error = launch(made, why);
    if (error)
        release(made);
    else
        *threads = made;
    return error;
}

struct simc_uv_loop *simc_uv_threads_loop(struct simc_uv_threads *threads, size_t index)
{
    return index < threads->settings.count ? threads->members[index].loop : NULL;
}

static void park(void *context)
{
    struct simc_uv_threads *threads = context;
    uv_mutex_lock(&threads->mutex);
    threads->parked++;
    uv_cond_broadcast(&threads->changed);
    while (threads->is_parking)
        uv_cond_wait(&threads->changed, &threads->mutex);
    threads->parked--;
    uv_cond_broadcast(&threads->changed);
    uv_mutex_unlock(&threads->mutex);
}

/* Without memory, or with a full queue, the loop is busy and its queue shrinks: tried again. */
static void post_park(struct simc_uv_threads *threads, struct simc_uv_loop *loop)
{
    while (simc_uv_loop_post(loop, park, threads))
        uv_sleep(1);
}

void simc_uv_threads_park(struct simc_uv_threads *threads)
{
    uv_mutex_lock(&threads->mutex);
    threads->is_parking = true;
    uv_mutex_unlock(&threads->mutex);
    for (size_t i = 0; i < threads->settings.count; i++)
        post_park(threads, threads->members[i].loop);
    uv_mutex_lock(&threads->mutex);
    while (threads->parked < threads->settings.count)
        uv_cond_wait(&threads->changed, &threads->mutex);
    uv_mutex_unlock(&threads->mutex);
}

void simc_uv_threads_resume(struct simc_uv_threads *threads)
{
    uv_mutex_lock(&threads->mutex);
    threads->is_parking = false;
    uv_cond_broadcast(&threads->changed);
    while (threads->parked > 0)
        uv_cond_wait(&threads->changed, &threads->mutex);
    uv_mutex_unlock(&threads->mutex);
}

void simc_uv_threads_free(struct simc_uv_threads *threads)
{
    if (!threads)
        return;
    uv_mutex_lock(&threads->mutex);
    threads->is_ending = true;
    uv_mutex_unlock(&threads->mutex);
    for (size_t i = 0; i < threads->settings.count; i++)
        simc_uv_loop_stop(threads->members[i].loop);
    release(threads);
}
