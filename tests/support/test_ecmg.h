/* SPDX-License-Identifier: BSL-1.0 */
/* A small ECMG for tests: sessions of lib/session, answered with test ECMs that hold their control
 * words in the clear. Conversations run against it in memory and over sockets. */
#ifndef SIMC_TESTS_TEST_ECMG_H
#define SIMC_TESTS_TEST_ECMG_H

#include "simulcrypt/session.h"

/* Settings by name, each with its default. The names are those of the conversations' parameters. */
#define TEST_ECMG_ROWS(ROW)       \
    ROW(super_cas_id, 0xABCD0001) \
    ROW(versions, 0)              \
    ROW(section_TSpkt_flag, 0)    \
    ROW(lead_CW, 1)               \
    ROW(CW_per_msg, 2)            \
    ROW(max_comp_time, 100)       \
    ROW(max_streams, 0)           \
    ROW(min_CP_duration, 10)      \
    ROW(transfer_mode, 0)         \
    ROW(plain_delays_only, 0)     \
    ROW(max_channels, 0)          \
    ROW(max_streams_all, 0)       \
    ROW(closed_ecm_ids, 0)        \
    ROW(unlisted_ecm_id, 0x7ffe)  \
    ROW(empty_cp, -1)             \
    ROW(strict, 0)                \
    ROW(exact_cws, 0)             \
    ROW(information, 0)           \
    ROW(cw_sizes, 0)              \
    ROW(idle_ms, 0)               \
    ROW(test_ms, 0)               \
    ROW(setup_ms, 0)              \
    ROW(close_ms, 0)              \
    ROW(fault_limit, 0)           \
    ROW(length_limit, 0)          \
    ROW(output_limit, 0)          \
    ROW(pending_limit, 0)

enum {
    TEST_ECMG_CHANNELS_MAX = 256,
    TEST_ECMG_ECM_IDS = 65536,
    TEST_ECMG_DATAGRAM_MAX = 8192,
};

struct test_ecmg_settings {
#define TEST_ECMG_MEMBER(name, fallback) int64_t name;
    TEST_ECMG_ROWS(TEST_ECMG_MEMBER)
#undef TEST_ECMG_MEMBER
};

/* What all connections of an ECMG share. */
struct test_ecmg {
    struct test_ecmg_settings settings;
    bool channel_is_open[65536];
    bool ecm_id_is_used[TEST_ECMG_ECM_IDS];
    unsigned channels, streams;
};

/* One connection. The modes are what conversations switch by requests. */
struct test_ecmg_connection {
    struct simc_session *session;
    bool has_channel;
    uint16_t channel;
    uint16_t streams[1024]; /* ids, with their ECM_ids */
    uint16_t ecm_ids[1024];
    unsigned stream_count;
    bool holds;        /* CW_provisions get no answer of their own */
    bool says_nothing; /* set-up messages get none */
    bool closes;       /* set-up messages end the connection */
    uint16_t refuses;  /* error_status for set-up messages; 0: none */
};

void test_ecmg_init(struct test_ecmg *ecmg);
/** Sets one setting. @return false: there is none of that name. */
bool test_ecmg_set(struct test_ecmg *ecmg, const char *name, const char *value);
/** The settings for a session. */
struct simc_ecmg_settings test_ecmg_session_settings(const struct test_ecmg *ecmg);
/** Answers an event. */
void test_ecmg_handle(struct test_ecmg *ecmg, struct test_ecmg_connection *connection,
                      const struct simc_session_event *event, uint64_t now_ms);
/** Frees the ids of a connection that is gone. */
void test_ecmg_gone(struct test_ecmg *ecmg, struct test_ecmg_connection *connection);
/** Makes a test ECM, a section or packets. @return its size. */
size_t test_ecmg_datagram(bool packets, uint16_t cp_number, const struct simc_control_word *cws,
                          size_t cw_count, struct simc_slice access_criteria,
                          uint8_t datagram[TEST_ECMG_DATAGRAM_MAX]);

#endif
