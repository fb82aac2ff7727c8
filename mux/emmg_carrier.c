/* SPDX-License-Identifier: BSL-1.0 */
/* The way from the streams of an EMMG to a PID of the output: one queue of sections and one source
 * of the engine for each PID. The EMMG server calls it. */
#include <stdio.h>
#include <string.h>

#include "mux/emmg_internal.h"

enum {
    PACKETS_AT_ONCE = 64,
    PAYLOAD = SIMC_TS_SIZE - 4,
    BITS_OF_A_PACKET = 8 * SIMC_TS_SIZE,
    BITRATE_MIN = 200, /* of a source that may send nothing: it keeps its PID */
};

static void source_name(const struct simc__emmg_carrier *carrier, char name[SIMC__MUX_NAME_SIZE])
{
    if (carrier->is_own)
        snprintf(name, SIMC__MUX_NAME_SIZE, "client 0x%08X data %u", (unsigned)carrier->client_id,
                 (unsigned)carrier->data_id);
    else
        snprintf(name, SIMC__MUX_NAME_SIZE, "client 0x%08X", (unsigned)carrier->client_id);
}

int simc__emmg_carrier_open(struct simc__emmg *emmg, struct simc__emmg_carrier *carrier,
                            char why[SIMC__EMMG_WHY_SIZE])
{
    const char *multiplex = carrier->multiplex[0] ? carrier->multiplex : NULL;
    struct simc__mux_source_config config = {
        .pid = carrier->pid ? carrier->pid : carrier->wanted_pid,
        .priority = carrier->priority,
        .bitrate = BITRATE_MIN,
        .queue_count = emmg->conf->limits.queue / SIMC_TS_SIZE + 1,
        .has_ca = carrier->is_emm && carrier->is_in_cat,
        .ca_system_id = (uint16_t)(carrier->client_id >> 16),
    };
    struct simc__mux_source_status status;
    struct simc__mux *mux = emmg->environment.find(emmg->environment.context, multiplex);
    source_name(carrier, config.name);
    if (!mux) {
        snprintf(why, SIMC__EMMG_WHY_SIZE, "there is no multiplex '%.63s'",
                 multiplex ? multiplex : "");
        return SIMC_ENOTFOUND;
    }
    int error = simc__mux_source_add(mux, &config, &carrier->source, why);
    if (!error)
        error = simc__mux_source_status(mux, carrier->source, &status);
    if (error)
        return error;
    carrier->mux = mux;
    carrier->pid = status.pid;
    carrier->bitrate = 0;
    simc__emmg_carrier_rate(carrier);
    return 0;
}

static void leave(struct simc__emmg_carrier *carrier, size_t size)
{
    carrier->first += size;
    carrier->waiting -= size;
    carrier->taken += size;
    if (carrier->waiting == 0)
        carrier->first = 0;
}

void simc__emmg_carrier_close(struct simc__emmg_carrier *carrier)
{
    if (carrier->mux)
        simc__mux_source_remove(carrier->mux, carrier->source);
    carrier->mux = NULL;
    /* A section whose beginning is gone is none. */
    leave(carrier, carrier->section_left);
    carrier->section_left = 0;
}

void simc__emmg_carrier_rate(struct simc__emmg_carrier *carrier)
{
    uint64_t bitrate = carrier->kbitps * 1000 > BITRATE_MIN ? carrier->kbitps * 1000 : BITRATE_MIN;
    if (!carrier->mux || bitrate == carrier->bitrate)
        return;
    carrier->bitrate = bitrate;
    /* The source was added by us and the rate is in its range: this cannot fail. */
    if (simc__mux_source_bitrate(carrier->mux, carrier->source, bitrate))
        carrier->kbitps = 0;
}

/* ---- finding one ---- */

static bool fits(const struct simc__emmg_carrier *carrier, const struct simc__emmg_carrier *wanted)
{
    return carrier->client_id == wanted->client_id && carrier->is_emm == wanted->is_emm &&
           carrier->is_own == wanted->is_own &&
           (!carrier->is_own || carrier->data_id == wanted->data_id) &&
           carrier->form == wanted->form && carrier->wanted_pid == wanted->wanted_pid &&
           strcmp(carrier->multiplex, wanted->multiplex) == 0;
}

/* What the configuration says of a stream. @return false: its data_id is not listed. */
static bool describe(const struct simc__emmg_client_conf *conf,
                     const struct simc__emmg_stream *stream, struct simc__emmg_carrier *wanted)
{
    const struct simc__emmg_pid_conf *own = NULL;
    for (size_t i = 0; i < conf->pids_count && !own; i++)
        if (conf->pids[i].data_id == stream->data_id)
            own = &conf->pids[i];
    *wanted = (struct simc__emmg_carrier){
        .client_id = stream->channel->client_id,
        .is_emm = stream->data_type == SIMC_DATA_TYPE_EMM,
        .is_own = own || stream->data_type != SIMC_DATA_TYPE_EMM,
        .data_id = stream->data_id,
        .form = stream->channel->form,
        .wanted_pid = own                                       ? own->pid
                      : stream->data_type == SIMC_DATA_TYPE_EMM ? conf->pid
                                                                : 0,
        .priority = conf->priority,
        .is_in_cat = !conf->no_cat,
    };
    if (conf->multiplex)
        snprintf(wanted->multiplex, sizeof wanted->multiplex, "%s", conf->multiplex);
    return own || !conf->only_these;
}

/* @return the one that it wants, made if there is none; NULL: no memory. */
static struct simc__emmg_share *share_get(struct simc__emmg *emmg, bool is_client,
                                          const struct simc__emmg_carrier *wanted)
{
    struct simc__emmg_share *share = emmg->shares;
    while (share && (share->is_client != is_client ||
                     (is_client ? share->client_id != wanted->client_id
                                : strcmp(share->multiplex, wanted->multiplex) != 0)))
        share = share->next;
    if (!share) {
        share = simc_calloc(1, sizeof *share);
        if (!share)
            return NULL;
        share->is_client = is_client;
        share->client_id = wanted->client_id;
        memcpy(share->multiplex, wanted->multiplex, sizeof share->multiplex);
        share->conf = is_client ? simc__emmg_client_conf(emmg, wanted->client_id) : NULL;
        share->next = emmg->shares;
        emmg->shares = share;
    }
    share->users++;
    return share;
}

static void share_put(struct simc__emmg *emmg, struct simc__emmg_share *share)
{
    struct simc__emmg_share **at = &emmg->shares;
    if (!share || --share->users > 0)
        return;
    while (*at != share)
        at = &(*at)->next;
    *at = share->next;
    simc_free(share);
}

static struct simc__emmg_carrier *make(struct simc__emmg *emmg,
                                       const struct simc__emmg_carrier *wanted)
{
    struct simc__emmg_carrier *made = simc_alloc(sizeof *made);
    if (!made)
        return NULL;
    *made = *wanted;
    made->room = emmg->conf->limits.queue;
    made->sections = simc_alloc(made->room);
    made->of_client = share_get(emmg, true, wanted);
    made->of_multiplex = share_get(emmg, false, wanted);
    if (!made->sections || !made->of_client || !made->of_multiplex) {
        share_put(emmg, made->of_client);
        share_put(emmg, made->of_multiplex);
        simc_free(made->sections);
        simc_free(made);
        return NULL;
    }
    made->next = emmg->carriers;
    emmg->carriers = made;
    return made;
}

void simc__emmg_carrier_free(struct simc__emmg *emmg, struct simc__emmg_carrier *carrier)
{
    struct simc__emmg_carrier **at = &emmg->carriers;
    while (*at != carrier)
        at = &(*at)->next;
    *at = carrier->next;
    simc__emmg_carrier_close(carrier);
    share_put(emmg, carrier->of_client);
    share_put(emmg, carrier->of_multiplex);
    simc_free(carrier->sections);
    simc_free(carrier);
}

uint16_t simc__emmg_carrier_get(struct simc__emmg *emmg, const struct simc__emmg_client_conf *conf,
                                const struct simc__emmg_stream *stream,
                                struct simc__emmg_carrier **carrier, char why[SIMC__EMMG_WHY_SIZE])
{
    struct simc__emmg_carrier wanted;
    if (!describe(conf, stream, &wanted)) {
        snprintf(why, SIMC__EMMG_WHY_SIZE, "pids of the client does not list data_id %u",
                 (unsigned)stream->data_id);
        return SIMC_EMMG_STATUS_UNKNOWN_DATA_ID;
    }
    struct simc__emmg_carrier *found = emmg->carriers;
    while (found && !fits(found, &wanted))
        found = found->next;
    if (!found) {
        found = make(emmg, &wanted);
        if (!found) {
            snprintf(why, SIMC__EMMG_WHY_SIZE, "no memory");
            return SIMC_EMMG_STATUS_UNKNOWN_ERROR;
        }
        if (simc__emmg_carrier_open(emmg, found, why)) {
            simc__emmg_carrier_free(emmg, found);
            return SIMC_EMMG_STATUS_TOO_MANY_STREAMS_ON_MUX;
        }
    }
    if (found->users++ == 0)
        found->kbitps = 0; /* what was left of its old streams goes at the rate of the new one */
    *carrier = found;
    return 0;
}

void simc__emmg_carrier_put(struct simc__emmg *emmg, struct simc__emmg_carrier *carrier,
                            uint64_t now_ms)
{
    if (--carrier->users > 0)
        return;
    carrier->gone_ms = now_ms + SIMC__EMMG_LINGER_MS;
    if (simc__emmg_carrier_is_done(carrier, now_ms))
        simc__emmg_carrier_free(emmg, carrier);
    else
        emmg->turn_ms = now_ms;
}

bool simc__emmg_carrier_is_done(const struct simc__emmg_carrier *carrier, uint64_t now_ms)
{
    struct simc__mux_source_status status;
    if (carrier->users)
        return false;
    return !carrier->mux || !carrier->kbitps || now_ms >= carrier->gone_ms ||
           simc__mux_source_status(carrier->mux, carrier->source, &status) ||
           (!carrier->waiting && !status.queued);
}

/* ---- data ---- */

int simc__emmg_carrier_section(struct simc__emmg_carrier *carrier, struct simc_slice section)
{
    if (!carrier->mux)
        return SIMC_ENOTFOUND;
    if (section.size > carrier->room - carrier->waiting)
        return SIMC_EFULL;
    if (section.size > carrier->room - carrier->first - carrier->waiting) {
        memmove(carrier->sections, carrier->sections + carrier->first, carrier->waiting);
        carrier->first = 0;
    }
    memcpy(carrier->sections + carrier->first + carrier->waiting, section.data, section.size);
    carrier->waiting += section.size;
    return 0;
}

int simc__emmg_carrier_packets(struct simc__emmg_carrier *carrier, struct simc_slice packets)
{
    if (!carrier->mux)
        return SIMC_ENOTFOUND;
    int error = simc__mux_source_push(carrier->mux, carrier->source, packets.data,
                                      packets.size / SIMC_TS_SIZE);
    if (!error)
        carrier->taken += packets.size;
    return error;
}

size_t simc__emmg_carrier_fill(const struct simc__emmg_carrier *carrier)
{
    struct simc__mux_source_status status = {0};
    if (carrier->mux && simc__mux_source_status(carrier->mux, carrier->source, &status))
        status.queued = 0;
    return carrier->waiting + (size_t)status.queued * SIMC_TS_SIZE;
}

uint64_t simc__emmg_carrier_came(const struct simc__emmg_carrier *carrier)
{
    return carrier->taken + carrier->waiting;
}

/* The packets in the engine may hold less than they could: then some of it is out already. */
uint64_t simc__emmg_carrier_out(const struct simc__emmg_carrier *carrier)
{
    struct simc__mux_source_status status = {0};
    if (carrier->mux && simc__mux_source_status(carrier->mux, carrier->source, &status))
        status.queued = 0;
    uint64_t most =
        (uint64_t)status.queued * (carrier->form == SIMC_DATAGRAM_PACKETS ? SIMC_TS_SIZE : PAYLOAD);
    return carrier->taken > most ? carrier->taken - most : 0;
}

/* ---- from sections to packets ---- */

static size_t section_size(const uint8_t *section)
{
    return 3u + ((section[1] & 0x0fu) << 8 | section[2]);
}

/* Counts off `size` bytes of payload from `at` on. */
static void pass(struct simc__emmg_carrier *carrier, size_t at, size_t size)
{
    size_t left = carrier->section_left;
    for (; size > left; left = section_size(carrier->sections + carrier->first + at)) {
        size -= left;
        at += left;
    }
    carrier->section_left = left - size;
}

/* Sections follow each other without a gap, so that the rate on air is what was counted. A packet
 * that is not full waits for more, unless the engine has nothing else.
 * @return bytes of sections in it; 0: it waits. */
static size_t make_packet(struct simc__emmg_carrier *carrier, size_t at, bool may_stuff,
                          uint8_t packet[SIMC_TS_SIZE])
{
    size_t left = carrier->section_left, have = carrier->waiting - at;
    bool starts = left < PAYLOAD - 1 && have > left;
    size_t room = starts ? PAYLOAD - 1 : PAYLOAD;
    size_t size = have < room ? have : room;
    if (!starts && size > left)
        size = left;
    if (size < room && have == size && !may_stuff)
        return 0;
    memset(packet, 0xff, SIMC_TS_SIZE);
    packet[0] = SIMC_TS_SYNC;
    packet[1] = (uint8_t)((starts ? 0x40 : 0) | SIMC_PID_FREE >> 8);
    packet[2] = (uint8_t)(SIMC_PID_FREE & 0xff);
    packet[3] = 0x10;
    if (starts)
        packet[4] = (uint8_t)left;
    memcpy(packet + SIMC_TS_SIZE - room, carrier->sections + carrier->first + at, size);
    pass(carrier, at, size);
    return size;
}

/* How many packets the engine may have besides those that it has. */
static size_t wanted_packets(const struct simc__emmg_carrier *carrier, bool *is_idle)
{
    uint64_t ahead = carrier->kbitps * SIMC__EMMG_CARRIER_AHEAD_MS / BITS_OF_A_PACKET + 2;
    struct simc__mux_source_status status;
    if (simc__mux_source_status(carrier->mux, carrier->source, &status))
        return 0;
    *is_idle = status.queued == 0;
    if (ahead > status.queue_count)
        ahead = status.queue_count;
    uint64_t wanted = ahead > status.queued ? ahead - status.queued : 0;
    return wanted < PACKETS_AT_ONCE ? (size_t)wanted : PACKETS_AT_ONCE;
}

bool simc__emmg_carrier_turn(struct simc__emmg_carrier *carrier)
{
    uint8_t packets[PACKETS_AT_ONCE * SIMC_TS_SIZE];
    size_t wanted, count = 1, size, at = 0;
    bool is_idle = false;
    while (carrier->mux && count > 0 && at < carrier->waiting &&
           (wanted = wanted_packets(carrier, &is_idle)) > 0) {
        for (count = 0; count < wanted && at < carrier->waiting; count++, at += size) {
            size = make_packet(carrier, at, is_idle && count == 0, packets + count * SIMC_TS_SIZE);
            if (size == 0)
                break;
        }
        /* There is room, and they are right: it takes them. */
        if (count && simc__mux_source_push(carrier->mux, carrier->source, packets, count))
            break;
    }
    leave(carrier, at);
    return carrier->waiting > 0;
}
