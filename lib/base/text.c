/* SPDX-License-Identifier: BSL-1.0 */
/* Text written into a bounded writer; see text.h. Nothing here knows a protocol. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"

void simc__text_put(struct simc_writer *out, const char *text)
{
    simc_writer_slice(out, simc_slice_text(text));
}

void simc__text_printf(struct simc_writer *out, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        simc_writer_fail(out, SIMC_EINVAL);
        return;
    }
    if ((size_t)length < sizeof text) {
        simc_writer_slice(out, simc_slice(text, (size_t)length));
        return;
    }
    /* Longer than usual: printed aside, because vsnprintf() insists on an end mark and in place it
     * would not reach the writer's last byte. */
    uint8_t *room = simc_writer_room(out, (size_t)length);
    char *whole = room ? simc_alloc((size_t)length + 1) : NULL;
    if (!whole) {
        simc_writer_fail(out, SIMC_ENOMEM);
        return;
    }
    va_start(arguments, format);
    vsnprintf(whole, (size_t)length + 1, format, arguments);
    va_end(arguments);
    memcpy(room, whole, (size_t)length);
    simc_free(whole);
}

void simc__text_put_hex(struct simc_writer *out, struct simc_slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    /* Where size_t has 32 bits, the digits of a huge block may pass its range. */
    uint8_t *room = simc_writer_room(out, bytes.size > SIZE_MAX / 2 ? SIZE_MAX : bytes.size * 2);
    for (size_t i = 0; room && i < bytes.size; i++) {
        room[2 * i] = (uint8_t)digits[bytes.data[i] >> 4];
        room[2 * i + 1] = (uint8_t)digits[bytes.data[i] & 0xf];
    }
}

/* Reads the well-formed UTF-8 sequence at the start (RFC 3629). @return its size, or 0. */
static size_t utf8_read(const uint8_t *p, size_t left, uint32_t *code)
{
    static const struct {
        uint8_t first_min, first_max, second_min, second_max, size, first_bits;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1, 0x7f},       {0xc2, 0xdf, 0x80, 0xbf, 2, 0x1f},
        {0xe0, 0xe0, 0xa0, 0xbf, 3, 0x0f}, {0xe1, 0xec, 0x80, 0xbf, 3, 0x0f},
        {0xed, 0xed, 0x80, 0x9f, 3, 0x0f}, {0xee, 0xef, 0x80, 0xbf, 3, 0x0f},
        {0xf0, 0xf0, 0x90, 0xbf, 4, 0x07}, {0xf1, 0xf3, 0x80, 0xbf, 4, 0x07},
        {0xf4, 0xf4, 0x80, 0x8f, 4, 0x07},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (p[0] < forms[i].first_min || p[0] > forms[i].first_max)
            continue;
        if (forms[i].size > left)
            return 0;
        *code = p[0] & forms[i].first_bits;
        for (size_t k = 1; k < forms[i].size; k++) {
            uint8_t min = k == 1 ? forms[i].second_min : 0x80;
            uint8_t max = k == 1 ? forms[i].second_max : 0xbf;
            if (p[k] < min || p[k] > max)
                return 0;
            *code = *code << 6 | (p[k] & 0x3f);
        }
        return forms[i].size;
    }
    return 0;
}

/* Characters that are not seen but steer a terminal or the order in which a line is shown: a peer
 * could make a line look like another one. All of them fit into four hex digits. */
static bool steers(uint32_t code)
{
    static const struct {
        uint16_t first, last;
    } ranges[] = {
        {0x0000, 0x001f}, {0x007f, 0x009f}, /* controls, C0 and C1 */
        {0x061c, 0x061c}, {0x200b, 0x200f}, /* direction marks, characters without width */
        {0x2028, 0x202e},                   /* line and paragraph ends, direction overrides */
        {0x2060, 0x206f}, {0xfeff, 0xfeff}, /* isolates and other invisible formats */
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    }
    return false;
}

void simc__text_put_escaped(struct simc_writer *out, struct simc_slice text)
{
    static const char short_from[] = "\"\\\n\r\t", short_to[] = "\"\\nrt";
    for (size_t at = 0; at < text.size;) {
        uint8_t c = text.data[at];
        uint32_t code = 0;
        const char *escape = c ? strchr(short_from, c) : NULL;
        size_t size = utf8_read(text.data + at, text.size - at, &code);
        if (escape) {
            simc_writer_u8(out, '\\');
            simc_writer_u8(out, (uint8_t)short_to[escape - short_from]);
        } else if (size == 0) {
            simc__text_put(out, "\\ufffd");
        } else if (steers(code)) {
            simc__text_printf(out, "\\u%04x", (unsigned)code);
        } else {
            simc_writer_slice(out, simc_slice(text.data + at, size));
        }
        at += size ? size : 1;
    }
}

void simc__text_disarm(char *text)
{
    uint8_t *bytes = (uint8_t *)text;
    size_t left = strlen(text);
    while (left > 0) {
        uint32_t code = 0;
        size_t size = utf8_read(bytes, left, &code);
        bool bad = size == 0 || steers(code);
        size = size ? size : 1;
        if (bad)
            memset(bytes, '?', size);
        bytes += size;
        left -= size;
    }
}

void simc__text_put_quoted(struct simc_writer *out, struct simc_slice text)
{
    simc_writer_u8(out, '"');
    simc__text_put_escaped(out, text);
    simc_writer_u8(out, '"');
}

bool simc__text_is_plain_word(struct simc_slice text)
{
    static const char also[] = "._:/+-[]@%";
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == 0 || !strchr(also, c)))
            return false;
    }
    return text.size > 0;
}

bool simc__text_is_ascii(struct simc_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] > 0x7e)
            return false;
    }
    return true;
}

void simc__text_put_utc(struct simc_writer *out, uint64_t time_us, bool whole)
{
    uint64_t seconds = time_us / 1000000;
    unsigned second = (unsigned)(seconds % 60), minute = (unsigned)(seconds / 60 % 60);
    unsigned hour = (unsigned)(seconds / 3600 % 24);
    if (!whole) {
        simc__text_printf(out, "%02u:%02u:%02u.%03u", hour, minute, second,
                          (unsigned)(time_us / 1000 % 1000));
        return;
    }
    /* Days to a date: years start in March here, so that the leap day is the last of its year. */
    uint64_t days = seconds / 86400 + 719468;
    uint64_t era = days / 146097, day_of_era = days % 146097;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t march_month = (5 * day_of_year + 2) / 153;
    unsigned day = (unsigned)(day_of_year - (153 * march_month + 2) / 5 + 1);
    unsigned month = (unsigned)(march_month < 10 ? march_month + 3 : march_month - 9);
    uint64_t year = year_of_era + era * 400 + (month <= 2);
    simc__text_printf(out, "%04llu-%02u-%02uT%02u:%02u:%02u.%06uZ", (unsigned long long)year, month,
                      day, hour, minute, second, (unsigned)(time_us % 1000000));
}
