/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: sections, tables, descriptors and text; and the headers of video and audio streams.
 * libFuzzer or the corpus replay calls it.
 *
 * The input is one section; its length is made right unless byte 1 has bit 6 clear. Whatever a
 * table reads as is built again and must read the same. The same bytes are read as headers. */
#include <stdlib.h>
#include <string.h>

#include "psi/codec.h"
#include "simulcrypt/psi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_SIZE = 1 << 16, ENTRIES_MAX = 2048 };

static uint8_t out_bytes[OUT_SIZE];

static void check(bool condition)
{
    if (!condition)
        abort();
}

/* Builders must end with success or a documented error; good output reads as sections. */
static void check_built(int error, const struct simc_writer *out)
{
    struct simc_slice rest = simc_slice(out_bytes, out->at), bytes;
    struct simc_section section;
    check(error == 0 || error == SIMC_ETOOLONG || error == SIMC_EINVAL || error == SIMC_ENOSPC);
    while (!error && rest.size) {
        check(simc_section_next(&rest, &bytes) == 0);
        check(simc_section_read(bytes, &section) == 0);
        check(!section.long_form || simc_crc32(bytes) == 0);
    }
}

static void read_text(struct simc_slice text)
{
    static uint8_t utf8[4 * 4096];
    struct simc_writer out = simc_writer(utf8, sizeof utf8);
    simc_dvb_text(&out, text);
    check(out.error == 0);
    for (size_t i = 0; i < out.at; i++)
        check(utf8[i] >= 0x20 && utf8[i] != 0x7f);
}

static void read_descriptors(struct simc_slice loop)
{
    struct simc_descriptor descriptor;
    while (simc_descriptor_next(&loop, &descriptor) == 0) {
        struct simc_ca_descriptor ca;
        struct simc_service_descriptor service;
        struct simc_slice ids = descriptor.body;
        uint16_t id;
        uint8_t mode, bytes[300];
        struct simc_writer out = simc_writer(bytes, sizeof bytes);
        if (simc_ca_descriptor_read(descriptor.body, &ca) == 0) {
            struct simc_ca_descriptor back;
            simc_ca_descriptor_put(&out, &ca);
            check(out.error == 0 && out.at == descriptor.body.size + 2);
            check(simc_ca_descriptor_read(simc_slice(bytes + 2, out.at - 2), &back) == 0);
            check(back.system_id == ca.system_id && back.pid == ca.pid);
            check(simc_slice_equal(back.private_data, ca.private_data));
        }
        if (simc_service_descriptor_read(descriptor.body, &service) == 0) {
            read_text(service.name);
            read_text(service.provider);
        }
        check(simc_scrambling_descriptor_read(descriptor.body, &mode) == 0 ||
              descriptor.body.size == 0);
        while (simc_ca_identifier_next(&ids, &id) == 0)
            ;
        read_text(descriptor.body);
    }
}

static void tables_of_mpeg(const struct simc_section *section)
{
    static struct simc_pat_entry programs[ENTRIES_MAX];
    static struct simc_pmt_stream streams[ENTRIES_MAX];
    struct simc_writer out = simc_writer(out_bytes, sizeof out_bytes);
    struct simc_pat pat;
    struct simc_pmt pmt;
    struct simc_slice loop;
    size_t count = 0;
    if (simc_pat_read(section, &pat) == 0) {
        while (simc_pat_next(&pat.programs, &programs[count]) == 0)
            count++;
        check_built(simc_pat_build(&out, pat.ts_id, section->version, programs, count), &out);
    } else if (simc_cat_read(section, &loop) == 0) {
        read_descriptors(loop);
        check_built(simc_cat_build(&out, section->version, loop), &out);
    } else if (simc_pmt_read(section, &pmt) == 0) {
        read_descriptors(pmt.descriptors);
        while (simc_pmt_next(&pmt.streams, &streams[count]) == 0)
            read_descriptors(streams[count++].descriptors);
        check_built(simc_pmt_build(&out, &pmt, section->version, streams, count), &out);
    }
}

static void tables_of_dvb(const struct simc_section *section)
{
    static struct simc_nit_stream streams[ENTRIES_MAX];
    static struct simc_sdt_service services[ENTRIES_MAX];
    static struct simc_eit_event events[ENTRIES_MAX];
    struct simc_writer out = simc_writer(out_bytes, sizeof out_bytes);
    struct simc_nit nit;
    struct simc_sdt sdt;
    struct simc_eit eit;
    struct simc_tot tot;
    size_t count = 0;
    if (simc_nit_read(section, &nit) == 0) {
        read_descriptors(nit.descriptors);
        while (simc_nit_next(&nit.streams, &streams[count]) == 0)
            read_descriptors(streams[count++].descriptors);
        check_built(simc_nit_build(&out, &nit, section->version, streams, count), &out);
    } else if (simc_sdt_read(section, &sdt) == 0) {
        while (simc_sdt_next(&sdt.services, &services[count]) == 0)
            read_descriptors(services[count++].descriptors);
        check_built(simc_sdt_build(&out, &sdt, section->version, services, count), &out);
    } else if (simc_eit_read(section, &eit) == 0) {
        while (simc_eit_next(&eit.events, &events[count]) == 0)
            read_descriptors(events[count++].descriptors);
        check_built(simc_eit_build(&out, &eit, section->version, 0, 0, events, count), &out);
    } else if (simc_tot_read(section, &tot) == 0) {
        read_descriptors(tot.descriptors);
        check_built(simc_tot_build(&out, &tot), &out);
    }
}

/* Sizes that are told can be worked with: rates that empty buffers, buffers that hold a packet. */
static void check_sizes(const struct simc__std_sizes *sizes, bool video)
{
    check(sizes->transport_bps >= 64000 && sizes->transport_bps < UINT64_C(1) << 40);
    check((sizes->leak_bps > 0) == video);
    check((sizes->multiplex >= 188) == video);
    check(sizes->elementary < 1u << 30);
}

static void read_headers(struct simc_slice bytes)
{
    int (*const readers[])(struct simc_slice, struct simc__codec *) = {
        simc__codec_mpeg_video, simc__codec_avc, simc__codec_hevc};
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        struct simc__codec codec;
        int result = readers[i](bytes, &codec);
        check(result == 0 || result == SIMC_EPROTO || result == SIMC_ENOTFOUND);
        if (result == 0)
            check_sizes(&codec.sizes, true);
    }
    for (unsigned kind = SIMC__CODEC_MPEG_AUDIO; kind <= SIMC__CODEC_AAC; kind++) {
        struct simc__audio_frame frame;
        if (bytes.size < SIMC__AUDIO_HEADER ||
            simc__audio_frame_read((enum simc__codec_kind)kind, bytes.data, &frame) != 0)
            continue;
        check(frame.size >= SIMC__AUDIO_HEADER && frame.duration_27mhz > 0);
        check_sizes(&frame.sizes, false);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct simc_section section;
    if (size < 3 || size > SIMC_SECTION_SIZE_MAX)
        return 0;
    uint8_t *bytes = malloc(size);
    check(bytes != NULL);
    memcpy(bytes, data, size);
    read_headers(simc_slice(bytes, size));
    if (bytes[1] & 0x40) {
        bytes[1] = (uint8_t)((bytes[1] & 0xf0) | (size - 3) >> 8);
        bytes[2] = (uint8_t)(size - 3);
    }
    if (simc_section_read(simc_slice(bytes, size), &section) == 0) {
        tables_of_mpeg(&section);
        tables_of_dvb(&section);
    }
    read_text(simc_slice(bytes, size));
    free(bytes);
    return 0;
}
