/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: the link. libFuzzer or the corpus replay calls it.
 *
 * Byte 0, bit 0: the link under test has its hello and two requests outstanding already. Then
 * pieces: a byte of length, that many bytes to be fed; length 0: the next byte says what the
 * application does. Whatever comes, each request is over once, and the last event comes once. */
#include <stdlib.h>
#include <string.h>

#include "unit/link_pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct state {
    struct simc__link *link;
    uint64_t now_ms;
    unsigned asked, over, closed;
    uint32_t request_id;
    uint8_t sum;
};

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void pull(struct state *state)
{
    struct simc__link_event event;
    while (simc__link_next_event(state->link, &event)) {
        check(state->closed == 0);
        for (size_t i = 0; i < event.body.size; i++)
            state->sum = (uint8_t)(state->sum + event.body.data[i]);
        check(memchr(event.text, '\0', sizeof event.text) != NULL);
        state->closed += event.type == SIMC__LINK_EVENT_CLOSED;
        state->over +=
            event.type == SIMC__LINK_EVENT_RESPONSE || event.type == SIMC__LINK_EVENT_FAILURE;
        if (event.type == SIMC__LINK_EVENT_REQUEST)
            state->request_id = event.id;
    }
}

static void act(struct state *state, uint8_t what)
{
    static const uint8_t body[] = {0x83, 1, 2, 3};
    struct simc_slice bytes = simc_slice(body, sizeof body);
    uint32_t id;
    switch (what % 8) {
    case 0:
        if (!simc__link_request(state->link, 7, bytes, what, NULL, state->now_ms, &id))
            state->asked++;
        break;
    case 1:
        (void)!simc__link_respond(state->link, state->request_id, bytes);
        break;
    case 2:
        (void)!simc__link_fail(state->link, state->request_id, SIMC__LINK_LIMIT, NULL);
        break;
    case 3:
        (void)!simc__link_cancel(state->link, what / 8);
        break;
    case 4:
        state->now_ms += (uint64_t)what * 32;
        simc__link_expire(state->link, state->now_ms);
        break;
    case 5:
        (void)!simc__link_send(state->link, what, bytes, NULL);
        break;
    case 6:
        simc__link_sent(state->link, what);
        break;
    default:
        simc__link_sent(state->link, simc__link_waiting(state->link));
    }
    pull(state);
}

static void feed(struct state *state, const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size);
    check(exact != NULL);
    memcpy(exact, data, size);
    simc__link_feed(state->link, simc_slice(exact, size), state->now_ms);
    pull(state);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct state state = {.now_ms = 1000};
    const struct simc__link_settings settings = {.service = "scs-mux",
                                                 .version_min = 1,
                                                 .version_max = 1,
                                                 .name = "fuzz",
                                                 .frame_limit = 4096,
                                                 .request_limit = 8,
                                                 .output_limit = 16384};
    if (size < 1 || simc__link_new(&settings, state.now_ms, &state.link))
        return 0;
    if (data[0] & 1) {
        struct simc__link *peer;
        check(simc__link_new(&settings, state.now_ms, &peer) == 0);
        struct simc_slice hello = simc__link_output(peer);
        feed(&state, hello.data, hello.size);
        simc__link_free(peer);
        check(simc__link_is_open(state.link));
        act(&state, 0);
        act(&state, 8);
    }
    for (size_t at = 1; at < size;) {
        size_t piece = data[at++];
        if (piece == 0 && at < size) {
            act(&state, data[at++]);
            continue;
        }
        piece = piece < size - at ? piece : size - at;
        if (piece)
            feed(&state, data + at, piece);
        at += piece;
    }
    simc__link_disconnected(state.link, state.now_ms);
    pull(&state);
    check(state.over == state.asked && state.closed == 1);
    simc__link_free(state.link);
    return 0;
}
