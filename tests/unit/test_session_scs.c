/* SPDX-License-Identifier: BSL-1.0 */
/* The SCS's side of ECMG-SCS: set-up, refusals, streams, CW_provisions and their answers,
 * time-outs, tests, orderly end. Scripts; run by the unit test runner. */
#include "unit/session_script.h"

Suite *suite_session_scs(void);

#define STATUS "flag=0 ds=-500 dp=0 rep=100 max=0 min=50 lead=1 per=2 comp=1000"
#define STATUS_OF(flag, lead, per) \
    "flag=" flag " ds=-500 dp=0 rep=100 max=0 min=50 lead=" lead " per=" per " comp=1000"
#define SETUP                                                                       \
    "$ nothing\n< channel_setup ch=1 cas=2882338817\n> channel_status ch=1 " STATUS \
    "\n! CHANNEL_OPEN lead=1 per=2\n"
#define STREAM                                                                              \
    "$ open st=2\n< stream_setup ch=1 st=2 id=33 nom=100\n> stream_status ch=1 st=2 id=33 " \
    "mode=0\n! STREAM_OPEN st=2 mode=0\n"
#define OPEN SETUP STREAM
#define PROVIDE                                                                    \
    "$ provide st=2 cp=16\n< CW_provision ch=1 st=2 cp=16 cw=16:1010101010101010 " \
    "cw=17:1111111111111111\n"

/* clang-format off */
const struct session_script session_scripts_scs[] = {
    {"set-up, stream, ECM", true, "",
     OPEN PROVIDE "@ 120\n" "> ECM_response ch=1 st=2 cp=16 ecm=8070020102\n"
     "! ECM st=2 cp=16 waited=120 size=5\n"},
    {"version 2", true, "version=2",
     "$ nothing\n" "< channel_setup v2 ch=1 cas=2882338817\n" "> channel_status v2 ch=1 " STATUS
     "\n" "! CHANNEL_OPEN*\n" "$ open st=2\n" "< stream_setup v2 ch=1 st=2 id=33 nom=100\n"
     "> stream_status v2 ch=1 st=2 id=33 mode=0\n" "! STREAM_OPEN*\n" "$ provide st=2 cp=1\n"
     "< CW_provision v2*\n"},
    {"version 1", true, "version=1",
     "$ nothing\n" "< channel_setup v1 ch=1 cas=2882338817\n" "> channel_status v1 ch=1 " STATUS
     "\n" "! CHANNEL_OPEN*\n" "$ open st=2\n" "< stream_setup v1 ch=1 st=2 nom=100\n"
     "> stream_status v1 ch=1 st=2 mode=0\n" "! STREAM_OPEN*\n"
     "$ provide st=2 cp=1 size=16 = SIMC_EINVAL\n" "$ provide st=2 cp=1 enc=01 = SIMC_EINVAL\n"
     "$ provide st=2 cp=1\n" "< CW_provision v1*\n"},
    {"version refused", true, "",
     "> CE v2 ch=1 status=0002\n" "< channel_setup*\n" "! PEER_ERROR 0002\n"
     "! CHANNEL_CLOSED VERSION_REFUSED 0002\n" "? the peer does not support*\n"},
    {"version refused in a version that nobody knows", true, "",
     "> CE v9 ch=0 status=0002\n" "< channel_setup*\n" "! PEER_ERROR 0002\n"
     "! CHANNEL_CLOSED VERSION_REFUSED 0002\n"},
    {"set-up refused", true, "",
     "> CE ch=1 status=0005\n" "< channel_setup*\n" "! PEER_ERROR 0005\n"
     "! CHANNEL_CLOSED REFUSED 0005\n" "? it was refused*\n"},
    {"set-up refused with two statuses and text", true, "",
     "> CE ch=0 status=0013 status=9001 info=6e6f\n" "< channel_setup*\n"
     "! PEER_ERROR 0013,9001\n" "! CHANNEL_CLOSED REFUSED 0013,9001\n"},
    {"set-up refused as unrecoverable", true, "",
     "> CE ch=1 status=7001\n" "< channel_setup*\n" "! PEER_ERROR 7001\n"
     "! CHANNEL_CLOSED REFUSED 7001\n"},
    {"set-up unanswered", true, "",
     "@ 4999\n" "< channel_setup*\n" "@ 1\n" "! CHANNEL_CLOSED SETUP_TIMEOUT\n"
     "? the answer to a set-up*\n"},
    {"tests and errors while setting up", true, "",
     "> channel_test ch=1\n" "< channel_setup*\n" "< CE ch=1 status=0006\n" "! NOTICE FAULT 0006\n"
     "> stream_test ch=1 st=2\n" "< CE ch=1 status=0006\n" "> SE ch=1 st=2 status=0001\n"
     "! PEER_ERROR*\n" "> SE ch=1 st=2 status=0007\n" "! PEER_ERROR*\n"
     "> SE ch=1 st=2 status=7001\n" "! PEER_ERROR*\n" "> 0x8001 raw=00\n" "! NOTICE IGNORED\n"
     "> channel_status ch=1 " STATUS "\n" "! CHANNEL_OPEN*\n"},
    {"a status that lacks lead_CW", true, "",
     "> channel_status ch=1 flag=0 ds=0 dp=0 rep=1 max=0 min=0 per=1 comp=0\n" "< channel_setup*\n"
     "< CE ch=1 status=0010 status=7001\n" "! NOTICE FAULT 0010,7001\n"
     "! CHANNEL_CLOSED UNEXPECTED 0010,7001\n"},
    {"a status with a long max_comp_time", true, "",
     "> channel_status ch=1 flag=0 ds=0 dp=0 rep=1 max=0 min=0 lead=1 per=1 x000c=00000000\n"
     "< channel_setup*\n" "< CE ch=1 status=000f status=7001\n" "! CHANNEL_CLOSED UNEXPECTED*\n"},
    {"a status of another channel", true, "",
     "> channel_status ch=2 " STATUS "\n" "< channel_setup*\n"
     "< CE ch=2 status=0006 status=7001\n" "! CHANNEL_CLOSED UNEXPECTED*\n"},
    {"CW_per_msg 0", true, "",
     "> channel_status ch=1 " STATUS_OF("0", "0", "0") "\n" "< channel_setup*\n"
     "< CE ch=1 status=0011 status=7001\n" "! CHANNEL_CLOSED UNEXPECTED*\n"},
    {"a status in any order with unknown parameters", true, "",
     "> channel_status comp=0 per=2 lead=1 x6000=00 min=0 max=0 rep=0 dp=0 ds=0 ads=1 adp=2 "
     "tds=3 tdp=4 flag=0 ch=1\n" "< channel_setup*\n" "! CHANNEL_OPEN*\n" "> channel_test ch=1\n"
     "< channel_status ch=1 flag=0 ads=1 adp=2 ds=0 dp=0 tds=3 tdp=4 rep=0 max=0 min=0 "
     "lead=1 per=2 comp=0\n"},
    {"what cannot be an answer: stream_status", true, "",
     "> stream_status ch=1 st=2 id=1 mode=0\n" "< channel_setup*\n" "! CHANNEL_CLOSED UNEXPECTED\n"
     },
    {"what cannot be an answer: stream_close_response", true, "",
     "> stream_close_response ch=1 st=2\n" "< channel_setup*\n" "! CHANNEL_CLOSED UNEXPECTED\n"},
    {"what cannot be an answer: ECM_response", true, "",
     "> ECM_response ch=1 st=2 cp=1 ecm=\n" "< channel_setup*\n" "! CHANNEL_CLOSED UNEXPECTED\n"},
    {"what cannot be an answer: channel_setup", true, "",
     "> channel_setup ch=1 cas=1\n" "< channel_setup*\n" "< CE ch=1 status=0001 status=7001\n"
     "! CHANNEL_CLOSED UNEXPECTED*\n"},
    {"what cannot be an answer: too long", true, "length_limit=60",
     "> channel_test ch=1 z6000=60\n" "< channel_setup*\n" "< CE ch=1 status=0004 status=7001\n"
     "! CHANNEL_CLOSED UNEXPECTED*\n"},
    {"what cannot be an answer: another version, strict", true, "strict",
     "> channel_status v2 ch=1 " STATUS "\n" "< channel_setup*\n"
     "< CE ch=1 status=0002 status=7001\n" "! CHANNEL_CLOSED UNEXPECTED*\n"},
    {"another version is taken with a notice", true, "",
     "> channel_status v2 ch=1 " STATUS "\n" "< channel_setup*\n" "! NOTICE VERSION\n"
     "! CHANNEL_OPEN*\n" "> channel_test v2 ch=1\n" "< channel_status ch=1*\n"},
    {"another version while open, strict", true, "strict",
     OPEN "> channel_test v2 ch=1\n" "< CE ch=1 status=0002\n" "> channel_test v4 ch=1\n"
     "< CE ch=1 status=0002\n" "> CE v2 ch=1 status=0001\n" "! PEER_ERROR 0001\n"
     "< channel_test ch=1\n"},
    {"stopped while setting up", true, "",
     "$ close\n" "< channel_setup*\n" "! CHANNEL_CLOSED REQUESTED\n"},
    {"lost while setting up", true, "",
     "$ disconnected\n" "! CHANNEL_CLOSED DISCONNECTED\n" "$ open st=2 = SIMC_ENOTFOUND\n"
     "$ provide st=2 = SIMC_ENOTFOUND\n" "$ stream_close st=2 = SIMC_ENOTFOUND\n"},
    {"wrong direction", true, "",
     OPEN "> channel_setup ch=1 cas=1\n" "< CE ch=1 status=0001\n" "> channel_close ch=1\n"
     "< CE ch=1 status=0001\n" "> stream_setup ch=1 st=2 id=1 nom=1\n" "< CE ch=1 status=0001\n"
     "> stream_close_request ch=1 st=2\n" "< CE ch=1 status=0001\n"
     "> CW_provision ch=1 st=2 cp=1 cw=1:1020304050607080\n" "< CE ch=1 status=0001\n"
     "> CW_provision\n" "< CE ch=1 status=0001\n"},
    {"unasked messages", true, "",
     OPEN "> channel_status ch=1 " STATUS "\n" "! NOTICE IGNORED\n"
     "> stream_status ch=1 st=2 id=33 mode=1\n" "! NOTICE IGNORED st=2\n"
     "> stream_status ch=1 st=7 id=33 mode=1\n" "! NOTICE IGNORED st=7\n"
     "> stream_close_response ch=1 st=2\n" "! NOTICE IGNORED st=2\n"
     "> stream_close_response ch=1 st=7\n" "! NOTICE IGNORED st=7\n"
     "> ECM_response ch=1 st=2 cp=1 ecm=\n" "! NOTICE LATE st=2\n"
     "> ECM_response ch=1 st=7 cp=1 ecm=\n" "! NOTICE LATE st=7\n" "> 0x8000\n"
     "! NOTICE IGNORED\n"},
    {"tests of the peer", true, "",
     OPEN "> channel_test ch=1\n"
     "< channel_status ch=1 flag=0 ds=65036 dp=0 rep=100 max=0 min=50 lead=1 per=2 " "comp=1000\n"
     "> stream_test ch=1 st=2\n" "< stream_status ch=1 st=2 id=33 mode=0\n"
     "> stream_test ch=1 st=7\n" "< SE ch=1 st=7 status=0007\n" "> channel_test ch=9\n"
     "< CE ch=9 status=0006\n" "$ open st=3 id=34\n" "< stream_setup*\n"
     "> stream_test ch=1 st=3\n" "< SE ch=1 st=3 status=0007\n" "> channel_test ch=1\n"
     "< channel_status*\n" PROVIDE "> channel_test ch=1\n" "< channel_status*\n"
     "> stream_test ch=1 st=2\n" "< stream_status*\n" "> ECM_response ch=1 st=2 cp=16 ecm=\n"
     "! ECM st=2 cp=16 waited=0 size=0\n"},
    {"stream refused", true, "",
     SETUP "$ open st=2\n" "< stream_setup*\n" "$ open st=2 = SIMC_EINVAL\n"
     "> SE ch=1 st=2 status=0014\n" "! PEER_ERROR st=2 0014\n"
     "! STREAM_CLOSED st=2 REFUSED 0014\n" "$ open st=2\n" "< stream_setup*\n"
     "> SE ch=1 st=2 status=0007\n" "! PEER_ERROR*\n" "! STREAM_CLOSED*\n" "$ open st=2\n"
     "< stream_setup*\n" "> SE ch=1 st=2 status=7001\n" "! PEER_ERROR*\n"
     "! STREAM_CLOSED st=2 REFUSED 7001\n" STREAM},
    {"stream set-up unanswered", true, "",
     SETUP "$ open st=2\n" "< stream_setup*\n" "@ 4999\n" "@ 1\n"
     "! STREAM_CLOSED st=2 SETUP_TIMEOUT\n" "< channel_test ch=1\n" "> channel_status ch=1 " STATUS
     "\n" "! CHANNEL_STATUS*\n" "> stream_status ch=1 st=2 id=33 mode=0\n"
     "! NOTICE IGNORED st=2\n"},
    {"stream closed while it is set up", true, "",
     SETUP "$ open st=2\n" "< stream_setup*\n" "$ stream_close st=2\n"
     "> ECM_response ch=1 st=2 cp=1 ecm=\n" "> stream_close_response ch=1 st=2\n"
     "> stream_status ch=1 st=2 id=33 mode=0\n" "< stream_close_request ch=1 st=2\n"
     "> stream_close_response ch=1 st=2\n" "! STREAM_CLOSED st=2 REQUESTED\n"
     "$ stream_close st=2 = SIMC_ENOTFOUND\n"},
    {"another ECM_id in stream_status", true, "",
     SETUP "$ open st=2\n" "< stream_setup*\n" "> stream_status ch=1 st=2 id=99 mode=1\n"
     "! NOTICE CHANGED st=2\n" "! STREAM_OPEN st=2 mode=1\n"},
    {"limits of the channel", true, "stream_limit=2",
     "$ nothing\n" "< channel_setup*\n"
     "> channel_status ch=1 flag=0 ds=0 dp=0 rep=1 max=1 min=0 lead=0 per=1 comp=0\n"
     "! CHANNEL_OPEN*\n" "$ open st=2\n" "< stream_setup*\n" "$ open st=3 id=4 = SIMC_EFULL\n"},
    {"the own limit", true, "stream_limit=1",
     SETUP "$ open st=2\n" "< stream_setup*\n" "$ open st=3 id=4 = SIMC_EFULL\n"},
    {"one CW_provision at a time", true, "",
     OPEN PROVIDE "$ provide st=2 cp=17 = SIMC_EFULL\n" "> ECM_response ch=1 st=2 cp=17 ecm=\n"
     "! NOTICE LATE st=2\n" "> ECM_response ch=1 st=2 cp=16 ecm=8070020102\n" "! ECM*\n"
     "> ECM_response ch=1 st=2 cp=16 ecm=8070020102\n" "! NOTICE LATE st=2\n"
     "$ provide st=2 cp=17\n" "< CW_provision*\n"},
    {"no answer in time, then late", true, "",
     OPEN PROVIDE "@ 1499\n" "@ 1\n" "! NO_ECM st=2 cp=16 waited=1500\n"
     "> ECM_response ch=1 st=2 cp=16 ecm=8070020102\n" "! NOTICE LATE st=2\n"
     "$ provide st=2 cp=17\n" "< CW_provision*\n" "> ECM_response ch=1 st=2 cp=16 ecm=8070020102\n"
     "! NOTICE LATE st=2\n"},
    {"max_comp_time 0", true, "",
     "$ nothing\n" "< channel_setup*\n"
     "> channel_status ch=1 flag=0 ds=0 dp=0 rep=1 max=0 min=0 lead=1 per=2 comp=0\n"
     "! CHANNEL_OPEN*\n" STREAM PROVIDE "@ 1499\n" "@ 1\n" "! NO_ECM*\n"},
    {"an error for an answer", true, "",
     OPEN PROVIDE "> SE ch=1 st=2 status=000b\n" "! PEER_ERROR st=2 000b\n"
     "! NO_ECM st=2 cp=16 waited=0 000b\n" "> SE ch=1 st=2 status=000b\n" "! PEER_ERROR*\n"
     "> SE ch=1 st=2 status=0007\n" "! PEER_ERROR*\n" "> SE ch=1 st=9 status=0007\n"
     "! PEER_ERROR*\n" "> SE ch=1 st=9 status=0001\n" "! PEER_ERROR*\n"
     "> SE ch=1 st=9 status=7001\n" "! PEER_ERROR*\n"},
    {"an invalid ECM_response", true, "",
     OPEN PROVIDE "> ECM_response ch=1 st=2 cp=16\n" "< SE ch=1 st=2 status=0010\n"
     "! NOTICE FAULT st=2 0010\n" "! NO_ECM st=2 cp=16 waited=0 0010\n"
     "> ECM_response ch=1 st=2 cp=16\n" "< SE ch=1 st=2 status=0010\n" "$ provide st=2 cp=17\n"
     "< CW_provision*\n"},
    {"priming", true, "",
     "$ nothing\n" "< channel_setup*\n" "> channel_status ch=1 " STATUS_OF("0", "1", "1") "\n"
     "! CHANNEL_OPEN*\n" STREAM "$ provide st=2 cp=99 from=100 count=1 priming ac=01\n"
     "< CW_provision ch=1 st=2 cp=99 cw=100:6464646464646464 ac=01\n"
     "> SE ch=1 st=2 status=000b\n" "! PRIMED st=2 cp=99 waited=0\n"
     "$ provide st=2 cp=100 from=101 count=1 ac=01\n"
     "< CW_provision ch=1 st=2 cp=100 cw=101:6565656565656565 ac=01\n"
     "> ECM_response ch=1 st=2 cp=100 ecm=807000\n" "! ECM*\n"
     "$ provide st=2 cp=101 from=102 count=1 priming ac=01\n"
     "< CW_provision ch=1 st=2 cp=101 cw=102:6666666666666666\n"
     "> ECM_response ch=1 st=2 cp=101 ecm=807000\n" "! PRIMED st=2 cp=101 waited=0\n"
     "$ provide st=2 cp=102 from=103 count=1 priming ac=01\n" "< CW_provision*\n"
     "> SE ch=1 st=2 status=0011\n" "! PEER_ERROR*\n" "! NO_ECM*\n"},
    {"access criteria, mode 0", true, "",
     OPEN "$ provide st=2 cp=16 ac=0102\n"
     "< CW_provision ch=1 st=2 cp=16 cw=16:1010101010101010 cw=17:1111111111111111 ac=0102\n"
     "> ECM_response ch=1 st=2 cp=16 ecm=\n" "! ECM*\n" "$ provide st=2 cp=16 ac=0102\n"
     "< CW_provision ch=1 st=2 cp=16 cw=16:1010101010101010 cw=17:1111111111111111\n"
     "> ECM_response ch=1 st=2 cp=16 ecm=\n" "! ECM*\n"
     "$ provide st=2 cp=16 ac=0103 dur=120 enc=aa\n"
     "< CW_provision ch=1 st=2 cp=16 enc=aa cw=16:1010101010101010 cw=17:1111111111111111 "
     "dur=120 ac=0103\n" "@ 1500\n" "! NO_ECM*\n" "$ provide st=2 cp=16 ac=0103\n"
     "< CW_provision ch=1 st=2 cp=16 cw=16:1010101010101010 cw=17:1111111111111111 ac=0103\n"},
    {"access criteria, mode 1", true, "",
     SETUP "$ open st=2\n" "< stream_setup*\n" "> stream_status ch=1 st=2 id=33 mode=1\n"
     "! STREAM_OPEN st=2 mode=1\n" "$ provide st=2 cp=16 = SIMC_EINVAL\n"
     "$ provide st=2 cp=16 ac=01\n" "< CW_provision*\n" "> ECM_response ch=1 st=2 cp=16 ecm=\n"
     "! ECM*\n" "$ provide st=2 cp=16 ac=01\n"
     "< CW_provision ch=1 st=2 cp=16 cw=16:1010101010101010 cw=17:1111111111111111 ac=01\n"},
    {"wrong counts", true, "",
     OPEN "$ provide st=2 cp=16 count=1 = SIMC_EINVAL\n"
     "$ provide st=2 cp=16 count=3 = SIMC_EINVAL\n"
     "$ provide st=2 cp=16 count=0 any = SIMC_EINVAL\n"
     "$ provide st=2 cp=16 size=0 = SIMC_EINVAL\n" "$ provide st=2 cp=16 count=3 any\n"
     "< CW_provision*\n"},
    {"sections are checked", true, "",
     OPEN PROVIDE "> ECM_response ch=1 st=2 cp=16 ecm=80700201\n"
     "! ECM st=2 cp=16 waited=0 size=4 bad: it is not one section*\n" PROVIDE
     "> ECM_response ch=1 st=2 cp=16 ecm=8070\n"
     "! ECM st=2 cp=16 waited=0 size=2 bad: it is shorter*\n" PROVIDE
     "> ECM_response ch=1 st=2 cp=16 z0015=188\n"
     "! ECM st=2 cp=16 waited=0 size=188 bad: it is not one section*\n"},
    {"packets are checked", true, "",
     "$ nothing\n" "< channel_setup*\n" "> channel_status ch=1 " STATUS_OF("1", "1", "2") "\n"
     "! CHANNEL_OPEN*\n" STREAM PROVIDE "> ECM_response ch=1 st=2 cp=16 z0015=190\n"
     "! ECM st=2 cp=16 waited=0 size=190 bad: its size*\n" PROVIDE
     "> ECM_response ch=1 st=2 cp=16 z0015=188\n"
     "! ECM st=2 cp=16 waited=0 size=188 bad: a transport packet*\n"},
    {"a stream ends by 0x7001", true, "",
     OPEN PROVIDE "> SE ch=1 st=2 status=7001\n" "! PEER_ERROR*\n" "! NO_ECM*\n"
     "< stream_close_request ch=1 st=2\n" "$ provide st=2 cp=17 = SIMC_ENOTFOUND\n"
     "> stream_close_response ch=1 st=2\n" "! STREAM_CLOSED st=2 UNRECOVERABLE\n" STREAM
     "> SE ch=1 st=2 status=7001\n" "! PEER_ERROR*\n" "< stream_close_request*\n"
     "> SE ch=1 st=2 status=7001\n" "! PEER_ERROR*\n" "! STREAM_CLOSED*\n"},
    {"a stream is closed", true, "",
     OPEN PROVIDE "$ stream_close st=2\n" "< stream_close_request ch=1 st=2\n"
     "> ECM_response ch=1 st=2 cp=16 ecm=\n" "! NOTICE LATE st=2\n" "> stream_test ch=1 st=2\n"
     "< SE ch=1 st=2 status=0007\n" "> stream_status ch=1 st=2 id=33 mode=0\n"
     "> SE ch=1 st=2 status=000b\n" "! PEER_ERROR*\n" "$ stream_close st=2 = SIMC_ENOTFOUND\n"
     "$ open st=2 = SIMC_EINVAL\n" "> stream_close_response ch=1 st=2\n"
     "! STREAM_CLOSED st=2 REQUESTED\n" STREAM "$ stream_close st=2\n" "< stream_close_request*\n"
     "> SE ch=1 st=2 status=0007\n" "! PEER_ERROR*\n" "! STREAM_CLOSED st=2 REQUESTED\n"},
    {"a close unanswered", true, "",
     OPEN "$ stream_close st=2\n" "< stream_close_request*\n" "@ 4999\n" "@ 1\n"
     "! STREAM_CLOSED st=2 CLOSE_TIMEOUT\n" "< channel_test ch=1\n"},
    {"a channel_error is verified", true, "",
     OPEN PROVIDE "> CE ch=1 status=000d\n" "! PEER_ERROR 000d\n" "< channel_test ch=1\n"
     "> CE ch=1 status=000d\n" "! PEER_ERROR*\n" "> ECM_response ch=1 st=2 cp=16 ecm=\n" "! ECM*\n"
     "> channel_test ch=1\n" "< channel_status*\n" "> channel_status ch=1 " STATUS "\n"
     "! CHANNEL_STATUS*\n" "> channel_status ch=1 " STATUS "\n" "! NOTICE IGNORED\n" "@ 5000\n"},
    {"a channel_error and then nothing", true, "",
     OPEN "> CE ch=1 status=000d\n" "! PEER_ERROR 000d\n" "< channel_test ch=1\n" "@ 4999\n"
     "@ 1\n" "! CHANNEL_CLOSED TEST_TIMEOUT\n"},
    {"the channel ends by 0x7001", true, "",
     OPEN "> CE ch=1 status=7001\n" "! PEER_ERROR 7001\n" "! CHANNEL_CLOSED UNRECOVERABLE 7001\n"
     "< channel_close ch=1\n"},
    {"silence is tested", true, "",
     OPEN "@ 9999\n" "@ 1\n" "! NOTICE TEST\n" "< channel_test ch=1\n" "> channel_status ch=1 "
     STATUS "\n" "! CHANNEL_STATUS*\n" "@ 9999\n" "@ 1\n" "< channel_test ch=1\n" "@ 5000\n"
     "! CHANNEL_CLOSED TEST_TIMEOUT\n"},
    {"changed values", true, "",
     OPEN "$ test\n" "< channel_test*\n"
     "> channel_status ch=1 flag=0 ds=-400 dp=0 rep=100 max=0 min=50 lead=1 per=2 " "comp=2000\n"
     "! NOTICE CHANGED\n" "! CHANNEL_STATUS*\n" PROVIDE "@ 2499\n" "@ 1\n" "! NO_ECM*\n"},
    {"changed lead_CW", true, "",
     OPEN "$ test\n" "< channel_test*\n" "> channel_status ch=1 " STATUS_OF("0", "2", "2") "\n"
     "! NOTICE CHANGED\n" "! CHANNEL_STATUS*\n" "! CHANNEL_CLOSED PARAMETERS_CHANGED\n"
     "< channel_close ch=1\n"},
    {"CW_per_msg 0 in an answer", true, "",
     OPEN "$ test\n" "< channel_test*\n" "> channel_status ch=1 " STATUS_OF("0", "1", "0") "\n"
     "< CE ch=1 status=0011\n" "@ 5000\n" "! CHANNEL_CLOSED TEST_TIMEOUT\n"},
    {"stream_test of ours", true, "",
     OPEN "$ test st=2\n" "< stream_test ch=1 st=2\n" "> stream_status ch=1 st=2 id=33 mode=1\n"
     "! NOTICE CHANGED st=2\n" "! STREAM_STATUS st=2 mode=1\n" "$ test st=2\n" "< stream_test*\n"
     "@ 5000\n" "! NOTICE TEST st=2\n" "< channel_test ch=1\n" "$ test = SIMC_EFULL\n"
     "$ error st=2 status=1\n" "< SE ch=1 st=2 status=0001\n" "$ error status=1\n"
     "< CE ch=1 status=0001\n"},
    {"orderly end", true, "",
     OPEN "$ open st=3 id=34\n" "< stream_setup*\n" "$ open st=4 id=35\n" "< stream_setup*\n"
     PROVIDE "$ close\n" "< stream_close_request ch=1 st=2\n" "$ close\n"
     "$ open st=9 = SIMC_ENOTFOUND\n" "> channel_test ch=1\n" "< channel_status*\n"
     "> CE ch=1 status=0001\n" "! PEER_ERROR*\n" "> channel_status ch=1 " STATUS "\n"
     "> stream_close_response ch=1 st=2\n" "> stream_status ch=1 st=3 id=34 mode=0\n"
     "< stream_close_request ch=1 st=3\n" "> SE ch=1 st=4 status=0009\n" "! PEER_ERROR*\n"
     "> stream_close_response ch=1 st=3\n" "< channel_close ch=1\n" "! CHANNEL_CLOSED REQUESTED\n"
     "? this side asked*\n"},
    {"orderly end without streams", true, "",
     SETUP "$ close\n" "< channel_close ch=1\n" "! CHANNEL_CLOSED REQUESTED\n"},
    {"end though a stream does not answer", true, "",
     OPEN "$ close\n" "< stream_close_request*\n" "@ 4999\n" "@ 1\n" "< channel_close ch=1\n"
     "! CHANNEL_CLOSED CLOSE_TIMEOUT\n"},
    {"0x7001 while closing", true, "",
     OPEN "$ close\n" "< stream_close_request*\n" "> CE ch=1 status=7001\n" "! PEER_ERROR*\n"
     "! CHANNEL_CLOSED UNRECOVERABLE 7001\n" "< channel_close ch=1\n"},
    {"a test under way while closing", true, "",
     OPEN "$ test\n" "< channel_test*\n" "$ close\n" "< stream_close_request*\n"
     "> channel_status ch=1 " STATUS_OF("0", "3", "2") "\n" "! NOTICE CHANGED\n"
     "! CHANNEL_STATUS*\n" "> stream_close_response ch=1 st=2\n" "< channel_close*\n"
     "! CHANNEL_CLOSED*\n"},
    {"a test answered while closing", true, "",
     OPEN "$ test\n" "< channel_test*\n" "$ close\n" "< stream_close_request*\n"
     "> channel_status ch=1 " STATUS "\n" "! CHANNEL_STATUS*\n"
     "> stream_close_response ch=1 st=2\n" "< channel_close*\n" "! CHANNEL_CLOSED*\n"},
    {"two responses in one segment", true, "",
     OPEN "$ open st=3 id=34\n" "< stream_setup*\n" "> stream_status ch=1 st=3 id=34 mode=0\n"
     "! STREAM_OPEN*\n" PROVIDE "$ provide st=3 cp=16\n" "< CW_provision*\n"
     ">> ECM_response ch=1 st=3 cp=16 ecm=\n" "> ECM_response ch=1 st=2 cp=16 ecm=\n"
     "! ECM st=3*\n" "! ECM st=2*\n"},
    {"lost in the middle", true, "",
     OPEN PROVIDE "$ disconnected\n" "! CHANNEL_CLOSED DISCONNECTED\n"},
    {"too many faults", true, "fault_limit=2",
     OPEN "> channel_test\n" "< CE ch=1 status=0010\n" "> CE ch=1\n" "! NOTICE IGNORED\n"
     "> ECM_response ch=1 st=2\n" "< CE ch=1 status=0010 status=7001\n"
     "! CHANNEL_CLOSED TOO_MANY_FAULTS\n"},
    {"what is sent can be told", true, "log",
     "$ nothing\n" "! NOTICE SENT\n" "< channel_setup*\n"},
};
/* clang-format on */

const size_t session_scripts_scs_count = UNIT_COUNT(session_scripts_scs);

START_TEST(scripts_run_as_written)
{
    const struct session_run run = {.is_checked = true};
    ck_assert_int_eq(session_script_run(&session_scripts_scs[_i], &run), 0);
}
END_TEST

START_TEST(scripts_run_the_same_in_any_pieces)
{
    static const size_t pieces[] = {1, 2, 3, 7, 50};
    for (size_t i = 0; i < session_scripts_scs_count; i++) {
        for (size_t j = 0; j < UNIT_COUNT(pieces); j++) {
            const struct session_run run = {.is_checked = true, .piece = pieces[j]};
            ck_assert_int_eq(session_script_run(&session_scripts_scs[i], &run), 0);
        }
    }
}
END_TEST

Suite *suite_session_scs(void)
{
    Suite *suite = suite_create("session_scs");
    TCase *tcase = tcase_create("scripts");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, scripts_run_as_written, 0, (int)session_scripts_scs_count);
    tcase_add_test(tcase, scripts_run_the_same_in_any_pieces);
    suite_add_tcase(suite, tcase);
    return suite;
}
