/* SPDX-License-Identifier: BSL-1.0 */
/* ECMG-SCS messages in one line of shorthand, both ways, for the tables of the session tests:
 * `CW_provision v2 ch=1 st=2 cp=16 cw=16:10203060405060f0`. The version is 3 where none is named.
 * Keys: ch st cas id nom cp dur mode flag lead per comp max min rep ds dp (u16, ...), status (hex),
 * cw (CP:hex), ac enc ecm info (hex), xNNNN (any parameter, hex), raw (bytes, hex). */
#ifndef SIMC_TESTS_SESSION_TEXT_H
#define SIMC_TESTS_SESSION_TEXT_H

#include "simulcrypt/session.h"

/** Appends the message of a line to a buffer. @return false: the line is not understood. */
bool session_text_read(const char *line, struct simc_buffer *out);
/** Writes the first message of the bytes as a line. @return its size, 0: there is no whole one. */
size_t session_text_write(struct simc_slice bytes, char *line, size_t line_size);

#endif
