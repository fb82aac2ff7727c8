/* SPDX-License-Identifier: BSL-1.0 */
/* Times of the calendar in UTC: 2026-11-21T00:00:00Z and nothing else, so that a text means one
 * second to everybody; see conf.h. The scalar loader, the printers and command lines use it. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "conf/internal.h"

enum { SECONDS_OF_DAY = 86400, YEAR_FIRST = 1970 };

static const char pattern[] = "dddd-dd-ddTdd:dd:ddZ";

enum { PATTERN_SIZE = sizeof pattern - 1, DATE_SIZE = 10 };

/* True when the text has digits where the pattern has a d, and the pattern's other characters. */
static bool fits(struct simc_slice text, size_t size)
{
    for (size_t i = 0; i < size && i < text.size; i++) {
        bool digit = text.data[i] >= '0' && text.data[i] <= '9';
        if (pattern[i] == 'd' ? !digit : text.data[i] != (uint8_t)pattern[i])
            return false;
    }
    return text.size == size;
}

static unsigned number(struct simc_slice text, size_t at, size_t count)
{
    unsigned value = 0;
    for (size_t i = at; i < at + count; i++)
        value = value * 10 + (unsigned)(text.data[i] - '0');
    return value;
}

static bool is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_of_month(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970 to a date; years begin in March here, so that the leap day is the last of its
 * year. */
static uint64_t days_before(unsigned year, unsigned month, unsigned day)
{
    uint64_t y = year - (month <= 2), m = month > 2 ? month - 3 : month + 9;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* Says why a text is no time at all. */
static void explain(struct simc_slice text, char why[SIMC__CONF_WHY_SIZE])
{
    static const char form[] = "write it as 2026-11-21T00:00:00Z";
    bool is_dated = text.size > DATE_SIZE && fits(simc_slice(text.data, DATE_SIZE), DATE_SIZE);
    if (fits(text, DATE_SIZE))
        snprintf(why, SIMC__CONF_WHY_SIZE, "has no time of day; write %.*sT00:00:00Z", DATE_SIZE,
                 (const char *)text.data);
    else if (is_dated && (memchr(text.data + DATE_SIZE, '+', text.size - DATE_SIZE) ||
                          memchr(text.data + DATE_SIZE, '-', text.size - DATE_SIZE)))
        snprintf(why, SIMC__CONF_WHY_SIZE, "is not in UTC; %s", form);
    else if (is_dated && memchr(text.data + DATE_SIZE, '.', text.size - DATE_SIZE))
        snprintf(why, SIMC__CONF_WHY_SIZE, "has a fraction; %s", form);
    else if (is_dated && text.size == PATTERN_SIZE - 1 &&
             fits(simc_slice(text.data, text.size), PATTERN_SIZE - 1))
        snprintf(why, SIMC__CONF_WHY_SIZE, "does not say that it is UTC; write %.*sZ",
                 PATTERN_SIZE - 1, (const char *)text.data);
    else
        snprintf(why, SIMC__CONF_WHY_SIZE, "is no time in UTC; %s", form);
}

bool simc__conf_time_read(struct simc_slice text, uint64_t *seconds, char why[SIMC__CONF_WHY_SIZE])
{
    if (!fits(text, PATTERN_SIZE)) {
        explain(text, why);
        return false;
    }
    unsigned year = number(text, 0, 4), month = number(text, 5, 2), day = number(text, 8, 2);
    unsigned hour = number(text, 11, 2), minute = number(text, 14, 2), second = number(text, 17, 2);
    if (year < YEAR_FIRST) {
        snprintf(why, SIMC__CONF_WHY_SIZE, "is before 1970, where time begins here");
        return false;
    }
    if (month < 1 || month > 12) {
        snprintf(why, SIMC__CONF_WHY_SIZE, "has no such month; months are 01 to 12");
        return false;
    }
    if (day < 1 || day > days_of_month(year, month)) {
        snprintf(why, SIMC__CONF_WHY_SIZE, "has no such day; %04u-%02u ends with day %u", year,
                 month, days_of_month(year, month));
        return false;
    }
    if (hour > 23 || minute > 59 || second > 59) {
        snprintf(why, SIMC__CONF_WHY_SIZE,
                 "has no such time of day; it goes from 00:00:00 to 23:59:59");
        return false;
    }
    *seconds = days_before(year, month, day) * SECONDS_OF_DAY + hour * 3600 + minute * 60 + second;
    return true;
}

void simc__conf_time_put(struct simc_writer *out, uint64_t seconds)
{
    char text[64];
    struct simc_writer whole = simc_writer(text, sizeof text);
    uint64_t limited = seconds > SIMC__CONF_TIME_LAST ? SIMC__CONF_TIME_LAST : seconds;
    simc__text_put_utc(&whole, limited * 1000000, true);
    /* Without the microseconds. */
    simc_writer_slice(out, simc_slice(text, PATTERN_SIZE - 1));
    simc__text_put(out, "Z");
}

bool simc__conf_load_time(struct simc__conf_loading *loading, const struct simc__conf_place *place,
                          const struct simc__conf_row *row, const struct simc__conf_node *node,
                          uint8_t *member)
{
    char why[SIMC__CONF_WHY_SIZE] = "", shown[SIMC__CONF_SHOWN_SIZE];
    uint64_t seconds;
    if (!simc__conf_time_read(node->text, &seconds, why))
        return simc__conf_wrong(loading, place, node, "%s %s", simc__conf_shown(node->text, shown),
                                why);
    if (seconds < simc__conf_row_min(row) || seconds > simc__conf_row_max(row))
        return simc__conf_out_of_range(loading, place, row, node);
    simc__conf_uint_set(member, row->size, seconds);
    return true;
}
