/* SPDX-License-Identifier: BSL-1.0 */
/* What --print shows: a line for each thing that would happen on air, for people or as JSON. scg.c
 * and ecmg.c call it; without --print it does nothing. */
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "scs/internal.h"

enum { LINE_SIZE = 4096, ECM_SHOWN_MAX = 1500, MS_PER_S = 1000 };

struct line {
    struct simc__scs *scs;
    bool is_json, is_wanted;
    struct simc_writer out;
    struct simc__json json;
    uint8_t bytes[LINE_SIZE];
};

static uint64_t since_start_ms(const struct simc__scs *scs, uint64_t ms)
{
    return ms > scs->start_ms ? ms - scs->start_ms : 0;
}

/* Ticks of a timeline without a mux are those of the monotonic clock. */
static uint64_t tick_ms(const struct simc__scs *scs, uint64_t tick)
{
    return since_start_ms(scs, tick / SIMC__SCHED_TICKS_PER_MS);
}

static void begin(struct line *line, struct simc__scs *scs, const char *event)
{
    line->scs = scs;
    line->is_wanted =
        scs->environment.print && scs->conf && scs->conf->print != SIMC__SCS_PRINT_NONE;
    if (!line->is_wanted)
        return;
    line->is_json = scs->conf->print == SIMC__SCS_PRINT_JSON;
    line->out = simc_writer(line->bytes, sizeof line->bytes - 1);
    uint64_t now_ms = since_start_ms(scs, scs->now_ms);
    if (!line->is_json) {
        simc__text_printf(&line->out, "%6llu.%03u  ", (unsigned long long)(now_ms / MS_PER_S),
                          (unsigned)(now_ms % MS_PER_S));
        return;
    }
    simc__json_init(&line->json, &line->out);
    simc__json_object(&line->json, NULL);
    simc__json_scaled(&line->json, "time", now_ms, MS_PER_S);
    simc__json_text(&line->json, "event", event);
}

static void end(struct line *line)
{
    if (line->is_json) {
        simc__json_end(&line->json);
        (void)!simc__json_finish(&line->json);
    }
    simc_writer_u8(&line->out, '\n');
    if (!line->out.error)
        line->scs->environment.print(line->scs->environment.context,
                                     simc_slice(line->bytes, line->out.at));
}

static void put_seconds(struct line *line, const char *text, uint64_t ms)
{
    simc__text_printf(&line->out, "%s%llu.%03u", text, (unsigned long long)(ms / MS_PER_S),
                      (unsigned)(ms % MS_PER_S));
}

/* ---- periods and windows ---- */

static void print_period(struct simc__scs_scg *scg, const struct simc__sched_action *action)
{
    static struct line line;
    begin(&line, scg->scs, "period");
    if (!line.is_wanted)
        return;
    uint64_t start_ms = tick_ms(scg->scs, action->start_tick);
    if (line.is_json) {
        simc__json_uint(&line.json, "scg", scg->id);
        simc__json_uint(&line.json, "cp", action->cp);
        simc__json_text(&line.json, "parity", action->parity ? "odd" : "even");
        simc__json_bool(&line.json, "first", action->is_first);
        simc__json_scaled(&line.json, "start", start_ms, MS_PER_S);
    } else {
        simc__text_printf(&line.out, "scg %u  period %u, %s key", (unsigned)scg->id,
                          (unsigned)action->cp, action->parity ? "odd" : "even");
        put_seconds(&line, ", begins at ", start_ms);
        if (action->is_first)
            simc__text_put(&line.out, ", clear before");
    }
    end(&line);
}

static void print_window(struct simc__scs_scg *scg, const struct simc__sched_action *action)
{
    static struct line line;
    const struct simc__scs_stream *stream = &scg->streams[action->stream];
    bool is_open = action->stop_tick == SIMC__SCHED_OPEN;
    begin(&line, scg->scs, "window");
    if (!line.is_wanted)
        return;
    uint64_t start_ms = tick_ms(scg->scs, action->start_tick);
    uint64_t stop_ms = is_open ? 0 : tick_ms(scg->scs, action->stop_tick);
    if (line.is_json) {
        simc__json_uint(&line.json, "scg", scg->id);
        simc__json_hex(&line.json, "super_cas_id", stream->conf->super_cas_id, 8);
        simc__json_uint(&line.json, "ecm_id", stream->ecm_id);
        simc__json_uint(&line.json, "cp", action->cp);
        simc__json_scaled(&line.json, "start", start_ms, MS_PER_S);
        if (is_open)
            simc__json_null(&line.json, "stop");
        else
            simc__json_scaled(&line.json, "stop", stop_ms, MS_PER_S);
        simc__json_uint(&line.json, "repetition_ms", action->repetition_ms);
    } else {
        simc__text_printf(&line.out, "scg %u  ECM of period %u, 0x%08X/%u,", (unsigned)scg->id,
                          (unsigned)action->cp, (unsigned)stream->conf->super_cas_id,
                          (unsigned)stream->ecm_id);
        put_seconds(&line, " on air from ", start_ms);
        if (!is_open)
            put_seconds(&line, " to ", stop_ms);
        simc__text_printf(&line.out, " every %u ms", (unsigned)action->repetition_ms);
    }
    end(&line);
}

static void print_end(struct simc__scs_scg *scg, const struct simc__sched_action *action)
{
    static struct line line;
    bool is_clear = action->type == SIMC__SCHED_CLEAR;
    begin(&line, scg->scs, is_clear ? "clear" : "silent");
    if (!line.is_wanted)
        return;
    uint64_t start_ms = tick_ms(scg->scs, action->start_tick);
    if (line.is_json) {
        simc__json_uint(&line.json, "scg", scg->id);
        simc__json_scaled(&line.json, "start", start_ms, MS_PER_S);
    } else {
        simc__text_printf(&line.out, "scg %u  %s", (unsigned)scg->id,
                          is_clear ? "clear" : "no ECMs");
        put_seconds(&line, " from ", start_ms);
    }
    end(&line);
}

void simc__scs_print_action(struct simc__scs_scg *scg, const struct simc__sched_action *action)
{
    switch ((enum simc__sched_action_type)action->type) {
    case SIMC__SCHED_PERIOD:
        print_period(scg, action);
        break;
    case SIMC__SCHED_WINDOW:
        print_window(scg, action);
        break;
    case SIMC__SCHED_CLEAR:
    case SIMC__SCHED_SILENT:
        print_end(scg, action);
        break;
    default:
        break;
    }
}

/* ---- ECMs, ECMGs, alarms ---- */

void simc__scs_print_ecm(struct simc__scs_stream *stream, uint16_t cp, struct simc_slice datagram,
                         int64_t margin_ms)
{
    static struct line line;
    const struct simc__scs_ecmg_conf *ecmg = stream->active->channel->conf;
    bool is_known = margin_ms != SIMC__SCS_MARGIN_UNKNOWN;
    begin(&line, stream->scg->scs, "ecm");
    if (!line.is_wanted)
        return;
    if (line.is_json) {
        simc__json_uint(&line.json, "scg", stream->scg->id);
        simc__json_hex(&line.json, "super_cas_id", stream->conf->super_cas_id, 8);
        simc__json_uint(&line.json, "ecm_id", stream->ecm_id);
        simc__json_uint(&line.json, "cp", cp);
        simc__json_text(&line.json, "ecmg", ecmg->name);
        if (is_known)
            simc__json_int(&line.json, "margin_ms", margin_ms);
        else
            simc__json_null(&line.json, "margin_ms");
        simc__json_uint(&line.json, "size", datagram.size);
        if (datagram.size <= ECM_SHOWN_MAX)
            simc__json_bytes(&line.json, "datagram", datagram);
    } else {
        simc__text_printf(&line.out, "scg %u  ECM of period %u, 0x%08X/%u, came from %s: %zu bytes",
                          (unsigned)stream->scg->id, (unsigned)cp,
                          (unsigned)stream->conf->super_cas_id, (unsigned)stream->ecm_id,
                          ecmg->name, datagram.size);
        if (is_known)
            simc__text_printf(&line.out, ", %lld ms in hand", (long long)margin_ms);
    }
    end(&line);
}

void simc__scs_print_alarm(struct simc__scs *scs, enum simc__scs_alarm alarm, bool is_raised,
                           const struct simc__scs_scg *scg, const struct simc__scs_stream *stream,
                           const struct simc__scs_ecmg *ecmg)
{
    static struct line line;
    const char *grade = simc__scs_grade_name(simc__scs_alarm_grade(alarm));
    begin(&line, scs, "alarm");
    if (!line.is_wanted)
        return;
    if (line.is_json) {
        simc__json_text(&line.json, "alarm", simc__scs_alarm_name(alarm));
        simc__json_text(&line.json, "grade", grade);
        simc__json_bool(&line.json, "raised", is_raised);
        if (scg)
            simc__json_uint(&line.json, "scg", scg->id);
        if (stream) {
            simc__json_hex(&line.json, "super_cas_id", stream->conf->super_cas_id, 8);
            simc__json_uint(&line.json, "ecm_id", stream->ecm_id);
        }
        if (ecmg)
            simc__json_text(&line.json, "ecmg", ecmg->conf->name);
    } else {
        if (scg)
            simc__text_printf(&line.out, "scg %u  ", (unsigned)scg->id);
        else
            simc__text_printf(&line.out, "ecmg %s  ", ecmg ? ecmg->conf->name : "");
        simc__text_printf(&line.out, "%s alarm%s: %s", grade, is_raised ? "" : " is over",
                          simc__scs_alarm_text(alarm));
        if (stream)
            simc__text_printf(&line.out, " (0x%08X/%u)", (unsigned)stream->conf->super_cas_id,
                              (unsigned)stream->ecm_id);
    }
    end(&line);
}

static void print_announced(struct line *line, const struct simc__scs_channel *channel)
{
    struct simc_ecmg_channel_status is;
    simc__scs_channel_announced(channel, &is);
    if (line->is_json) {
        simc__json_uint(&line->json, "version", simc_session_version(channel->session));
        simc__json_uint(&line->json, "lead_cw", is.lead_cw);
        simc__json_uint(&line->json, "cw_per_msg", is.cw_per_msg);
        simc__json_uint(&line->json, "max_comp_time_ms", is.max_comp_time_ms);
        simc__json_uint(&line->json, "min_cp_duration_100ms", is.min_cp_duration_100ms);
        simc__json_uint(&line->json, "max_streams", is.max_streams);
        simc__json_int(&line->json, "delay_start_ms", is.delay_start_ms);
        simc__json_int(&line->json, "delay_stop_ms", is.delay_stop_ms);
        simc__json_uint(&line->json, "ecm_rep_period_ms", is.ecm_rep_period_ms);
        return;
    }
    simc__text_printf(&line->out,
                      " (version %u): lead_CW %u, CW_per_msg %u, max_comp_time %u ms, "
                      "min_CP_duration %u.%u s, delays %d and %d ms",
                      (unsigned)simc_session_version(channel->session), (unsigned)is.lead_cw,
                      (unsigned)is.cw_per_msg, (unsigned)is.max_comp_time_ms,
                      (unsigned)is.min_cp_duration_100ms / 10,
                      (unsigned)is.min_cp_duration_100ms % 10, (int)is.delay_start_ms,
                      (int)is.delay_stop_ms);
}

void simc__scs_print_ecmg(struct simc__scs_channel *channel, bool is_open, const char *why)
{
    static struct line line;
    begin(&line, channel->scs, is_open ? "channel_open" : "channel_closed");
    if (!line.is_wanted)
        return;
    if (line.is_json)
        simc__json_text(&line.json, "ecmg", channel->conf->name);
    else
        simc__text_printf(&line.out, "ecmg %s  channel %s", channel->conf->name,
                          is_open ? "open" : "closed");
    if (is_open)
        print_announced(&line, channel);
    else if (line.is_json)
        simc__json_text(&line.json, "why", why);
    else
        simc__text_printf(&line.out, ": %s", why);
    end(&line);
}
