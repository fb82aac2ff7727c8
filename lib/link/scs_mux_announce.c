/* SPDX-License-Identifier: BSL-1.0 */
/* ANNOUNCE and TIMELINE of the SCS-mux service: what a mux carries, and where its time is. Muxes
 * write them, scsd reads them; see scs_mux.h. */
#include <string.h>

#include "link/fields.h"

static const struct simc__field announce_rows[] = {
    SIMC__TEXT(simc__scs_mux_announce, name),
    SIMC__UINT(simc__scs_mux_announce, timeline_id, 0, UINT64_MAX),
    SIMC__UINT(simc__scs_mux_announce, air_lead_ms, 0, 3600000),
    SIMC__UINT(simc__scs_mux_announce, scg_limit, 0, SIMC__SCS_MUX_SCGS_MAX),
    SIMC__BOOL(simc__scs_mux_announce, is_file),
};

static const struct simc__field service_rows[] = {
    SIMC__UINT(simc__scs_mux_service, original_network_id, 0, UINT16_MAX),
    SIMC__UINT(simc__scs_mux_service, transport_stream_id, 0, UINT16_MAX),
    SIMC__UINT(simc__scs_mux_service, service_id, 0, UINT16_MAX),
    SIMC__UINT(simc__scs_mux_service, pcr_pid, 0, SIMC__NULL_PID),
    SIMC__TEXT(simc__scs_mux_service, name),
};

static const struct simc__field component_rows[] = {
    SIMC__UINT(simc__scs_mux_component, pid, 0, SIMC__PID_MAX),
    SIMC__UINT(simc__scs_mux_component, stream_type, 0, UINT8_MAX),
};

static const struct simc__field timeline_rows[] = {
    SIMC__UINT(simc__scs_mux_timeline, timeline_id, 0, UINT64_MAX),
    SIMC__UINT(simc__scs_mux_timeline, tick, 0, SIMC__TICK_MAX),
    SIMC__UINT(simc__scs_mux_timeline, monotonic_us, 0, SIMC__TICK_MAX),
    SIMC__UINT(simc__scs_mux_timeline, rate_hz, 0, UINT32_MAX),
    SIMC__UINT(simc__scs_mux_timeline, horizon_tick, 0, SIMC__TICK_MAX),
    SIMC__BOOL(simc__scs_mux_timeline, has_ended),
};

enum {
    ANNOUNCE_ITEMS = 6,
    SERVICE_ITEMS = 6,
    SERVICE_SIZE_MIN = 7, /* bytes of the shortest service */
    COMPONENT_ITEMS = 2,
    TIMELINE_ITEMS = 6,
};

/* ---- ANNOUNCE ---- */

static void service_put(struct simc__cbor_writer *writer,
                        const struct simc__scs_mux_service *service)
{
    simc__cbor_put_array(writer, SERVICE_ITEMS);
    simc__fields_put(writer, SIMC__ROWS(service_rows), service);
    simc__fields_demand(writer, service->component_count <= SIMC__SCS_MUX_COMPONENTS_MAX);
    if (writer->out->error == SIMC_EINVAL)
        return;
    simc__cbor_put_array(writer, service->component_count);
    for (unsigned i = 0; i < service->component_count; i++) {
        simc__cbor_put_array(writer, COMPONENT_ITEMS);
        simc__fields_put(writer, SIMC__ROWS(component_rows), &service->components[i]);
    }
}

int simc__scs_mux_announce_write(struct simc_writer *out,
                                 const struct simc__scs_mux_announce *announce)
{
    struct simc__cbor_writer writer;
    if (announce->service_count > SIMC__SCS_MUX_SERVICES_MAX)
        return SIMC_EINVAL;
    simc__cbor_writer_init(&writer, out);
    simc__cbor_put_array(&writer, ANNOUNCE_ITEMS);
    simc__fields_put(&writer, SIMC__ROWS(announce_rows), announce);
    simc__fields_demand(&writer, announce->name[0] != '\0');
    simc__cbor_put_array(&writer, announce->service_count);
    for (uint32_t i = 0; i < announce->service_count; i++)
        service_put(&writer, &announce->services[i]);
    return simc__cbor_put_finish(&writer);
}

static void service_get(struct simc__body *body, struct simc__scs_mux_service *service)
{
    simc__body_array(body, SERVICE_ITEMS, SERVICE_ITEMS, NULL);
    simc__fields_get(body, SIMC__ROWS(service_rows), service);
    service->component_count =
        (uint8_t)simc__body_array(body, 0, SIMC__SCS_MUX_COMPONENTS_MAX, "components");
    for (unsigned i = 0; i < service->component_count; i++) {
        simc__body_array(body, COMPONENT_ITEMS, COMPONENT_ITEMS, "components");
        simc__fields_get(body, SIMC__ROWS(component_rows), &service->components[i]);
        simc__cbor_leave(&body->cbor);
    }
    simc__cbor_leave(&body->cbor);
    simc__cbor_leave(&body->cbor);
}

/* The services, of which there can be so many as there are bytes for. */
static int services_get(struct simc__body *body, struct simc__scs_mux_announce *announce)
{
    uint64_t most = (body->cbor.size - body->cbor.at) / SERVICE_SIZE_MIN;
    if (most > SIMC__SCS_MUX_SERVICES_MAX)
        most = SIMC__SCS_MUX_SERVICES_MAX;
    uint32_t count = (uint32_t)simc__body_array(body, 0, most, "services");
    if (count) {
        announce->services = simc_calloc(count, sizeof *announce->services);
        if (!announce->services)
            return SIMC_ENOMEM;
        announce->service_count = count;
    }
    body->part = "a service";
    for (uint32_t i = 0; i < count && !body->cbor.fault; i++)
        service_get(body, &announce->services[i]);
    if (!body->cbor.fault)
        body->part = NULL;
    simc__cbor_leave(&body->cbor);
    return 0;
}

int simc__scs_mux_announce_read(struct simc_slice bytes, struct simc__scs_mux_announce *announce,
                                char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__body body;
    memset(announce, 0, sizeof *announce);
    simc__body_init(&body, bytes, "ANNOUNCE");
    simc__body_array(&body, ANNOUNCE_ITEMS, ANNOUNCE_ITEMS, NULL);
    simc__fields_get(&body, SIMC__ROWS(announce_rows), announce);
    if (announce->name[0] == '\0')
        simc__body_refuse(&body, "name");
    int error = services_get(&body, announce);
    simc__cbor_leave(&body.cbor);
    error = error ? simc__body_no_memory(&body, why) : simc__body_finish(&body, why);
    if (error)
        simc__scs_mux_announce_fini(announce);
    return error;
}

void simc__scs_mux_announce_fini(struct simc__scs_mux_announce *announce)
{
    simc_free(announce->services);
    memset(announce, 0, sizeof *announce);
}

/* ---- TIMELINE ---- */

int simc__scs_mux_timeline_write(struct simc_writer *out,
                                 const struct simc__scs_mux_timeline *timeline)
{
    struct simc__cbor_writer writer;
    simc__cbor_writer_init(&writer, out);
    simc__cbor_put_array(&writer, TIMELINE_ITEMS);
    simc__fields_put(&writer, SIMC__ROWS(timeline_rows), timeline);
    return simc__cbor_put_finish(&writer);
}

int simc__scs_mux_timeline_read(struct simc_slice bytes, struct simc__scs_mux_timeline *timeline,
                                char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__body body;
    memset(timeline, 0, sizeof *timeline);
    simc__body_init(&body, bytes, "TIMELINE");
    simc__body_array(&body, TIMELINE_ITEMS, TIMELINE_ITEMS, NULL);
    simc__fields_get(&body, SIMC__ROWS(timeline_rows), timeline);
    simc__cbor_leave(&body.cbor);
    int error = simc__body_finish(&body, why);
    if (error)
        memset(timeline, 0, sizeof *timeline);
    return error;
}
