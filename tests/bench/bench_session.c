/* SPDX-License-Identifier: BSL-1.0 */
/* What an ECM costs in the sessions alone, without cryptography and network: CW_provisions in
 * batches of 100 into the ECMG's side, each answered at once; the SCS's side likewise; deadlines of
 * 8,000 streams; and the memory of a stream. `make bench` runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "simulcrypt/session.h"

enum { BATCH = 100, MANY = 8000 };

static uint64_t allocation_count;

static void *counting_resize(void *context, void *pointer, size_t size)
{
    (void)context;
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    allocation_count++;
    return realloc(pointer, size);
}

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "bench_session: %s\n", what);
    exit(1);
}

struct bench {
    struct simc_session *ecmg, *scs;
    struct simc_session_event event;
    uint8_t batch[BATCH * 128];
    size_t batch_size, message_size;
    uint16_t cp;
    uint64_t now_ms;
    uint8_t ecm[188];
    struct simc_control_word cws[2];
    uint64_t ecms;
};

static const struct simc_ecmg_channel_status announced = {
    .section_tspkt_flag = 1,
    .ecm_rep_period_ms = 100,
    .lead_cw = 1,
    .cw_per_msg = 2,
    .max_comp_time_ms = 1000,
};

static void pump_ecmg(struct bench *bench)
{
    struct simc_session_event *event = &bench->event;
    while (simc_session_next_event(bench->ecmg, event)) {
        int error = 0;
        if (event->type == SIMC_EVENT_CHANNEL_SETUP)
            error = simc_ecmg_channel_accept(bench->ecmg, &announced);
        else if (event->type == SIMC_EVENT_STREAM_SETUP)
            error = simc_ecmg_stream_accept(bench->ecmg, false, NULL);
        else if (event->type == SIMC_EVENT_CW_PROVISION)
            error = simc_ecmg_respond(bench->ecmg, event->ecm_stream_id, event->cp_number,
                                      simc_slice(bench->ecm, sizeof bench->ecm));
        require(error == 0, "the application's answer is taken");
    }
}

static void pump_scs(struct bench *bench)
{
    while (simc_session_next_event(bench->scs, &bench->event))
        bench->ecms += bench->event.type == SIMC_EVENT_ECM;
}

/* All output of one side into the other, until both are quiet. */
static void exchange(struct bench *bench)
{
    for (;;) {
        struct simc_slice up = simc_session_output(bench->scs);
        simc_session_feed(bench->ecmg, up, bench->now_ms);
        pump_ecmg(bench);
        simc_session_sent(bench->scs, up.size);
        struct simc_slice down = simc_session_output(bench->ecmg);
        simc_session_feed(bench->scs, down, bench->now_ms);
        pump_scs(bench);
        simc_session_sent(bench->ecmg, down.size);
        if (up.size == 0 && down.size == 0)
            return;
    }
}

static void provide(struct bench *bench, uint16_t stream, uint16_t cp)
{
    for (unsigned i = 0; i < 2; i++)
        bench->cws[i].cp_number = (uint16_t)(cp + i);
    const struct simc_scs_provision provision = {
        .ecm_stream_id = stream,
        .cp_number = cp,
        .cws = bench->cws,
        .cw_count = 2,
        .has_access_criteria = true,
        .access_criteria = simc_slice("0123456789", 10),
    };
    require(simc_scs_provide(bench->scs, &provision, bench->now_ms) == 0, "a CW_provision");
}

static void start(struct bench *bench, unsigned streams)
{
    const struct simc_ecmg_settings ecmg = {.common.stream_limit = 65536};
    const struct simc_scs_settings scs = {.common.stream_limit = 65536, .super_cas_id = 1};
    bench->ecm[0] = 0x47;
    for (unsigned i = 0; i < 2; i++)
        require(simc_secret_set(&bench->cws[i].cw, simc_slice("01234567", 8)) == 0, "a CW");
    require(simc_ecmg_session_new(&ecmg, 0, &bench->ecmg) == 0, "an ECMG's session");
    require(simc_scs_session_new(&scs, 0, &bench->scs) == 0, "an SCS's session");
    exchange(bench);
    for (unsigned i = 0; i < streams; i++) {
        int error = simc_scs_stream_open(bench->scs, (uint16_t)i, (uint16_t)i, 100, bench->now_ms);
        require(error == 0, "a stream");
        if (i % BATCH == 0)
            exchange(bench);
    }
    exchange(bench);
    require(simc_session_stream_count(bench->ecmg) == streams, "all streams are open");
}

static void stop(struct bench *bench)
{
    simc_session_free(bench->ecmg);
    simc_session_free(bench->scs);
}

/* A batch of 100 messages as the SCS writes them, without access criteria. */
static void make_batch(struct bench *bench)
{
    provide(bench, 0, 0);
    exchange(bench);
    provide(bench, 0, 0);
    struct simc_slice message = simc_session_output(bench->scs);
    bench->message_size = message.size;
    for (unsigned i = 0; i < BATCH; i++)
        memcpy(bench->batch + i * message.size, message.data, message.size);
    bench->batch_size = BATCH * message.size;
    exchange(bench);
}

static uint64_t ecmg_side(void *context, uint64_t count)
{
    struct bench *bench = context;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i += BATCH) {
        simc_session_feed(bench->ecmg, simc_slice(bench->batch, bench->batch_size), bench->now_ms);
        pump_ecmg(bench);
        struct simc_slice output = simc_session_output(bench->ecmg);
        sum += output.data[output.size - 1];
        simc_session_sent(bench->ecmg, output.size);
    }
    return sum;
}

static uint64_t both_sides(void *context, uint64_t count)
{
    struct bench *bench = context;
    for (uint64_t i = 0; i < count; i += BATCH) {
        for (uint16_t stream = 0; stream < BATCH; stream++)
            provide(bench, stream, bench->cp);
        bench->cp++;
        bench->now_ms++;
        exchange(bench);
    }
    return bench->ecms;
}

/* One round: a CW_provision that gets its answer while 8,000 others wait. */
static uint64_t with_many(void *context, uint64_t count)
{
    struct bench *bench = context;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++) {
        provide(bench, (uint16_t)(i % MANY), bench->cp);
        bench->now_ms += i % 8 == 0;
        sum += simc_session_deadline_ms(bench->scs);
        if (simc_session_output(bench->scs).size > 60000 || i + 1 == count || i % MANY == MANY - 1)
            exchange(bench);
        bench->cp = (uint16_t)(bench->cp + (i % MANY == MANY - 1));
    }
    return sum + bench->ecms;
}

static void report(const char *name, bench_operation *operation, struct bench *bench)
{
    operation(bench, MANY); /* buffers grow and access criteria are kept once */
    uint64_t before = allocation_count;
    double ns = bench_ns(operation, bench);
    printf("   %-60s %8.1f ns  %llu allocations\n", name, ns,
           (unsigned long long)(allocation_count - before));
}

static void report_memory(void)
{
    static struct bench few, many;
    size_t memory[4];
    start(&few, 1);
    start(&many, 1001);
    for (uint16_t i = 0; i < 1001; i++) {
        provide(&many, i, 0);
        if (i == 0)
            provide(&few, i, 0);
        exchange(&few);
        exchange(&many);
    }
    memory[0] = simc_session_memory(few.ecmg);
    memory[1] = simc_session_memory(many.ecmg);
    memory[2] = simc_session_memory(few.scs);
    memory[3] = simc_session_memory(many.scs);
    printf("   an ECMG's session %zu bytes with one stream, %zu more for each further one\n",
           memory[0], (memory[1] - memory[0]) / 1000);
    printf("   an SCS's session %zu bytes with one stream, %zu more for each further one\n",
           memory[2], (memory[3] - memory[2]) / 1000);
    stop(&few);
    stop(&many);
}

int main(void)
{
    static struct bench one, hundred, many;
    const struct simc_allocator counting = {counting_resize, NULL};
    simc_allocator_set(&counting);
    bench_head("Sessions: CW_provision with 2 CWs, ECM of one TS packet, no cryptography");
    start(&one, 1);
    make_batch(&one);
    report("ECMG: CW_provision in, respond, out (goal 250 ns)", ecmg_side, &one);
    stop(&one);
    start(&hundred, BATCH);
    report("both sides, 100 streams: provide .. ECM", both_sides, &hundred);
    stop(&hundred);
    start(&many, MANY);
    report("both sides, 8,000 streams with a deadline each", with_many, &many);
    stop(&many);
    report_memory();
    return 0;
}
