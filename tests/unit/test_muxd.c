/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of the parts of muxd: its tables, the pace of files, words of laboratories. The runner
 * in main.c calls suite_muxd(). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mux/pacer.h"
#include "mux/service.h"

/* ---- tables ---- */

START_TEST(the_rows_of_the_configuration_are_sound)
{
    char why[SIMC__CONF_WHY_SIZE] = "";
    int error = simc__conf_table_check(&simc__muxd_conf_table, why);
    ck_assert_msg(error == 0, "%s", why);
}
END_TEST

START_TEST(the_rows_of_the_metrics_are_sound)
{
    static const struct simc__metric_table *const tables[] = {
        &simc__muxd_stats_table, &simc__muxd_input_stats_table, &simc__muxd_output_stats_table};
    char why[256] = "";
    for (size_t i = 0; i < UNIT_COUNT(tables); i++)
        ck_assert_msg(simc__metric_table_check(tables[i], why) == 0, "%s", why);
}
END_TEST

static const struct link_row {
    const char *text, *path, *host;
    uint16_t port; /* 0: neither */
} link_rows[] = {
    {"/run/x.sock", "/run/x.sock", "", 1},
    {"./x", "./x", "", 1},
    {"127.0.0.1:2231", NULL, "127.0.0.1", 2231},
    {"[::1]:2231", NULL, "::1", 2231},
    {"scs.example:1", NULL, "scs.example", 1},
    {"scs.example", NULL, "", 0},
    {":2231", NULL, "", 0},
    {"x:0", NULL, "", 0},
    {"x:65536", NULL, "", 0},
    {"x:", NULL, "", 0},
};

START_TEST(the_address_of_an_scs_reads)
{
    const struct link_row *row = &link_rows[_i];
    char host[64] = "", why[SIMC__CONF_WHY_SIZE] = "";
    const char *path;
    uint16_t port = 0;
    bool is_good = simc__muxd_link_read(row->text, &path, host, &port, why);
    ck_assert_int_eq(is_good, row->port != 0);
    ck_assert_int_eq(why[0] == '\0', is_good);
    if (row->path)
        ck_assert_str_eq(path, row->path);
    else if (is_good)
        ck_assert_str_eq(host, row->host);
    if (is_good && !row->path)
        ck_assert_uint_eq(port, row->port);
}
END_TEST

/* ---- pace ---- */

enum { PCR_EACH = 10, MS = 1000000, TICKS_EACH = 27000 * 5 /* 5 ms from PCR to PCR */ };

/* `count` packets from number `first` on, a PCR in each tenth of them. */
static void make_packets(uint8_t *packets, size_t first, size_t count, uint16_t pid,
                         uint64_t pcr_27mhz)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t *packet = packets + i * SIMC_TS_SIZE;
        bool has_pcr = (first + i) % PCR_EACH == 0;
        struct simc_ts_header header = {.pid = pid};
        struct simc_ts_adaptation adaptation = {.present = true,
                                                .has_pcr = has_pcr,
                                                .pcr_27mhz = pcr_27mhz +
                                                             (first + i) / PCR_EACH * TICKS_EACH};
        ck_assert_int_eq(simc_ts_write(packet, &header, &adaptation, simc_slice(NULL, 0)), 0);
    }
}

/* Takes all packets, moving time on as the pacer asks for. @return when the last one came. */
static uint64_t take_all(struct simc__muxd_pacer *pacer, const uint8_t *packets, size_t count,
                         uint64_t *now_ns)
{
    uint64_t at_ns = 0;
    for (size_t done = 0; done < count;) {
        struct simc_ts_run run = {packets + done * SIMC_TS_SIZE, count - done, SIMC_TS_SIZE, 0};
        uint64_t wait_ns;
        size_t taken = simc__muxd_pacer_take(pacer, &run, *now_ns, &at_ns, &wait_ns);
        ck_assert_uint_le(at_ns, *now_ns);
        done += taken;
        if (done < count) {
            ck_assert_uint_gt(wait_ns, *now_ns);
            *now_ns = wait_ns;
        }
    }
    return at_ns;
}

START_TEST(a_file_comes_at_the_pace_of_its_pcrs)
{
    enum { COUNT = 1000 };
    static uint8_t packets[COUNT * SIMC_TS_SIZE];
    struct simc__muxd_pacer pacer = {.bitrate = 0};
    uint64_t now_ns = 77 * MS, start_ns = now_ns;
    make_packets(packets, 0, COUNT, 0x100, SIMC_PCR_WRAP - 20 * TICKS_EACH);
    uint64_t end_ns = take_all(&pacer, packets, COUNT, &now_ns);
    /* 100 PCRs 5 ms apart; the first interval has no rate yet. */
    ck_assert_uint_ge(end_ns - start_ns, 488 * MS);
    ck_assert_uint_le(end_ns - start_ns, 500 * MS);
    /* It begins again: the pace goes on. */
    simc__muxd_pacer_break(&pacer);
    uint64_t again_ns = take_all(&pacer, packets, COUNT, &now_ns);
    ck_assert_uint_ge(again_ns - end_ns, 488 * MS);
    ck_assert_uint_le(again_ns - end_ns, 510 * MS);
}
END_TEST

START_TEST(a_stall_is_not_made_up_for)
{
    enum { COUNT = 1000 };
    static uint8_t packets[COUNT * SIMC_TS_SIZE];
    struct simc__muxd_pacer pacer = {.bitrate = 0};
    uint64_t now_ns = 77 * MS;
    make_packets(packets, 0, COUNT, 0x100, 0);
    take_all(&pacer, packets, COUNT / 2, &now_ns);
    now_ns += UINT64_C(10000) * MS;
    uint64_t start_ns = now_ns;
    uint64_t end_ns = take_all(&pacer, packets + COUNT / 2 * SIMC_TS_SIZE, COUNT / 2, &now_ns);
    ck_assert_uint_ge(end_ns - start_ns, 240 * MS);
    ck_assert_uint_le(end_ns - start_ns, 260 * MS);
}
END_TEST

START_TEST(a_fixed_bitrate_needs_no_pcr)
{
    enum { COUNT = 1000 };
    static uint8_t packets[COUNT * SIMC_TS_SIZE];
    struct simc__muxd_pacer pacer = {.bitrate = COUNT * SIMC_TS_SIZE * 8};
    uint64_t now_ns = 77 * MS, start_ns = now_ns;
    for (size_t i = 0; i < COUNT; i++)
        simc_ts_null(packets + i * SIMC_TS_SIZE);
    uint64_t end_ns = take_all(&pacer, packets, COUNT, &now_ns);
    ck_assert_uint_eq(end_ns - start_ns, 999 * MS);
}
END_TEST

/* ---- control words ---- */

static const struct words_row {
    const char *text;
    int error;
    const char *even, *odd;
} words_rows[] = {
    {"00112233445566778899aabbccddeeff\n", 0, "00112233445566778899aabbccddeeff",
     "00112233445566778899aabbccddeeff"},
    {"# two\n00112233445566778899aabbccddeeff # even\n\r\nffeeddccbbaa99887766554433221100", 0,
     "00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"},
    {"", SIMC_ESYNTAX, NULL, NULL},
    {"# none\n", SIMC_ESYNTAX, NULL, NULL},
    {"0011\n", SIMC_ESYNTAX, NULL, NULL},
    {"00112233445566778899aabbccddeefx\n", SIMC_ESYNTAX, NULL, NULL},
    {"00112233445566778899aabbccddeeff\n00112233445566778899aabbccddeeff\n"
     "00112233445566778899aabbccddeeff\n",
     SIMC_ESYNTAX, NULL, NULL},
};

START_TEST(words_of_a_file_read)
{
    const struct words_row *row = &words_rows[_i];
    char path[] = "/tmp/simc-words-XXXXXX", why[SIMC__MUXD_WHY_SIZE] = "";
    struct simc_secret words[2];
    memset(words, 0, sizeof words);
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, row->text, strlen(row->text)), (ssize_t)strlen(row->text));
    close(fd);
    const struct simc__muxd_static_conf conf = {.cw_file = path,
                                                .algorithm = SIMC_SCRAMBLING_CISSA};
    unit_expect_error(simc__muxd_words_read(&conf, words, why), row->error);
    unlink(path);
    if (row->even) {
        unit_expect_hex(simc_secret_bytes(&words[0]), row->even);
        unit_expect_hex(simc_secret_bytes(&words[1]), row->odd);
    } else {
        ck_assert_ptr_nonnull(strstr(why, "32 hex digits"));
        ck_assert_ptr_null(strstr(why, "0011"));
    }
    simc_secret_wipe(&words[0]);
    simc_secret_wipe(&words[1]);
}
END_TEST

Suite *suite_muxd(void);
Suite *suite_muxd(void)
{
    Suite *suite = suite_create("muxd");
    TCase *tests = tcase_create("muxd");
    tcase_add_test(tests, the_rows_of_the_configuration_are_sound);
    tcase_add_test(tests, the_rows_of_the_metrics_are_sound);
    tcase_add_loop_test(tests, the_address_of_an_scs_reads, 0, UNIT_COUNT(link_rows));
    tcase_add_test(tests, a_file_comes_at_the_pace_of_its_pcrs);
    tcase_add_test(tests, a_stall_is_not_made_up_for);
    tcase_add_test(tests, a_fixed_bitrate_needs_no_pcr);
    tcase_add_loop_test(tests, words_of_a_file_read, 0, UNIT_COUNT(words_rows));
    suite_add_tcase(suite, tests);
    return suite;
}
