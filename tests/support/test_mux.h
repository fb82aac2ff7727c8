/* SPDX-License-Identifier: BSL-1.0 */
/* A small MUX and a small EMMG for tests: sessions of lib/session with applications that keep
 * tables of ids, look into datagrams and count them, and that ask for what an EMMG wants.
 * Conversations run against them in memory. */
#ifndef SIMC_TESTS_TEST_MUX_H
#define SIMC_TESTS_TEST_MUX_H

#include "simulcrypt/emmg_session.h"

/* Settings of the MUX by name, each with its default. */
#define TEST_MUX_ROWS(ROW)        \
    ROW(client_id, 0xABCD0001)    \
    ROW(closed_clients, 0)        \
    ROW(exclusive_clients, 0)     \
    ROW(versions, 0)              \
    ROW(only_sections, 0)         \
    ROW(max_channels, 0)          \
    ROW(max_streams, 0)           \
    ROW(max_streams_all, 0)       \
    ROW(closed_data_ids, 0)       \
    ROW(unlisted_data_id, 0x7ffe) \
    ROW(ecm_data, 0)              \
    ROW(max_kbitps, 1000)         \
    ROW(no_bandwidth, 0)          \
    ROW(one_section, 0)           \
    ROW(strict, 0)                \
    ROW(information, 0)           \
    ROW(idle_ms, 0)               \
    ROW(test_ms, 0)               \
    ROW(setup_ms, 0)              \
    ROW(close_ms, 0)              \
    ROW(fault_limit, 0)           \
    ROW(length_limit, 0)          \
    ROW(output_limit, 0)

/* Settings of the EMMG. */
#define TEST_EMMG_ROWS(ROW)    \
    ROW(client_id, 0xABCD0001) \
    ROW(version, 3)            \
    ROW(channel, 1)            \
    ROW(flag, 0)               \
    ROW(streams, 1)            \
    ROW(stream, 2)             \
    ROW(data_id, 0x21)         \
    ROW(data_type, 0)          \
    ROW(bandwidth, 100)        \
    ROW(negotiates, 1)         \
    ROW(datagrams, 2)          \
    ROW(strict, 0)             \
    ROW(information, 0)        \
    ROW(idle_ms, 0)            \
    ROW(setup_ms, 0)           \
    ROW(fault_limit, 0)        \
    ROW(length_limit, 0)       \
    ROW(output_limit, 0)       \
    ROW(stream_limit, 0)

enum { TEST_MUX_STREAMS_MAX = 64, TEST_MUX_CHANNELS_MAX = 256 };

struct test_mux_settings {
#define TEST_MUX_MEMBER(name, fallback) int64_t name;
    TEST_MUX_ROWS(TEST_MUX_MEMBER)
#undef TEST_MUX_MEMBER
};

struct test_emmg_settings {
#define TEST_EMMG_MEMBER(name, fallback) int64_t name;
    TEST_EMMG_ROWS(TEST_EMMG_MEMBER)
#undef TEST_EMMG_MEMBER
};

/* What all connections share. */
struct test_mux {
    struct test_mux_settings settings;
    struct test_emmg_settings emmg;
    struct test_mux_connection *connections[TEST_MUX_CHANNELS_MAX]; /* those with a channel */
    unsigned channels, streams;
};

struct test_mux_stream {
    bool is_open;
    uint16_t id, data_id;
    bool has_data_id;
    unsigned datagrams, bytes, dropped;
};

/* One connection, of either role. The modes are what conversations switch by requests. */
struct test_mux_connection {
    struct simc_session *session;
    bool has_channel;
    uint32_t client_id;
    uint16_t channel;
    uint8_t flag;
    struct test_mux_stream streams[TEST_MUX_STREAMS_MAX];
    unsigned reopened;
    bool says_nothing; /* set-up messages and requests get no answer */
    bool closes;       /* set-up messages end the connection */
    uint16_t refuses;  /* error_status for set-up messages; 0: none */
};

void test_mux_init(struct test_mux *mux);
/** Sets one setting; those of the EMMG are named emmg_... @return false: there is none. */
bool test_mux_set(struct test_mux *mux, const char *name, const char *value);
/** Calls back with the name of each setting. */
void test_mux_names(void (*call)(void *context, const char *name), void *context);
struct simc_mux_settings test_mux_session_settings(const struct test_mux *mux);
struct simc_emmg_settings test_emmg_session_settings(const struct test_mux *mux);
/** Answers an event of the MUX's side. */
void test_mux_handle(struct test_mux *mux, struct test_mux_connection *connection,
                     const struct simc_session_event *event, uint64_t now_ms);
/** Frees the ids of a connection that is gone. */
void test_mux_gone(struct test_mux *mux, struct test_mux_connection *connection);
/** Acts on an event of the EMMG's side: opens its streams, asks for bandwidth, sends data. */
void test_emmg_handle(struct test_mux *mux, struct test_mux_connection *connection,
                      const struct simc_session_event *event, uint64_t now_ms);
/** Sends `count` datagrams, EMM sections or packets. @return as simc_emmg_send(). */
int test_emmg_send(const struct test_mux *mux, struct test_mux_connection *connection,
                   uint16_t stream_id, unsigned count, uint64_t now_ms);

#endif
