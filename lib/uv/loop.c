/* SPDX-License-Identifier: BSL-1.0 */
/* Loops: what other threads ask of them, the table of their connections, and their end. Daemons
 * make them, or simc_uv_threads_start() does. */
#include <string.h>

#include "uv/internal.h"

enum { BUCKETS_FIRST = 64 };

/* ---- what is on a loop ---- */

void simc__uv_item_add(struct simc_uv_loop *loop, struct simc__uv_item *item,
                       void (*end)(struct simc__uv_item *item))
{
    item->loop = loop;
    item->end = end;
    item->previous = NULL;
    item->next = loop->items;
    if (loop->items)
        loop->items->previous = item;
    loop->items = item;
}

void simc__uv_item_remove(struct simc__uv_item *item)
{
    if (item->next)
        item->next->previous = item->previous;
    if (item->previous)
        item->previous->next = item->next;
    else
        item->loop->items = item->next;
}

/* ---- connections by their numbers ---- */

static struct simc_uv_connection **bucket_of(const struct simc_uv_loop *loop, uint64_t id)
{
    return &loop->buckets[id & (loop->bucket_count - 1)];
}

/* The numbers follow each other, so that the chains are equally short. Without memory they become
 * longer. */
static void grow(struct simc_uv_loop *loop)
{
    struct simc_uv_connection **old = loop->buckets, **bucket;
    size_t old_count = loop->bucket_count;
    struct simc_uv_connection **buckets = simc_calloc(old_count * 2, sizeof(*buckets));
    if (!buckets)
        return;
    loop->buckets = buckets;
    loop->bucket_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++) {
        for (struct simc_uv_connection *each = old[i], *next; each; each = next) {
            next = each->next_in_bucket;
            bucket = bucket_of(loop, each->id);
            each->next_in_bucket = *bucket;
            *bucket = each;
        }
    }
    simc_free(old);
}

void simc__uv_loop_enter(struct simc_uv_loop *loop, struct simc_uv_connection *connection)
{
    static _Atomic uint64_t last_id;
    connection->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
    if (++loop->connection_count > loop->bucket_count)
        grow(loop);
    struct simc_uv_connection **bucket = bucket_of(loop, connection->id);
    connection->next_in_bucket = *bucket;
    *bucket = connection;
}

void simc__uv_loop_leave(struct simc_uv_loop *loop, struct simc_uv_connection *connection)
{
    struct simc_uv_connection **at = bucket_of(loop, connection->id);
    while (*at != connection)
        at = &(*at)->next_in_bucket;
    *at = connection->next_in_bucket;
    loop->connection_count--;
}

struct simc_uv_connection *simc_uv_loop_find(struct simc_uv_loop *loop, uint64_t id)
{
    struct simc_uv_connection *connection = *bucket_of(loop, id);
    while (connection && connection->id != id)
        connection = connection->next_in_bucket;
    return connection && connection->is_told ? connection : NULL;
}

/* ---- what other threads ask ---- */

void simc_uv_loop_notify(struct simc_uv_loop *loop, uint64_t id)
{
    uv_mutex_lock(&loop->mutex);
    bool is_known = loop->note_count > 0 && loop->notes[loop->note_count - 1] == id;
    if (!is_known && loop->note_count < SIMC__UV_NOTES_MAX)
        loop->notes[loop->note_count++] = id;
    else if (!is_known)
        loop->is_note_for_all = true;
    if (!loop->is_freeing)
        uv_async_send(&loop->wake);
    uv_mutex_unlock(&loop->mutex);
}

int simc_uv_loop_post(struct simc_uv_loop *loop, void (*function)(void *context), void *context)
{
    struct simc__uv_post *post = simc_alloc(sizeof *post);
    int error = post ? 0 : SIMC_ENOMEM;
    uv_mutex_lock(&loop->mutex);
    if (loop->is_freeing)
        error = SIMC_EEND;
    else if (!error && loop->post_count >= SIMC__UV_POSTS_MAX)
        error = SIMC_EFULL;
    if (!error) {
        *post = (struct simc__uv_post){NULL, function, context};
        *loop->posts_end = post;
        loop->posts_end = &post->next;
        loop->post_count++;
        uv_async_send(&loop->wake);
    }
    uv_mutex_unlock(&loop->mutex);
    if (error)
        simc_free(post);
    return error;
}

void simc_uv_loop_stop(struct simc_uv_loop *loop)
{
    uv_mutex_lock(&loop->mutex);
    loop->is_stopping = true;
    if (!loop->is_freeing)
        uv_async_send(&loop->wake);
    uv_mutex_unlock(&loop->mutex);
}

static void run_posts(struct simc_uv_loop *loop)
{
    uv_mutex_lock(&loop->mutex);
    struct simc__uv_post *posts = loop->posts;
    loop->posts = NULL;
    loop->posts_end = &loop->posts;
    loop->post_count = 0;
    uv_mutex_unlock(&loop->mutex);
    for (struct simc__uv_post *next; posts; posts = next) {
        next = posts->next;
        posts->function(posts->context);
        simc_free(posts);
    }
}

/* Connections leave their chains in close callbacks only, never while this walks over them. */
static void pump_all(struct simc_uv_loop *loop)
{
    for (size_t i = 0; i < loop->bucket_count; i++) {
        for (struct simc_uv_connection *each = loop->buckets[i]; each; each = each->next_in_bucket)
            simc__uv_pump(each);
    }
}

static void run_notes(struct simc_uv_loop *loop)
{
    uint64_t notes[SIMC__UV_NOTES_MAX];
    uv_mutex_lock(&loop->mutex);
    size_t count = loop->note_count;
    bool is_for_all = loop->is_note_for_all;
    memcpy(notes, loop->notes, count * sizeof notes[0]);
    loop->note_count = 0;
    loop->is_note_for_all = false;
    uv_mutex_unlock(&loop->mutex);
    if (is_for_all)
        pump_all(loop);
    for (size_t i = 0; i < count && !is_for_all; i++) {
        struct simc_uv_connection *connection = simc_uv_loop_find(loop, notes[i]);
        if (connection)
            simc__uv_pump(connection);
    }
}

static void woken(uv_async_t *wake)
{
    struct simc_uv_loop *loop = wake->data;
    uv_mutex_lock(&loop->mutex);
    bool is_stopping = loop->is_stopping;
    uv_mutex_unlock(&loop->mutex);
    run_posts(loop);
    run_notes(loop);
    if (is_stopping)
        uv_stop(loop->uv);
}

/* ---- beginning and end ---- */

static int prepare(struct simc_uv_loop *loop, uv_loop_t *uv)
{
    loop->is_own = !uv;
    loop->uv = uv ? uv : &loop->own;
    loop->posts_end = &loop->posts;
    loop->bucket_count = BUCKETS_FIRST;
    simc_buffer_init(&loop->wire, SIZE_MAX);
    loop->buckets = simc_calloc(loop->bucket_count, sizeof(*loop->buckets));
    if (!loop->buckets || uv_mutex_init(&loop->mutex))
        return SIMC_ENOMEM;
    if (loop->is_own && uv_loop_init(&loop->own)) {
        uv_mutex_destroy(&loop->mutex);
        return SIMC_EIO;
    }
    if (uv_async_init(loop->uv, &loop->wake, woken)) {
        if (loop->is_own)
            uv_loop_close(&loop->own);
        uv_mutex_destroy(&loop->mutex);
        return SIMC_EIO;
    }
    loop->wake.data = loop;
    return 0;
}

int simc_uv_loop_new(struct uv_loop_s *uv, struct simc_uv_loop **loop)
{
    *loop = NULL;
    struct simc_uv_loop *made = simc_calloc(1, sizeof *made);
    int error = made ? prepare(made, uv) : SIMC_ENOMEM;
    if (error) {
        if (made)
            simc_free(made->buckets);
        simc_free(made);
        return error;
    }
    *loop = made;
    return 0;
}

void simc_uv_loop_run(struct simc_uv_loop *loop)
{
    uv_run(loop->uv, UV_RUN_DEFAULT);
    uv_mutex_lock(&loop->mutex);
    loop->is_stopping = false;
    uv_mutex_unlock(&loop->mutex);
}

static void wake_closed(uv_handle_t *handle)
{
    struct simc_uv_loop *loop = handle->data;
    loop->is_wake_closed = true;
}

void simc_uv_loop_free(struct simc_uv_loop *loop)
{
    if (!loop)
        return;
    uv_mutex_lock(&loop->mutex);
    loop->is_freeing = true;
    uv_mutex_unlock(&loop->mutex);
    run_posts(loop);
    for (struct simc__uv_item *item = loop->items; item; item = item->next)
        item->end(item);
    uv_close((uv_handle_t *)&loop->wake, wake_closed);
    /* Handlers may make new things while the old ones end; these are ended too. */
    while (loop->items || !loop->is_wake_closed) {
        uv_run(loop->uv, UV_RUN_ONCE);
        for (struct simc__uv_item *item = loop->items; item; item = item->next)
            item->end(item);
    }
    if (loop->is_own) {
        uv_run(loop->uv, UV_RUN_NOWAIT);
        uv_loop_close(&loop->own);
    }
    simc__uv_tls_loop_fini(loop);
    uv_mutex_destroy(&loop->mutex);
    simc_free(loop->buckets);
    simc_wipe(loop->received, sizeof loop->received);
    simc_free(loop);
}

void simc_uv_loop_unref(struct simc_uv_loop *loop)
{
    uv_unref((uv_handle_t *)&loop->wake);
}

struct uv_loop_s *simc_uv_loop_uv(struct simc_uv_loop *loop)
{
    return loop->uv;
}

uint64_t simc_uv_loop_now_ms(const struct simc_uv_loop *loop)
{
    return uv_now(loop->uv);
}

/* ---- timers and signals ---- */

struct simc_uv_timer {
    struct simc__uv_item item;
    uv_timer_t handle;
    void (*expired)(void *context);
    void *context;
};

static void timer_closed(uv_handle_t *handle)
{
    struct simc_uv_timer *timer = handle->data;
    simc__uv_item_remove(&timer->item);
    simc_free(timer);
}

static void timer_end(struct simc__uv_item *item)
{
    struct simc_uv_timer *timer = (struct simc_uv_timer *)(void *)item;
    if (!uv_is_closing((uv_handle_t *)&timer->handle))
        uv_close((uv_handle_t *)&timer->handle, timer_closed);
}

static void timer_expired(uv_timer_t *handle)
{
    struct simc_uv_timer *timer = handle->data;
    timer->expired(timer->context);
}

int simc_uv_timer_new(struct simc_uv_loop *loop, void (*expired)(void *context), void *context,
                      struct simc_uv_timer **timer)
{
    *timer = NULL;
    struct simc_uv_timer *made = simc_calloc(1, sizeof *made);
    if (!made)
        return SIMC_ENOMEM;
    made->expired = expired;
    made->context = context;
    made->handle.data = made;
    uv_timer_init(loop->uv, &made->handle);
    simc__uv_item_add(loop, &made->item, timer_end);
    *timer = made;
    return 0;
}

void simc_uv_timer_start(struct simc_uv_timer *timer, uint64_t delay_ms, uint64_t repeat_ms)
{
    uv_timer_start(&timer->handle, timer_expired, delay_ms, repeat_ms);
}

void simc_uv_timer_stop(struct simc_uv_timer *timer)
{
    uv_timer_stop(&timer->handle);
}

void simc_uv_timer_free(struct simc_uv_timer *timer)
{
    if (timer)
        timer_end(&timer->item);
}

struct simc_uv_signal {
    struct simc__uv_item item;
    uv_signal_t handle;
    void (*received)(void *context, int number);
    void *context;
};

static void signal_closed(uv_handle_t *handle)
{
    struct simc_uv_signal *signal = handle->data;
    simc__uv_item_remove(&signal->item);
    simc_free(signal);
}

static void signal_end(struct simc__uv_item *item)
{
    struct simc_uv_signal *signal = (struct simc_uv_signal *)(void *)item;
    if (!uv_is_closing((uv_handle_t *)&signal->handle))
        uv_close((uv_handle_t *)&signal->handle, signal_closed);
}

static void signal_received(uv_signal_t *handle, int number)
{
    struct simc_uv_signal *signal = handle->data;
    signal->received(signal->context, number);
}

int simc_uv_signal_new(struct simc_uv_loop *loop, int number,
                       void (*received)(void *context, int number), void *context,
                       struct simc_uv_signal **signal)
{
    *signal = NULL;
    struct simc_uv_signal *made = simc_calloc(1, sizeof *made);
    if (!made)
        return SIMC_ENOMEM;
    made->received = received;
    made->context = context;
    made->handle.data = made;
    if (uv_signal_init(loop->uv, &made->handle)) {
        simc_free(made);
        return SIMC_ENOMEM;
    }
    simc__uv_item_add(loop, &made->item, signal_end);
    if (uv_signal_start(&made->handle, signal_received, number)) {
        signal_end(&made->item);
        return SIMC_EINVAL;
    }
    *signal = made;
    return 0;
}

void simc_uv_signal_free(struct simc_uv_signal *signal)
{
    if (signal)
        signal_end(&signal->item);
}
