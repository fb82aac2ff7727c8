/* SPDX-License-Identifier: BSL-1.0 */
/* Hours, minutes and seconds in six BCD digits. time.c and the EIT use it. */
#ifndef SIMC__PSI_TIME_H
#define SIMC__PSI_TIME_H

#include "simulcrypt/psi.h"

/* False: a digit over 9, minutes or seconds over 59, or more hours than `hour_max`. */
bool simc__bcd_get(const uint8_t bytes[3], unsigned hour_max, uint32_t *seconds);
/* At most 99:59:59. */
void simc__bcd_put(uint8_t bytes[3], uint32_t seconds);

#endif
