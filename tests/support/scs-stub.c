/* SPDX-License-Identifier: BSL-1.0 */
/* A scripted SCS for tests of muxd: serves the SCS-mux link on a unix socket, defines one SCG, and
 * orders crypto periods of equal length with control words that follow from their number. It prints
 * a line for each thing that happens; tests/scenarios/muxd.t reads them.
 *
 *     scs-stub SOCKET SERVICE_ID CP_MS [SILENT]
 *
 * SILENT: "mute" defines nothing, "deaf" defines and orders nothing, "half" orders four periods. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/link.h"
#include "link/scs_mux.h"
#include "simulcrypt/ts.h"

enum {
    SCG = 7,
    STREAM = 0,
    TICKS_PER_MS = 27000,
    AHEAD_MS = 4000, /* live: ordered ahead */
    START_MS = 1000, /* live: until the first period */
    REPETITION_MS = 100,
    ECM_LEAD_MS = 500, /* an ECM is on air before its period, and until its end */
    MESSAGE_SIZE = 65536,
    CW_SIZE = 16,
    HALF = 4,
};

static struct {
    struct simc_uv_connection *connection;
    struct simc__link *link;
    uint8_t message[MESSAGE_SIZE];
    uint16_t service_id;
    uint64_t cp_ticks;
    bool is_mute, is_deaf, is_half;
    bool is_defined, has_first;
    struct simc__scs_mux_timeline timeline;
    uint64_t first_tick; /* of CP 0 */
    uint64_t next_cp;    /* to be ordered */
} stub;

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "scs-stub: %s: %s\n", what, why);
    exit(1);
}

static void need(int error, const char *what)
{
    if (error)
        fail(what, simc_error_text(error));
}

static void word_of(uint64_t cp, struct simc_secret *word)
{
    uint8_t bytes[CW_SIZE];
    for (unsigned i = 0; i < CW_SIZE; i++)
        bytes[i] = (uint8_t)(0x5a + 31 * cp + 7 * i);
    need(simc_secret_set(word, simc_slice(bytes, sizeof bytes)), "a control word");
}

/* A section of a private table, with the CP in it. */
static size_t ecm_of(uint64_t cp, uint8_t section[64])
{
    struct simc_writer out = simc_writer(section, 64);
    simc_writer_u8(&out, (uint8_t)(0x80 | (cp & 1)));
    simc_writer_u16(&out, 0x7000 | 20);
    for (unsigned i = 0; i < 16; i++)
        simc_writer_u8(&out, 0xe0);
    simc_writer_u32(&out, (uint32_t)cp);
    return out.at;
}

static void put(struct simc__scs_mux_orders *orders, const struct simc__scs_mux_order *order)
{
    need(simc__scs_mux_orders_put(orders, order), "an order");
}

static void order_period(struct simc__scs_mux_orders *orders, uint64_t cp)
{
    uint64_t start = stub.first_tick + cp * stub.cp_ticks, stop = start + stub.cp_ticks;
    uint64_t lead = (uint64_t)ECM_LEAD_MS * TICKS_PER_MS;
    uint8_t section[64];
    struct simc__scs_mux_order order = {.type = SIMC__SCS_MUX_ORDER_WORD,
                                        .scg_id = SCG,
                                        .stream = STREAM,
                                        .cp = (uint16_t)cp,
                                        .parity = cp & 1};
    word_of(cp, &order.cw);
    printf("cp %u %s start %llu cw ", (unsigned)order.cp, order.parity ? "odd" : "even",
           (unsigned long long)start);
    for (unsigned i = 0; i < CW_SIZE; i++)
        printf("%02x", simc_secret_bytes(&order.cw).data[i]);
    printf("\n");
    put(orders, &order);
    simc_secret_wipe(&order.cw);
    order.type = SIMC__SCS_MUX_ORDER_ECM;
    order.datagram = simc_slice(section, ecm_of(cp, section));
    put(orders, &order);
    order.type = SIMC__SCS_MUX_ORDER_PERIOD;
    order.start_tick = start;
    order.is_first = cp == 0;
    put(orders, &order);
    order.type = SIMC__SCS_MUX_ORDER_WINDOW;
    order.start_tick = start > lead ? start - lead : 0;
    order.stop_tick = stop - lead;
    order.repetition_ms = REPETITION_MS;
    put(orders, &order);
}

static void order_ahead(void)
{
    struct simc__scs_mux_orders orders;
    const struct simc__scs_mux_timeline *timeline = &stub.timeline;
    struct simc_writer out = simc_writer(stub.message, sizeof stub.message);
    bool is_file = timeline->horizon_tick != 0;
    if (!stub.is_defined || stub.is_deaf || !timeline->timeline_id)
        return;
    if (!stub.has_first) {
        uint64_t ahead = is_file ? 0 : (uint64_t)START_MS * TICKS_PER_MS;
        stub.first_tick = timeline->tick + ahead;
        stub.has_first = true;
    }
    uint64_t until =
        is_file ? timeline->horizon_tick : timeline->tick + (uint64_t)AHEAD_MS * TICKS_PER_MS;
    simc__scs_mux_orders_begin(&orders, &out);
    for (unsigned i = 0; i < 100 && !(stub.is_half && stub.next_cp >= HALF); i++) {
        if (stub.first_tick + stub.next_cp * stub.cp_ticks >= until)
            break;
        order_period(&orders, stub.next_cp++);
    }
    if (is_file && !(stub.is_half && stub.next_cp >= HALF)) {
        uint64_t planned = stub.first_tick + stub.next_cp * stub.cp_ticks;
        uint64_t lead = (uint64_t)ECM_LEAD_MS * TICKS_PER_MS;
        struct simc__scs_mux_order order = {
            .type = SIMC__SCS_MUX_ORDER_PLANNED, .scg_id = SCG, .start_tick = planned - lead};
        put(&orders, &order);
    }
    if (!orders.count)
        return;
    need(simc__scs_mux_orders_end(&orders), "orders");
    need(simc__link_send(stub.link, SIMC__SCS_MUX_ORDERS, simc_slice(stub.message, out.at), NULL),
         "sending orders");
    fflush(stdout);
}

static void request(uint32_t method, const struct simc_writer *out)
{
    uint32_t id;
    uint64_t now_ms = simc_uv_loop_now_ms(simc_uv_connection_loop(stub.connection));
    need(simc__link_request(stub.link, method, simc_slice(stub.message, out->at), 0, NULL, now_ms,
                            &id),
         "a request");
}

static void ask_for_plan(void)
{
    struct simc_writer out = simc_writer(stub.message, sizeof stub.message);
    need(simc__scs_mux_plan_request_write(&out, false, 0), "asking for the plan");
    request(SIMC__SCS_MUX_PLAN, &out);
}

static void define(void)
{
    struct simc__scs_mux_scg_service service = {.original_network_id = SIMC__SCS_MUX_ANY,
                                                .transport_stream_id = SIMC__SCS_MUX_ANY,
                                                .service_id = stub.service_id};
    struct simc__scs_mux_stream stream = {.stream = STREAM,
                                          .super_cas_id = 0x12340001,
                                          .ecm_id = 1,
                                          .private_size = 2,
                                          .private_data = {0xab, 0xcd}};
    struct simc__scs_mux_scg scg = {.scg_id = SCG,
                                    .name = "stub",
                                    .scrambling_mode = 0x10,
                                    .service_count = 1,
                                    .stream_count = 1,
                                    .services = &service,
                                    .streams = &stream};
    struct simc_writer out = simc_writer(stub.message, sizeof stub.message);
    need(simc__scs_mux_scg_write(&out, &scg), "a definition");
    request(SIMC__SCS_MUX_DEFINE, &out);
}

/* A mux that knows the SCG has its periods, of this process or of an earlier one. */
static void read_plan(struct simc_slice body)
{
    static struct simc__scs_mux_plan_scg scg;
    struct simc__scs_mux_reader reader;
    uint64_t timeline_id;
    bool is_last;
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    if (simc__scs_mux_plan_open(body, &reader, &timeline_id, &is_last, why))
        fail("the plan", why);
    while (simc__scs_mux_plan_next(&reader, &scg, why) == 0) {
        printf("plan scg %u periods %u windows %u\n", scg.scg_id, scg.period_count, scg.ecm_count);
        if (scg.scg_id == SCG && scg.period_count) {
            const struct simc__scs_mux_plan_period *last = &scg.periods[scg.period_count - 1];
            stub.next_cp = last->cp + 1U;
            stub.first_tick = last->start_tick - last->cp * stub.cp_ticks;
            stub.has_first = true;
        }
        simc__scs_mux_plan_scg_wipe(&scg);
    }
    if (!stub.is_mute)
        define();
    fflush(stdout);
}

static void read_defined(struct simc_slice body)
{
    struct simc__scs_mux_defined defined;
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    if (simc__scs_mux_defined_read(body, &defined, why))
        fail("the answer to a definition", why);
    printf("defined pid 0x%04x %s\n", defined.pids[0], defined.remark);
    stub.is_defined = true;
    order_ahead();
    fflush(stdout);
}

static void read_reports(struct simc_slice body)
{
    static const char *const words[] = {"period", "clear", "ecm_first", "ecm_last", "late"};
    struct simc__scs_mux_reader reader;
    struct simc__scs_mux_report report;
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    if (simc__scs_mux_reports_open(body, &reader, why))
        fail("reports", why);
    while (simc__scs_mux_reports_next(&reader, &report, why) == 0)
        printf("report %s cp %u tick %llu count %u\n", words[report.type], report.cp,
               (unsigned long long)report.tick, report.count);
    fflush(stdout);
}

static void take_event(const struct simc__link_event *event)
{
    struct simc__scs_mux_announce announce;
    struct simc__scs_mux_alarm alarm;
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    switch (event->method) {
    case SIMC__SCS_MUX_ANNOUNCE:
        if (simc__scs_mux_announce_read(event->body, &announce, why))
            fail("an announcement", why);
        printf("announce %s services %u%s\n", announce.name, announce.service_count,
               announce.is_file ? " file" : "");
        simc__scs_mux_announce_fini(&announce);
        break;
    case SIMC__SCS_MUX_TIMELINE:
        if (simc__scs_mux_timeline_read(event->body, &stub.timeline, why))
            fail("a timeline", why);
        order_ahead();
        break;
    case SIMC__SCS_MUX_REPORTS:
        read_reports(event->body);
        break;
    case SIMC__SCS_MUX_ALARM:
        if (simc__scs_mux_alarm_read(event->body, &alarm, why))
            fail("an alarm", why);
        printf("alarm %u %s %s\n", alarm.type, alarm.is_raised ? "raised" : "over", alarm.text);
        break;
    default:
        fail("an event", "it is not known");
    }
    fflush(stdout);
}

static void on_events(void *context, struct simc_uv_connection *connection, uint64_t now_ms)
{
    struct simc__link_event event;
    (void)context;
    (void)connection;
    (void)now_ms;
    while (simc__link_next_event(stub.link, &event)) {
        if (event.type == SIMC__LINK_EVENT_OPEN)
            ask_for_plan();
        else if (event.type == SIMC__LINK_EVENT_RESPONSE && event.method == SIMC__SCS_MUX_PLAN)
            read_plan(event.body);
        else if (event.type == SIMC__LINK_EVENT_RESPONSE && event.method == SIMC__SCS_MUX_DEFINE)
            read_defined(event.body);
        else if (event.type == SIMC__LINK_EVENT_EVENT)
            take_event(&event);
        else if (event.type == SIMC__LINK_EVENT_FAILURE)
            fail("a request failed", event.text);
    }
}

static int on_open(void *context, struct simc_uv_connection *connection)
{
    const struct simc__link_settings settings = {.service = SIMC__SCS_MUX_SERVICE,
                                                 .version_min = SIMC__SCS_MUX_VERSION,
                                                 .version_max = SIMC__SCS_MUX_VERSION,
                                                 .name = "scs-stub"};
    (void)context;
    if (stub.connection)
        fail("a second mux", "there is room for one");
    stub.connection = connection;
    stub.is_defined = false;
    memset(&stub.timeline, 0, sizeof stub.timeline);
    return simc__link_attach(connection, &settings, NULL, &stub.link);
}

static void on_end(void *context, struct simc_uv_connection *connection,
                   const struct simc_uv_end *end)
{
    (void)context;
    (void)connection;
    printf("ended %s\n", end->text);
    fflush(stdout);
    simc__link_free(stub.link);
    stub.link = NULL;
    stub.connection = NULL;
    stub.has_first = false;
    stub.next_cp = 0;
}

int main(int argc, char **argv)
{
    char why[SIMC_UV_TEXT_SIZE] = "";
    struct simc_uv_loop *loop;
    struct simc_uv_server *server;
    if (argc < 4) {
        fprintf(stderr, "usage: scs-stub SOCKET SERVICE_ID CP_MS [mute|deaf|half]\n");
        return 2;
    }
    const struct simc_uv_address address = {.path = argv[1]};
    stub.service_id = (uint16_t)strtoul(argv[2], NULL, 0);
    stub.cp_ticks = strtoull(argv[3], NULL, 0) * TICKS_PER_MS;
    stub.is_mute = argc > 4 && strcmp(argv[4], "mute") == 0;
    stub.is_deaf = argc > 4 && strcmp(argv[4], "deaf") == 0;
    stub.is_half = argc > 4 && strcmp(argv[4], "half") == 0;
    const struct simc_uv_server_settings settings = {
        .listen = &address,
        .listen_count = 1,
        .handlers = {.on_open = on_open, .on_events = on_events, .on_end = on_end}};
    need(simc_uv_loop_new(NULL, &loop), "a loop");
    if (simc_uv_server_new(loop, &settings, why, &server))
        fail("listening", why);
    printf("listening\n");
    fflush(stdout);
    simc_uv_loop_run(loop);
    return 0;
}
