/* SPDX-License-Identifier: BSL-1.0 */
/* The analyser's report for programs: one JSON object. `simulcrypt ts analyze --json` prints it.
 * Members are never renamed; PIDs and ids are numbers, absent values are null. */
#include "base/text.h"
#include "psi/analyze.h"

/* Starts a member; the comma in front is left out for the first. */
static void key(struct simc_writer *out, bool *first, const char *name)
{
    simc__text_printf(out, "%s\"%s\":", *first ? "" : ",", name);
    *first = false;
}

static void number(struct simc_writer *out, bool *first, const char *name, uint64_t value)
{
    key(out, first, name);
    simc__text_printf(out, "%llu", (unsigned long long)value);
}

static void ms(struct simc_writer *out, bool *first, const char *name, uint64_t time_27mhz)
{
    key(out, first, name);
    simc__text_printf(out, "%.3f", simc__ms(time_27mhz));
}

static void boolean(struct simc_writer *out, bool *first, const char *name, bool value)
{
    key(out, first, name);
    simc__text_put(out, value ? "true" : "false");
}

static void text(struct simc_writer *out, bool *first, const char *name, const char *value)
{
    key(out, first, name);
    if (value)
        simc__text_put_quoted(out, simc_slice_text(value));
    else
        simc__text_put(out, "null");
}

static void pid_or_null(struct simc_writer *out, bool *first, const char *name, uint16_t pid)
{
    if (pid == SIMC_PID_NULL)
        text(out, first, name, NULL);
    else
        number(out, first, name, pid);
}

/* Starts the next element of an array of objects. */
static bool begin(struct simc_writer *out, bool *first_element)
{
    simc__text_put(out, *first_element ? "{" : ",{");
    *first_element = false;
    return true;
}

static void put_cas(struct simc_writer *out, const struct simc__ca *cas, unsigned count)
{
    bool first_element = true;
    simc__text_put(out, "[");
    for (unsigned i = 0; i < count; i++) {
        bool first = begin(out, &first_element);
        number(out, &first, "ca_system_id", cas[i].system_id);
        text(out, &first, "ca_system", simc_ca_system_name(cas[i].system_id));
        pid_or_null(out, &first, "pid", cas[i].pid);
        pid_or_null(out, &first, "stream_pid", cas[i].stream_pid);
        key(out, &first, "private_data");
        simc__text_put(out, "\"");
        simc__text_put_hex(out, simc_slice(cas[i].private_data, cas[i].private_size));
        simc__text_put(out, "\"}");
    }
    simc__text_put(out, "]");
}

static void put_period(struct simc_writer *out, bool *first_element,
                       const struct simc__period *period)
{
    static const char *const states[] = {"clear", "reserved", "even", "odd"};
    bool first = begin(out, first_element), first_ecm = true;
    text(out, &first, "parity", states[period->tsc & 3]);
    ms(out, &first, "start_ms", period->start_27mhz);
    number(out, &first, "start_packet", period->start_packet);
    if (period->end_27mhz)
        ms(out, &first, "duration_ms", period->end_27mhz - period->start_27mhz);
    else
        text(out, &first, "duration_ms", NULL);
    boolean(out, &first, "entire", period->entire && period->end_27mhz);
    key(out, &first, "ecms");
    simc__text_put(out, "[");
    for (unsigned i = 0; i < period->ecm_count; i++) {
        const struct simc__period_ecm *ecm = &period->ecms[i];
        bool first_member = begin(out, &first_ecm);
        number(out, &first_member, "pid", ecm->pid);
        number(out, &first_member, "table_id", ecm->table_id);
        key(out, &first_member, "hash");
        simc__text_printf(out, "\"%08x\"", ecm->hash);
        ms(out, &first_member, "after_start_ms", ecm->at_27mhz - period->start_27mhz);
        if (period->end_27mhz)
            ms(out, &first_member, "before_end_ms", period->end_27mhz - ecm->at_27mhz);
        else
            text(out, &first_member, "before_end_ms", NULL);
        simc__text_put(out, "}");
    }
    simc__text_put(out, "]}");
}

static void put_streams(const struct simc__analyzer *a, struct simc_writer *out,
                        const struct simc__service *service)
{
    bool first_element = true;
    simc__text_put(out, "[");
    for (unsigned i = 0; i < service->stream_count; i++) {
        bool first = begin(out, &first_element);
        number(out, &first, "pid", service->streams[i].pid);
        number(out, &first, "type", service->streams[i].type);
        text(out, &first, "name", simc_stream_type_name(service->streams[i].type));
        number(out, &first, "bitrate_bps",
               simc_ts_stats_pid_bitrate(&a->stats, service->streams[i].pid));
        simc__text_put(out, "}");
    }
    simc__text_put(out, "]");
}

/* The buffers of a model. */
static void put_buffers(struct simc_writer *out, const struct simc__std *std, const char *blind,
                        const struct simc__codec *codec)
{
    bool first = true, video = std && std->kind == SIMC__STD_VIDEO;
    simc__text_put(out, "{");
    boolean(out, &first, "judged", std && std->packets > 0);
    text(out, &first, "not_judged_because", blind && *blind ? blind : NULL);
    if (std && std->packets) {
        if (codec && codec->profile)
            number(out, &first, "profile", codec->profile);
        if (codec && codec->level)
            number(out, &first, "level", codec->level);
        number(out, &first, "transport_bps", std->sizes.transport_bps);
        number(out, &first, "leak_bps", std->sizes.leak_bps);
        number(out, &first, "transport_bytes", SIMC__STD_TRANSPORT);
        number(out, &first, "transport_most", (uint64_t)std->transport_max);
        if (video) {
            number(out, &first, "multiplex_bytes", std->sizes.multiplex);
            number(out, &first, "multiplex_most", (uint64_t)std->multiplex_max);
        }
        number(out, &first, "main_bytes", std->sizes.elementary);
        number(out, &first, "main_most", (uint64_t)std->elementary_max);
        number(out, &first, "packets", std->packets);
        number(out, &first, "access_units", std->unit_total);
    }
    simc__text_put(out, "}");
}

static void put_service(const struct simc__analyzer *a, struct simc_writer *out,
                        bool *first_element, const struct simc__service *service)
{
    bool first = begin(out, first_element), first_period = true;
    number(out, &first, "id", service->id);
    text(out, &first, "name", service->in_sdt ? service->name : NULL);
    text(out, &first, "provider", service->in_sdt ? service->provider : NULL);
    number(out, &first, "type", service->type);
    boolean(out, &first, "in_pat", service->in_pat);
    boolean(out, &first, "in_sdt", service->in_sdt);
    boolean(out, &first, "has_pmt", service->has_pmt);
    boolean(out, &first, "free_ca_mode", service->free_ca_mode);
    boolean(out, &first, "eit_present_following", service->eit_pf);
    boolean(out, &first, "eit_schedule", service->eit_schedule);
    text(out, &first, "running_status", simc_running_status_name(service->running_status));
    pid_or_null(out, &first, "pmt_pid", service->in_pat ? service->pmt_pid : SIMC_PID_NULL);
    number(out, &first, "pmt_version", service->pmt_version);
    pid_or_null(out, &first, "pcr_pid", service->pcr_pid);
    if (service->scrambling_mode >= 0)
        number(out, &first, "scrambling_mode", (uint64_t)service->scrambling_mode);
    else
        text(out, &first, "scrambling_mode", NULL);
    key(out, &first, "ca");
    put_cas(out, service->cas, service->ca_count);
    key(out, &first, "streams");
    put_streams(a, out, service);
    if (service->std) {
        key(out, &first, "psi_buffers");
        put_buffers(out, &service->std->tables, NULL, NULL);
    }
    number(out, &first, "crypto_period_count", service->period_count);
    key(out, &first, "crypto_periods");
    simc__text_put(out, "[");
    const struct simc__period *period;
    for (size_t n = 0; (period = simc__service_period(service, n)); n++)
        put_period(out, &first_period, period);
    simc__text_put(out, "]}");
}

static void put_ca_stream(struct simc_writer *out, bool *first_element,
                          const struct simc__ca_stream *stream)
{
    bool first = begin(out, first_element), first_table = true;
    double seconds = simc__ms(stream->last_27mhz - stream->first_27mhz) / 1000;
    number(out, &first, "pid", stream->pid);
    text(out, &first, "kind", stream->is_emm ? "EMM" : "ECM");
    number(out, &first, "ca_system_id", stream->system_id);
    number(out, &first, "sections", stream->sections);
    number(out, &first, "bytes", stream->bytes);
    number(out, &first, "changes", stream->changes);
    key(out, &first, "sections_per_second");
    if (stream->sections > 1 && seconds > 0)
        simc__text_printf(out, "%.3f", (double)(stream->sections - 1) / seconds);
    else
        simc__text_put(out, "null");
    ms(out, &first, "gap_min_ms", stream->gap_min_27mhz);
    ms(out, &first, "gap_max_ms", stream->gap_max_27mhz);
    key(out, &first, "tables");
    simc__text_put(out, "{");
    for (unsigned i = 0; i < 16; i++) {
        const char name[] = {'0', 'x', '8', "0123456789abcdef"[i], '\0'};
        if (stream->by_table[i])
            number(out, &first_table, name, stream->by_table[i]);
    }
    if (stream->others)
        number(out, &first_table, "other", stream->others);
    simc__text_put(out, "}}");
}

static void put_pcrs(const struct simc__analyzer *a, struct simc_writer *out, bool *first,
                     unsigned number_of_clock)
{
    const struct simc__pcr_window *window = &a->windows[number_of_clock];
    const struct simc__pcr_measure *measure = &a->measures[number_of_clock];
    const struct {
        const char *name;
        double value;
        bool known;
    } rows[] = {
        {"pcr_overall_jitter_ns", measure->jitter_ns, measure->measured},
        {"pcr_drift_mhz_per_s", measure->drift_mhz, measure->measured},
        {"pcr_frequency_offset_hz", measure->offset_hz,
         measure->measured && (a->arrival_ns || a->limits.bitrate_bps)},
        {"pcr_measured_s", measure->longest_s, measure->measured},
    };
    number(out, first, "pcr_accuracy_judged", window->judged);
    key(out, first, "pcr_accuracy_worst_ns");
    simc__text_printf(out, "%.0f", window->worst_ns);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        key(out, first, rows[i].name);
        if (rows[i].known)
            simc__text_printf(out, "%.3f", rows[i].value);
        else
            simc__text_put(out, "null");
    }
}

/* What is judged of a stream: how long its data waits, and its buffers. */
static void put_decoding(const struct simc__analyzer *a, struct simc_writer *out, bool *first,
                         uint16_t pid)
{
    const struct simc__pid *info = &a->pids[pid];
    bool first_member = true;
    if (info->role != SIMC__ROLE_STREAM)
        return;
    if (simc_stream_type_is_video(info->stream_type) ||
        simc_stream_type_is_audio(info->stream_type)) {
        key(out, first, "data_delay");
        simc__text_put(out, "{");
        text(out, &first_member, "not_judged_because", simc__delay_blind(a, pid));
        boolean(out, &first_member, "still_pictures", info->still);
        key(out, &first_member, "min_ms");
        simc__text_printf(out, info->has_delay ? "%.3f" : "null", info->delay_min_90khz / 90.0);
        key(out, &first_member, "max_ms");
        simc__text_printf(out, info->has_delay ? "%.3f" : "null", info->delay_max_90khz / 90.0);
        simc__text_put(out, "}");
    }
    if (a->limits.buffers) {
        key(out, first, "buffers");
        put_buffers(out, info->es ? &info->es->std : NULL,
                    simc__blind_text(simc__buffer_blind(a, pid)),
                    info->es ? &info->es->codec : NULL);
    }
}

static void put_pid(const struct simc__analyzer *a, struct simc_writer *out, bool *first_element,
                    uint16_t pid)
{
    const struct simc_ts_pid_stats *stats = &a->stats.pids[pid];
    const struct simc__pid *info = &a->pids[pid];
    bool first = begin(out, first_element);
    number(out, &first, "pid", pid);
    text(out, &first, "role", simc__pid_role_name(info->role));
    if (info->service)
        number(out, &first, "service", a->services[info->service - 1].id);
    number(out, &first, "packets", stats->packets);
    number(out, &first, "bitrate_bps", simc_ts_stats_pid_bitrate(&a->stats, pid));
    number(out, &first, "clear", stats->by_tsc[SIMC_TSC_CLEAR]);
    number(out, &first, "even", stats->by_tsc[SIMC_TSC_EVEN]);
    number(out, &first, "odd", stats->by_tsc[SIMC_TSC_ODD]);
    number(out, &first, "reserved", stats->by_tsc[SIMC_TSC_RESERVED]);
    number(out, &first, "without_payload", stats->no_payload);
    number(out, &first, "scrambling_changes", stats->tsc_changes);
    number(out, &first, "pcrs", stats->pcrs);
    if (stats->clock)
        put_pcrs(a, out, &first, stats->clock - 1u);
    put_decoding(a, out, &first, pid);
    number(out, &first, "continuity_errors", stats->order_errors);
    number(out, &first, "announced_discontinuities", stats->announced);
    number(out, &first, "duplicates", stats->duplicates);
    number(out, &first, "transport_errors", stats->transport_errors);
    number(out, &first, "malformed", stats->malformed);
    simc__text_put(out, "}");
}

static void put_checks(const struct simc__analyzer *a, struct simc_writer *out)
{
    bool first_element = true;
    simc__text_put(out, "[");
    for (size_t i = 0; i < SIMC__CHECK_COUNT; i++) {
        const struct simc__check *check = &a->checks[i];
        bool first = begin(out, &first_element);
        text(out, &first, "number", simc__check_rows[i].number);
        text(out, &first, "name", simc__check_rows[i].title);
        number(out, &first, "priority", simc__check_rows[i].priority);
        boolean(out, &first, "judged", check->judged);
        number(out, &first, "count", check->count);
        if (check->count) {
            number(out, &first, "first_packet", check->first_packet);
            number(out, &first, "last_packet", check->last_packet);
        }
        simc__text_put(out, "}");
    }
    simc__text_put(out, "]");
}

static void put_faults(const struct simc__analyzer *a, struct simc_writer *out)
{
    bool first_element = true;
    simc__text_put(out, "[");
    for (unsigned i = 0; i < a->fault_count; i++) {
        const struct simc__fault *fault = &a->faults[i];
        bool first = begin(out, &first_element);
        text(out, &first, "check", simc__check_rows[fault->check].number);
        pid_or_null(out, &first, "pid", fault->pid);
        number(out, &first, "packet", fault->packet);
        ms(out, &first, "time_ms", fault->time_27mhz);
        text(out, &first, "what", fault->what);
        key(out, &first, "value");
        simc__text_printf(out, "%lld}", (long long)fault->value);
    }
    simc__text_put(out, "]");
}

static void put_overview(const struct simc__analyzer *a, struct simc_writer *out, bool *first)
{
    bool timed = simc_ts_stats_has_time(&a->stats);
    number(out, first, "packets", a->stats.packets);
    if (timed)
        ms(out, first, "duration_ms", simc__analyzer_duration(a));
    else
        text(out, first, "duration_ms", NULL);
    if (timed)
        number(out, first, "bitrate_bps", simc_ts_stats_bitrate(&a->stats));
    else
        text(out, first, "bitrate_bps", NULL);
    number(out, first, "skipped_bytes", a->skipped);
    number(out, first, "sync_losses", a->sync_losses);
    number(out, first, "continuity_errors", a->stats.order_errors);
    number(out, first, "transport_errors", a->stats.transport_errors);
    number(out, first, "malformed_packets", a->stats.malformed);
    boolean(out, first, "complete", !a->dropped);
    text(out, first, "pcr_arrival", a->arrival_ns ? "clock" : "constant bit rate");
    number(out, first, "pcr_demarcation_mhz", a->limits.pcr_demarcation_mhz);
    text(out, first, "pcr_offset_not_judged_because", simc__offset_blind(a));
    if (a->has_pat)
        number(out, first, "transport_stream_id", a->ts_id);
    else
        text(out, first, "transport_stream_id", NULL);
    if (a->has_sdt)
        number(out, first, "original_network_id", a->network_id);
    else
        text(out, first, "original_network_id", NULL);
}

void simc__analyzer_json(const struct simc__analyzer *a, struct simc_writer *out)
{
    bool first = true, first_service = true, first_stream = true, first_pid = true;
    simc__text_put(out, "{");
    put_overview(a, out, &first);
    key(out, &first, "services");
    simc__text_put(out, "[");
    for (unsigned i = 0; i < a->service_count; i++)
        put_service(a, out, &first_service, &a->services[i]);
    simc__text_put(out, "]");
    boolean(out, &first, "has_cat", a->has_cat);
    key(out, &first, "cat");
    put_cas(out, a->cat, a->cat_count);
    key(out, &first, "ca_streams");
    simc__text_put(out, "[");
    for (unsigned i = 0; i < a->ca_stream_count; i++)
        put_ca_stream(out, &first_stream, &a->ca_streams[i]);
    simc__text_put(out, "]");
    key(out, &first, "pids");
    simc__text_put(out, "[");
    for (unsigned pid = 0; pid < SIMC_TS_PID_COUNT; pid++) {
        if (a->stats.pids[pid].packets)
            put_pid(a, out, &first_pid, (uint16_t)pid);
    }
    simc__text_put(out, "]");
    key(out, &first, "checks");
    put_checks(a, out);
    key(out, &first, "faults");
    put_faults(a, out);
    simc__text_put(out, "}\n");
}
