/* SPDX-License-Identifier: BSL-1.0 */
/* ORDERS of the SCS-mux service: control words, ECMs, and when they are on air. scsd writes them,
 * muxes read them; see scs_mux.h. */
#include <string.h>

#include "link/fields.h"

#define SCG    SIMC__UINT(simc__scs_mux_order, scg_id, 0, UINT32_MAX)
#define STREAM SIMC__UINT(simc__scs_mux_order, stream, 0, SIMC__SCS_MUX_STREAMS_MAX - 1)
#define CP     SIMC__UINT(simc__scs_mux_order, cp, 0, UINT16_MAX)
#define START  SIMC__UINT(simc__scs_mux_order, start_tick, 0, SIMC__TICK_MAX)

static const struct simc__field word_rows[] = {SCG, CP, SIMC__CW(simc__scs_mux_order, cw, false)};
static const struct simc__field ecm_rows[] = {
    SCG, STREAM, CP, SIMC__BOOL(simc__scs_mux_order, is_ts),
    SIMC__BYTES(simc__scs_mux_order, datagram, 1, SIMC__SCS_MUX_DATAGRAM_MAX)};
static const struct simc__field period_rows[] = {SCG, CP, START,
                                                 SIMC__UINT(simc__scs_mux_order, parity, 0, 1),
                                                 SIMC__BOOL(simc__scs_mux_order, is_first)};
static const struct simc__field window_rows[] = {
    SCG,
    STREAM,
    CP,
    START,
    SIMC__UINT_OR_NULL(simc__scs_mux_order, stop_tick, 0, SIMC__TICK_MAX, SIMC__SCS_MUX_OPEN),
    SIMC__UINT(simc__scs_mux_order, repetition_ms, 1, UINT16_MAX)};
static const struct simc__field tick_rows[] = {SCG, START};

static const struct {
    const char *name;
    const struct simc__field *rows;
    size_t count;
} orders_table[SIMC__SCS_MUX_ORDER_COUNT] = {
    [SIMC__SCS_MUX_ORDER_WORD] = {"WORD", SIMC__ROWS(word_rows)},
    [SIMC__SCS_MUX_ORDER_ECM] = {"ECM", SIMC__ROWS(ecm_rows)},
    [SIMC__SCS_MUX_ORDER_PERIOD] = {"PERIOD", SIMC__ROWS(period_rows)},
    [SIMC__SCS_MUX_ORDER_WINDOW] = {"WINDOW", SIMC__ROWS(window_rows)},
    [SIMC__SCS_MUX_ORDER_CLEAR] = {"CLEAR", SIMC__ROWS(tick_rows)},
    [SIMC__SCS_MUX_ORDER_PLANNED] = {"PLANNED", SIMC__ROWS(tick_rows)},
};

enum { ORDER_ITEMS_MIN = 3, ORDER_ITEMS_MAX = 7 };

/* An open stop is the largest number. */
static bool stop_is_right(const struct simc__scs_mux_order *order)
{
    return order->type != SIMC__SCS_MUX_ORDER_WINDOW || order->stop_tick >= order->start_tick;
}

void simc__scs_mux_orders_begin(struct simc__scs_mux_orders *orders, struct simc_writer *out)
{
    simc__list_begin(orders, out);
}

int simc__scs_mux_orders_put(struct simc__scs_mux_orders *orders,
                             const struct simc__scs_mux_order *order)
{
    struct simc__cbor_writer writer;
    size_t mark = 0;
    if ((unsigned)order->type >= SIMC__SCS_MUX_ORDER_COUNT || !stop_is_right(order))
        return SIMC_EINVAL;
    int error = simc__list_entry(orders, &writer, &mark);
    if (error)
        return error;
    simc__cbor_put_array(&writer, orders_table[order->type].count + 1);
    simc__cbor_put_uint(&writer, order->type);
    simc__fields_put(&writer, orders_table[order->type].rows, orders_table[order->type].count,
                     order);
    return simc__list_entry_end(orders, &writer, mark);
}

int simc__scs_mux_orders_end(struct simc__scs_mux_orders *orders)
{
    return simc__list_end(orders);
}

int simc__scs_mux_orders_open(struct simc_slice bytes, struct simc__scs_mux_reader *reader,
                              char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__body body;
    simc__body_init(&body, bytes, "ORDERS");
    uint64_t count = simc__body_array(&body, 0, SIMC__LIST_MAX, NULL);
    simc__list_open(&body, count, reader);
    return simc__body_result(&body, why);
}

static void order_get(struct simc__body *body, struct simc__scs_mux_order *order)
{
    uint64_t count = simc__body_array(body, ORDER_ITEMS_MIN, ORDER_ITEMS_MAX, NULL);
    order->type = (enum simc__scs_mux_order_type)simc__body_uint(
        body, 0, SIMC__SCS_MUX_ORDER_COUNT - 1, "type");
    if (body->cbor.fault)
        return;
    body->part = orders_table[order->type].name;
    if (count != orders_table[order->type].count + 1)
        simc__body_refuse(body, "the number of its elements");
    simc__fields_get(body, orders_table[order->type].rows, orders_table[order->type].count, order);
    if (!body->cbor.fault && !stop_is_right(order))
        simc__body_refuse(body, "stop_tick, which lies before start_tick");
    simc__cbor_leave(&body->cbor);
}

int simc__scs_mux_orders_next(struct simc__scs_mux_reader *reader,
                              struct simc__scs_mux_order *order, char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__body body;
    memset(order, 0, sizeof *order);
    int error = simc__list_next(reader, "ORDERS", &body, why);
    if (error)
        return error;
    order_get(&body, order);
    error = simc__list_next_end(reader, &body, why);
    if (error)
        simc_wipe(order, sizeof *order);
    return error;
}
