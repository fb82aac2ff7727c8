/* SPDX-License-Identifier: BSL-1.0 */
/* An ECM generator and SCSs without network: exchanges the bytes of their sessions and keeps what
 * happens for the test. The tests of ecmg/ call it. */
#include "unit/ecmg_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys/file.h"
#include "simulcrypt/cas.h"

/* ---- the world around the service ---- */

static void keep_line(void *context, enum simc_log_level level, struct simc_slice line)
{
    struct ecmg_bench *bench = context;
    (void)level;
    if (line.size < sizeof bench->lines - bench->lines_size) {
        memcpy(bench->lines + bench->lines_size, line.data, line.size);
        bench->lines_size += line.size;
    }
}

static uint64_t wall_s(void *context)
{
    return ((struct ecmg_bench *)context)->wall_s;
}

static uint64_t monotonic_ns(void *context)
{
    return ((struct ecmg_bench *)context)->now_ms * 1000000;
}

static const struct simc_ecm_plugin *plugin_load(void *context, const char *path,
                                                 char why[SIMC__ECMG_WHY_SIZE])
{
    const struct ecmg_bench *bench = context;
    if (!bench->plugin)
        snprintf(why, SIMC__ECMG_WHY_SIZE, "%s is not there", path);
    return bench->plugin;
}

static int submit(void *context, size_t worker_index, struct simc__ecmg_job *job)
{
    struct ecmg_bench *bench = context;
    (void)worker_index;
    if (bench->job_count == UNIT_COUNT(bench->jobs))
        return SIMC_EFULL;
    bench->jobs[bench->job_count++] = job;
    return 0;
}

static bool is_ended(void *context, void *owner)
{
    (void)context;
    return ((struct ecmg_scs *)owner)->is_cut_off;
}

/* The test looks at each SCS itself. */
static void flush(void *context, void *owner)
{
    (void)context;
    (void)owner;
}

static int ask(void *context, size_t worker_index, struct simc__ecmg_question *question)
{
    struct ecmg_bench *bench = context;
    if (bench->refuses_questions || bench->question_count == UNIT_COUNT(bench->questions))
        return SIMC_EFULL;
    bench->question_workers[bench->question_count] = worker_index;
    bench->questions[bench->question_count++] = question;
    return 0;
}

void ecmg_bench_ask(struct ecmg_bench *bench)
{
    for (size_t i = 0; i < bench->question_count; i++)
        simc__ecmg_question_run(bench->questions[i]);
    bench->question_count = 0;
}

bool ecmg_bench_has_logged(const struct ecmg_bench *bench, const char *text)
{
    return memmem(bench->lines, bench->lines_size, text, strlen(text)) != NULL;
}

/* ---- keys ---- */

void ecmg_bench_key(uint32_t package, uint32_t version, struct simc_secret *key)
{
    uint8_t bytes[16];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(0xa0 + package * 31 + version * 7 + i);
    ck_assert_int_eq(simc_secret_set(key, simc_slice(bytes, sizeof bytes)), 0);
}

void ecmg_bench_keys(struct ecmg_bench *bench, uint32_t packages, uint32_t versions,
                     uint64_t start_s, uint64_t length_s)
{
    struct simc_buffer text;
    simc_buffer_init(&text, 1 << 20);
    ck_assert_int_eq(simc__keys_text_head(&text), 0);
    for (uint32_t package = 1; package <= packages; package++) {
        for (uint32_t version = 1; version <= versions; version++) {
            struct simc_secret key;
            ecmg_bench_key(package, version, &key);
            uint64_t from_s = start_s + (version - 1) * length_s;
            const struct simc__keys_entry entry = {package, version, from_s, from_s + length_s,
                                                   &key};
            ck_assert_int_eq(simc__keys_text_entry(&text, &entry), 0);
        }
    }
    FILE *file = fopen(bench->key_file, "w");
    ck_assert_ptr_nonnull(file);
    struct simc_slice bytes = simc_buffer_bytes(&text);
    ck_assert_uint_eq(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(bench->key_file, 0600), 0);
    simc_buffer_fini(&text);
}

/* ---- the service ---- */

void ecmg_bench_init(struct ecmg_bench *bench)
{
    static const uint8_t versions[] = {1, 2, 3, 5};
    memset(bench, 0, sizeof *bench);
    const char *folder = getenv("TMPDIR");
    snprintf(bench->key_file, sizeof bench->key_file, "%s/simc-ecmg-keys-XXXXXX",
             folder ? folder : "/tmp");
    int fd = mkstemp(bench->key_file);
    ck_assert_int_ge(fd, 0);
    close(fd);
    bench->wall_s = 1800000000;
    bench->now_ms = 1000000;
    ecmg_bench_keys(bench, 2, 1, bench->wall_s - 3600, 86400);

    bench->log = (struct simc_log){.level = SIMC_LOG_INFO, .write = keep_line};
    bench->log.context = bench;
    memcpy(bench->versions, versions, sizeof versions);
    bench->systems[0] = (struct simc__ecmg_system_conf){
        .super_cas_id = ECMG_SYSTEM,
        .key_file = bench->key_file,
        .ecm_rep_period_ms = 100,
        .min_cp_duration_ms = 1000,
        .lead_cw = 1,
        .cw_per_msg = 2,
        .max_comp_time_ms = 100,
    };
    bench->conf = (struct simc__ecmg_conf){
        .listen = &bench->listen,
        .listen_count = 1,
        .versions = bench->versions,
        .versions_count = sizeof versions,
        .systems = bench->systems,
        .systems_count = 1,
        .limits = {.connections = 100,
                   .connections_per_address = 100,
                   .channels = 10,
                   .streams_per_channel = 100,
                   .streams = 20,
                   .message_length = 65535,
                   .output = 1 << 20,
                   .access_criteria = 4096,
                   .pending = 2,
                   .faults = 32},
        .timers = {.setup_ms = 30000, .close_ms = 1000, .test_ms = 5000},
    };
}

void ecmg_bench_start(struct ecmg_bench *bench)
{
    char why[SIMC__ECMG_WHY_SIZE];
    bench->metrics = simc__metrics_new(3);
    ck_assert_ptr_nonnull(bench->metrics);
    const struct simc__ecmg_environment environment = {
        .log = &bench->log,
        .metrics = bench->metrics,
        .wall_s = wall_s,
        .monotonic_ns = monotonic_ns,
        .context = bench,
        .plugin_load = plugin_load,
        .submit = bench->has_pool ? submit : NULL,
        .is_ended = is_ended,
        .flush = flush,
        .ask = ask,
    };
    size_t worker_count = bench->worker_count ? bench->worker_count : 1;
    int error = simc__ecmg_new(&environment, &bench->conf, worker_count, &bench->ecmg, why);
    ck_assert_msg(error == 0, "%s: %s", simc_error_name(error), why);
}

void ecmg_bench_fini(struct ecmg_bench *bench)
{
    simc__ecmg_free(bench->ecmg);
    simc__metrics_free(bench->metrics);
    unlink(bench->key_file);
}

/* ---- SCSs ---- */

/* Keeps an event, with copies of what it borrows and the test may look at. */
static void keep_event(struct ecmg_scs *scs, const struct simc_session_event *event)
{
    if (event->type == SIMC_EVENT_NOTICE)
        return;
    ck_assert_uint_lt(scs->event_count, ECMG_EVENTS_MAX);
    struct simc_session_event *kept = &scs->events[scs->event_count];
    uint8_t *bytes = scs->bytes[scs->event_count++];
    struct simc_slice *borrowed =
        event->type == SIMC_EVENT_ECM ? &kept->ecm.datagram : &kept->information;
    *kept = *event;
    if (event->type != SIMC_EVENT_ECM && event->type != SIMC_EVENT_NO_ECM &&
        event->type != SIMC_EVENT_PEER_ERROR)
        return;
    ck_assert_uint_le(borrowed->size, sizeof scs->bytes[0]);
    if (borrowed->size)
        memcpy(bytes, borrowed->data, borrowed->size);
    borrowed->data = bytes;
}

static bool move_bytes(struct simc_session *from, struct simc_session *to, uint64_t now_ms,
                       struct simc_buffer *buffer)
{
    struct simc_slice output = simc_session_output(from);
    if (output.size == 0)
        return false;
    simc_buffer_init(buffer, 1 << 22);
    ck_assert_int_eq(simc_buffer_append(buffer, output), 0);
    simc_session_sent(from, output.size);
    simc_session_feed(to, simc_buffer_bytes(buffer), now_ms);
    return true;
}

void ecmg_scs_pump(struct ecmg_scs *scs)
{
    struct simc_session *ecmg = simc__ecmg_connection_session(scs->connection);
    uint64_t now_ms = scs->bench->now_ms;
    struct simc_buffer buffer;
    struct simc_session_event event;
    bool moved;
    do {
        moved = move_bytes(scs->session, ecmg, now_ms, &buffer);
        simc__ecmg_connection_events(scs->connection, now_ms);
        if (moved)
            simc_buffer_fini(&buffer);
        bool answered = move_bytes(ecmg, scs->session, now_ms, &buffer);
        while (simc_session_next_event(scs->session, &event))
            keep_event(scs, &event);
        if (answered)
            simc_buffer_fini(&buffer);
        moved = moved || answered;
    } while (moved);
}

void ecmg_scs_connect(struct ecmg_scs *scs, struct ecmg_bench *bench, const char *host,
                      uint16_t channel_id, uint32_t super_cas_id)
{
    char address[64];
    memset(scs, 0, sizeof *scs);
    scs->bench = bench;
    snprintf(address, sizeof address, "%s:40000", host);
    const struct simc__ecmg_peer peer = {.address = address, .host = host};
    const struct simc_scs_settings settings = {.ecm_channel_id = channel_id,
                                               .super_cas_id = super_cas_id};
    ck_assert_int_eq(simc__ecmg_connection_new(simc__ecmg_worker(bench->ecmg, bench->worker), &peer,
                                               bench->now_ms, &scs->connection),
                     0);
    simc__ecmg_connection_owner_set(scs->connection, scs);
    ck_assert_int_eq(simc_scs_session_new(&settings, bench->now_ms, &scs->session), 0);
    ecmg_scs_pump(scs);
}

void ecmg_scs_disconnect(struct ecmg_scs *scs)
{
    if (!scs->connection)
        return;
    simc_session_disconnected(simc__ecmg_connection_session(scs->connection), scs->bench->now_ms);
    simc__ecmg_connection_events(scs->connection, scs->bench->now_ms);
    simc__ecmg_connection_free(scs->connection, "the test is over");
    simc_session_free(scs->session);
    scs->connection = NULL;
    scs->session = NULL;
}

const struct simc_session_event *ecmg_scs_event(const struct ecmg_scs *scs,
                                                enum simc_session_event_type type)
{
    for (size_t i = 0; i < scs->event_count; i++)
        if (scs->events[i].type == type)
            return &scs->events[i];
    return NULL;
}

void ecmg_scs_forget(struct ecmg_scs *scs)
{
    scs->event_count = 0;
}

void ecmg_scs_stream(struct ecmg_scs *scs, uint16_t stream_id, uint16_t ecm_id)
{
    ecmg_scs_forget(scs);
    ck_assert_int_eq(simc_scs_stream_open(scs->session, stream_id, ecm_id, 100, scs->bench->now_ms),
                     0);
    ecmg_scs_pump(scs);
    ck_assert_ptr_nonnull(ecmg_scs_event(scs, SIMC_EVENT_STREAM_OPEN));
}

void ecmg_scs_cw(uint16_t cp_number, struct simc_secret *cw)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(cp_number * 11 + i);
    ck_assert_int_eq(simc_secret_set(cw, simc_slice(bytes, sizeof bytes)), 0);
}

void ecmg_scs_provide(struct ecmg_scs *scs, uint16_t stream_id, uint16_t cp_number,
                      const struct simc_slice *criteria)
{
    struct simc_control_word cws[2];
    for (uint16_t i = 0; i < 2; i++) {
        cws[i].cp_number = (uint16_t)(cp_number + i);
        ecmg_scs_cw(cws[i].cp_number, &cws[i].cw);
    }
    const struct simc_scs_provision provision = {
        .ecm_stream_id = stream_id,
        .cp_number = cp_number,
        .cws = cws,
        .cw_count = 2,
        .has_access_criteria = criteria != NULL,
        .access_criteria = criteria ? *criteria : simc_slice(NULL, 0),
    };
    ecmg_scs_forget(scs);
    ck_assert_int_eq(simc_scs_provide(scs->session, &provision, scs->bench->now_ms), 0);
    ecmg_scs_pump(scs);
}

struct simc_slice ecmg_criteria(uint32_t package, uint8_t memory[64])
{
    const struct simc_access_criteria criteria = {.package = package};
    struct simc_writer out = simc_writer(memory, 64);
    ck_assert_int_eq(simc_access_criteria_put(&out, &criteria), 0);
    return simc_slice(memory, out.at);
}
