/* SPDX-License-Identifier: BSL-1.0 */
/* FIG type 6 in both layouts, written and read, from tables of cases with their bytes. Run by the
 * unit test runner. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/dab.h"
#include "unit/unit.h"

Suite *suite_dab_fig6(void);

enum { CALLS_MAX = 4, LIST_MAX = 20, FILLED = 0xee };

#define ORGANIZATION &simc_fig6_organization
#define SERVICE      &simc_fig6_service
#define EN300401     &simc_fig6_en300401

/* Free to air, 16-bit with CA, 32-bit with CA. */
#define FREE(id_)                               \
    {                                           \
        .id = (id_), .is_32bit = (id_) > 0xffff \
    }
#define CA(id_, ca_)                                                                \
    {                                                                               \
        .id = (id_), .is_32bit = (id_) > 0xffff, .has_ca = true, .ca_system = (ca_) \
    }
#define WIDE(id_, ca_)                                                    \
    {                                                                     \
        .id = (id_), .is_32bit = true, .has_ca = true, .ca_system = (ca_) \
    }

struct call {
    size_t space;
    const char *hex; /* "" for nothing */
    bool complete;
};

struct fill_row {
    const char *name;
    const struct simc_fig_source *source;
    bool disabled, unconfigured;
    unsigned short_cycles;
    uint16_t systems[LIST_MAX];
    struct simc_dab_service services[LIST_MAX];
    struct call calls[CALLS_MAX]; /* a space of 0 ends them */
};

#define SYSTEMS_14                                                                          \
    0x5601, 0x5602, 0x5603, 0x5604, 0x5605, 0x5606, 0x5607, 0x5608, 0x5609, 0x560a, 0x560b, \
        0x560c, 0x560d, 0x560e
#define HEX_14 "dd00 5601 5602 5603 5604 5605 5606 5607 5608 5609 560a 560b 560c 560d 560e"
#define HEX_7  "dd01 5001 5601 5002 5601 5003 5601 5004 5601 5005 5601 5006 5601 5007 5601"
#define SERVICES_8                                                                  \
    CA(0x5001, 0x5601), CA(0x5002, 0x5601), CA(0x5003, 0x5601), CA(0x5004, 0x5601), \
        CA(0x5005, 0x5601), CA(0x5006, 0x5601), CA(0x5007, 0x5601), CA(0x5008, 0x5601)
#define HEX_4_WIDE "d921 e1400001 4a10 e1400002 4a10 e1400003 4a10 e1400004 4a10"

static const struct fill_row fill_rows[] = {
    {"6/0 one system", ORGANIZATION, .systems = {0x5601}, .calls = {{30, "c3005601", true}}},
    {"6/0 three systems", ORGANIZATION, .systems = {0x5601, 0x4a10, 0x5901},
     .calls = {{30, "c700 5601 4a10 5901", true}}},
    {"6/0 CA disabled", ORGANIZATION, .disabled = true, .systems = {0x5601},
     .calls = {{30, "", true}}},
    {"6/0 empty list", ORGANIZATION, .calls = {{30, "", true}}},
    {"6/0 not configured", ORGANIZATION, .unconfigured = true, .calls = {{30, "", true}}},
    {"6/0 one byte too few", ORGANIZATION, .systems = {0x5601},
     .calls = {{3, "", false}, {3, "", false}, {30, "c3005601", true}}},
    {"6/1 one service", SERVICE, .services = {CA(0x5001, 0x5601)},
     .calls = {{30, "c50150015601", true}}},
    {"6/1 data service", SERVICE, .services = {CA(0x10001, 0x5601)},
     .calls = {{30, "c721 00010001 5601", true}}},
    {"6/1 32-bit service", SERVICE, .services = {CA(0x12345678, 0x4a10)},
     .calls = {{30, "c721 12345678 4a10", true}}},
    {"6/1 three services", SERVICE,
     .services = {CA(0x5001, 0x5601), CA(0x5002, 0x5601), CA(0x5003, 0x4a10)},
     .calls = {{30, "cd01 5001 5601 5002 5601 5003 4a10", true}}},
    {"6/1 all free to air", SERVICE, .services = {FREE(0x5001), FREE(0x5002), FREE(0xe1400001)},
     .calls = {{30, "", true}}},
    {"6/1 free to air in the middle", SERVICE,
     .services = {CA(0x5001, 0x5601), FREE(0x5002), CA(0x5003, 0x4a10)},
     .calls = {{30, "c901 5001 5601 5003 4a10", true}}},
    {"6/1 called twice", SERVICE, .services = {CA(0x5001, 0x5601), CA(0x5002, 0x5601)},
     .calls = {{30, "c901 5001 5601 5002 5601", true}, {30, "c901 5001 5601 5002 5601", true}}},
    {"6/1 iterates in little space", SERVICE, .services = {CA(0x5001, 0x5601), CA(0x5002, 0x5601)},
     .calls = {{6, "c50150015601", false}, {6, "c50150025601", true}, {6, "c50150015601", false}}},
    {"6/0 two systems", ORGANIZATION, .systems = {0x5601, 0x4a10},
     .calls = {{30, "c50056014a10", true}}},
    {"6/0 exactly enough space", ORGANIZATION, .systems = {0x5601},
     .calls = {{4, "c3005601", true}}},
    {"6/0 all or nothing", ORGANIZATION, .systems = {0x5601, 0x4a10},
     .calls = {{5, "", false}, {6, "c50056014a10", true}}},
    {"6/0 14 systems", ORGANIZATION, .systems = {SYSTEMS_14}, .calls = {{30, HEX_14, true}}},
    {"6/0 15 systems are split", ORGANIZATION, .systems = {SYSTEMS_14, 0x560f},
     .calls = {{30, HEX_14, false}, {30, "c300560f", true}, {30, HEX_14, false}}},
    {"6/0 never a length above 29", ORGANIZATION, .systems = {SYSTEMS_14, 0x560f},
     .calls = {{32, HEX_14, false}, {32, "c300560f", true}}},
    {"6/0 a split list takes what space there is", ORGANIZATION, .systems = {SYSTEMS_14, 0x560f},
     .calls = {{7, "c50056015602", false}, {3, "", false}, {4, "c3005603", false}}},
    {"6/1 no services", SERVICE, .calls = {{30, "", true}}},
    {"6/1 not configured", SERVICE, .unconfigured = true, .calls = {{30, "", true}}},
    {"6/1 CA disabled", SERVICE, .disabled = true, .services = {CA(0x5001, 0x5601)},
     .calls = {{30, "", true}}},
    {"6/1 16-bit, one byte too few", SERVICE, .services = {CA(0x5001, 0x5601)},
     .calls = {{5, "", false}, {6, "c50150015601", true}}},
    {"6/1 32-bit, one byte too few", SERVICE, .services = {CA(0x12345678, 0x4a10)},
     .calls = {{7, "", false}, {8, "c721 12345678 4a10", true}}},
    {"6/1 eight services", SERVICE, .services = {SERVICES_8},
     .calls = {{30, HEX_7, false}, {30, "c50150085601", true}, {30, HEX_7, false}}},
    {"6/1 never a length above 29", SERVICE, .services = {SERVICES_8},
     .calls = {{64, HEX_7, false}}},
    {"6/1 five 32-bit services", SERVICE,
     .services = {CA(0xe1400001, 0x4a10), CA(0xe1400002, 0x4a10), CA(0xe1400003, 0x4a10),
                  CA(0xe1400004, 0x4a10), CA(0xe1400005, 0x4a10)},
     .calls = {{30, HEX_4_WIDE, false}, {30, "c721 e1400005 4a10", true}}},
    {"6/1 where 16 bits end", SERVICE, .services = {CA(0xffff, 0x5601), CA(0x10000, 0x5601)},
     .calls = {{30, "c501ffff5601", false}, {30, "c721 00010000 5601", true}}},
    {"6/1 a 32-bit id of a small value", SERVICE, .services = {WIDE(0x5001, 0x5601)},
     .calls = {{30, "c721 00005001 5601", true}}},
    {"6/1 sizes are never mixed", SERVICE, .services = {CA(0x5001, 0x5601), CA(0xe1400003, 0x4a10)},
     .calls = {{30, "c50150015601", false}, {24, "c721 e1400003 4a10", true}}},
    {"6/1 sizes are never mixed, other order", SERVICE,
     .services = {CA(0xe1400003, 0x4a10), CA(0x5001, 0x5601)},
     .calls = {{30, "c50150015601", false}, {24, "c721 e1400003 4a10", true}}},
    {"6/1 CA system id 0 is an id", SERVICE, .services = {CA(0x5001, 0)},
     .calls = {{30, "c50150010000", true}}},
    {"EN 300 401 long, 16 bits", EN300401, .systems = {0x5601}, .services = {CA(0x5001, 0x5601)},
     .calls = {{30, "c50950015601", true}, {5, "", false}, {6, "c50950015601", true}}},
    {"EN 300 401 short, 16 bits", EN300401, .short_cycles = 1, .systems = {0x5601},
     .services = {CA(0x5001, 0x5601)},
     .calls = {{30, "c50950015601", true},
               {3, "", false},
               {4, "c3015001", true},
               {30, "c50950015601", true}}},
    {"EN 300 401 long and short, 32 bits", EN300401, .short_cycles = 2, .systems = {0x5601, 0x4a10},
     .services = {CA(0x12345678, 0x4a10)},
     .calls = {{30, "c71a 12345678 4a10", true},
               {30, "c512 12345678", true},
               {30, "c512 12345678", true},
               {30, "c71a 12345678 4a10", true}}},
    {"EN 300 401 one FIG for each service, 16 bits first", EN300401, .systems = {0x5601, 0x4a10},
     .services = {WIDE(0xe1400003, 0x5601), CA(0x5001, 0x5601), FREE(0x5002), CA(0x5003, 0x4a10)},
     .calls = {{30, "c50950015601", false},
               {30, "c50a50034a10", false},
               {30, "c719 e1400003 5601", true},
               {30, "c50950015601", false}}},
    {"EN 300 401 CAIntChar", EN300401, .systems = {0x5601},
     .services = {{.id = 0x5001,
                   .has_ca = true,
                   .ca_system = 0x5601,
                   .ca_int_char = {(const uint8_t *)"\xaa\xbb", 2}}},
     .calls = {{7, "", false}, {8, "c70950015601aabb", true}}},
    {"EN 300 401 the longest CAIntChar", EN300401, .systems = {0x5601},
     .services = {{.id = 0x5001,
                   .has_ca = true,
                   .ca_system = 0x5601,
                   .ca_int_char = {(const uint8_t *)"ABCDEFGHIJKLMNOPQRSTUVWX", 24}}},
     .calls = {{30, "dd0950015601 4142434445464748494a4b4c4d4e4f505152535455565758", true}}},
    {"EN 300 401 leaves out a system without number", EN300401, .systems = {1, 2, 3, 4, 5, 6, 7, 8},
     .services = {CA(0x5001, 8), CA(0x5002, 7), CA(0x5003, 9)},
     .calls = {{30, "c50f50020007", true}}},
};

static struct simc_dab_ca ca_of(const struct fill_row *row)
{
    struct simc_dab_ca ca = {
        .enabled = !row->disabled,
        .layout = row->source == EN300401 ? SIMC_DAB_EN300401 : SIMC_DAB_SIMPLE,
        .systems = row->systems,
        .services = row->services,
        .short_cycles = row->short_cycles,
    };
    while (ca.system_count < LIST_MAX && row->systems[ca.system_count])
        ca.system_count++;
    while (ca.service_count < LIST_MAX && row->services[ca.service_count].id)
        ca.service_count++;
    return ca;
}

START_TEST(sources_write_the_bytes_of_the_table)
{
    for (size_t i = 0; i < UNIT_COUNT(fill_rows); i++) {
        const struct fill_row *row = &fill_rows[i];
        struct simc_dab_ca ca = ca_of(row);
        struct simc_fig_cursor cursor = {0, 0, 0};
        for (size_t k = 0; k < CALLS_MAX && row->calls[k].space; k++) {
            const struct call *call = &row->calls[k];
            struct unit_bytes wanted = unit_hex(call->hex);
            uint8_t room[64];
            memset(room, FILLED, sizeof room);
            uint32_t before = cursor.at;
            struct simc_fig_fill fill =
                row->source->fill(row->unconfigured ? NULL : &ca, &cursor, room, call->space);
            ck_assert_msg(fill.size == wanted.size && memcmp(room, wanted.data, fill.size) == 0 &&
                              fill.complete == call->complete,
                          "%s, call %zu: %zu bytes, complete %d", row->name, k + 1, fill.size,
                          fill.complete);
            for (size_t at = fill.size; at < sizeof room; at++)
                ck_assert_msg(room[at] == FILLED, "%s: wrote behind the FIG", row->name);
            if (fill.complete)
                ck_assert_uint_eq(cursor.at, 0);
            else if (!fill.size)
                ck_assert_uint_eq(cursor.at, before);
        }
    }
}
END_TEST

START_TEST(sources_say_what_they_are)
{
    static const struct {
        const struct simc_fig_source *source;
        int extension;
    } rows[] = {{ORGANIZATION, 0}, {SERVICE, 1}, {EN300401, -1}};
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        ck_assert_uint_eq(rows[i].source->type, 6);
        ck_assert_int_eq(rows[i].source->extension, rows[i].extension);
        ck_assert_int_eq(rows[i].source->rate, SIMC_FIG_RATE_C);
        ck_assert_int_eq(rows[i].source->priority, SIMC_FIG_NORMAL);
        ck_assert_uint_eq(rows[i].source->period_ms, 1000);
        ck_assert_ptr_nonnull(strstr(rows[i].source->name, "FIG 6"));
    }
}
END_TEST

/* A list that changes between two calls of a cycle: the cycle starts again. */
START_TEST(a_changed_list_restarts_the_cycle)
{
    static const struct simc_dab_service services[] = {SERVICES_8, CA(0x5009, 0x5601)};
    static const struct {
        size_t count;
        const char *hex;
        bool complete;
    } rows[] = {
        {8, "c50150085601", true}, /* unchanged */
        {3, "cd01 5001 5601 5002 5601 5003 5601", true},
        {0, "", true},
        {7, HEX_7, true},
        {9, HEX_7, false},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct simc_dab_ca ca = {.enabled = true, .services = services, .service_count = 8};
        struct simc_fig_cursor cursor = {0, 0, 0};
        uint8_t room[SIMC_FIG_SIZE_MAX];
        struct simc_fig_fill fill = simc_fig6_service.fill(&ca, &cursor, room, sizeof room);
        ck_assert(fill.size == 30 && !fill.complete);
        ca.service_count = rows[i].count;
        fill = simc_fig6_service.fill(&ca, &cursor, room, sizeof room);
        unit_expect_hex(simc_slice(room, fill.size), rows[i].hex);
        ck_assert_int_eq(fill.complete, rows[i].complete);
        ck_assert_uint_eq(cursor.at, rows[i].complete ? 0 : 7);
    }
}
END_TEST

/* The systems and an entry of the services change, not the counts. */
START_TEST(a_changed_entry_restarts_the_cycle)
{
    uint16_t systems[] = {SYSTEMS_14, 0x560f};
    struct simc_dab_ca ca = {.enabled = true, .systems = systems, .system_count = 15};
    struct simc_fig_cursor cursor = {0, 0, 0};
    uint8_t room[SIMC_FIG_SIZE_MAX];
    struct simc_fig_fill fill = simc_fig6_organization.fill(&ca, &cursor, room, sizeof room);
    ck_assert(fill.size == 30 && !fill.complete);
    systems[0] = 0x4a10;
    fill = simc_fig6_organization.fill(&ca, &cursor, room, 4);
    unit_expect_hex(simc_slice(room, fill.size), "c3004a10");
    ca.system_count = 1;
    fill = simc_fig6_organization.fill(&ca, &cursor, room, sizeof room);
    unit_expect_hex(simc_slice(room, fill.size), "c3004a10");
    ck_assert(fill.complete);
}
END_TEST

START_TEST(rules_between_the_lists_are_checked)
{
    static const uint8_t data[25];
    static const struct {
        enum simc_dab_layout layout;
        enum simc_dab_ca_fault fault;
        size_t index;
        uint16_t systems[LIST_MAX];
        struct simc_dab_service services[LIST_MAX];
    } rows[] = {
        {SIMC_DAB_SIMPLE, SIMC_DAB_CA_GOOD, 0, {0}, {{.id = 0}}},
        {SIMC_DAB_SIMPLE, SIMC_DAB_CA_GOOD, 0, {SYSTEMS_14, 1}, {CA(0x5001, 1), FREE(0x5002)}},
        {SIMC_DAB_SIMPLE, SIMC_DAB_CA_GOOD, 0, {1}, {CA(0x5001, 1), WIDE(0x5001, 1)}},
        {SIMC_DAB_SIMPLE, SIMC_DAB_CA_SYSTEM_TWICE, 2, {1, 2, 1}, {FREE(1)}},
        {SIMC_DAB_SIMPLE, SIMC_DAB_CA_SERVICE_TWICE, 1, {1}, {CA(0x5001, 1), FREE(0x5001)}},
        {SIMC_DAB_SIMPLE, SIMC_DAB_CA_UNDECLARED, 1, {1}, {FREE(1), CA(0x5001, 2)}},
        {SIMC_DAB_SIMPLE, SIMC_DAB_CA_SERVICE_WIDE, 0, {1}, {{.id = 0x10000}}},
        {SIMC_DAB_SIMPLE,
         SIMC_DAB_CA_CA_INT_LAYOUT,
         0,
         {1},
         {{.id = 1, .has_ca = true, .ca_system = 1, .ca_int_char = {data, 1}}}},
        {SIMC_DAB_EN300401, SIMC_DAB_CA_GOOD, 0, {1, 2, 3, 4, 5, 6, 7}, {CA(0x5001, 7)}},
        {SIMC_DAB_EN300401, SIMC_DAB_CA_SHORT_MAX, 7, {1, 2, 3, 4, 5, 6, 7, 8}, {FREE(1)}},
        {SIMC_DAB_EN300401,
         SIMC_DAB_CA_GOOD,
         0,
         {1},
         {{.id = 1, .has_ca = true, .ca_system = 1, .ca_int_char = {data, 24}}}},
        {SIMC_DAB_EN300401,
         SIMC_DAB_CA_CA_INT_LONG,
         0,
         {1},
         {{.id = 1, .has_ca = true, .ca_system = 1, .ca_int_char = {data, 25}}}},
        {SIMC_DAB_EN300401,
         SIMC_DAB_CA_CA_INT_LONG,
         1,
         {1},
         {FREE(2),
          {.id = 1, .is_32bit = true, .has_ca = true, .ca_system = 1, .ca_int_char = {data, 23}}}},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct fill_row row = {.source = rows[i].layout ? EN300401 : SERVICE};
        memcpy(row.systems, rows[i].systems, sizeof row.systems);
        memcpy(row.services, rows[i].services, sizeof row.services);
        struct simc_dab_ca ca = ca_of(&row);
        size_t index;
        enum simc_dab_ca_fault fault = simc_dab_ca_check(&ca, &index);
        ck_assert_msg(fault == rows[i].fault, "row %zu: %s", i, simc_dab_ca_fault_text(fault));
        if (fault)
            ck_assert_uint_eq(index, rows[i].index);
    }
    struct simc_dab_ca ca = {.enabled = true, .service_count = SIMC_DAB_SERVICES_MAX + 1};
    size_t index;
    ck_assert_int_eq(simc_dab_ca_check(&ca, &index), SIMC_DAB_CA_TOO_MANY);
    ca.system_count = SIMC_DAB_SYSTEMS_MAX + 1;
    ck_assert_int_eq(simc_dab_ca_check(&ca, &index), SIMC_DAB_CA_TOO_MANY);
    ck_assert_uint_eq(index, SIMC_DAB_SYSTEMS_MAX);
}
END_TEST

/* ---- reading ---- */

struct read_row {
    const char *hex;
    enum simc_fig6_reading reading;
    int error;
    enum simc_fig6_form form;
    const char *flags; /* n(ext), o(ther), w(ide) */
    unsigned short_id, surplus, count;
    uint32_t first_service;
    uint16_t first_system;
    unsigned ca_int_size;
};

#define AUTO   SIMC_FIG6_AS_AUTO
#define SIMPLE SIMC_FIG6_AS_SIMPLE
#define EN     SIMC_FIG6_AS_EN300401
#define BAD    SIMC_EPROTO

static const struct read_row read_rows[] = {
    {"c3005601", AUTO, 0, SIMC_FIG6_ORGANIZATION, "", 0, 0, 1, 0, 0x5601, 0},
    {"c100", AUTO, 0, SIMC_FIG6_ORGANIZATION, "", 0, 0, 0, 0, 0, 0},
    {HEX_14, AUTO, 0, SIMC_FIG6_ORGANIZATION, "", 0, 0, 14, 0, 0x5601, 0},
    {HEX_7, AUTO, 0, SIMC_FIG6_SERVICE, "", 0, 0, 7, 0x5001, 0x5601, 0},
    {HEX_4_WIDE, AUTO, 0, SIMC_FIG6_SERVICE, "w", 0, 0, 4, 0xe1400001, 0x4a10, 0},
    {"c50150015601", AUTO, 0, SIMC_FIG6_SERVICE, "", 0, 0, 1, 0x5001, 0x5601, 0},
    {"c721123456784a10", AUTO, 0, SIMC_FIG6_SERVICE, "w", 0, 0, 1, 0x12345678, 0x4a10, 0},
    {"c50950015601", AUTO, 0, SIMC_FIG6_LONG, "", 1, 0, 1, 0x5001, 0x5601, 0},
    {"c54950015601", AUTO, 0, SIMC_FIG6_LONG, "n", 1, 0, 1, 0x5001, 0x5601, 0},
    {"c70950015601aabb", AUTO, 0, SIMC_FIG6_LONG, "", 1, 0, 1, 0x5001, 0x5601, 2},
    {"c71a123456784a10", AUTO, 0, SIMC_FIG6_LONG, "w", 2, 0, 1, 0x12345678, 0x4a10, 0},
    {"c3015001", AUTO, 0, SIMC_FIG6_SHORT, "", 1, 0, 1, 0x5001, 0, 0},
    {"c3215001", AUTO, 0, SIMC_FIG6_SHORT, "o", 1, 0, 1, 0x5001, 0, 0},
    {"c51212345678", AUTO, 0, SIMC_FIG6_SHORT, "w", 2, 0, 1, 0x12345678, 0, 0},
    /* Neither layout. */
    {"cb2150015601e14000034a10", AUTO, BAD, SIMC_FIG6_UNKNOWN, "", 0, 0, 0, 0, 0, 0},
    {"c40056014a", AUTO, BAD, SIMC_FIG6_UNKNOWN, "", 0, 0, 0, 0, 0, 0},
    {"c701500156010000", AUTO, BAD, SIMC_FIG6_UNKNOWN, "", 0, 0, 0, 0, 0, 0},
    {"c101", AUTO, BAD, SIMC_FIG6_UNKNOWN, "", 0, 0, 0, 0, 0, 0},
    {"c5105001aabb", AUTO, BAD, SIMC_FIG6_UNKNOWN, "", 0, 0, 0, 0, 0, 0},
    {"c58950015601", AUTO, BAD, SIMC_FIG6_UNKNOWN, "", 0, 0, 0, 0, 0, 0},
    {"c30a5003", AUTO, BAD, SIMC_FIG6_UNKNOWN, "", 2, 0, 0, 0, 0, 0},
    {"c0", AUTO, BAD, SIMC_FIG6_UNKNOWN, "", 0, 0, 0, 0, 0, 0},
    {"", AUTO, BAD, SIMC_FIG6_UNKNOWN, "", 0, 0, 0, 0, 0, 0},
    {"c30056", AUTO, BAD, SIMC_FIG6_UNKNOWN, "", 0, 0, 0, 0, 0, 0},
    {"03005601", AUTO, BAD, SIMC_FIG6_UNKNOWN, "", 0, 0, 0, 0, 0, 0},
    /* The simple layout by force. */
    {"c3015001", SIMPLE, BAD, SIMC_FIG6_SERVICE, "", 0, 2, 0, 0, 0, 0},
    {"cb2150015601e14000034a10", SIMPLE, BAD, SIMC_FIG6_SERVICE, "w", 0, 4, 1, 0x50015601, 0xe140,
     0},
    {"c50950015601", SIMPLE, BAD, SIMC_FIG6_UNKNOWN, "", 0, 0, 0, 0, 0, 0},
    {"c58150015601", SIMPLE, 0, SIMC_FIG6_SERVICE, "n", 0, 0, 1, 0x5001, 0x5601, 0},
    {"c3405601", SIMPLE, 0, SIMC_FIG6_ORGANIZATION, "o", 0, 0, 1, 0, 0x5601, 0},
    /* How an EN 300 401 reader misreads the simple layout. */
    {"c3005601", EN, 0, SIMC_FIG6_SHORT, "", 0, 0, 1, 0x5601, 0, 0},
    {"c50056014a10", EN, BAD, SIMC_FIG6_SHORT, "", 0, 2, 1, 0x5601, 0, 0},
    {"c50150015601", EN, BAD, SIMC_FIG6_SHORT, "", 1, 2, 1, 0x5001, 0, 0},
    {"c721123456784a10", EN, BAD, SIMC_FIG6_SHORT, "o", 1, 4, 1, 0x1234, 0, 0},
    {"c30a5003", EN, BAD, SIMC_FIG6_UNKNOWN, "", 2, 0, 0, 0, 0, 0},
};

START_TEST(figs_are_read_as_the_table_says)
{
    for (size_t i = 0; i < UNIT_COUNT(read_rows); i++) {
        const struct read_row *row = &read_rows[i];
        struct unit_bytes bytes = unit_hex(row->hex);
        uint8_t *exact = unit_exact(unit_slice(&bytes));
        struct simc_fig6 fig;
        int error = simc_fig6_read(simc_slice(exact, bytes.size), row->reading, &fig);
        ck_assert_msg(error == row->error && fig.form == row->form && fig.count == row->count &&
                          fig.surplus == row->surplus && fig.short_id == row->short_id &&
                          fig.ca_int_char.size == row->ca_int_size,
                      "%s (row %zu): %s, form %d, count %u, surplus %u, short id %u", row->hex, i,
                      simc_error_name(error), fig.form, fig.count, fig.surplus, fig.short_id);
        ck_assert_int_eq(fig.next, strchr(row->flags, 'n') != NULL);
        ck_assert_int_eq(fig.other, strchr(row->flags, 'o') != NULL);
        ck_assert_int_eq(fig.is_32bit, strchr(row->flags, 'w') != NULL);
        ck_assert_uint_eq(fig.entries[0].service, row->first_service);
        ck_assert_uint_eq(fig.entries[0].ca_system, row->first_system);
        free(exact);
    }
}
END_TEST

/* Every FIG that a source writes is told apart and read back. */
START_TEST(what_is_written_is_read_back)
{
    for (size_t i = 0; i < UNIT_COUNT(fill_rows); i++) {
        const struct fill_row *row = &fill_rows[i];
        for (size_t k = 0; k < CALLS_MAX && row->calls[k].space; k++) {
            struct unit_bytes bytes = unit_hex(row->calls[k].hex);
            struct simc_fig6 fig;
            if (!bytes.size)
                continue;
            unit_expect_error(simc_fig6_read(unit_slice(&bytes), SIMC_FIG6_AS_AUTO, &fig), 0);
            bool is_simple = fig.form == SIMC_FIG6_ORGANIZATION || fig.form == SIMC_FIG6_SERVICE;
            ck_assert_msg(is_simple == (row->source != EN300401), "%s", row->calls[k].hex);
            ck_assert_uint_ge(fig.count, 1);
        }
    }
}
END_TEST

Suite *suite_dab_fig6(void)
{
    Suite *suite = suite_create("dab_fig6");
    TCase *tcase = tcase_create("fig6");
    tcase_add_test(tcase, sources_write_the_bytes_of_the_table);
    tcase_add_test(tcase, sources_say_what_they_are);
    tcase_add_test(tcase, a_changed_list_restarts_the_cycle);
    tcase_add_test(tcase, a_changed_entry_restarts_the_cycle);
    tcase_add_test(tcase, rules_between_the_lists_are_checked);
    tcase_add_test(tcase, figs_are_read_as_the_table_says);
    tcase_add_test(tcase, what_is_written_is_read_back);
    suite_add_tcase(suite, tcase);
    return suite;
}
