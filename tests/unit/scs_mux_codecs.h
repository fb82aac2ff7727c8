/* SPDX-License-Identifier: BSL-1.0 */
/* Every message of the SCS-mux service as a row: read it and write it again. The unit tests, the
 * fuzz target and the writer of the vectors run over these rows. */
#ifndef SIMC_TESTS_SCS_MUX_CODECS_H
#define SIMC_TESTS_SCS_MUX_CODECS_H

#include "link/scs_mux.h"

/* Reads a body and writes what was read. Returns the reader's error; a good body that cannot be
 * written again gives SIMC_EIO, which no reader returns. */
typedef int scs_mux_again(struct simc_slice body, struct simc_writer *out,
                          char why[SIMC__SCS_MUX_TEXT_SIZE]);

static inline int scs_mux_written(int error)
{
    return error ? SIMC_EIO : 0;
}

static inline int scs_mux_announce_again(struct simc_slice body, struct simc_writer *out,
                                         char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__scs_mux_announce announce;
    int error = simc__scs_mux_announce_read(body, &announce, why);
    if (error)
        return error;
    error = scs_mux_written(simc__scs_mux_announce_write(out, &announce));
    simc__scs_mux_announce_fini(&announce);
    return error;
}

static inline int scs_mux_timeline_again(struct simc_slice body, struct simc_writer *out,
                                         char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__scs_mux_timeline timeline;
    int error = simc__scs_mux_timeline_read(body, &timeline, why);
    return error ? error : scs_mux_written(simc__scs_mux_timeline_write(out, &timeline));
}

static inline int scs_mux_scg_again(struct simc_slice body, struct simc_writer *out,
                                    char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__scs_mux_scg scg;
    int error = simc__scs_mux_scg_read(body, &scg, why);
    if (error)
        return error;
    error = scs_mux_written(simc__scs_mux_scg_write(out, &scg));
    simc__scs_mux_scg_fini(&scg);
    return error;
}

static inline int scs_mux_defined_again(struct simc_slice body, struct simc_writer *out,
                                        char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__scs_mux_defined defined;
    int error = simc__scs_mux_defined_read(body, &defined, why);
    return error ? error : scs_mux_written(simc__scs_mux_defined_write(out, &defined));
}

static inline int scs_mux_remove_again(struct simc_slice body, struct simc_writer *out,
                                       char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    uint32_t scg_id;
    int error = simc__scs_mux_remove_read(body, &scg_id, why);
    return error ? error : scs_mux_written(simc__scs_mux_remove_write(out, scg_id));
}

static inline int scs_mux_orders_again(struct simc_slice body, struct simc_writer *out,
                                       char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__scs_mux_reader reader;
    struct simc__scs_mux_orders orders;
    struct simc__scs_mux_order order;
    int error = simc__scs_mux_orders_open(body, &reader, why), write_error = 0;
    simc__scs_mux_orders_begin(&orders, out);
    while (!error && !(error = simc__scs_mux_orders_next(&reader, &order, why))) {
        if (simc__scs_mux_orders_put(&orders, &order))
            write_error = SIMC_EIO;
        simc_secret_wipe(&order.cw);
    }
    if (error != SIMC_EEND)
        return error;
    return simc__scs_mux_orders_end(&orders) ? SIMC_EIO : write_error;
}

static inline int scs_mux_reports_again(struct simc_slice body, struct simc_writer *out,
                                        char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__scs_mux_reader reader;
    struct simc__scs_mux_orders reports;
    struct simc__scs_mux_report report;
    int error = simc__scs_mux_reports_open(body, &reader, why), write_error = 0;
    simc__scs_mux_reports_begin(&reports, out);
    while (!error && !(error = simc__scs_mux_reports_next(&reader, &report, why))) {
        if (simc__scs_mux_reports_put(&reports, &report))
            write_error = SIMC_EIO;
    }
    if (error != SIMC_EEND)
        return error;
    return simc__scs_mux_reports_end(&reports) ? SIMC_EIO : write_error;
}

static inline int scs_mux_alarm_again(struct simc_slice body, struct simc_writer *out,
                                      char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__scs_mux_alarm alarm;
    int error = simc__scs_mux_alarm_read(body, &alarm, why);
    return error ? error : scs_mux_written(simc__scs_mux_alarm_write(out, &alarm));
}

static inline int scs_mux_plan_request_again(struct simc_slice body, struct simc_writer *out,
                                             char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    bool has_after;
    uint32_t after;
    int error = simc__scs_mux_plan_request_read(body, &has_after, &after, why);
    return error ? error : scs_mux_written(simc__scs_mux_plan_request_write(out, has_after, after));
}

static inline int scs_mux_plan_again(struct simc_slice body, struct simc_writer *out,
                                     char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__scs_mux_reader reader;
    struct simc__scs_mux_orders plan;
    struct simc__scs_mux_plan_scg scg;
    uint64_t timeline_id;
    bool is_last;
    int error = simc__scs_mux_plan_open(body, &reader, &timeline_id, &is_last, why);
    int write_error = 0;
    simc__scs_mux_plan_begin(&plan, out, timeline_id);
    while (!error && !(error = simc__scs_mux_plan_next(&reader, &scg, why))) {
        if (simc__scs_mux_plan_put(&plan, &scg))
            write_error = SIMC_EIO;
        simc__scs_mux_plan_scg_wipe(&scg);
    }
    if (error != SIMC_EEND)
        return error;
    return simc__scs_mux_plan_end(&plan, is_last) ? SIMC_EIO : write_error;
}

static const struct scs_mux_codec {
    const char *name; /* of the rule in specs/cddl/scs-mux.cddl */
    scs_mux_again *again;
} scs_mux_codecs[] = {
    {"announce", scs_mux_announce_again},
    {"timeline", scs_mux_timeline_again},
    {"scg", scs_mux_scg_again},
    {"defined", scs_mux_defined_again},
    {"remove", scs_mux_remove_again},
    {"orders", scs_mux_orders_again},
    {"reports", scs_mux_reports_again},
    {"alarm", scs_mux_alarm_again},
    {"plan-request", scs_mux_plan_request_again},
    {"plan", scs_mux_plan_again},
};
enum { SCS_MUX_CODECS = sizeof scs_mux_codecs / sizeof scs_mux_codecs[0] };

#endif
