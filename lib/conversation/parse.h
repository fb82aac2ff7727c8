/* SPDX-License-Identifier: BSL-1.0 */
/* What the two halves of the parser share: parse.c reads steps, file.c the head, includes and
 * procedures of a file. */
#ifndef SIMC__CONVERSATION_PARSE_H
#define SIMC__CONVERSATION_PARSE_H

#include "conversation/reader.h"

/** Reads the next step. */
int simc__conv_statement(struct simc__conv_reader *reader, struct simc__conv_statement **statement);
/** Reads steps between braces. */
int simc__conv_block(struct simc__conv_reader *reader, struct simc__conv_statement **list);

#endif
