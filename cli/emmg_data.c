/* SPDX-License-Identifier: BSL-1.0 */
/* What a laboratory EMMG sends: sections or packets of a file, or made ones that tell their place.
 * emmg_client.c asks for them. */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/emmg.h"
#include "simulcrypt/psi.h"
#include "sys/file.h"

enum { FILE_MAX = 1 << 28, SECTION_LEAST = 16, TABLE_FIRST = 0x82, TABLES = 14, PID = 0x1ff0 };

/* ---- files ---- */

/* Lines of hex digits become bytes in place. @return false: it is no such text. */
static bool read_hex(struct simc__emmg_data *data)
{
    size_t out = 0;
    uint8_t high = 0;
    bool has_high = false;
    for (size_t i = 0; i < data->size; i++) {
        uint8_t c = data->bytes[i];
        uint8_t digit = c >= '0' && c <= '9'   ? (uint8_t)(c - '0')
                        : c >= 'a' && c <= 'f' ? (uint8_t)(c - 'a' + 10)
                        : c >= 'A' && c <= 'F' ? (uint8_t)(c - 'A' + 10)
                                               : 255;
        if (digit == 255 && c != ' ' && c != '\n' && c != '\r' && c != '\t')
            return false;
        if (digit == 255)
            continue;
        if (has_high)
            data->bytes[out++] = (uint8_t)(high << 4 | digit);
        high = digit;
        has_high = !has_high;
    }
    data->size = out;
    return !has_high;
}

static int check_file(struct simc__emmg_data *data, const char *path)
{
    struct simc_slice rest, section;
    if (data->is_packets) {
        if (data->size == 0 || data->size % SIMC_TS_SIZE)
            return simc__cli_trouble("%s holds no whole packets of 188 bytes", path);
        for (size_t at = 0; at < data->size; at += SIMC_TS_SIZE)
            if (data->bytes[at] != SIMC_TS_SYNC)
                return simc__cli_trouble("%s: the packet at byte %zu does not begin with 0x47",
                                         path, at);
        size_t size = data->packet_count * SIMC_TS_SIZE;
        data->datagrams = (data->size + size - 1) / size;
        return 0;
    }
    if (data->size && data->bytes[0] < 0x80 && !read_hex(data))
        return simc__cli_trouble("%s is neither sections nor lines of hex digits", path);
    rest = simc_slice(data->bytes, data->size);
    int error;
    while ((error = simc_section_next(&rest, &section)) == 0)
        data->datagrams++;
    if (error != SIMC_EEND || !data->datagrams)
        return simc__cli_trouble("%s: what stands at byte %zu is no whole section", path,
                                 data->size - rest.size);
    return 0;
}

int simc__emmg_data_open(struct simc__emmg_data *data, const char *path, bool is_packets,
                         size_t pattern_size, size_t packet_count)
{
    char why[SIMC__FILE_WHY_SIZE];
    struct simc_buffer content;
    memset(data, 0, sizeof *data);
    data->is_packets = is_packets;
    data->packet_count = packet_count;
    data->pattern_size = pattern_size < SECTION_LEAST ? SECTION_LEAST : pattern_size;
    data->made = malloc(SIMC__EMMG_DATAGRAM_MAX);
    if (!data->made)
        return simc__cli_trouble("no memory");
    if (!path)
        return 0;
    simc_buffer_init(&content, FILE_MAX);
    if (simc__file_read(path, &content, why)) {
        simc_buffer_fini(&content);
        return simc__cli_trouble("%s", why);
    }
    data->size = simc_buffer_bytes(&content).size;
    data->bytes = malloc(data->size + 1);
    if (data->bytes && data->size)
        memcpy(data->bytes, simc_buffer_bytes(&content).data, data->size);
    simc_buffer_fini(&content);
    return data->bytes ? check_file(data, path) : simc__cli_trouble("no memory");
}

void simc__emmg_data_close(struct simc__emmg_data *data)
{
    free(data->bytes);
    free(data->made);
    memset(data, 0, sizeof *data);
}

static bool next_of_file(struct simc__emmg_data *data, struct simc__emmg_place *place,
                         uint64_t loops, struct simc_slice *datagram)
{
    struct simc_slice rest;
    if (place->at >= data->size)
        place->at = 0;
    if (loops && place->at == 0 && place->count >= loops)
        return false;
    place->count += place->at == 0; /* here it counts how often the file was begun */
    rest = simc_slice(data->bytes + place->at, data->size - place->at);
    if (data->is_packets) {
        size_t size = data->packet_count * SIMC_TS_SIZE;
        *datagram = simc_slice(rest.data, rest.size < size ? rest.size : size);
    } else if (simc_section_next(&rest, datagram)) {
        return false;
    }
    place->at += datagram->size;
    return true;
}

/* ---- made sections: who made them, the how manieth it is, and bytes that follow from it ---- */

static size_t make_section(uint8_t *out, size_t size, uint32_t stream, uint64_t count)
{
    uint64_t x = count * 0x9e3779b97f4a7c15U + stream;
    out[0] = (uint8_t)(TABLE_FIRST + count % TABLES);
    out[1] = (uint8_t)(0x70 | (size - 3) >> 8);
    out[2] = (uint8_t)(size - 3);
    for (unsigned i = 0; i < 4; i++)
        out[3 + i] = (uint8_t)(stream >> (24 - 8 * i));
    for (unsigned i = 0; i < 8; i++)
        out[7 + i] = (uint8_t)(count >> (56 - 8 * i));
    for (size_t i = 15; i < size; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        out[i] = (uint8_t)x;
    }
    return size;
}

static struct simc_slice make_packets(struct simc__emmg_data *data, struct simc__emmg_place *place,
                                      uint32_t stream)
{
    uint8_t section[SIMC_SECTION_SIZE_MAX];
    struct simc_writer out = simc_writer(data->made, SIMC__EMMG_DATAGRAM_MAX);
    size_t packets = 0;
    while (packets < data->packet_count) {
        size_t before = out.at;
        struct simc_slice whole =
            simc_slice(section, make_section(section, data->pattern_size, stream, place->count));
        if (simc_sections_pack(&whole, 1, SIMC_SECTIONS_APART, PID, &place->cc, &out)) {
            out.at = before;
            break;
        }
        place->count++;
        packets += (out.at - before) / SIMC_TS_SIZE;
    }
    return simc_slice(data->made, out.at);
}

bool simc__emmg_data_next(struct simc__emmg_data *data, struct simc__emmg_place *place,
                          uint32_t stream, uint64_t loops, struct simc_slice *datagram)
{
    if (data->bytes)
        return next_of_file(data, place, loops, datagram);
    if (data->is_packets)
        *datagram = make_packets(data, place, stream);
    else
        *datagram = simc_slice(
            data->made, make_section(data->made, data->pattern_size, stream, place->count++));
    return datagram->size > 0;
}
