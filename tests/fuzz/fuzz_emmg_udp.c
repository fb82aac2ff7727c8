/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target of the UDP form of EMMG-MUX and of the checks of datagrams. The input is one byte of
 * settings and a UDP datagram. What is read is written again and must be read the same; what a
 * strict MUX takes a lenient one takes too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/emmg_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DATAGRAMS_MAX = 20000 };

static struct simc_slice datagrams[DATAGRAMS_MAX];
static uint8_t room[SIMC_UDP_SIZE_MAX];

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "violated: %s\n", what);
        abort();
    }
}

static void check_datagram(struct simc_slice datagram)
{
    struct simc_slice left = datagram, section;
    size_t sections = 0;
    while (simc_datagram_next_section(&left, &section))
        sections++;
    enum simc_datagram_fault fault = simc_datagram_check(SIMC_DATAGRAM_SECTIONS, datagram);
    bool is_whole = fault == SIMC_DATAGRAM_NONE || fault == SIMC_DATAGRAM_SEVERAL;
    require(is_whole == (sections > 0 && left.size == 0), "whole sections are right");
    require((fault == SIMC_DATAGRAM_SEVERAL) == (is_whole && sections > 1), "several are told");
    fault = simc_datagram_check(SIMC_DATAGRAM_PACKETS, datagram);
    for (size_t at = 0; fault == SIMC_DATAGRAM_NONE && at < datagram.size; at += 188)
        require(datagram.data[at] == 0x47, "packets are in sync");
}

static size_t collect(struct simc_values values, size_t bytes)
{
    size_t count = 0;
    while (simc_values_next(&values, &datagrams[count]) == 0) {
        check_datagram(datagrams[count]);
        require(datagrams[count].size <= bytes, "datagrams are as long as they are told to be");
        bytes -= datagrams[count].size;
        require(++count < DATAGRAMS_MAX, "a UDP datagram has no room for more");
    }
    require(bytes == 0, "the bytes are counted");
    return count;
}

static void write_again(const struct simc_mux_udp_data *data)
{
    const struct simc_mux_udp_rules strict = {.is_strict = true};
    size_t count = collect(data->datagrams, data->bytes);
    struct simc_writer out = simc_writer(room, sizeof room);
    struct simc_mux_udp_data again;
    require(count == data->datagrams.count && count > 0, "the datagrams are counted");
    int error =
        simc_emmg_udp_write(data->version, data->client_id, data->data_id, datagrams, count, &out);
    require(error == 0, "what was read can be written");
    require(out.at == simc_emmg_udp_size(datagrams, count), "its size is known");
    struct simc_slice bytes = simc_slice(room, out.at);
    require(simc_mux_udp_read(&strict, &bytes, &again, NULL) == 0, "what was written is right");
    require(again.client_id == data->client_id && again.data_id == data->data_id &&
                again.bytes == data->bytes && again.datagrams.count == count &&
                again.version == data->version,
            "it is the same");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > SIMC_UDP_SIZE_MAX)
        return 0;
    const struct simc_mux_udp_rules strict = {.is_strict = true};
    const struct simc_mux_udp_rules rules = {
        .is_strict = data[0] & 1,
        .versions = data[0] & 2 ? 1u << 3 : 0,
        .length_limit = data[0] & 4 ? 100 : 0,
    };
    struct simc_slice bytes = simc_slice(data + 1, size - 1), all = bytes;
    struct simc_mux_udp_data found;
    struct simc_fault fault;
    int error;
    while ((error = simc_mux_udp_read(&rules, &bytes, &found, &fault)) == 0)
        write_again(&found);
    require(error == SIMC_EEND || (error == SIMC_EPROTO && fault.kind != SIMC_FAULT_NONE),
            "a fault is told");
    require(bytes.size == 0, "nothing is left");
    check_datagram(all);
    bytes = all;
    if (simc_mux_udp_read(&strict, &bytes, &found, NULL) == 0) {
        const struct simc_mux_udp_rules lenient = {.is_strict = false};
        bytes = all;
        require(simc_mux_udp_read(&lenient, &bytes, &found, NULL) == 0,
                "what a strict MUX takes a lenient one takes");
    }
    return 0;
}
