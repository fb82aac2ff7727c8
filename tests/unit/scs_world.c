/* SPDX-License-Identifier: BSL-1.0 */
/* ECMGs and a mux around a synchroniser in memory. The tests of scs/ call it. */
#include "unit/scs_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TICKS_PER_MS = 27000, RETRY_MS = 200, BUFFER_MAX = 1 << 24 };

/* ---- environment ---- */

static void keep(char *text, size_t *size, struct simc_slice line)
{
    if (*size + line.size >= WORLD_LOG_SIZE)
        *size = 0;
    memcpy(text + *size, line.data, line.size);
    *size += line.size;
}

static void keep_line(void *context, enum simc_log_level level, struct simc_slice line)
{
    struct world *world = context;
    (void)level;
    keep(world->lines, &world->lines_size, line);
    if (getenv("SIMC_WORLD_VERBOSE"))
        fprintf(stderr, "%llu %.*s\n", (unsigned long long)world->now_ms, (int)line.size,
                (const char *)line.data);
}

static void print_line(void *context, struct simc_slice line)
{
    struct world *world = context;
    keep(world->printed, &world->printed_size, line);
}

static uint64_t wall_us(void *context)
{
    const struct world *world = context;
    return world->wall_us + world->now_ms * 1000;
}

/* Words that a test can tell apart; every seventh is weak, to be drawn again. */
static int draw(void *context, uint8_t *bytes, size_t size)
{
    struct world *world = context;
    uint64_t state = ++world->draws * 0x9E3779B97F4A7C15u;
    if (world->source_fails)
        return SIMC_EAGAIN;
    for (size_t i = 0; i < size; i++) {
        state ^= state >> 29;
        state *= 0xBF58476D1CE4E5B9u;
        bytes[i] = world->draws % 7 == 0 ? 0x55 : (uint8_t)(state >> 56);
    }
    return 0;
}

static uint32_t sum_of(const struct simc_secret *cw)
{
    uint32_t sum = 2166136261u;
    for (unsigned i = 0; i < cw->size; i++)
        sum = (sum ^ cw->bytes[i]) * 16777619u;
    return sum;
}

static struct world_node *node_of(struct world *world, uint16_t port)
{
    for (unsigned i = 0; i < world->node_count; i++)
        if (world->nodes[i].port == port)
            return &world->nodes[i];
    ck_abort_msg("no ECMG on port %u", (unsigned)port);
    return NULL;
}

static int connect_channel(void *context, struct simc__scs_channel *channel)
{
    struct world *world = context;
    struct world_node *node = node_of(world, simc__scs_channel_conf(channel)->address.port);
    for (unsigned i = 0; i < WORLD_CHANNELS_MAX; i++) {
        struct world_channel *at = &node->channels[i];
        if (at->is_wanted)
            continue;
        memset(at, 0, sizeof *at);
        at->is_wanted = true;
        at->channel = channel;
        at->retry_ms = world->now_ms;
        simc__scs_channel_owner_set(channel, at);
        return 0;
    }
    return SIMC_EFULL;
}

static void disconnect_channel(void *context, struct simc__scs_channel *channel)
{
    struct world_channel *at = simc__scs_channel_owner(channel);
    (void)context;
    simc_session_free(at->ecmg);
    memset(at, 0, sizeof *at);
}

/* The bytes are moved by world_pass(). */
static void flush_channel(void *context, struct simc__scs_channel *channel)
{
    struct world_channel *at = simc__scs_channel_owner(channel);
    (void)context;
    at->is_flushed = true;
}

static void mux_take(struct world *world);

static void flush_mux(void *context, struct simc__scs_mux *mux)
{
    (void)mux;
    mux_take(context);
}

static size_t mux_waiting(void *context, struct simc__scs_mux *mux)
{
    const struct world *world = context;
    return world->mux_is_frozen ? simc__link_waiting(simc__scs_mux_link(mux)) : 0;
}

static const struct simc__scs_environment environment = {
    .wall_us = wall_us,
    .connect = connect_channel,
    .disconnect = disconnect_channel,
    .flush_channel = flush_channel,
    .flush_mux = flush_mux,
    .mux_waiting = mux_waiting,
    .print = print_line,
};

/* ---- ECMGs ---- */

struct world_node *world_node(struct world *world, uint16_t port)
{
    ck_assert_uint_lt(world->node_count, WORLD_NODES_MAX);
    struct world_node *node = &world->nodes[world->node_count++];
    node->port = port;
    node->reply_ms = 20;
    node->announces = (struct simc_ecmg_channel_status){
        .ecm_rep_period_ms = 100,
        .min_cp_duration_100ms = 5,
        .lead_cw = 1,
        .cw_per_msg = 2,
        .max_comp_time_ms = 100,
    };
    return node;
}

static void node_connect(struct world *world, struct world_node *node, struct world_channel *at)
{
    const struct simc_ecmg_settings settings = {
        .versions = node->versions, .pending_limit = 16, .common = {.stream_limit = 65535}};
    if (node->manner == WORLD_DEAD || world->now_ms < at->retry_ms)
        return;
    at->retry_ms = world->now_ms + RETRY_MS;
    if (simc__scs_channel_connected(at->channel, world->now_ms, &at->scs))
        return;
    at->is_flushed = true;
    unit_alloc_spare(true);
    ck_assert_int_eq(simc_ecmg_session_new(&settings, world->now_ms, &at->ecmg), 0);
    unit_alloc_spare(false);
}

static void node_provision(struct world *world, struct world_node *node, unsigned channel,
                           const struct simc_session_event *event)
{
    const struct simc_ecmg_provision *provision = &event->provision;
    node->provisions++;
    struct simc_writer ac = simc_writer(node->last_ac, sizeof node->last_ac - 1);
    for (size_t i = 0; i < provision->access_criteria.size; i++) {
        char digits[3];
        snprintf(digits, sizeof digits, "%02x", provision->access_criteria.data[i]);
        simc_writer_slice(&ac, simc_slice_text(digits));
    }
    node->last_ac[ac.at] = '\0';
    uint32_t word = 0;
    for (size_t i = 0; i < provision->cw_count; i++) {
        const struct simc_control_word *cw = &provision->cws[i];
        uint32_t sum = sum_of(&cw->cw);
        bool is_own = cw->cp_number == provision->cp_number;
        word = is_own ? sum : word;
        /* ECM_ids of group n begin at 10 n: what is published must be at the mux by now. */
        unsigned scg = provision->ecm_id / 10;
        if (world->link && scg >= 1 && scg <= WORLD_SCGS_MAX &&
            simc_cp_distance(cw->cp_number, provision->cp_number) >= 0 &&
            (!world->scgs[scg - 1].has_word[cw->cp_number] ||
             world->scgs[scg - 1].words[cw->cp_number] != sum))
            world->unreserved++;
    }
    if (node->manner == WORLD_SILENT)
        return;
    if (node->manner == WORLD_REFUSES) {
        ck_assert_int_eq(simc_ecmg_respond_error(node->channels[channel].ecmg, event->ecm_stream_id,
                                                 provision->cp_number, node->status,
                                                 simc_slice(NULL, 0)),
                         0);
        return;
    }
    ck_assert_uint_lt(node->pending_count, WORLD_PENDING_MAX);
    node->pending[node->pending_count++] = (struct world_answer){
        .due_ms = world->now_ms + (node->manner == WORLD_SLOW ? node->slow_ms : node->reply_ms),
        .channel = channel,
        .stream_id = event->ecm_stream_id,
        .cp = provision->cp_number,
        .ecm_id = provision->ecm_id,
        .word = word,
    };
}

/* An ECM that tells which CW it is for: table_id, length, ECM_id, CP, sum. */
static void node_answer(struct world_node *node, const struct world_answer *answer)
{
    uint8_t bytes[16];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    struct simc_session *session = node->channels[answer->channel].ecmg;
    simc_writer_u8(&out, 0x80 | (answer->cp & 1));
    simc_writer_u16(&out, node->manner == WORLD_WRONG ? 0x7fff : 0x7008);
    simc_writer_u16(&out, answer->ecm_id);
    simc_writer_u16(&out, answer->cp);
    simc_writer_u32(&out, answer->word);
    node->ecms++;
    /* The stream or connection may be gone meanwhile. */
    if (session)
        (void)!simc_ecmg_respond(session, answer->stream_id, answer->cp, simc_slice(bytes, out.at));
}

static void node_answers(struct world *world, struct world_node *node)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < node->pending_count; i++) {
        struct world_answer answer = node->pending[i];
        if (world->now_ms >= answer.due_ms)
            node_answer(node, &answer);
        else
            node->pending[kept++] = answer;
    }
    node->pending_count = kept;
}

static void node_events(struct world *world, struct world_node *node, unsigned channel)
{
    struct simc_session *session = node->channels[channel].ecmg;
    struct simc_session_event event;
    while (simc_session_next_event(session, &event)) {
        switch (event.type) {
        case SIMC_EVENT_CHANNEL_SETUP:
            ck_assert_int_eq(simc_ecmg_channel_accept(session, &node->announces), 0);
            break;
        case SIMC_EVENT_STREAM_SETUP:
            node->setups++;
            if (node->refuse_streams && node->streams >= node->refuse_streams) {
                ck_assert_int_eq(simc_session_refuse(session, 0x000A, simc_slice(NULL, 0)), 0);
                break;
            }
            node->streams++;
            ck_assert_int_eq(simc_ecmg_stream_accept(session, false, node), 0);
            break;
        case SIMC_EVENT_STREAM_CLOSED:
            node->streams--;
            break;
        case SIMC_EVENT_CW_PROVISION:
            node_provision(world, node, channel, &event);
            break;
        default:
            break;
        }
    }
}

static bool move(struct simc_session *from, struct simc_session *to, bool is_to_peer,
                 uint64_t now_ms, struct simc_buffer *held)
{
    struct simc_slice output = simc_session_output(from);
    if (output.size == 0)
        return false;
    simc_buffer_init(held, BUFFER_MAX);
    unit_alloc_spare(true);
    ck_assert_int_eq(simc_buffer_append(held, output), 0);
    if (!is_to_peer)
        unit_alloc_spare(false);
    simc_session_sent(from, output.size);
    simc_session_feed(to, simc_buffer_bytes(held), now_ms);
    if (is_to_peer)
        unit_alloc_spare(false);
    return true;
}

static void hang_up(struct world *world, struct world_node *node, struct world_channel *at,
                    const char *why)
{
    node->streams -= simc_session_stream_count(at->ecmg);
    simc_session_free(at->ecmg);
    simc_session_disconnected(at->scs, world->now_ms);
    at->ecmg = at->scs = NULL;
    struct simc__scs_channel *channel = at->channel;
    bool at_once;
    simc__scs_channel_events(channel, world->now_ms);
    at_once = simc__scs_channel_retries_at_once(channel);
    at->retry_ms = world->now_ms + (at_once ? 0 : RETRY_MS);
    simc__scs_channel_disconnected(channel, why, world->now_ms);
}

static bool channel_step(struct world *world, struct world_node *node, unsigned index)
{
    struct world_channel *at = &node->channels[index];
    struct simc_buffer held;
    bool has_moved = false;
    if (!at->is_wanted)
        return false;
    if (!at->scs) {
        node_connect(world, node, at);
        return at->scs != NULL;
    }
    /* As a connection does it: nobody looks at a session for which nothing was due. */
    bool is_due =
        at->is_flushed || simc_deadline_due(simc_session_deadline_ms(at->scs), world->now_ms);
    at->is_flushed = false;
    simc_session_expire(at->scs, world->now_ms);
    if (node->manner != WORLD_FROZEN) {
        unit_alloc_spare(true);
        simc_session_expire(at->ecmg, world->now_ms);
        if (move(at->scs, at->ecmg, true, world->now_ms, &held)) {
            has_moved = true;
            node_events(world, node, index);
            simc_buffer_fini(&held);
        }
        node_answers(world, node);
        unit_alloc_spare(false);
        if (move(at->ecmg, at->scs, false, world->now_ms, &held)) {
            has_moved = is_due = true;
            simc__scs_channel_events(at->channel, world->now_ms);
            simc_buffer_fini(&held);
        }
    }
    if (is_due)
        simc__scs_channel_events(at->channel, world->now_ms);
    if (at->scs && ((is_due && simc_session_wants_close(at->scs) != SIMC_REASON_NONE) ||
                    simc_session_wants_close(at->ecmg) != SIMC_REASON_NONE)) {
        hang_up(world, node, at, "closed");
        has_moved = true;
    }
    return has_moved;
}

void world_break(struct world *world, struct world_node *node)
{
    node->pending_count = 0;
    for (unsigned i = 0; i < WORLD_CHANNELS_MAX; i++)
        if (node->channels[i].is_wanted && node->channels[i].scs)
            hang_up(world, node, &node->channels[i], "the peer reset it");
    simc__scs_run(world->scs, world->now_ms);
}

/* ---- the mux ---- */

static uint64_t now_tick(const struct world *world)
{
    return world->tick_base + world->now_ms * TICKS_PER_MS;
}

struct world_scg *world_scg(struct world *world, uint32_t id)
{
    ck_assert(id >= 1 && id <= WORLD_SCGS_MAX);
    return &world->scgs[id - 1];
}

static struct simc__scs_mux_plan_period *plan_period(struct simc__scs_mux_plan_scg *plan,
                                                     uint16_t cp)
{
    for (unsigned i = 0; i < plan->period_count; i++)
        if (plan->periods[i].cp == cp)
            return &plan->periods[i];
    if (plan->period_count == SIMC__SCS_MUX_WORDS_KEPT) {
        memmove(&plan->periods[0], &plan->periods[1],
                (SIMC__SCS_MUX_WORDS_KEPT - 1) * sizeof plan->periods[0]);
        plan->period_count--;
    }
    struct simc__scs_mux_plan_period *period = &plan->periods[plan->period_count++];
    period->cp = cp;
    period->start_tick = SIMC__SCS_MUX_OPEN;
    return period;
}

static void check_start(struct world *world, struct world_scg *scg, uint64_t tick)
{
    if (!world->is_file && tick < now_tick(world))
        scg->late++;
}

static void take_period(struct world *world, struct world_scg *scg,
                        struct simc__scs_mux_plan_scg *plan,
                        const struct simc__scs_mux_order *order)
{
    ck_assert_msg(scg->has_word[order->cp], "period %u has no word", (unsigned)order->cp);
    ck_assert_uint_eq(order->parity, order->cp & 1);
    plan_period(plan, order->cp)->start_tick = order->start_tick;
    plan->is_clear = false;
    bool is_again = scg->has_newest && scg->newest == order->cp;
    if (scg->starts[order->cp] == order->start_tick) {
        /* Sent again to a mux that has come back. */
        if (!scg->has_newest || simc_cp_distance(order->cp, scg->newest) > 0)
            scg->newest = order->cp;
        scg->has_newest = true;
        return;
    }
    check_start(world, scg, order->start_tick);
    scg->periods++;
    scg->firsts += order->is_first;
    if (scg->has_newest && !order->is_first && !is_again) {
        scg->lengths_ticks = order->start_tick - scg->starts[scg->newest];
        scg->stretched += world->cp_ticks && scg->lengths_ticks != world->cp_ticks;
        if (world->cp_ticks)
            ck_assert_uint_eq(order->cp, (uint16_t)(scg->newest + 1));
    }
    scg->starts[order->cp] = order->start_tick;
    scg->newest = order->cp;
    scg->has_newest = true;
    scg->is_clear = false;
}

static void take_window(struct world *world, struct world_scg *scg,
                        struct simc__scs_mux_plan_scg *plan,
                        const struct simc__scs_mux_order *order)
{
    ck_assert_uint_lt(order->stream, WORLD_STREAMS_MAX);
    ck_assert_msg(scg->has_ecm[order->stream][order->cp], "a window without its ECM, CP %u",
                  (unsigned)order->cp);
    unsigned at = 0;
    while (at < plan->ecm_count &&
           !(plan->ecms[at].stream == order->stream && plan->ecms[at].cp == order->cp))
        at++;
    if (order->stop_tick != SIMC__SCS_MUX_OPEN) {
        ck_assert_uint_ge(order->stop_tick, order->start_tick);
        if (at < plan->ecm_count)
            plan->ecms[at] = plan->ecms[--plan->ecm_count];
        scg->has_open[order->stream] = false;
        return;
    }
    if (at == plan->ecm_count)
        plan->ecm_count++;
    plan->ecms[at] = (struct simc__scs_mux_plan_ecm){order->stream, order->cp, order->start_tick,
                                                     order->repetition_ms};
    bool is_again = scg->has_open[order->stream] && scg->open_cp[order->stream] == order->cp;
    if (!is_again)
        check_start(world, scg, order->start_tick);
    scg->windows += !is_again;
    scg->has_open[order->stream] = true;
    scg->open_cp[order->stream] = order->cp;
    scg->open_ticks[order->stream] = order->start_tick;
}

static void take_ecm(struct world_scg *scg, const struct simc__scs_mux_order *order)
{
    struct simc_reader in = simc_reader(order->datagram);
    ck_assert_uint_lt(order->stream, WORLD_STREAMS_MAX);
    (void)simc_reader_u24(&in);
    ck_assert_uint_eq(simc_reader_u16(&in), scg->ecm_ids[order->stream]);
    ck_assert_uint_eq(simc_reader_u16(&in), order->cp);
    /* Every stream has the same CW, and it is the one that the mux has. */
    ck_assert(scg->has_word[order->cp]);
    ck_assert_uint_eq(simc_reader_u32(&in), scg->words[order->cp]);
    scg->ecms += !scg->has_ecm[order->stream][order->cp];
    scg->has_ecm[order->stream][order->cp] = true;
}

static void take_order(struct world *world, struct simc__scs_mux_order *order)
{
    struct world_scg *scg = world_scg(world, order->scg_id);
    struct simc__scs_mux_plan_scg *plan = &world->plans[order->scg_id - 1];
    ck_assert(scg->is_defined);
    plan->scg_id = order->scg_id;
    switch (order->type) {
    case SIMC__SCS_MUX_ORDER_WORD:
        /* A number never comes with another word, as long as it is remembered. */
        if (scg->has_word[order->cp])
            ck_assert_uint_eq(scg->words[order->cp], sum_of(&order->cw));
        scg->has_word[order->cp] = true;
        scg->words[order->cp] = sum_of(&order->cw);
        plan_period(plan, order->cp)->cw = order->cw;
        break;
    case SIMC__SCS_MUX_ORDER_ECM:
        take_ecm(scg, order);
        break;
    case SIMC__SCS_MUX_ORDER_PERIOD:
        take_period(world, scg, plan, order);
        break;
    case SIMC__SCS_MUX_ORDER_WINDOW:
        take_window(world, scg, plan, order);
        break;
    case SIMC__SCS_MUX_ORDER_CLEAR:
        plan->is_clear = scg->is_clear = true;
        plan->end_tick = order->start_tick;
        scg->clears++;
        break;
    case SIMC__SCS_MUX_ORDER_PLANNED:
        ck_assert_uint_ge(order->start_tick, scg->planned_tick);
        scg->planned_tick = order->start_tick;
        break;
    default:
        ck_abort_msg("an order that does not exist");
    }
    simc_secret_wipe(&order->cw);
}

static void take_orders(struct world *world, struct simc_slice body)
{
    struct simc__scs_mux_reader reader;
    struct simc__scs_mux_order order;
    char why[SIMC__SCS_MUX_TEXT_SIZE];
    int error = simc__scs_mux_orders_open(body, &reader, why);
    while (!error) {
        error = simc__scs_mux_orders_next(&reader, &order, why);
        if (!error)
            take_order(world, &order);
    }
    ck_assert_int_eq(error, SIMC_EEND);
}

static void answer_plan(struct world *world, const struct simc__link_event *event)
{
    static uint8_t memory[1 << 18];
    struct simc_writer out = simc_writer(memory, sizeof memory);
    struct simc__scs_mux_orders plan;
    bool has_after;
    uint32_t after;
    char why[SIMC__SCS_MUX_TEXT_SIZE];
    ck_assert_int_eq(simc__scs_mux_plan_request_read(event->body, &has_after, &after, why), 0);
    simc__scs_mux_plan_begin(&plan, &out, world->timeline_id);
    unsigned put = 0;
    unsigned first = has_after ? after : 0;
    for (; first < WORLD_SCGS_MAX && put < 2; first++)
        if (world->scgs[first].is_defined && ++put)
            ck_assert_int_eq(simc__scs_mux_plan_put(&plan, &world->plans[first]), 0);
    ck_assert_int_eq(simc__scs_mux_plan_end(&plan, put == 0 || first == WORLD_SCGS_MAX), 0);
    ck_assert_int_eq(simc__link_respond(world->link, event->id, simc_slice(memory, out.at)), 0);
    simc_wipe(memory, sizeof memory);
}

static void answer_define(struct world *world, const struct simc__link_event *event)
{
    struct simc__scs_mux_scg scg;
    uint8_t memory[1024];
    struct simc_writer out = simc_writer(memory, sizeof memory);
    struct simc__scs_mux_defined answer = {0};
    char why[SIMC__SCS_MUX_TEXT_SIZE];
    ck_assert_int_eq(simc__scs_mux_scg_read(event->body, &scg, why), 0);
    struct world_scg *at = world_scg(world, scg.scg_id);
    struct simc__scs_mux_plan_scg *plan = &world->plans[scg.scg_id - 1];
    ck_assert_uint_le(scg.stream_count, WORLD_STREAMS_MAX);
    if (!at->is_defined)
        plan->is_clear = true;
    at->is_defined = true;
    plan->scg_id = scg.scg_id;
    at->streams = plan->stream_count = answer.stream_count = scg.stream_count;
    for (unsigned i = 0; i < scg.stream_count; i++) {
        plan->streams[i] = (struct simc__scs_mux_plan_stream){
            scg.streams[i].stream, scg.streams[i].super_cas_id, scg.streams[i].ecm_id, 0x1000};
        at->ecm_ids[i] = scg.streams[i].ecm_id;
        at->super_cas_ids[i] = scg.streams[i].super_cas_id;
        answer.pids[i] = 0x1000;
    }
    simc__scs_mux_scg_fini(&scg);
    ck_assert_int_eq(simc__scs_mux_defined_write(&out, &answer), 0);
    ck_assert_int_eq(simc__link_respond(world->link, event->id, simc_slice(memory, out.at)), 0);
}

static void answer_remove(struct world *world, const struct simc__link_event *event)
{
    uint32_t id;
    char why[SIMC__SCS_MUX_TEXT_SIZE];
    ck_assert_int_eq(simc__scs_mux_remove_read(event->body, &id, why), 0);
    memset(world_scg(world, id), 0, sizeof(struct world_scg));
    memset(&world->plans[id - 1], 0, sizeof world->plans[0]);
    ck_assert_int_eq(simc__link_respond(world->link, event->id, simc_slice(NULL, 0)), 0);
}

static void send_announce(struct world *world)
{
    uint8_t memory[1024];
    struct simc_writer out = simc_writer(memory, sizeof memory);
    struct simc__scs_mux_announce announce = {.name = "mux",
                                              .timeline_id = world->timeline_id,
                                              .air_lead_ms = world->air_lead_ms,
                                              .scg_limit = 4096,
                                              .is_file = world->is_file};
    ck_assert_int_eq(simc__scs_mux_announce_write(&out, &announce), 0);
    ck_assert_int_eq(
        simc__link_send(world->link, SIMC__SCS_MUX_ANNOUNCE, simc_slice(memory, out.at), NULL), 0);
}

static void send_timeline(struct world *world)
{
    uint8_t memory[256];
    struct simc_writer out = simc_writer(memory, sizeof memory);
    const struct simc__scs_mux_timeline timeline = {.timeline_id = world->timeline_id,
                                                    .tick = world->is_file ? world->tick_base
                                                                           : now_tick(world),
                                                    .monotonic_us = world->now_ms * 1000,
                                                    .rate_hz = world->is_file ? 0 : 27000000,
                                                    .horizon_tick = world->horizon_tick};
    world->timeline_ms = world->now_ms + 1000;
    ck_assert_int_eq(simc__scs_mux_timeline_write(&out, &timeline), 0);
    ck_assert_int_eq(
        simc__link_send(world->link, SIMC__SCS_MUX_TIMELINE, simc_slice(memory, out.at), NULL), 0);
}

static void mux_events(struct world *world)
{
    struct simc__link_event event;
    unit_alloc_spare(true);
    while (simc__link_next_event(world->link, &event)) {
        if (event.type == SIMC__LINK_EVENT_OPEN) {
            send_announce(world);
            send_timeline(world);
        } else if (event.type == SIMC__LINK_EVENT_EVENT) {
            ck_assert_uint_eq(event.method, SIMC__SCS_MUX_ORDERS);
            take_orders(world, event.body);
        } else if (event.type == SIMC__LINK_EVENT_REQUEST && event.method == SIMC__SCS_MUX_PLAN) {
            answer_plan(world, &event);
        } else if (event.type == SIMC__LINK_EVENT_REQUEST && event.method == SIMC__SCS_MUX_DEFINE) {
            answer_define(world, &event);
        } else if (event.type == SIMC__LINK_EVENT_REQUEST) {
            ck_assert_uint_eq(event.method, SIMC__SCS_MUX_REMOVE);
            answer_remove(world, &event);
        }
    }
    unit_alloc_spare(false);
}

static bool move_link(struct simc__link *from, struct simc__link *to, bool is_to_peer,
                      uint64_t now_ms, struct simc_buffer *held)
{
    struct simc_slice output = simc__link_output(from);
    if (output.size == 0)
        return false;
    simc_buffer_init(held, BUFFER_MAX);
    unit_alloc_spare(true);
    ck_assert_int_eq(simc_buffer_append(held, output), 0);
    if (!is_to_peer)
        unit_alloc_spare(false);
    simc__link_sent(from, output.size);
    simc__link_feed(to, simc_buffer_bytes(held), now_ms);
    if (is_to_peer)
        unit_alloc_spare(false);
    return true;
}

/* What the synchroniser has to say, as if its socket had taken it. */
static void mux_take(struct world *world)
{
    struct simc_buffer held;
    if (!world->link || !world->mux || world->mux_is_frozen)
        return;
    if (!move_link(simc__scs_mux_link(world->mux), world->link, true, world->now_ms, &held))
        return;
    mux_events(world);
    simc_buffer_fini(&held);
}

static int try_mux_connect(struct world *world);

/* Periods that passed meanwhile were not told to it. */
static void mux_return(struct world *world)
{
    world->mux_retry_ms = world->now_ms + RETRY_MS;
    for (unsigned i = 0; i < WORLD_SCGS_MAX; i++)
        world->scgs[i].has_newest = false;
    if (try_mux_connect(world))
        world->mux = NULL;
}

static bool mux_step(struct world *world)
{
    struct simc_buffer held;
    if (!world->link && world->mux_returns && world->now_ms >= world->mux_retry_ms)
        mux_return(world);
    if (!world->link || world->mux_is_frozen)
        return false;
    unit_alloc_spare(true);
    simc__link_expire(world->link, world->now_ms);
    unit_alloc_spare(false);
    simc__link_expire(simc__scs_mux_link(world->mux), world->now_ms);
    mux_take(world);
    mux_events(world);
    unit_alloc_spare(true);
    if (simc__link_is_open(world->link) && world->now_ms >= world->timeline_ms)
        send_timeline(world);
    unit_alloc_spare(false);
    bool has_moved =
        move_link(world->link, simc__scs_mux_link(world->mux), false, world->now_ms, &held);
    simc__scs_mux_events(world->mux, world->now_ms);
    if (has_moved)
        simc_buffer_fini(&held);
    const char *why = simc__link_wants_close(simc__scs_mux_link(world->mux));
    if (why)
        world_mux_disconnect(world);
    return has_moved;
}

static int try_mux_connect(struct world *world)
{
    const struct simc__link_settings settings = {.service = SIMC__SCS_MUX_SERVICE,
                                                 .version_min = 1,
                                                 .version_max = 1,
                                                 .name = "mux of a test",
                                                 .output_limit = 16 << 20};
    ck_assert_ptr_null(world->link);
    int error = simc__scs_mux_connected(world->scs, "here", world->now_ms, &world->mux);
    if (error)
        return error;
    simc__scs_mux_owner_set(world->mux, world);
    unit_alloc_spare(true);
    ck_assert_int_eq(simc__link_new(&settings, world->now_ms, &world->link), 0);
    unit_alloc_spare(false);
    return 0;
}

void world_mux_connect(struct world *world)
{
    ck_assert_int_eq(try_mux_connect(world), 0);
}

void world_mux_disconnect(struct world *world)
{
    if (!world->link)
        return;
    simc__link_free(world->link);
    world->link = NULL;
    simc__link_disconnected(simc__scs_mux_link(world->mux), world->now_ms);
    simc__scs_mux_events(world->mux, world->now_ms);
    simc__scs_mux_disconnected(world->mux, "the peer closed it", world->now_ms);
    world->mux = NULL;
    world->mux_losses++;
    world->mux_retry_ms = world->now_ms + RETRY_MS;
}

/* ---- the clock ---- */

void world_pass(struct world *world, uint64_t ms)
{
    uint64_t end_ms = world->now_ms + ms;
    while (world->now_ms < end_ms) {
        world->now_ms += WORLD_STEP_MS;
        bool has_more = true;
        for (unsigned round = 0; has_more && round < 50; round++) {
            has_more = mux_step(world);
            for (unsigned i = 0; i < world->node_count; i++)
                for (unsigned k = 0; k < WORLD_CHANNELS_MAX; k++)
                    has_more = channel_step(world, &world->nodes[i], k) || has_more;
            simc__scs_run(world->scs, world->now_ms);
        }
    }
}

/* ---- start and end ---- */

static void load(const char *yaml, struct simc__scs_conf *conf, struct simc__conf **owner)
{
    struct simc__conf_faults faults;
    unit_alloc_spare(true);
    int error = simc__conf_load(&simc__scs_conf_table, simc_slice_text(yaml), "scsd.yaml", conf,
                                owner, &faults);
    unit_alloc_spare(false);
    ck_assert_msg(error == 0, "line %u: %s: %s", faults.items[0].line, faults.items[0].where,
                  faults.items[0].why);
}

struct world *world_new(void)
{
    struct world *world = calloc(1, sizeof *world);
    ck_assert_ptr_nonnull(world);
    world->scgs = calloc(WORLD_SCGS_MAX, sizeof *world->scgs);
    world->plans = calloc(WORLD_SCGS_MAX, sizeof *world->plans);
    ck_assert(world->scgs && world->plans);
    world->now_ms = 1000000;
    world->wall_us = UINT64_C(1800000000000000);
    world->timeline_id = 77;
    world->air_lead_ms = 100;
    world->tick_base = 12345678901;
    world->log = (struct simc_log){.level = SIMC_LOG_DEBUG, .write = keep_line, .context = world};
    world->metrics = simc__metrics_new(1);
    ck_assert_ptr_nonnull(world->metrics);
    return world;
}

int world_try_start(struct world *world, const char *yaml)
{
    struct simc__scs_environment filled = environment;
    char why[SIMC__SCS_WHY_SIZE] = "";
    world->conf_at = 0;
    load(yaml, &world->confs[0], &world->owner);
    filled.log = &world->log;
    filled.metrics = world->metrics;
    filled.source = (struct simc__scs_source){draw, world};
    filled.context = world;
    int error = simc__scs_new(&filled, &world->confs[0], world->now_ms, &world->scs, why);
    if (error) {
        ck_assert_msg(why[0], "%s without a reason", simc_error_name(error));
        simc__conf_free(world->owner);
        world->owner = NULL;
        world->scs = NULL;
        return error;
    }
    simc__scs_run(world->scs, world->now_ms);
    if (world->has_mux && world->mux_returns)
        mux_return(world);
    else if (world->has_mux)
        world_mux_connect(world);
    return 0;
}

void world_start(struct world *world, const char *yaml)
{
    int error = world_try_start(world, yaml);
    ck_assert_msg(error == 0, "%s", simc_error_name(error));
}

static void forget(struct world *world)
{
    simc__link_free(world->link);
    world->link = NULL;
    world->mux = NULL;
    /* The connections go without a word. */
    for (unsigned i = 0; i < world->node_count; i++)
        world->nodes[i].streams = world->nodes[i].pending_count = 0;
    simc__scs_free(world->scs);
    world->scs = NULL;
    simc__conf_free(world->owner);
    world->owner = NULL;
}

void world_kill(struct world *world)
{
    forget(world);
}

void world_restart(struct world *world, const char *yaml)
{
    if (world->scs)
        forget(world);
    world_start(world, yaml);
}

int world_reload(struct world *world, const char *yaml)
{
    struct simc__conf *owner;
    char why[SIMC__SCS_WHY_SIZE] = "";
    /* The texts are those of the owner; the struct itself stands in the world. */
    unsigned other = 1 - world->conf_at;
    load(yaml, &world->confs[other], &owner);
    int error = simc__scs_change(world->scs, &world->confs[other], world->now_ms, why);
    if (error) {
        ck_assert_msg(why[0], "%s without a reason", simc_error_name(error));
        simc__conf_free(owner);
        return error;
    }
    world->conf_at = other;
    simc__conf_free(world->owner);
    world->owner = owner;
    simc__scs_run(world->scs, world->now_ms);
    return 0;
}

void world_free(struct world *world)
{
    if (world->scs)
        forget(world);
    simc__metrics_free(world->metrics);
    free(world->scgs);
    free(world->plans);
    free(world);
}

bool world_has_logged(const struct world *world, const char *text)
{
    return memmem(world->lines, world->lines_size, text, strlen(text)) != NULL;
}

uint64_t world_figure(struct world *world, const char *name)
{
    UNIT_ROOM(uint8_t, memory, 1 << 20);
    struct simc_writer out = simc_writer(memory, (1 << 20) - 1);
    simc__scs_collect(world->scs);
    simc__metrics_put(&out, world->metrics);
    ck_assert_int_eq(out.error, 0);
    memory[out.at] = 0;
    size_t size = strlen(name);
    for (const char *at = (const char *)memory; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, name, size) == 0 && at[size] == ' ')
            return strtoull(at + size, NULL, 10);
        if (!*at)
            break;
    }
    ck_abort_msg("no figure %s", name);
    return 0;
}
