/* SPDX-License-Identifier: BSL-1.0 */
/* The state machines of ECMG-SCS and EMMG-MUX as data: states, events, timers, and the row that a
 * pair of state and event has. The sessions run on it, and tests and the page in specs/sessions
 * read it. */
#ifndef SIMC__SESSION_ROWS_H
#define SIMC__SESSION_ROWS_H

#include "simulcrypt/emmg_session.h"

enum simc__role {
    SIMC__ROLE_ECMG,
    SIMC__ROLE_SCS,
    SIMC__ROLE_MUX,
    SIMC__ROLE_EMMG,
    SIMC__ROLE_COUNT
};

/* clang-format off */

/* Name, text, and the state whose rows hold where this one has none. States of the channel first;
 * those of a stream hold within an open channel. */
#define SIMC__STATE_ROWS(ROW)                                                                     \
    ROW(ANY, "any", ANY)                                                                          \
    ROW(NOT_OPEN, "not open", ANY)                                                                \
    ROW(ASKED, "asked", ANY)                                                                      \
    ROW(SETTING_UP, "setting up", ANY)                                                            \
    ROW(OPEN, "open", ANY)                                                                        \
    ROW(IN_ERROR, "in error", OPEN)                                                               \
    ROW(CLOSING, "closing", ANY)                                                                  \
    ROW(ENDED, "ended", ENDED)                                                                    \
    ROW(ST_NOT_OPEN, "stream not open", ANY)                                                      \
    ROW(ST_ASKED, "stream asked", ANY)                                                            \
    ROW(ST_SETTING_UP, "stream setting up", ANY)                                                  \
    ROW(ST_OPEN, "stream open", ANY)                                                              \
    ROW(ST_CLOSING, "stream closing", ANY)

/* Name, kind, text. */
#define SIMC__EVENT_ROWS(ROW)                                                                     \
    ROW(CHANNEL_SETUP, MESSAGE, "channel_setup")                                                  \
    ROW(CHANNEL_SETUP_AGAIN, MESSAGE, "channel_setup of the open channel")                        \
    ROW(CHANNEL_SETUP_OTHER, MESSAGE, "channel_setup of another channel")                         \
    ROW(CHANNEL_TEST, MESSAGE, "channel_test")                                                    \
    ROW(CHANNEL_STATUS, MESSAGE, "channel_status that answers")                                   \
    ROW(CHANNEL_STATUS_CHANGED, MESSAGE, "channel_status with another lead_CW or CW_per_msg")     \
    ROW(CHANNEL_STATUS_UNASKED, MESSAGE, "channel_status unasked")                                \
    ROW(CHANNEL_CLOSE, MESSAGE, "channel_close")                                                  \
    ROW(CHANNEL_ERROR, MESSAGE, "channel_error")                                                  \
    ROW(CHANNEL_ERROR_VERSION, MESSAGE, "channel_error 0x0002 to the channel_setup")              \
    ROW(CHANNEL_ERROR_FATAL, MESSAGE, "channel_error 0x7001")                                     \
    ROW(STREAM_SETUP, MESSAGE, "stream_setup")                                                    \
    ROW(STREAM_SETUP_REFUSED, MESSAGE, "stream_setup that a check refuses")                       \
    ROW(STREAM_TEST, MESSAGE, "stream_test")                                                      \
    ROW(STREAM_STATUS, MESSAGE, "stream_status that answers")                                     \
    ROW(STREAM_STATUS_OTHER, MESSAGE, "stream_status with another data_id or data_type")          \
    ROW(STREAM_STATUS_UNWANTED, MESSAGE, "stream_status of a stream to be closed")                \
    ROW(STREAM_STATUS_UNASKED, MESSAGE, "stream_status unasked")                                  \
    ROW(STREAM_CLOSE_REQUEST, MESSAGE, "stream_close_request")                                    \
    ROW(STREAM_CLOSE_RESPONSE, MESSAGE, "stream_close_response")                                  \
    ROW(STREAM_ERROR, MESSAGE, "stream_error")                                                    \
    ROW(STREAM_ERROR_ANSWER, MESSAGE, "stream_error while an answer is awaited")                  \
    ROW(STREAM_ERROR_PRIMING, MESSAGE, "stream_error 0x000B to a priming CW_provision")           \
    ROW(STREAM_ERROR_UNKNOWN, MESSAGE, "stream_error: the stream is unknown")                     \
    ROW(STREAM_ERROR_FATAL, MESSAGE, "stream_error 0x7001")                                       \
    ROW(CW_PROVISION, MESSAGE, "CW_provision")                                                    \
    ROW(CW_PROVISION_REFUSED, MESSAGE, "CW_provision that a check refuses")                       \
    ROW(ECM_RESPONSE, MESSAGE, "ECM_response that is awaited")                                    \
    ROW(ECM_RESPONSE_PRIMING, MESSAGE, "ECM_response to a priming CW_provision")                  \
    ROW(ECM_RESPONSE_LATE, MESSAGE, "ECM_response that is not awaited")                           \
    ROW(ECM_RESPONSE_INVALID, MESSAGE, "invalid ECM_response while one is awaited")               \
    ROW(BW_REQUEST, MESSAGE, "stream_BW_request")                                                 \
    ROW(BW_ALLOCATION, MESSAGE, "stream_BW_allocation")                                           \
    ROW(DATA, MESSAGE, "data_provision")                                                          \
    ROW(DATA_OTHER_ID, MESSAGE, "data_provision with another data_id than the stream's")          \
    ROW(OTHER_CHANNEL, MESSAGE, "a message that names another channel")                           \
    ROW(OTHER_CLIENT, MESSAGE, "a message that names another client")                             \
    ROW(WRONG_DIRECTION, MESSAGE, "a message that only this side sends")                          \
    ROW(OTHER_VERSION, MESSAGE, "a message of another protocol_version")                          \
    ROW(INVALID, MESSAGE, "an invalid message")                                                   \
    ROW(TOO_LONG, MESSAGE, "a message above the length limit")                                    \
    ROW(UNKNOWN_TYPE, MESSAGE, "a message of unknown message_type")                               \
    ROW(ERROR_INVALID, MESSAGE, "an invalid error message")                                       \
    ROW(FAULT_LIMIT, MESSAGE, "the last of too many invalid messages in a row")                   \
    ROW(ACCEPT, REQUEST, "the application accepts")                                               \
    ROW(REFUSE, REQUEST, "the application refuses")                                               \
    ROW(NO_ANSWER, REQUEST, "the application does not answer")                                    \
    ROW(START, REQUEST, "the connection is open")                                                 \
    ROW(CLOSE, REQUEST, "the application closes")                                                 \
    ROW(ALL_CLOSED, REQUEST, "the last stream has ended")                                         \
    ROW(TEST, REQUEST, "the application tests")                                                   \
    ROW(SEND_ERROR, REQUEST, "the application sends an error")                                    \
    ROW(OPEN_STREAM, REQUEST, "the application opens the stream")                                 \
    ROW(CLOSE_STREAM, REQUEST, "the application closes the stream")                               \
    ROW(PROVIDE, REQUEST, "the application provides control words")                               \
    ROW(RESPOND, REQUEST, "the application gives the ECM")                                        \
    ROW(RESPOND_ERROR, REQUEST, "the application gives an error")                                 \
    ROW(ALLOCATE, REQUEST, "the application allocates bandwidth")                                 \
    ROW(ASK_BANDWIDTH, REQUEST, "the application asks for bandwidth")                             \
    ROW(SEND_DATA, REQUEST, "the application sends data")                                         \
    ROW(DISCONNECTED, REQUEST, "the connection is lost")                                          \
    ROW(FAILED, REQUEST, "no memory, or the output is full")                                      \
    ROW(SETUP_TIMER, TIMER, "set-up timer")                                                       \
    ROW(GRACE_TIMER, TIMER, "grace timer")                                                        \
    ROW(CLOSE_TIMER, TIMER, "close timer")                                                        \
    ROW(REPLY_TIMER, TIMER, "reply timer")                                                        \
    ROW(TEST_TIMER, TIMER, "test timer")                                                          \
    ROW(IDLE_TIMER, TIMER, "idle timer")

/* Name; what it waits for, and how long. STOP only stops the timer of a stream that stays. */
#define SIMC__TIMER_ROWS(ROW)                                                                     \
    ROW(NONE, "", "")                                                                             \
    ROW(STOP, "", "")                                                                             \
    ROW(SETUP, "the answer to a set-up message; at a server the channel_setup itself",            \
        "`setup_ms`: clients 5 s, servers 30 s")                                                  \
    ROW(GRACE, "the end of the connection, or a new channel_setup", "`close_ms`: servers 1 s")    \
    ROW(CLOSE, "stream_close_response", "`close_ms`: clients 5 s")                                \
    ROW(REPLY, "ECM_response; stream_BW_allocation",                                              \
        "SCS: max_comp_time (1 s for 0) + `reply_allowance_ms` (500 ms); EMMG: `setup_ms`")       \
    ROW(TEST, "the answer to a test message", "`test_ms`: 5 s")                                   \
    ROW(IDLE, "any message, in an open channel", "`idle_ms`: 10 s, ECMG off")

/* clang-format on */

enum simc__state {
#define STATE(name, text, fallback) SIMC__##name,
    SIMC__STATE_ROWS(STATE)
#undef STATE
        SIMC__STATE_COUNT,
    SIMC__SAME = SIMC__STATE_COUNT /* next state of a row that moves nothing */
};

enum simc__event {
    SIMC__EV_NONE,
#define EVENT(name, kind, text) SIMC__EV_##name,
    SIMC__EVENT_ROWS(EVENT)
#undef EVENT
        SIMC__EV_COUNT
};

enum simc__event_kind { SIMC__KIND_MESSAGE, SIMC__KIND_REQUEST, SIMC__KIND_TIMER };

enum simc__timer {
#define TIMER(name, text, length) SIMC__TIMER_##name,
    SIMC__TIMER_ROWS(TIMER)
#undef TIMER
        SIMC__TIMER_COUNT
};

/* Which error message a row sends: none, channel_error, stream_error, or the one that the rule of
 * carriers chooses (stream_error when the stream is identified). */
enum simc__carrier { SIMC__NO_ERROR, SIMC__CE, SIMC__SE, SIMC__CE_OR_SE };

/* What backs a row: the standard, or a decision of ours where it is silent or not known to us. */
enum simc__basis { SIMC__STANDARD, SIMC__DECISION };

struct simc_session;
struct simc__step;

struct simc__row {
    uint8_t roles; /* bit per enum simc__role */
    uint8_t state; /* enum simc__state */
    uint8_t event;
    uint8_t next; /* or SIMC__SAME */
    uint8_t timer;
    uint8_t carrier;
    uint8_t basis;
    uint16_t status; /* error_status sent; 0: that of the fault or check */
    void (*action)(struct simc_session *session, struct simc__step *step);
    const char *action_text;
    const char *name; /* "ECMG/OPEN/CHANNEL_TEST", "EMMG_MUX/OPEN/TEST" for both */
    const char *clause;
    const char *note;
};

/** Rows, for coverage reports: settings.trace gets an index below this count. */
unsigned simc__session_row_count(void);
/** "ECMG/OPEN/CHANNEL_TEST"; "BOTH/..." serves ECMG and SCS, "EMMG_MUX/..." EMMG and MUX. NULL
 *  behind the last row. */
const char *simc__session_row_name(unsigned row);
const struct simc__row *simc__session_row(unsigned row);
/** The row of a pair, its state's fallbacks included; NULL: it has none. */
const struct simc__row *simc__row_find(enum simc__role role, enum simc__state state,
                                       enum simc__event event);
const char *simc__state_name(enum simc__state state);
const char *simc__event_name(enum simc__event event);
const char *simc__event_text(enum simc__event event);
enum simc__event_kind simc__event_kind_of(enum simc__event event);

#endif
