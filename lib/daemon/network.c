/* SPDX-License-Identifier: BSL-1.0 */
/* The figures of SimulCrypt connections as rows, filled from a gate. Daemons call it when their
 * metrics are scraped. */
#include "daemon/network.h"

#define END_NAME(name, text) #name,
static const char *const end_names[] = {SIMC_UV_END_ROWS(END_NAME) NULL};

enum { NOW, ACCEPTED, ENDED, BYTES_IN, BYTES_OUT, TLS_GOOD, TLS_FAILED, PAUSES, ROW_COUNT };

static const struct simc__metric_row rows[ROW_COUNT] = {
    [NOW] = {.name = "simc_connections",
             .type = SIMC__METRIC_GAUGE,
             .help = "Connections now, with those in their TLS handshake"},
    [ACCEPTED] = {.name = "simc_connections_total",
                  .type = SIMC__METRIC_COUNTER,
                  .help = "Connections that the system accepted"},
    [ENDED] = {.name = "simc_connections_ended_total",
               .type = SIMC__METRIC_COUNTER,
               .help = "Connections that have ended or were refused, by reason",
               .label = "reason",
               .values = end_names},
    [BYTES_IN] = {.name = "simc_received_bytes_total",
                  .type = SIMC__METRIC_COUNTER,
                  .help = "Bytes received on the wire"},
    [BYTES_OUT] = {.name = "simc_sent_bytes_total",
                   .type = SIMC__METRIC_COUNTER,
                   .help = "Bytes sent on the wire"},
    [TLS_GOOD] = {.name = "simc_tls_handshakes_total",
                  .type = SIMC__METRIC_COUNTER,
                  .help = "TLS handshakes that succeeded"},
    [TLS_FAILED] = {.name = "simc_tls_failures_total",
                    .type = SIMC__METRIC_COUNTER,
                    .help = "TLS handshakes that failed"},
    [PAUSES] = {.name = "simc_accept_pauses_total",
                .type = SIMC__METRIC_COUNTER,
                .help = "Times that the system had no file descriptor left"},
};

const struct simc__metric_table simc__network_stats = {rows, ROW_COUNT};

void simc__network_collect(struct simc__metric_set *set, struct simc_uv_gate *gate)
{
    struct simc_uv_stats stats;
    simc_uv_gate_stats(gate, &stats);
    const uint64_t figures[ROW_COUNT] = {
        [NOW] = stats.connections,      [ACCEPTED] = stats.connections_total,
        [BYTES_IN] = stats.bytes_in,    [BYTES_OUT] = stats.bytes_out,
        [TLS_GOOD] = stats.tls_good,    [TLS_FAILED] = stats.tls_failed,
        [PAUSES] = stats.accept_pauses,
    };
    for (unsigned row = 0; row < ROW_COUNT; row++)
        if (row != ENDED)
            simc__metric_store(set, 0, row, 0, figures[row]);
    for (unsigned reason = 0; reason < SIMC_UV_END_COUNT; reason++)
        simc__metric_store(set, 0, ENDED, reason, stats.ended[reason]);
}
