/* SPDX-License-Identifier: BSL-1.0 */
/* A test bed for inputs and outputs of transport streams: a loop with an end to every wait, what an
 * input gave and told, sockets without an adapter. The test_tsio_*.c files use it. */
#ifndef SIMC_TESTS_TSIO_BED_H
#define SIMC_TESTS_TSIO_BED_H

#include "tsio/tsio.h"
#include "unit/unit.h"

enum { TS_BED_EVENTS_MAX = 64, TS_BED_PACKETS_MAX = 65536 };

/* What an input or output has done. */
struct ts_bed_end {
    struct ts_bed *bed;
    struct simc__tsio_input *input;
    struct simc__tsio_output *output;
    enum simc__tsio_event_type events[TS_BED_EVENTS_MAX];
    size_t event_count;
    char text[SIMC__TSIO_TEXT_SIZE]; /* the last one */
    uint8_t *packets;                /* TS_BED_PACKETS_MAX */
    size_t count, room;              /* `room`: how many it takes; the bed's default is all */
    uint64_t arrival_ns;             /* the last */
    bool is_rising;                  /* arrivals never went back */
    unsigned ready, gone;
};

struct ts_bed {
    uv_loop_t loop;
    uv_timer_t tick;
    struct simc__tsio *tsio;
    uint64_t give_up_ms;
    char folder[64];
};

void ts_bed_init(struct ts_bed *bed);
/* Frees the context, closes the loop: everything must be closed, nothing waits. */
void ts_bed_fini(struct ts_bed *bed);
void ts_bed_turn(struct ts_bed *bed, const char *file, int line, const char *what);
#define ts_bed_until(bed, condition)                            \
    do {                                                        \
        while (!(condition))                                    \
            ts_bed_turn((bed), __FILE__, __LINE__, #condition); \
    } while (0)
void ts_bed_turns(struct ts_bed *bed, unsigned count);

/* The path of a file in a folder of the test's own. */
const char *ts_bed_path(struct ts_bed *bed, const char *name);
void ts_bed_write(const char *path, struct simc_slice bytes);

struct simc__tsio_address ts_bed_address(const char *text, unsigned directions);
/* Opens; `settings` may be filled before. */
void ts_bed_input(struct ts_bed *bed, struct ts_bed_end *end, const char *address,
                  struct simc__tsio_input_settings settings);
void ts_bed_output(struct ts_bed *bed, struct ts_bed_end *end, const char *address,
                   struct simc__tsio_output_settings settings);
/* Frees input or output, waits until it is gone. */
void ts_bed_end_fini(struct ts_bed_end *end);
bool ts_bed_has(const struct ts_bed_end *end, enum simc__tsio_event_type type);

/* `count` packets with rising numbers in PID and payload, 188 bytes each. */
void ts_bed_packets(uint8_t *packets, size_t first, size_t count);
/* A UDP socket that receives on 127.0.0.1 or ::1. */
int ts_bed_receiver(const char *host, uint16_t *port);
/* A port of 127.0.0.1 that is free now. */
uint16_t ts_bed_free_port(void);
/* Copies a text with PORT replaced. */
void ts_bed_with_port(char *text, size_t size, const char *pattern, uint16_t port);
void ts_bed_send(const char *host, uint16_t port, struct simc_slice bytes);

#endif
