/* SPDX-License-Identifier: BSL-1.0 */
/* Prints the events of a capture file as lines, one per event, words apart by one blank. The
 * scenario capture.t reads them and compares with another program's view of the same file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"

static void print_bytes(struct simc_slice bytes)
{
    putchar(' ');
    for (size_t i = 0; i < bytes.size; i++)
        printf("%02x", bytes.data[i]);
    if (bytes.size == 0)
        putchar('-');
}

/* kind packet time ready_packet [connection direction cause offset] from to size [cut] [bytes] */
static void print_event(const struct simc__capture_event *event)
{
    char from[SIMC__CAPTURE_ENDPOINT_SIZE], to[SIMC__CAPTURE_ENDPOINT_SIZE];
    simc__capture_endpoint_text(&event->from, from);
    simc__capture_endpoint_text(&event->to, to);
    printf("%s %" PRIu64 " %" PRIu64 ".%06" PRIu64 " %" PRIu64,
           simc__capture_kind_word(event->kind), event->packet, event->time_us / 1000000,
           event->time_us % 1000000, event->ready_packet);
    if (event->connection != SIMC__CAPTURE_NO_CONNECTION)
        printf(" %" PRIu32 " %u %s %" PRIu64, event->connection, event->direction,
               simc__capture_cause_word(event->cause), event->offset);
    printf(" %s %s %" PRIu64, from, to, event->size);
    if (event->kind == SIMC__CAPTURE_DATAGRAM)
        printf(" %s", event->cut ? "cut" : "whole");
    if (event->kind == SIMC__CAPTURE_DATA || event->kind == SIMC__CAPTURE_DATAGRAM)
        print_bytes(event->bytes);
    putchar('\n');
}

static void print_stats(const struct simc__capture_stats *stats)
{
#define STAT_PRINT(name, text) printf("stat " #name " %" PRIu64 "\n", stats->name);
    SIMC__CAPTURE_STAT_ROWS(STAT_PRINT)
#undef STAT_PRINT
}

/* Sets the limit of `name=value`. @return false for a name that is none. */
static bool limit_set(struct simc__capture_limits *limits, const char *text)
{
    size_t size = strcspn(text, "=");
#define LIMIT_SET(name, preset, min, max, meaning)                              \
    if (strlen(#name) == size && memcmp(#name, text, size) == 0) {              \
        limits->name = (uint32_t)strtoul(text + size + !!text[size], NULL, 10); \
        return true;                                                            \
    }
    SIMC__CAPTURE_LIMIT_ROWS(LIMIT_SET)
#undef LIMIT_SET
    return false;
}

int main(int argc, char **argv)
{
    struct simc__capture_limits limits = {0};
    for (int i = 2; i < argc; i++) {
        if (!limit_set(&limits, argv[i]))
            argc = 0;
    }
    if (argc < 2) {
        fprintf(stderr, "usage: capture-print FILE [LIMIT=VALUE]...\n");
        return 2;
    }
    struct simc__capture *capture;
    char why[512];
    int error = simc__capture_open(argv[1], &limits, &capture, why, sizeof why);
    if (error) {
        fprintf(stderr, "%s %s\n", simc_error_name(error), why);
        return 1;
    }
    struct simc__capture_event event;
    while ((error = simc__capture_next(capture, &event)) == 0)
        print_event(&event);
    print_stats(simc__capture_stats(capture));
    if (error != SIMC_EEND)
        fprintf(stderr, "%s %s\n", simc_error_name(error), simc__capture_why(capture));
    simc__capture_free(capture);
    return error == SIMC_EEND ? 0 : 1;
}
