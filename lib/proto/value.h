/* SPDX-License-Identifier: BSL-1.0 */
/* The text form's vocabulary, shared by the printer and the parser so that they cannot drift. */
#ifndef SIMC__PROTO_VALUE_H
#define SIMC__PROTO_VALUE_H

#define SIMC__TEXT_BYTES   "bytes:"  /* opaque bytes in hex; accepted for every parameter */
#define SIMC__TEXT_RAW     "raw"     /* bytes of the body that are no whole parameter */
#define SIMC__TEXT_MASKED  "masked:" /* a control word that is not shown; cannot be parsed */
#define SIMC__TEXT_UNKNOWN "unknown" /* in the place of the interface's name */

#endif
