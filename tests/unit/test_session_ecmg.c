/* SPDX-License-Identifier: BSL-1.0 */
/* The ECMG's side of ECMG-SCS: legality matrix, set-up, control words, access criteria, errors,
 * limits, end. Scripts; run by the unit test runner. */
#include "unit/session_script.h"

Suite *suite_session_ecmg(void);

#define SETUP                                                                         \
    "> channel_setup ch=1 cas=0xabcd0001\n! CHANNEL_SETUP v3 ch=1 cas=0xabcd0001\n< " \
    "channel_status ch=1*\n"
#define SETUP_ANY "> channel_setup ch=1 cas=0xabcd0001\n! CHANNEL_SETUP*\n< channel_status*\n"
#define STREAM                                                                                    \
    "> stream_setup ch=1 st=2 id=33 nom=100\n! STREAM_SETUP st=2 id=33 nom=100\n< stream_status " \
    "ch=1 st=2 id=33 mode=0\n"
#define OPEN SETUP STREAM
#define CW   "1020304050607080"
#define CP16                                  \
    "> CW_provision ch=1 st=2 cp=16 cw=16:10" \
    "20304050607080 cw=17:1120304050607080\n"
#define CP16_ANSWER \
    "! CW_PROVISION st=2 cp=16 cws=16:10,17:11*\n< ECM_response ch=1 st=2 cp=16 ecm=8070020210\n"

/* clang-format off */
const struct session_script session_scripts_ecmg[] = {
    {"set-up answers with all mandatory parameters", false, "",
     "> channel_setup ch=1 cas=0xabcd0001\n" "! CHANNEL_SETUP v3 ch=1 cas=0xabcd0001\n"
     "< channel_status ch=1 flag=0 ds=65036 dp=0 rep=100 max=0 min=50 lead=1 per=2 " "comp=1000\n"
     STREAM CP16 CP16_ANSWER},
    {"parameters in any order, unknown ones skipped", false, "",
     "> channel_setup x6000=0102 cas=0xabcd0001 x9000= ch=1\n" "! CHANNEL_SETUP*\n"
     "< channel_status ch=1*\n" "> stream_setup nom=100 id=33 x8001=00 st=2 ch=1\n"
     "! STREAM_SETUP st=2 id=33 nom=100\n" "< stream_status*\n" "> CW_provision cw=17:11"
     "20304050607080 cp=16 x7fff= cw=16:1020304050607080 st=2 ch=1\n" CP16_ANSWER},
    {"versions 1, 2 and 5", false, "",
     "> channel_setup v2 ch=1 cas=1\n" "! CHANNEL_SETUP v2*\n" "< channel_status v2 ch=1*\n"
     "> stream_setup v2 ch=1 st=2 id=33 nom=100\n" "! STREAM_SETUP*\n"
     "< stream_status v2 ch=1 st=2 id=33 mode=0\n" "> channel_test ch=1\n"
     "< CE v2 ch=1 status=0002\n" "! NOTICE FAULT 0002\n" "> channel_test v2 ch=1\n"
     "< channel_status v2 ch=1*\n" "> stream_test v5 ch=1 st=2\n" "< CE v2 ch=1 status=0002\n"
     "> CW_provision v2 ch=1 st=2 cp=16 cw=16:10" "20304050607080 cw=17:1120304050607080\n"
     "! CW_PROVISION*\n" "< ECM_response v2 ch=1 st=2 cp=16 ecm=8070020210\n"},
    {"version 1 has no ECM_id", false, "",
     "> channel_setup v1 ch=1 cas=1\n" "! CHANNEL_SETUP v1*\n" "< channel_status v1 ch=1*\n"
     "> stream_setup v1 ch=1 st=2 nom=100\n" "! STREAM_SETUP st=2 id=0 nom=100\n"
     "< stream_status v1 ch=1 st=2 mode=0\n" "> stream_setup v1 ch=1 st=3 id=9 nom=100\n"
     "! STREAM_SETUP st=3 id=0 nom=100\n" "< stream_status v1 ch=1 st=3 mode=0\n"
     "> CW_provision v1 ch=1 st=2 cp=16 enc=0102 cw=16:10"
     "20304050607080 cw=17:1120304050607080\n" "! CW_PROVISION*\n" "< ECM_response v1*\n"
     "> CW_provision v1 ch=1 st=2 cp=17 cw=17:10"
     "2030405060708090a0b0c0d0e0f000 cw=18:1120304050607080\n" "< SE v1 ch=1 st=2 status=000f\n"},
    {"version 5", false, "flag=2",
     "> channel_setup v5 ch=1 cas=1\n" "! CHANNEL_SETUP v5*\n" "< channel_status v5 ch=1 flag=2*\n"
     },
    {"versions that are refused", false, "",
     "> channel_setup v6 ch=7 cas=1\n" "< CE v5 ch=7 status=0002\n" "! NOTICE FAULT 0002\n"
     "> channel_setup v4 ch=7 cas=1\n" "< CE v5 ch=7 status=0002\n" "> channel_setup v0\n"
     "< CE v5 ch=0 status=0002\n" "> channel_setup v255 raw=0000\n" "< CE v5 ch=0 status=0002\n"
     SETUP},
    {"a refused version ends the connection after the grace", false, "",
     "> channel_setup v6 ch=7 cas=1\n" "< CE v5 ch=7 status=0002\n" "@ 999\n"
     "> channel_setup v6 ch=7 cas=1\n" "< CE v5 ch=7 status=0002\n" "? it has not ended\n" "@ 1\n"
     "? the peer did not close*\n"},
    {"versions pinned to 2", false, "versions=4",
     "> channel_setup ch=7 cas=1\n" "< CE v2 ch=7 status=0002\n" "> channel_setup v2 ch=7 cas=1\n"
     "! CHANNEL_SETUP v2*\n" "< channel_status v2*\n"},
    {"set-up refused by the application", false, "",
     "$ policy refuse=5\n" "> channel_setup ch=9 cas=1\n" "! CHANNEL_SETUP*\n"
     "< CE ch=9 status=0005\n" "$ policy\n" SETUP "@ 20000\n" "? it has not ended\n"},
    {"refusals do not lengthen the grace", false, "",
     "$ policy refuse=5\n" "> channel_setup ch=9 cas=1\n" "! CHANNEL_SETUP*\n"
     "< CE ch=9 status=0005\n" "@ 600\n" "> channel_setup ch=9 cas=1\n" "! CHANNEL_SETUP*\n"
     "< CE ch=9 status=0005\n" "@ 400\n" "? the peer did not close*\n"},
    {"an application that does not answer", false, "",
     "$ policy silent\n" "> channel_setup ch=9 cas=1\n" "! CHANNEL_SETUP*\n"
     "< CE ch=9 status=7000\n" "! NOTICE FAULT 7000\n" "$ accept = SIMC_EINVAL\n"
     "$ refuse status=1 = SIMC_EINVAL\n" "$ policy\n" SETUP "$ policy silent\n"
     "> stream_setup ch=1 st=2 id=33 nom=100\n" "! STREAM_SETUP*\n" "< SE ch=1 st=2 status=7000\n"
     "$ stream_accept = SIMC_EINVAL\n" "$ policy\n" STREAM},
    {"before set-up all is refused", false, "",
     "> channel_test ch=1\n" "< CE ch=1 status=0006\n" "! NOTICE FAULT 0006\n"
     "> channel_close ch=1\n" "< CE ch=1 status=0006\n" "> stream_setup ch=1 st=2 id=33 nom=100\n"
     "< CE ch=1 status=0006\n" "> stream_test ch=1 st=2\n" "< CE ch=1 status=0006\n"
     "> stream_close_request ch=1 st=2\n" "< CE ch=1 status=0006\n"
     "> CW_provision ch=4 st=2 cp=16 cw=16:" CW "\n" "< CE ch=4 status=0006\n"
     "> channel_status ch=1 flag=0 ds=0 dp=0 rep=1 max=0 min=0 lead=0 per=1 comp=0\n"
     "! NOTICE IGNORED\n" "> stream_status ch=1 st=2 id=1 mode=0\n" "! NOTICE IGNORED st=2\n"
     "> CE ch=1 status=0001\n" "! PEER_ERROR 0001\n" "> CE ch=1 status=7001\n"
     "! PEER_ERROR 7001\n" "> SE ch=1 st=2 status=0001\n" "! PEER_ERROR st=2 0001\n"
     "> SE ch=1 st=2 status=7001\n" "! PEER_ERROR st=2 7001\n" "> SE ch=1 st=2 status=0007\n"
     "! PEER_ERROR*\n" "> stream_close_response ch=1 st=2\n" "< CE ch=1 status=0001\n"
     "> ECM_response ch=1 st=2 cp=1 ecm=\n" "< CE ch=1 status=0001\n" SETUP},
    {"unknown messages", false, "",
     "> 0x0300\n" "! NOTICE IGNORED\n" "> 0x8001 raw=0102030405\n" "! NOTICE IGNORED\n"
     "> 0x0011 x0001=01\n" "! NOTICE IGNORED\n" SETUP "> 0x0407\n" "! NOTICE IGNORED\n"},
    {"strict", false, "strict",
     "> 0x0300\n" "< CE ch=0 status=0003\n" "> channel_setup ch=1 cas=1 x6000=\n"
     "< CE ch=1 status=000e\n" "! NOTICE FAULT 000e\n" SETUP_ANY "> 0x8001\n"
     "< CE ch=1 status=0003\n" "> stream_setup ch=1 st=2 id=33 nom=100 x9000=\n"
     "< SE ch=1 st=2 status=000e\n" "> stream_setup ch=1 st=2 id=33 nom=100 ac=00\n"
     "< SE ch=1 st=2 status=000e\n" STREAM},
    {"strict in version 1 refuses ECM_id", false, "strict",
     "> channel_setup v1 ch=1 cas=1\n" "! CHANNEL_SETUP*\n" "< channel_status*\n"
     "> stream_setup v1 ch=1 st=2 id=33 nom=100\n" "< SE v1 ch=1 st=2 status=000e\n"},
    {"information names the parameter to blame", false, "information",
     "> channel_setup cas=1\n" "< CE ch=0 status=0010 info=000e\n"
     "> channel_setup ch=1 x0001=0102\n" "< CE ch=1 status=000f info=0001\n"},
    {"faults of a channel_setup", false, "",
     "> channel_setup ch=5\n" "< CE ch=5 status=0010\n" "> channel_setup cas=1\n"
     "< CE ch=0 status=0010\n" "> channel_setup ch=5 cas=1 cas=1\n" "< CE ch=5 status=0010\n"
     "> channel_setup ch=5 x0001=0102\n" "< CE ch=5 status=000f\n" "> channel_setup\n"
     "< CE ch=0 status=0010\n" "> channel_setup ch=5 cas=1 raw=0000\n" "< CE ch=5 status=0001\n"
     "> channel_setup ch=5 raw=000100ff01\n" "< CE ch=5 status=0001\n" SETUP},
    {"framing faults go to the channel", false, "",
     OPEN "> channel_test ch=1 raw=0000\n" "< CE ch=1 status=0001\n"
     "> stream_test ch=1 st=2 raw=000f0009\n" "< CE ch=1 status=0001\n"
     "> stream_test ch=1 x000f=01\n" "< CE ch=1 status=000f\n" "> stream_test ch=1\n"
     "< CE ch=1 status=0010\n" "> stream_test st=2\n" "< CE ch=1 status=0010\n" "> channel_test\n"
     "< CE ch=1 status=0010\n" "> channel_test ch=1 ch=1\n" "< CE ch=1 status=0010\n" CP16
     CP16_ANSWER},
    {"a message above the limit is drained", false, "length_limit=100",
     OPEN "> channel_test ch=1 z6000=200\n" "< CE ch=1 status=0004\n" "! NOTICE FAULT 0004\n" CP16
     CP16_ANSWER "> channel_test ch=1 z6000=90\n" "< channel_status*\n"},
    {"the longest message is skipped", false, "",
     OPEN "> channel_test ch=1 z6000=65525\n" "< channel_status*\n"},
    {"one channel for a connection", false, "",
     OPEN "> channel_setup ch=1 cas=0xabcd0001\n" "< CE ch=1 status=0013\n" "! NOTICE FAULT 0013\n"
     "> channel_setup ch=2 cas=0xabcd0001\n" "< CE ch=2 status=0006\n" CP16 CP16_ANSWER},
    {"another channel's id", false, "",
     OPEN "> channel_test ch=9\n" "< CE ch=9 status=0006\n"
     "> stream_setup ch=9 st=3 id=3 nom=100\n" "< CE ch=9 status=0006\n" "> channel_close ch=9\n"
     "< CE ch=9 status=0006\n" "> CW_provision ch=9 st=2 cp=16 cw=16:" CW "\n"
     "< CE ch=9 status=0006\n"
     "> channel_status ch=9 flag=0 ds=0 dp=0 rep=1 max=0 min=0 lead=0 per=1 comp=0\n"
     "< CE ch=9 status=0006\n" "> CE ch=9 status=0001\n" "! PEER_ERROR 0001\n" CP16 CP16_ANSWER},
    {"tests while all is open", false, "",
     OPEN "> channel_test ch=1\n" "< channel_status ch=1*\n" "> stream_test ch=1 st=2\n"
     "< stream_status ch=1 st=2 id=33 mode=0\n" "> stream_test ch=1 st=7\n"
     "< SE ch=1 st=7 status=0007\n" "! NOTICE FAULT st=7 0007\n"},
    {"tests while a CW_provision is under way", false, "",
     OPEN "$ policy defer\n" CP16 "! CW_PROVISION*\n" "> channel_test ch=1\n" "< channel_status*\n"
     "> stream_test ch=1 st=2\n" "< stream_status*\n" "$ respond st=2 cp=16 ecm=807000\n"
     "< ECM_response ch=1 st=2 cp=16 ecm=807000\n"},
    {"messages in one segment are answered in order", false, "",
     ">> channel_setup ch=1 cas=1\n" ">> stream_setup ch=1 st=2 id=33 nom=100\n" CP16
     "! CHANNEL_SETUP*\n" "! STREAM_SETUP*\n" "! CW_PROVISION*\n" "< channel_status*\n"
     "< stream_status*\n" "< ECM_response*\n"},
    {"wrong direction", false, "",
     OPEN "> ECM_response ch=1 st=2 cp=1 ecm=00\n" "< SE ch=1 st=2 status=0001\n"
     "> stream_close_response ch=1 st=9\n" "< SE ch=1 st=9 status=0001\n" "> ECM_response st=2\n"
     "< CE ch=1 status=0001\n" CP16 CP16_ANSWER},
    {"status unasked", false, "",
     OPEN "> channel_status ch=1 flag=0 ds=0 dp=0 rep=1 max=0 min=0 lead=0 per=1 comp=0\n"
     "! NOTICE IGNORED\n" "> stream_status ch=1 st=2 id=33 mode=0\n" "! NOTICE IGNORED st=2\n"
     "> stream_status ch=1 st=7 id=33 mode=0\n" "! NOTICE IGNORED st=7\n"},
    {"our tests", false, "",
     OPEN "$ test\n" "< channel_test ch=1\n" "$ test = SIMC_EFULL\n"
     "> channel_status ch=1 flag=0 ds=-500 dp=0 rep=100 max=0 min=50 lead=1 per=2 " "comp=1000\n"
     "! CHANNEL_STATUS lead=1 per=2\n" "$ test\n" "< channel_test ch=1\n"
     "> channel_status ch=1 flag=0 ds=-500 dp=0 rep=100 max=0 min=50 lead=2 per=2 " "comp=1000\n"
     "! NOTICE CHANGED\n" "! CHANNEL_STATUS lead=2 per=2\n" "$ test st=2\n"
     "< stream_test ch=1 st=2\n" "$ test st=2 = SIMC_EFULL\n"
     "> stream_status ch=1 st=2 id=33 mode=0\n" "! STREAM_STATUS st=2 mode=0\n" "$ test st=2\n"
     "< stream_test ch=1 st=2\n" "> stream_status ch=1 st=2 id=34 mode=0\n"
     "! NOTICE CHANGED st=2\n" "! STREAM_STATUS*\n" "$ test st=7 = SIMC_ENOTFOUND\n" "$ test\n"
     "< channel_test ch=1\n" "> CE ch=1 status=0006\n" "! PEER_ERROR 0006\n" "@ 5000\n"
     "! CHANNEL_CLOSED TEST_TIMEOUT\n" "? the answer to a test*\n" "$ test = SIMC_ENOTFOUND\n"},
    {"a stream_test without an answer tests the channel", false, "",
     OPEN "$ test st=2\n" "< stream_test ch=1 st=2\n" "@ 4999\n" "@ 1\n" "< channel_test ch=1\n"
     "! NOTICE TEST st=2\n" "@ 5000\n" "! CHANNEL_CLOSED TEST_TIMEOUT\n"},
    {"idle supervision", false, "idle=10000",
     OPEN "@ 9999\n" "@ 1\n" "< channel_test ch=1\n" "! NOTICE TEST\n" "> stream_test ch=1 st=2\n"
     "< stream_status*\n" "@ 4999\n" "@ 1\n" "! CHANNEL_CLOSED TEST_TIMEOUT\n"},
    {"idle supervision is off", false, "",
     OPEN "@ 100000000\n" "? it has not ended\n"},
    {"a status is not read when it is wrong", false, "",
     OPEN "$ test\n" "< channel_test*\n" "> channel_status ch=1\n" "< CE ch=1 status=0010\n"
     "> channel_status ch=1 flag=9 ds=-500 dp=0 rep=100 max=0 min=50 lead=1 per=2 " "comp=1000\n"
     "! CHANNEL_STATUS*\n"},
    {"faults of a stream_setup", false, "",
     SETUP "> stream_setup ch=1 st=2 nom=100\n" "< SE ch=1 st=2 status=0010\n"
     "> stream_setup ch=1 st=2 id=33\n" "< SE ch=1 st=2 status=0010\n"
     "> stream_setup ch=1 id=33 nom=100\n" "< CE ch=1 status=0010\n"
     "> stream_setup ch=1 st=2 id=33 x0010=01\n" "< SE ch=1 st=2 status=000f\n"
     "> stream_setup ch=1 st=2 id=33 nom=49\n" "< SE ch=1 st=2 status=0011\n"
     "! NOTICE FAULT st=2 0011\n" "> stream_setup ch=1 st=2 id=33 nom=50\n" "! STREAM_SETUP*\n"
     "< stream_status*\n"},
    {"ids in use", false, "",
     OPEN "> stream_setup ch=1 st=2 id=34 nom=100\n" "< SE ch=1 st=2 status=0014\n"
     "> stream_setup ch=1 st=3 id=33 nom=100\n" "< SE ch=1 st=3 status=0015\n"
     "> stream_setup ch=1 st=3 id=34 nom=100\n" "! STREAM_SETUP*\n" "< stream_status*\n"
     "> stream_close_request ch=1 st=2\n" "! STREAM_CLOSED st=2 PEER_CLOSED\n"
     "< stream_close_response ch=1 st=2\n" "> stream_setup ch=1 st=4 id=33 nom=100\n"
     "! STREAM_SETUP*\n" "< stream_status*\n" "> stream_setup ch=1 st=2 id=35 nom=100\n"
     "! STREAM_SETUP*\n" "< stream_status*\n"},
    {"max_streams", false, "max=1",
     OPEN "> stream_setup ch=1 st=3 id=34 nom=100\n" "< SE ch=1 st=3 status=0009\n"
     "> stream_setup ch=1 st=2 id=34 nom=100\n" "< SE ch=1 st=2 status=0014\n"},
    {"the limit that is not announced", false, "stream_limit=1",
     OPEN "> stream_setup ch=1 st=3 id=34 nom=100\n" "< SE ch=1 st=3 status=000a\n"},
    {"stream refused by the application", false, "",
     SETUP "$ policy refuse=0x12\n" "> stream_setup ch=1 st=2 id=33 nom=100\n" "! STREAM_SETUP*\n"
     "< SE ch=1 st=2 status=0012\n" "$ policy\n" STREAM},
    {"a stream not open", false, "",
     OPEN "> CW_provision ch=1 st=7 cp=16 cw=16:" CW "\n" "< SE ch=1 st=7 status=0007\n"
     "> stream_close_request ch=1 st=7\n" "< SE ch=1 st=7 status=0007\n"
     "> SE ch=1 st=7 status=7001\n" "! PEER_ERROR*\n" "> SE ch=1 st=7 status=0007\n"
     "! PEER_ERROR*\n" "> SE ch=1 st=7 status=0001\n" "! PEER_ERROR*\n"},
    {"a stream closed forgets what was asked", false, "",
     OPEN "$ policy defer\n" CP16 "! CW_PROVISION*\n" "> stream_close_request ch=1 st=2\n"
     "! STREAM_CLOSED st=2 PEER_CLOSED\n" "< stream_close_response ch=1 st=2\n"
     "$ respond st=2 cp=16 ecm=00 = SIMC_ENOTFOUND\n" "> CW_provision ch=1 st=2 cp=16 cw=16:" CW
     "\n" "< SE ch=1 st=2 status=0007\n" "> stream_test ch=1 st=2\n" "< SE ch=1 st=2 status=0007\n"
     STREAM "$ respond st=2 cp=16 ecm=00 = SIMC_ENOTFOUND\n"},
    {"errors of the peer", false, "",
     OPEN "> CE ch=1 status=0001 info=41424344\n" "! PEER_ERROR 0001\n"
     "> SE ch=1 st=2 status=000b status=8005\n" "! PEER_ERROR st=2 000b,8005\n"
     "> SE ch=1 st=2 status=0007\n" "! PEER_ERROR*\n" "> CE ch=1\n" "! NOTICE IGNORED\n"
     "> CE status=0001\n" "! NOTICE IGNORED\n" "> SE ch=1 status=0001\n" "! NOTICE IGNORED\n"
     "> CE ch=1 x7000=01\n" "! NOTICE IGNORED\n" "> CE v9 ch=1 status=0002\n" "! PEER_ERROR 0002\n"
     "> SE ch=1 st=2 status=7001\n" "! PEER_ERROR st=2 7001\n"
     "! STREAM_CLOSED st=2 UNRECOVERABLE\n" "> stream_test ch=1 st=2\n"
     "< SE ch=1 st=2 status=0007\n" "> CE ch=1 status=7001\n" "! PEER_ERROR 7001\n"
     "! CHANNEL_CLOSED UNRECOVERABLE 7001\n" "? an unrecoverable*\n"},
    {"channel_close and a new channel in the grace time", false, "",
     OPEN "> channel_close ch=1\n" "! CHANNEL_CLOSED PEER_CLOSED\n" "> stream_test ch=1 st=2\n"
     "< CE ch=1 status=0006\n" "@ 999\n" "? it has not ended\n" "> channel_setup ch=4 cas=1\n"
     "! CHANNEL_SETUP v3 ch=4 cas=0x1\n" "< channel_status ch=4*\n" "@ 100000\n"
     "? it has not ended\n" "> stream_test ch=4 st=2\n" "< SE ch=4 st=2 status=0007\n"
     "> channel_close ch=4\n" "! CHANNEL_CLOSED PEER_CLOSED\n" "@ 1000\n"
     "? the peer did not close*\n"},
    {"no channel_setup in time", false, "",
     "@ 29999\n" "? it has not ended\n" "@ 1\n" "? no channel was opened*\n"
     "> channel_setup ch=1 cas=1\n"},
    {"the connection is lost", false, "",
     OPEN "> stream_test ch=1 raw=00 len=200\n" "$ disconnected\n"
     "! CHANNEL_CLOSED DISCONNECTED\n" "? the connection was lost\n" "$ disconnected\n"
     "$ close\n"},
    {"the connection is lost before a channel", false, "",
     "$ disconnected\n" "? the connection was lost\n"},
    {"the application ends the channel", false, "",
     OPEN "$ close\n" "< CE ch=1 status=7001\n" "! CHANNEL_CLOSED REQUESTED\n"
     "? this side asked*\n" "$ respond st=2 cp=1 ecm=00 = SIMC_ENOTFOUND\n"},
    {"the application ends the connection before a channel", false, "",
     "$ close\n" "? this side asked*\n"},
    {"too many faults", false, "fault_limit=3",
     OPEN "> channel_test\n" "< CE ch=1 status=0010\n" "> channel_test\n" "< CE ch=1 status=0010\n"
     "> channel_test ch=1\n" "< channel_status*\n" "> channel_test\n" "< CE ch=1 status=0010\n"
     "> 0x8001\n" "> CE\n" "> stream_test ch=1\n" "< CE ch=1 status=0010\n"
     "> stream_test ch=1 st=2 st=2\n" "< CE ch=1 status=0010 status=7001\n"
     "! CHANNEL_CLOSED TOO_MANY_FAULTS\n" "? too many*\n"},
    {"errors that the application sends", false, "",
     OPEN "$ error status=0x8001 ecm=4142\n" "< CE ch=1 status=8001 info=4142\n"
     "$ error st=2 status=0x11\n" "< SE ch=1 st=2 status=0011\n"
     "$ error st=7 status=0x11 = SIMC_ENOTFOUND\n"},
    {"errors before a channel", false, "",
     "$ error status=0x8001 = SIMC_ENOTFOUND\n" "$ test = SIMC_ENOTFOUND\n"},
    {"zero-length ECM, error answer", false, "",
     OPEN "$ policy defer\n" CP16 "! CW_PROVISION*\n" "$ respond st=2 cp=17 = SIMC_ENOTFOUND\n"
     "$ respond st=2 cp=16\n" "< ECM_response ch=1 st=2 cp=16 ecm=\n"
     "$ respond st=2 cp=16 = SIMC_ENOTFOUND\n" CP16 "! CW_PROVISION*\n"
     "$ respond_error st=2 cp=16 status=0x11\n" "< SE ch=1 st=2 status=0011\n"
     "$ respond_error st=2 cp=16 status=0x11 = SIMC_ENOTFOUND\n"
     "$ respond st=9 cp=16 = SIMC_ENOTFOUND\n"},
    {"pending answers out of order, and the limit", false, "",
     OPEN "$ policy defer\n" CP16 "! CW_PROVISION*\n" "> CW_provision ch=1 st=2 cp=17 cw=17:" CW
     " cw=18:" CW "\n" "! CW_PROVISION*\n" "> CW_provision ch=1 st=2 cp=18 cw=18:" CW " cw=19:" CW
     "\n" "< SE ch=1 st=2 status=000d\n" "$ respond st=2 cp=17 ecm=11\n"
     "< ECM_response ch=1 st=2 cp=17 ecm=11\n" "$ respond st=2 cp=16 ecm=10\n"
     "< ECM_response ch=1 st=2 cp=16 ecm=10\n"},
    {"control words: count, window, duplicates", false, "",
     OPEN "> CW_provision ch=1 st=2 cp=16 cw=16:" CW "\n" "< SE ch=1 st=2 status=000b\n"
     "> CW_provision ch=1 st=2 cp=16 cw=16:" CW " cw=17:" CW " cw=18:" CW "\n"
     "< SE ch=1 st=2 status=000b\n" "> CW_provision ch=1 st=2 cp=16 cw=17:" CW " cw=18:" CW "\n"
     "< SE ch=1 st=2 status=000b\n" "> CW_provision ch=1 st=2 cp=16 cw=16:" CW " cw=16:" CW "\n"
     "< SE ch=1 st=2 status=000b\n" "> CW_provision ch=1 st=2 cp=16 cw=15:" CW " cw=16:" CW "\n"
     "< SE ch=1 st=2 status=000b\n" "> CW_provision ch=1 st=2 cp=16\n"
     "< SE ch=1 st=2 status=0010\n" CP16 CP16_ANSWER
     "> CW_provision ch=1 st=2 cp=1 cw=1:00 cw=1:00 cw=1:00 cw=1:00 cw=1:00 cw=1:00 cw=1:00 "
     "cw=1:00 cw=1:00 cw=1:00 cw=1:00 cw=1:00 cw=1:00 cw=1:00 cw=1:00 cw=1:00 cw=1:00 " "cw=1:00\n"
     "< SE ch=1 st=2 status=000b\n"},
    {"control words: sizes", false, "",
     OPEN "> CW_provision ch=1 st=2 cp=16 cw=16: cw=17:" CW "\n" "< SE ch=1 st=2 status=000f\n"
     "> CW_provision ch=1 st=2 cp=16 x0014=00 cw=17:" CW "\n" "< SE ch=1 st=2 status=000f\n"
     "> CW_provision ch=1 st=2 cp=16 cw=16:10 cw=17:" CW "\n" "< SE ch=1 st=2 status=000f\n"
     "> CW_provision ch=1 st=2 cp=16 cw=16:" CW CW " cw=17:" CW CW "\n" "! CW_PROVISION*\n"
     "< ECM_response*\n" "> CW_provision ch=1 st=2 cp=16 cw=16:" CW CW CW CW CW CW CW CW
     "00 cw=17:" CW "\n" "< SE ch=1 st=2 status=000f\n" "> CW_provision ch=1 st=2 cp=16 cw=16:" CW
     CW CW CW CW CW CW CW " cw=17:" CW "\n" "< SE ch=1 st=2 status=000f\n"},
    {"control words wrap", false, "",
     OPEN "> CW_provision ch=1 st=2 cp=65535 cw=65535:11" "20304050607080 cw=0:1220304050607080\n"
     "! CW_PROVISION st=2 cp=65535 cws=65535:11,0:12\n" "< ECM_response ch=1 st=2 cp=65535*\n"
     "> CW_provision ch=1 st=2 cp=0 cw=1:13" "20304050607080 cw=0:1220304050607080\n"
     "! CW_PROVISION st=2 cp=0 cws=0:12,1:13\n" "< ECM_response*\n"},
    {"lead 0, one for a message; two are taken too", false, "lead=0 per=1",
     OPEN "> CW_provision ch=1 st=2 cp=16 cw=16:" CW "\n" "! CW_PROVISION st=2 cp=16 cws=16:10\n"
     "< ECM_response*\n" "> CW_provision ch=1 st=2 cp=17 cw=18:" CW " cw=17:" CW "\n"
     "! CW_PROVISION st=2 cp=17 cws=17:10\n" "< ECM_response*\n"},
    {"lead 0, one for a message, exactly", false, "lead=0 per=1 exact",
     OPEN "> CW_provision ch=1 st=2 cp=17 cw=18:" CW " cw=17:" CW "\n"
     "< SE ch=1 st=2 status=000b\n" "> CW_provision ch=1 st=2 cp=17 cw=17:" CW "\n"
     "! CW_PROVISION*\n" "< ECM_response*\n"},
    {"lead 0, two for a message", false, "lead=0 per=2",
     OPEN "> CW_provision ch=1 st=2 cp=16 cw=15:0f" "20304050607080 cw=16:" CW "\n"
     "! CW_PROVISION st=2 cp=16 cws=15:0f,16:10\n" "< ECM_response*\n"
     "> CW_provision ch=1 st=2 cp=17 cw=17:11" "20304050607080 cw=18:" CW "\n"
     "! CW_PROVISION st=2 cp=17 cws=17:11\n" "< ECM_response*\n"},
    {"lead 1, one for a message: primed", false, "lead=1 per=1",
     OPEN "> CW_provision ch=1 st=2 cp=99 cw=100:64" "20304050607080 ac=0102\n"
     "< SE ch=1 st=2 status=000b\n" "> CW_provision ch=1 st=2 cp=100 cw=101:65" "20304050607080\n"
     "! CW_PROVISION st=2 cp=100 cws=100:64,101:65 ac!=0102\n" "< ECM_response*\n"
     "> CW_provision ch=1 st=2 cp=101 cw=102:66" "20304050607080\n"
     "! CW_PROVISION st=2 cp=101 cws=101:65,102:66 ac=0102\n" "< ECM_response*\n"
     "> CW_provision ch=1 st=2 cp=101 cw=102:67" "20304050607080\n"
     "! CW_PROVISION st=2 cp=101 cws=101:65,102:67*\n" "< ECM_response*\n"
     "> CW_provision ch=1 st=2 cp=103 cw=104:68" "20304050607080\n" "< SE ch=1 st=2 status=000b\n"
     "> CW_provision ch=1 st=2 cp=104 cw=104:68" "20304050607080 cw=105:69" "20304050607080\n"
     "! CW_PROVISION st=2 cp=104 cws=104:68,105:69*\n" "< ECM_response*\n"},
    {"lead 1, three for a message", false, "lead=1 per=3",
     OPEN "> CW_provision ch=1 st=2 cp=16 cw=15:0f" "20304050607080 cw=16:" CW " cw=17:11"
     "20304050607080\n" "! CW_PROVISION st=2 cp=16 cws=15:0f,16:10,17:11\n" "< ECM_response*\n"
     "> CW_provision ch=1 st=2 cp=16 cw=16:" CW " cw=17:11" "20304050607080 cw=18:12"
     "20304050607080\n" "! CW_PROVISION st=2 cp=16 cws=16:10,17:11\n" "< ECM_response*\n"},
    {"lead 2, one for a message, over the wrap", false, "lead=2 per=1",
     OPEN "> CW_provision ch=1 st=2 cp=65534 cw=0:a0" "20304050607080\n"
     "< SE ch=1 st=2 status=000b\n" "> CW_provision ch=1 st=2 cp=65535 cw=1:a1" "20304050607080\n"
     "< SE ch=1 st=2 status=000b\n" "> CW_provision ch=1 st=2 cp=0 cw=2:a2" "20304050607080\n"
     "! CW_PROVISION st=2 cp=0 cws=0:a0,1:a1,2:a2\n" "< ECM_response*\n"},
    {"lead 2, two for a message", false, "lead=2 per=2",
     OPEN "> CW_provision ch=1 st=2 cp=65535 cw=0:a0" "20304050607080 cw=1:a1" "20304050607080\n"
     "< SE ch=1 st=2 status=000b\n" "> CW_provision ch=1 st=2 cp=0 cw=2:a2"
     "20304050607080 cw=1:b1" "20304050607080\n" "! CW_PROVISION st=2 cp=0 cws=0:a0,1:b1,2:a2\n"
     "< ECM_response*\n"},
    {"lead 15, one for a message", false, "lead=15 per=1",
     OPEN "> CW_provision ch=1 st=2 cp=0 cw=15:" CW "\n" "< SE ch=1 st=2 status=000b\n"
     "> CW_provision ch=1 st=2 cp=1 cw=16:" CW "\n" "< SE ch=1 st=2 status=000b\n"},
    {"lead 15, sixteen for a message", false, "lead=15 per=16",
     OPEN "> CW_provision ch=1 st=2 cp=0 cw=15:" CW " cw=0:" CW " cw=1:" CW " cw=2:" CW " cw=3:" CW
     " cw=4:" CW " cw=5:" CW " cw=6:" CW " cw=7:" CW " cw=8:" CW " cw=9:" CW " cw=10:" CW " cw=11:"
     CW " cw=12:" CW " cw=13:" CW " cw=14:" CW "\n" "! CW_PROVISION st=2 cp=0 "
     "cws=0:10,1:10,2:10,3:10,4:10,5:10,6:10,7:10,8:10,9:10,10:10,11:10,12:10,13:10,14:10,15:10\n"
     "< ECM_response*\n"},
    {"access criteria, mode 0", false, "",
     OPEN CP16 "! CW_PROVISION st=2 cp=16 cws=16:10,17:11\n" "< ECM_response*\n"
     "> CW_provision ch=1 st=2 cp=16 cw=16:" CW " cw=17:" CW " ac=01020304\n"
     "! CW_PROVISION st=2 cp=16 cws=16:10,17:10 ac!=01020304\n" "< ECM_response*\n" CP16
     "! CW_PROVISION st=2 cp=16 cws=16:10,17:11 ac=01020304\n" "< ECM_response*\n"
     "> CW_provision ch=1 st=2 cp=16 cw=16:" CW " cw=17:" CW " ac=\n"
     "! CW_PROVISION st=2 cp=16 cws=16:10,17:10 ac!=\n" "< ECM_response*\n"
     "> CW_provision ch=1 st=2 cp=16 cw=16:" CW " cw=17:" CW " ac=\n"
     "! CW_PROVISION st=2 cp=16 cws=16:10,17:10 ac=\n" "< ECM_response*\n"},
    {"access criteria, mode 1", false, "mode=1",
     SETUP "> stream_setup ch=1 st=2 id=33 nom=100\n" "! STREAM_SETUP*\n"
     "< stream_status ch=1 st=2 id=33 mode=1\n" CP16 "< SE ch=1 st=2 status=0010\n"
     "> CW_provision ch=1 st=2 cp=16 cw=16:" CW " cw=17:" CW " ac=01\n" "! CW_PROVISION*\n"
     "< ECM_response*\n"},
    {"access criteria above the limit", false, "ac_limit=4",
     OPEN "> CW_provision ch=1 st=2 cp=16 cw=16:" CW " cw=17:" CW " ac=0102030405\n"
     "< SE ch=1 st=2 status=0011\n" "> CW_provision ch=1 st=2 cp=16 cw=16:" CW " cw=17:" CW
     " ac=01020304\n" "! CW_PROVISION*\n" "< ECM_response*\n"},
    {"CP_duration", false, "",
     OPEN "> CW_provision ch=1 st=2 cp=16 cw=16:" CW " cw=17:" CW " dur=120\n"
     "! CW_PROVISION st=2 cp=16 cws=16:10,17:10 dur=120\n" "< ECM_response*\n"},
    {"CW_encryption refused", false, "",
     OPEN "> CW_provision ch=1 st=2 cp=16 enc=00010203 cw=16:" CW " cw=17:" CW "\n"
     "< SE ch=1 st=2 status=000e\n" "> CW_provision ch=1 st=2 cp=16 enc=0000 cw=16:" CW " cw=17:"
     CW "\n" "< SE ch=1 st=2 status=000e\n"},
    {"CW_encryption of zeros is clear", false, "zero_clear",
     OPEN "> CW_provision ch=1 st=2 cp=16 enc=0000 cw=16:" CW " cw=17:" CW "\n" "! CW_PROVISION*\n"
     "< ECM_response*\n" "> CW_provision ch=1 st=2 cp=16 enc=0001 cw=16:" CW " cw=17:" CW "\n"
     "< SE ch=1 st=2 status=000e\n"},
    {"CW_encryption decrypted", false, "decrypt",
     OPEN "> CW_provision ch=1 st=2 cp=16 enc=01 cw=16:" CW " cw=17:" CW "\n"
     "! CW_PROVISION st=2 cp=16 cws=16:11,17:11\n" "< ECM_response*\n"
     "> CW_provision ch=1 st=2 cp=16 enc=0102 cw=16:" CW " cw=17:" CW "\n"
     "< SE ch=1 st=2 status=0011\n"},
    {"a peer that does not read is not looked at", false, "output_limit=4096",
     OPEN "$ policy unsent\n" ">> channel_test ch=1\n" ">> channel_test ch=1\n"
     ">> channel_test ch=1\n" ">> channel_test ch=1\n" ">> channel_test ch=1\n"
     ">> channel_test ch=1\n" ">> channel_test ch=1\n" ">> channel_test ch=1\n"
     ">> channel_test ch=1\n" ">> channel_test ch=1\n" ">> channel_test ch=1\n"
     ">> channel_test ch=1\n" ">> channel_test ch=1\n" ">> channel_test ch=1\n"
     ">> channel_test ch=1\n" ">> channel_test ch=1\n" ">> channel_test ch=1\n"
     ">> channel_test ch=1\n" ">> channel_test ch=1\n" "> stream_test ch=1 st=2\n" "$ policy\n"
     "< channel_status*\n" "< channel_status*\n" "< channel_status*\n" "< channel_status*\n"
     "< channel_status*\n" "< channel_status*\n" "< channel_status*\n" "< channel_status*\n"
     "< channel_status*\n" "< channel_status*\n" "< channel_status*\n" "< channel_status*\n"
     "< channel_status*\n" "< channel_status*\n" "< channel_status*\n" "< channel_status*\n"
     "< channel_status*\n" "< channel_status*\n" "< channel_status*\n" "< stream_status*\n"},
    {"output that is full ends the session", false, "output_limit=4096",
     OPEN "$ policy unsent\n" "$ error status=1 big=3000\n"
     "$ error status=1 big=3000 = SIMC_EFULL\n" "! CHANNEL_CLOSED OUTPUT_FULL\n"
     "? the peer does not read*\n" "$ error status=1 = SIMC_ENOTFOUND\n"},
    {"the application closes when it is asked", false, "",
     "$ policy quit\n" "> channel_setup ch=1 cas=1\n" "! CHANNEL_SETUP*\n" "? this side asked*\n"
     "> channel_test ch=1\n"},
    {"the application closes when it is asked for a stream", false, "",
     SETUP "$ policy quit\n" "> stream_setup ch=1 st=2 id=33 nom=100\n" "! STREAM_SETUP*\n"
     "< CE ch=1 status=7001\n" "! CHANNEL_CLOSED REQUESTED\n"},
    {"what is sent can be told", false, "log",
     SETUP "! NOTICE SENT\n" "> channel_test ch=1\n" "! NOTICE SENT\n" "< channel_status*\n"},
};
/* clang-format on */

const size_t session_scripts_ecmg_count = UNIT_COUNT(session_scripts_ecmg);

START_TEST(scripts_run_as_written)
{
    const struct session_run run = {.is_checked = true};
    ck_assert_int_eq(session_script_run(&session_scripts_ecmg[_i], &run), 0);
}
END_TEST

START_TEST(scripts_run_the_same_in_any_pieces)
{
    static const size_t pieces[] = {1, 2, 3, 7, 50};
    for (size_t i = 0; i < session_scripts_ecmg_count; i++) {
        for (size_t j = 0; j < UNIT_COUNT(pieces); j++) {
            const struct session_run run = {.is_checked = true, .piece = pieces[j]};
            ck_assert_int_eq(session_script_run(&session_scripts_ecmg[i], &run), 0);
        }
    }
}
END_TEST

Suite *suite_session_ecmg(void)
{
    Suite *suite = suite_create("session_ecmg");
    TCase *tcase = tcase_create("scripts");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, scripts_run_as_written, 0, (int)session_scripts_ecmg_count);
    tcase_add_test(tcase, scripts_run_the_same_in_any_pieces);
    suite_add_tcase(suite, tcase);
    return suite;
}
