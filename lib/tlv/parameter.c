/* SPDX-License-Identifier: BSL-1.0 */
/* Type-length-value parameters: walking, writing, and the compound values that several interfaces
 * share [103197 4.4.1]. Knows no rows. */
#include <string.h>

#include "simulcrypt/msg.h"

static uint16_t u16_at(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

int simc_parameter_next(struct simc_parameter_cursor *cursor, struct simc_parameter *parameter)
{
    size_t left = cursor->bytes.size - cursor->at;
    if (left == 0)
        return SIMC_EEND;
    if (left < SIMC_PARAMETER_HEADER_SIZE)
        return SIMC_EPROTO;
    const uint8_t *p = cursor->bytes.data + cursor->at;
    size_t size = u16_at(p + 2);
    if (size > left - SIMC_PARAMETER_HEADER_SIZE)
        return SIMC_EPROTO;
    parameter->code = u16_at(p);
    parameter->value = simc_slice(p + SIMC_PARAMETER_HEADER_SIZE, size);
    parameter->offset = cursor->offset + (uint32_t)cursor->at;
    cursor->at += SIMC_PARAMETER_HEADER_SIZE + size;
    return 0;
}

struct simc_parameter_cursor simc_parameter_group(const struct simc_parameter *parameter)
{
    struct simc_parameter_cursor cursor = {parameter->value, 0,
                                           parameter->offset + SIMC_PARAMETER_HEADER_SIZE};
    return cursor;
}

int simc_values_next(struct simc_values *values, struct simc_slice *value)
{
    if (values->count == 0)
        return SIMC_EEND;
    if (values->items) {
        *value = *values->items++;
        values->count--;
        return 0;
    }
    struct simc_parameter parameter;
    while (simc_parameter_next(&values->cursor, &parameter) == 0) {
        if (parameter.code == values->code) {
            *value = parameter.value;
            values->count--;
            return 0;
        }
    }
    values->count = 0;
    return SIMC_EEND;
}

int simc_cp_cw_get(struct simc_slice value, uint16_t *cp_number, struct simc_secret *cw)
{
    simc_secret_wipe(cw);
    if (value.size < 3 || value.size > 2 + SIMC_SECRET_SIZE_MAX)
        return SIMC_EPROTO;
    *cp_number = u16_at(value.data);
    return simc_secret_set(cw, simc_slice(value.data + 2, value.size - 2));
}

void simc_cp_cw_put(struct simc_writer *writer, uint16_t cp_number, const struct simc_secret *cw)
{
    simc_writer_u16(writer, cp_number);
    simc_writer_slice(writer, simc_secret_bytes(cw));
}

static unsigned days_of_month(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

int simc_date_get(struct simc_slice value, struct simc_date *date)
{
    if (value.size != 8)
        return SIMC_EPROTO;
    const uint8_t *p = value.data;
    struct simc_date read = {u16_at(p), p[2], p[3], p[4], p[5], p[6], p[7]};
    if (read.month < 1 || read.month > 12 || read.day < 1 ||
        read.day > days_of_month(read.year, read.month))
        return SIMC_EPROTO;
    /* Second 60 is a leap second. */
    if (read.hour > 23 || read.minute > 59 || read.second > 60 || read.hundredth > 99)
        return SIMC_EPROTO;
    *date = read;
    return 0;
}

void simc_date_put(struct simc_writer *writer, const struct simc_date *date)
{
    simc_writer_u16(writer, date->year);
    const uint8_t rest[] = {date->month,  date->day,    date->hour,
                            date->minute, date->second, date->hundredth};
    simc_writer_slice(writer, simc_slice(rest, sizeof rest));
}

size_t simc_msg_begin(struct simc_writer *writer, uint8_t version, uint16_t type)
{
    size_t start = writer->at;
    uint8_t *p = simc_writer_room(writer, SIMC_MSG_HEADER_SIZE);
    if (p) {
        const uint8_t header[SIMC_MSG_HEADER_SIZE] = {version, (uint8_t)(type >> 8), (uint8_t)type};
        memcpy(p, header, sizeof header);
    }
    return start;
}

int simc_msg_end(struct simc_writer *writer, size_t start)
{
    size_t length = writer->at - start - SIMC_MSG_HEADER_SIZE;
    if (length > SIMC_MSG_LENGTH_MAX)
        simc_writer_fail(writer, SIMC_ETOOLONG);
    simc_writer_patch_u16(writer, start + 3, (uint16_t)length);
    return writer->error;
}

void simc_msg_put(struct simc_writer *writer, uint16_t code, struct simc_slice value)
{
    if (value.size > SIMC_MSG_LENGTH_MAX)
        simc_writer_fail(writer, SIMC_ETOOLONG);
    uint8_t *p = simc_writer_room(writer, SIMC_PARAMETER_HEADER_SIZE + value.size);
    if (!p)
        return;
    const uint8_t header[] = {(uint8_t)(code >> 8), (uint8_t)code, (uint8_t)(value.size >> 8),
                              (uint8_t)value.size};
    memcpy(p, header, sizeof header);
    if (value.size)
        memcpy(p + sizeof header, value.data, value.size);
}

void simc_msg_put_uint(struct simc_writer *writer, uint16_t code, uint64_t value, size_t size)
{
    uint8_t bytes[8];
    if (size < 1 || size > sizeof bytes) {
        simc_writer_fail(writer, SIMC_EINVAL);
        return;
    }
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    simc_msg_put(writer, code, simc_slice(bytes, size));
}

size_t simc_msg_begin_group(struct simc_writer *writer, uint16_t code)
{
    size_t start = writer->at;
    simc_writer_u16(writer, code);
    simc_writer_u16(writer, 0);
    return start;
}

void simc_msg_end_group(struct simc_writer *writer, size_t start)
{
    size_t length = writer->at - start - SIMC_PARAMETER_HEADER_SIZE;
    if (length > SIMC_MSG_LENGTH_MAX)
        simc_writer_fail(writer, SIMC_ETOOLONG);
    simc_writer_patch_u16(writer, start + 2, (uint16_t)length);
}
