/* SPDX-License-Identifier: BSL-1.0 */
/* Memory that is missing at each place of a synchroniser's life, and for a while at each moment of
 * it: a start or a reload is made whole or not at all, and what runs finds its way back. */
#include <string.h>

#include "base/text.h"
#include "scs/internal.h"
#include "unit/scs_world.h"

Suite *suite_scs_memory(void);

enum { CP_MS = 1000, TICKS_PER_MS = 27000, PAGE_SIZE = 1 << 16 };

#define ECMG(name, port, id, more)                                             \
    "  - {name: " name ", super_cas_id: " id ", address: '127.0.0.1:" port "'" \
    ", idle_test: 1s, " more "}\n"
#define A "0x11110001"
#define B "0x22220001"

/* Group 1 stays, group 2 is made anew, group 3 comes, group 4 goes. Of the ECMGs a1 is made anew
 * under its name, b2 goes, a3 comes. */
static const char before[] = "hold: 2s\necmgs:\n" ECMG("a1", "1001", A, "test: 1s")
    ECMG("a2", "1002", A, "test: 1s, priority: 1") ECMG("b1", "2001", B, "test: 1s")
        ECMG("b2", "2002", B, "test: 1s, priority: 1") "scgs:\n"
                                                       "  - id: 1\n"
                                                       "    services: [{service_id: 1}]\n"
                                                       "    crypto_period: 1s\n"
                                                       "    streams:\n"
                                                       "      - {super_cas_id: " A
                                                       ", ecm_id: 10, access_criteria: 'a10101'}\n"
                                                       "      - {super_cas_id: " B ", ecm_id: 11}\n"
                                                       "  - id: 2\n"
                                                       "    services: [{service_id: 2}]\n"
                                                       "    crypto_period: 1s\n"
                                                       "    streams:\n"
                                                       "      - {super_cas_id: " A
                                                       ", ecm_id: 20, access_criteria: 'a2'}\n"
                                                       "      - {super_cas_id: " B ", ecm_id: 21}\n"
                                                       "  - id: 4\n"
                                                       "    services: [{service_id: 4}]\n"
                                                       "    crypto_period: 1s\n"
                                                       "    streams: [{super_cas_id: " A
                                                       ", ecm_id: 40}]\n";

static const char after[] = "hold: 2s\necmgs:\n" ECMG("a1", "1001", A, "test: 2s")
    ECMG("a2", "1002", A, "test: 1s, priority: 1") ECMG("a3", "1003", A, "test: 1s, priority: 2")
        ECMG("b1", "2001", B, "test: 1s") "scgs:\n"
                                          "  - id: 1\n"
                                          "    services: [{service_id: 1}, {service_id: 5}]\n"
                                          "    crypto_period: 1s\n"
                                          "    streams:\n"
                                          "      - {super_cas_id: " A
                                          ", ecm_id: 10, access_criteria: 'bbbb'}\n"
                                          "      - {super_cas_id: " B ", ecm_id: 11}\n"
                                          "  - id: 2\n"
                                          "    services: [{service_id: 2}]\n"
                                          "    crypto_period: 1s\n"
                                          "    streams:\n"
                                          "      - {super_cas_id: " A ", ecm_id: 22}\n"
                                          "      - {super_cas_id: " A
                                          ", ecm_id: 20, access_criteria: 'a2'}\n"
                                          "  - id: 3\n"
                                          "    services: [{service_id: 3}]\n"
                                          "    crypto_period: 1s\n"
                                          "    streams: [{super_cas_id: " B
                                          ", ecm_id: 30, access_criteria: 'c3'}]\n";

/* What a synchroniser is to be made of, in words that a comparison can show. */
static const char whole_before[] = "1: a10101 - | 2: a2 - | 4: - | a1 1000 a2 1000 b1 1000 b2 1000";
static const char whole_after[] = "1: bbbb - | 2: - a2 | 3: c3 | a1 2000 a2 1000 a3 1000 b1 1000";

static struct world *world;

static void put_group(struct simc_writer *out, const struct simc__scs_scg *scg)
{
    simc__text_printf(out, "%u:", (unsigned)scg->id);
    for (unsigned i = 0; i < scg->stream_count; i++) {
        const struct simc__scs_stream *stream = &scg->streams[i];
        const struct simc__scs_ac *ac = simc__scs_stream_ac(stream, stream->ac_number);
        simc__text_put(out, " ");
        for (unsigned k = 0; k < ac->size; k++)
            simc__text_printf(out, "%02x", ac->bytes[k]);
        simc__text_put(out, ac->size ? "" : "-");
        ck_assert_ptr_eq(stream->conf, &scg->conf->streams[i]);
        ck_assert_ptr_nonnull(stream->stats);
        ck_assert_uint_eq(stream->ac_next.number, 0);
    }
    simc__text_put(out, " | ");
}

static void expect_whole(const struct simc__scs *scs, const char *wanted)
{
    static const char *const names[] = {"a1", "a2", "a3", "b1", "b2"};
    char memory[512];
    struct simc_writer out = simc_writer((uint8_t *)memory, sizeof memory);
    ck_assert_ptr_eq(scs->conf, &world->confs[world->conf_at]);
    ck_assert_uint_eq(scs->stream_total, 5);
    for (size_t i = 0; i < scs->scg_count; i++)
        put_group(&out, scs->scgs[i]);
    for (unsigned i = 0; i < UNIT_COUNT(names); i++)
        for (const struct simc__scs_ecmg *ecmg = scs->ecmgs; ecmg; ecmg = ecmg->next) {
            if (strcmp(ecmg->conf->name, names[i]) != 0)
                continue;
            ck_assert_ptr_nonnull(ecmg->stats);
            ck_assert_uint_eq(ecmg->channel_count, 1);
            simc__text_printf(&out, "%s %u ", names[i], (unsigned)ecmg->conf->test_ms);
        }
    ck_assert_int_eq(out.error, 0);
    unit_expect_text(simc_slice(memory, out.at - 1), wanted);
}

static void expect_status(void)
{
    static uint8_t memory[PAGE_SIZE];
    struct simc_writer out = simc_writer(memory, sizeof memory);
    struct simc__json json;
    size_t fault_at = 0;
    uint64_t count = unit_alloc_count();
    simc__json_init(&json, &out);
    simc__json_object(&json, NULL);
    simc__scs_status(world->scs, &json);
    simc__json_end(&json);
    unit_expect_error(simc__json_finish(&json), 0);
    ck_assert(unit_json_is_valid(simc_slice(memory, out.at), &fault_at));
    /* The page can be had when there is no memory at all. */
    ck_assert_uint_eq(unit_alloc_count(), count);
}

/* All groups run, all streams have what they are to have, nobody complains. */
static void expect_order(const char *what)
{
    const struct simc__scs *scs = world->scs;
    uint64_t periods[WORLD_SCGS_MAX];
    for (size_t i = 0; i < scs->scg_count; i++)
        periods[i] = world_scg(world, scs->scgs[i]->id)->periods;
    world_pass(world, 2 * CP_MS);
    for (size_t i = 0; i < scs->scg_count; i++) {
        const struct simc__scs_scg *scg = scs->scgs[i];
        unsigned id = (unsigned)scg->id;
        ck_assert_msg(world_scg(world, id)->periods >= periods[i] + 2, "%s: group %u stands", what,
                      id);
        for (unsigned k = 0; k < scg->stream_count; k++) {
            const struct simc__scs_stream *stream = &scg->streams[k];
            bool has_two = stream->conf->super_cas_id == 0x11110001;
            ck_assert_msg(stream->active && stream->active->channel->conf->priority == 0,
                          "%s: stream %u of group %u is not where it belongs", what, k, id);
            ck_assert_msg(!has_two || stream->spare, "%s: stream %u of group %u has no spare lane",
                          what, k, id);
        }
    }
    ck_assert_msg(!world->scs->alarm_counts[0] && !world->scs->alarm_counts[1] &&
                      !world->scs->alarm_counts[2],
                  "%s: alarms are left", what);
    ck_assert_msg(world->unreserved == 0, "%s: CWs went to ECMGs before the mux had them", what);
    expect_status();
}

static void make_world(void)
{
    static const uint16_t ports[] = {1001, 1002, 1003, 2001, 2002};
    unit_alloc_spare(true);
    world = world_new();
    unit_alloc_spare(false);
    world->has_mux = world->mux_returns = true;
    for (unsigned i = 0; i < UNIT_COUNT(ports); i++)
        world_node(world, ports[i]);
}

/* What others have in spare serves in place of what one lost. Only a mux that was away is told late
 * of what began meanwhile. */
static void expect_punctuality(void)
{
    for (uint32_t id = 1; id <= 4; id++) {
        const struct world_scg *scg = world_scg(world, id);
        ck_assert_uint_eq(scg->stretched, 0);
        ck_assert_uint_le(scg->firsts, 1);
        if (world->mux_losses == 0)
            ck_assert_uint_eq(scg->late, 0);
    }
}

/* What a synchroniser that was killed left at the mux. */
static void live_before(void)
{
    unit_alloc_spare(true);
    world_start(world, before);
    world_pass(world, 3 * CP_MS);
    world_kill(world);
    unit_alloc_spare(false);
}

static int live(void *context)
{
    (void)context;
    make_world();
    live_before();
    int error = world_try_start(world, before);
    if (error)
        goto end;
    expect_whole(world->scs, whole_before);
    world_pass(world, 3 * CP_MS);
    world->cp_ticks = CP_MS * TICKS_PER_MS;
    error = world_reload(world, after);
    expect_whole(world->scs, error ? whole_before : whole_after);
    world_pass(world, 5 * CP_MS);
    expect_order("one block was missing");
    expect_punctuality();
end:
    world_free(world);
    return error;
}

START_TEST(one_missing_block_is_refused_or_made_good)
{
    uint64_t count = unit_fail_each_allocation(live, NULL, false);
    ck_assert_uint_gt(count, 200);
}
END_TEST

/* Nothing can be had for a while, which begins at each of many moments. */
START_TEST(a_time_without_any_memory_passes)
{
    enum { STEP_MS = 130 };
    uint64_t moment_ms = (uint64_t)_i * STEP_MS;
    unit_alloc_start(0);
    make_world();
    ck_assert_int_eq(world_try_start(world, before), 0);
    world_pass(world, moment_ms);
    unit_alloc_refuse(true);
    world_pass(world, 700);
    unit_expect_error(world_reload(world, after), SIMC_ENOMEM);
    expect_whole(world->scs, whole_before);
    expect_status();
    world_pass(world, 700);
    unit_alloc_refuse(false);
    world_pass(world, 6 * CP_MS);
    expect_order("memory was missing");
    ck_assert_int_eq(world_reload(world, after), 0);
    expect_whole(world->scs, whole_after);
    world_pass(world, 200);
    unit_alloc_refuse(true);
    world_pass(world, 700);
    unit_alloc_refuse(false);
    world_pass(world, 6 * CP_MS);
    expect_order("memory was missing behind a reload");
    unit_alloc_refuse(true);
    simc__scs_drain(world->scs, world->now_ms);
    world_free(world);
    ck_assert_uint_eq(unit_alloc_stop(), 0);
}
END_TEST

Suite *suite_scs_memory(void)
{
    Suite *suite = suite_create("scs_memory");
    TCase *tests = tcase_create("one block");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, one_missing_block_is_refused_or_made_good);
    suite_add_tcase(suite, tests);
    tests = tcase_create("no memory");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_time_without_any_memory_passes, 0, 24);
    suite_add_tcase(suite, tests);
    return suite;
}
