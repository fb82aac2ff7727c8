/* SPDX-License-Identifier: BSL-1.0 */
/* From a CW_provision to its ECM_response: at once in the thread of the worker, or as a job of a
 * pool for CA systems that may block. connection.c hands the events over. */
#include <string.h>

#include "ecmg/internal.h"
#include "simulcrypt/ts.h"

enum { NULL_PID = 0x1fff };

/* What the plug-in gets is copied, since the session has other events meanwhile. */
struct simc__ecmg_job {
    struct simc__ecmg_connection *connection;
    struct simc__ecmg_system *system;
    struct simc__ecmg_stream *stream;
    uint16_t ecm_channel_id, ecm_stream_id;
    uint64_t start_ns;
    struct simc_ecm_request request;
    struct simc_ecmg_provision provision;
    struct simc_ecm_answer answer;
    int error;
    size_t size; /* of this block of memory: it is wiped */
    uint8_t section[SIMC_ECM_PLUGIN_DATAGRAM_MAX];
    struct simc_control_word cws[]; /* the access criteria stand behind them */
};

/* ---- streams ---- */

/* The plug-in's part, the id, and the memory. */
static void release_stream(struct simc__ecmg_system *system, struct simc__ecmg_stream *stream)
{
    system->plugin->stream_close(stream->state);
    simc__ecmg_register_give(&system->ecmg->ids, &stream->id, &system->ecmg->ids.streams);
    simc_free(stream);
}

void simc__ecmg_stream_free(struct simc__ecmg_connection *connection,
                            struct simc__ecmg_stream *stream)
{
    if (!stream)
        return;
    simc__metric_move(connection->system->stats, simc__ecmg_thread(connection),
                      SIMC__ECMG_STAT_STREAMS, 0, -1);
    stream->is_closed = true;
    if (!stream->is_busy)
        release_stream(connection->system, stream);
}

/* ---- answers ---- */

static void refuse(struct simc__ecmg_connection *connection, uint16_t channel_id,
                   uint16_t stream_id, uint16_t cp_number, const struct simc_ecm_answer *answer,
                   const char *why)
{
    uint16_t status = answer->status ? answer->status : SIMC_ECMG_STATUS_UNKNOWN_ERROR;
    const uint8_t blame[2] = {(uint8_t)(answer->blame >> 8), (uint8_t)answer->blame};
    int error = simc_ecmg_respond_error(connection->session, stream_id, cp_number, status,
                                        simc_slice(blame, answer->blame ? sizeof blame : 0));
    simc__ecmg_count_error(connection, status);
    simc_log(connection->worker->log, SIMC_LOG_WARNING, error ? "no ECM, and no answer" : "no ECM",
             simc_log_text("peer", connection->address), simc_log_uint("channel", channel_id),
             simc_log_uint("stream", stream_id), simc_log_uint("cp", cp_number),
             simc_log_hex("status", status, 4), simc_log_text("why", why));
}

/* The datagram of a section, as the channel announced it. The head-end gives packets a PID and
 * counters of its own. */
static int lay_datagram(struct simc__ecmg_connection *connection, struct simc_slice section,
                        struct simc_slice *datagram)
{
    struct simc__ecmg_worker *worker = connection->worker;
    uint8_t cc = 0;
    *datagram = section;
    if (!connection->sends_packets || section.size == 0)
        return 0;
    struct simc_writer out = simc_writer(worker->packets, sizeof worker->packets);
    int error = simc_sections_pack(&section, 1, SIMC_SECTIONS_APART, NULL_PID, &cc, &out);
    *datagram = simc_slice(worker->packets, out.at);
    return error;
}

/* Sends what the plug-in made, or why it made nothing. */
static void answer_provision(struct simc__ecmg_connection *connection, uint16_t channel_id,
                             uint16_t stream_id, uint16_t cp_number,
                             const struct simc_ecm_answer *answer, int error, uint64_t start_ns)
{
    const struct simc__ecmg_environment *environment = &connection->worker->ecmg->environment;
    struct simc__metric_set *stats = connection->system->stats;
    unsigned thread = simc__ecmg_thread(connection);
    struct simc_slice datagram;
    if (!error && answer->size > SIMC_ECM_PLUGIN_DATAGRAM_MAX)
        error = SIMC_ETOOLONG;
    if (!error)
        error = lay_datagram(connection, simc_slice(answer->section, answer->size), &datagram);
    if (!error)
        error = simc_ecmg_respond(connection->session, stream_id, cp_number, datagram);
    if (error) {
        refuse(connection, channel_id, stream_id, cp_number, answer,
               answer->why[0] ? answer->why : simc_error_text(error));
        return;
    }
    simc__metric_count(stats, thread, datagram.size ? SIMC__ECMG_STAT_ECMS : SIMC__ECMG_STAT_EMPTY);
    simc__metric_observe(stats, thread, SIMC__ECMG_STAT_DURATION,
                         environment->monotonic_ns(environment->context) - start_ns);
}

/* ---- jobs ---- */

static struct simc__ecmg_job *job_new(struct simc__ecmg_connection *connection,
                                      struct simc__ecmg_stream *stream,
                                      const struct simc_session_event *event,
                                      const struct simc_ecm_request *request, uint64_t start_ns)
{
    const struct simc_ecmg_provision *provision = request->provision;
    size_t cws_size = provision->cw_count * sizeof *provision->cws;
    size_t size = sizeof(struct simc__ecmg_job) + cws_size + provision->access_criteria.size;
    struct simc__ecmg_job *job = simc_alloc(size);
    if (!job)
        return NULL;
    memset(job, 0, sizeof *job);
    job->connection = connection;
    job->system = connection->system;
    job->stream = stream;
    job->ecm_channel_id = event->ecm_channel_id;
    job->ecm_stream_id = event->ecm_stream_id;
    job->start_ns = start_ns;
    job->size = size;
    job->provision = *provision;
    job->request = (struct simc_ecm_request){request->time_s, &job->provision};
    job->answer.section = job->section;
    memcpy(job->cws, provision->cws, cws_size);
    job->provision.cws = job->cws;
    if (provision->access_criteria.size) {
        uint8_t *criteria = (uint8_t *)job->cws + cws_size;
        memcpy(criteria, provision->access_criteria.data, provision->access_criteria.size);
        job->provision.access_criteria.data = criteria;
    }
    return job;
}

static void job_free(struct simc__ecmg_job *job)
{
    simc_wipe(job, job->size);
    simc_free(job);
}

void simc__ecmg_job_run(struct simc__ecmg_job *job)
{
    job->error = job->system->plugin->ecm_make(job->stream->state, &job->request, &job->answer);
}

void *simc__ecmg_job_done(struct simc__ecmg_job *job)
{
    struct simc__ecmg_connection *connection = job->connection;
    struct simc__ecmg *ecmg = job->system->ecmg;
    bool is_closed = job->stream->is_closed;
    void *owner = NULL;

    job->stream->is_busy = false;
    connection->job_count--;
    if (is_closed)
        release_stream(job->system, job->stream);
    else
        answer_provision(connection, job->ecm_channel_id, job->ecm_stream_id,
                         job->provision.cp_number, &job->answer, job->error, job->start_ns);
    pthread_mutex_lock(&ecmg->ids.lock);
    job->system->users--;
    pthread_mutex_unlock(&ecmg->ids.lock);
    if (!connection->is_freed)
        owner = connection->owner;
    else if (connection->job_count == 0)
        simc_free(connection);
    job_free(job);
    return owner;
}

/* Hands the ECM to a thread of the pool. @return 0, or the status of the refusal. */
static uint16_t submit(struct simc__ecmg_connection *connection, struct simc__ecmg_stream *stream,
                       const struct simc_session_event *event,
                       const struct simc_ecm_request *request, uint64_t start_ns)
{
    struct simc__ecmg *ecmg = connection->worker->ecmg;
    if (stream->is_busy)
        return SIMC_ECMG_STATUS_OUT_OF_COMPUTATIONAL_RESOURCES;
    struct simc__ecmg_job *job = job_new(connection, stream, event, request, start_ns);
    if (!job)
        return SIMC_ECMG_STATUS_OUT_OF_STORAGE;
    stream->is_busy = true;
    connection->job_count++;
    pthread_mutex_lock(&ecmg->ids.lock);
    connection->system->users++;
    pthread_mutex_unlock(&ecmg->ids.lock);
    if (ecmg->environment.submit(ecmg->environment.context, connection->worker->index, job) == 0)
        return 0;
    stream->is_busy = false;
    connection->job_count--;
    pthread_mutex_lock(&ecmg->ids.lock);
    connection->system->users--;
    pthread_mutex_unlock(&ecmg->ids.lock);
    job_free(job);
    return SIMC_ECMG_STATUS_OUT_OF_COMPUTATIONAL_RESOURCES;
}

/* ---- what connection.c calls ---- */

void simc__ecmg_make(struct simc__ecmg_connection *connection,
                     const struct simc_session_event *event)
{
    const struct simc__ecmg_environment *environment = &connection->worker->ecmg->environment;
    const struct simc_ecm_plugin *plugin = connection->system->plugin;
    struct simc__ecmg_stream *stream =
        simc_ecmg_stream_context(connection->session, event->ecm_stream_id);
    const struct simc_ecm_request request = {environment->wall_s(environment->context),
                                             &event->provision};
    uint64_t start_ns = environment->monotonic_ns(environment->context);
    struct simc_ecm_answer answer;
    int error = 0;

    simc__metric_count(connection->system->stats, simc__ecmg_thread(connection),
                       SIMC__ECMG_STAT_PROVISIONS);
    /* Not all of it: `why` is long, and rarely used. */
    answer.section = connection->worker->section;
    answer.size = 0;
    answer.status = answer.blame = 0;
    answer.why[0] = '\0';
    if (plugin->may_block && environment->submit) {
        answer.status = submit(connection, stream, event, &request, start_ns);
        if (!answer.status)
            return;
        error = SIMC_EFULL;
    } else {
        error = plugin->ecm_make(stream->state, &request, &answer);
    }
    answer_provision(connection, event->ecm_channel_id, event->ecm_stream_id,
                     event->provision.cp_number, &answer, error, start_ns);
}
