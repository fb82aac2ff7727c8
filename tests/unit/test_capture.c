/* SPDX-License-Identifier: BSL-1.0 */
/* lib/capture below TCP: link types, IP, fragments, UDP and limits. The shared runner calls
 * suite_capture(); TCP and files have suites of their own. */
#include "test_capture_build.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* ---- link headers ---- */

struct link_row {
    const char *name;
    uint32_t link_type;
    const char *header; /* hex, before the IP header */
    unsigned family;    /* of the packet behind it */
    bool good;
};

#define MAC "02000000000a 02000000000b "

static const struct link_row link_rows[] = {
    {"Ethernet, IPv4", SIMC__CAPTURE_LINK_ETHERNET, MAC "0800", 4, true},
    {"Ethernet, IPv6", SIMC__CAPTURE_LINK_ETHERNET, MAC "86dd", 6, true},
    {"802.1Q", SIMC__CAPTURE_LINK_ETHERNET, MAC "8100 0064 0800", 4, true},
    {"802.1ad and 802.1Q", SIMC__CAPTURE_LINK_ETHERNET, MAC "88a8 0064 8100 0065 86dd", 6, true},
    {"four tags", SIMC__CAPTURE_LINK_ETHERNET, MAC "9100 0001 8100 0002 8100 0003 8100 0004 0800",
     4, true},
    {"five tags", SIMC__CAPTURE_LINK_ETHERNET,
     MAC "8100 0001 8100 0002 8100 0003 8100 0004 8100 0005 0800", 4, false},
    {"ARP", SIMC__CAPTURE_LINK_ETHERNET, MAC "0806", 4, false},
    {"IEEE 802.3 with LLC", SIMC__CAPTURE_LINK_ETHERNET, MAC "0040 424203", 4, false},
    {"raw, IPv4", SIMC__CAPTURE_LINK_RAW, "", 4, true},
    {"raw, IPv6", SIMC__CAPTURE_LINK_RAW, "", 6, true},
    {"raw IPv4", SIMC__CAPTURE_LINK_IPV4, "", 4, true},
    {"raw IPv6", SIMC__CAPTURE_LINK_IPV6, "", 6, true},
    {"raw IPv4 with IPv6 in it", SIMC__CAPTURE_LINK_IPV4, "", 6, false},
    {"raw IPv6 with IPv4 in it", SIMC__CAPTURE_LINK_IPV6, "", 4, false},
    {"Linux cooked, IPv4", SIMC__CAPTURE_LINK_LINUX_SLL, "0000 0001 0006 02000000000a 0000 0800", 4,
     true},
    {"Linux cooked, VLAN, IPv6", SIMC__CAPTURE_LINK_LINUX_SLL,
     "0000 0001 0006 02000000000a 0000 8100 0064 86dd", 6, true},
    {"Linux cooked, ARP", SIMC__CAPTURE_LINK_LINUX_SLL, "0000 0001 0006 02000000000a 0000 0806", 4,
     false},
    {"Linux cooked v2, IPv4", SIMC__CAPTURE_LINK_LINUX_SLL2,
     "0800 0000 00000002 0001 00 06 02000000000a 0000", 4, true},
    {"Linux cooked v2, IPv6", SIMC__CAPTURE_LINK_LINUX_SLL2,
     "86dd 0000 00000002 0001 00 06 02000000000a 0000", 6, true},
    {"null, little endian, IPv4", SIMC__CAPTURE_LINK_NULL_, "02000000", 4, true},
    {"null, big endian, IPv4", SIMC__CAPTURE_LINK_NULL_, "00000002", 4, true},
    {"null, Darwin IPv6", SIMC__CAPTURE_LINK_NULL_, "1e000000", 6, true},
    {"null, FreeBSD IPv6", SIMC__CAPTURE_LINK_NULL_, "1c000000", 6, true},
    {"null, NetBSD IPv6", SIMC__CAPTURE_LINK_NULL_, "00000018", 6, true},
    {"null, Linux IPv6", SIMC__CAPTURE_LINK_NULL_, "0a000000", 6, true},
    {"null, IPX", SIMC__CAPTURE_LINK_NULL_, "17000000", 4, false},
    {"loop, IPv4", SIMC__CAPTURE_LINK_LOOP, "00000002", 4, true},
    {"PPP is not supported", 9, "ff030021", 4, false},
};

static void put_ip(struct simc_writer *out, unsigned family, uint8_t protocol, size_t size)
{
    if (family == 4)
        build_ipv4(out, 0, protocol, 0, size);
    else
        build_ipv6(out, 0, protocol, size);
}

/* Feeds a copy of just this size, so that a sanitizer sees an over-read, and prints its events. */
static void feed(struct simc__capture *capture, uint32_t link_type, const uint8_t *bytes,
                 size_t captured, size_t wire, uint64_t time_us, struct build_text *events)
{
    uint8_t *copy = malloc(captured ? captured : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, captured);
    int error = simc__capture_packet(capture, link_type, simc_slice(copy, captured), wire, time_us);
    ck_assert_int_eq(error, 0);
    ck_assert_int_eq(build_pull(capture, events), SIMC_EAGAIN);
    free(copy);
}

START_TEST(each_link_type_leads_to_ip)
{
    const struct link_row *row = &link_rows[_i];
    uint8_t bytes[256];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    build_hex(&out, row->header);
    put_ip(&out, row->family, BUILD_UDP, 11);
    build_udp(&out, 0, "abc");
    struct simc__capture *capture;
    struct build_text events = {.size = 0};
    ck_assert_int_eq(simc__capture_new(&build_small, &capture), 0);
    feed(capture, row->link_type, bytes, out.at, out.at, 1, &events);
    ck_assert_msg(strcmp(events.text, row->good ? "datagram A=abc; " : "") == 0, "%s: '%s'",
                  row->name, events.text);
    const struct simc__capture_stats *stats = simc__capture_stats(capture);
    ck_assert_uint_eq(stats->not_ip + stats->malformed, !row->good);
    simc__capture_free(capture);
}
END_TEST

/* Whatever the snap length, a packet is whole, cut, or counted; nothing is read behind it. */
START_TEST(each_link_type_may_be_cut_anywhere)
{
    const struct link_row *row = &link_rows[_i];
    for (unsigned tcp = 0; row->good && tcp < 2; tcp++) {
        uint8_t bytes[256];
        struct simc_writer out = simc_writer(bytes, sizeof bytes);
        build_hex(&out, row->header);
        put_ip(&out, row->family, tcp ? BUILD_TCP : BUILD_UDP, tcp ? 31 : 11);
        if (tcp) {
            build_tcp(&out, 0, 1, 1, BUILD_SYN, 8);
            build_hex(&out, "616263");
        } else {
            build_udp(&out, 0, "abc");
        }
        for (size_t size = 0; size <= out.at; size++) {
            struct simc__capture *capture;
            struct build_text events = {.size = 0};
            ck_assert_int_eq(simc__capture_new(&build_small, &capture), 0);
            feed(capture, row->link_type, bytes, size, out.at, 1, &events);
            const struct simc__capture_stats *stats = simc__capture_stats(capture);
            /* Of TCP the flags are the last that is needed; all behind them may be cut. */
            size_t last = out.at - (tcp ? 17 : 3);
            ck_assert_msg(stats->cut_headers == (size < last), "%s: %zu", row->name, size);
            ck_assert_uint_eq(stats->cut_packets, size >= last && size < out.at);
            ck_assert_uint_eq(stats->datagrams + stats->segments, size >= last);
            ck_assert_uint_eq(stats->malformed + stats->not_ip, 0);
            simc__capture_free(capture);
        }
    }
}
END_TEST

/* ---- IP and UDP ---- */

struct ip_row {
    const char *name;
    const char *packet;
    unsigned more_on_wire; /* bytes behind those captured */
    const char *events;
    const char *stats;
};

static const struct ip_row ip_rows[] = {
    {"UDP", V4("001f", "0000", "11") UDP_ABC, 0, "datagram A=abc; ", "datagrams=1 malformed=0"},
    {"UDP, no payload", V4("001c", "0000", "11") "03e8 08ae 0008 0000", 0, "datagram A=; ",
     "datagrams=1"},
    {"UDP over IPv6", V6("000b", "11") UDP_ABC, 0, "datagram A=abc; ", "datagrams=1"},
    {"padding behind the IP length", V4("001f", "0000", "11") UDP_ABC "00000000 0000", 0,
     "datagram A=abc; ", "cut_packets=0"},
    {"padding behind the IPv6 length", V6("000b", "11") UDP_ABC "00000000 0000", 0,
     "datagram A=abc; ", "cut_packets=0"},
    {"padding behind the UDP length", V4("0021", "0000", "11") UDP_ABC "7878", 0,
     "datagram A=abc; ", "cut_packets=0"},
    {"cut by the snap length", V4("001f", "0000", "11") "03e8 08ae 000b 0000 61", 2,
     "datagram A=a/3; ", "cut_packets=1"},
    {"cut at the end of the UDP header", V4("001f", "0000", "11") "03e8 08ae 000b 0000", 3,
     "datagram A=/3; ", "cut_packets=1"},
    {"cut in padding only", V4("001f", "0000", "11") UDP_ABC "00", 5, "datagram A=abc; ",
     "cut_packets=0"},
    {"shorter than the IP header says", V4("0020", "0000", "11") "03e8 08ae 000c 0000 6162", 0,
     "datagram A=ab/4; ", "cut_packets=1"},
    {"UDP length above the IP length", V4("001f", "0000", "11") "03e8 08ae 000c 0000 616263", 0, "",
     "malformed=1"},
    {"UDP length below its header", V4("001f", "0000", "11") "03e8 08ae 0007 0000 616263", 0, "",
     "malformed=1"},
    {"UDP length 0", V4("001f", "0000", "11") "03e8 08ae 0000 0000 616263", 0, "datagram A=abc; ",
     "malformed=0"},
    {"IP packet too short for UDP", V4("001b", "0000", "11") "03e8 08ae 000b 00", 0, "",
     "malformed=1"},
    {"IP total length 0", V4("0000", "0000", "11") UDP_ABC, 0, "datagram A=abc; ", "malformed=0"},
    {"IP total length 0, and cut", V4("0000", "0000", "11") "03e8 08ae 000b 0000 61", 2,
     "datagram A=a/3; ", "malformed=0"},
    {"IP total length 0, and beyond belief", V4("0000", "0000", "11") UDP_ABC, 1 << 21, "",
     "malformed=1"},
    {"IPv6 payload length 0", V6("0000", "11") UDP_ABC, 0, "datagram A=abc; ", "malformed=0"},
    {"IPv6 payload length 0, and beyond belief", V6("0000", "11") UDP_ABC, 1 << 21, "",
     "malformed=1"},
    {"IP total length below its header", V4("0013", "0000", "11") UDP_ABC, 0, "", "malformed=1"},
    {"IPv4 options", "4700 0027 0007 0000 4011 0000" FROM_TO_4 "01010101 94040000" UDP_ABC, 0,
     "datagram A=abc; ", "malformed=0"},
    {"IPv4 options beyond the total length", "4f00 001f 0007 0000 4011 0000" FROM_TO_4 UDP_ABC, 0,
     "", "malformed=1"},
    {"IPv4 header length below 5", "4400 001f 0007 0000 4011 0000" FROM_TO_4 UDP_ABC, 0, "",
     "malformed=1"},
    {"version 5", "5500 001f 0007 0000 4011 0000" FROM_TO_4 UDP_ABC, 0, "", "not_ip=1"},
    {"ICMP", V4("001c", "0000", "01") "0800 0000 00000000", 0, "", "not_tcp_udp=1"},
    {"no next header", V6("0000", "3b") "", 0, "", "not_tcp_udp=1"},
    {"hop-by-hop, routing and destination headers",
     V6("0023", "00") "2b00 050200000100"
                      "3c00 040000000000"
                      "1100 050200000100" UDP_ABC,
     0, "datagram A=abc; ", "malformed=0"},
    {"authentication header",
     V6("001f", "33") "1103 0000 00000001 00000002 a0a1a2a3a4a5a6a7" UDP_ABC, 0, "datagram A=abc; ",
     "malformed=0"},
    {"extension header beyond the packet", V6("000b", "00") "11ff 050200000100 616263", 0, "",
     "malformed=1"},
    {"extension header cut", V6("0100", "00") "1103 050200000100", 0xf8, "", "cut_headers=1"},
    {"extension header of an empty packet", V6("0001", "00") "11", 0, "", "malformed=1"},
    {"a fragment that is none", V6("0013", "2c") "1100 0000 00000009" UDP_ABC, 0,
     "datagram A=abc; ", "fragments=0"},
    {"TCP header length below 5",
     V4("0028", "0000", "06") "03e8 08ae 00000001 00000001 4002 ffff 0000 0000", 0, "",
     "malformed=1 segments=0"},
    {"TCP header length beyond the packet",
     V4("0028", "0000", "06") "03e8 08ae 00000001 00000001 6002 ffff 0000 0000", 0, "",
     "malformed=1 segments=0"},
    {"TCP options",
     V4("002f", "0000", "06") "03e8 08ae 00000001 00000001 6002 ffff 0000 0000 01010402 616263", 0,
     "0 open syn A; 0 A@0=abc; ", "segments=1"},
    {"IP total length 0, TCP",
     V4("0000", "0000", "06") "03e8 08ae 00000001 00000001 5002 ffff 0000 0000 616263", 0,
     "0 open syn A; 0 A@0=abc; ", "segments=1"},
    {"IP packet too short for TCP",
     V4("0027", "0000", "06") "03e8 08ae 00000001 00000001 5002 ffff 0000 00", 0, "",
     "malformed=1"},
    {"nothing", "", 0, "", "cut_headers=1"},
};

START_TEST(each_ip_packet_has_its_outcome)
{
    const struct ip_row *row = &ip_rows[_i];
    uint8_t bytes[512];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    build_hex(&out, row->packet);
    struct simc__capture *capture;
    struct build_text events = {.size = 0};
    ck_assert_int_eq(simc__capture_new(&build_small, &capture), 0);
    feed(capture, SIMC__CAPTURE_LINK_RAW, bytes, out.at, out.at + row->more_on_wire, 1, &events);
    ck_assert_msg(strcmp(events.text, row->events) == 0, "%s: '%s'", row->name, events.text);
    build_stats_check(simc__capture_stats(capture), row->stats, row->name);
    simc__capture_free(capture);
}
END_TEST

/* ---- fragments ---- */

/*
 * Fragments of one UDP datagram with payload "abcdefghijklmnopqrstuvwx" (32 bytes with its header),
 * apart by ';': "offset size" and then any of "+" (more follow), "!" (other bytes), "~" (cut by the
 * snap length), "#n" (another identification), "@n" (n seconds before it).
 */
struct fragment_row {
    const char *name;
    const char *fragments;
    unsigned datagrams;
    const char *stats;
};

static const struct fragment_row fragment_rows[] = {
    {"in order", "0 16 +; 16 8 +; 24 8", 1, "fragments=3 fragments_joined=1 fragments_dropped=0"},
    {"backwards", "24 8; 16 8 +; 0 16 +", 1, "fragments_joined=1"},
    {"an exact repetition", "0 16 +; 0 16 +; 16 16", 1, "fragments_joined=1"},
    {"the last one repeated", "16 16; 16 16; 0 16 +", 1, "fragments_joined=1"},
    {"a repetition with other bytes", "0 16 +; 0 16 + !; 16 16", 0, "fragments_dropped=1"},
    {"an overlap", "0 16 +; 8 16 +; 24 8", 0, "fragments_joined=0 fragments_dropped=1"},
    {"an overlap at the end", "0 24 +; 16 16", 0, "fragments_dropped=1"},
    {"bytes behind the end", "24 8; 32 8 +; 0 24 +", 0, "fragments_dropped=1"},
    {"a second end, shorter", "0 8 +; 24 8; 16 8; 8 8 +", 0, "fragments_dropped=1"},
    {"an end before bytes received", "24 8 +; 8 8; 0 8 +", 0, "fragments_dropped=1"},
    {"a middle one that is no multiple of 8", "0 15 +; 16 16", 0, "fragments_dropped=1"},
    {"an empty one", "0 16 +; 16 0; 16 16", 0, "fragments_dropped=1"},
    {"beyond 65535 bytes", "0 16 +; 65528 8 +; 16 16", 0, "fragments_dropped=1"},
    {"one missing", "0 16 +; 24 8", 0, "fragments_joined=0 fragments_dropped=1"},
    {"one cut by the snap length", "0 16 + ~; 16 16", 0, "fragments_dropped=1"},
    {"two datagrams mixed", "0 16 + #1; 16 16 #2; 16 16 #1; 0 16 + #2", 2, "fragments_joined=2"},
    {"too late", "0 16 +; 16 16 @61", 0, "fragments_dropped=2"},
    {"just in time", "0 16 +; 16 16 @60", 1, "fragments_joined=1"},
    {"a dropped datagram stays dropped", "0 16 +; 8 16 +; 0 16 +; 16 16", 0, "fragments_dropped=1"},
    {"until its time is over", "0 16 +; 8 16 +; 0 16 + @61; 16 16", 1, "fragments_joined=1"},
    {"the identification again after a whole one", "0 16 +; 16 16; 16 16; 0 16 +", 2,
     "fragments_joined=2 fragments_dropped=0"},
};

struct fragment {
    uint32_t offset, size, id;
    bool more, other, cut;
};

static void build_fragment(struct simc_writer *out, unsigned family,
                           const struct fragment *fragment)
{
    uint8_t datagram[64];
    struct simc_writer udp = simc_writer(datagram, sizeof datagram);
    build_udp(&udp, 0, "abcdefghijklmnopqrstuvwx");
    if (family == 4) {
        build_ipv4(out, 0, BUILD_UDP,
                   (uint16_t)(fragment->offset / 8 | (fragment->more ? 0x2000u : 0)),
                   fragment->size);
        simc_writer_patch_u16(out, 4, (uint16_t)fragment->id);
    } else {
        build_ipv6(out, 0, 44, 8 + fragment->size);
        /* The protocol of a later fragment means nothing. */
        simc_writer_u16(out, fragment->offset ? 0x3b00 : 0x1100);
        simc_writer_u16(out, (uint16_t)(fragment->offset | fragment->more));
        simc_writer_u32(out, fragment->id);
    }
    for (uint32_t i = fragment->offset; i < fragment->offset + fragment->size; i++)
        simc_writer_u8(out, fragment->other ? '?' : i < udp.at ? datagram[i] : 0);
}

static void feed_fragments(struct simc__capture *capture, unsigned family, const char *text,
                           struct build_text *events)
{
    uint64_t time_us = 1;
    while (*text) {
        struct fragment fragment = {.id = 7};
        int used = 0;
        ck_assert_msg(sscanf(text, " %u %u%n", &fragment.offset, &fragment.size, &used) == 2, "%s",
                      text);
        for (text += used; *text && *text != ';'; text++) {
            fragment.more |= *text == '+';
            fragment.other |= *text == '!';
            fragment.cut |= *text == '~';
            if (*text == '#')
                fragment.id = (uint32_t)strtoul(text + 1, NULL, 10);
            if (*text == '@')
                time_us += strtoul(text + 1, NULL, 10) * 1000000;
        }
        text += *text == ';';
        uint8_t bytes[256];
        struct simc_writer out = simc_writer(bytes, sizeof bytes);
        build_fragment(&out, family, &fragment);
        feed(capture, SIMC__CAPTURE_LINK_RAW, bytes, out.at - fragment.cut, out.at, time_us,
             events);
    }
}

START_TEST(fragments_are_put_together_or_dropped)
{
    const struct fragment_row *row = &fragment_rows[_i];
    for (unsigned family = 4; family <= 6; family += 2) {
        struct simc__capture *capture;
        struct build_text events = {.size = 0}, wanted = {.size = 0};
        ck_assert_int_eq(simc__capture_new(&build_small, &capture), 0);
        feed_fragments(capture, family, row->fragments, &events);
        for (unsigned i = 0; i < row->datagrams; i++)
            build_print(&wanted, "datagram A=abcdefghijklmnopqrstuvwx; ");
        ck_assert_msg(strcmp(events.text, wanted.text) == 0, "%s, IPv%u: '%s'", row->name, family,
                      events.text);
        simc__capture_end(capture);
        ck_assert_int_eq(build_pull(capture, &events), SIMC_EEND);
        build_stats_check(simc__capture_stats(capture), row->stats, row->name);
        simc__capture_free(capture);
    }
}
END_TEST

START_TEST(fragments_have_a_ceiling_in_datagrams)
{
    struct simc__capture_limits limits = {.fragments_max = 2};
    struct simc__capture *capture;
    struct build_text events = {.size = 0};
    ck_assert_int_eq(simc__capture_new(&limits, &capture), 0);
    feed_fragments(capture, 4, "0 16 + #1; 0 16 + #2; 0 16 + #3; 16 16 #1; 16 16 #3", &events);
    ck_assert_str_eq(events.text, "datagram A=abcdefghijklmnopqrstuvwx; ");
    build_stats_check(simc__capture_stats(capture), "fragments_dropped=2 fragments_joined=1", "");
    simc__capture_free(capture);
}
END_TEST

START_TEST(fragments_have_a_ceiling_in_bytes)
{
    struct simc__capture_limits limits = {.fragment_bytes_max = 1 << 17};
    struct simc__capture *capture;
    struct build_text events = {.size = 0};
    ck_assert_int_eq(simc__capture_new(&limits, &capture), 0);
    feed_fragments(capture, 4, "60000 8 + #1; 60000 8 + #2; 60000 8 + #3; 0 16 + #4; 16 16 #4",
                   &events);
    ck_assert_str_eq(events.text, "datagram A=abcdefghijklmnopqrstuvwx; ");
    build_stats_check(simc__capture_stats(capture), "fragments_dropped=2", "");
    /* The oldest one grows: another one makes room. */
    feed_fragments(capture, 4, "0 16 + #5; 60000 8 + #6; 60000 8 + #5", &events);
    build_stats_check(simc__capture_stats(capture), "fragments_dropped=4", "");
    simc__capture_free(capture);
}
END_TEST

/* ---- limits and call order ---- */

START_TEST(limits_keep_to_their_rows)
{
    struct simc__capture *capture;
    struct simc__capture_limits limits;
#define LIMIT_CHECK(name, preset, min, max, text)                                       \
    memset(&limits, 0, sizeof limits);                                                  \
    limits.name = (max) + 1u;                                                           \
    ck_assert_int_eq(simc__capture_new(&limits, &capture), SIMC_EINVAL);                \
    ck_assert_ptr_null(capture);                                                        \
    limits.name = (min)-1u;                                                             \
    ck_assert_int_eq(simc__capture_new(&limits, &capture), (min)-1u ? SIMC_EINVAL : 0); \
    simc__capture_free(capture);                                                        \
    limits.name = (min);                                                                \
    ck_assert_int_eq(simc__capture_new(&limits, &capture), 0);                          \
    simc__capture_free(capture);
    SIMC__CAPTURE_LIMIT_ROWS(LIMIT_CHECK)
#undef LIMIT_CHECK
}
END_TEST

START_TEST(calls_out_of_order_are_refused)
{
    struct simc__capture *capture;
    struct simc__capture_event event;
    ck_assert_int_eq(simc__capture_new(&build_small, &capture), 0);
    uint8_t bytes[64];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    build_ipv4(&out, 0, BUILD_UDP, 0, 11);
    build_udp(&out, 0, "abc");
    struct simc_slice packet = simc_slice(bytes, out.at);
    ck_assert_int_eq(simc__capture_next(capture, &event), SIMC_EAGAIN);
    ck_assert_int_eq(simc__capture_packet(capture, 101, packet, out.at, 1), 0);
    ck_assert_int_eq(simc__capture_packet(capture, 101, packet, out.at, 1), SIMC_EINVAL);
    ck_assert_int_eq(simc__capture_next(capture, &event), 0);
    ck_assert_uint_eq(event.packet, 1);
    simc__capture_end(capture);
    ck_assert_int_eq(simc__capture_packet(capture, 101, packet, out.at, 1), SIMC_EINVAL);
    ck_assert_int_eq(simc__capture_next(capture, &event), SIMC_EEND);
    ck_assert_int_eq(simc__capture_next(capture, &event), SIMC_EEND);
    ck_assert_str_eq(simc__capture_why(capture), "");
    simc__capture_free(capture);
    simc__capture_free(NULL);
}
END_TEST

/* ---- text ---- */

static const char *const addresses[] = {
    "::",
    "::1",
    "1::",
    "fe80::1:0:0:2",
    "2001:db8::1:0:0:1",
    "2001:db8:0:1:1:1:1:1",
    "1:0:0:2::3",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6::",
    "::2:3:4:5:6:7",
    "::ffff:192.0.2.1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
};

START_TEST(endpoints_print_as_rfc_5952_says)
{
    struct simc__capture_endpoint endpoint = {.family = 6, .port = 65535};
    char text[SIMC__CAPTURE_ENDPOINT_SIZE], wanted[80], witness[INET6_ADDRSTRLEN];
    ck_assert_int_eq(inet_pton(AF_INET6, addresses[_i], endpoint.address), 1);
    ck_assert_ptr_nonnull(inet_ntop(AF_INET6, endpoint.address, witness, sizeof witness));
    simc__capture_endpoint_text(&endpoint, text);
    snprintf(wanted, sizeof wanted, "[%s]:65535", addresses[_i]);
    ck_assert_str_eq(text, wanted);
    snprintf(wanted, sizeof wanted, "[%s]:65535", witness);
    ck_assert_str_eq(text, wanted);
    struct simc__capture_endpoint four = {4, {10, 0, 255, 1}, 2222};
    simc__capture_endpoint_text(&four, text);
    ck_assert_str_eq(text, "10.0.255.1:2222");
}
END_TEST

Suite *suite_capture(void);
Suite *suite_capture(void)
{
    Suite *suite = suite_create("capture");
    TCase *tcase = tcase_create("packets");
    tcase_add_loop_test(tcase, each_link_type_leads_to_ip, 0, (int)COUNT(link_rows));
    tcase_add_loop_test(tcase, each_link_type_may_be_cut_anywhere, 0, (int)COUNT(link_rows));
    tcase_add_loop_test(tcase, each_ip_packet_has_its_outcome, 0, (int)COUNT(ip_rows));
    tcase_add_loop_test(tcase, fragments_are_put_together_or_dropped, 0, (int)COUNT(fragment_rows));
    tcase_add_test(tcase, fragments_have_a_ceiling_in_datagrams);
    tcase_add_test(tcase, fragments_have_a_ceiling_in_bytes);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("calls");
    tcase_add_test(tcase, limits_keep_to_their_rows);
    tcase_add_test(tcase, calls_out_of_order_are_refused);
    tcase_add_loop_test(tcase, endpoints_print_as_rfc_5952_says, 0, (int)COUNT(addresses));
    suite_add_tcase(suite, tcase);
    return suite;
}
