/* SPDX-License-Identifier: BSL-1.0 */
/* Frames of the link: cutting them out of received bytes without a copy where they are whole, and
 * writing them into the bounded output. link.c and receive.c call it; specs/cddl/link.cddl has the
 * bytes. */
#include <string.h>

#include "link/internal.h"

/* Memory that is kept whatever happens, and after how many small bursts in a row the output gives
 * back what it has beyond that. */
enum { CAPACITY_KEPT = 65536, SMALL_BURSTS = 100 };

static const uint8_t items_of[SIMC__LINK_FRAME_COUNT] = {
#define ITEMS(name, number, items) [number] = items,
    SIMC__LINK_FRAME_ROWS(ITEMS)
#undef ITEMS
};

/* ---- buffers that hold control words ---- */

static void drop_wiped(struct simc_buffer *buffer, size_t size)
{
    if (size)
        simc_wipe(buffer->memory + buffer->start, size);
    simc_buffer_drop(buffer, size);
    if (buffer->size == 0)
        buffer->start = 0;
}

/* Moves what is held to the front of the memory, and wipes where it was: simc_buffer_reserve()
 * would leave a copy behind. */
static void move_to_front(struct simc_buffer *buffer)
{
    size_t start = buffer->start, size = buffer->size;
    memmove(buffer->memory, buffer->memory + start, size);
    size_t stale_at = size > start ? size : start;
    simc_wipe(buffer->memory + stale_at, start + size - stale_at);
    buffer->start = 0;
}

static int reserve(struct simc_buffer *buffer, size_t size, uint8_t **room)
{
    size_t held = buffer->start + buffer->size;
    if (buffer->start && size > buffer->capacity - held && size <= buffer->capacity - buffer->size)
        move_to_front(buffer);
    return simc_buffer_reserve(buffer, size, room);
}

/* ---- in ---- */

static bool keep(struct simc__link *link, size_t size)
{
    uint8_t *room = NULL;
    if (size == 0)
        return true;
    int error = reserve(&link->kept, size, &room);
    if (error) {
        simc__link_end(link, true, "%s",
                       error == SIMC_EFULL ? "more bytes came than may be kept"
                                           : simc_error_text(error));
        return false;
    }
    memcpy(room, link->fed.data, size);
    simc_buffer_commit(&link->kept, size);
    link->fed = simc_slice(link->fed.data + size, link->fed.size - size);
    return true;
}

void simc__link_frame_keep(struct simc__link *link)
{
    (void)keep(link, link->fed.size);
}

/* The size of the frame that begins here with its length, or 0: not known yet, or refused. */
static size_t frame_size(struct simc__link *link, struct simc_slice bytes)
{
    if (bytes.size < SIMC__LINK_FRAME_HEAD)
        return 0;
    struct simc_reader reader = simc_reader(bytes);
    uint32_t size = simc_reader_u32(&reader);
    bool is_first = link->state == SIMC__LINK_GREETING;
    uint32_t most = is_first ? SIMC__LINK_HELLO_MAX : link->settings.frame_limit;
    if (size >= 1 && size <= most)
        return SIMC__LINK_FRAME_HEAD + (size_t)size;
    if (is_first)
        simc__link_end(link, true,
                       "the peer does not speak the link protocol: its first bytes are "
                       "no hello");
    else
        simc__link_end(link, true, "a frame of %u bytes came, and 1 to %u are allowed",
                       (unsigned)size, (unsigned)most);
    return 0;
}

/* Goes on with the frame whose beginning was kept. */
static bool kept_next(struct simc__link *link, struct simc_slice *frame)
{
    size_t wanted = SIMC__LINK_FRAME_HEAD;
    for (;;) {
        if (link->kept.size >= SIMC__LINK_FRAME_HEAD) {
            wanted = frame_size(link, simc_buffer_bytes(&link->kept));
            if (wanted == 0)
                return false;
        }
        if (link->kept.size >= wanted && wanted > SIMC__LINK_FRAME_HEAD)
            break;
        size_t missing = wanted - link->kept.size;
        if (link->fed.size == 0 || !keep(link, missing < link->fed.size ? missing : link->fed.size))
            return false;
    }
    struct simc_slice bytes = simc_buffer_bytes(&link->kept);
    *frame = simc_slice(bytes.data + SIMC__LINK_FRAME_HEAD, wanted - SIMC__LINK_FRAME_HEAD);
    link->kept_used = wanted;
    return true;
}

bool simc__link_frame_next(struct simc__link *link, struct simc_slice *frame)
{
    if (link->kept.size)
        return kept_next(link, frame);
    size_t size = frame_size(link, link->fed);
    if (size == 0 || size > link->fed.size) {
        if (link->state != SIMC__LINK_ENDED)
            simc__link_frame_keep(link);
        return false;
    }
    *frame = simc_slice(link->fed.data + SIMC__LINK_FRAME_HEAD, size - SIMC__LINK_FRAME_HEAD);
    link->fed = simc_slice(link->fed.data + size, link->fed.size - size);
    return true;
}

void simc__link_frame_release(struct simc__link *link)
{
    if (link->kept_used == 0)
        return;
    drop_wiped(&link->kept, link->kept_used);
    link->kept_used = 0;
    if (link->kept.size == 0 && link->kept.capacity > CAPACITY_KEPT)
        simc_buffer_fini(&link->kept);
}

/* ---- out ---- */

static void put_u32(uint8_t *at, uint32_t value)
{
    struct simc_writer writer = simc_writer(at, SIMC__LINK_FRAME_HEAD);
    simc_writer_u32(&writer, value);
}

int simc__link_out_begin(struct simc__link *link, struct simc_slice head, size_t size,
                         struct simc_writer *body)
{
    uint8_t *room = NULL;
    size_t most = link->send_limit - head.size;
    if (size > most)
        size = most;
    int error = reserve(&link->output, SIMC__LINK_FRAME_HEAD + head.size + size, &room);
    *body = simc_writer(NULL, 0);
    if (error)
        return error;
    memcpy(room + SIMC__LINK_FRAME_HEAD, head.data, head.size);
    link->begun_head = head.size;
    *body = simc_writer(room + SIMC__LINK_FRAME_HEAD + head.size, size);
    return 0;
}

int simc__link_out_end(struct simc__link *link, struct simc_writer *body)
{
    uint8_t *room = link->output.memory + link->output.start + link->output.size;
    size_t head_size = link->begun_head;
    link->begun_head = 0;
    if (body->error || body->at == 0) {
        size_t written = body->at < body->capacity ? body->at : body->capacity;
        simc_wipe(body->data, written);
        return body->error ? body->error : SIMC_EINVAL;
    }
    put_u32(room, (uint32_t)(head_size + body->at));
    simc_buffer_commit(&link->output, SIMC__LINK_FRAME_HEAD + head_size + body->at);
    return 0;
}

int simc__link_out(struct simc__link *link, struct simc_slice head, struct simc_slice body)
{
    static const uint8_t null[1] = {0xf6};
    struct simc_writer writer;
    if (body.size == 0)
        body = simc_slice(null, sizeof null);
    if (body.size > link->send_limit - head.size)
        return SIMC_ETOOLONG;
    int error = simc__link_out_begin(link, head, body.size, &writer);
    if (error)
        return error;
    simc_writer_slice(&writer, body);
    return simc__link_out_end(link, &writer);
}

void simc__link_out_drop(struct simc__link *link, size_t size)
{
    struct simc_buffer *output = &link->output;
    if (size > output->size)
        size = output->size;
    link->small_bursts = size > CAPACITY_KEPT ? 0 : link->small_bursts + 1;
    drop_wiped(output, size);
    if (output->size == 0 && output->capacity > CAPACITY_KEPT &&
        link->small_bursts > SMALL_BURSTS) {
        simc_buffer_fini(output);
        link->small_bursts = 0;
    }
}

/* ---- heads ---- */

static struct simc__cbor_writer begin(struct simc_writer *out, enum simc__link_frame frame)
{
    struct simc__cbor_writer writer;
    simc__cbor_writer_init(&writer, out);
    simc__cbor_put_array(&writer, items_of[frame]);
    simc__cbor_put_uint(&writer, frame);
    return writer;
}

static void put_trace(struct simc__cbor_writer *writer, const uint8_t *trace)
{
    if (!trace)
        return;
    simc__cbor_put_key(writer, SIMC__LINK_HEAD_TRACE);
    simc__cbor_put_bytes(writer, simc_slice(trace, SIMC__LINK_TRACE_SIZE));
}

struct simc_slice simc__link_head_request(uint8_t room[SIMC__LINK_OVERHEAD], uint32_t id,
                                          uint32_t method, uint32_t remaining_ms,
                                          const uint8_t *trace)
{
    struct simc_writer out = simc_writer(room, SIMC__LINK_OVERHEAD);
    struct simc__cbor_writer writer = begin(&out, SIMC__LINK_FRAME_REQUEST);
    simc__cbor_put_uint(&writer, id);
    simc__cbor_put_uint(&writer, method);
    simc__cbor_put_map(&writer, trace ? 2 : 1);
    simc__cbor_put_key(&writer, SIMC__LINK_HEAD_REMAINING_MS);
    simc__cbor_put_uint(&writer, remaining_ms);
    put_trace(&writer, trace);
    return simc_slice(room, out.at);
}

struct simc_slice simc__link_head_event(uint8_t room[SIMC__LINK_OVERHEAD], uint32_t topic,
                                        const uint8_t *trace)
{
    struct simc_writer out = simc_writer(room, SIMC__LINK_OVERHEAD);
    struct simc__cbor_writer writer = begin(&out, SIMC__LINK_FRAME_EVENT);
    simc__cbor_put_uint(&writer, topic);
    simc__cbor_put_map(&writer, trace ? 1 : 0);
    put_trace(&writer, trace);
    return simc_slice(room, out.at);
}

struct simc_slice simc__link_head_response(uint8_t room[SIMC__LINK_OVERHEAD], uint32_t id)
{
    struct simc_writer out = simc_writer(room, SIMC__LINK_OVERHEAD);
    struct simc__cbor_writer writer = begin(&out, SIMC__LINK_FRAME_RESPONSE);
    simc__cbor_put_uint(&writer, id);
    return simc_slice(room, out.at);
}

/* ---- whole frames ---- */

/* A sentence as it may go over the wire: cut at a character, and without what is no UTF-8. */
static struct simc_slice sentence(const char *text)
{
    struct simc_slice bytes = simc_slice(text, strnlen(text, SIMC__LINK_TEXT_SIZE - 1));
    while (bytes.size && !simc__cbor_is_utf8(bytes))
        bytes.size--;
    return bytes;
}

int simc__link_out_failure(struct simc__link *link, uint32_t id, uint32_t code, const char *text)
{
    uint8_t room[SIMC__LINK_OVERHEAD], body_room[SIMC__LINK_TEXT_SIZE + SIMC__CBOR_HEAD_MAX];
    struct simc_writer out = simc_writer(room, sizeof room);
    struct simc_writer body = simc_writer(body_room, sizeof body_room);
    struct simc__cbor_writer writer = begin(&out, SIMC__LINK_FRAME_FAILURE), text_writer;
    simc__cbor_put_uint(&writer, id);
    simc__cbor_put_uint(&writer, code);
    simc__cbor_writer_init(&text_writer, &body);
    simc__cbor_put_text(&text_writer, sentence(text ? text : simc__link_code_text(code)));
    return simc__link_out(link, simc_slice(room, out.at), simc_slice(body_room, body.at));
}

void simc__link_out_own(struct simc__link *link, enum simc__link_frame frame, uint64_t number,
                        const char *text)
{
    uint8_t room[SIMC__LINK_TEXT_SIZE + SIMC__LINK_OVERHEAD];
    struct simc_writer out = simc_writer(room, sizeof room);
    struct simc__cbor_writer writer = begin(&out, frame);
    /* The last element is the body of simc__link_out(). */
    size_t head_size = out.at;
    if (text)
        simc__cbor_put_text(&writer, sentence(text));
    else
        simc__cbor_put_uint(&writer, number);
    int error = simc__link_out(link, simc_slice(room, head_size),
                               simc_slice(room + head_size, out.at - head_size));
    if (error)
        simc__link_end(link, false, "%s",
                       error == SIMC_EFULL ? "the peer does not take what is sent to it"
                                           : simc_error_text(error));
}

int simc__link_out_hello(struct simc__link *link)
{
    uint8_t room[4 * SIMC__LINK_OVERHEAD + 2 * SIMC__LINK_NAME_MAX];
    const struct simc__link_settings *settings = &link->settings;
    struct simc_writer out = simc_writer(room, sizeof room);
    struct simc__cbor_writer writer = begin(&out, SIMC__LINK_FRAME_HELLO);
    simc__cbor_put_uint(&writer, SIMC__LINK_PROTOCOL);
    size_t head_size = out.at;
    simc__cbor_put_map(&writer, 6);
    simc__cbor_put_key(&writer, SIMC__LINK_HELLO_SERVICE);
    simc__cbor_put_text(&writer, simc_slice_text(link->service));
    simc__cbor_put_key(&writer, SIMC__LINK_HELLO_VERSION_MIN);
    simc__cbor_put_uint(&writer, settings->version_min);
    simc__cbor_put_key(&writer, SIMC__LINK_HELLO_VERSION_MAX);
    simc__cbor_put_uint(&writer, settings->version_max);
    simc__cbor_put_key(&writer, SIMC__LINK_HELLO_NAME);
    simc__cbor_put_text(&writer, simc_slice_text(link->name));
    simc__cbor_put_key(&writer, SIMC__LINK_HELLO_FRAME_LIMIT);
    simc__cbor_put_uint(&writer, settings->frame_limit);
    simc__cbor_put_key(&writer, SIMC__LINK_HELLO_REQUEST_LIMIT);
    simc__cbor_put_uint(&writer, settings->request_limit);
    int error = simc__cbor_put_finish(&writer);
    if (error)
        return error;
    return simc__link_out(link, simc_slice(room, head_size),
                          simc_slice(room + head_size, out.at - head_size));
}
