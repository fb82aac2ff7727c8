/* SPDX-License-Identifier: BSL-1.0 */
/* Builds the table of the state machines from rows.def and emmg_rows.def and finds the row of a
 * state and an event. The engine (run.c) calls it; two rows for one pair do not compile
 * (-Woverride-init). */
#include "session/internal.h"

enum {
#define ROW(role, state, event, ...) ROW_##role##_##state##_##event,
#include "session/emmg_rows.def"
#include "session/rows.def"
#undef ROW
    ROW_COUNT
};

enum {
    ROLES_ECMG = 1 << SIMC__ROLE_ECMG,
    ROLES_SCS = 1 << SIMC__ROLE_SCS,
    ROLES_BOTH = ROLES_ECMG | ROLES_SCS,
    ROLES_MUX = 1 << SIMC__ROLE_MUX,
    ROLES_EMMG = 1 << SIMC__ROLE_EMMG,
    ROLES_EMMG_MUX = ROLES_MUX | ROLES_EMMG
};

#define ACTION(name, text) static const char text_of_##name[] = text;
#include "session/actions.def"
#undef ACTION

static const struct simc__row rows[ROW_COUNT] = {
#define ROW(role, state_, event_, action_, carrier_, status_, next_, timer_, clause_, basis_, \
            note_)                                                                            \
    {.roles = ROLES_##role,                                                                   \
     .state = SIMC__##state_,                                                                 \
     .event = SIMC__EV_##event_,                                                              \
     .next = SIMC__##next_,                                                                   \
     .timer = SIMC__TIMER_##timer_,                                                           \
     .carrier = SIMC__##carrier_,                                                             \
     .basis = SIMC__##basis_,                                                                 \
     .status = status_,                                                                       \
     .action = simc__do_##action_,                                                            \
     .action_text = text_of_##action_,                                                        \
     .name = #role "/" #state_ "/" #event_,                                                   \
     .clause = clause_,                                                                       \
     .note = note_},
#include "session/emmg_rows.def"
#include "session/rows.def"
#undef ROW
};

/* Row numbers from 1 by role, state and event; 0: there is none. */
#define AT_ECMG(state, event, row)     [SIMC__ROLE_ECMG][SIMC__##state][SIMC__EV_##event] = row,
#define AT_SCS(state, event, row)      [SIMC__ROLE_SCS][SIMC__##state][SIMC__EV_##event] = row,
#define AT_BOTH(state, event, row)     AT_ECMG(state, event, row) AT_SCS(state, event, row)
#define AT_MUX(state, event, row)      [SIMC__ROLE_MUX][SIMC__##state][SIMC__EV_##event] = row,
#define AT_EMMG(state, event, row)     [SIMC__ROLE_EMMG][SIMC__##state][SIMC__EV_##event] = row,
#define AT_EMMG_MUX(state, event, row) AT_MUX(state, event, row) AT_EMMG(state, event, row)

static const uint16_t row_numbers[SIMC__ROLE_COUNT][SIMC__STATE_COUNT][SIMC__EV_COUNT] = {
#define ROW(role, state, event, ...) AT_##role(state, event, ROW_##role##_##state##_##event + 1)
#include "session/emmg_rows.def"
#include "session/rows.def"
#undef ROW
};

static const struct {
    const char *name;
    uint8_t fallback;
} states[] = {
#define STATE(name, text, fallback) {text, SIMC__##fallback},
    SIMC__STATE_ROWS(STATE)
#undef STATE
};

static const struct {
    const char *name;
    const char *text;
    enum simc__event_kind kind;
} events[] = {{"NONE", "", SIMC__KIND_REQUEST},
#define EVENT(name, kind, text) {#name, text, SIMC__KIND_##kind},
              SIMC__EVENT_ROWS(EVENT)
#undef EVENT
};

unsigned simc__session_row_count(void)
{
    return ROW_COUNT;
}

const struct simc__row *simc__session_row(unsigned row)
{
    return row < ROW_COUNT ? &rows[row] : NULL;
}

const char *simc__session_row_name(unsigned row)
{
    return row < ROW_COUNT ? rows[row].name : NULL;
}

const struct simc__row *simc__row_find(enum simc__role role, enum simc__state state,
                                       enum simc__event event)
{
    for (;;) {
        unsigned number = row_numbers[role][state][event];
        if (number)
            return &rows[number - 1];
        if (states[state].fallback == state)
            return NULL;
        state = (enum simc__state)states[state].fallback;
    }
}

unsigned simc__row_index(const struct simc__row *row)
{
    return (unsigned)(row - rows);
}

const char *simc__state_name(enum simc__state state)
{
    return (unsigned)state < SIMC__STATE_COUNT ? states[state].name : "same";
}

const char *simc__event_name(enum simc__event event)
{
    return events[event].name;
}

const char *simc__event_text(enum simc__event event)
{
    return events[event].text;
}

enum simc__event_kind simc__event_kind_of(enum simc__event event)
{
    return events[event].kind;
}
