/* SPDX-License-Identifier: BSL-1.0 */
/* The page of ECMG-SCS. The program session-rows prints it. */
#include "support/session_pages.h"

static const char intro[] =
    "<!-- Printed from lib/session/rows.def by tests/support/session-rows.c: do not edit. -->\n"
    "# Sessions of ECMG-SCS\n"
    "\n"
    "One connection carries one channel [5.1]. The SCS opens the connection, and the ECMG "
    "answers.\n"
    "Both sides are the state machine below; the first tables are its rows as the program has "
    "them.\n"
    "*Backed by* tells what stands behind a row: the text of the standard (its message "
    "directions,\n"
    "answers to tests and set-ups, one channel for a connection, one CW_provision without an "
    "answer\n"
    "for a stream, the error registry), or a decision of ours where the standard is silent or "
    "where\n"
    "its wording is not known to us. Clauses are those of ETSI TS 103 197 V1.5.1.\n"
    "\n"
    "A state without a row of its own for an event has that of the state it falls back to: *in "
    "error*\n"
    "to *open*, every other to *any*. A pair that has no row then either is ignored: nothing is\n"
    "sent, the state stays, a message gives a notice, and a request of the application returns an\n"
    "error. States of a stream hold while its channel is open; otherwise the channel's row "
    "counts.\n"
    "\n"
    "CE is channel_error, SE is stream_error. *CE or SE*: an error about a stream message whose\n"
    "channel and stream could be read goes into stream_error, everything else, and all that is\n"
    "wrong with header or structure, into channel_error. An empty next state means that it "
    "stays.\n";

static const char policy[] =
    "\n## What is looked at first\n"
    "\n"
    "1. protocol_version is one that is served [4.4.1].\n"
    "2. message_length is not above `length_limit`; a longer message is drained, then answered "
    "0x0004.\n"
    "3. message_type is known, otherwise the message is ignored (strict: 0x0003).\n"
    "4. Parameters are whole (0x0001); unknown ones are skipped (strict: 0x000E); lengths "
    "(0x000F),\n"
    "   values (0x0011) and counts (0x0010, also for too many) are those of the rows in\n"
    "   [protocol](../protocol/tables.md).\n"
    "5. The version is that of the connection.\n"
    "6. The message is one that the peer may send (0x0001).\n"
    "7. It names the channel of the connection (0x0006).\n"
    "8. The row of the state.\n"
    "\n"
    "Only the first thing that is wrong is reported.\n"
    "\n"
    "## Versions\n"
    "\n"
    "An ECMG works for the life of a connection in the version of the channel_setup that it\n"
    "accepts: 1, 2, 3 or 5, or fewer by configuration; 4 is no version of this interface. Another\n"
    "one is answered with 0x0002, in the highest version served, with the channel id echoed when "
    "it\n"
    "can be read. A later message of another version gets 0x0002 and the channel stays.\n"
    "\n"
    "An SCS whose version is refused connects again, with 2 after 3. It takes an answer in "
    "another\n"
    "version when it can be read, with one notice for the connection; a strict one answers "
    "0x0002.\n"
    "Error messages are taken in any version, because a refusal may come in one that only the "
    "peer\n"
    "knows, and whatever channel they name.\n"
    "\n"
    "## Errors\n"
    "\n"
    "- An error message is never answered with an error message, not even a broken one.\n"
    "- error_status 0x7001 ends the channel or stream that it is about. An SCS closes it in due\n"
    "  form: stream_close_request, or channel_close and the connection. An ECMG has no close "
    "message:\n"
    "  it forgets the stream, or ends the connection.\n"
    "- Any other channel_error makes an SCS test the channel (state *in error*). Any other\n"
    "  stream_error is the answer to the CW_provision that has none yet, if there is one.\n"
    "- After `fault_limit` (32) invalid messages in a row the last one is answered with its "
    "status\n"
    "  and 0x7001, and the connection ends. Messages that are refused by state or by the\n"
    "  application do not count.\n"
    "- error_information is not sent, or by configuration holds the parameter_type to blame in "
    "two\n"
    "  bytes; what the peer sends may have any length.\n"
    "- Output that the peer does not read: from a quarter of `output_limit` on no further message "
    "is\n"
    "  looked at, and at the limit the session ends.\n";

static const char checks[] =
    "\n"
    "## Checks of a stream_setup, in this order\n"
    "\n"
    "| check | error_status |\n"
    "|---|---|\n"
    "| the stream is open already | 0x0014 |\n"
    "| more streams than max_streams | 0x0009 |\n"
    "| more streams than `stream_limit`, which is not announced | 0x000A |\n"
    "| another open stream of the channel has its ECM_id | 0x0015 |\n"
    "| nominal_CP_duration below min_CP_duration | 0x0011 |\n"
    "| what the application finds: ECM_id unknown (0x0012) or in use in another channel (0x0015), "
    "too many streams (0x000A), no room (0x000C) | as it says |\n"
    "\n"
    "## Checks of a CW_provision, in this order\n"
    "\n"
    "| check | error_status |\n"
    "|---|---|\n"
    "| more than 16 control words | 0x000B |\n"
    "| a control word without bytes, or too long for any algorithm | 0x000F |\n"
    "| CW_encryption, and nobody here decrypts it | 0x000E |\n"
    "| a control word of a size that is not served (8 and 16 bytes are by default) | 0x000F |\n"
    "| no access_criteria, though the transfer mode is 1 | 0x0010 |\n"
    "| access_criteria above `access_criteria_limit` | 0x0011 |\n"
    "| no memory for them | 0x000C |\n"
    "| control words that are not those of lead_CW and CW_per_msg, or one period twice | 0x000B |\n"
    "| control words of earlier messages are missing | 0x000B |\n"
    "| more CW_provisions without an answer than `pending_limit` | 0x000D |\n"
    "\n"
    "## Control words\n"
    "\n"
    "With lead_CW x and CW_per_msg y the message for CP n carries the control words of n+x-y+1 to\n"
    "n+x, and the ECM needs those of n to n+x, all modulo 65536 and compared as distances on that\n"
    "circle. Unless it is told to be exact, the ECMG also takes n to n+y-1, and n with n+1 where\n"
    "CW_per_msg is 1, because known SCSs send that; what is beyond n+x is dropped.\n"
    "\n"
    "Where y <= x an ECM needs control words of earlier messages. The ECMG keeps those of n to "
    "n+x\n"
    "for each stream, also from a message that it answers with an error for want of control words\n"
    "or of resources; a later one for the same period takes the place of the first. They are "
    "wiped\n"
    "when they fall out of that window and when the stream ends. The SCS primes such a stream "
    "with\n"
    "x-y+1 messages, for the periods before its first one; 0x000B is a good answer to them, and "
    "an\n"
    "ECM that comes for them is not played.\n"
    "\n"
    "Access criteria are kept for each stream from whichever message brought them last. With\n"
    "transfer mode 0 the SCS sends them when they are the first or have changed, and again when "
    "the\n"
    "message that brought them got no ECM.\n"
    "\n"
    "## ECM_datagram\n"
    "\n"
    "With section_TSpkt_flag 0 it is one section whose section_length fits its size, with 1 whole\n"
    "packets of 188 bytes that begin with 0x47, with 2 anything; an SCS tells its application "
    "when\n"
    "it is not. A datagram without bytes is legal: no ECM is broadcast in that period.\n"
    "\n"
    "## End\n"
    "\n"
    "An SCS closes each stream and waits for the answers, at most `close_ms` for all of them; "
    "then\n"
    "it sends channel_close and closes the connection. A stream that is being set up is closed "
    "when\n"
    "it is open. An ECMG waits `close_ms` after channel_close, or after it has refused a set-up, "
    "for\n"
    "the connection to be closed, and closes it then; more refusals do not lengthen that time. A "
    "new\n"
    "channel_setup is accepted meanwhile.\n";

static const struct session_line ecmg_lines[] = {
    SESSION_LINE("channel_setup, same id", false, CHANNEL_SETUP, CHANNEL_SETUP_AGAIN,
                 CHANNEL_SETUP_AGAIN),
    SESSION_LINE("channel_setup, other id", false, CHANNEL_SETUP, CHANNEL_SETUP_OTHER,
                 CHANNEL_SETUP_OTHER),
    SESSION_LINE("channel_test", false, CHANNEL_TEST, CHANNEL_TEST, CHANNEL_TEST),
    SESSION_LINE("channel_status, asked for", false, CHANNEL_STATUS_UNASKED, CHANNEL_STATUS,
                 CHANNEL_STATUS),
    SESSION_LINE("channel_status, unasked", false, CHANNEL_STATUS_UNASKED, CHANNEL_STATUS_UNASKED,
                 CHANNEL_STATUS_UNASKED),
    SESSION_LINE("channel_close", false, CHANNEL_CLOSE, CHANNEL_CLOSE, CHANNEL_CLOSE),
    SESSION_LINE("channel_error", false, CHANNEL_ERROR, CHANNEL_ERROR, CHANNEL_ERROR),
    SESSION_LINE("stream_error", true, STREAM_ERROR, STREAM_ERROR, STREAM_ERROR),
    SESSION_LINE("stream_setup", true, STREAM_SETUP, STREAM_SETUP, STREAM_SETUP),
    SESSION_LINE("stream_test", true, STREAM_TEST, STREAM_TEST, STREAM_TEST),
    SESSION_LINE("stream_status, asked for", true, STREAM_STATUS_UNASKED, STREAM_STATUS_UNASKED,
                 STREAM_STATUS),
    SESSION_LINE("stream_status, unasked", true, STREAM_STATUS_UNASKED, STREAM_STATUS_UNASKED,
                 STREAM_STATUS_UNASKED),
    SESSION_LINE("stream_close_request", true, STREAM_CLOSE_REQUEST, STREAM_CLOSE_REQUEST,
                 STREAM_CLOSE_REQUEST),
    SESSION_LINE("stream_close_response, ECM_response", false, WRONG_DIRECTION, WRONG_DIRECTION,
                 WRONG_DIRECTION),
    SESSION_LINE("CW_provision", true, CW_PROVISION, CW_PROVISION, CW_PROVISION),
    SESSION_LINE("any but channel_setup that names another channel", false, CHANNEL_TEST,
                 OTHER_CHANNEL, OTHER_CHANNEL),
};

static const struct session_line scs_lines[] = {
    SESSION_LINE("channel_status, asked for", false, CHANNEL_STATUS, CHANNEL_STATUS,
                 CHANNEL_STATUS),
    SESSION_LINE("channel_status, unasked", false, CHANNEL_STATUS, CHANNEL_STATUS_UNASKED,
                 CHANNEL_STATUS_UNASKED),
    SESSION_LINE("channel_test", false, CHANNEL_TEST, CHANNEL_TEST, CHANNEL_TEST),
    SESSION_LINE("channel_error", false, CHANNEL_ERROR, CHANNEL_ERROR, CHANNEL_ERROR),
    SESSION_LINE("channel_error 0x7001", false, CHANNEL_ERROR_FATAL, CHANNEL_ERROR_FATAL,
                 CHANNEL_ERROR_FATAL),
    SESSION_LINE("stream_status, asked for", true, STREAM_STATUS_UNASKED, STREAM_STATUS_UNASKED,
                 STREAM_STATUS),
    SESSION_LINE("stream_status, unasked", true, STREAM_STATUS_UNASKED, STREAM_STATUS_UNASKED,
                 STREAM_STATUS_UNASKED),
    SESSION_LINE("stream_test", true, STREAM_TEST, STREAM_TEST, STREAM_TEST),
    SESSION_LINE("stream_close_response, unasked", true, STREAM_CLOSE_RESPONSE,
                 STREAM_CLOSE_RESPONSE, STREAM_CLOSE_RESPONSE),
    SESSION_LINE("ECM_response, awaited", true, ECM_RESPONSE_LATE, ECM_RESPONSE_LATE, ECM_RESPONSE),
    SESSION_LINE("ECM_response, late or twice", true, ECM_RESPONSE_LATE, ECM_RESPONSE_LATE,
                 ECM_RESPONSE_LATE),
    SESSION_LINE("stream_error", true, STREAM_ERROR, STREAM_ERROR, STREAM_ERROR),
    SESSION_LINE("channel_setup, channel_close, stream_setup, stream_close_request, CW_provision",
                 false, WRONG_DIRECTION, WRONG_DIRECTION, WRONG_DIRECTION),
    SESSION_LINE("any but an error that names another channel", false, OTHER_CHANNEL, OTHER_CHANNEL,
                 OTHER_CHANNEL),
};

const struct session_page session_page_ecmg = {
    .name = "ecmg-scs",
    .server = SIMC__ROLE_ECMG,
    .client = SIMC__ROLE_SCS,
    .server_name = "ECMG",
    .client_name = "SCS",
    .server_lines = ecmg_lines,
    .server_line_count = sizeof ecmg_lines / sizeof ecmg_lines[0],
    .client_lines = scs_lines,
    .client_line_count = sizeof scs_lines / sizeof scs_lines[0],
    .intro = intro,
    .policy = policy,
    .checks = checks,
};
