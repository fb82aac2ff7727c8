/* SPDX-License-Identifier: BSL-1.0 */
/* DEFINE, its response, and REMOVE of the SCS-mux service: which SCGs there are. scsd writes the
 * requests, muxes read them and answer; see scs_mux.h. */
#include <string.h>

#include "link/fields.h"

static const struct simc__field scg_rows[] = {
    SIMC__UINT(simc__scs_mux_scg, scg_id, 0, UINT32_MAX),
    SIMC__TEXT(simc__scs_mux_scg, name),
    SIMC__UINT(simc__scs_mux_scg, scrambling_mode, 0, UINT8_MAX),
    SIMC__BOOL(simc__scs_mux_scg, no_scrambling_descriptor),
};

static const struct simc__field service_rows[] = {
    SIMC__UINT_OR_NULL(simc__scs_mux_scg_service, original_network_id, 0, UINT16_MAX,
                       SIMC__SCS_MUX_ANY),
    SIMC__UINT_OR_NULL(simc__scs_mux_scg_service, transport_stream_id, 0, UINT16_MAX,
                       SIMC__SCS_MUX_ANY),
    SIMC__UINT(simc__scs_mux_scg_service, service_id, 0, UINT16_MAX),
};

static const struct simc__field stream_rows[] = {
    SIMC__UINT(simc__scs_mux_stream, stream, 0, SIMC__SCS_MUX_STREAMS_MAX - 1),
    SIMC__UINT(simc__scs_mux_stream, super_cas_id, 0, UINT32_MAX),
    SIMC__UINT(simc__scs_mux_stream, ecm_id, 0, UINT16_MAX),
    SIMC__UINT(simc__scs_mux_stream, pid, 0, SIMC__PID_MAX),
    SIMC__BOOL(simc__scs_mux_stream, is_hidden),
};

static const struct simc__field defined_rows[] = {
    SIMC__TEXT(simc__scs_mux_defined, remark),
};

enum {
    SCG_ITEMS = 6,
    SCG_SERVICE_ITEMS = 4,
    STREAM_ITEMS = 6,
    DEFINED_ITEMS = 2,
};

/* ---- DEFINE ---- */

static void service_put(struct simc__cbor_writer *writer,
                        const struct simc__scs_mux_scg_service *service)
{
    bool is_right = service->component_count <= SIMC__SCS_MUX_COMPONENTS_MAX;
    simc__fields_demand(writer, is_right);
    if (!is_right)
        return;
    simc__cbor_put_array(writer, SCG_SERVICE_ITEMS);
    simc__fields_put(writer, SIMC__ROWS(service_rows), service);
    simc__cbor_put_array(writer, service->component_count);
    for (unsigned i = 0; i < service->component_count; i++) {
        simc__fields_demand(writer, service->components[i] <= SIMC__PID_MAX);
        simc__cbor_put_uint(writer, service->components[i]);
    }
}

static void stream_put(struct simc__cbor_writer *writer, const struct simc__scs_mux_stream *stream)
{
    bool is_right = stream->private_size <= SIMC__SCS_MUX_PRIVATE_MAX;
    simc__fields_demand(writer, is_right);
    if (!is_right)
        return;
    simc__cbor_put_array(writer, STREAM_ITEMS);
    simc__fields_put(writer, SIMC__ROWS(stream_rows), stream);
    simc__cbor_put_bytes(writer, simc_slice(stream->private_data, stream->private_size));
}

/* True while no stream index stands twice. */
static bool is_new(uint32_t *seen, unsigned stream)
{
    uint32_t bit = UINT32_C(1) << (stream % SIMC__SCS_MUX_STREAMS_MAX);
    bool is_first = !(*seen & bit);
    *seen |= bit;
    return is_first;
}

int simc__scs_mux_scg_write(struct simc_writer *out, const struct simc__scs_mux_scg *scg)
{
    struct simc__cbor_writer writer;
    uint32_t seen = 0;
    if (scg->service_count < 1 || scg->service_count > SIMC__SCS_MUX_SCG_SERVICES_MAX ||
        scg->stream_count > SIMC__SCS_MUX_STREAMS_MAX)
        return SIMC_EINVAL;
    simc__cbor_writer_init(&writer, out);
    simc__cbor_put_array(&writer, SCG_ITEMS);
    simc__fields_put(&writer, SIMC__ROWS(scg_rows), scg);
    simc__cbor_put_array(&writer, scg->service_count);
    for (unsigned i = 0; i < scg->service_count; i++)
        service_put(&writer, &scg->services[i]);
    simc__cbor_put_array(&writer, scg->stream_count);
    for (unsigned i = 0; i < scg->stream_count; i++) {
        simc__fields_demand(&writer, is_new(&seen, scg->streams[i].stream));
        stream_put(&writer, &scg->streams[i]);
    }
    return simc__cbor_put_finish(&writer);
}

static void service_get(struct simc__body *body, struct simc__scs_mux_scg_service *service)
{
    simc__body_array(body, SCG_SERVICE_ITEMS, SCG_SERVICE_ITEMS, NULL);
    simc__fields_get(body, SIMC__ROWS(service_rows), service);
    service->component_count =
        (uint8_t)simc__body_array(body, 0, SIMC__SCS_MUX_COMPONENTS_MAX, "components");
    for (unsigned i = 0; i < service->component_count; i++)
        service->components[i] = (uint16_t)simc__body_uint(body, 0, SIMC__PID_MAX, "components");
    simc__cbor_leave(&body->cbor);
    simc__cbor_leave(&body->cbor);
}

static void stream_get(struct simc__body *body, struct simc__scs_mux_stream *stream, uint32_t *seen)
{
    static const struct simc__field private_row = {
        "private_data", SIMC__FIELD_BYTES, 1, false, 0, 0, SIMC__SCS_MUX_PRIVATE_MAX, 0};
    struct simc_slice private_data = {NULL, 0};
    simc__body_array(body, STREAM_ITEMS, STREAM_ITEMS, NULL);
    simc__fields_get(body, SIMC__ROWS(stream_rows), stream);
    if (!body->cbor.fault && !is_new(seen, stream->stream))
        simc__body_refuse(body, "stream (it stands twice)");
    simc__fields_get(body, &private_row, 1, &private_data);
    stream->private_size = (uint8_t)private_data.size;
    if (private_data.size)
        memcpy(stream->private_data, private_data.data, private_data.size);
    simc__cbor_leave(&body->cbor);
}

static int services_get(struct simc__body *body, struct simc__scs_mux_scg *scg)
{
    unsigned count =
        (unsigned)simc__body_array(body, 1, SIMC__SCS_MUX_SCG_SERVICES_MAX, "services");
    if (count) {
        scg->services = simc_calloc(count, sizeof *scg->services);
        if (!scg->services)
            return SIMC_ENOMEM;
        scg->service_count = (uint8_t)count;
    }
    for (unsigned i = 0; i < count && !body->cbor.fault; i++)
        service_get(body, &scg->services[i]);
    simc__cbor_leave(&body->cbor);
    return 0;
}

static int streams_get(struct simc__body *body, struct simc__scs_mux_scg *scg)
{
    uint32_t seen = 0;
    unsigned count = (unsigned)simc__body_array(body, 0, SIMC__SCS_MUX_STREAMS_MAX, "streams");
    if (count) {
        scg->streams = simc_calloc(count, sizeof *scg->streams);
        if (!scg->streams)
            return SIMC_ENOMEM;
        scg->stream_count = (uint8_t)count;
    }
    for (unsigned i = 0; i < count && !body->cbor.fault; i++)
        stream_get(body, &scg->streams[i], &seen);
    simc__cbor_leave(&body->cbor);
    return 0;
}

int simc__scs_mux_scg_read(struct simc_slice bytes, struct simc__scs_mux_scg *scg,
                           char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__body body;
    memset(scg, 0, sizeof *scg);
    simc__body_init(&body, bytes, "DEFINE");
    simc__body_array(&body, SCG_ITEMS, SCG_ITEMS, NULL);
    simc__fields_get(&body, SIMC__ROWS(scg_rows), scg);
    body.part = "a service";
    int error = services_get(&body, scg);
    if (!body.cbor.fault)
        body.part = "a stream";
    if (!error)
        error = streams_get(&body, scg);
    if (!body.cbor.fault)
        body.part = NULL;
    simc__cbor_leave(&body.cbor);
    error = error ? simc__body_no_memory(&body, why) : simc__body_finish(&body, why);
    if (error)
        simc__scs_mux_scg_fini(scg);
    return error;
}

void simc__scs_mux_scg_fini(struct simc__scs_mux_scg *scg)
{
    simc_free(scg->services);
    simc_free(scg->streams);
    memset(scg, 0, sizeof *scg);
}

/* ---- the response ---- */

int simc__scs_mux_defined_write(struct simc_writer *out,
                                const struct simc__scs_mux_defined *defined)
{
    struct simc__cbor_writer writer;
    if (defined->stream_count > SIMC__SCS_MUX_STREAMS_MAX)
        return SIMC_EINVAL;
    simc__cbor_writer_init(&writer, out);
    simc__cbor_put_array(&writer, DEFINED_ITEMS);
    simc__cbor_put_array(&writer, defined->stream_count);
    for (unsigned i = 0; i < defined->stream_count; i++) {
        simc__fields_demand(&writer, defined->pids[i] <= SIMC__PID_MAX);
        simc__cbor_put_uint(&writer, defined->pids[i]);
    }
    simc__fields_put(&writer, SIMC__ROWS(defined_rows), defined);
    return simc__cbor_put_finish(&writer);
}

int simc__scs_mux_defined_read(struct simc_slice bytes, struct simc__scs_mux_defined *defined,
                               char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__body body;
    memset(defined, 0, sizeof *defined);
    simc__body_init(&body, bytes, "the response to DEFINE");
    simc__body_array(&body, DEFINED_ITEMS, DEFINED_ITEMS, NULL);
    defined->stream_count = (uint8_t)simc__body_array(&body, 0, SIMC__SCS_MUX_STREAMS_MAX, "pids");
    for (unsigned i = 0; i < defined->stream_count; i++)
        defined->pids[i] = (uint16_t)simc__body_uint(&body, 0, SIMC__PID_MAX, "pids");
    simc__cbor_leave(&body.cbor);
    simc__fields_get(&body, SIMC__ROWS(defined_rows), defined);
    simc__cbor_leave(&body.cbor);
    int error = simc__body_finish(&body, why);
    if (error)
        memset(defined, 0, sizeof *defined);
    return error;
}

/* ---- REMOVE ---- */

int simc__scs_mux_remove_write(struct simc_writer *out, uint32_t scg_id)
{
    struct simc__cbor_writer writer;
    simc__cbor_writer_init(&writer, out);
    simc__cbor_put_uint(&writer, scg_id);
    return simc__cbor_put_finish(&writer);
}

int simc__scs_mux_remove_read(struct simc_slice bytes, uint32_t *scg_id,
                              char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__body body;
    simc__body_init(&body, bytes, "REMOVE");
    *scg_id = (uint32_t)simc__body_uint(&body, 0, UINT32_MAX, "scg_id");
    return simc__body_finish(&body, why);
}
