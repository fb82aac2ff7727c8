/* SPDX-License-Identifier: BSL-1.0 */
/* Benchmark of lib/link: requests and their answers, events, and orders of the SCS-mux service from
 * the struct to the struct, over a pair in memory. `make bench` runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "unit/link_pair.h"
#include "unit/scs_mux_samples.h"

enum { BATCH = 64, ECM_SIZE = 183, BODY_ROOM = 65536 };

static void answer(void *context, struct link_pair *pair, int end,
                   const struct simc__link_event *event)
{
    uint64_t *count = context;
    *count += event->body.size;
    if (event->type == SIMC__LINK_EVENT_REQUEST &&
        simc__link_respond(pair->ends[end], event->id, event->body))
        abort();
}

/* Moves what A has sent to B, or the other way round, without a copy. */
static void deliver(struct link_pair *pair, int end, uint64_t *count)
{
    struct simc_slice output = simc__link_output(pair->ends[end]);
    simc__link_feed(pair->ends[1 - end], output, pair->now_ms);
    link_pair_pull(pair, 1 - end, answer, count);
    simc__link_sent(pair->ends[end], output.size);
}

static uint64_t requests(void *context, uint64_t count)
{
    struct link_pair *pair = context;
    uint64_t sum = 0;
    uint32_t id;
    const struct simc_slice body = {(const uint8_t *)"\x07", 1};
    for (uint64_t i = 0; i < count; i++) {
        if (simc__link_request(pair->ends[PAIR_A], 18, body, 0, NULL, pair->now_ms, &id))
            abort();
        if (i % BATCH == BATCH - 1 || i + 1 == count) {
            deliver(pair, PAIR_A, &sum);
            deliver(pair, PAIR_B, &sum);
        }
    }
    return sum;
}

static uint64_t events(void *context, uint64_t count)
{
    struct link_pair *pair = context;
    uint64_t sum = 0;
    static const uint8_t body[ECM_SIZE + 2] = {0x58, ECM_SIZE};
    for (uint64_t i = 0; i < count; i++) {
        if (simc__link_send(pair->ends[PAIR_A], 1, simc_slice(body, sizeof body), NULL))
            abort();
        if (i % BATCH == BATCH - 1 || i + 1 == count)
            deliver(pair, PAIR_A, &sum);
    }
    return sum;
}

/* The orders of a crypto period with two ECM streams: a word, two ECMs, a period, four windows. */
static uint64_t read_orders(struct simc_slice body)
{
    char why[SIMC__SCS_MUX_TEXT_SIZE];
    struct simc__scs_mux_reader reader;
    struct simc__scs_mux_order order;
    uint64_t sum = 0;
    if (simc__scs_mux_orders_open(body, &reader, why))
        abort();
    while (!simc__scs_mux_orders_next(&reader, &order, why)) {
        sum += order.cp + order.datagram.size;
        simc_secret_wipe(&order.cw);
    }
    return sum;
}

static uint64_t orders(void *context, uint64_t count)
{
    static const uint8_t ecm[ECM_SIZE] = {0x80, 0x70, ECM_SIZE - 3};
    struct link_pair *pair = context;
    struct simc__link *a = pair->ends[PAIR_A], *b = pair->ends[PAIR_B];
    struct simc__link_event event;
    struct simc_writer out;
    struct simc__scs_mux_orders list;
    uint64_t sum = 0;
    struct simc__scs_mux_order row[8];
    memset(row, 0, sizeof row);
    for (unsigned i = 0; i < 8; i++) {
        row[i].type = i == 0   ? SIMC__SCS_MUX_ORDER_WORD
                      : i < 3  ? SIMC__SCS_MUX_ORDER_ECM
                      : i == 3 ? SIMC__SCS_MUX_ORDER_PERIOD
                               : SIMC__SCS_MUX_ORDER_WINDOW;
        row[i].cw = scs_mux_sample_cw(8, i);
        row[i].datagram = simc_slice(ecm, sizeof ecm);
        row[i].stream = (uint8_t)(i & 1);
        row[i].start_tick = UINT64_C(1) << 40;
        row[i].stop_tick = i & 2 ? SIMC__SCS_MUX_OPEN : UINT64_C(1) << 41;
        row[i].repetition_ms = 100;
    }
    for (uint64_t done = 0; done < count;) {
        if (simc__link_send_begin(a, SIMC__SCS_MUX_ORDERS, NULL, BODY_ROOM, &out))
            abort();
        simc__scs_mux_orders_begin(&list, &out);
        for (; done < count; done++) {
            struct simc__scs_mux_order *each = &row[done % 8];
            each->scg_id = (uint32_t)(done / 8);
            each->cp = (uint16_t)done;
            if (simc__scs_mux_orders_put(&list, each))
                break;
        }
        if (simc__scs_mux_orders_end(&list) || simc__link_send_end(a, &out))
            abort();
        struct simc_slice output = simc__link_output(a);
        simc__link_feed(b, output, pair->now_ms);
        while (simc__link_next_event(b, &event))
            sum += read_orders(event.body);
        simc__link_sent(a, output.size);
    }
    return sum;
}

int main(void)
{
    static const struct {
        const char *name;
        bench_operation *run;
    } rows[] = {
        {"request and answer", requests},
        {"event of 183 bytes", events},
        {"order, written, carried, read", orders},
    };
    struct link_pair pair = {.now_ms = 1000};
    uint64_t count = 0;
    if (link_pair_start(&pair))
        return 1;
    link_pair_run(&pair, answer, &count);
    bench_head("link (lib/link)");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double ns = bench_ns(rows[i].run, &pair);
        printf("%-32s %8.1f ns %12.0f per second\n", rows[i].name, ns, 1e9 / ns);
    }
    link_pair_free(&pair);
    return 0;
}
