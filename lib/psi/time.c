/* SPDX-License-Identifier: BSL-1.0 */
/* Times as SI carries them: a modified Julian date and BCD digits. EIT, TDT and TOT use it.
 * [300468 annex C] */
#include <string.h>

#include "psi/time.h"

enum { MJD_OF_1970 = 40587, DAY_S = 86400, HOUR_S = 3600 };

bool simc__bcd_get(const uint8_t bytes[3], unsigned hour_max, uint32_t *seconds)
{
    unsigned value[3];
    for (int i = 0; i < 3; i++) {
        if (bytes[i] >> 4 > 9 || (bytes[i] & 0xf) > 9)
            return false;
        value[i] = (bytes[i] >> 4) * 10u + (bytes[i] & 0xfu);
    }
    *seconds = value[0] * HOUR_S + value[1] * 60 + value[2];
    return value[0] <= hour_max && value[1] < 60 && value[2] < 60;
}

void simc__bcd_put(uint8_t bytes[3], uint32_t seconds)
{
    unsigned value[3] = {seconds / HOUR_S, seconds / 60 % 60, seconds % 60};
    for (int i = 0; i < 3; i++)
        bytes[i] = (uint8_t)(value[i] / 10 << 4 | value[i] % 10);
}

int simc_dvb_time_get(const uint8_t bytes[5], int64_t *time_s)
{
    static const uint8_t none[5] = {0xff, 0xff, 0xff, 0xff, 0xff};
    *time_s = SIMC_DVB_TIME_NONE;
    if (memcmp(bytes, none, sizeof none) == 0)
        return 0;
    uint32_t seconds;
    if (!simc__bcd_get(bytes + 2, 23, &seconds))
        return SIMC_EPROTO;
    int64_t day = (bytes[0] << 8 | bytes[1]) - MJD_OF_1970;
    *time_s = day * DAY_S + seconds;
    return 0;
}

int simc_dvb_time_put(uint8_t bytes[5], int64_t time_s)
{
    memset(bytes, 0xff, 5);
    if (time_s == SIMC_DVB_TIME_NONE)
        return 0;
    if (time_s < -(int64_t)MJD_OF_1970 * DAY_S ||
        time_s >= (int64_t)(UINT16_MAX + 1 - MJD_OF_1970) * DAY_S)
        return SIMC_EINVAL;
    int64_t from_mjd_0 = time_s + (int64_t)MJD_OF_1970 * DAY_S;
    unsigned day = (unsigned)(from_mjd_0 / DAY_S);
    bytes[0] = (uint8_t)(day >> 8);
    bytes[1] = (uint8_t)day;
    simc__bcd_put(bytes + 2, (uint32_t)(from_mjd_0 % DAY_S));
    return 0;
}
