/* SPDX-License-Identifier: BSL-1.0 */
/* How fast messages are framed, decoded, validated and encoded, and that no memory is taken for it.
 * Where biTStream's header is installed its ECMG functions are measured in the same run: they count
 * parameters and check minimum lengths, ours also frame, check types, versions and both bounds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "simulcrypt/msg.h"

#if __has_include(<bitstream/dvb/sim.h>)
#define HAVE_BITSTREAM 1
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wconversion"
#include <bitstream/dvb/sim.h>
#pragma GCC diagnostic pop
#endif

/* A CW_provision of version 3 with two control words. */
static uint8_t provision[] = {0x03, 0x02, 0x01, 0x00, 0x2e, 0x00, 0x0e, 0x00, 0x02, 0x00, 0x01,
                              0x00, 0x0f, 0x00, 0x02, 0x00, 0x02, 0x00, 0x12, 0x00, 0x02, 0x00,
                              0x10, 0x00, 0x14, 0x00, 0x0a, 0x00, 0x10, 0x10, 0x20, 0x30, 0x60,
                              0x40, 0x50, 0x60, 0xf0, 0x00, 0x14, 0x00, 0x0a, 0x00, 0x11, 0x11,
                              0x21, 0x31, 0x63, 0x41, 0x51, 0x61, 0xf3};

static uint8_t ecm[188] = {0x47};
static uint8_t room[1024];
static uint64_t allocation_count;

static void *counting_resize(void *context, void *pointer, size_t size)
{
    (void)context;
    allocation_count++;
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    return realloc(pointer, size);
}

static uint64_t decode(void *context, uint64_t count)
{
    uint64_t sum = 0;
    struct simc_msg msg;
    struct simc_fault fault;
    const struct simc_rules *rules = context;
    for (uint64_t i = 0; i < count; i++) {
        provision[22] = (uint8_t)i;
        sum +=
            (uint64_t)simc_msg_decode(rules, simc_slice(provision, sizeof provision), &msg, &fault);
        sum += msg.slots[2].first;
    }
    return sum;
}

static uint64_t decode_typed(void *context, uint64_t count)
{
    uint64_t sum = 0;
    struct simc_msg msg;
    struct simc_fault fault;
    struct simc_ecmg_cw_provision typed;
    const struct simc_rules *rules = context;
    for (uint64_t i = 0; i < count; i++) {
        provision[22] = (uint8_t)i;
        if (simc_msg_decode(rules, simc_slice(provision, sizeof provision), &msg, &fault) == 0 &&
            simc_ecmg_cw_provision_get(&msg, &typed) == 0)
            sum += typed.cp_number + typed.cp_cw_combination.count;
    }
    return sum;
}

static uint64_t frame_and_decode(void *context, uint64_t count)
{
    uint64_t sum = 0;
    struct simc_framer framer;
    struct simc_frame frame;
    struct simc_msg msg;
    struct simc_fault fault;
    const struct simc_rules *rules = context;
    simc_framer_init(&framer, SIMC_MSG_LENGTH_MAX);
    for (uint64_t i = 0; i < count; i++) {
        simc_framer_feed(&framer, simc_slice(provision, sizeof provision));
        while (simc_framer_next(&framer, &frame) == 0)
            sum += (uint64_t)simc_msg_decode(rules, frame.bytes, &msg, &fault) + msg.type;
    }
    simc_framer_fini(&framer);
    return sum;
}

static uint64_t encode_typed(void *context, uint64_t count)
{
    uint64_t sum = 0;
    (void)context;
    struct simc_ecmg_ecm_response response = {
        .ecm_channel_id = 1, .ecm_stream_id = 2, .ecm_datagram = simc_slice(ecm, sizeof ecm)};
    for (uint64_t i = 0; i < count; i++) {
        struct simc_writer writer = simc_writer(room, sizeof room);
        response.cp_number = (uint16_t)i;
        sum += (uint64_t)simc_ecmg_ecm_response_put(&writer, 3, &response) + room[i & 0xff];
    }
    return sum;
}

static uint64_t encode_by_hand(void *context, uint64_t count)
{
    uint64_t sum = 0;
    (void)context;
    for (uint64_t i = 0; i < count; i++) {
        struct simc_writer writer = simc_writer(room, sizeof room);
        size_t start = simc_msg_begin(&writer, 3, SIMC_ECMG_MSG_ECM_RESPONSE);
        simc_msg_put_uint(&writer, SIMC_ECMG_PARAM_ECM_CHANNEL_ID, 1, 2);
        simc_msg_put_uint(&writer, SIMC_ECMG_PARAM_ECM_STREAM_ID, 2, 2);
        simc_msg_put_uint(&writer, SIMC_ECMG_PARAM_CP_NUMBER, i, 2);
        simc_msg_put(&writer, SIMC_ECMG_PARAM_ECM_DATAGRAM, simc_slice(ecm, sizeof ecm));
        sum += (uint64_t)simc_msg_end(&writer, start) + room[i & 0xff];
    }
    return sum;
}

static uint64_t copy(void *context, uint64_t count)
{
    uint64_t sum = 0;
    (void)context;
    for (uint64_t i = 0; i < count; i++) {
        provision[22] = (uint8_t)i;
        memcpy(room, provision, sizeof provision);
        __asm__ __volatile__("" : : "r"(room) : "memory");
        sum += room[22];
    }
    return sum;
}

#ifdef HAVE_BITSTREAM
static uint64_t bitstream_validate(void *context, uint64_t count)
{
    uint64_t sum = 0;
    (void)context;
    for (uint64_t i = 0; i < count; i++) {
        provision[22] = (uint8_t)i;
        uint8_t *tlv = tlvh_get_tlv(provision);
        sum += tlv_validate(tlv) && ecmg_validate(tlv);
    }
    return sum;
}

static uint64_t bitstream_encode(void *context, uint64_t count)
{
    uint64_t sum = 0;
    (void)context;
    for (uint64_t i = 0; i < count; i++) {
        tlvh_set_version(room, 3);
        uint8_t *tlv = tlvh_get_tlv(room);
        /* Its length is the room while parameters are appended. */
        tlv_set_type(tlv, ECMG_TYPE_ECM);
        tlv_set_length(tlv, sizeof room - 8);
        ecmg_init(tlv);
        ecmg_append_channelid(tlv, 1);
        ecmg_append_streamid(tlv, 2);
        ecmg_append_cpnumber(tlv, (uint16_t)i);
        tlv_append_data(tlv, ECMG_PARAM_ECM, ecm, sizeof ecm);
        tlv_set_length(tlv, 22 + sizeof ecm);
        sum += room[i & 0xff];
    }
    return sum;
}
#endif

static void report(const char *name, bench_operation *operation, void *context, double baseline)
{
    uint64_t before = allocation_count;
    double ns = bench_ns(operation, context);
    printf("   %-52s %8.1f ns", name, ns);
    if (baseline > 0)
        printf("  %5.2f x", ns / baseline);
    printf("  %llu allocations\n", (unsigned long long)(allocation_count - before));
}

int main(void)
{
    const struct simc_allocator counting = {counting_resize, NULL};
    struct simc_rules rules = {.interface = simc_interface_find(simc_slice_text("ecmg"))};
    double decode_base = 0, encode_base = 0;
    simc_allocator_set(&counting);
    bench_head("SimulCrypt messages: a CW_provision with 2 CWs (51 bytes), an ECM_response (215)");
#ifdef HAVE_BITSTREAM
    decode_base = bench_ns(bitstream_validate, NULL);
    encode_base = bench_ns(bitstream_encode, NULL);
    printf("   %-52s %8.1f ns  1.00 x\n", "biTStream: tlv_validate + ecmg_validate", decode_base);
    printf("   %-52s %8.1f ns  1.00 x\n", "biTStream: build an ECM_response", encode_base);
#else
    printf("   (libbitstream-dev is not installed: no ratios)\n");
#endif
    report("decode and validate CW_provision (goal 150 ns)", decode, &rules, decode_base);
    report("decode, validate, typed struct", decode_typed, &rules, decode_base);
    report("frame, decode and validate", frame_and_decode, &rules, decode_base);
    report("encode ECM_response from its struct (goal 100 ns)", encode_typed, NULL, encode_base);
    report("encode ECM_response parameter by parameter", encode_by_hand, NULL, encode_base);
    report("copy 51 bytes (what the machine can do)", copy, NULL, 0);
    return 0;
}
