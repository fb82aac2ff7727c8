/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: packets into lib/capture. libFuzzer or the corpus replay calls it.
 *
 * Byte 0 below 0x80 chooses a link type, and packets follow: control (bits 0..3 time before it,
 * bit 7 cut), 16-bit size, bytes. From 0x80 on a script of TCP packets follows, eight bytes each,
 * so that the fuzzer reaches the depths of reassembly without first learning what TCP is:
 * control (bits 0..3 as above, bit 4 side, bit 5 wrong bytes, bit 6 cut, bit 7 another port),
 * flags, seq (16), ack (16), size (16, modulo 2048). */
#include "fuzz_capture_check.h"

enum { PACKETS_MAX = 2000 };

static const struct simc__capture_limits limits = {
    .connections_max = 8,
    .held_max = 1 << 16,
    .held_total_max = 1 << 17,
    .fragments_max = 8,
    .fragment_bytes_max = 1 << 17,
};

static uint64_t time_step_us(unsigned control)
{
    return control % 16 == 15 ? 61000000 : (uint64_t)(control % 16) * (control % 16) * 200000;
}

static void packets(struct fuzz_state *state, struct simc__capture *capture, uint32_t link_type,
                    struct simc_reader *input)
{
    uint64_t time_us = 0;
    for (int i = 0; i < PACKETS_MAX && simc_reader_left(input); i++) {
        unsigned control = simc_reader_u8(input);
        size_t size = simc_reader_u16(input);
        if (size > simc_reader_left(input))
            size = simc_reader_left(input);
        struct simc_slice bytes = simc_reader_slice(input, size);
        time_us += time_step_us(control);
        size_t wire = control & 0x80 ? size + 100 : size;
        FUZZ_CHECK(simc__capture_packet(capture, link_type, bytes, wire, time_us) == 0);
        FUZZ_CHECK(fuzz_pull(state, capture) == SIMC_EAGAIN);
    }
}

/* @return the size of the packet. */
static size_t script_packet(uint8_t packet[4096], unsigned control, unsigned flags, uint32_t seq,
                            uint32_t ack, size_t size)
{
    unsigned side = control >> 4 & 1;
    uint16_t other = control & 0x80 ? 1001 : 1000;
    struct simc_writer out = simc_writer(packet, 4096);
    simc_writer_u32(&out, (uint32_t)0x4500 << 16 | (uint32_t)(40 + size));
    simc_writer_u32(&out, 0);
    simc_writer_u32(&out, 0x40060000);
    simc_writer_u32(&out, 0x0a000001 + side);
    simc_writer_u32(&out, 0x0a000002 - side);
    simc_writer_u16(&out, side ? 2222 : other);
    simc_writer_u16(&out, side ? other : 2222);
    simc_writer_u32(&out, seq);
    simc_writer_u32(&out, ack);
    simc_writer_u16(&out, (uint16_t)(0x5000 | (flags & 0x3f)));
    simc_writer_u16(&out, 0xffff);
    simc_writer_u32(&out, 0);
    uint32_t first = seq + (flags >> 1 & 1);
    for (uint32_t i = 0; i < size; i++)
        simc_writer_u8(&out, (uint8_t)((first + i) * 7 + (control >> 5 & 1)));
    FUZZ_CHECK(out.error == 0);
    return out.at;
}

/* Most sequence numbers are near the wrap, some far away. */
static uint32_t number(uint16_t value)
{
    return value < 0xf000 ? value - 0x4000u : (uint32_t)value << 20;
}

static void script(struct fuzz_state *state, struct simc__capture *capture,
                   struct simc_reader *input)
{
    uint64_t time_us = 0;
    state->patterned = true;
    for (int i = 0; i < PACKETS_MAX && simc_reader_left(input) >= 8; i++) {
        static uint8_t packet[4096];
        unsigned control = simc_reader_u8(input), flags = simc_reader_u8(input);
        uint32_t seq = number(simc_reader_u16(input)), ack = number(simc_reader_u16(input));
        size_t size = simc_reader_u16(input) % 2048;
        if (control & 0x20)
            state->patterned = false;
        size_t wire = script_packet(packet, control, flags, seq, ack, size);
        size_t captured = control & 0x40 ? wire - size / 2 : wire;
        uint8_t *copy = malloc(captured);
        if (!copy)
            return;
        memcpy(copy, packet, captured);
        time_us += time_step_us(control);
        FUZZ_CHECK(simc__capture_packet(capture, SIMC__CAPTURE_LINK_IPV4,
                                        simc_slice(copy, captured), wire, time_us) == 0);
        FUZZ_CHECK(fuzz_pull(state, capture) == SIMC_EAGAIN);
        free(copy);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
#define LINK_NUMBER(name, link, text) link,
    static const uint32_t links[] = {SIMC__CAPTURE_LINK_ROWS(LINK_NUMBER)};
#undef LINK_NUMBER
    static struct fuzz_state state;
    memset(&state, 0, sizeof state);
    struct simc__capture *capture;
    if (size == 0 || simc__capture_new(&limits, &capture))
        return 0;
    struct simc_reader input = simc_reader(simc_slice(data, size));
    unsigned mode = simc_reader_u8(&input);
    if (mode < 0x80)
        packets(&state, capture, links[mode % (sizeof links / sizeof links[0])], &input);
    else
        script(&state, capture, &input);
    simc__capture_end(capture);
    FUZZ_CHECK(fuzz_pull(&state, capture) == SIMC_EEND);
    fuzz_end(&state, capture);
    simc__capture_free(capture);
    return 0;
}
