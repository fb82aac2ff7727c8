/* SPDX-License-Identifier: BSL-1.0 */
/* A mux without a transport stream: it connects to an SCS by the link, announces services, keeps
 * the plan and obeys it on a timeline of its own. What happens is a line of JSON each; the last one
 * is a summary of what went wrong. Scenarios of scsd drive it. */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/link.h"
#include "mux-plan.h"
#include "sys/clock.h"
#include "sys/process.h"

enum {
    STEP_MS = 5,
    TIMELINE_MS = 1000,
    JUMPS_MAX = 16,
    SERVICES_MAX = SIMC__SCS_MUX_SERVICES_MAX,
    RATE_NOMINAL = 27000000,
    TICKS_PER_MS = 27000,
    EXIT_USAGE = 2,
};

static const char usage[] =
    "usage: mux-sim --connect PATH|HOST:PORT [option...]\n"
    "  --name NAME                 of the mux; mux-sim\n"
    "  --service ONID:TSID:SID[:PID,PID...]  a service; may be repeated\n"
    "  --services COUNT            services 1 to COUNT of network 1, stream 1\n"
    "  --air-lead MS, --scg-limit COUNT\n"
    "  --ppm N                     the timeline runs faster by so many millionths\n"
    "  --jump AT:BY                in ms: the timeline jumps ahead, or stands (BY below 0)\n"
    "  --file HORIZON:LENGTH       in ms: file mode\n"
    "  --state FILE                the plan survives; --new-timeline: it does not\n"
    "  --stall AT:FOR              in ms: reads nothing meanwhile\n"
    "  --for MS                    ends then; default: with SIGTERM\n"
    "  --retry MS                  between connections; 200\n"
    "  --fingerprint-key HEX, --show-secrets, --show-ecms\n";

/* A pair of milliseconds, counted from the start of the program. */
struct span {
    uint64_t at_ms;
    int64_t by_ms;
};

static struct {
    struct mux_plan plan;
    struct simc__scs_mux_announce announce;
    struct simc_uv_address remote;
    char host[128];
    const char *state_path;
    bool wants_new_timeline, has_ended, is_stalled;
    uint32_t rate_hz, retry_ms;
    uint64_t base_tick, base_us; /* the mapping of the timeline */
    uint64_t stands_until_us;
    uint64_t horizon_ms, length_ms; /* file mode */
    uint64_t start_ms, end_ms, told_ms, told_tick;
    struct span jumps[JUMPS_MAX], stall;
    unsigned jump_count, jumps_done;
    struct simc_uv_loop *loop;
    struct simc_uv_connection *connection;
    struct simc__link *link;
} the;

/* ---- the timeline ---- */

static uint64_t now_us(void)
{
    return simc__clock_monotonic_ns() / 1000;
}

static uint64_t tick_at(uint64_t us)
{
    if (us <= the.base_us)
        return the.base_tick;
    uint64_t past_us = us - the.base_us;
    return the.base_tick + past_us / 1000000 * the.rate_hz +
           past_us % 1000000 * the.rate_hz / 1000000;
}

static void send_timeline(void)
{
    uint8_t room[128];
    struct simc_writer out = simc_writer(room, sizeof room);
    struct simc__scs_mux_timeline timeline = {.timeline_id = the.announce.timeline_id,
                                              .tick = the.plan.tick,
                                              .monotonic_us = now_us(),
                                              .rate_hz = the.rate_hz,
                                              .has_ended = the.has_ended};
    if (the.announce.is_file)
        timeline.horizon_tick = the.plan.tick + the.horizon_ms * TICKS_PER_MS;
    else if (timeline.monotonic_us < the.stands_until_us)
        timeline.rate_hz = 0;
    the.told_ms = simc__clock_monotonic_ms();
    the.told_tick = the.plan.tick;
    if (!the.link || simc__scs_mux_timeline_write(&out, &timeline) ||
        simc__link_send(the.link, SIMC__SCS_MUX_TIMELINE, simc_slice(room, out.at), NULL))
        return;
    mux_say(&the.plan, "timeline", ",\"rate\":%u,\"horizon\":%" PRIu64 ",\"ended\":%s",
            (unsigned)timeline.rate_hz, timeline.horizon_tick, the.has_ended ? "true" : "false");
}

/* Moves the mapping by a jump; the timeline itself never runs backwards. */
static void jump(int64_t by_ms)
{
    uint64_t us = now_us();
    the.base_tick = the.plan.tick + (by_ms > 0 ? (uint64_t)by_ms * TICKS_PER_MS : 0);
    the.base_us = us + (by_ms < 0 ? (uint64_t)-by_ms * 1000 : 0);
    the.stands_until_us = the.base_us;
    mux_plan_run(&the.plan, tick_at(us));
    mux_say(&the.plan, "jump", ",\"by_ms\":%" PRId64, by_ms);
    send_timeline();
}

/* File mode: as far as everything is planned. */
static void run_file(void)
{
    uint64_t end_tick = the.length_ms * TICKS_PER_MS;
    uint64_t planned = mux_plan_planned(&the.plan);
    if (planned == SIMC__SCS_MUX_OPEN || the.has_ended)
        return;
    if (planned > end_tick)
        planned = end_tick;
    if (planned > the.plan.tick)
        mux_plan_run(&the.plan, planned);
    the.has_ended = the.plan.tick >= end_tick;
    if (the.has_ended || the.plan.tick > the.told_tick)
        send_timeline();
}

/* ---- to the SCS ---- */

static void send_announce(void)
{
    static uint8_t room[1 << 20];
    struct simc_writer out = simc_writer(room, sizeof room);
    if (simc__scs_mux_announce_write(&out, &the.announce) ||
        simc__link_send(the.link, SIMC__SCS_MUX_ANNOUNCE, simc_slice(room, out.at), NULL))
        simc__link_close(the.link, "the announcement cannot be sent");
    mux_say(&the.plan, "announce", ",\"timeline\":%" PRIu64 ",\"services\":%u",
            the.announce.timeline_id, (unsigned)the.announce.service_count);
}

static void send_reports(void)
{
    struct simc__scs_mux_orders list;
    struct simc_writer out;
    uint32_t at = 0;
    size_t most = (size_t)the.plan.report_count * 64 + 64;
    while (the.link && at < the.plan.report_count &&
           !simc__link_send_begin(the.link, SIMC__SCS_MUX_REPORTS, NULL, most, &out)) {
        simc__scs_mux_reports_begin(&list, &out);
        while (at < the.plan.report_count &&
               !simc__scs_mux_reports_put(&list, &the.plan.reports[at]))
            at++;
        if (simc__scs_mux_reports_end(&list) || simc__link_send_end(the.link, &out))
            break;
    }
    the.plan.report_count = 0;
    for (uint32_t i = 0; the.link && i < the.plan.alarm_count; i++) {
        uint8_t room[512];
        out = simc_writer(room, sizeof room);
        if (simc__scs_mux_alarm_write(&out, &the.plan.alarms[i]) ||
            simc__link_send(the.link, SIMC__SCS_MUX_ALARM, simc_slice(room, out.at), NULL))
            break;
    }
    the.plan.alarm_count = 0;
}

static void bad(const struct simc__link_event *event, const char *why)
{
    mux_say(&the.plan, "bad", ",\"method\":%u,\"why\":\"%s\"", (unsigned)event->method, why);
    simc__link_close(the.link, why);
}

static int put_plan(struct simc__scs_mux_orders *list, bool has_after, uint32_t after)
{
    static struct simc__scs_mux_plan_scg told;
    unsigned put = 0;
    bool is_last = true;
    for (uint32_t i = 0; i < the.plan.scg_count && is_last; i++) {
        if (has_after && the.plan.scgs[i]->scg_id <= after)
            continue;
        mux_plan_tell(the.plan.scgs[i], &told);
        int error = simc__scs_mux_plan_put(list, &told);
        simc__scs_mux_plan_scg_wipe(&told);
        if (error && error != SIMC_ENOSPC)
            return error;
        is_last = !error;
        put += !error;
    }
    mux_say(&the.plan, "plan", ",\"scgs\":%u,\"last\":%s", put, is_last ? "true" : "false");
    return simc__scs_mux_plan_end(list, is_last);
}

static void answer_plan(const struct simc__link_event *event)
{
    char why[SIMC__SCS_MUX_TEXT_SIZE];
    struct simc__scs_mux_orders list;
    struct simc_writer out;
    bool has_after;
    uint32_t after;
    if (simc__scs_mux_plan_request_read(event->body, &has_after, &after, why)) {
        bad(event, why);
        return;
    }
    if (simc__link_respond_begin(the.link, event->id, simc__link_body_max(the.link), &out))
        return;
    simc__scs_mux_plan_begin(&list, &out, the.announce.timeline_id);
    if (put_plan(&list, has_after, after) || simc__link_respond_end(the.link, &out))
        simc__link_close(the.link, "the plan cannot be told");
}

/* What is not as wished: services that this mux does not carry. */
static void remark(const struct simc__scs_mux_scg *scg, struct simc__scs_mux_defined *defined)
{
    for (unsigned i = 0; i < scg->service_count; i++) {
        bool is_there = false;
        for (uint32_t k = 0; k < the.announce.service_count && !is_there; k++)
            is_there = the.announce.services[k].service_id == scg->services[i].service_id;
        if (!is_there)
            snprintf(defined->remark, sizeof defined->remark,
                     "service 0x%04x is not in the multiplex now", scg->services[i].service_id);
    }
}

static int answer_define(const struct simc__link_event *event)
{
    char why[SIMC__SCS_MUX_TEXT_SIZE];
    uint8_t room[1024];
    struct simc__scs_mux_scg scg;
    struct simc__scs_mux_defined defined = {.stream_count = 0};
    struct simc_writer out = simc_writer(room, sizeof room);
    if (simc__scs_mux_scg_read(event->body, &scg, why)) {
        bad(event, why);
        return 0;
    }
    const char *refusal =
        mux_plan_define(&the.plan, &scg, event->body, the.announce.scg_limit, &defined);
    remark(&scg, &defined);
    simc__scs_mux_scg_fini(&scg);
    if (refusal)
        return simc__link_fail(the.link, event->id, SIMC__LINK_LIMIT, refusal);
    int error = simc__scs_mux_defined_write(&out, &defined);
    return error ? error : simc__link_respond(the.link, event->id, simc_slice(room, out.at));
}

static int answer_remove(const struct simc__link_event *event)
{
    char why[SIMC__SCS_MUX_TEXT_SIZE];
    uint32_t scg_id;
    if (simc__scs_mux_remove_read(event->body, &scg_id, why)) {
        bad(event, why);
        return 0;
    }
    bool was_there = mux_plan_remove(&the.plan, scg_id);
    mux_say(&the.plan, "remove", ",\"scg\":%u,\"known\":%s", (unsigned)scg_id,
            was_there ? "true" : "false");
    return was_there ? simc__link_respond(the.link, event->id, simc_slice(NULL, 0))
                     : simc__link_fail(the.link, event->id, SIMC__LINK_NOT_FOUND, NULL);
}

static void take_orders(const struct simc__link_event *event)
{
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    struct simc__scs_mux_reader reader;
    struct simc__scs_mux_order order;
    int error = simc__scs_mux_orders_open(event->body, &reader, why);
    while (!error && !(error = simc__scs_mux_orders_next(&reader, &order, why))) {
        mux_plan_order(&the.plan, &order);
        simc_secret_wipe(&order.cw);
    }
    if (error != SIMC_EEND)
        bad(event, why);
}

static void take_request(const struct simc__link_event *event)
{
    int error = 0;
    if (event->method == SIMC__SCS_MUX_PLAN)
        answer_plan(event);
    else if (event->method == SIMC__SCS_MUX_DEFINE)
        error = answer_define(event);
    else if (event->method == SIMC__SCS_MUX_REMOVE)
        error = answer_remove(event);
    else
        error = simc__link_fail(the.link, event->id, SIMC__LINK_UNKNOWN_METHOD, NULL);
    if (error)
        simc__link_close(the.link, simc_error_text(error));
}

/* ---- the connection ---- */

static void take(const struct simc__link_event *event)
{
    switch (event->type) {
    case SIMC__LINK_EVENT_OPEN:
        mux_say(&the.plan, "open", ",\"peer\":\"%s\"", event->peer);
        send_announce();
        send_timeline();
        break;
    case SIMC__LINK_EVENT_REQUEST:
        take_request(event);
        break;
    case SIMC__LINK_EVENT_EVENT:
        if (event->method == SIMC__SCS_MUX_ORDERS)
            take_orders(event);
        break;
    case SIMC__LINK_EVENT_NOTICE:
    case SIMC__LINK_EVENT_CLOSED:
        mux_say(&the.plan, event->type == SIMC__LINK_EVENT_CLOSED ? "closed" : "notice",
                ",\"why\":\"%s\"", event->text);
        break;
    default:
        break;
    }
}

/* The link's protocol, with an ear that can be stopped. */
static struct simc_uv_protocol protocol;

static bool blocked(void *object)
{
    return the.is_stalled || simc__link_is_blocked(object);
}

static uint64_t deadline_ms(void *object)
{
    return the.is_stalled ? SIMC_DEADLINE_NONE : simc__link_deadline_ms(object);
}

static int on_open(void *context, struct simc_uv_connection *connection)
{
    const struct simc__link_settings settings = {.service = SIMC__SCS_MUX_SERVICE,
                                                 .version_min = SIMC__SCS_MUX_VERSION,
                                                 .version_max = SIMC__SCS_MUX_VERSION,
                                                 .name = the.announce.name,
                                                 .frame_limit = 4 << 20,
                                                 .output_limit = 32 << 20};
    (void)context;
    int error = simc__link_attach(connection, &settings, NULL, &the.link);
    if (error)
        return error;
    simc_uv_attach(connection, &protocol, the.link, NULL);
    the.connection = connection;
    return 0;
}

static void step(void);

static void on_events(void *context, struct simc_uv_connection *connection, uint64_t now_ms)
{
    struct simc__link_event event;
    (void)context, (void)connection, (void)now_ms;
    if (!the.announce.is_file)
        mux_plan_run(&the.plan, tick_at(now_us()));
    while (!the.is_stalled && simc__link_next_event(the.link, &event))
        take(&event);
    step();
}

static void on_end(void *context, struct simc_uv_connection *connection,
                   const struct simc_uv_end *end)
{
    (void)context, (void)connection;
    mux_say(&the.plan, "disconnected", ",\"why\":\"%s\"", end->text);
    simc__link_free(the.link);
    the.link = NULL;
    the.connection = NULL;
}

static void on_retry(void *context, struct simc_uv_client *client, const struct simc_uv_end *end,
                     uint32_t *delay_ms)
{
    (void)context, (void)client, (void)end;
    *delay_ms = the.retry_ms;
}

/* ---- state ---- */

static void save(void)
{
    char path[256];
    snprintf(path, sizeof path, "%s.new", the.state_path);
    mode_t old = umask(077);
    FILE *file = fopen(path, "wb");
    umask(old);
    bool is_good = file && fwrite(&the.announce.timeline_id, 8, 1, file) == 1 &&
                   fwrite(&the.base_tick, 8, 1, file) == 1 &&
                   fwrite(&the.base_us, 8, 1, file) == 1 && mux_plan_save(&the.plan, file);
    if (file && fclose(file))
        is_good = false;
    if (!is_good || rename(path, the.state_path)) {
        fprintf(stderr, "mux-sim: cannot write %s\n", the.state_path);
        exit(1);
    }
    the.plan.is_changed = false;
}

/* @return false: there is no state. */
static bool load(void)
{
    FILE *file = fopen(the.state_path, "rb");
    if (!file)
        return false;
    bool is_good = fread(&the.announce.timeline_id, 8, 1, file) == 1 &&
                   fread(&the.base_tick, 8, 1, file) == 1 && fread(&the.base_us, 8, 1, file) == 1 &&
                   mux_plan_load(&the.plan, file);
    fclose(file);
    if (!is_good) {
        fprintf(stderr, "mux-sim: %s is no state of mux-sim\n", the.state_path);
        exit(1);
    }
    return true;
}

/* ---- the steps ---- */

static void step(void)
{
    if (the.announce.is_file)
        run_file();
    else
        mux_plan_run(&the.plan, tick_at(now_us()));
    send_reports();
    if (the.state_path && the.plan.is_changed)
        save();
}

static void ticked(void *context)
{
    uint64_t now_ms = simc__clock_monotonic_ms(), age_ms = now_ms - the.start_ms;
    bool was_stalled = the.is_stalled;
    (void)context;
    the.is_stalled = the.stall.by_ms && age_ms >= the.stall.at_ms &&
                     age_ms < the.stall.at_ms + (uint64_t)the.stall.by_ms;
    if (the.is_stalled != was_stalled)
        mux_say(&the.plan, the.is_stalled ? "stall" : "stall-end", "%s", "");
    if (the.jumps_done < the.jump_count && age_ms >= the.jumps[the.jumps_done].at_ms)
        jump(the.jumps[the.jumps_done++].by_ms);
    step();
    if (now_ms - the.told_ms >= TIMELINE_MS)
        send_timeline();
    if (the.connection)
        simc_uv_connection_pump(the.connection);
    if ((the.end_ms && now_ms >= the.end_ms) || the.has_ended)
        simc_uv_loop_stop(the.loop);
}

static void stopped(void *context, int number)
{
    (void)context, (void)number;
    simc_uv_loop_stop(the.loop);
}

/* ---- options ---- */

static void refuse(const char *option, const char *value)
{
    fprintf(stderr, "mux-sim: %s cannot be \"%s\"\n%s", option, value, usage);
    exit(EXIT_USAGE);
}

static int64_t number(const char *option, const char *text, char **end)
{
    int64_t value = strtoll(text, end, 0);
    if (*end == text)
        refuse(option, text);
    return value;
}

static int64_t whole_number(const char *option, const char *text)
{
    char *end;
    int64_t value = number(option, text, &end);
    if (*end)
        refuse(option, text);
    return value;
}

static struct span span(const char *option, const char *text)
{
    char *end;
    int64_t at = number(option, text, &end);
    if (at < 0 || *end != ':')
        refuse(option, text);
    return (struct span){(uint64_t)at, whole_number(option, end + 1)};
}

static struct simc__scs_mux_service *service_new(uint16_t onid, uint16_t tsid, uint16_t sid)
{
    if (the.announce.service_count == SERVICES_MAX)
        refuse("--service", "more than 4096");
    struct simc__scs_mux_service *service = &the.announce.services[the.announce.service_count++];
    *service = (struct simc__scs_mux_service){.original_network_id = onid,
                                              .transport_stream_id = tsid,
                                              .service_id = sid,
                                              .pcr_pid = 0x1fff};
    snprintf(service->name, sizeof service->name, "service %u", sid);
    return service;
}

static void add_service(const char *text)
{
    char *end;
    uint16_t ids[3];
    for (unsigned i = 0; i < 3; i++) {
        ids[i] = (uint16_t)number("--service", text, &end);
        if (i < 2 && *end != ':')
            refuse("--service", text);
        text = end + (*end == ':');
    }
    struct simc__scs_mux_service *service = service_new(ids[0], ids[1], ids[2]);
    while (*text && service->component_count < SIMC__SCS_MUX_COMPONENTS_MAX) {
        uint16_t pid = (uint16_t)number("--service", text, &end);
        service->components[service->component_count++] =
            (struct simc__scs_mux_component){pid, 0x1b};
        text = end + (*end == ',');
    }
}

static void set_remote(char *text)
{
    char *colon = strrchr(text, ':');
    if (strchr(text, '/') || !colon) {
        the.remote.path = text;
        return;
    }
    snprintf(the.host, sizeof the.host, "%.*s", (int)(colon - text), text);
    the.remote.host = the.host;
    the.remote.port = (uint16_t)whole_number("--connect", colon + 1);
}

static void set_key(const char *text)
{
    uint8_t key[SIMC_FINGERPRINT_KEY_SIZE];
    size_t size = 0;
    if (simc_hex_read(simc_slice_text(text), key, sizeof key, &size, NULL) || size != sizeof key)
        refuse("--fingerprint-key", text);
    simc_fingerprint_key_set(key);
}

enum option_id {
    CONNECT,
    NAME,
    SERVICE,
    SERVICES,
    AIR_LEAD,
    SCG_LIMIT,
    PPM,
    JUMP,
    FILE_MODE,
    STATE,
    NEW_TIMELINE,
    STALL,
    FOR,
    RETRY,
    FINGERPRINT_KEY,
    SHOW_SECRETS,
    SHOW_ECMS
};

static const struct option options[] = {
    {"connect", required_argument, NULL, CONNECT},
    {"name", required_argument, NULL, NAME},
    {"service", required_argument, NULL, SERVICE},
    {"services", required_argument, NULL, SERVICES},
    {"air-lead", required_argument, NULL, AIR_LEAD},
    {"scg-limit", required_argument, NULL, SCG_LIMIT},
    {"ppm", required_argument, NULL, PPM},
    {"jump", required_argument, NULL, JUMP},
    {"file", required_argument, NULL, FILE_MODE},
    {"state", required_argument, NULL, STATE},
    {"new-timeline", no_argument, NULL, NEW_TIMELINE},
    {"stall", required_argument, NULL, STALL},
    {"for", required_argument, NULL, FOR},
    {"retry", required_argument, NULL, RETRY},
    {"fingerprint-key", required_argument, NULL, FINGERPRINT_KEY},
    {"show-secrets", no_argument, NULL, SHOW_SECRETS},
    {"show-ecms", no_argument, NULL, SHOW_ECMS},
    {NULL, 0, NULL, 0},
};

static void take_span_option(enum option_id id, const char *value)
{
    struct span got = span(id == JUMP ? "--jump" : id == STALL ? "--stall" : "--file", value);
    if (id == STALL) {
        the.stall = got;
    } else if (id == FILE_MODE) {
        the.announce.is_file = true;
        the.horizon_ms = got.at_ms;
        the.length_ms = (uint64_t)got.by_ms;
    } else if (the.jump_count < JUMPS_MAX) {
        the.jumps[the.jump_count++] = got;
    }
}

static void take_option(enum option_id id, char *value)
{
    switch (id) {
    case CONNECT:
        set_remote(value);
        break;
    case NAME:
        snprintf(the.announce.name, sizeof the.announce.name, "%s", value);
        break;
    case SERVICE:
        add_service(value);
        break;
    case SERVICES:
        for (int64_t i = 1, count = whole_number("--services", value); i <= count; i++)
            (void)service_new(1, 1, (uint16_t)i);
        break;
    case AIR_LEAD:
        the.announce.air_lead_ms = (uint32_t)whole_number("--air-lead", value);
        break;
    case SCG_LIMIT:
        the.announce.scg_limit = (uint32_t)whole_number("--scg-limit", value);
        break;
    case PPM:
        the.rate_hz = (uint32_t)(RATE_NOMINAL + 27 * whole_number("--ppm", value));
        break;
    case JUMP:
    case FILE_MODE:
    case STALL:
        take_span_option(id, value);
        break;
    case STATE:
        the.state_path = value;
        break;
    case NEW_TIMELINE:
        the.wants_new_timeline = true;
        break;
    case FOR:
        the.end_ms = the.start_ms + (uint64_t)whole_number("--for", value);
        break;
    case RETRY:
        the.retry_ms = (uint32_t)whole_number("--retry", value);
        break;
    case FINGERPRINT_KEY:
        set_key(value);
        break;
    case SHOW_SECRETS:
        the.plan.shows_secrets = true;
        break;
    case SHOW_ECMS:
        the.plan.shows_ecms = true;
        break;
    }
}

static void read_options(int argc, char **argv)
{
    uint8_t key[SIMC_FINGERPRINT_KEY_SIZE];
    int id;
    if (simc__process_random(key, sizeof key))
        exit(1);
    simc_fingerprint_key_set(key);
    snprintf(the.announce.name, sizeof the.announce.name, "mux-sim");
    the.announce.air_lead_ms = 200;
    the.announce.scg_limit = SIMC__SCS_MUX_SCGS_MAX;
    the.announce.services = calloc(SERVICES_MAX, sizeof *the.announce.services);
    the.rate_hz = RATE_NOMINAL;
    the.retry_ms = 200;
    the.start_ms = simc__clock_monotonic_ms();
    while (the.announce.services && (id = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (id == '?')
            refuse("an option", argv[optind - 1]);
        take_option((enum option_id)id, optarg);
    }
    if (optind < argc || (!the.remote.path && !the.remote.port))
        refuse("--connect", optind < argc ? argv[optind] : "");
}

/* ---- the program ---- */

static void timeline_start(void)
{
    if (the.state_path && !the.wants_new_timeline && load())
        return;
    if (simc__process_random(&the.announce.timeline_id, sizeof the.announce.timeline_id))
        exit(1);
    the.base_us = now_us();
    the.base_tick = the.announce.is_file ? 0 : RATE_NOMINAL;
}

int main(int argc, char **argv)
{
    struct simc_uv_client_settings settings = {
        .handlers = {
            .on_open = on_open, .on_events = on_events, .on_end = on_end, .on_retry = on_retry}};
    struct simc_uv_client *client;
    struct simc_uv_timer *timer;
    struct simc_uv_signal *signals[2];
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    read_options(argc, argv);
    timeline_start();
    the.plan.lead_ticks = (uint64_t)the.announce.air_lead_ms * TICKS_PER_MS;
    the.plan.tick = the.announce.is_file ? 0 : tick_at(now_us());
    protocol = simc__link_protocol;
    protocol.blocked = blocked;
    protocol.deadline_ms = deadline_ms;
    settings.remote = the.remote;
    if (simc_uv_loop_new(NULL, &the.loop) || simc_uv_client_new(the.loop, &settings, &client) ||
        simc_uv_timer_new(the.loop, ticked, NULL, &timer) ||
        simc_uv_signal_new(the.loop, SIGTERM, stopped, NULL, &signals[0]) ||
        simc_uv_signal_new(the.loop, SIGINT, stopped, NULL, &signals[1])) {
        fprintf(stderr, "mux-sim: cannot start\n");
        return 1;
    }
    simc_uv_timer_start(timer, STEP_MS, STEP_MS);
    simc_uv_loop_run(the.loop);
    if (the.state_path)
        save();
    mux_plan_summary(&the.plan);
    simc_uv_loop_free(the.loop);
    mux_plan_drop(&the.plan);
    free(the.announce.services);
    return 0;
}
