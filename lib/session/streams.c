/* SPDX-License-Identifier: BSL-1.0 */
/* The streams of a channel and what each keeps: access criteria, CW_provisions without an answer,
 * earlier control words. The actions of both roles call it. */
#include <string.h>

#include "session/internal.h"

/* A control word kept: CP_number, size, bytes. */
enum { HISTORY_HEAD = 3 };

static size_t history_stride(const struct simc_session *session)
{
    return HISTORY_HEAD + (size_t)session->cw_size_max;
}

/* Only where a message brings fewer control words than an ECM needs are earlier ones kept: those
 * of CP n..n+lead_CW, so that a repeated message finds them too. */
static size_t history_capacity(const struct simc_session *session)
{
    const struct simc_ecmg_channel_status *status = &session->status;
    if (session->role != SIMC__ROLE_ECMG || status->cw_per_msg > status->lead_cw)
        return 0;
    return (size_t)status->lead_cw + 1;
}

static size_t pending_size(const struct simc_session *session)
{
    return session->role == SIMC__ROLE_ECMG ? session->own.ecmg.pending_limit * sizeof(uint16_t)
                                            : 0;
}

uint16_t *simc__stream_pending(struct simc__stream *stream)
{
    return (uint16_t *)(void *)stream->room;
}

struct simc__stream *simc__stream_find(const struct simc_session *session, uint16_t id)
{
    return simc__index_get(&session->streams, id);
}

int simc__stream_new(struct simc_session *session, uint16_t id, bool has_object_id,
                     uint16_t object_id, struct simc__stream **made)
{
    size_t room = pending_size(session) + history_capacity(session) * history_stride(session);
    struct simc__stream *stream = simc_calloc(1, sizeof *stream + room);
    if (!stream)
        return SIMC_ENOMEM;
    stream->id = id;
    stream->has_object_id = has_object_id;
    stream->object_id = object_id;
    stream->room_size = (uint16_t)room;
    stream->timer_ms = stream->test_ms = SIMC_DEADLINE_NONE;
    bool is_indexed = session->is_server && has_object_id;
    int error = simc__index_put(&session->streams, id, stream);
    if (!error && is_indexed)
        error = simc__index_put(&session->object_ids, object_id, stream);
    if (!error && !session->is_server)
        error = simc__heap_reserve(session, session->stream_total + 1);
    if (error) {
        simc__index_drop(&session->streams, id);
        if (is_indexed)
            simc__index_drop(&session->object_ids, object_id);
        simc_free(stream);
        return error;
    }
    session->stream_memory += sizeof *stream + room;
    session->stream_total++;
    *made = stream;
    return 0;
}

static void wipe(struct simc__stream *stream)
{
    simc_wipe(stream->room, stream->room_size);
    stream->pending_count = 0;
    stream->history_count = 0;
    stream->is_outstanding = false;
}

static void release(struct simc_session *session, struct simc__stream *stream)
{
    simc__index_drop(&session->streams, stream->id);
    if (session->is_server && stream->has_object_id &&
        simc__index_get(&session->object_ids, stream->object_id) == stream)
        simc__index_drop(&session->object_ids, stream->object_id);
    session->stream_total--;
    session->stream_memory -= sizeof *stream + stream->room_size + stream->ac_capacity;
    simc_free(stream->ac);
    wipe(stream);
    simc_free(stream);
}

void simc__stream_end(struct simc_session *session, struct simc__stream *stream)
{
    if (stream->state == SIMC__ST_OPEN)
        session->stream_count--;
    stream->state = SIMC__ST_NOT_OPEN;
    stream->timer_ms = stream->test_ms = SIMC_DEADLINE_NONE;
    simc__heap_update(session, stream);
    wipe(stream);
    if (!session->is_server)
        release(session, stream);
    else
        session->dying = stream;
}

void simc__streams_end(struct simc_session *session)
{
    session->all_dying = true;
    session->stream_count = 0;
    for (size_t i = 0; i < session->heap_count; i++)
        session->heap[i]->heap_at = 0;
    session->heap_count = 0;
    uint32_t at = 0;
    struct simc__stream *stream;
    for (; (stream = simc__index_next(&session->streams, &at)); at++)
        wipe(stream);
}

static void release_all(struct simc_session *session)
{
    uint32_t at = 0;
    struct simc__stream *stream;
    for (; (stream = simc__index_next(&session->streams, &at)); at++)
        release(session, stream);
    session->dying = NULL;
    session->all_dying = false;
}

void simc__streams_bury(struct simc_session *session)
{
    if (session->all_dying)
        release_all(session);
    if (session->dying)
        release(session, session->dying);
    session->dying = NULL;
}

void simc__streams_fini(struct simc_session *session)
{
    release_all(session);
    simc__index_fini(&session->streams);
    simc__index_fini(&session->object_ids);
    simc_free(session->heap);
}

/* ---- what the application of a server gave ---- */

void *simc__stream_context(const struct simc_session *session, enum simc__role role,
                           uint16_t stream_id)
{
    const struct simc__stream *stream = simc__stream_find(session, stream_id);
    return stream && session->role == role ? stream->context : NULL;
}

bool simc__stream_next(const struct simc_session *session, enum simc__role role, uint32_t *next,
                       uint16_t *stream_id, void **context)
{
    const struct simc__stream *stream;
    while ((stream = simc__index_next(&session->streams, next))) {
        ++*next;
        if (session->role != role || stream->state != SIMC__ST_OPEN)
            continue;
        *stream_id = stream->id;
        *context = stream->context;
        return true;
    }
    return false;
}

/* ---- access criteria ---- */

int simc__stream_keep_ac(struct simc_session *session, struct simc__stream *stream,
                         struct simc_slice ac)
{
    bool is_same = stream->has_ac && ac.size == stream->ac_size &&
                   (ac.size == 0 || memcmp(stream->ac, ac.data, ac.size) == 0);
    if (is_same)
        return 0;
    if (ac.size > stream->ac_capacity) {
        uint8_t *block = simc_alloc(ac.size);
        if (!block)
            return SIMC_ENOMEM;
        simc_free(stream->ac);
        stream->ac = block;
        session->stream_memory += ac.size - stream->ac_capacity;
        stream->ac_capacity = (uint16_t)ac.size;
    }
    if (ac.size)
        memcpy(stream->ac, ac.data, ac.size);
    stream->ac_size = (uint16_t)ac.size;
    stream->has_ac = true;
    stream->ac_is_news = true;
    return 0;
}

/* ---- control words kept ---- */

static uint8_t *history_at(const struct simc_session *session, struct simc__stream *stream,
                           size_t at)
{
    return stream->room + pending_size(session) + at * history_stride(session);
}

static uint16_t history_cp(const uint8_t *entry)
{
    return (uint16_t)(entry[0] << 8 | entry[1]);
}

const uint8_t *simc__history_find(const struct simc_session *session,
                                  const struct simc__stream *stream, uint16_t cp)
{
    const uint8_t *entry = stream->room + pending_size(session);
    for (size_t i = 0; i < stream->history_count; i++, entry += history_stride(session)) {
        if (history_cp(entry) == cp)
            return entry;
    }
    return NULL;
}

/* Forgets what is not of CP cp..cp+lead_CW. */
static void history_forget(struct simc_session *session, struct simc__stream *stream, uint16_t cp)
{
    size_t stride = history_stride(session);
    size_t kept = 0;
    for (size_t i = 0; i < stream->history_count; i++) {
        uint8_t *entry = history_at(session, stream, i);
        if ((uint16_t)(history_cp(entry) - cp) > session->status.lead_cw)
            continue;
        if (kept != i)
            memcpy(history_at(session, stream, kept), entry, stride);
        kept++;
    }
    if (kept < stream->history_count)
        simc_wipe(history_at(session, stream, kept), (stream->history_count - kept) * stride);
    stream->history_count = (uint8_t)kept;
}

void simc__history_keep(struct simc_session *session, struct simc__stream *stream, uint16_t cp)
{
    if (history_capacity(session) == 0)
        return;
    history_forget(session, stream, cp);
    for (size_t i = 0; i < session->cw_count; i++) {
        const struct simc_control_word *word = &session->cws[i];
        if ((uint16_t)(word->cp_number - cp) > session->status.lead_cw)
            continue;
        const uint8_t *known = simc__history_find(session, stream, word->cp_number);
        size_t at = known
                        ? (size_t)(known - history_at(session, stream, 0)) / history_stride(session)
                        : stream->history_count;
        uint8_t *entry = history_at(session, stream, at);
        entry[0] = (uint8_t)(word->cp_number >> 8);
        entry[1] = (uint8_t)word->cp_number;
        entry[2] = word->cw.size;
        memset(entry + HISTORY_HEAD, 0, session->cw_size_max);
        memcpy(entry + HISTORY_HEAD, word->cw.bytes, word->cw.size);
        stream->history_count = (uint8_t)(stream->history_count + !known);
    }
}
