/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of addresses of inputs and outputs, and of RTP headers. The runner in main.c calls
 * suite_tsio_address(). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_tsio_bed.h"

enum { IN = SIMC__TSIO_INPUT, OUT = SIMC__TSIO_OUTPUT };

static const struct good_row {
    const char *text;
    unsigned directions;
    enum simc__tsio_kind kind;
    const char *printed; /* NULL: as it was */
} good_rows[] = {
    {"-", IN, SIMC__TSIO_STANDARD, NULL},
    {"-", OUT, SIMC__TSIO_STANDARD, NULL},
    {"title.ts", IN, SIMC__TSIO_FILE, "file:title.ts"},
    {"/var/lib/x y?z.ts", OUT, SIMC__TSIO_FILE, "file:/var/lib/x y?z.ts"},
    {"./udp:1", IN, SIMC__TSIO_FILE, "file:./udp:1"},
    {"file:udp://1", IN, SIMC__TSIO_FILE, NULL},
    {"pipe:/run/x", OUT, SIMC__TSIO_PIPE, NULL},
    {"udp://239.1.2.3:5000", IN, SIMC__TSIO_UDP, NULL},
    {"udp://@239.1.2.3:5000", IN, SIMC__TSIO_UDP, "udp://239.1.2.3:5000"},
    {"udp://192.0.2.1@232.1.2.3:5000?interface=eth0", IN, SIMC__TSIO_UDP, NULL},
    {"udp://:5000", IN, SIMC__TSIO_UDP, "udp://0.0.0.0:5000"},
    {"udp://[::]:65535?buffer=65536", IN, SIMC__TSIO_UDP, NULL},
    {"udp://[2001:db8::1]@[ff3e::4321:1234]:1?interface=lo&buffer=8388608", IN, SIMC__TSIO_UDP,
     NULL},
    {"rtp://239.1.2.3:5004?interface=192.0.2.9", IN, SIMC__TSIO_RTP, NULL},
    {"udp://127.0.0.1:5000", OUT, SIMC__TSIO_UDP, NULL},
    {"udp://127.0.0.1:5000?packets=7&ttl=16", OUT, SIMC__TSIO_UDP, "udp://127.0.0.1:5000"},
    {"udp://192.0.2.1@239.1.2.3:5000?interface=eth0&ttl=64&dscp=34&buffer=4096&packets=1", OUT,
     SIMC__TSIO_UDP, NULL},
    {"rtp://[::1]:5004?dscp=63&ttl=255", OUT, SIMC__TSIO_RTP, "rtp://[::1]:5004?ttl=255&dscp=63"},
    {"udp://127.0.0.1:5000?early=5", OUT, SIMC__TSIO_UDP, NULL},
    {"udp://127.0.0.1:5000?early=0", OUT, SIMC__TSIO_UDP, "udp://127.0.0.1:5000"},
};

START_TEST(an_address_reads_and_prints)
{
    const struct good_row *row = &good_rows[_i];
    struct simc__tsio_address address = ts_bed_address(row->text, row->directions), again;
    char text[SIMC__TSIO_ADDRESS_SIZE];
    struct simc_writer out = simc_writer(text, sizeof text);
    ck_assert_int_eq(address.kind, row->kind);
    simc__tsio_address_put(&out, &address);
    unit_expect_text(simc_slice(text, out.at), row->printed ? row->printed : row->text);
    text[out.at] = '\0';
    again = ts_bed_address(text, row->directions);
    ck_assert_mem_eq(&address, &again, sizeof address);
}
END_TEST

static const struct bad_row {
    const char *text;
    unsigned directions;
    const char *why; /* a part of it */
} bad_rows[] = {
    {"", IN, "has no path"},
    {"file:", IN, "has no path"},
    {"pipe:", OUT, "has no path"},
    {"srt://192.0.2.1:9000", IN, "'srt:' is no kind of address"},
    {"http://x/y.ts", IN, "is no kind of address"},
    {"udp:239.1.1.1:5000", IN, "is no kind of address"},
    {"udp://239.1.1.1", IN, "has no port"},
    {"udp://[::1]", IN, "has no port"},
    {"udp://", IN, "has no port"},
    {"udp://:5000", OUT, "is no IPv4 or IPv6 address"},
    {"udp://239.1.1.1:0", IN, "is no port"},
    {"udp://239.1.1.1:65536", IN, "is no port"},
    {"udp://239.1.1.1:5000/", IN, "is no port"},
    {"udp://example.org:5000", IN, "names are not looked up"},
    {"udp://::1:5000", IN, "IPv6 stands in square brackets"},
    {"udp://[127.0.0.1]:5000", IN, "IPv6 stands in square brackets"},
    {"udp://300.1.1.1:5000", IN, "is no IPv4"},
    {"udp://[::1]@239.1.1.1:5000", IN, "mixes IPv4 and IPv6"},
    {"udp://239.1.1.1@239.1.1.1:5000", IN, "is no source"},
    {"udp://239.1.1.1:5000?ttl=4", IN, "is no option of an input"},
    {"udp://239.1.1.1:5000?ttl=0", OUT, "ttl is a number from 1 to 255"},
    {"udp://239.1.1.1:5000?ttl=x", OUT, "ttl is a number"},
    {"udp://239.1.1.1:5000?packets=8", OUT, "packets is a number from 1 to 7"},
    {"udp://239.1.1.1:5000?dscp=64", OUT, "dscp is a number"},
    {"udp://239.1.1.1:5000?early=11", OUT, "early is a number from 0 to 10"},
    {"udp://239.1.1.1:5000?early=1", IN, "is no option of an input"},
    {"udp://239.1.1.1:5000?buffer=1", IN, "buffer is a number"},
    {"udp://239.1.1.1:5000?", IN, "is no option"},
    {"udp://239.1.1.1:5000?x", IN, "is no option"},
    {"udp://239.1.1.1:5000?interface=", IN, "is no interface"},
    {"udp://239.1.1.1:5000?interface=a/b", IN, "is no interface"},
    {"udp://239.1.1.1:5000?interface=lo&interface=lo", IN, "stands there twice"},
    {"udp://239.1.1.1:5000?interface=lo&", IN, "is no option"},
};

START_TEST(a_wrong_address_is_refused_with_its_reason)
{
    const struct bad_row *row = &bad_rows[_i];
    struct simc__tsio_address address;
    char why[SIMC__TSIO_TEXT_SIZE] = "";
    int error = simc__tsio_address_read(row->text, row->directions, &address, why);
    ck_assert_msg(error == SIMC_ESYNTAX || error == SIMC_EUNSUPPORTED, "%s: %d", row->text, error);
    if (!strstr(why, row->why))
        ck_abort_msg("%s: '%s' does not tell of '%s'", row->text, why, row->why);
}
END_TEST

START_TEST(a_long_path_is_refused)
{
    char text[SIMC__TSIO_PATH_SIZE + 8], why[SIMC__TSIO_TEXT_SIZE];
    struct simc__tsio_address address;
    memset(text, 'x', sizeof text);
    text[SIMC__TSIO_PATH_SIZE - 1] = '\0';
    ck_assert_int_eq(simc__tsio_address_read(text, IN, &address, why), 0);
    text[SIMC__TSIO_PATH_SIZE - 1] = 'x';
    text[SIMC__TSIO_PATH_SIZE] = '\0';
    unit_expect_error(simc__tsio_address_read(text, IN, &address, why), SIMC_ESYNTAX);
}
END_TEST

/* ---- RTP ---- */

static const struct rtp_row {
    const char *hex;
    int error;
    const char *payload;
} rtp_rows[] = {
    {"80 21 0102 00000003 00000004 47aabb", 0, "47aabb"},
    {"80 a1 0102 00000003 00000004 47", 0, "47"}, /* marker */
    {"80 21 0102 00000003 00000004", 0, ""},
    {"82 21 0102 00000003 00000004 11111111 22222222 47", 0, "47"},  /* sources */
    {"90 21 0102 00000003 00000004 dead 0001 11111111 47", 0, "47"}, /* extension */
    {"a0 21 0102 00000003 00000004 47 0002", 0, "47"},               /* padding */
    {"80 60 0102 00000003 00000004 47", SIMC_EUNSUPPORTED, "47"},
    {"40 21 0102 00000003 00000004 47", SIMC_EPROTO, NULL},
    {"80 21 0102 00000003 000000", SIMC_EPROTO, NULL},
    {"82 21 0102 00000003 00000004 11111111", SIMC_EPROTO, NULL},
    {"90 21 0102 00000003 00000004 dead 0002 11111111", SIMC_EPROTO, NULL},
    {"a0 21 0102 00000003 00000004 47 04", SIMC_EPROTO, NULL},
    {"a0 21 0102 00000003 00000004 47 00", SIMC_EPROTO, NULL},
    {"a0 21 0102 00000003 00000004", SIMC_EPROTO, NULL},
    {"", SIMC_EPROTO, NULL},
};

START_TEST(rtp_reads)
{
    const struct rtp_row *row = &rtp_rows[_i];
    struct unit_bytes bytes = unit_hex(row->hex);
    uint8_t *exact = unit_exact(unit_slice(&bytes));
    struct simc__tsio_rtp rtp;
    unit_expect_error(simc__tsio_rtp_read(simc_slice(exact, bytes.size), &rtp), row->error);
    if (row->payload) {
        unit_expect_hex(rtp.payload, row->payload);
        ck_assert_uint_eq(rtp.sequence, 0x0102);
        ck_assert_uint_eq(rtp.timestamp_90khz, 3);
        ck_assert_uint_eq(rtp.ssrc, 4);
    }
    free(exact);
}
END_TEST

START_TEST(rtp_writes_what_it_reads)
{
    struct simc__tsio_rtp rtp = {0xfffe, 0x80000001, 0xcafe0001, {NULL, 0}}, read;
    uint8_t head[SIMC__TSIO_RTP_SIZE];
    simc__tsio_rtp_put(head, &rtp);
    unit_expect_hex(simc_slice(head, sizeof head), "80 21 fffe 80000001 cafe0001");
    ck_assert_int_eq(simc__tsio_rtp_read(simc_slice(head, sizeof head), &read), 0);
    ck_assert_uint_eq(read.timestamp_90khz, rtp.timestamp_90khz);
}
END_TEST

Suite *suite_tsio_address(void);
Suite *suite_tsio_address(void)
{
    Suite *suite = suite_create("tsio_address");
    TCase *tests = tcase_create("tsio_address");
    tcase_add_loop_test(tests, an_address_reads_and_prints, 0, UNIT_COUNT(good_rows));
    tcase_add_loop_test(tests, a_wrong_address_is_refused_with_its_reason, 0, UNIT_COUNT(bad_rows));
    tcase_add_test(tests, a_long_path_is_refused);
    tcase_add_loop_test(tests, rtp_reads, 0, UNIT_COUNT(rtp_rows));
    tcase_add_test(tests, rtp_writes_what_it_reads);
    suite_add_tcase(suite, tests);
    return suite;
}
