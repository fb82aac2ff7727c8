/* SPDX-License-Identifier: BSL-1.0 */
/* The page of EMMG-MUX. The program session-rows prints it. */
#include "support/session_pages.h"

static const char intro[] =
    "<!-- Printed from lib/session/emmg_rows.def by tests/support/session-rows.c: do not edit. "
    "-->\n"
    "# Sessions of EMMG-MUX\n"
    "\n"
    "One connection carries one channel, named by client_id and data_channel_id [6.1]. The EMMG "
    "(or\n"
    "PDG) opens the connection, and the MUX answers. Both sides are the state machine below, in "
    "the\n"
    "engine that ECMG-SCS runs on too; the first tables are its rows as the program has them.\n"
    "*Backed by* tells what stands behind a row: the text of the standard (its message "
    "directions,\n"
    "answers to tests, set-ups and requests for bandwidth, the error registry), or a decision of "
    "ours\n"
    "where the standard is silent or where its wording is not known to us. Clauses are those of "
    "ETSI\n"
    "TS 103 197 V1.5.1.\n"
    "\n"
    "A state without a row of its own for an event has that of the state it falls back to: *in "
    "error*\n"
    "to *open*, every other to *any*. A pair that has no row then either is ignored: nothing is\n"
    "sent, the state stays, a message gives a notice, and a request of the application returns an\n"
    "error. States of a stream hold while its channel is open; otherwise the channel's row "
    "counts.\n"
    "\n"
    "CE is channel_error, SE is stream_error. *CE or SE*: an error about a stream message whose\n"
    "client, channel and stream could be read goes into stream_error, everything else, and all "
    "that is\n"
    "wrong with header or structure, into channel_error. An empty next state means that it "
    "stays.\n";

static const char policy[] =
    "\n"
    "## What is looked at first\n"
    "\n"
    "1. protocol_version is one that is served [4.4.1].\n"
    "2. message_length is not above `length_limit`; a longer message is drained, then answered "
    "0x0004.\n"
    "3. message_type is known, otherwise the message is ignored (strict: 0x0003).\n"
    "4. Parameters are whole (0x0001); unknown ones are skipped (strict: 0x000A); lengths "
    "(0x000B),\n"
    "   values (0x000D) and counts (0x000C, also for too many) are those of the rows in\n"
    "   [protocol](../protocol/tables.md).\n"
    "5. The version is that of the connection.\n"
    "6. The message is one that the peer may send (0x0001).\n"
    "7. It names the client (0x000E) and the channel (0x0006) of the connection.\n"
    "8. The row of the state.\n"
    "\n"
    "Only the first thing that is wrong is reported. A data_provision of an open stream in which "
    "all\n"
    "is as it should be is read in one pass, and comes to the same row.\n"
    "\n"
    "## Versions\n"
    "\n"
    "A MUX works for the life of a connection in the version of the channel_setup that it accepts: "
    "1,\n"
    "2, 3 or 5, or fewer by configuration; 4 is no version of this interface. Another one is "
    "answered\n"
    "with 0x0002, in the highest version served, with the ids echoed that can be read. A later "
    "message\n"
    "of another version gets 0x0002 and the channel stays. Version 1 has no data_id; one that "
    "comes\n"
    "all the same is skipped, because known EMMGs send it. section_TSpkt_flag 2 (any data) exists "
    "in\n"
    "version 5 only.\n"
    "\n"
    "An EMMG whose version is refused connects again, with 2 after 3. It takes an answer in "
    "another\n"
    "version when it can be read, with one notice for the connection; a strict one answers "
    "0x0002.\n"
    "Error messages are taken in any version and whatever ids they name: known MUXes leave "
    "client_id 0\n"
    "in them.\n"
    "\n"
    "## Errors\n"
    "\n"
    "- An error message is never answered with an error message, not even a broken one.\n"
    "- error_status 0x7001 ends the channel or stream that it is about. An EMMG closes it in due\n"
    "  form: stream_close_request, or channel_close and the connection. A MUX has no close "
    "message: it\n"
    "  forgets the stream, or ends the connection.\n"
    "- Any other channel_error makes an EMMG test the channel (state *in error*). A stream_error "
    "0x0005\n"
    "  closes the stream at the EMMG, for the MUX does not know it. Another one is the answer to "
    "a\n"
    "  stream_BW_request that has none yet, but for 0x000F and 0x0010, which are about data.\n"
    "- 0x000F (exceeded bandwidth) is the application's to send, and it limits how often.\n"
    "- After `fault_limit` (32) invalid messages in a row the last one is answered with its status "
    "and\n"
    "  0x7001, and the connection ends. Messages that are refused by state or by the application "
    "do\n"
    "  not count.\n"
    "- error_information is not sent, or by configuration holds the parameter_type to blame in "
    "two\n"
    "  bytes; what the peer sends may have any length.\n"
    "- Output that the peer does not read: from a quarter of `output_limit` on no further message "
    "is\n"
    "  looked at and no data is taken for sending, and at the limit the session ends.\n"
    "- A session that the application holds looks at no message, and does not blame the peer for "
    "its\n"
    "  silence.\n";

static const char checks[] =
    "\n"
    "## Checks of a channel_setup\n"
    "\n"
    "All of them are the application's: too many channels (0x0007), a form that is not served "
    "(0x000D),\n"
    "an unknown client (0x000E), a channel that is open in another connection (0x0011), a client "
    "that\n"
    "has one (0x0014).\n"
    "\n"
    "## Checks of a stream_setup, in this order\n"
    "\n"
    "| check | error_status |\n"
    "|---|---|\n"
    "| the stream is open already | 0x0012 |\n"
    "| more streams than `stream_limit` (16) | 0x0008 |\n"
    "| another open stream of the channel has its data_id | 0x0013 |\n"
    "| what the application finds: data_id unknown (0x0010) or in use in another channel of the "
    "client (0x0013), too many streams (0x0009), a data_type that is not served (0x000D) | as it "
    "says |\n"
    "\n"
    "## Bandwidth\n"
    "\n"
    "A stream_BW_request is always answered: with what the application allocates, or, when it "
    "says\n"
    "nothing, with what was told last, and without a bandwidth when nothing was. The MUX may tell "
    "an\n"
    "allocation unasked, and an EMMG takes it at any time. Data without any request is right; the "
    "MUX\n"
    "then applies a default of its own.\n"
    "\n"
    "## Data\n"
    "\n"
    "data_provision gets no reply. Over TCP it names channel and stream, which are open, and the\n"
    "data_id of the stream. Its datagrams are handed to the application as they came: with\n"
    "section_TSpkt_flag 0 one or several whole sections of at most 4096 bytes, with 1 whole "
    "packets of\n"
    "188 bytes that begin with 0x47, with 2 anything. simc_datagram_check() tells what is wrong "
    "with one.\n"
    "\n"
    "Over UDP there is data_provision alone, from version 2 on, one for each UDP datagram, "
    "without\n"
    "data_channel_id and data_stream_id: client_id and data_id name the stream. A lenient MUX "
    "skips the\n"
    "two ids and takes further messages of the same UDP datagram; a strict one refuses both. "
    "Nothing is\n"
    "ever answered over UDP.\n"
    "\n"
    "## End\n"
    "\n"
    "An EMMG closes each stream and waits for the answers, at most `close_ms` for all of them; "
    "then it\n"
    "sends channel_close and closes the connection. A stream that is being set up is closed when "
    "it is\n"
    "open. A MUX that closes the connection behind stream_close_response has ended it in order. A "
    "MUX\n"
    "waits `close_ms` after channel_close, or after it has refused a set-up, for the connection to "
    "be\n"
    "closed, and closes it then; more refusals do not lengthen that time. A new channel_setup is\n"
    "accepted meanwhile.\n";

static const struct session_line mux_lines[] = {
    SESSION_LINE("channel_setup, same ids", false, CHANNEL_SETUP, CHANNEL_SETUP_AGAIN,
                 CHANNEL_SETUP_AGAIN),
    SESSION_LINE("channel_setup, other ids", false, CHANNEL_SETUP, CHANNEL_SETUP_OTHER,
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
    SESSION_LINE("stream_BW_request", true, BW_REQUEST, BW_REQUEST, BW_REQUEST),
    SESSION_LINE("data_provision", true, DATA, DATA, DATA),
    SESSION_LINE("data_provision, other data_id", true, DATA, DATA, DATA_OTHER_ID),
    SESSION_LINE("stream_close_response, stream_BW_allocation", false, WRONG_DIRECTION,
                 WRONG_DIRECTION, WRONG_DIRECTION),
    SESSION_LINE("any but channel_setup that names another channel", false, CHANNEL_TEST,
                 OTHER_CHANNEL, OTHER_CHANNEL),
    SESSION_LINE("any but channel_setup that names another client", false, CHANNEL_TEST,
                 OTHER_CLIENT, OTHER_CLIENT),
};

static const struct session_line emmg_lines[] = {
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
    SESSION_LINE("stream_BW_allocation", true, BW_ALLOCATION, BW_ALLOCATION, BW_ALLOCATION),
    SESSION_LINE("stream_error", true, STREAM_ERROR, STREAM_ERROR, STREAM_ERROR),
    SESSION_LINE("channel_setup, channel_close, stream_setup, stream_close_request, "
                 "stream_BW_request, data_provision",
                 false, WRONG_DIRECTION, WRONG_DIRECTION, WRONG_DIRECTION),
    SESSION_LINE("any but an error that names another channel", false, OTHER_CHANNEL, OTHER_CHANNEL,
                 OTHER_CHANNEL),
    SESSION_LINE("any but an error that names another client", false, OTHER_CLIENT, OTHER_CLIENT,
                 OTHER_CLIENT),
};

const struct session_page session_page_emmg = {
    .name = "emmg-mux",
    .server = SIMC__ROLE_MUX,
    .client = SIMC__ROLE_EMMG,
    .server_name = "MUX",
    .client_name = "EMMG",
    .server_lines = mux_lines,
    .server_line_count = sizeof mux_lines / sizeof mux_lines[0],
    .client_lines = emmg_lines,
    .client_line_count = sizeof emmg_lines / sizeof emmg_lines[0],
    .intro = intro,
    .policy = policy,
    .checks = checks,
};
