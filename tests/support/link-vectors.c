/* SPDX-License-Identifier: BSL-1.0 */
/* The bytes of the link for checks from outside. Without arguments: samples of all messages of the
 * SCS-mux service, and one frame of each kind, as they stand in tests/vectors/link. With `read`:
 * lines "rule hex" come in, and "good", "other" or "refused WHY" go out. tests/scenarios/link.t
 * runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/link_pair.h"
#include "unit/scs_mux_codecs.h"
#include "unit/scs_mux_samples.h"

enum { ROOM = 1 << 20, LINE_SIZE = 1 << 18 };

static uint8_t room[ROOM], again[ROOM];

static void put(const char *rule, const char *note, struct simc_slice bytes)
{
    printf("rule: %s\nnote: %s\nhex: ", rule, note);
    for (size_t i = 0; i < bytes.size; i++)
        printf("%02x", bytes.data[i]);
    printf("\n\n");
}

static int messages(void)
{
    static const char *const notes[] = {"smallest", "usual"};
    for (unsigned codec = 0; codec < SCS_MUX_CODECS; codec++) {
        for (int size = SCS_MUX_SMALLEST; size <= SCS_MUX_USUAL; size++) {
            struct simc_writer out = simc_writer(room, sizeof room);
            if (scs_mux_samples[codec]((enum scs_mux_size)size, &out))
                return 1;
            put(scs_mux_codecs[codec].name, notes[size], simc_slice(room, out.at));
        }
    }
    return 0;
}

/* ---- frames: what one end of a pair sends in a short talk ---- */

static void ignore(void *context, struct link_pair *pair, int end,
                   const struct simc__link_event *event)
{
    (void)pair, (void)end;
    if (event->type == SIMC__LINK_EVENT_REQUEST)
        *(uint32_t *)context = event->id;
}

/* Prints the one frame that waits at an end, and delivers it. */
static void show(struct link_pair *pair, int end, const char *rule, uint32_t *asked)
{
    struct simc_slice output = simc__link_output(pair->ends[end]);
    put(rule, end == PAIR_A ? "of end a" : "of end b",
        simc_slice(output.data + SIMC__LINK_FRAME_HEAD, output.size - SIMC__LINK_FRAME_HEAD));
    uint8_t *block = link_pair_carry(pair, end);
    link_pair_pull(pair, 1 - end, ignore, asked);
    free(block);
}

static int frames(void)
{
    struct link_pair pair = {.now_ms = 1000};
    const uint8_t trace[SIMC__LINK_TRACE_SIZE] = {0x4b, 0xf9, 0x2f, 0x35};
    const struct simc_slice body = {(const uint8_t *)"\x82\x01\x61\x78", 4};
    uint32_t asked = 0, id;
    int error = link_pair_start(&pair);
    struct simc__link *a = pair.ends[PAIR_A], *b = pair.ends[PAIR_B];
    if (error)
        return 1;
    show(&pair, PAIR_A, "hello", &asked);
    show(&pair, PAIR_B, "hello", &asked);
    error = error ? error : simc__link_request(a, 16, body, 700, trace, pair.now_ms, &id);
    show(&pair, PAIR_A, "request", &asked);
    error = error ? error : simc__link_respond(b, asked, simc_slice(NULL, 0));
    show(&pair, PAIR_B, "response", &asked);
    error = error ? error : simc__link_request(a, 17, body, 0, NULL, pair.now_ms, &id);
    show(&pair, PAIR_A, "request", &asked);
    error = error ? error : simc__link_fail(b, asked, SIMC__LINK_CONFLICT, "it is there already");
    show(&pair, PAIR_B, "failure", &asked);
    error = error ? error : simc__link_send(a, 19, body, trace);
    show(&pair, PAIR_A, "event", &asked);
    error = error ? error : simc__link_send(b, 2, simc_slice(NULL, 0), NULL);
    show(&pair, PAIR_B, "event", &asked);
    error = error ? error : simc__link_request(b, 18, body, 0, NULL, pair.now_ms, &id);
    show(&pair, PAIR_B, "request", &asked);
    error = error ? error : simc__link_cancel(b, id);
    show(&pair, PAIR_B, "cancel", &asked);
    pair.now_ms += 2000;
    simc__link_expire(a, pair.now_ms);
    show(&pair, PAIR_A, "ping", &asked);
    show(&pair, PAIR_B, "pong", &asked);
    simc__link_close(a, "the vectors are complete");
    show(&pair, PAIR_A, "close", &asked);
    link_pair_free(&pair);
    return error != 0;
}

/* ---- reading ---- */

static const char *verdict(const char *rule, struct simc_slice body,
                           char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc_writer out = simc_writer(again, sizeof again);
    for (unsigned codec = 0; codec < SCS_MUX_CODECS; codec++) {
        if (strcmp(scs_mux_codecs[codec].name, rule) != 0)
            continue;
        if (scs_mux_codecs[codec].again(body, &out, why))
            return "refused ";
        why[0] = '\0';
        return simc_slice_equal(simc_slice(again, out.at), body) ? "good" : "other";
    }
    snprintf(why, SIMC__SCS_MUX_TEXT_SIZE, "%.40s", rule);
    return "no such rule: ";
}

static int read_lines(void)
{
    static char line[LINE_SIZE];
    while (fgets(line, sizeof line, stdin)) {
        char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
        char *hex = strchr(line, ' ');
        size_t size = 0;
        line[strcspn(line, "\n")] = '\0';
        if (!hex)
            return 1;
        *hex++ = '\0';
        if (simc_hex_read(simc_slice_text(hex), room, sizeof room, &size, NULL))
            return 1;
        const char *says = verdict(line, simc_slice(room, size), why);
        printf("%s%s\n", says, why);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "read") == 0)
        return read_lines();
    if (argc == 2 && strcmp(argv[1], "frames") == 0)
        return frames();
    return messages();
}
