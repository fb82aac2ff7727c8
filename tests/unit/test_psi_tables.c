/* SPDX-License-Identifier: BSL-1.0 */
/* Tables and descriptors: what is built is read back equal, the sections of the standard's shape
 * come out byte for byte, and no length inside is believed. Run by the unit test runner. */
#include <check.h>
#include <string.h>

#include "simulcrypt/psi.h"
#include "unit/unit.h"

Suite *suite_psi_tables(void);

static struct unit_random random_numbers = {5};

static uint32_t random_u32(void)
{
    return (uint32_t)unit_random_next(&random_numbers);
}

enum { OUT_SIZE = 300 * 1024, LOOPS_SIZE = 1 << 16, ENTRIES_MAX = 1000 };

static uint8_t out_bytes[OUT_SIZE], loop_bytes[LOOPS_SIZE];

static struct simc_writer new_out(void)
{
    return simc_writer(out_bytes, sizeof out_bytes);
}

/* Random descriptors of up to `size` bytes in all. */
static struct simc_slice random_loop(size_t *at, size_t size)
{
    if (*at + size > LOOPS_SIZE)
        *at = 0;
    struct simc_writer out = simc_writer(loop_bytes + *at, size);
    while (size - out.at >= 2 && random_u32() % 4) {
        size_t room = size - out.at - 2, body = random_u32() % ((room < 40 ? room : 40) + 1);
        uint8_t bytes[40];
        for (size_t i = 0; i < body; i++)
            bytes[i] = (uint8_t)random_u32();
        simc_descriptor_put(&out, (uint8_t)random_u32(), simc_slice(bytes, body));
    }
    struct simc_slice loop = simc_slice(loop_bytes + *at, out.at);
    *at += out.at;
    return loop;
}

/* Walks over sections that a builder wrote, and checks head and CRC of each. */
static int next_section(struct simc_slice *rest, struct simc_section *section, unsigned *number)
{
    struct simc_slice bytes;
    if (simc_section_next(rest, &bytes) != 0)
        return SIMC_EEND;
    ck_assert_uint_eq(simc_crc32(bytes), 0);
    ck_assert_int_eq(simc_section_read(bytes, section), 0);
    ck_assert(section->long_form && section->current);
    ck_assert_uint_le(bytes.size, 1024);
    ck_assert_uint_eq(section->version, 21);
    ck_assert_uint_eq(section->number, (*number)++);
    if (rest->size == 0)
        ck_assert_uint_eq(section->last_number, section->number);
    return 0;
}

static const struct {
    const char *name, *hex;
} known[] = {
    {"PAT", "00B0150001C100000000E0100001F0000002F001F5012158"},
    {"CAT", "01B00FFFFFC1000009040B00E6015886A3EC"},
    {"PMT", "02B0200001C10000E101F00909040B00E6006501021BE101F0000FE102F000BBDEA534"},
    {"SDT", "42F01D0001C10000FF01FF0001FC900C480A010341424304544553544CF25DD3"},
};

static void check_known(size_t row, const struct simc_writer *out)
{
    uint8_t bytes[64];
    size_t size;
    ck_assert_int_eq(
        simc_hex_read(simc_slice_text(known[row].hex), bytes, sizeof bytes, &size, NULL), 0);
    ck_assert_msg(simc_slice_equal(simc_slice(out->data, out->at), simc_slice(bytes, size)), "%s",
                  known[row].name);
}

START_TEST(known_sections_are_built_byte_for_byte)
{
    static const struct simc_pat_entry programs[] = {{0, 0x10}, {1, 0x1000}, {2, 0x1001}};
    struct simc_writer out = new_out();
    ck_assert_int_eq(simc_pat_build(&out, 1, 0, programs, 3), 0);
    check_known(0, &out);

    uint8_t bytes[64];
    struct simc_writer loop = simc_writer(bytes, sizeof bytes);
    simc_ca_descriptor_put(&loop, &(struct simc_ca_descriptor){0x0b00, 0x601, {NULL, 0}});
    out = new_out();
    ck_assert_int_eq(simc_cat_build(&out, 0, simc_slice(bytes, loop.at)), 0);
    check_known(1, &out);

    loop.at = 0;
    simc_ca_descriptor_put(&loop, &(struct simc_ca_descriptor){0x0b00, 0x600, {NULL, 0}});
    simc_scrambling_descriptor_put(&loop, SIMC_SCRAMBLING_MODE_CSA2);
    struct simc_pmt pmt = {1, 0x101, simc_slice(bytes, loop.at), {NULL, 0}};
    static const struct simc_pmt_stream streams[] = {{0x1b, 0x101, {NULL, 0}},
                                                     {0x0f, 0x102, {NULL, 0}}};
    out = new_out();
    ck_assert_int_eq(simc_pmt_build(&out, &pmt, 0, streams, 2), 0);
    check_known(2, &out);

    loop.at = 0;
    struct simc_service_descriptor service = {1, simc_slice_text("ABC"), simc_slice_text("TEST")};
    simc_service_descriptor_put(&loop, &service);
    struct simc_sdt sdt = {SIMC_TABLE_SDT_ACTUAL, 1, 0xff01, {NULL, 0}};
    struct simc_sdt_service entry = {
        .id = 1, .free_ca_mode = true, .running_status = 4, .descriptors = {bytes, loop.at}};
    out = new_out();
    ck_assert_int_eq(simc_sdt_build(&out, &sdt, 0, &entry, 1), 0);
    check_known(3, &out);
}
END_TEST

START_TEST(pat_of_any_length_is_read_back)
{
    static struct simc_pat_entry entries[ENTRIES_MAX];
    for (size_t count = 0; count < ENTRIES_MAX; count += 1 + count / 3) {
        for (size_t i = 0; i < count; i++)
            entries[i] = (struct simc_pat_entry){(uint16_t)random_u32(), random_u32() & 0x1fff};
        struct simc_writer out = new_out();
        ck_assert_int_eq(simc_pat_build(&out, 7, 21, entries, count), 0);
        struct simc_slice rest = simc_slice(out_bytes, out.at);
        struct simc_section section;
        unsigned number = 0;
        size_t found = 0;
        while (next_section(&rest, &section, &number) == 0) {
            struct simc_pat pat;
            struct simc_pat_entry entry;
            ck_assert_int_eq(simc_pat_read(&section, &pat), 0);
            ck_assert_uint_eq(pat.ts_id, 7);
            for (; simc_pat_next(&pat.programs, &entry) == 0; found++)
                ck_assert(entry.program == entries[found].program &&
                          entry.pid == entries[found].pid);
        }
        ck_assert_uint_eq(found, count);
        ck_assert_uint_eq(number, count ? (count + 252) / 253 : 1);
        /* The room it asks for is what it needs. */
        struct simc_writer measure = simc_writer(NULL, 0);
        ck_assert_int_eq(simc_pat_build(&measure, 7, 21, entries, count), SIMC_ENOSPC);
        ck_assert_uint_eq(measure.at, out.at);
    }
}
END_TEST

START_TEST(cat_of_any_length_is_read_back)
{
    for (size_t size = 0; size < 5000; size += 1 + size / 4) {
        size_t at = 0, found = 0;
        struct simc_writer loop = simc_writer(loop_bytes, sizeof loop_bytes);
        while (loop.at < size)
            simc_descriptor_put(&loop, (uint8_t)random_u32(),
                                simc_slice(out_bytes, random_u32() % 256));
        struct simc_writer out = new_out();
        ck_assert_int_eq(simc_cat_build(&out, 21, simc_slice(loop_bytes, loop.at)), 0);
        struct simc_slice rest = simc_slice(out_bytes, out.at), descriptors;
        struct simc_section section;
        unsigned number = 0;
        while (next_section(&rest, &section, &number) == 0) {
            ck_assert_int_eq(simc_cat_read(&section, &descriptors), 0);
            ck_assert_mem_eq(descriptors.data, loop_bytes + at, descriptors.size);
            at += descriptors.size;
            found++;
        }
        ck_assert_uint_eq(at, loop.at);
        ck_assert_uint_ge(found, 1 + loop.at / 1012);
    }
    struct simc_writer out = new_out();
    ck_assert_int_eq(simc_cat_build(&out, 0, simc_slice("\x09\x05\x01", 3)), SIMC_EINVAL);
}
END_TEST

START_TEST(pmt_is_read_back_or_refused)
{
    for (int round = 0; round < 500; round++) {
        struct simc_pmt_stream streams[40];
        size_t at = 0, count = random_u32() % 40, size = 16;
        struct simc_pmt pmt = {(uint16_t)random_u32(),
                               random_u32() & 0x1fff,
                               random_loop(&at, random_u32() % 300),
                               {NULL, 0}};
        size += pmt.descriptors.size;
        for (size_t i = 0; i < count; i++) {
            streams[i] = (struct simc_pmt_stream){(uint8_t)random_u32(), random_u32() & 0x1fff,
                                                  random_loop(&at, random_u32() % 60)};
            size += 5 + streams[i].descriptors.size;
        }
        struct simc_writer out = new_out();
        int error = simc_pmt_build(&out, &pmt, 21, streams, count);
        ck_assert_int_eq(error, size <= 1024 ? 0 : SIMC_ETOOLONG);
        if (error)
            continue;
        ck_assert_uint_eq(out.at, size);
        struct simc_slice rest = simc_slice(out_bytes, out.at);
        struct simc_section section;
        struct simc_pmt back;
        struct simc_pmt_stream stream;
        unsigned number = 0;
        ck_assert_int_eq(next_section(&rest, &section, &number), 0);
        ck_assert_int_eq(simc_pmt_read(&section, &back), 0);
        ck_assert(back.program == pmt.program && back.pcr_pid == pmt.pcr_pid);
        ck_assert(simc_slice_equal(back.descriptors, pmt.descriptors));
        for (size_t i = 0; i < count; i++) {
            ck_assert_int_eq(simc_pmt_next(&back.streams, &stream), 0);
            ck_assert(stream.type == streams[i].type && stream.pid == streams[i].pid);
            ck_assert(simc_slice_equal(stream.descriptors, streams[i].descriptors));
        }
        ck_assert_int_eq(simc_pmt_next(&back.streams, &stream), SIMC_EEND);
    }
}
END_TEST

START_TEST(nit_and_bat_of_any_length_are_read_back)
{
    static const uint8_t ids[] = {SIMC_TABLE_NIT_ACTUAL, SIMC_TABLE_NIT_OTHER, SIMC_TABLE_BAT};
    static struct simc_nit_stream streams[100];
    for (int round = 0; round < 300; round++) {
        size_t at = 0, count = random_u32() % 100, found = 0;
        struct simc_nit nit = {ids[round % 3],
                               (uint16_t)random_u32(),
                               random_loop(&at, random_u32() % 200),
                               {NULL, 0}};
        for (size_t i = 0; i < count; i++)
            streams[i] = (struct simc_nit_stream){(uint16_t)random_u32(), (uint16_t)random_u32(),
                                                  random_loop(&at, random_u32() % 150)};
        struct simc_writer out = new_out();
        ck_assert_int_eq(simc_nit_build(&out, &nit, 21, streams, count), 0);
        struct simc_slice rest = simc_slice(out_bytes, out.at);
        struct simc_section section;
        unsigned number = 0;
        while (next_section(&rest, &section, &number) == 0) {
            struct simc_nit back;
            struct simc_nit_stream stream;
            ck_assert_int_eq(simc_nit_read(&section, &back), 0);
            ck_assert(back.id == nit.id && back.table_id == nit.table_id);
            if (number == 1)
                ck_assert(simc_slice_equal(back.descriptors, nit.descriptors));
            else
                ck_assert_uint_eq(back.descriptors.size, 0);
            for (; simc_nit_next(&back.streams, &stream) == 0; found++)
                ck_assert(stream.ts_id == streams[found].ts_id &&
                          stream.network_id == streams[found].network_id &&
                          simc_slice_equal(stream.descriptors, streams[found].descriptors));
        }
        ck_assert_uint_eq(found, count);
    }
}
END_TEST

START_TEST(sdt_of_any_length_is_read_back)
{
    static struct simc_sdt_service services[100];
    for (int round = 0; round < 300; round++) {
        size_t at = 0, count = random_u32() % 100, found = 0;
        struct simc_sdt sdt = {round % 2 ? SIMC_TABLE_SDT_ACTUAL : SIMC_TABLE_SDT_OTHER,
                               (uint16_t)random_u32(),
                               (uint16_t)random_u32(),
                               {NULL, 0}};
        for (size_t i = 0; i < count; i++)
            services[i] = (struct simc_sdt_service){
                (uint16_t)random_u32(), random_u32() & 1, random_u32() & 1,
                random_u32() & 1,       random_u32() & 7, random_loop(&at, random_u32() % 150)};
        struct simc_writer out = new_out();
        ck_assert_int_eq(simc_sdt_build(&out, &sdt, 21, services, count), 0);
        struct simc_slice rest = simc_slice(out_bytes, out.at);
        struct simc_section section;
        unsigned number = 0;
        while (next_section(&rest, &section, &number) == 0) {
            struct simc_sdt back;
            struct simc_sdt_service one;
            ck_assert_int_eq(simc_sdt_read(&section, &back), 0);
            ck_assert(back.ts_id == sdt.ts_id && back.network_id == sdt.network_id);
            for (; simc_sdt_next(&back.services, &one) == 0; found++) {
                const struct simc_sdt_service *in = &services[found];
                ck_assert(one.id == in->id && one.eit_schedule == in->eit_schedule &&
                          one.eit_pf == in->eit_pf && one.free_ca_mode == in->free_ca_mode &&
                          one.running_status == in->running_status &&
                          simc_slice_equal(one.descriptors, in->descriptors));
            }
        }
        ck_assert_uint_eq(found, count);
    }
}
END_TEST

START_TEST(eit_is_read_back)
{
    for (int round = 0; round < 300; round++) {
        struct simc_eit_event events[10], one;
        size_t at = 0, count = random_u32() % 10;
        struct simc_eit back, eit = {(uint8_t)(0x4e + random_u32() % 0x22),
                                     (uint16_t)random_u32(),
                                     (uint16_t)random_u32(),
                                     (uint16_t)random_u32(),
                                     (uint8_t)random_u32(),
                                     (uint8_t)random_u32(),
                                     {NULL, 0}};
        for (size_t i = 0; i < count; i++)
            events[i] = (struct simc_eit_event){(uint16_t)random_u32(),
                                                i % 4 ? (int64_t)(random_u32() % 2000000000)
                                                      : SIMC_DVB_TIME_NONE,
                                                i % 3 ? random_u32() % 360000 : UINT32_MAX,
                                                random_u32() & 7,
                                                random_u32() & 1,
                                                random_loop(&at, random_u32() % 300)};
        struct simc_writer out = new_out();
        ck_assert_int_eq(simc_eit_build(&out, &eit, 21, 0, 0, events, count), 0);
        struct simc_section section;
        ck_assert_int_eq(simc_section_read(simc_slice(out_bytes, out.at), &section), 0);
        ck_assert_uint_eq(simc_crc32(section.bytes), 0);
        ck_assert_int_eq(simc_eit_read(&section, &back), 0);
        ck_assert(back.table_id == eit.table_id && back.service_id == eit.service_id &&
                  back.ts_id == eit.ts_id && back.network_id == eit.network_id &&
                  back.segment_last_number == eit.segment_last_number &&
                  back.last_table_id == eit.last_table_id);
        for (size_t i = 0; i < count; i++) {
            ck_assert_int_eq(simc_eit_next(&back.events, &one), 0);
            ck_assert(one.id == events[i].id && one.start_s == events[i].start_s &&
                      one.duration_s == events[i].duration_s &&
                      one.running_status == events[i].running_status &&
                      one.free_ca_mode == events[i].free_ca_mode &&
                      simc_slice_equal(one.descriptors, events[i].descriptors));
        }
        ck_assert_int_eq(simc_eit_next(&back.events, &one), SIMC_EEND);
    }
}
END_TEST

START_TEST(tdt_and_tot_are_read_back)
{
    for (int round = 0; round < 300; round++) {
        size_t at = 0;
        struct simc_tot back, tot = {round % 2 ? SIMC_TABLE_TOT : SIMC_TABLE_TDT,
                                     (int64_t)(random_u32() % 2100000000),
                                     random_loop(&at, round % 2 ? random_u32() % 200 : 0)};
        struct simc_writer out = new_out();
        ck_assert_int_eq(simc_tot_build(&out, &tot), 0);
        struct simc_section section;
        ck_assert_int_eq(simc_section_read(simc_slice(out_bytes, out.at), &section), 0);
        ck_assert_int_eq(simc_tot_read(&section, &back), 0);
        ck_assert(!section.long_form && back.table_id == tot.table_id);
        ck_assert_int_eq(back.time_s, tot.time_s);
        ck_assert(simc_slice_equal(back.descriptors, tot.descriptors));
        if (round % 2)
            ck_assert_uint_eq(simc_crc32(section.bytes), 0);
    }
}
END_TEST

START_TEST(ca_descriptors_are_read_back)
{
    static const uint8_t bytes[256] = {1, 2, 3};
    for (size_t size = 0; size <= SIMC_CA_PRIVATE_MAX + 1; size++) {
        struct simc_ca_descriptor ca = {(uint16_t)random_u32(), random_u32() & 0x1fff,
                                        simc_slice(bytes, size)};
        struct simc_ca_descriptor back;
        struct simc_descriptor descriptor;
        struct simc_writer out = new_out();
        simc_ca_descriptor_put(&out, &ca);
        ck_assert_int_eq(out.error, size <= SIMC_CA_PRIVATE_MAX ? 0 : SIMC_ETOOLONG);
        if (out.error)
            continue;
        ck_assert_int_eq(
            simc_descriptor_find(simc_slice(out_bytes, out.at), SIMC_DESCRIPTOR_CA, &descriptor),
            0);
        ck_assert_int_eq(simc_ca_descriptor_read(descriptor.body, &back), 0);
        ck_assert(back.system_id == ca.system_id && back.pid == ca.pid &&
                  simc_slice_equal(back.private_data, ca.private_data));
        for (size_t cut = 0; cut < 4; cut++)
            ck_assert_int_eq(simc_ca_descriptor_read(simc_slice(bytes, cut), &back), SIMC_EPROTO);
    }
    struct simc_writer out = new_out();
    simc_ca_descriptor_put(&out, &(struct simc_ca_descriptor){1, 0x2000, {NULL, 0}});
    ck_assert_int_eq(out.error, SIMC_EINVAL);
}
END_TEST

START_TEST(all_scrambling_modes_are_read_back_and_named)
{
    for (unsigned mode = 0; mode < 256; mode++) {
        uint8_t back;
        struct simc_descriptor descriptor;
        struct simc_writer out = new_out();
        simc_scrambling_descriptor_put(&out, (uint8_t)mode);
        ck_assert_uint_eq(out.at, 3);
        ck_assert_int_eq(simc_descriptor_find(simc_slice(out_bytes, out.at), 0x65, &descriptor), 0);
        ck_assert_int_eq(simc_scrambling_descriptor_read(descriptor.body, &back), 0);
        ck_assert_uint_eq(back, mode);
        ck_assert_ptr_nonnull(simc_scrambling_mode_name((uint8_t)mode));
        (void)simc_table_name((uint8_t)mode);
        ck_assert(!(simc_stream_type_is_video((uint8_t)mode) &&
                    simc_stream_type_is_audio((uint8_t)mode)));
    }
    uint8_t mode;
    ck_assert_int_eq(simc_scrambling_descriptor_read(simc_slice(NULL, 0), &mode), SIMC_EPROTO);
    ck_assert_str_eq(simc_scrambling_mode_name(0x10), "DVB-CISSA version 1");
    ck_assert_str_eq(simc_ca_system_name(0x2610), "EBU BISS");
}
END_TEST

START_TEST(ca_identifiers_are_read_back)
{
    uint16_t ids[128], id;
    for (size_t i = 0; i < 128; i++)
        ids[i] = (uint16_t)random_u32();
    for (size_t count = 0; count <= 128; count++) {
        struct simc_descriptor descriptor;
        struct simc_writer out = new_out();
        simc_ca_identifier_put(&out, ids, count);
        ck_assert_int_eq(out.error, count <= 127 ? 0 : SIMC_ETOOLONG);
        if (out.error)
            continue;
        ck_assert_int_eq(simc_descriptor_find(simc_slice(out_bytes, out.at), 0x53, &descriptor), 0);
        for (size_t i = 0; i < count; i++) {
            ck_assert_int_eq(simc_ca_identifier_next(&descriptor.body, &id), 0);
            ck_assert_uint_eq(id, ids[i]);
        }
        ck_assert_int_eq(simc_ca_identifier_next(&descriptor.body, &id), SIMC_EEND);
    }
    struct simc_slice odd = simc_slice("abc", 3);
    ck_assert_int_eq(simc_ca_identifier_next(&odd, &id), 0);
    ck_assert_int_eq(simc_ca_identifier_next(&odd, &id), SIMC_EPROTO);
    ck_assert_int_eq(simc_ca_identifier_next(&odd, &id), SIMC_EEND);
}
END_TEST

START_TEST(times_are_read_back)
{
    static const struct {
        uint8_t bytes[5];
        int64_t time_s;
    } rows[] = {
        {{0xc0, 0x79, 0x12, 0x45, 0x00}, 750516300}, /* 1993-10-13 12:45:00, the norm's example */
        {{0x9e, 0x8b, 0x00, 0x00, 0x00}, 0},
        {{0x00, 0x00, 0x00, 0x00, 0x00}, INT64_C(-40587) * 86400},
        {{0xff, 0xff, 0x23, 0x59, 0x59}, INT64_C(24949) * 86400 - 1},
        {{0xff, 0xff, 0xff, 0xff, 0xff}, SIMC_DVB_TIME_NONE},
    };
    uint8_t bytes[5];
    int64_t time_s;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_int_eq(simc_dvb_time_get(rows[i].bytes, &time_s), 0);
        ck_assert_int_eq(time_s, rows[i].time_s);
        ck_assert_int_eq(simc_dvb_time_put(bytes, rows[i].time_s), 0);
        ck_assert_mem_eq(bytes, rows[i].bytes, 5);
    }
    static const uint8_t bad[][5] = {{0, 0, 0x24, 0, 0},
                                     {0, 0, 0x1a, 0, 0},
                                     {0, 0, 0, 0x60, 0},
                                     {0, 0, 0, 0, 0x60},
                                     {0, 0, 0, 0, 0xff}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(simc_dvb_time_get(bad[i], &time_s), SIMC_EPROTO);
    ck_assert_int_eq(simc_dvb_time_put(bytes, INT64_C(24949) * 86400), SIMC_EINVAL);
    ck_assert_int_eq(simc_dvb_time_put(bytes, INT64_C(-40587) * 86400 - 1), SIMC_EINVAL);
}
END_TEST

/* Reads everything that can be read in a section; all of it must stay inside and end. */
static size_t read_all(struct simc_slice bytes)
{
    struct simc_section section;
    if (simc_section_read(bytes, &section) != 0)
        return 0;
    struct simc_descriptor descriptor;
    struct simc_pat pat;
    struct simc_pat_entry program;
    struct simc_pmt pmt;
    struct simc_pmt_stream stream;
    struct simc_nit nit;
    struct simc_nit_stream nit_stream;
    struct simc_sdt sdt;
    struct simc_sdt_service service;
    struct simc_eit eit;
    struct simc_eit_event event;
    struct simc_tot tot;
    struct simc_slice loop;
    size_t steps = 0;
    if (simc_pat_read(&section, &pat) == 0)
        for (; simc_pat_next(&pat.programs, &program) == 0; steps++)
            ;
    if (simc_cat_read(&section, &loop) == 0)
        for (; simc_descriptor_next(&loop, &descriptor) == 0; steps++)
            ;
    if (simc_pmt_read(&section, &pmt) == 0)
        for (; simc_pmt_next(&pmt.streams, &stream) == 0; steps++)
            while (simc_descriptor_next(&stream.descriptors, &descriptor) == 0)
                ;
    if (simc_nit_read(&section, &nit) == 0)
        for (; simc_nit_next(&nit.streams, &nit_stream) == 0; steps++)
            ;
    if (simc_sdt_read(&section, &sdt) == 0)
        for (; simc_sdt_next(&sdt.services, &service) == 0; steps++)
            ;
    if (simc_eit_read(&section, &eit) == 0)
        for (; simc_eit_next(&eit.events, &event) == 0; steps++)
            ;
    if (simc_tot_read(&section, &tot) == 0)
        steps++;
    return steps;
}

START_TEST(hostile_sections_do_no_harm)
{
    static const uint8_t ids[] = {0x00, 0x01, 0x02, 0x40, 0x42, 0x4a, 0x4e, 0x60, 0x70, 0x73, 0x80};
    size_t steps = 0;
    for (int round = 0; round < 100000; round++) {
        size_t size = random_u32() % (round % 10 ? 64 : 1024);
        uint8_t *bytes = simc_alloc(size ? size : 1);
        ck_assert_ptr_nonnull(bytes);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(random_u32() % 3 ? random_u32() % 16 : random_u32());
        if (size >= 3) {
            bytes[0] = ids[random_u32() % sizeof ids];
            bytes[1] = (uint8_t)((random_u32() & 0xf0) | (size - 3) >> 8);
            bytes[2] = (uint8_t)(size - 3);
        }
        steps += read_all(simc_slice(bytes, size));
        simc_free(bytes);
    }
    ck_assert_uint_gt(steps, 10000);
}
END_TEST

START_TEST(sections_of_a_wrong_length_are_refused)
{
    uint8_t bytes[64];
    for (size_t row = 0; row < sizeof known / sizeof known[0]; row++) {
        size_t size;
        struct simc_section section;
        ck_assert_int_eq(
            simc_hex_read(simc_slice_text(known[row].hex), bytes, sizeof bytes, &size, NULL), 0);
        ck_assert_int_eq(simc_section_read(simc_slice(bytes, size), &section), 0);
        ck_assert_uint_gt(read_all(simc_slice(bytes, size)), 0);
        for (size_t cut = 0; cut < size; cut++)
            ck_assert_int_eq(simc_section_read(simc_slice(bytes, cut), &section), SIMC_EPROTO);
        /* A long section with no room for its CRC. */
        for (uint8_t length = 0; length < 9; length++) {
            bytes[2] = length;
            bytes[1] &= 0xf0;
            ck_assert_int_eq(simc_section_read(simc_slice(bytes, 3u + length), &section),
                             SIMC_EPROTO);
        }
    }
}
END_TEST

Suite *suite_psi_tables(void)
{
    Suite *suite = suite_create("psi tables");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, known_sections_are_built_byte_for_byte);
    tcase_add_test(tests, pat_of_any_length_is_read_back);
    tcase_add_test(tests, cat_of_any_length_is_read_back);
    tcase_add_test(tests, pmt_is_read_back_or_refused);
    tcase_add_test(tests, nit_and_bat_of_any_length_are_read_back);
    tcase_add_test(tests, sdt_of_any_length_is_read_back);
    tcase_add_test(tests, eit_is_read_back);
    tcase_add_test(tests, tdt_and_tot_are_read_back);
    tcase_add_test(tests, ca_descriptors_are_read_back);
    tcase_add_test(tests, all_scrambling_modes_are_read_back_and_named);
    tcase_add_test(tests, ca_identifiers_are_read_back);
    tcase_add_test(tests, times_are_read_back);
    tcase_add_test(tests, hostile_sections_do_no_harm);
    tcase_add_test(tests, sections_of_a_wrong_length_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
