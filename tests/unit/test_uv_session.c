/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of sessions on the network adapter: both roles against each other over a socket,
 * plain. The runner in main.c calls suite_uv_session(). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test_uv_bed.h"
#include "uv/internal.h"

enum { PERIODS = 50, STREAM_ID = 7, ECM_ID = 33 };

/* Both ends in one loop. */
struct play {
    struct bed bed;
    uint8_t version;        /* of the next connection of the SCS */
    uint8_t refuse_version; /* by the ECMG: 0: none */
    bool answers_later;     /* by simc_uv_loop_notify() */
    uint64_t ecmg_id;       /* of the connection of the ECMG */
    int pending_cp;         /* an answer that is due later; -1: none */
    unsigned opened, ended, channels, streams, ecms;
    uint16_t next_cp;
    struct simc_uv_end scs_end, ecmg_end;
    enum simc_session_reason scs_reason;
};

/* ---- the ECMG ---- */

static int ecmg_open(void *context, struct simc_uv_connection *connection)
{
    struct play *play = context;
    struct simc_session *session;
    struct simc_ecmg_settings settings;
    memset(&settings, 0, sizeof settings);
    if (play->refuse_version)
        settings.versions = ~(1U << play->refuse_version) & 0x2eU;
    int error = simc_ecmg_session_new(&settings, simc_uv_loop_now_ms(play->bed.loop), &session);
    if (error)
        return error;
    play->opened++;
    play->ecmg_id = simc_uv_connection_id(connection);
    simc_uv_attach_session(connection, session, play);
    ck_assert_ptr_eq(simc_uv_connection_session(connection), session);
    ck_assert_ptr_eq(simc_uv_connection_object(connection), session);
    return 0;
}

static void ecmg_accept(struct simc_session *session)
{
    struct simc_ecmg_channel_status status;
    memset(&status, 0, sizeof status);
    status.ecm_rep_period_ms = 100;
    status.max_streams = 10;
    status.min_cp_duration_100ms = 10;
    status.lead_cw = 1;
    status.cw_per_msg = 2;
    status.max_comp_time_ms = 100;
    ck_assert_int_eq(simc_ecmg_channel_accept(session, &status), 0);
}

static void ecmg_answer(struct simc_session *session, uint16_t cp_number)
{
    ck_assert_int_eq(
        simc_ecmg_respond(session, STREAM_ID, cp_number, simc_slice("\x80\x70\x01\x55", 4)), 0);
}

static void ecmg_events(void *context, struct simc_uv_connection *connection, uint64_t now_ms)
{
    struct play *play = context;
    struct simc_session *session = simc_uv_connection_session(connection);
    static struct simc_session_event event;
    (void)now_ms;
    if (play->pending_cp >= 0) {
        ecmg_answer(session, (uint16_t)play->pending_cp);
        play->pending_cp = -1;
    }
    while (simc_session_next_event(session, &event)) {
        if (event.type == SIMC_EVENT_CHANNEL_SETUP)
            ecmg_accept(session);
        else if (event.type == SIMC_EVENT_STREAM_SETUP)
            ck_assert_int_eq(simc_ecmg_stream_accept(session, false, NULL), 0);
        else if (event.type == SIMC_EVENT_CW_PROVISION && play->answers_later)
            play->pending_cp = event.provision.cp_number;
        else if (event.type == SIMC_EVENT_CW_PROVISION)
            ecmg_answer(session, event.provision.cp_number);
    }
    if (play->pending_cp >= 0)
        simc_uv_loop_notify(play->bed.loop, simc_uv_connection_id(connection));
}

static void ecmg_end(void *context, struct simc_uv_connection *connection,
                     const struct simc_uv_end *end)
{
    struct play *play = context;
    simc_session_free(simc_uv_connection_session(connection));
    play->ecmg_end = *end;
    play->ended++;
}

/* ---- the SCS ---- */

static int scs_open(void *context, struct simc_uv_connection *connection)
{
    struct play *play = context;
    struct simc_session *session;
    struct simc_scs_settings settings;
    memset(&settings, 0, sizeof settings);
    settings.version = play->version;
    settings.ecm_channel_id = 1;
    settings.super_cas_id = 0x12340001;
    int error = simc_scs_session_new(&settings, simc_uv_loop_now_ms(play->bed.loop), &session);
    if (error)
        return error;
    play->opened++;
    simc_uv_attach_session(connection, session, play);
    return 0;
}

static void scs_provide(struct play *play, struct simc_session *session, uint64_t now_ms)
{
    struct simc_control_word cws[2];
    struct simc_scs_provision provision;
    memset(&provision, 0, sizeof provision);
    memset(cws, 0, sizeof cws);
    for (uint16_t i = 0; i < 2; i++) {
        uint8_t bytes[8] = {(uint8_t)play->next_cp, (uint8_t)i};
        cws[i].cp_number = (uint16_t)(play->next_cp + i);
        ck_assert_int_eq(simc_secret_set(&cws[i].cw, simc_slice(bytes, sizeof bytes)), 0);
    }
    provision.ecm_stream_id = STREAM_ID;
    provision.cp_number = play->next_cp++;
    provision.cws = cws;
    provision.cw_count = 2;
    ck_assert_int_eq(simc_scs_provide(session, &provision, now_ms), 0);
}

static void scs_events(void *context, struct simc_uv_connection *connection, uint64_t now_ms)
{
    struct play *play = context;
    struct simc_session *session = simc_uv_connection_session(connection);
    static struct simc_session_event event;
    while (simc_session_next_event(session, &event)) {
        if (event.type == SIMC_EVENT_CHANNEL_OPEN) {
            play->channels++;
            ck_assert_int_eq(simc_scs_stream_open(session, STREAM_ID, ECM_ID, 100, now_ms), 0);
        } else if (event.type == SIMC_EVENT_STREAM_OPEN) {
            play->streams++;
            scs_provide(play, session, now_ms);
        } else if (event.type == SIMC_EVENT_ECM) {
            play->ecms++;
            if (play->ecms < PERIODS)
                scs_provide(play, session, now_ms);
        } else if (event.type == SIMC_EVENT_CHANNEL_CLOSED) {
            play->scs_reason = event.reason;
        }
    }
}

static void scs_end(void *context, struct simc_uv_connection *connection,
                    const struct simc_uv_end *end)
{
    struct play *play = context;
    simc_session_free(simc_uv_connection_session(connection));
    play->scs_end = *end;
    play->ended++;
}

static void scs_retry(void *context, struct simc_uv_client *client, const struct simc_uv_end *end,
                      uint32_t *delay_ms)
{
    struct play *play = context;
    (void)client, (void)end;
    play->bed.retries++;
    if (play->scs_reason == SIMC_REASON_VERSION_REFUSED && simc_scs_version_after(play->version)) {
        play->version = simc_scs_version_after(play->version);
        *delay_ms = 0;
    }
}

static struct simc_uv_client *begin(struct play *play)
{
    struct simc_uv_address listen = {.host = "127.0.0.1", .port = 0};
    struct simc_uv_server_settings settings = {
        .listen = &listen,
        .listen_count = 1,
        .handlers = {.on_open = ecmg_open, .on_events = ecmg_events, .on_end = ecmg_end},
        .context = play};
    struct simc_uv_server *server;
    struct simc_uv_client *client;
    char why[SIMC_UV_TEXT_SIZE];
    bed_init(&play->bed);
    play->pending_cp = -1;
    play->version = 3;
    ck_assert_int_eq(simc_uv_server_new(play->bed.loop, &settings, why, &server), 0);
    struct simc_uv_client_settings other = {
        .remote = {.host = "127.0.0.1", .port = simc_uv_server_port(server, 0)},
        .handlers = {.on_open = scs_open,
                     .on_events = scs_events,
                     .on_end = scs_end,
                     .on_retry = scs_retry},
        .context = play};
    ck_assert_int_eq(simc_uv_client_new(play->bed.loop, &other, &client), 0);
    return client;
}

START_TEST(an_scs_and_an_ecmg_work_over_a_socket)
{
    for (int later = 0; later < 2; later++) {
        struct play play = {.answers_later = later};
        struct simc_uv_client *client = begin(&play);
        bed_until(&play.bed, play.ecms == PERIODS);
        ck_assert_uint_eq(play.channels, 1);
        ck_assert_uint_eq(play.streams, 1);
        struct simc_uv_connection *connection = simc_uv_client_connection(client);
        ck_assert_ptr_nonnull(connection);
        simc_session_close(simc_uv_connection_session(connection),
                           simc_uv_loop_now_ms(play.bed.loop));
        simc_uv_connection_pump(connection);
        bed_until(&play.bed, play.ended == 2);
        ck_assert_int_eq(play.scs_end.reason, SIMC_UV_END_PROTOCOL);
        ck_assert_str_eq(play.scs_end.text, "this side asked for it");
        ck_assert_msg(play.ecmg_end.reason == SIMC_UV_END_PEER_CLOSED ||
                          play.ecmg_end.reason == SIMC_UV_END_PROTOCOL,
                      "%s", play.ecmg_end.text);
        simc_uv_client_free(client);
        bed_fini(&play.bed);
    }
}
END_TEST

START_TEST(a_refused_version_is_followed_by_the_next_one_at_once)
{
    struct play play = {.refuse_version = 3};
    begin(&play);
    bed_until(&play.bed, play.ecms == PERIODS);
    ck_assert_uint_eq(play.version, 2);
    ck_assert_uint_eq(play.bed.retries, 1);
    ck_assert_int_eq(play.scs_reason, SIMC_REASON_VERSION_REFUSED);
    bed_fini(&play.bed);
    ck_assert_uint_eq(play.opened, play.ended);
}
END_TEST

START_TEST(a_session_hears_of_a_lost_connection)
{
    struct play play = {0};
    begin(&play);
    bed_until(&play.bed, play.ecms == PERIODS);
    struct simc_uv_connection *ecmg = simc_uv_loop_find(play.bed.loop, play.ecmg_id);
    ck_assert_ptr_nonnull(ecmg);
    simc_uv_connection_abort(ecmg, "the cable is cut");
    bed_until(&play.bed, play.bed.retries == 1);
    ck_assert_int_eq(play.scs_reason, SIMC_REASON_DISCONNECTED);
    ck_assert_str_eq(play.ecmg_end.text, "the cable is cut");
    bed_fini(&play.bed);
}
END_TEST

static TCase *session_tests(void)
{
    TCase *tests = tcase_create("sessions");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, an_scs_and_an_ecmg_work_over_a_socket);
    tcase_add_test(tests, a_refused_version_is_followed_by_the_next_one_at_once);
    tcase_add_test(tests, a_session_hears_of_a_lost_connection);
    return tests;
}

Suite *suite_uv_session(void);

Suite *suite_uv_session(void)
{
    Suite *suite = suite_create("uv_session");
    suite_add_tcase(suite, session_tests());
    return suite;
}
