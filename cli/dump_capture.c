/* SPDX-License-Identifier: BSL-1.0 */
/* Network captures of `simulcrypt dump`: hands each direction of each TCP connection, and each UDP
 * datagram, to the message printer in the order of the capture. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/capture.h"
#include "cli/commands.h"
#include "cli/dump.h"

enum { BUCKET_COUNT = 4096 };

/* A connection that is being followed. */
struct followed {
    struct followed *next; /* in its bucket */
    uint32_t connection;
    bool wanted; /* the user named its port */
    bool ended[2];
    struct simc__dump_stream streams[2];
};

struct follower {
    struct simc__dump *dump;
    struct followed *buckets[BUCKET_COUNT];
};

static bool is_wanted_port(const struct simc__dump *dump, uint16_t port)
{
    for (size_t i = 0; i < dump->port_count; i++) {
        if (dump->ports[i] == port)
            return true;
    }
    return false;
}

static struct followed **find(struct follower *follower, uint32_t connection)
{
    struct followed **at = &follower->buckets[connection % BUCKET_COUNT];
    while (*at && (*at)->connection != connection)
        at = &(*at)->next;
    return at;
}

static void forget(struct followed **at)
{
    struct followed *followed = *at;
    *at = followed->next;
    simc__dump_stream_fini(&followed->streams[0]);
    simc__dump_stream_fini(&followed->streams[1]);
    simc_free(followed);
}

static struct simc__dump_place place_of(const struct simc__capture_event *event)
{
    struct simc__dump_place place = {.is_capture = true,
                                     .time_us = event->time_us,
                                     .packet = event->packet,
                                     .connection = event->connection,
                                     .is_datagram = event->kind == SIMC__CAPTURE_DATAGRAM,
                                     .offset = event->offset};
    simc__capture_endpoint_text(&event->from, place.from);
    simc__capture_endpoint_text(&event->to, place.to);
    return place;
}

static void on_open(struct follower *follower, const struct simc__capture_event *event)
{
    bool wanted = is_wanted_port(follower->dump, event->from.port) ||
                  is_wanted_port(follower->dump, event->to.port);
    struct followed **at = find(follower, event->connection);
    if (*at || (follower->dump->port_count && !wanted))
        return;
    struct followed *followed = simc_calloc(1, sizeof *followed);
    if (!followed) {
        follower->dump->out_of_memory = true;
        return;
    }
    followed->connection = event->connection;
    followed->wanted = wanted;
    simc__dump_stream_init(&followed->streams[0]);
    simc__dump_stream_init(&followed->streams[1]);
    /* A connection older than the capture may begin anywhere inside a message. */
    followed->streams[0].is_lost = event->cause == SIMC__CAPTURE_CAUSE_MIDSTREAM;
    followed->streams[1].is_lost = followed->streams[0].is_lost;
    *at = followed;
}

static void on_stream(struct follower *follower, const struct simc__capture_event *event)
{
    struct followed **at = find(follower, event->connection);
    struct followed *followed = *at;
    if (!followed)
        return;
    struct simc__dump *dump = follower->dump;
    struct simc__dump_place place = place_of(event);
    struct simc__dump_stream *stream = &followed->streams[event->direction];
    if (event->kind == SIMC__CAPTURE_DATA) {
        simc__dump_stream_data(dump, stream, &place, event->bytes, followed->wanted);
        /* Both directions speak the same interface, so one teaches the other. */
        if (!followed->streams[!event->direction].interface)
            followed->streams[!event->direction].interface = stream->interface;
    } else if (event->kind == SIMC__CAPTURE_GAP) {
        simc__dump_stream_gap(dump, stream, &place, event->size, followed->wanted);
    } else {
        simc__dump_stream_end(dump, stream, &place, event->cause == SIMC__CAPTURE_CAUSE_FIN);
        followed->ended[event->direction] = true;
        if (followed->ended[0] && followed->ended[1])
            forget(at);
    }
}

static void on_datagram(struct follower *follower, const struct simc__capture_event *event)
{
    struct simc__dump *dump = follower->dump;
    bool wanted = is_wanted_port(dump, event->from.port) || is_wanted_port(dump, event->to.port);
    const struct simc_interface *interface = NULL;
    if (dump->port_count ? !wanted : !simc__dump_looks_like_message(event->bytes)) {
        dump->ignored_count++;
        return;
    }
    struct simc__dump_place place = place_of(event);
    if (event->cut) {
        simc__dump_note(dump, &place, "the capture holds %zu of the datagram's %llu bytes",
                        event->bytes.size, (unsigned long long)event->size);
        dump->gap_count++;
        return;
    }
    simc__dump_message(dump, &place, event->bytes, SIMC_TRANSPORT_UDP, &interface);
}

static int pull(struct follower *follower, struct simc__capture *capture)
{
    struct simc__capture_event event;
    int error;
    while ((error = simc__capture_next(capture, &event)) == 0) {
        switch (event.kind) {
        case SIMC__CAPTURE_OPEN:
            on_open(follower, &event);
            break;
        case SIMC__CAPTURE_DATA:
        case SIMC__CAPTURE_GAP:
        case SIMC__CAPTURE_CLOSE:
            on_stream(follower, &event);
            break;
        case SIMC__CAPTURE_DATAGRAM:
            on_datagram(follower, &event);
            break;
        }
        if (follower->dump->out_of_memory)
            return SIMC_ENOMEM;
        /* Nobody reads on: a live capture would never end by itself. */
        if (simc__cli_output_failed())
            return SIMC_EEND;
    }
    return error;
}

int simc__dump_capture(struct simc__dump *dump, const char *path)
{
    char why[512];
    struct simc__capture *capture;
    struct follower follower = {.dump = dump};
    struct stat about;
    dump->is_live =
        strcmp(path, "-") == 0 && fstat(STDIN_FILENO, &about) == 0 && !S_ISREG(about.st_mode);
    if (simc__capture_open(path, NULL, &capture, why, sizeof why))
        return simc__cli_trouble("%s", why);
    int error = pull(&follower, capture);
    int status = SIMC__EXIT_GOOD;
    if (error == SIMC_ENOMEM)
        status = simc__cli_trouble("no memory");
    else if (error != SIMC_EEND)
        status = simc__cli_trouble("%s", simc__capture_why(capture));
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        while (follower.buckets[i])
            forget(&follower.buckets[i]);
    }
    simc__capture_free(capture);
    return status;
}
