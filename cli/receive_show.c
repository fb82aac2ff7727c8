/* SPDX-License-Identifier: BSL-1.0 */
/* What `simulcrypt receive` prints: events, figures and rights, as words or as lines of JSON;
 * receive.c calls it. */
#include "cli/receive.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "cli/keys.h"

/* ---- lines ---- */

static void clear_line(struct simc__receive_show *show)
{
    if (show->is_drawn)
        fputs("\r\033[K", show->to);
    show->is_drawn = false;
}

static struct simc_writer page_of(struct simc__receive_show *show)
{
    return simc_writer(show->page, SIMC__RECEIVE_PAGE_SIZE - 1);
}

/* Writes the page and a line end, so that a reader of a pipe has each line at once. */
static void put_line(struct simc__receive_show *show, const struct simc_writer *page)
{
    if (page->error)
        return;
    clear_line(show);
    fwrite(show->page, 1, page->at, show->to);
    fputc('\n', show->to);
    fflush(show->to);
}

/* ---- events ---- */

static void put_event(struct simc__receive_show *show, const struct simc__receiver_event *event,
                      const char *word)
{
    struct simc_writer page = page_of(show);
    if (show->json) {
        struct simc__json json;
        simc__json_init(&json, &page);
        simc__json_object(&json, NULL);
        simc__json_text(&json, "event", word);
        simc__json_uint(&json, "time_ms", event->time_ms);
        simc__json_uint(&json, "packet", event->packet);
        if (event->program)
            simc__json_uint(&json, "service", event->program);
        if (event->pid)
            simc__json_hex(&json, "pid", event->pid, 4);
        simc__json_text(&json, "text", event->text);
        simc__json_end(&json);
        if (simc__json_finish(&json))
            return;
    } else {
        simc__text_printf(&page, "%6" PRIu64 ".%03" PRIu64 " s  %s", event->time_ms / 1000,
                          event->time_ms % 1000, event->text);
    }
    put_line(show, &page);
}

void simc__receive_show_events(struct simc__receive_show *show, struct simc__receiver *receiver)
{
    struct simc__receiver_event event;
    while (simc__receiver_event(receiver, &event) == 0) {
        if (show->json || !show->quiet)
            put_event(show, &event, simc__receiver_event_word(event.type));
    }
}

void simc__receive_show_note(struct simc__receive_show *show, const struct simc__receiver *receiver,
                             const char *about, const char *text)
{
    struct simc__receiver_event event = {.time_ms = simc__receiver_stats(receiver)->time_ms,
                                         .packet = simc__receiver_stats(receiver)->packets};
    if (show->quiet && !show->json)
        return;
    snprintf(event.text, sizeof event.text, "%s: %s", about, text);
    put_event(show, &event, about);
}

/* ---- figures ---- */

static void put_json(struct simc__receive_show *show, const struct simc__receiver *receiver)
{
    struct simc_writer page = page_of(show);
    struct simc__json json;
    simc__json_init(&json, &page);
    simc__receiver_json(receiver, &json, NULL);
    if (simc__json_finish(&json) == 0)
        put_line(show, &page);
}

static void put_short(struct simc_writer *page, const struct simc__receiver *receiver,
                      const struct simc__receiver_service *service)
{
    const struct simc__receiver_service_stats *stats = &service->stats;
    (void)receiver;
    simc__text_printf(page, "  |  %u %s", service->program,
                      simc__receiver_state_word(service->state));
    if (stats->scrambled)
        simc__text_printf(page, " %" PRIu64 "/%" PRIu64, stats->opened, stats->scrambled);
    if (stats->lost)
        simc__text_printf(page, ", %" PRIu64 " lost", stats->lost);
}

void simc__receive_show_now(struct simc__receive_show *show, const struct simc__receiver *receiver)
{
    const struct simc__receiver_stats *stats = simc__receiver_stats(receiver);
    struct simc__receiver_service service;
    if (show->json) {
        put_json(show, receiver);
        return;
    }
    if (show->quiet || !show->is_terminal)
        return;
    struct simc_writer page = page_of(show);
    simc__text_printf(&page, "%" PRIu64 ".%" PRIu64 " s", stats->time_ms / 1000,
                      stats->time_ms / 100 % 10);
    for (size_t i = 0; simc__receiver_service(receiver, i, &service); i++) {
        if (service.wanted)
            put_short(&page, receiver, &service);
    }
    if (page.error)
        return;
    /* What is longer than a terminal is wide would scroll. */
    enum { COLUMNS = 79 };
    fprintf(show->to, "\r\033[K%.*s", (int)(page.at < COLUMNS ? page.at : COLUMNS), show->page);
    fflush(show->to);
    show->is_drawn = true;
}

static void put_summary(struct simc_writer *page, const struct simc__receiver *receiver,
                        const struct simc__receiver_service *service)
{
    const struct simc__receiver_service_stats *stats = &service->stats;
    struct simc__receiver_ecm_stats ecm;
    simc__text_printf(page, "service %u: %s", service->program,
                      simc__receiver_state_word(service->state));
    if (stats->packets)
        simc__text_printf(page, ", %" PRIu64 " packets", stats->packets);
    if (stats->scrambled)
        simc__text_printf(page, ", %" PRIu64 " scrambled, %" PRIu64 " opened", stats->scrambled,
                          stats->opened);
    if (stats->lost_start)
        simc__text_printf(page, ", %" PRIu64 " in front of the first ECM", stats->lost_start);
    if (stats->lost)
        simc__text_printf(page, ", %" PRIu64 " lost", stats->lost);
    if (stats->periods)
        simc__text_printf(page, ", %" PRIu64 " crypto periods", stats->periods);
    simc__text_put(page, "\n");
    for (size_t i = 0; simc__receiver_ecm(receiver, service->program, i, &ecm); i++) {
        simc__text_printf(page,
                          "  ECM PID 0x%x: package %" PRIu32 " version %" PRIu32 ", %" PRIu64
                          " seen, %" PRIu64 " opened",
                          ecm.pid, ecm.package, ecm.key_version, ecm.sections, ecm.opened);
        for (int reason = 1; reason < SIMC__RECEIVER_REFUSAL_COUNT; reason++) {
            if (ecm.refused[reason])
                simc__text_printf(page, ", %" PRIu64 " refused (%s)", ecm.refused[reason],
                                  simc__receiver_refusal_word(reason));
        }
        simc__text_put(page, "\n");
    }
}

void simc__receive_show_end(struct simc__receive_show *show, const struct simc__receiver *receiver)
{
    const struct simc__receiver_stats *stats = simc__receiver_stats(receiver);
    struct simc__receiver_service service;
    clear_line(show);
    if (show->json) {
        put_json(show, receiver);
        return;
    }
    if (show->quiet)
        return;
    struct simc_writer page = page_of(show);
    simc__text_printf(&page, "%" PRIu64 " packets in, %" PRIu64 " out\n", stats->packets,
                      stats->passed);
    for (size_t i = 0; simc__receiver_service(receiver, i, &service); i++) {
        if (service.wanted)
            put_summary(&page, receiver, &service);
    }
    fwrite(show->page, 1, page.error ? 0 : page.at, show->to);
}

/* ---- rights ---- */

static const char *standing(const struct simc__keys_entry *entry, uint64_t now_s)
{
    if (now_s < entry->start_s)
        return "in future";
    return now_s < entry->end_s ? "in force" : "expired";
}

static void put_right(struct simc__receive_show *show, const struct simc__keys_entry *entry,
                      uint64_t now_s)
{
    char from[SIMC__CLI_TIME_SIZE], to[SIMC__CLI_TIME_SIZE];
    struct simc_writer page = page_of(show);
    simc__cli_time(entry->start_s, from);
    simc__cli_time(entry->end_s, to);
    if (show->json) {
        struct simc__json json;
        simc__json_init(&json, &page);
        simc__json_object(&json, NULL);
        simc__json_uint(&json, "package", entry->package);
        simc__json_uint(&json, "version", entry->version);
        simc__json_text(&json, "start", from);
        simc__json_text(&json, "end", to);
        simc__json_text(&json, "standing", standing(entry, now_s));
        simc__json_end(&json);
        if (simc__json_finish(&json))
            return;
    } else {
        simc__text_printf(&page, "package %" PRIu32 ", version %" PRIu32 ": %s to %s, %s",
                          entry->package, entry->version, from, to, standing(entry, now_s));
    }
    put_line(show, &page);
}

void simc__receive_show_rights(struct simc__receive_show *show, const struct simc__keys *keys,
                               uint64_t now_s)
{
    size_t count;
    const struct simc__keys_entry *entries = simc__keys_all(keys, &count);
    for (size_t i = 0; i < count; i++)
        put_right(show, &entries[i], now_s);
}
