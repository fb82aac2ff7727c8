/* SPDX-License-Identifier: BSL-1.0 */
/* The ECM generator without network: what it serves and refuses, its ECMs, keys that change, and
 * reloads while streams are open. Run by the unit test runner. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ecmg/internal.h"
#include "simulcrypt/cas.h"
#include "unit/ecmg_bench.h"

Suite *suite_ecmg(void);

static const char here[] = "192.0.2.1", there[] = "192.0.2.2";

static struct ecmg_bench *bench;

static void setup(void)
{
    bench = calloc(1, sizeof *bench);
    ck_assert_ptr_nonnull(bench);
    ecmg_bench_init(bench);
}

static void teardown(void)
{
    ecmg_bench_fini(bench);
    free(bench);
}

/* The status that refused a channel; 0: it is open. */
static unsigned channel_status(const struct ecmg_scs *scs)
{
    const struct simc_session_event *event = ecmg_scs_event(scs, SIMC_EVENT_CHANNEL_CLOSED);
    if (ecmg_scs_event(scs, SIMC_EVENT_CHANNEL_OPEN))
        return 0;
    ck_assert_ptr_nonnull(event);
    ck_assert_uint_ge(event->status_count, 1);
    return event->statuses[0];
}

/* Opens a stream. @return the status that refused it; 0: it is open. */
static unsigned stream_status(struct ecmg_scs *scs, uint16_t stream_id, uint16_t ecm_id)
{
    ecmg_scs_forget(scs);
    ck_assert_int_eq(simc_scs_stream_open(scs->session, stream_id, ecm_id, 100, bench->now_ms), 0);
    ecmg_scs_pump(scs);
    const struct simc_session_event *event = ecmg_scs_event(scs, SIMC_EVENT_STREAM_CLOSED);
    if (ecmg_scs_event(scs, SIMC_EVENT_STREAM_OPEN))
        return 0;
    ck_assert_ptr_nonnull(event);
    return event->statuses[0];
}

/* The status in the place of an ECM; 0: it came. */
static unsigned ecm_status(const struct ecmg_scs *scs, uint16_t *blame)
{
    const struct simc_session_event *event = ecmg_scs_event(scs, SIMC_EVENT_NO_ECM);
    if (ecmg_scs_event(scs, SIMC_EVENT_ECM))
        return 0;
    ck_assert_ptr_nonnull(event);
    ck_assert_uint_ge(event->status_count, 1);
    *blame = event->information.size == 2
                 ? (uint16_t)(event->information.data[0] << 8 | event->information.data[1])
                 : 0;
    return event->statuses[0];
}

/* ---- ECMs are what they should be ---- */

struct wanted_key {
    uint32_t package, version;
};

static int find_key(void *context, const struct simc_ecm_kid *kid, struct simc_secret *key)
{
    const struct wanted_key *wanted = context;
    if (kid->package != wanted->package || kid->key_version != wanted->version)
        return SIMC_ENOTFOUND;
    ecmg_bench_key(kid->package, kid->key_version, key);
    return 0;
}

/* Opens the ECM that came last with a package key, and compares its control words. */
static void expect_ecm(const struct ecmg_scs *scs, uint32_t package, uint32_t version,
                       uint16_t ecm_id, uint16_t cp_number)
{
    const struct simc_session_event *event = ecmg_scs_event(scs, SIMC_EVENT_ECM);
    struct wanted_key wanted = {package, version};
    const struct simc_ecm_stream_id stream = {true, true, true, package, ECMG_SYSTEM, ecm_id};
    struct simc_ecm_opener *opener = NULL;
    struct simc_cas_fault fault;
    struct simc_ecm ecm;
    ck_assert_ptr_nonnull(event);
    ck_assert_int_eq(simc_ecm_opener_new(find_key, &wanted, &opener), 0);
    int error = simc_ecm_open(opener, event->ecm.datagram, &stream, &ecm, &fault);
    ck_assert_msg(error == 0, "package %u version %u: %s", (unsigned)package, (unsigned)version,
                  error ? fault.text : "");
    ck_assert_uint_eq(event->cp_number, cp_number);
    ck_assert_uint_eq(ecm.table_id, 0x80 | (cp_number & 1));
    ck_assert_uint_eq(ecm.issued_s, bench->wall_s);
    ck_assert_uint_eq(ecm.cw_count, 2);
    for (uint16_t i = 0; i < 2; i++) {
        struct simc_secret cw;
        ecmg_scs_cw((uint16_t)(cp_number + i), &cw);
        ck_assert_uint_eq(ecm.cp_numbers[i], (uint16_t)(cp_number + i));
        ck_assert(simc_secret_equal(&ecm.cws[i], &cw));
    }
    simc_ecm_opener_free(opener);
}

START_TEST(ecms_open_with_the_key_of_their_package)
{
    struct ecmg_scs scs;
    uint8_t memory[64];
    struct simc_slice criteria;
    ecmg_bench_start(bench);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM);
    ck_assert_uint_eq(channel_status(&scs), 0);
    ecmg_scs_stream(&scs, 2, 0x21);
    ecmg_scs_stream(&scs, 3, 0x22);
    criteria = ecmg_criteria(1, memory);
    ecmg_scs_provide(&scs, 2, 65535, &criteria);
    expect_ecm(&scs, 1, 1, 0x21, 65535);
    criteria = ecmg_criteria(2, memory);
    ecmg_scs_provide(&scs, 3, 0, &criteria);
    expect_ecm(&scs, 2, 1, 0x22, 0);
    /* A change of the access criteria, and none at all afterwards: the last ones hold. */
    criteria = ecmg_criteria(2, memory);
    ecmg_scs_provide(&scs, 2, 0, &criteria);
    expect_ecm(&scs, 2, 1, 0x21, 0);
    ecmg_scs_provide(&scs, 2, 1, NULL);
    expect_ecm(&scs, 2, 1, 0x21, 1);
    ecmg_scs_disconnect(&scs);
}
END_TEST

START_TEST(ts_packets_hold_the_section)
{
    struct ecmg_scs scs;
    uint8_t memory[64];
    struct simc_slice criteria = ecmg_criteria(1, memory);
    bench->systems[0].ts_packets = true;
    ecmg_bench_start(bench);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM);
    ecmg_scs_stream(&scs, 2, 0x21);
    ecmg_scs_provide(&scs, 2, 7, &criteria);
    struct simc_session_event *event =
        (struct simc_session_event *)(uintptr_t)ecmg_scs_event(&scs, SIMC_EVENT_ECM);
    ck_assert_ptr_nonnull(event);
    ck_assert_ptr_null(event->ecm.datagram_fault);
    ck_assert_uint_eq(event->ecm.datagram.size, 188);
    const uint8_t *packet = event->ecm.datagram.data;
    ck_assert_uint_eq(packet[0], 0x47);
    ck_assert_uint_eq(packet[1] & 0x40, 0x40);
    ck_assert_uint_eq(packet[4], 0);
    size_t size = 3 + ((size_t)(packet[6] & 0xf) << 8 | packet[7]);
    for (size_t i = 5 + size; i < 188; i++)
        ck_assert_uint_eq(packet[i], 0xff);
    event->ecm.datagram = simc_slice(packet + 5, size);
    expect_ecm(&scs, 1, 1, 0x21, 7);
    ecmg_scs_disconnect(&scs);
}
END_TEST

/* ---- access criteria ---- */

static const struct criteria_row {
    const char *what, *hex; /* NULL: not sent */
    bool has_default;
    unsigned status;
    uint16_t blame;
    uint32_t package; /* of the ECM, where it comes */
} criteria_rows[] = {
    {"of package 1", "a10101", false, 0, 0, 1},
    {"of package 2, default 1", "a10102", true, 0, 0, 2},
    {"missing, default 1", NULL, true, 0, 0, 1},
    {"missing, no default", NULL, false, 0x0010, 0x000d, 0},
    {"empty, default 1", "", true, 0, 0, 1},
    {"empty, no default", "", false, 0x0011, 0x000d, 0},
    {"unknown package", "a10163", false, 0x0011, 0x000d, 0},
    {"unknown package, default 1", "a10163", true, 0x0011, 0x000d, 0},
    {"foreign", "4142434445", true, 0x0011, 0x000d, 0},
    {"cut", "a101", true, 0x0011, 0x000d, 0},
    {"not the shortest form", "a1011801", false, 0x0011, 0x000d, 0},
};

START_TEST(access_criteria_are_obeyed_or_refused)
{
    const struct criteria_row *row = &criteria_rows[_i];
    struct ecmg_scs scs;
    struct unit_bytes bytes = unit_hex(row->hex ? row->hex : "");
    struct simc_slice criteria = unit_slice(&bytes);
    uint16_t blame = 0;
    bench->systems[0].has_default_package = row->has_default;
    bench->systems[0].default_package = 1;
    ecmg_bench_start(bench);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM);
    ecmg_scs_stream(&scs, 2, 0x21);
    /* Twice, since what was found the first time is remembered. */
    for (uint16_t cp = 10; cp < 12; cp++) {
        ecmg_scs_provide(&scs, 2, cp, row->hex ? &criteria : NULL);
        unsigned status = ecm_status(&scs, &blame);
        ck_assert_msg(status == row->status && blame == row->blame, "%s: 0x%04x, 0x%04x", row->what,
                      status, blame);
        if (!row->status)
            expect_ecm(&scs, row->package, 1, 0x21, cp);
    }
    ecmg_scs_disconnect(&scs);
}
END_TEST

START_TEST(access_criteria_over_64_bytes_are_refused)
{
    struct ecmg_scs scs;
    uint8_t bytes[4096] = {0xa1, 0x01, 0x01};
    struct simc_slice criteria = {bytes, 65};
    uint16_t blame = 0;
    ecmg_bench_start(bench);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM);
    ecmg_scs_stream(&scs, 2, 0x21);
    for (uint16_t cp = 0; cp < 2; cp++, criteria.size = sizeof bytes) {
        ecmg_scs_provide(&scs, 2, cp, &criteria);
        ck_assert_uint_eq(ecm_status(&scs, &blame), SIMC_ECMG_STATUS_INVALID_VALUE);
        ck_assert_uint_eq(blame, SIMC_ECMG_PARAM_ACCESS_CRITERIA);
    }
    ecmg_scs_disconnect(&scs);
}
END_TEST

/* ---- ids and limits ---- */

static const struct scope_row {
    enum simc__ecmg_id_scope scope;
    unsigned same_host, other_host; /* what the second one is told */
} channel_rows[] = {
    {SIMC__ECMG_IDS_PER_PEER, 0x0013, 0},
    {SIMC__ECMG_IDS_PER_ECMG, 0x0013, 0x0013},
    {SIMC__ECMG_IDS_PER_CONNECTION, 0, 0},
};

START_TEST(channel_ids_are_unique_in_their_scope)
{
    const struct scope_row *row = &channel_rows[_i];
    struct ecmg_scs first, same, other;
    bench->conf.id_scope = (uint8_t)row->scope;
    ecmg_bench_start(bench);
    ecmg_scs_connect(&first, bench, here, 1, ECMG_SYSTEM);
    ecmg_scs_connect(&same, bench, here, 1, ECMG_SYSTEM);
    ecmg_scs_connect(&other, bench, there, 1, ECMG_SYSTEM);
    ck_assert_uint_eq(channel_status(&first), 0);
    ck_assert_uint_eq(channel_status(&same), row->same_host);
    ck_assert_uint_eq(channel_status(&other), row->other_host);
    ecmg_scs_disconnect(&first);
    ecmg_scs_disconnect(&same);
    ecmg_scs_disconnect(&other);
    /* What was refused or closed has given its id back. */
    ecmg_scs_connect(&same, bench, here, 1, ECMG_SYSTEM);
    ck_assert_uint_eq(channel_status(&same), 0);
    ecmg_scs_disconnect(&same);
    struct simc__ecmg_totals totals;
    simc__ecmg_totals(bench->ecmg, &totals);
    ck_assert_uint_eq(totals.channels, 0);
}
END_TEST

static const struct scope_row ecm_id_rows[] = {
    {SIMC__ECMG_IDS_PER_PEER, 0x0015, 0},
    {SIMC__ECMG_IDS_PER_ECMG, 0x0015, 0x0015},
    {SIMC__ECMG_IDS_PER_CONNECTION, 0x0015, 0},
};

START_TEST(ecm_ids_are_unique_in_their_scope)
{
    const struct scope_row *row = &ecm_id_rows[_i];
    struct ecmg_scs first, other;
    bench->conf.id_scope = (uint8_t)row->scope;
    ecmg_bench_start(bench);
    ecmg_scs_connect(&first, bench, here, 1, ECMG_SYSTEM);
    ecmg_scs_connect(&other, bench, there, 2, ECMG_SYSTEM);
    ck_assert_uint_eq(stream_status(&first, 2, 0x21), 0);
    ck_assert_uint_eq(stream_status(&first, 3, 0x21), row->same_host);
    ck_assert_uint_eq(stream_status(&other, 2, 0x21), row->other_host);
    ck_assert_uint_eq(stream_status(&other, 4, 0x22), 0);
    ecmg_scs_disconnect(&first);
    ecmg_scs_disconnect(&other);
    ecmg_scs_connect(&first, bench, here, 1, ECMG_SYSTEM);
    ck_assert_uint_eq(stream_status(&first, 9, 0x21), 0);
    ecmg_scs_disconnect(&first);
}
END_TEST

START_TEST(limits_are_told_apart)
{
    struct ecmg_scs scs, other;
    static uint16_t listed[] = {0x21, 0x22, 0x23, 0x24, 0x25};
    bench->conf.limits.channels = 1;
    bench->conf.limits.streams = 3;
    bench->systems[0].ecm_ids = listed;
    bench->systems[0].ecm_ids_count = UNIT_COUNT(listed);
    ecmg_bench_start(bench);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM + 1);
    ck_assert_uint_eq(channel_status(&scs), SIMC_ECMG_STATUS_UNKNOWN_SUPER_CAS_ID);
    ecmg_scs_disconnect(&scs);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM);
    ecmg_scs_connect(&other, bench, here, 2, ECMG_SYSTEM);
    ck_assert_uint_eq(channel_status(&scs), 0);
    ck_assert_uint_eq(channel_status(&other), SIMC_ECMG_STATUS_TOO_MANY_CHANNELS);
    ecmg_scs_disconnect(&other);
    ck_assert_uint_eq(stream_status(&scs, 1, 0x20), SIMC_ECMG_STATUS_UNKNOWN_ECM_ID);
    for (uint16_t i = 0; i < 3; i++)
        ck_assert_uint_eq(stream_status(&scs, i, (uint16_t)(0x21 + i)), 0);
    ck_assert_uint_eq(stream_status(&scs, 9, 0x24), SIMC_ECMG_STATUS_TOO_MANY_STREAMS_ON_ECMG);
    ck_assert_int_eq(simc_scs_stream_close(scs.session, 0, bench->now_ms), 0);
    ecmg_scs_pump(&scs);
    ck_assert_uint_eq(stream_status(&scs, 9, 0x24), 0);
    ecmg_scs_disconnect(&scs);
}
END_TEST

START_TEST(max_streams_holds_for_a_channel)
{
    struct ecmg_scs scs;
    bench->systems[0].max_streams = 2;
    ecmg_bench_start(bench);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM);
    ck_assert_uint_eq(stream_status(&scs, 1, 1), 0);
    ck_assert_uint_eq(stream_status(&scs, 2, 2), 0);
    ck_assert_int_eq(simc_scs_stream_open(scs.session, 3, 3, 100, bench->now_ms), SIMC_EFULL);
    ecmg_scs_disconnect(&scs);
}
END_TEST

/* ---- who may use what, by certificate ---- */

static const struct tls_row {
    const char *what;
    bool has_ca, has_clients;
    const char *name;
    unsigned status;
} tls_rows[] = {
    {"no certificates wanted", false, false, NULL, 0},
    {"any good certificate", true, false, "scs9.example", 0},
    {"listed, for this system", true, true, "scs1.example", 0},
    {"listed, for everything", true, true, "scs3.example", 0},
    {"listed, for another system", true, true, "scs2.example", 0x0005},
    {"not listed", true, true, "scs9.example", 0x0005},
};

START_TEST(certificates_are_bound_to_systems)
{
    static uint32_t this_one[] = {ECMG_SYSTEM}, another[] = {ECMG_SYSTEM + 1};
    static struct simc__ecmg_client_conf clients[] = {
        {"scs1.example", this_one, 1}, {"scs2.example", another, 1}, {"scs3.example", NULL, 0}};
    const struct tls_row *row = &tls_rows[_i];
    const struct simc__ecmg_tls_conf tls = {
        .client_ca_file = row->has_ca ? "ca.pem" : NULL,
        .clients = clients,
        .clients_count = row->has_clients ? UNIT_COUNT(clients) : 0,
    };
    const struct simc__ecmg_peer peer = {.address = "192.0.2.1:1",
                                         .host = here,
                                         .tls = &tls,
                                         .names = &row->name,
                                         .names_count = row->name ? 1 : 0};
    struct ecmg_scs scs;
    ecmg_bench_start(bench);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM);
    ecmg_scs_disconnect(&scs);
    memset(&scs, 0, sizeof scs);
    scs.bench = bench;
    const struct simc_scs_settings settings = {.super_cas_id = ECMG_SYSTEM};
    ck_assert_int_eq(simc__ecmg_connection_new(simc__ecmg_worker(bench->ecmg, 0), &peer,
                                               bench->now_ms, &scs.connection),
                     0);
    ck_assert_int_eq(simc_scs_session_new(&settings, bench->now_ms, &scs.session), 0);
    ecmg_scs_pump(&scs);
    unsigned status = channel_status(&scs);
    ck_assert_msg(status == row->status, "%s: 0x%04x", row->what, status);
    ecmg_scs_disconnect(&scs);
}
END_TEST

/* ---- keys that change ---- */

START_TEST(versions_follow_the_clock_without_a_gap)
{
    struct ecmg_scs scs;
    uint8_t memory[64];
    struct simc_slice criteria = ecmg_criteria(1, memory);
    uint64_t start_s = bench->wall_s;
    ecmg_bench_keys(bench, 2, 5, start_s, 100);
    ecmg_bench_start(bench);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM);
    ecmg_scs_stream(&scs, 2, 0x21);
    for (uint16_t cp = 0; cp < 50; cp++) {
        bench->wall_s = start_s + cp * 10;
        ecmg_scs_provide(&scs, 2, cp, &criteria);
        expect_ecm(&scs, 1, 1 + cp / 10, 0x21, cp);
    }
    /* Behind the last one: it goes on with an alarm, once a minute. */
    bench->wall_s = start_s + 500;
    ecmg_scs_provide(&scs, 2, 50, &criteria);
    expect_ecm(&scs, 1, 5, 0x21, 50);
    ck_assert(ecmg_bench_has_logged(bench, "have expired"));
    ecmg_scs_disconnect(&scs);
}
END_TEST

START_TEST(expired_keys_can_be_refused)
{
    struct ecmg_scs scs;
    uint8_t memory[64];
    struct simc_slice criteria = ecmg_criteria(1, memory);
    uint16_t blame;
    bench->systems[0].expired = SIMC__ECMG_EXPIRED_REFUSE;
    ecmg_bench_keys(bench, 1, 1, bench->wall_s - 100, 50);
    ecmg_bench_start(bench);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM);
    ecmg_scs_stream(&scs, 2, 0x21);
    ecmg_scs_provide(&scs, 2, 0, &criteria);
    ck_assert_uint_eq(ecm_status(&scs, &blame), SIMC_ECMG_STATUS_UNKNOWN_ERROR);
    ecmg_scs_disconnect(&scs);
}
END_TEST

START_TEST(keys_of_the_future_are_refused)
{
    struct ecmg_scs scs;
    uint8_t memory[64];
    struct simc_slice criteria = ecmg_criteria(1, memory);
    uint16_t blame;
    ecmg_bench_keys(bench, 1, 1, bench->wall_s + 100, 50);
    ecmg_bench_start(bench);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM);
    ecmg_scs_stream(&scs, 2, 0x21);
    ecmg_scs_provide(&scs, 2, 0, &criteria);
    ck_assert_uint_eq(ecm_status(&scs, &blame), SIMC_ECMG_STATUS_INVALID_VALUE);
    bench->wall_s += 100;
    ecmg_scs_provide(&scs, 2, 1, &criteria);
    expect_ecm(&scs, 1, 1, 0x21, 1);
    ecmg_scs_disconnect(&scs);
}
END_TEST

/* ---- reload ---- */

static int change(struct simc__ecmg_conf *conf)
{
    char why[SIMC__ECMG_WHY_SIZE];
    return simc__ecmg_change(bench->ecmg, conf, why);
}

START_TEST(a_reload_rotates_keys_under_open_streams)
{
    struct ecmg_scs scs;
    uint8_t memory[64];
    struct simc_slice criteria = ecmg_criteria(1, memory);
    ecmg_bench_start(bench);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM);
    ecmg_scs_stream(&scs, 2, 0x21);
    ecmg_scs_provide(&scs, 2, 0, &criteria);
    expect_ecm(&scs, 1, 1, 0x21, 0);
    for (uint16_t i = 1; i < 20; i++) {
        /* Each file has one version more, and the last one is in force. */
        ecmg_bench_keys(bench, 2, 1U + i, bench->wall_s - i * 100U, 100);
        unit_expect_error(change(&bench->conf), 0);
        ecmg_scs_provide(&scs, 2, i, &criteria);
        expect_ecm(&scs, 1, 1U + i, 0x21, i);
    }
    ecmg_scs_disconnect(&scs);
}
END_TEST

START_TEST(a_reload_with_a_fault_changes_nothing)
{
    struct simc__ecmg_conf other = bench->conf;
    struct simc__ecmg_system_conf systems[3];
    struct ecmg_scs scs;
    uint8_t memory[64];
    struct simc_slice criteria = ecmg_criteria(1, memory);
    ecmg_bench_start(bench);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM);
    ecmg_scs_stream(&scs, 2, 0x21);
    for (size_t i = 0; i < UNIT_COUNT(systems); i++) {
        systems[i] = bench->systems[0];
        systems[i].super_cas_id = ECMG_SYSTEM + (uint32_t)i;
    }
    systems[2].key_file = "/nowhere/keys.yaml";
    other.systems = systems;
    other.systems_count = UNIT_COUNT(systems);
    ck_assert_int_ne(change(&other), 0);
    ck_assert_ptr_eq(simc__ecmg_conf(bench->ecmg), &bench->conf);
    ck_assert_ptr_null(simc__ecmg_system_find(bench->ecmg, ECMG_SYSTEM + 1));
    ecmg_scs_provide(&scs, 2, 0, &criteria);
    expect_ecm(&scs, 1, 1, 0x21, 0);
    ecmg_scs_disconnect(&scs);
}
END_TEST

START_TEST(a_reload_ends_channels_of_systems_that_are_gone)
{
    struct simc__ecmg_conf other = bench->conf;
    struct simc__ecmg_system_conf system = bench->systems[0];
    struct ecmg_scs scs;
    ecmg_bench_start(bench);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM);
    ecmg_scs_stream(&scs, 2, 0x21);
    system.super_cas_id = ECMG_SYSTEM + 1;
    other.systems = &system;
    unit_expect_error(change(&other), 0);
    ecmg_scs_forget(&scs);
    ecmg_scs_pump(&scs);
    const struct simc_session_event *event = ecmg_scs_event(&scs, SIMC_EVENT_CHANNEL_CLOSED);
    ck_assert_ptr_nonnull(event);
    ck_assert_int_eq(event->reason, SIMC_REASON_UNRECOVERABLE);
    ecmg_scs_disconnect(&scs);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM + 1);
    ck_assert_uint_eq(channel_status(&scs), 0);
    ecmg_scs_disconnect(&scs);
}
END_TEST

START_TEST(what_is_announced_holds_for_the_life_of_a_channel)
{
    struct simc__ecmg_conf other = bench->conf;
    struct simc__ecmg_system_conf system = bench->systems[0];
    struct ecmg_scs first, second;
    uint8_t memory[64];
    struct simc_slice criteria = ecmg_criteria(1, memory);
    ecmg_bench_start(bench);
    ecmg_scs_connect(&first, bench, here, 1, ECMG_SYSTEM);
    ecmg_scs_stream(&first, 2, 0x21);
    system.ts_packets = true;
    system.delay_start_ms = -500;
    other.systems = &system;
    unit_expect_error(change(&other), 0);
    ecmg_scs_connect(&second, bench, here, 2, ECMG_SYSTEM);
    ck_assert_int_eq(simc_scs_channel_status(first.session)->delay_start_ms, 0);
    ck_assert_int_eq(simc_scs_channel_status(second.session)->delay_start_ms, -500);
    ecmg_scs_provide(&first, 2, 0, &criteria);
    expect_ecm(&first, 1, 1, 0x21, 0);
    ecmg_scs_disconnect(&first);
    ecmg_scs_disconnect(&second);
}
END_TEST

/* ---- plug-ins ---- */

struct stub {
    int systems, workers, streams, reloads;
    bool refuses_reload;
};

static struct stub stub;

static int stub_system_open(const struct simc_ecm_host *host,
                            const struct simc_ecm_setting *settings, size_t count, void **system,
                            char why[SIMC_ECM_PLUGIN_WHY_SIZE])
{
    (void)host;
    if (count && strcmp(settings[0].name, "fail") == 0) {
        snprintf(why, SIMC_ECM_PLUGIN_WHY_SIZE, "told to fail: %s", settings[0].value);
        return SIMC_EINVAL;
    }
    stub.systems++;
    *system = &stub;
    return 0;
}

static int stub_reload(void *system, const struct simc_ecm_setting *settings, size_t count,
                       char why[SIMC_ECM_PLUGIN_WHY_SIZE])
{
    (void)system;
    (void)settings;
    (void)count;
    (void)why;
    stub.reloads++;
    return stub.refuses_reload ? SIMC_EINVAL : 0;
}

static void stub_system_close(void *system)
{
    (void)system;
    stub.systems--;
}

static int stub_worker_open(void *system, void **worker)
{
    stub.workers++;
    *worker = system;
    return 0;
}

static void stub_worker_close(void *worker)
{
    (void)worker;
    stub.workers--;
}

static int stub_stream_open(void *worker, const struct simc_ecm_stream *stream, void **state,
                            struct simc_ecm_answer *answer)
{
    if (stream->ecm_id == 0x99) {
        answer->status = 0x8123;
        return SIMC_EINVAL;
    }
    stub.streams++;
    *state = worker;
    return 0;
}

/* A section with the CP number; periods 666 are refused, and 777 has no ECM. */
static int stub_make(void *state, const struct simc_ecm_request *request,
                     struct simc_ecm_answer *answer)
{
    static const uint8_t section[] = {0x80, 0x70, 0x02};
    uint16_t cp_number = request->provision->cp_number;
    (void)state;
    if (cp_number == 666) {
        answer->status = 0x8666;
        return SIMC_EINVAL;
    }
    if (cp_number == 777)
        return 0;
    memcpy(answer->section, section, sizeof section);
    answer->section[3] = (uint8_t)(cp_number >> 8);
    answer->section[4] = (uint8_t)cp_number;
    answer->size = 5;
    return 0;
}

static void stub_stream_close(void *state)
{
    (void)state;
    stub.streams--;
}

static struct simc_ecm_plugin stub_plugin = {
    .abi = SIMC_ECM_PLUGIN_ABI,
    .name = "stub",
    .version = "1",
    .system_open = stub_system_open,
    .system_reload = stub_reload,
    .system_close = stub_system_close,
    .worker_open = stub_worker_open,
    .worker_close = stub_worker_close,
    .stream_open = stub_stream_open,
    .ecm_make = stub_make,
    .stream_close = stub_stream_close,
};

static void use_stub(bool may_block)
{
    memset(&stub, 0, sizeof stub);
    stub_plugin.may_block = may_block;
    bench->has_pool = may_block;
    bench->plugin = &stub_plugin;
    bench->systems[0].key_file = NULL;
    bench->systems[0].plugin_file = "stub.so";
}

START_TEST(a_plugin_makes_the_ecms)
{
    struct ecmg_scs scs;
    uint16_t blame;
    use_stub(false);
    ecmg_bench_start(bench);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM);
    ck_assert_uint_eq(stream_status(&scs, 1, 0x99), 0x8123);
    ck_assert_uint_eq(stream_status(&scs, 2, 0x21), 0);
    ecmg_scs_provide(&scs, 2, 0x0123, NULL);
    const struct simc_session_event *event = ecmg_scs_event(&scs, SIMC_EVENT_ECM);
    ck_assert_ptr_nonnull(event);
    unit_expect_hex(event->ecm.datagram, "80 7002 0123");
    ecmg_scs_provide(&scs, 2, 666, NULL);
    ck_assert_uint_eq(ecm_status(&scs, &blame), 0x8666);
    ecmg_scs_provide(&scs, 2, 777, NULL);
    event = ecmg_scs_event(&scs, SIMC_EVENT_ECM);
    ck_assert_ptr_nonnull(event);
    ck_assert_uint_eq(event->ecm.datagram.size, 0);
    ecmg_scs_disconnect(&scs);
    ck_assert_int_eq(stub.streams, 0);
    simc__ecmg_free(bench->ecmg);
    bench->ecmg = NULL;
    ck_assert_int_eq(stub.workers, 0);
    ck_assert_int_eq(stub.systems, 0);
}
END_TEST

START_TEST(a_plugin_that_blocks_works_in_a_pool)
{
    struct ecmg_scs scs;
    uint16_t blame = 0;
    use_stub(true);
    ecmg_bench_start(bench);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM);
    ecmg_scs_stream(&scs, 2, 0x21);
    ecmg_scs_stream(&scs, 3, 0x22);
    ecmg_scs_provide(&scs, 2, 10, NULL);
    ecmg_scs_provide(&scs, 3, 20, NULL);
    ck_assert_uint_eq(bench->job_count, 2);
    ck_assert_ptr_null(ecmg_scs_event(&scs, SIMC_EVENT_ECM));
    /* The second one is ready first. */
    for (size_t i = 2; i-- > 0;) {
        simc__ecmg_job_run(bench->jobs[i]);
        ecmg_scs_forget(&scs);
        ck_assert_ptr_eq(simc__ecmg_job_done(bench->jobs[i]), &scs);
        ecmg_scs_pump(&scs);
        const struct simc_session_event *event = ecmg_scs_event(&scs, SIMC_EVENT_ECM);
        ck_assert_ptr_nonnull(event);
        ck_assert_uint_eq(event->ecm_stream_id, 2 + i);
        ck_assert_uint_eq(event->cp_number, 10 + 10 * i);
    }
    bench->job_count = 0;

    /* A stream that is closed, and a connection that is lost, while their ECMs are made. */
    ecmg_scs_provide(&scs, 2, 11, NULL);
    ecmg_scs_provide(&scs, 3, 666, NULL);
    ck_assert_int_eq(simc_scs_stream_close(scs.session, 2, bench->now_ms), 0);
    ecmg_scs_pump(&scs);
    ck_assert_int_eq(stub.streams, 2);
    simc__ecmg_job_run(bench->jobs[0]);
    ck_assert_ptr_eq(simc__ecmg_job_done(bench->jobs[0]), &scs);
    ck_assert_int_eq(stub.streams, 1);
    simc__ecmg_job_run(bench->jobs[1]);
    ecmg_scs_forget(&scs);
    ck_assert_ptr_eq(simc__ecmg_job_done(bench->jobs[1]), &scs);
    ecmg_scs_pump(&scs);
    ck_assert_uint_eq(ecm_status(&scs, &blame), 0x8666);
    bench->job_count = 0;
    ecmg_scs_provide(&scs, 3, 12, NULL);
    simc__ecmg_job_run(bench->jobs[0]);
    ecmg_scs_disconnect(&scs);
    ck_assert_int_eq(stub.streams, 1);
    ck_assert_ptr_null(simc__ecmg_job_done(bench->jobs[0]));
    ck_assert_int_eq(stub.streams, 0);
}
END_TEST

START_TEST(a_reload_of_a_plugin_is_all_or_nothing)
{
    static const char *old_settings[] = {"a=1"}, *new_settings[] = {"a=2"}, *bad[] = {"fail=now"};
    struct simc__ecmg_conf other = bench->conf;
    struct simc__ecmg_system_conf systems[2];
    use_stub(false);
    bench->systems[0].settings = old_settings;
    bench->systems[0].settings_count = 1;
    ecmg_bench_start(bench);
    systems[0] = systems[1] = bench->systems[0];
    systems[0].settings = new_settings;
    systems[1].super_cas_id++;
    systems[1].settings = bad;
    other.systems = systems;
    other.systems_count = 2;
    ck_assert_int_ne(change(&other), 0);
    ck_assert_int_eq(stub.reloads, 2); /* there and back */
    ck_assert_int_eq(stub.systems, 1);
    other.systems_count = 1;
    unit_expect_error(change(&other), 0);
    ck_assert_int_eq(stub.reloads, 3);
    /* Nothing has changed: nothing is told. */
    unit_expect_error(change(&other), 0);
    ck_assert_int_eq(stub.reloads, 3);
}
END_TEST

/* ---- figures ---- */

START_TEST(everything_is_counted)
{
    struct ecmg_scs scs;
    uint8_t memory[64];
    struct simc_slice criteria = ecmg_criteria(1, memory), foreign = simc_slice_text("foreign");
    const char *kind;
    uint32_t id;
    ecmg_bench_start(bench);
    ecmg_scs_connect(&scs, bench, here, 1, ECMG_SYSTEM);
    ecmg_scs_stream(&scs, 2, 0x21);
    ecmg_scs_provide(&scs, 2, 0, &criteria);
    ecmg_scs_provide(&scs, 2, 1, &foreign);
    const struct simc__metric_set *stats = simc__ecmg_system_stats(bench->ecmg, 0, &id, &kind);
    ck_assert_ptr_nonnull(stats);
    ck_assert_ptr_null(simc__ecmg_system_stats(bench->ecmg, 1, &id, &kind));
    ck_assert_uint_eq(simc__metric_total(stats, SIMC__ECMG_STAT_CHANNELS, 0), 1);
    ck_assert_uint_eq(simc__metric_total(stats, SIMC__ECMG_STAT_STREAMS, 0), 1);
    ck_assert_uint_eq(simc__metric_total(stats, SIMC__ECMG_STAT_PROVISIONS, 0), 2);
    ck_assert_uint_eq(simc__metric_total(stats, SIMC__ECMG_STAT_ECMS, 0), 1);
    ck_assert_uint_eq(
        simc__metric_total(stats, SIMC__ECMG_STAT_ERRORS, simc__ecmg_status_value(0x0011)), 1);
    ecmg_scs_disconnect(&scs);
    ck_assert_uint_eq(simc__metric_total(stats, SIMC__ECMG_STAT_CHANNELS, 0), 0);
    ck_assert_uint_eq(simc__metric_total(stats, SIMC__ECMG_STAT_STREAMS, 0), 0);
    ck_assert(!ecmg_bench_has_logged(bench, "0b16212c37"));
}
END_TEST

START_TEST(the_rows_are_right)
{
    char why[512];
    unit_expect_error(simc__metric_table_check(&simc__ecmg_stats, why), 0);
    unit_expect_error(simc__metric_table_check(&simc__ecmg_peer_stats, why), 0);
    int error = simc__conf_table_check(&simc__ecmg_conf_table, why);
    ck_assert_msg(error == 0, "%s", why);
    ecmg_bench_start(bench);
}
END_TEST

/* ---- memory ---- */

static int whole_life(void *context)
{
    struct ecmg_bench *own = context;
    char why[SIMC__ECMG_WHY_SIZE];
    const struct simc__ecmg_environment environment = {.log = &own->log,
                                                       .metrics = simc__metrics_new(2)};
    if (!environment.metrics)
        return SIMC_ENOMEM;
    int error = simc__ecmg_new(&environment, &own->conf, 1, &own->ecmg, why);
    const struct simc__ecmg_peer peer = {.address = "192.0.2.1:1", .host = here};
    struct simc__ecmg_connection *connection = NULL;
    if (!error)
        error = simc__ecmg_connection_new(simc__ecmg_worker(own->ecmg, 0), &peer, 0, &connection);
    if (connection)
        simc__ecmg_connection_free(connection, "over");
    if (!error)
        error = simc__ecmg_change(own->ecmg, &own->conf, why);
    simc__ecmg_free(own->ecmg);
    own->ecmg = NULL;
    simc__metrics_free(environment.metrics);
    return error;
}

START_TEST(no_memory_is_an_error_and_no_leak)
{
    unit_fail_each_allocation(whole_life, bench, true);
    ecmg_bench_start(bench);
}
END_TEST

Suite *suite_ecmg(void)
{
    Suite *suite = suite_create("ecmg");
    TCase *tests = tcase_create("ecmg");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, ecms_open_with_the_key_of_their_package);
    tcase_add_test(tests, ts_packets_hold_the_section);
    tcase_add_loop_test(tests, access_criteria_are_obeyed_or_refused, 0,
                        (int)UNIT_COUNT(criteria_rows));
    tcase_add_test(tests, access_criteria_over_64_bytes_are_refused);
    tcase_add_loop_test(tests, channel_ids_are_unique_in_their_scope, 0,
                        (int)UNIT_COUNT(channel_rows));
    tcase_add_loop_test(tests, ecm_ids_are_unique_in_their_scope, 0, (int)UNIT_COUNT(ecm_id_rows));
    tcase_add_test(tests, limits_are_told_apart);
    tcase_add_test(tests, max_streams_holds_for_a_channel);
    tcase_add_loop_test(tests, certificates_are_bound_to_systems, 0, (int)UNIT_COUNT(tls_rows));
    tcase_add_test(tests, versions_follow_the_clock_without_a_gap);
    tcase_add_test(tests, expired_keys_can_be_refused);
    tcase_add_test(tests, keys_of_the_future_are_refused);
    tcase_add_test(tests, a_reload_rotates_keys_under_open_streams);
    tcase_add_test(tests, a_reload_with_a_fault_changes_nothing);
    tcase_add_test(tests, a_reload_ends_channels_of_systems_that_are_gone);
    tcase_add_test(tests, what_is_announced_holds_for_the_life_of_a_channel);
    tcase_add_test(tests, a_plugin_makes_the_ecms);
    tcase_add_test(tests, a_plugin_that_blocks_works_in_a_pool);
    tcase_add_test(tests, a_reload_of_a_plugin_is_all_or_nothing);
    tcase_add_test(tests, everything_is_counted);
    tcase_add_test(tests, the_rows_are_right);
    tcase_add_test(tests, no_memory_is_an_error_and_no_leak);
    suite_add_tcase(suite, tests);
    return suite;
}
