/* SPDX-License-Identifier: BSL-1.0 */
/* Prints the pages of specs/sessions from the rows of the sessions' state machines: session-rows
 * ecmg-scs|emmg-mux. `make generate` writes the pages with it, and tests/scenarios/session-rows.t
 * compares the two. */
#include <stdio.h>
#include <string.h>

#include "support/session_pages.h"

static void print_rows(const char *title, unsigned roles, bool of_stream)
{
    printf("\n## %s\n\n", title);
    printf("| state | event | action | error | next | timer | clause | backed by | note |\n"
           "|---|---|---|---|---|---|---|---|---|\n");
    static const char *const carriers[] = {"", "CE", "SE", "CE or SE"};
    static const char *const timers[] = {
#define TIMER(name, text, length) #name,
        SIMC__TIMER_ROWS(TIMER)
#undef TIMER
    };
    for (unsigned i = 0; i < simc__session_row_count(); i++) {
        const struct simc__row *row = simc__session_row(i);
        bool is_here = row->roles == roles && (row->state >= SIMC__ST_NOT_OPEN) == of_stream;
        if (!is_here)
            continue;
        char status[16] = "";
        if (row->status)
            snprintf(status, sizeof status, " 0x%04X", row->status);
        printf("| %s | %s | %s | %s%s | %s | %s | %s | %s | %s |\n",
               simc__state_name((enum simc__state)row->state),
               simc__event_text((enum simc__event)row->event), row->action_text,
               carriers[row->carrier], status,
               row->next == SIMC__SAME ? "" : simc__state_name((enum simc__state)row->next),
               row->timer ? timers[row->timer] : "", row->clause,
               row->basis == SIMC__STANDARD ? "standard" : "decision", row->note);
    }
}

/* ---- the legality matrix ---- */

/* What happens to a message in a state, in a few words. */
static void print_outcome(enum simc__role role, enum simc__state state, enum simc__event event)
{
    const struct simc__row *row = simc__row_find(role, state, event);
    static const char *const carriers[] = {"", "CE", "SE", "CE or SE"};
    bool ends = row && row->next == SIMC__ENDED;
    if (!row || strstr(row->action_text, "none, a notice"))
        printf(" | ignored");
    else if (row->carrier)
        printf(" | %s 0x%04X%s", carriers[row->carrier], row->status, ends ? ", ends" : "");
    else if (ends)
        printf(" | ends");
    else if (strcmp(row->action_text, "the application is told") == 0)
        printf(" | told");
    else if (strstr(row->action_text, "dropped"))
        printf(" | dropped");
    else
        printf(" | ok");
}

static void print_matrix(enum simc__role role, const char *name, enum simc__state closed,
                         const struct session_line *lines, size_t count)
{
    printf("\n## What the %s may receive\n\n", name);
    printf("| message | channel %s | channel open, stream not open | stream open |\n"
           "|---|---|---|---|\n",
           simc__state_name(closed));
    for (size_t i = 0; i < count; i++) {
        const struct session_line *line = &lines[i];
        printf("| %s", line->message);
        print_outcome(role, closed, line->closed);
        print_outcome(role, line->of_stream ? SIMC__ST_NOT_OPEN : SIMC__OPEN, line->open);
        print_outcome(role, line->of_stream ? SIMC__ST_OPEN : SIMC__OPEN, line->stream_open);
        printf(" |\n");
    }
}

static void print_timers(void)
{
    printf("\n## Timers\n\n| timer | waits for | length |\n|---|---|---|\n");
#define TIMER(name, text, length) \
    if (text[0] != '\0')          \
        printf("| " #name " | %s | %s |\n", text, length);
    SIMC__TIMER_ROWS(TIMER)
#undef TIMER
    printf("\nSTOP ends the reply timer of a stream that stays open. All times are monotonic.\n");
}

static void print_roles(const char *name, unsigned roles)
{
    char title[64];
    snprintf(title, sizeof title, "%s, channel", name);
    print_rows(title, roles, false);
    snprintf(title, sizeof title, "%s, streams", name);
    print_rows(title, roles, true);
}

static int print_page(const struct session_page *page)
{
    unsigned server = 1u << page->server, client = 1u << page->client;
    fputs(page->intro, stdout);
    print_matrix(page->server, page->server_name, SIMC__NOT_OPEN, page->server_lines,
                 page->server_line_count);
    print_matrix(page->client, page->client_name, SIMC__SETTING_UP, page->client_lines,
                 page->client_line_count);
    print_roles("Both sides", server | client);
    print_roles(page->server_name, server);
    print_roles(page->client_name, client);
    print_timers();
    fputs(page->policy, stdout);
    fputs(page->checks, stdout);
    return fflush(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
    const struct session_page *pages[] = {&session_page_ecmg, &session_page_emmg};
    for (size_t i = 0; argc == 2 && i < sizeof pages / sizeof pages[0]; i++) {
        if (strcmp(argv[1], pages[i]->name) == 0)
            return print_page(pages[i]);
    }
    fprintf(stderr, "usage: session-rows ecmg-scs|emmg-mux\n");
    return 2;
}
