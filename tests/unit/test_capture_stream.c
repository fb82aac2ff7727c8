/* SPDX-License-Identifier: BSL-1.0 */
/* TCP in lib/capture: each row of the table in capture.h as a short conversation. The shared runner
 * calls suite_capture_stream(); random conversations and ceilings have a suite of their own. */
#include "test_capture_build.h"

#include <stdlib.h>

/*
 * A conversation is text: packets apart by ';', each "side flags seq ack" and then any of
 * "=payload", "~n" (only n payload bytes captured), "%n" (the IP header says n payload bytes),
 * "@n" (n seconds pass before it). Flags are letters of SAFR or '-'. Numbers count from the side's
 * initial one, so the SYN is 0 and the first byte 1.
 */
struct row {
    const char *name;
    const char *packets;
    const char *events;
    const char *stats;
    uint32_t isn_a, isn_b; /* 0: 1000 and 50000 */
};

#define HELLO      "A S 0 0; B SA 0 1; A A 1 1; "
#define HELLO_DONE "0 open syn A; "
#define END_BOTH   "0 A@%u close end; 0 B@%u close end; "

static const struct row rows[] = {
    {"a conversation", HELLO "A A 1 1 =abc; B A 1 4 =xy; A FA 4 3; B FA 3 5; A A 5 4",
     HELLO_DONE "0 A@0=abc; 0 B@0=xy; 0 A@3 close fin; 0 B@2 close fin; ",
     "segments=8 connections=1 stream_bytes=5 retransmitted_bytes=0 gaps=0 keep_alives=0", 0, 0},
    {"retransmission, same bytes", HELLO "A A 1 1 =abc; A A 1 1 =abc; A A 4 1 =d; A A 2 1 =bcd",
     HELLO_DONE "0 A@0=abc; 0 A@3=d; 0 A@4 close end; 0 B@0 close end; ",
     "retransmitted_bytes=6 overlaps_different=0 stream_bytes=4", 0, 0},
    {"retransmission with more bytes", HELLO "A A 1 1 =abc; A A 1 1 =abcdef",
     HELLO_DONE "0 A@0=abc; 0 A@3=def; 0 A@6 close end; 0 B@0 close end; ",
     "retransmitted_bytes=3 overlaps_different=0", 0, 0},
    {"overlap with different bytes: reported ones win", HELLO "A A 1 1 =abc; A A 2 1 =XXd",
     HELLO_DONE "0 A@0=abc; 0 A@3=d; 0 A@4 close end; 0 B@0 close end; ",
     "retransmitted_bytes=2 overlaps_different=1", 0, 0},
    {"overlap with different bytes: held ones win", HELLO "A A 4 1 =def; A A 3 1 =XYZ; A A 1 1 =ab",
     HELLO_DONE "0 A@0=ab; 0 A@2=X#5>6; 0 A@3=def#4>6; 0 A@6 close end; 0 B@0 close end; ",
     "retransmitted_bytes=2 overlaps_different=1 out_of_order=2", 0, 0},
    {"one packet over several that are held",
     HELLO "A A 3 1 =c; A A 5 1 =e; A A 7 1 =g; A A 1 1 =abcdefgh",
     HELLO_DONE "0 A@0=ab; 0 A@2=c#4>7; 0 A@3=d; 0 A@4=e#5>7; 0 A@5=f; 0 A@6=g#6>7; 0 A@7=h; "
                "0 A@8 close end; 0 B@0 close end; ",
     "retransmitted_bytes=3 overlaps_different=0 out_of_order=3 gaps=0", 0, 0},
    {"one held packet over several that are held",
     HELLO "A A 3 1 =c; A A 5 1 =e; A A 2 1 =bcdef; A A 1 1 =a",
     HELLO_DONE "0 A@0=a; 0 A@1=b#6>7; 0 A@2=c#4>7; 0 A@3=d#6>7; 0 A@4=e#5>7; 0 A@5=f#6>7; "
                "0 A@6 close end; 0 B@0 close end; ",
     "retransmitted_bytes=2 overlaps_different=0", 0, 0},
    {"out of order", HELLO "A A 7 1 =gh; A A 4 1 =def; A A 1 1 =abc",
     HELLO_DONE "0 A@0=abc; 0 A@3=def#5>6; 0 A@6=gh#4>6; 0 A@8 close end; 0 B@0 close end; ",
     "out_of_order=2 gaps=0", 0, 0},
    {"a hole acknowledged", HELLO "A A 1 1 =abc; A A 9 1 =ijk; B A 1 12",
     HELLO_DONE "0 A@0=abc; 0 A@3 gap 5 acked; 0 A@8=ijk#5>6; 0 A@11 close end; 0 B@0 close end; ",
     "gaps=1 gap_bytes=5 late_bytes=0", 0, 0},
    {"a hole of which only a part is acknowledged waits",
     HELLO "A A 1 1 =abc; A A 9 1 =ijk; B A 1 7; A A 4 1 =defgh",
     HELLO_DONE "0 A@0=abc; 0 A@3=defgh; 0 A@8=ijk#5>7; 0 A@11 close end; 0 B@0 close end; ",
     "gaps=0", 0, 0},
    {"bytes that come after their gap", HELLO "A A 4 1 =def; B A 1 7; A A 1 1 =abc; A A 7 1 =g",
     HELLO_DONE "0 A@0 gap 3 acked; 0 A@3=def#4>5; 0 A@6=g; 0 A@7 close end; 0 B@0 close end; ",
     "gaps=1 late_bytes=3 retransmitted_bytes=0", 0, 0},
    {"acknowledged before it is seen: reordered in the capture", HELLO "B A 1 4; A A 1 1 =abc",
     HELLO_DONE "0 A@0=abc; 0 A@3 close end; 0 B@0 close end; ", "gaps=0", 0, 0},
    {"acknowledged, and never seen", HELLO "B A 1 40; A A 11 1 =k; B A 1 12 =x",
     HELLO_DONE "0 A@0 gap 10 acked; 0 A@10=k; 0 B@0=x; 0 A@11 gap 28 acked; 0 A@39 close end; "
                "0 B@1 close end; ",
     "gaps=2", 0, 0},
    {"a FIN that was not captured is no missing byte", HELLO "A A 1 1 =abc; B A 1 5; B FA 1 5",
     HELLO_DONE "0 A@0=abc; 0 B@0 close fin; 0 A@3 close end; ", "gaps=0", 0, 0},
    {"a hole at the end of the capture", HELLO "A A 4 1 =def; A A 9 1 =i",
     HELLO_DONE "0 A@0 gap 3 end; 0 A@3=def#4>5; 0 A@6 gap 2 end; 0 A@8=i; 0 A@9 close end; "
                "0 B@0 close end; ",
     "gaps=2", 0, 0},
    {"keep-alive without and with a byte",
     HELLO "A A 1 1 =abc; A A 3 1; B A 1 4; A A 3 1 =Z; B A 1 4; A A 4 1 =d",
     HELLO_DONE "0 A@0=abc; 0 A@3=d; 0 A@4 close end; 0 B@0 close end; ",
     "keep_alives=2 overlaps_different=0 retransmitted_bytes=0", 0, 0},
    {"keep-alive before any data", HELLO "A A 0 1 =Z; A A 1 1 =abc",
     HELLO_DONE "0 A@0=abc; 0 A@3 close end; 0 B@0 close end; ", "keep_alives=1 late_bytes=0", 0,
     0},
    {"zero window probe", HELLO "A A 1 1 =abc; B A 1 4; A A 4 1 =d; B A 1 4; A A 4 1 =def",
     HELLO_DONE "0 A@0=abc; 0 A@3=d; 0 A@4=ef; 0 A@6 close end; 0 B@0 close end; ",
     "retransmitted_bytes=1 overlaps_different=0", 0, 0},
    {"sequence numbers wrap, out of order and with a hole",
     HELLO "A A 1 1 =abc; A A 7 1 =ghi; A A 4 1 =def; A A 12 1 =l; B A 1 13; A FA 13 1",
     HELLO_DONE "0 A@0=abc; 0 A@3=def; 0 A@6=ghi#5>6; 0 A@9 gap 2 acked; 0 A@11=l#7>8; "
                "0 A@12 close fin; 0 B@0 close end; ",
     "gaps=1", UINT32_MAX - 4, UINT32_MAX},
    {"SYN with data", "A S 0 0 =abc; B SA 0 4; A A 4 1 =d",
     HELLO_DONE "0 A@0=abc; 0 A@3=d; 0 A@4 close end; 0 B@0 close end; ", "", 0, 0},
    {"SYN repeated", "A S 0 0; A S 0 0; B SA 0 1; B SA 0 1; A A 1 1 =a; A S 0 0; B SA 0 1",
     HELLO_DONE "0 A@0=a; 0 A@1 close end; 0 B@0 close end; ", "connections=1 syns_ignored=0", 0,
     0},
    {"FIN with data", HELLO "A FA 1 1 =abc; B FA 1 5 =x",
     HELLO_DONE "0 A@0=abc; 0 A@3 close fin; 0 B@0=x; 0 B@1 close fin; ", "", 0, 0},
    {"FIN before its data", HELLO "A FA 4 1 =d; A A 1 1 =abc; A FA 4 1 =d",
     HELLO_DONE "0 A@0=abc; 0 A@3=d#4>5; 0 A@4 close fin; 0 B@0 close end; ",
     "retransmitted_bytes=1", 0, 0},
    {"FIN behind a hole that is acknowledged", HELLO "A FA 4 1; B A 1 5",
     HELLO_DONE "0 A@0 gap 3 acked; 0 A@3 close fin; 0 B@0 close end; ", "gaps=1", 0, 0},
    {"FIN behind a hole at the end of the capture", HELLO "A FA 4 1",
     HELLO_DONE "0 A@0 gap 3 end; 0 A@3 close fin; 0 B@0 close end; ", "gaps=1", 0, 0},
    {"data behind the FIN", HELLO "A FA 1 1 =abc; A A 4 1 =d; A A 5 1 =e; A A 9 1 =f",
     HELLO_DONE "0 A@0=abc; 0 A@3 close fin; 0 B@0 close end; ", "out_of_window=3", 0, 0},
    {"data held behind the FIN", HELLO "A A 5 1 =e; A A 3 1 =cdX; A FA 4 1; A A 1 1 =ab",
     HELLO_DONE "0 A@0=ab; 0 A@2=c#5>7; 0 A@3 close fin; 0 B@0 close end; ", "out_of_window=2", 0,
     0},
    {"a second FIN elsewhere changes nothing", HELLO "A A 1 1 =a; A FA 4 1; A FA 9 1; A A 2 1 =bc",
     HELLO_DONE "0 A@0=a; 0 A@1=bc; 0 A@3 close fin; 0 B@0 close end; ", "", 0, 0},
    {"packets after the end belong to the old connection",
     HELLO "A FA 1 1; B FA 1 2; A A 2 2; B FA 1 2; A R 2 2; A A 1 1 =x",
     HELLO_DONE "0 A@0 close fin; 0 B@0 close fin; ", "connections=1 out_of_window=1", 0, 0},
    {"RST", HELLO "A A 1 1 =abc; A A 6 1 =f; B RA 1 4",
     HELLO_DONE "0 A@0=abc; 0 B@0 close rst; 0 A@3 gap 2 rst; 0 A@5=f#5>6; 0 A@6 close rst; ",
     "resets_ignored=0", 0, 0},
    {"data behind an RST", HELLO "A A 1 1 =abc; B RA 1 4; A A 4 1 =d; A A 1 1 =abc",
     HELLO_DONE "0 A@0=abc; 0 B@0 close rst; 0 A@3 close rst; ",
     "connections=1 out_of_window=1 retransmitted_bytes=3", 0, 0},
    {"port reuse seen from its answer on", HELLO "A FA 1 1; B FA 1 2; B SA 888 778; A A 778 889 =b",
     HELLO_DONE "0 A@0 close fin; 0 B@0 close fin; 1 open syn A; 1 A@0=b; 1 A@1 close end; "
                "1 B@0 close end; ",
     "connections=2", 0, 0},
    {"RST that answers a SYN", "A S 0 0; B RA -50000 1",
     HELLO_DONE "0 B@0 close rst; 0 A@0 close rst; ", "", 0, 0},
    {"RST with an old number", HELLO "A A 1 1 =abc; B A 1 4; A R 2 0; A A 4 1 =d",
     HELLO_DONE "0 A@0=abc; 0 A@3=d; 0 A@4 close end; 0 B@0 close end; ", "resets_ignored=1", 0, 0},
    {"RST with a number far away", HELLO "A A 1 1 =abc; A R 700000000 0; A A 4 1 =d",
     HELLO_DONE "0 A@0=abc; 0 A@3=d; 0 A@4 close end; 0 B@0 close end; ", "resets_ignored=1", 0, 0},
    {"port reuse after both FIN",
     HELLO "A FA 1 1 =a; B FA 1 3; A S 777 0; B SA 888 778; A A 778 889 =b",
     HELLO_DONE "0 A@0=a; 0 A@1 close fin; 0 B@0 close fin; 1 open syn A; 1 A@0=b; "
                "1 A@1 close end; 1 B@0 close end; ",
     "connections=2", 0, 0},
    {"port reuse after an RST", HELLO "A RA 1 1; A S 777 0; A A 778 1 =b",
     HELLO_DONE "0 A@0 close rst; 0 B@0 close rst; 1 open syn A; 1 A@0=b; 1 A@1 close end; "
                "1 B@0 close end; ",
     "connections=2", 0, 0},
    {"port reuse after silence", HELLO "A A 1 1 =a; A S 777 0 @30; A A 778 1 =b",
     HELLO_DONE "0 A@0=a; 0 A@1 close replaced; 0 B@0 close replaced; 1 open syn A; 1 A@0=b; "
                "1 A@1 close end; 1 B@0 close end; ",
     "connections=2", 0, 0},
    {"port reuse in the other direction",
     HELLO "A FA 1 1; B FA 1 2; B S 777 0; A SA 888 778; B A 778 889 =b",
     HELLO_DONE "0 A@0 close fin; 0 B@0 close fin; 1 open syn B; 1 B@0=b; 1 B@1 close end; "
                "1 A@0 close end; ",
     "connections=2", 0, 0},
    {"another SYN before any data", "A S 0 0; A S 777 0; B SA 0 778; A A 778 1 =a",
     HELLO_DONE "0 A@0 close replaced; 0 B@0 close replaced; 1 open syn A; 1 A@0=a; "
                "1 A@1 close end; 1 B@0 close end; ",
     "connections=2", 0, 0},
    {"a forged SYN changes nothing", HELLO "A A 1 1 =a; A S 777 0; B A 1 2; A A 2 1 =b",
     HELLO_DONE "0 A@0=a; 0 A@1=b; 0 A@2 close end; 0 B@0 close end; ",
     "connections=1 syns_ignored=1", 0, 0},
    {"a new SYN that its answer confirms",
     HELLO "A A 1 1 =a; A S 777 0; B SA 888 778; A A 778 889 =b",
     HELLO_DONE "0 A@0=a; 0 A@1 close replaced; 0 B@0 close replaced; 1 open syn A; 1 A@0=b; "
                "1 A@1 close end; 1 B@0 close end; ",
     "connections=2", 0, 0},
    {"a new SYN that the next packet confirms",
     HELLO "A A 1 1 =a; A S 777 0; A A 778 889 =b; B A 889 779 =x",
     HELLO_DONE "0 A@0=a; 0 A@1 close replaced; 0 B@0 close replaced; 1 open syn A; 1 A@0=b; "
                "1 B@0=x; 1 A@1 close end; 1 B@1 close end; ",
     "connections=2", 0, 0},
    {"a forged SYN+ACK changes nothing", HELLO "B A 1 1 =x; B SA 777 1; B A 2 1 =y",
     HELLO_DONE "0 B@0=x; 0 B@1=y; 0 A@0 close end; 0 B@2 close end; ",
     "connections=1 syns_ignored=1", 0, 0},
    {"both open at once", "A S 0 0; B S 0 0; A SA 0 1; B SA 0 1; B A 1 1 =x; A A 1 2 =a",
     HELLO_DONE "0 B@0=x; 0 A@0=a; 0 A@1 close end; 0 B@1 close end; ", "connections=1", 0, 0},
    {"the answer captured before the SYN", "B SA 0 1; A S 0 0; A A 1 1 =a; B A 1 2 =x",
     HELLO_DONE "0 A@0=a; 0 B@0=x; 0 A@1 close end; 0 B@1 close end; ", "connections=1", 0, 0},
    {"the SYN not captured", "B SA 0 1; A A 4 1 =d; A A 1 1 =abc; B A 1 5",
     HELLO_DONE "0 A@0=abc; 0 A@3=d#2>3; 0 A@4 close end; 0 B@0 close end; ", "gaps=0", 0, 0},
    {"the answer not captured", "A S 0 0; A A 1 1 =a; B A 4 2 =d; B A 1 2 =abc",
     HELLO_DONE "0 A@0=a; 0 B@0=abc; 0 B@3=d#3>4; 0 A@1 close end; 0 B@4 close end; ", "gaps=0", 0,
     0},
    {"midstream", "B A 500 300 =xyz; A A 300 503 =a; B A 503 301 =w",
     "0 open midstream B; 0 B@0=xyz; 0 A@0=a; 0 B@3=w; 0 B@4 close end; 0 A@1 close end; ", "", 0,
     0},
    {"midstream, out of order but acknowledged so far",
     "B A 500 300; A A 303 500 =d; A A 300 500 =abc",
     "0 open midstream B; 0 A@0=abc; 0 A@3=d#2>3; 0 B@0 close end; 0 A@4 close end; ", "gaps=0", 0,
     0},
    {"midstream, bytes before the begin", "A A 303 500 =def; A A 300 500 =abcde; A A 306 500 =g",
     "0 open midstream A; 0 A@0=def; 0 A@3=g; 0 A@4 close end; 0 B@0 close end; ",
     "late_bytes=3 retransmitted_bytes=2 overlaps_different=0", 0, 0},
    {"midstream, begins with a keep-alive", "B A 500 300; A A 299 500 =Z; A A 300 500 =abc",
     "0 open midstream B; 0 A@0=abc; 0 B@0 close end; 0 A@3 close end; ", "keep_alives=1", 0, 0},
    {"midstream, nothing but a FIN", "A FA 300 500; B FA 500 301; A A 301 501",
     "0 open midstream A; 0 A@0 close fin; 0 B@0 close fin; ", "", 0, 0},
    {"only one direction captured", "A S 0 0; A A 1 1 =abc; A A 6 1 =fg; A FA 8 1",
     HELLO_DONE "0 A@0=abc; 0 A@3 gap 2 end; 0 A@5=fg#3>4; 0 A@7 close fin; 0 B@0 close end; ", "",
     0, 0},
    {"cut by the snap length", HELLO "A A 1 1 =abcdef ~2; A A 7 1 =ghi ~0; A A 10 1 =j",
     HELLO_DONE "0 A@0=ab; 0 A@2 gap 4 cut; 0 A@6 gap 3 cut; 0 A@9=j; 0 A@10 close end; "
                "0 B@0 close end; ",
     "gaps=2 gap_bytes=7 cut_packets=2", 0, 0},
    {"cut by the snap length and out of order",
     HELLO "A A 7 1 =ghi ~0; A A 4 1 =def ~1; A A 1 1 =abc; A A 10 1 =j",
     HELLO_DONE "0 A@0=abc; 0 A@3=d#5>6; 0 A@4 gap 2 cut; 0 A@6 gap 3 cut; 0 A@9=j; "
                "0 A@10 close end; 0 B@0 close end; ",
     "gaps=2", 0, 0},
    {"cut within its FIN's data", HELLO "A FA 1 1 =abc ~1",
     HELLO_DONE "0 A@0=a; 0 A@1 gap 2 cut; 0 A@3 close fin; 0 B@0 close end; ", "", 0, 0},
    {"shorter than its IP header says", HELLO "A A 1 1 =abc %5; A A 6 1 =f",
     HELLO_DONE "0 A@0=abc; 0 A@3 gap 2 cut; 0 A@5=f; 0 A@6 close end; 0 B@0 close end; ",
     "cut_packets=1", 0, 0},
    {"longer than its IP header says: padding", HELLO "A A 1 1 =abcPADDING %3; A A 4 1 =d",
     HELLO_DONE "0 A@0=abc; 0 A@3=d; 0 A@4 close end; 0 B@0 close end; ", "cut_packets=0", 0, 0},
    {"far from its place", HELLO "A A 1 1 =a; A A 300000000 1 =x; A A 2 1 =b",
     HELLO_DONE "0 A@0=a; 0 A@1=b; 0 A@2 close end; 0 B@0 close end; ", "out_of_window=1", 0, 0},
    {"far from its place after silence",
     HELLO "A A 1 1 =a; A A 300000000 9 =x @31; A A 300000001 9 =y",
     HELLO_DONE "0 A@0=a; 0 A@1 close replaced; 0 B@0 close replaced; 1 open midstream A; "
                "1 A@0=x; 1 A@1=y; 1 A@2 close end; 1 B@0 close end; ",
     "connections=2", 0, 0},
    {"an acknowledgement far away", HELLO "A A 3 1 =c; B A 1 700000000; A A 1 1 =ab",
     HELLO_DONE "0 A@0=ab; 0 A@2=c#4>6; 0 A@3 close end; 0 B@0 close end; ", "gaps=0", 0, 0},
};

/* ---- conversations ---- */

struct talk {
    struct simc__capture *capture;
    struct build_text events;
    uint32_t isn[2];
    uint64_t time_us;
};

static void talk_feed(struct talk *talk, const uint8_t *bytes, size_t captured, size_t wire)
{
    int error = simc__capture_packet(talk->capture, SIMC__CAPTURE_LINK_RAW,
                                     simc_slice(bytes, captured), wire, talk->time_us);
    ck_assert_int_eq(error, 0);
    ck_assert_int_eq(build_pull(talk->capture, &talk->events), SIMC_EAGAIN);
}

static unsigned flags_read(const char *letters)
{
    unsigned flags = 0;
    for (; *letters; letters++) {
        flags |= *letters == 'S'   ? BUILD_SYN
                 : *letters == 'A' ? BUILD_ACK
                 : *letters == 'F' ? BUILD_FIN
                 : *letters == 'R' ? BUILD_RST
                                   : 0u;
    }
    return flags;
}

/* One packet of a conversation. The header copy is made so that a sanitizer sees an over-read. */
static void talk_packet(struct talk *talk, const char *text)
{
    char side_letter, flags[8], payload[64] = "";
    long long seq, ack;
    int used = 0;
    ck_assert_msg(sscanf(text, " %c %7s %lld %lld%n", &side_letter, flags, &seq, &ack, &used) == 4,
                  "packet '%s'", text);
    size_t cut = SIZE_MAX, says = SIZE_MAX;
    const char *more = text + used;
    for (more += strspn(more, " "); *more; more += strspn(more, " ")) {
        if (*more == '=')
            sscanf(more + 1, "%63s", payload);
        else if (*more == '~')
            cut = strtoul(more + 1, NULL, 10);
        else if (*more == '%')
            says = strtoul(more + 1, NULL, 10);
        else if (*more == '@')
            talk->time_us += strtoul(more + 1, NULL, 10) * 1000000;
        else
            ck_abort_msg("packet '%s'", text);
        more += strcspn(more, " ");
    }
    unsigned side = side_letter == 'B';
    size_t size = strlen(payload);
    uint8_t bytes[256];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    build_ipv4(&out, side, BUILD_TCP, 0, 20 + (says == SIZE_MAX ? size : says));
    build_tcp(&out, side, talk->isn[side] + (uint32_t)seq, talk->isn[!side] + (uint32_t)ack,
              flags_read(flags), 0);
    simc_writer_slice(&out, simc_slice_text(payload));
    ck_assert_int_eq(out.error, 0);
    size_t captured = cut < size ? out.at - size + cut : out.at;
    uint8_t *copy = malloc(captured);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, captured);
    talk_feed(talk, copy, captured, out.at);
    free(copy);
    talk->time_us += 1000;
}

static void talk_all(struct talk *talk, const char *packets)
{
    char one[128];
    while (*packets) {
        size_t size = strcspn(packets, ";");
        ck_assert_uint_lt(size, sizeof one);
        memcpy(one, packets, size);
        one[size] = '\0';
        if (strspn(one, " ") < size)
            talk_packet(talk, one);
        packets += size + (packets[size] == ';');
    }
}

static void talk_init(struct talk *talk)
{
    memset(talk, 0, sizeof *talk);
    talk->isn[0] = 1000;
    talk->isn[1] = 50000;
    talk->time_us = 1700000000000000;
    ck_assert_int_eq(simc__capture_new(&build_small, &talk->capture), 0);
}

START_TEST(each_row_of_the_table_gives_its_events)
{
    const struct row *row = &rows[_i];
    struct talk talk;
    talk_init(&talk);
    if (row->isn_a) {
        talk.isn[0] = row->isn_a;
        talk.isn[1] = row->isn_b;
    }
    talk_all(&talk, row->packets);
    simc__capture_end(talk.capture);
    ck_assert_int_eq(build_pull(talk.capture, &talk.events), SIMC_EEND);
    ck_assert_msg(strcmp(talk.events.text, row->events) == 0, "%s:\nfound  %s\nwanted %s",
                  row->name, talk.events.text, row->events);
    build_stats_check(simc__capture_stats(talk.capture), row->stats, row->name);
    simc__capture_free(talk.capture);
}
END_TEST

/* A conversation left in the middle releases everything; leak checkers look at this one. */
START_TEST(a_capture_can_be_freed_at_any_time)
{
    const struct row *row = &rows[_i];
    struct talk talk;
    talk_init(&talk);
    talk_all(&talk, row->packets);
    simc__capture_end(talk.capture);
    struct simc__capture_event event;
    (void)!simc__capture_next(talk.capture, &event);
    simc__capture_free(talk.capture);
}
END_TEST

/* ---- memory that runs out ---- */

struct failing {
    unsigned left;
};

static void *failing_resize(void *context, void *pointer, size_t size)
{
    struct failing *failing = context;
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    if (failing->left == 0)
        return NULL;
    failing->left--;
    return realloc(pointer, size);
}

/* Runs one conversation without the help of assertions. @return 0 or the first error. */
static int run_failing(const char *packets)
{
    struct simc__capture *capture;
    struct simc__capture_event event;
    int error = simc__capture_new(&build_small, &capture);
    if (error)
        return error;
    for (; *packets && !error; packets++) {
        uint8_t bytes[64];
        struct simc_writer out = simc_writer(bytes, sizeof bytes);
        if (*packets == 'F' || *packets == 'L') {
            build_ipv4(&out, 0, BUILD_UDP, *packets == 'F' ? 0x2000 : 1, 8);
            simc_writer_u64(&out, 0x000100020010abcd);
        } else {
            build_ipv4(&out, 0, BUILD_TCP, 0, 21);
            build_tcp(&out, 0, (uint32_t)*packets, 0, *packets == '0' ? BUILD_SYN : 0, 0);
            simc_writer_u8(&out, (uint8_t)*packets);
        }
        error = simc__capture_packet(capture, SIMC__CAPTURE_LINK_RAW, simc_slice(bytes, out.at),
                                     out.at, 1);
        while (!error)
            error = simc__capture_next(capture, &event);
        error = error == SIMC_EAGAIN ? 0 : error;
    }
    if (error) {
        ck_assert_int_eq(error, simc__capture_next(capture, &event));
        simc__capture_free(capture);
        return error;
    }
    simc__capture_end(capture);
    while (!error)
        error = simc__capture_next(capture, &event);
    simc__capture_free(capture);
    return error == SIMC_EEND ? 0 : error;
}

START_TEST(each_allocation_may_fail)
{
    struct failing failing = {0};
    struct simc_allocator allocator = {failing_resize, &failing};
    int error = SIMC_ENOMEM;
    simc_allocator_set(&allocator);
    for (unsigned n = 0; error && n < 1000; n++) {
        failing.left = n;
        error = run_failing("F0zxvusqomkigecaL12435F");
        ck_assert(error == 0 || error == SIMC_ENOMEM);
    }
    simc_allocator_set(NULL);
    ck_assert_int_eq(error, 0);
}
END_TEST

Suite *suite_capture_stream(void);
Suite *suite_capture_stream(void)
{
    Suite *suite = suite_create("capture_stream");
    TCase *tcase = tcase_create("rows");
    tcase_add_loop_test(tcase, each_row_of_the_table_gives_its_events, 0, (int)COUNT(rows));
    tcase_add_loop_test(tcase, a_capture_can_be_freed_at_any_time, 0, (int)COUNT(rows));
    tcase_add_test(tcase, each_allocation_may_fail);
    suite_add_tcase(suite, tcase);
    return suite;
}
