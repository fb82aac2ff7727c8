/* SPDX-License-Identifier: BSL-1.0 */
/* PLAN of the SCS-mux service: what a mux has of earlier orders, for an SCS that starts anew. scsd
 * asks, muxes answer; see scs_mux.h. */
#include <string.h>

#include "link/fields.h"

static const struct simc__field scg_rows[] = {
    SIMC__UINT(simc__scs_mux_plan_scg, scg_id, 0, UINT32_MAX),
    SIMC__BOOL(simc__scs_mux_plan_scg, is_clear),
    SIMC__UINT(simc__scs_mux_plan_scg, end_tick, 0, SIMC__TICK_MAX),
};

static const struct simc__field stream_rows[] = {
    SIMC__UINT(simc__scs_mux_plan_stream, stream, 0, SIMC__SCS_MUX_STREAMS_MAX - 1),
    SIMC__UINT(simc__scs_mux_plan_stream, super_cas_id, 0, UINT32_MAX),
    SIMC__UINT(simc__scs_mux_plan_stream, ecm_id, 0, UINT16_MAX),
    SIMC__UINT(simc__scs_mux_plan_stream, pid, 0, SIMC__PID_MAX),
};

/* A period may have been ordered without its control word: null. */
static const struct simc__field period_rows[] = {
    SIMC__UINT(simc__scs_mux_plan_period, cp, 0, UINT16_MAX),
    SIMC__UINT_OR_NULL(simc__scs_mux_plan_period, start_tick, 0, SIMC__TICK_MAX,
                       SIMC__SCS_MUX_OPEN),
    SIMC__CW(simc__scs_mux_plan_period, cw, true),
};

static const struct simc__field ecm_rows[] = {
    SIMC__UINT(simc__scs_mux_plan_ecm, stream, 0, SIMC__SCS_MUX_STREAMS_MAX - 1),
    SIMC__UINT(simc__scs_mux_plan_ecm, cp, 0, UINT16_MAX),
    SIMC__UINT(simc__scs_mux_plan_ecm, start_tick, 0, SIMC__TICK_MAX),
    SIMC__UINT(simc__scs_mux_plan_ecm, repetition_ms, 1, UINT16_MAX),
};

enum {
    PLAN_ITEMS = 3,
    SCG_ITEMS = 6,
    STREAM_ITEMS = 4,
    PERIOD_ITEMS = 3,
    ECM_ITEMS = 4,
    ECMS_MAX = 2 * SIMC__SCS_MUX_STREAMS_MAX,
};

/* ---- the request ---- */

int simc__scs_mux_plan_request_write(struct simc_writer *out, bool has_after, uint32_t after_scg_id)
{
    struct simc__cbor_writer writer;
    simc__cbor_writer_init(&writer, out);
    if (has_after)
        simc__cbor_put_uint(&writer, after_scg_id);
    else
        simc__cbor_put_null(&writer);
    return simc__cbor_put_finish(&writer);
}

int simc__scs_mux_plan_request_read(struct simc_slice bytes, bool *has_after,
                                    uint32_t *after_scg_id, char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__body body;
    simc__body_init(&body, bytes, "PLAN");
    *has_after = simc__cbor_peek(&body.cbor) != SIMC__CBOR_NULL;
    *after_scg_id = 0;
    if (*has_after)
        *after_scg_id = (uint32_t)simc__body_uint(&body, 0, UINT32_MAX, "the scg_id to go on at");
    else
        simc__cbor_null(&body.cbor);
    return simc__body_finish(&body, why);
}

/* ---- the response ---- */

/* Rising on the circle of CPs, each in a place of its own in the ring of a mux. */
struct ring {
    uint32_t seen;
    uint16_t last;
};

static bool cp_is_right(struct ring *ring, uint16_t cp)
{
    uint32_t bit = UINT32_C(1) << (cp % SIMC__SCS_MUX_WORDS_KEPT);
    /* Two CPs on opposite sides of the circle come in either order. */
    int distance = simc_cp_distance(cp, ring->last);
    bool is_right = !(ring->seen & bit) && (ring->seen == 0 || distance > 0 || distance == -32768);
    ring->seen |= bit;
    ring->last = cp;
    return is_right;
}

void simc__scs_mux_plan_begin(struct simc__scs_mux_orders *plan, struct simc_writer *out,
                              uint64_t timeline_id)
{
    struct simc__cbor_writer writer;
    simc__cbor_writer_init(&writer, out);
    simc__cbor_put_array(&writer, PLAN_ITEMS);
    simc__cbor_put_uint(&writer, timeline_id);
    simc__cbor_put_bool(&writer, false); /* the last part: _end() knows */
    simc__list_begin(plan, out);
}

static void lists_put(struct simc__cbor_writer *writer, const struct simc__scs_mux_plan_scg *scg)
{
    struct ring ring = {0};
    simc__cbor_put_array(writer, scg->stream_count);
    for (unsigned i = 0; i < scg->stream_count; i++) {
        simc__cbor_put_array(writer, STREAM_ITEMS);
        simc__fields_put(writer, SIMC__ROWS(stream_rows), &scg->streams[i]);
    }
    simc__cbor_put_array(writer, scg->period_count);
    for (unsigned i = 0; i < scg->period_count; i++) {
        simc__fields_demand(writer, cp_is_right(&ring, scg->periods[i].cp));
        simc__cbor_put_array(writer, PERIOD_ITEMS);
        simc__fields_put(writer, SIMC__ROWS(period_rows), &scg->periods[i]);
    }
    simc__cbor_put_array(writer, scg->ecm_count);
    for (unsigned i = 0; i < scg->ecm_count; i++) {
        simc__cbor_put_array(writer, ECM_ITEMS);
        simc__fields_put(writer, SIMC__ROWS(ecm_rows), &scg->ecms[i]);
    }
}

int simc__scs_mux_plan_put(struct simc__scs_mux_orders *plan,
                           const struct simc__scs_mux_plan_scg *scg)
{
    struct simc__cbor_writer writer;
    size_t mark = 0;
    if (scg->stream_count > SIMC__SCS_MUX_STREAMS_MAX ||
        scg->period_count > SIMC__SCS_MUX_WORDS_KEPT || scg->ecm_count > ECMS_MAX)
        return SIMC_EINVAL;
    int error = simc__list_entry(plan, &writer, &mark);
    if (error)
        return error;
    simc__cbor_put_array(&writer, SCG_ITEMS);
    simc__fields_put(&writer, SIMC__ROWS(scg_rows), scg);
    lists_put(&writer, scg);
    return simc__list_entry_end(plan, &writer, mark);
}

int simc__scs_mux_plan_end(struct simc__scs_mux_orders *plan, bool is_last)
{
    int error = simc__list_end(plan);
    /* The byte in front of the list says whether this part is the last one. */
    if (!error)
        plan->out->data[plan->start - 1] = is_last ? 0xf5 : 0xf4;
    return error;
}

int simc__scs_mux_plan_open(struct simc_slice bytes, struct simc__scs_mux_reader *reader,
                            uint64_t *timeline_id, bool *is_last, char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__body body;
    simc__body_init(&body, bytes, "the response to PLAN");
    simc__body_array(&body, PLAN_ITEMS, PLAN_ITEMS, NULL);
    *timeline_id = simc__body_uint(&body, 0, UINT64_MAX, "timeline_id");
    *is_last = simc__cbor_bool(&body.cbor);
    uint64_t count = simc__body_array(&body, 0, SIMC__LIST_MAX, "the list of SCGs");
    simc__list_open(&body, count, reader);
    return simc__body_result(&body, why);
}

static void streams_get(struct simc__body *body, struct simc__scs_mux_plan_scg *scg)
{
    scg->stream_count = (uint8_t)simc__body_array(body, 0, SIMC__SCS_MUX_STREAMS_MAX, "streams");
    for (unsigned i = 0; i < scg->stream_count; i++) {
        simc__body_array(body, STREAM_ITEMS, STREAM_ITEMS, "streams");
        simc__fields_get(body, SIMC__ROWS(stream_rows), &scg->streams[i]);
        simc__cbor_leave(&body->cbor);
    }
    simc__cbor_leave(&body->cbor);
}

static void periods_get(struct simc__body *body, struct simc__scs_mux_plan_scg *scg)
{
    struct ring ring = {0};
    scg->period_count = (uint8_t)simc__body_array(body, 0, SIMC__SCS_MUX_WORDS_KEPT, "periods");
    for (unsigned i = 0; i < scg->period_count; i++) {
        simc__body_array(body, PERIOD_ITEMS, PERIOD_ITEMS, "periods");
        simc__fields_get(body, SIMC__ROWS(period_rows), &scg->periods[i]);
        if (!body->cbor.fault && !cp_is_right(&ring, scg->periods[i].cp))
            simc__body_refuse(body, "cp, which does not rise");
        simc__cbor_leave(&body->cbor);
    }
    simc__cbor_leave(&body->cbor);
}

static void ecms_get(struct simc__body *body, struct simc__scs_mux_plan_scg *scg)
{
    scg->ecm_count = (uint8_t)simc__body_array(body, 0, ECMS_MAX, "ecms");
    for (unsigned i = 0; i < scg->ecm_count; i++) {
        simc__body_array(body, ECM_ITEMS, ECM_ITEMS, "ecms");
        simc__fields_get(body, SIMC__ROWS(ecm_rows), &scg->ecms[i]);
        simc__cbor_leave(&body->cbor);
    }
    simc__cbor_leave(&body->cbor);
}

int simc__scs_mux_plan_next(struct simc__scs_mux_reader *reader, struct simc__scs_mux_plan_scg *scg,
                            char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__body body;
    memset(scg, 0, sizeof *scg);
    int error = simc__list_next(reader, "the response to PLAN", &body, why);
    if (error)
        return error;
    simc__body_array(&body, SCG_ITEMS, SCG_ITEMS, NULL);
    simc__fields_get(&body, SIMC__ROWS(scg_rows), scg);
    streams_get(&body, scg);
    periods_get(&body, scg);
    ecms_get(&body, scg);
    simc__cbor_leave(&body.cbor);
    error = simc__list_next_end(reader, &body, why);
    if (error)
        simc__scs_mux_plan_scg_wipe(scg);
    return error;
}

void simc__scs_mux_plan_scg_wipe(struct simc__scs_mux_plan_scg *scg)
{
    simc_wipe(scg, sizeof *scg);
}
