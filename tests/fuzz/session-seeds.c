/* SPDX-License-Identifier: BSL-1.0 */
/* Writes the seeds of fuzz_session into a folder: the scripts of the unit tests as inputs, and some
 * conversations of both roles: session-seeds FOLDER. Run it when scripts change, and commit what it
 * writes; seeds that a fuzzer found have other names and stay. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/session_script.h"
#include "unit/session_text.h"

enum { FEED, TIME, REQUEST, TAKE, POLICY, CROSS };

static struct simc_buffer seed;

static void put(const void *bytes, size_t size)
{
    if (simc_buffer_append(&seed, simc_slice(bytes, size)))
        abort();
}

static void put_u8(unsigned value)
{
    uint8_t byte = (uint8_t)value;
    put(&byte, 1);
}

static void put_u16(unsigned value)
{
    put_u8(value >> 8);
    put_u8(value & 0xff);
}

static void put_request(unsigned side, unsigned what, unsigned how, unsigned stream, unsigned cp)
{
    put_u8(REQUEST | side << 4);
    put_u8(what);
    put_u8(how);
    put_u8(stream);
    put_u16(cp);
}

static unsigned number_behind(const char *text, const char *key, unsigned otherwise)
{
    const char *at = strstr(text, key);
    return at ? (unsigned)strtoul(at + strlen(key), NULL, 0) : otherwise;
}

static void put_line(const struct session_script *script, const char *line)
{
    static struct simc_buffer message;
    unsigned stream = number_behind(line, "st=", 2), cp = number_behind(line, "cp=", 16);
    unsigned side = script->is_scs;
    if (line[0] == '>') {
        simc_buffer_init(&message, 1 << 20);
        if (!session_text_read(line + 1 + (line[1] == '>'), &message))
            abort();
        if (message.size < 3000) {
            put_u8(FEED | side << 4);
            put_u16((unsigned)message.size);
            put(message.memory + message.start, message.size);
        }
        simc_buffer_fini(&message);
    } else if (line[0] == '@') {
        put_u8(TIME);
        put_u16(number_behind(line, "@ ", 0));
    } else if (strncmp(line, "$ policy", 8) == 0) {
        put_u8(POLICY);
        put_u8((strstr(line, "refuse") ? 5u : 0) | (strstr(line, "silent") ? 10u : 0) |
               (strstr(line, "defer") ? 32u : 0));
    } else if (strncmp(line, "$ open", 6) == 0) {
        put_request(side, 0, 0, stream, 33 + stream);
    } else if (strncmp(line, "$ stream_close", 14) == 0) {
        put_request(side, 1, 0, stream, 0);
    } else if (strncmp(line, "$ provide", 9) == 0) {
        put_request(side, 2, strstr(line, "priming") ? 0x2b : 0x0a, stream, cp);
    } else if (strncmp(line, "$ respond_error", 15) == 0) {
        put_request(side, 1, 11, stream, cp);
    } else if (strncmp(line, "$ respond", 9) == 0) {
        put_request(side, 0, 5, stream, cp);
    } else if (strncmp(line, "$ test", 6) == 0) {
        put_request(side, 0x86 | !strstr(line, "st="), 0, stream, 0);
    } else if (strncmp(line, "$ error", 7) == 0) {
        put_request(side, 0x84 | !strstr(line, "st="), 0, stream, 13);
    } else if (strncmp(line, "$ close", 7) == 0) {
        put_request(side, 0x80, 0, 0, 0);
    } else if (strncmp(line, "$ disconnected", 14) == 0) {
        put_request(side, 0x82, 0, 0, 0);
    }
}

static void write_seed(const char *folder, const char *kind, size_t number)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/seed-%s-%02zu", folder, kind, number);
    FILE *file = fopen(path, "wb");
    struct simc_slice bytes = simc_buffer_bytes(&seed);
    if (!file || fwrite(bytes.data, 1, bytes.size, file) != bytes.size || fclose(file)) {
        fprintf(stderr, "session-seeds: cannot write %s\n", path);
        exit(1);
    }
    simc_buffer_drop(&seed, seed.size);
}

static void write_script(const char *folder, const struct session_script *script, size_t number)
{
    static const uint8_t versions[] = {0, 2, 1, 0, 0, 3};
    unsigned lead = number_behind(script->options, "lead=", 1);
    unsigned per = number_behind(script->options, "per=", 2);
    unsigned version = versions[number_behind(script->options, "version=", 3) % 6];
    put_u8((script->is_scs ? 1u : 0) | (strstr(script->options, "strict") ? 4u : 0) |
           (strstr(script->options, "log") ? 8u : 0) | (strstr(script->options, "idle") ? 64u : 0) |
           (strstr(script->options, "exact") ? 128u : 0));
    put_u8(version << 6 | ((per - 1) & 7) << 3 | (lead & 7));
    char line[3000];
    for (const char *at = script->text; *at;) {
        size_t size = strcspn(at, "\n");
        snprintf(line, sizeof line, "%.*s", (int)size, at);
        put_line(script, line);
        if (line[0] == '<')
            put_u8(TAKE | (unsigned)script->is_scs << 4);
        at += size + (at[size] == '\n');
    }
    write_seed(folder, script->is_scs ? "scs" : "ecmg", number);
}

/* A conversation of both roles, `damage` of the moves damaged. */
static void write_pair(const char *folder, size_t number)
{
    unsigned moves = 0;
    put_u8(2 | (number & 1) << 3);
    put_u8((unsigned)(number % 4) << 6 | (unsigned)(number / 2 % 4) << 3 | (unsigned)(number % 3));
#define MOVE()                                                         \
    do {                                                               \
        for (unsigned to = 0; to < 2; to++) {                          \
            put_u8(CROSS | (1 - to) << 4);                             \
            put_u8(number > 5 && moves++ % 7 == number % 7 ? 3u : 1u); \
            put_u16(moves * 5);                                        \
        }                                                              \
    } while (0)
    MOVE();
    for (unsigned stream = 1; stream < 4; stream++)
        put_request(1, 0, 0, stream, 40 + stream);
    MOVE();
    for (unsigned cp = 65534; cp < 65542; cp++) {
        for (unsigned stream = 1; stream < 4; stream++)
            put_request(1, 2, cp % 2 ? 0x2b : 0x0a, stream, cp & 0xffff);
        MOVE();
        put_u8(TIME);
        put_u16(cp % 3 ? 100 : 1600);
    }
    put_request(0, 0x87, 0, 0, 0);
    put_request(1, 0x86, 0, 1, 0);
    MOVE();
    put_request(1, 1, 0, 1, 0);
    MOVE();
    put_request(1, 0x80, 0, 0, 0);
    MOVE();
    MOVE();
#undef MOVE
    write_seed(folder, "pair", number);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: session-seeds FOLDER\n");
        return 2;
    }
    simc_buffer_init(&seed, 1 << 20);
    for (size_t i = 0; i < session_scripts_ecmg_count; i++)
        write_script(argv[1], &session_scripts_ecmg[i], i);
    for (size_t i = 0; i < session_scripts_scs_count; i++)
        write_script(argv[1], &session_scripts_scs[i], i);
    for (size_t i = 0; i < 12; i++)
        write_pair(argv[1], i);
    simc_buffer_fini(&seed);
    return 0;
}
