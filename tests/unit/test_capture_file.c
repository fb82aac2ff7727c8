/* SPDX-License-Identifier: BSL-1.0 */
/* Capture files in lib/capture: formats, time resolutions and every way to be damaged. The shared
 * runner calls suite_capture_file(). */
#include "test_capture_build.h"

#include <stdlib.h>
#include <unistd.h>

#define PCAP_US   "d4c3b2a1 0200 0400 00000000 00000000 00000400 65000000 "
#define PCAP_NS   "4d3cb2a1 0200 0400 00000000 00000000 00000400 65000000 "
#define PCAP_BIG  "a1b2c3d4 0002 0004 00000000 00000000 00040000 00000065 "
#define PCAP_WLAN "d4c3b2a1 0200 0400 00000000 00000000 00000400 69000000 "
#define UDP_RAW   V4("001f", "0000", "11") UDP_ABC
#define NG_HEAD   "0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000 "
#define NG_RAW    "01000000 14000000 6500 0000 00000400 14000000 "
#define NG_ETHER  "01000000 14000000 0100 0000 00000400 14000000 "
#define NG_NS     "01000000 20000000 6500 0000 00000400 0900 0100 09000000 00000000 20000000 "
#define NG_2_20   "01000000 20000000 6500 0000 00000400 0900 0100 94000000 00000000 20000000 "
#define NG_PACKET(high, low) \
    "06000000 40000000 00000000" high low "1f000000 1f000000" UDP_RAW "00 40000000 "

struct file_row {
    const char *name;
    const char *bytes;
    int open_error, end_error;
    unsigned datagrams;
    uint64_t time_us; /* of the last one */
    const char *why;  /* words of the reason */
};

static const struct file_row file_rows[] = {
    {"pcap", PCAP_US "00f15365 40e20100 1f000000 1f000000" UDP_RAW, 0, SIMC_EEND, 1,
     1700000000123456, ""},
    {"pcap of a big-endian machine", PCAP_BIG "6553f100 0001e240 0000001f 0000001f" UDP_RAW, 0,
     SIMC_EEND, 1, 1700000000123456, ""},
    {"pcap with nanoseconds", PCAP_NS "00f15365 15cd5b07 1f000000 1f000000" UDP_RAW, 0, SIMC_EEND,
     1, 1700000000123456, ""},
    {"pcap after 2106", PCAP_US "ffffffff 3f420f00 1f000000 1f000000" UDP_RAW, 0, SIMC_EEND, 1,
     4294967295999999, ""},
    {"pcap with a cut packet",
     PCAP_US
     "00f15365 40e20100 1d000000 1f000000" V4("001f", "0000", "11") "03e8 08ae 000b 0000 61",
     0, SIMC_EEND, 1, 1700000000123456, ""},
    {"pcap without packets", PCAP_US, 0, SIMC_EEND, 0, 0, ""},
    {"pcapng, microseconds", NG_HEAD NG_RAW NG_PACKET("240a0600", "40222018"), 0, SIMC_EEND, 1,
     1700000000123456, ""},
    {"pcapng, nanoseconds", NG_HEAD NG_NS NG_PACKET("fe9c9717", "15cd853d"), 0, SIMC_EEND, 1,
     1700000000123456, ""},
    {"pcapng, 2^-20 seconds", NG_HEAD NG_2_20 NG_PACKET("3f550600", "00000810"), 0, SIMC_EEND, 1,
     1700000000500000, ""},
    {"no bytes", "", SIMC_EPROTO, 0, 0, 0, "the file is cut off"},
    {"three bytes", "d4c3b2", SIMC_EPROTO, 0, 0, 0, "the file is cut off"},
    {"half a header", "d4c3b2a1 0200 0400", SIMC_EPROTO, 0, 0, 0, "the file is cut off"},
    {"half a pcapng header", "0a0d0d0a 1c000000 4d3c2b1a", SIMC_EPROTO, 0, 0, 0,
     "the file is cut off"},
    {"text", "68656c6c6f2c20776f726c642068656c6c6f", SIMC_EPROTO, 0, 0, 0,
     "this is not a capture file (pcap or pcapng)"},
    {"a link type without support", PCAP_WLAN, SIMC_EUNSUPPORTED, 0, 0, 0,
     "link type 105 (IEEE802_11) is not supported; supported are BSD loopback (null), Ethernet, "
     "raw "
     "IP, OpenBSD loopback, Linux cooked, raw IPv4, raw IPv6, Linux cooked v2"},
    {"a packet cut off by the file's end",
     PCAP_US "00f15365 40e20100 1f000000 1f000000" UDP_RAW "00f15365 40e20100 1f000000 1f000000 45",
     0, SIMC_EPROTO, 1, 1700000000123456, "packet 2 cannot be read: the file is cut off"},
    {"a packet larger than the snap length", PCAP_US "00f15365 40e20100 ffffffff ffffffff" UDP_RAW,
     0, SIMC_EPROTO, 0, 0, "packet 1 cannot be read: invalid packet capture length"},
    {"two link types", NG_HEAD NG_RAW NG_PACKET("00000000", "00000000") NG_ETHER, 0,
     SIMC_EUNSUPPORTED, 1, 0, "interfaces of different link types in one file cannot be read"},
};

static char file_path[64];

static void file_write(const char *hex)
{
    uint8_t bytes[1024];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    build_hex(&out, hex);
    snprintf(file_path, sizeof file_path, "test_capture_XXXXXX");
    int file = mkstemp(file_path);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq((int)write(file, bytes, out.at), (int)out.at);
    ck_assert_int_eq(close(file), 0);
}

START_TEST(each_file_is_read_or_refused_with_a_reason)
{
    const struct file_row *row = &file_rows[_i];
    struct simc__capture *capture;
    char why[512] = "";
    file_write(row->bytes);
    int error = simc__capture_open(file_path, NULL, &capture, why, sizeof why);
    ck_assert_int_eq(unlink(file_path), 0);
    ck_assert_msg(error == row->open_error, "%s: %s %s", row->name, simc_error_name(error), why);
    if (error) {
        ck_assert_ptr_null(capture);
        ck_assert_msg(strstr(why, file_path) == why, "%s: %s", row->name, why);
        ck_assert_msg(strstr(why, row->why) != NULL, "%s: %s", row->name, why);
        return;
    }
    struct simc__capture_event event;
    unsigned datagrams = 0;
    while ((error = simc__capture_next(capture, &event)) == 0) {
        datagrams++;
        ck_assert_uint_eq(event.packet, datagrams);
        if (row->time_us)
            ck_assert_msg(event.time_us == row->time_us, "%s: %" PRIu64, row->name, event.time_us);
    }
    ck_assert_msg(error == row->end_error, "%s: %s", row->name, simc_error_name(error));
    ck_assert_uint_eq(datagrams, row->datagrams);
    ck_assert_msg(strstr(simc__capture_why(capture), row->why) != NULL, "%s: %s", row->name,
                  simc__capture_why(capture));
    ck_assert_int_eq(simc__capture_next(capture, &event), row->end_error);
    simc__capture_free(capture);
}
END_TEST

START_TEST(a_file_that_is_not_there_gives_its_name)
{
    struct simc__capture *capture;
    char why[512], small[8];
    ck_assert_int_eq(simc__capture_open("no/such\nfile", NULL, &capture, why, sizeof why),
                     SIMC_EIO);
    ck_assert_str_eq(why, "no/such\\nfile: cannot be opened: No such file or directory");
    ck_assert_int_eq(simc__capture_open("no/such/file", NULL, &capture, small, sizeof small),
                     SIMC_EIO);
    ck_assert_str_eq(small, "no/such");
    ck_assert_int_eq(simc__capture_open("/", NULL, &capture, why, sizeof why), SIMC_EIO);
    struct simc__capture_limits limits = {.connections_max = UINT32_MAX};
    ck_assert_int_eq(simc__capture_open("/", &limits, &capture, why, sizeof why), SIMC_EINVAL);
}
END_TEST

/* The end of a damaged file is an end: what was held comes out before the error. */
START_TEST(a_damaged_file_gives_what_came_before)
{
    struct simc__capture *capture;
    struct build_text events = {.size = 0};
    char why[512];
    file_write(PCAP_US "00000000 00000000 2b000000 2b000000" V4(
        "002b", "0000", "06") "03e8 08ae 00000001 00000001 5000 ffff 0000 0000 616263"
                              "00000000 00000000 2b000000 2b000000" V4(
                                  "002b", "0000",
                                  "06") "03e8 08ae 00000006 00000001 5000 ffff 0000 0000 646566"
                                        "00");
    ck_assert_int_eq(simc__capture_open(file_path, NULL, &capture, why, sizeof why), 0);
    ck_assert_int_eq(unlink(file_path), 0);
    ck_assert_int_eq(build_pull(capture, &events), SIMC_EPROTO);
    ck_assert_str_eq(events.text, "0 open midstream A; 0 A@0=abc; 0 A@3 gap 2 end; 0 A@5=def; "
                                  "0 A@8 close end; 0 B@0 close end; ");
    simc__capture_free(capture);
}
END_TEST

Suite *suite_capture_file(void);
Suite *suite_capture_file(void)
{
    Suite *suite = suite_create("capture_file");
    TCase *tcase = tcase_create("files");
    tcase_add_loop_test(tcase, each_file_is_read_or_refused_with_a_reason, 0,
                        (int)COUNT(file_rows));
    tcase_add_test(tcase, a_file_that_is_not_there_gives_its_name);
    tcase_add_test(tcase, a_damaged_file_gives_what_came_before);
    suite_add_tcase(suite, tcase);
    return suite;
}
