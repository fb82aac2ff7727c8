/* SPDX-License-Identifier: BSL-1.0 */
/* Reads and writes messages as lines of shorthand. The script runner of the session tests calls it.
 */
#include "unit/session_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *key;
    uint16_t code;
    uint8_t size; /* bytes of the number; 0: hex */
} keys[] = {
    {"cas", 0x0001, 4},  {"flag", 0x0002, 1}, {"ds", 0x0003, 2},  {"dp", 0x0004, 2},
    {"tds", 0x0005, 2},  {"tdp", 0x0006, 2},  {"rep", 0x0007, 2}, {"max", 0x0008, 2},
    {"min", 0x0009, 2},  {"lead", 0x000a, 1}, {"per", 0x000b, 1}, {"comp", 0x000c, 2},
    {"ac", 0x000d, 0},   {"ch", 0x000e, 2},   {"st", 0x000f, 2},  {"nom", 0x0010, 2},
    {"mode", 0x0011, 1}, {"cp", 0x0012, 2},   {"dur", 0x0013, 2}, {"ecm", 0x0015, 0},
    {"ads", 0x0016, 2},  {"adp", 0x0017, 2},  {"enc", 0x0018, 0}, {"id", 0x0019, 2},
    {"info", 0x7001, 0},
};

enum { ROOM = 70000 };

static size_t read_hex(const char *text, uint8_t *out, size_t room)
{
    size_t size = 0, bad;
    if (simc_hex_read(simc_slice_text(text), out, room, &size, &bad))
        return SIZE_MAX;
    return size;
}

static bool put_cw(struct simc_writer *writer, char *value)
{
    uint8_t bytes[2 + 255];
    char *colon = strchr(value, ':');
    unsigned long cp = strtoul(value, NULL, 0);
    size_t size = read_hex(colon ? colon + 1 : "", bytes + 2, sizeof bytes - 2);
    if (!colon || size == SIZE_MAX)
        return false;
    bytes[0] = (uint8_t)(cp >> 8);
    bytes[1] = (uint8_t)cp;
    simc_msg_put(writer, 0x0014, simc_slice(bytes, size + 2));
    return true;
}

static bool put_word(struct simc_writer *writer, char *word)
{
    static uint8_t bytes[ROOM];
    char *value = strchr(word, '=');
    if (!value)
        return false;
    *value++ = '\0';
    if (strcmp(word, "cw") == 0)
        return put_cw(writer, value);
    if (strcmp(word, "status") == 0) {
        simc_msg_put_uint(writer, 0x7000, strtoul(value, NULL, 16), 2);
        return true;
    }
    for (size_t i = 0; i < UNIT_COUNT(keys); i++) {
        if (strcmp(keys[i].key, word) == 0 && keys[i].size) {
            simc_msg_put_uint(writer, keys[i].code, (uint64_t)strtoll(value, NULL, 0),
                              keys[i].size);
            return true;
        }
    }
    uint16_t code = 0;
    for (size_t i = 0; i < UNIT_COUNT(keys); i++)
        code = strcmp(keys[i].key, word) == 0 ? keys[i].code : code;
    size_t size = read_hex(value, bytes, sizeof bytes);
    if (word[0] == 'z') { /* zCODE=N: N zero bytes */
        size = strtoul(value, NULL, 0);
        memset(bytes, 0, size < sizeof bytes ? size : 0);
    }
    if (size > sizeof bytes)
        return false;
    if (strcmp(word, "raw") == 0)
        simc_writer_slice(writer, simc_slice(bytes, size));
    else if (code || word[0] == 'x' || word[0] == 'z')
        simc_msg_put(writer, code ? code : (uint16_t)strtoul(word + 1, NULL, 16),
                     simc_slice(bytes, size));
    else
        return false;
    return true;
}

static uint16_t type_of(const char *name)
{
    const struct simc_interface *on = simc_interface_find(simc_slice_text("ecmg"));
    const struct simc_message_row *row = simc_message_find_name(on, simc_slice_text(name));
    if (row)
        return row->type;
    if (strcmp(name, "CE") == 0)
        return SIMC_ECMG_MSG_CHANNEL_ERROR;
    if (strcmp(name, "SE") == 0)
        return SIMC_ECMG_MSG_STREAM_ERROR;
    return (uint16_t)strtoul(name, NULL, 0);
}

bool session_text_read(const char *line, struct simc_buffer *out)
{
    static uint8_t room[ROOM];
    char copy[2048];
    struct simc_writer writer = simc_writer(room, sizeof room);
    unsigned long version = 3;
    size_t start = 0;
    bool has_name = false;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = copy, *end; *word; word = end) {
        word += strspn(word, " ");
        end = word + strcspn(word, " ");
        if (*end)
            *end++ = '\0';
        if (!*word)
            break;
        if (!has_name) {
            start = simc_msg_begin(&writer, (uint8_t)version, type_of(word));
            has_name = true;
        } else if (word[0] == 'v') {
            room[start] = (uint8_t)strtoul(word + 1, NULL, 0);
        } else if (strncmp(word, "len=", 4) == 0) {
            /* A message_length that is not the right one; nothing may follow. */
            unsigned long length = strtoul(word + 4, NULL, 0);
            room[3] = (uint8_t)(length >> 8);
            room[4] = (uint8_t)length;
            return simc_buffer_append(out, simc_slice(room, writer.at)) == 0;
        } else if (!put_word(&writer, word)) {
            return false;
        }
    }
    if (!has_name || simc_msg_end(&writer, start))
        return false;
    return simc_buffer_append(out, simc_slice(room, writer.at)) == 0;
}

static void put_number(struct simc_writer *out, const struct simc_parameter *parameter,
                       const char *key)
{
    char text[32];
    unsigned long value = 0;
    for (size_t i = 0; i < parameter->value.size; i++)
        value = value << 8 | parameter->value.data[i];
    int size = snprintf(text, sizeof text, " %s=%lu", key, value);
    simc_writer_slice(out, simc_slice(text, (size_t)size));
}

static void put_hex(struct simc_writer *out, struct simc_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        char text[3];
        snprintf(text, sizeof text, "%02x", bytes.data[i]);
        simc_writer_slice(out, simc_slice(text, 2));
    }
}

static void put_text(struct simc_writer *out, const char *text)
{
    simc_writer_slice(out, simc_slice_text(text));
}

static void write_parameter(struct simc_writer *out, const struct simc_parameter *parameter)
{
    char text[32];
    if (parameter->code == 0x0014 && parameter->value.size >= 2) {
        snprintf(text, sizeof text,
                 " cw=%u:", (unsigned)(parameter->value.data[0] << 8 | parameter->value.data[1]));
        put_text(out, text);
        put_hex(out, simc_slice(parameter->value.data + 2, parameter->value.size - 2));
        return;
    }
    for (size_t i = 0; i < UNIT_COUNT(keys); i++) {
        if (keys[i].code == parameter->code && keys[i].size) {
            put_number(out, parameter, keys[i].key);
            return;
        }
        if (keys[i].code == parameter->code) {
            snprintf(text, sizeof text, " %s=", keys[i].key);
            put_text(out, text);
            put_hex(out, parameter->value);
            return;
        }
    }
    snprintf(text, sizeof text,
             parameter->code == 0x7000 ? " status=" : " x%04x=", parameter->code);
    put_text(out, text);
    put_hex(out, parameter->value);
}

size_t session_text_write(struct simc_slice bytes, char *line, size_t line_size)
{
    if (bytes.size < 5)
        return 0;
    size_t size = 5 + (size_t)(bytes.data[3] << 8 | bytes.data[4]);
    uint16_t type = (uint16_t)(bytes.data[1] << 8 | bytes.data[2]);
    if (size > bytes.size)
        return 0;
    char text[32];
    struct simc_writer out = simc_writer(line, line_size - 1);
    const struct simc_message_row *row = simc_message_find(type);
    snprintf(text, sizeof text, "0x%04x", type);
    put_text(&out, type == 0x0005 ? "CE" : type == 0x0106 ? "SE" : row ? row->name : text);
    snprintf(text, sizeof text, " v%u", bytes.data[0]);
    if (bytes.data[0] != 3)
        put_text(&out, text);
    struct simc_parameter_cursor cursor = {simc_slice(bytes.data + 5, size - 5), 0, 5};
    struct simc_parameter parameter;
    while (simc_parameter_next(&cursor, &parameter) == 0)
        write_parameter(&out, &parameter);
    line[out.error ? line_size - 1 : out.at] = '\0';
    return size;
}
