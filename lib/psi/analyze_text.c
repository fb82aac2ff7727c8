/* SPDX-License-Identifier: BSL-1.0 */
/* The analyser's report for people. `simulcrypt ts analyze` prints it. */
#include "base/text.h"
#include "psi/analyze.h"

static const char *or_unknown(const char *name)
{
    return name ? name : "unknown";
}

static double kbit(uint64_t bits)
{
    return (double)bits / 1000;
}

static void put_name(struct simc_writer *out, const char *name)
{
    simc__text_put_quoted(out, simc_slice_text(name));
}

static void put_overview(const struct simc__analyzer *a, struct simc_writer *out)
{
    simc__text_printf(out, "Stream\n  %llu packets", (unsigned long long)a->stats.packets);
    if (simc_ts_stats_has_time(&a->stats))
        simc__text_printf(out, ", %.3f s, %.3f kbit/s\n",
                          simc__ms(simc__analyzer_duration(a)) / 1000,
                          kbit(simc_ts_stats_bitrate(&a->stats)));
    else
        simc__text_put(out, ", no PCR: times and bit rates are not known\n");
    if (a->has_pat)
        simc__text_printf(out, "  transport_stream_id %u", a->ts_id);
    if (a->has_sdt)
        simc__text_printf(out, ", original_network_id %u", a->network_id);
    if (a->has_pat)
        simc__text_put(out, "\n");
    if (a->tdt_time_s > 0) {
        simc__text_put(out, "  last TDT ");
        simc__text_put_utc(out, (uint64_t)a->tdt_time_s * 1000000, true);
        simc__text_put(out, "\n");
    }
    if (a->skipped)
        simc__text_printf(out, "  %llu bytes that belong to no packet\n",
                          (unsigned long long)a->skipped);
    if (a->dropped)
        simc__text_put(out, "  there is more in this stream than the report has room for\n");
}

static void put_ca(struct simc_writer *out, const struct simc__ca *ca, const char *messages)
{
    simc__text_printf(out, "    CA system 0x%04x (%s), %s on ", ca->system_id,
                      or_unknown(simc_ca_system_name(ca->system_id)), messages);
    if (ca->pid == SIMC_PID_NULL)
        simc__text_put(out, "no PID");
    else
        simc__text_printf(out, "PID 0x%04x", ca->pid);
    if (ca->stream_pid != SIMC_PID_NULL)
        simc__text_printf(out, ", for PID 0x%04x only", ca->stream_pid);
    if (ca->private_size) {
        simc__text_put(out, ", private data ");
        simc__text_put_hex(out, simc_slice(ca->private_data, ca->private_size));
    }
    simc__text_put(out, "\n");
}

static void put_period(struct simc_writer *out, const struct simc__period *period)
{
    static const char *const states[] = {"clear", "reserved", "even", "odd"};
    simc__text_printf(out, "      %-5s from %10.1f ms", states[period->tsc & 3],
                      simc__ms(period->start_27mhz));
    if (period->end_27mhz)
        simc__text_printf(out, " for %9.1f ms%s", simc__ms(period->end_27mhz - period->start_27mhz),
                          period->entire ? "" : " or more");
    else
        simc__text_put(out, " to the end");
    for (unsigned i = 0; i < period->ecm_count; i++) {
        const struct simc__period_ecm *ecm = &period->ecms[i];
        simc__text_printf(out, "%s 0x%04x/0x%02x %08x", i ? ";" : ", new ECM", ecm->pid,
                          ecm->table_id, ecm->hash);
        simc__text_printf(out, " at +%.1f ms", simc__ms(ecm->at_27mhz - period->start_27mhz));
        if (period->end_27mhz)
            simc__text_printf(out, " (%.1f ms ahead of the next)",
                              simc__ms(period->end_27mhz - ecm->at_27mhz));
    }
    simc__text_put(out, "\n");
}

static void put_periods(struct simc_writer *out, const struct simc__service *service)
{
    const struct simc__period *period = simc__service_period(service, 0);
    if (!period || (service->period_count == 1 && period->tsc == SIMC_TSC_CLEAR))
        return;
    simc__text_printf(out, "    crypto periods: %llu\n", (unsigned long long)service->period_count);
    for (size_t n = 0; (period = simc__service_period(service, n)); n++)
        put_period(out, period);
}

static void put_service(const struct simc__analyzer *a, struct simc_writer *out,
                        const struct simc__service *service)
{
    simc__text_printf(out, "  %u ", service->id);
    put_name(out, service->name);
    if (service->provider[0]) {
        simc__text_put(out, " by ");
        put_name(out, service->provider);
    }
    simc__text_printf(out, "%s%s\n",
                      service->in_sdt ? service->free_ca_mode ? ", free_CA_mode 1" : ""
                                      : ", not in SDT",
                      service->in_pat ? "" : ", not in PAT");
    if (service->in_pat)
        simc__text_printf(out, "    PMT PID 0x%04x%s", service->pmt_pid,
                          service->has_pmt ? "" : ", no PMT seen\n");
    if (service->in_pat && service->has_pmt)
        simc__text_printf(out, " version %u, PCR PID 0x%04x\n", service->pmt_version,
                          service->pcr_pid);
    if (service->scrambling_mode >= 0)
        simc__text_printf(out, "    scrambling mode 0x%02x (%s)\n",
                          (unsigned)service->scrambling_mode,
                          simc_scrambling_mode_name((uint8_t)service->scrambling_mode));
    for (unsigned i = 0; i < service->ca_count; i++)
        put_ca(out, &service->cas[i], "ECM");
    for (unsigned i = 0; i < service->stream_count; i++) {
        const struct simc__stream *stream = &service->streams[i];
        simc__text_printf(out, "    PID 0x%04x type 0x%02x %s, %.3f kbit/s\n", stream->pid,
                          stream->type, or_unknown(simc_stream_type_name(stream->type)),
                          kbit(simc_ts_stats_pid_bitrate(&a->stats, stream->pid)));
    }
    if (service->streams_dropped)
        simc__text_put(out, "    and more streams\n");
    put_periods(out, service);
}

static void put_ca_streams(const struct simc__analyzer *a, struct simc_writer *out)
{
    if (a->ca_stream_count)
        simc__text_put(out, "ECM and EMM\n");
    for (unsigned i = 0; i < a->ca_stream_count; i++) {
        const struct simc__ca_stream *stream = &a->ca_streams[i];
        double seconds = simc__ms(stream->last_27mhz - stream->first_27mhz) / 1000;
        simc__text_printf(out, "  PID 0x%04x %s of 0x%04x: %llu sections", stream->pid,
                          stream->is_emm ? "EMM" : "ECM", stream->system_id,
                          (unsigned long long)stream->sections);
        if (stream->sections > 1 && seconds > 0)
            simc__text_printf(out, ", %.2f per second, every %.1f to %.1f ms",
                              (double)(stream->sections - 1) / seconds,
                              simc__ms(stream->gap_min_27mhz), simc__ms(stream->gap_max_27mhz));
        if (!stream->is_emm)
            simc__text_printf(out, ", %llu different in a row",
                              (unsigned long long)stream->changes);
        simc__text_put(out, "\n");
    }
}

static void put_pids(const struct simc__analyzer *a, struct simc_writer *out)
{
    simc__text_put(out, "PIDs\n  PID     role            packets      kbit/s  scrambled   PCRs  "
                        "continuity errors\n");
    for (unsigned i = 0; i < SIMC_TS_PID_COUNT; i++) {
        const struct simc_ts_pid_stats *pid = &a->stats.pids[i];
        if (!pid->packets)
            continue;
        uint64_t scrambled = pid->by_tsc[SIMC_TSC_EVEN] + pid->by_tsc[SIMC_TSC_ODD];
        simc__text_printf(out, "  0x%04x  %-12s %10llu %11.3f %9.2f%% %6u  %llu\n", i,
                          simc__pid_role_name(a->pids[i].role), (unsigned long long)pid->packets,
                          kbit(simc_ts_stats_pid_bitrate(&a->stats, (uint16_t)i)),
                          100 * (double)scrambled / (double)pid->packets, pid->pcrs,
                          (unsigned long long)pid->order_errors);
    }
}

/* How PCRs come, by the clock that decides when packets do. */
static void put_pcrs(const struct simc__analyzer *a, struct simc_writer *out)
{
    const char *why = simc__offset_blind(a);
    if (!a->stats.clock_count)
        return;
    simc__text_printf(out, "PCRs, %s; drift and jitter part at %u mHz\n",
                      a->arrival_ns           ? "arriving by the clock of this computer"
                      : a->limits.bitrate_bps ? "arriving at the constant bit rate that is given"
                                              : "arriving at a constant bit rate",
                      a->limits.pcr_demarcation_mhz);
    for (unsigned i = 0; i < a->stats.clock_count; i++) {
        const struct simc__pcr_measure *measure = &a->measures[i];
        const struct simc__pcr_window *window = &a->windows[i];
        simc__text_printf(out, "  PID 0x%04x ", a->stats.clock_pids[i]);
        if (window->judged)
            simc__text_printf(out, "accuracy %.0f ns, ", window->worst_ns);
        if (!measure->measured) {
            simc__text_put(out, "offset, drift and jitter are not measured: no 3 s of PCRs ");
            simc__text_put(out, a->arrival_ns ? "in a row\n" : "at a constant bit rate\n");
            continue;
        }
        simc__text_printf(out, "jitter %.0f ns, drift %.3f mHz/s", measure->jitter_ns,
                          measure->drift_mhz);
        if (a->arrival_ns || a->limits.bitrate_bps)
            simc__text_printf(out, ", offset %.3f Hz", measure->offset_hz);
        simc__text_printf(out, ", in %.1f s", measure->longest_s);
        if (measure->longest_s < simc__pcr_settling_s(a))
            simc__text_printf(out, "; judged from %.0f s on", simc__pcr_settling_s(a));
        simc__text_printf(out, "%s%s\n", why ? "; no judgement of the offset: " : "",
                          why ? why : "");
    }
}

static void put_level(struct simc_writer *out, const char *name, double most, unsigned size)
{
    simc__text_printf(out, "; %s %.0f of %u", name, most, size);
}

static void put_buffers_of(struct simc_writer *out, const struct simc__std *std)
{
    put_level(out, "TB", std->transport_max, SIMC__STD_TRANSPORT);
    if (std->kind == SIMC__STD_VIDEO)
        put_level(out, "MB", std->multiplex_max, std->sizes.multiplex);
    put_level(out,
              std->kind == SIMC__STD_VIDEO    ? "EB"
              : std->kind == SIMC__STD_TABLES ? "Bsys"
                                              : "B",
              std->elementary_max, std->sizes.elementary);
    simc__text_printf(out, "; Rx %.3f kbit/s", kbit(std->sizes.transport_bps));
}

/* Why nothing, or not everything, was judged. */
static void put_blind(struct simc_writer *out, enum simc__blind blind, bool in_part)
{
    if (blind != SIMC__BLIND_NOT)
        simc__text_printf(out, "%s, because %s", in_part ? "; not judged any more" : " not judged",
                          simc__blind_text(blind));
    simc__text_put(out, "\n");
}

static void put_buffers(const struct simc__analyzer *a, struct simc_writer *out)
{
    if (!a->limits.buffers)
        return;
    simc__text_put(out, "Buffers of the system target decoder, bytes at most\n");
    for (unsigned i = 0; i < a->service_count; i++) {
        const struct simc__service *service = &a->services[i];
        if (!service->std || !service->std->tables.packets)
            continue;
        simc__text_printf(out, "  PSI of service %u", service->id);
        put_buffers_of(out, &service->std->tables);
        simc__text_put(out, "\n");
    }
    for (unsigned pid = 0; pid < SIMC_TS_PID_COUNT; pid++) {
        const struct simc__pid *info = &a->pids[pid];
        if (info->role != SIMC__ROLE_STREAM || !a->stats.pids[pid].packets)
            continue;
        bool judged = info->es && info->es->std.packets;
        simc__text_printf(out, "  PID 0x%04x", pid);
        if (judged && info->es->codec.level)
            simc__text_printf(out, " profile %u level %u", info->es->codec.profile,
                              info->es->codec.level);
        else if (judged && info->es->codec.profile)
            simc__text_printf(out, " profile and level 0x%02x", info->es->codec.profile);
        if (judged)
            put_buffers_of(out, &info->es->std);
        put_blind(out, simc__buffer_blind(a, (uint16_t)pid), judged);
    }
}

/* How long data waits in the decoder (3.10). */
static void put_delays(const struct simc__analyzer *a, struct simc_writer *out)
{
    bool first = true;
    for (unsigned pid = 0; pid < SIMC_TS_PID_COUNT; pid++) {
        const struct simc__pid *info = &a->pids[pid];
        if (info->role != SIMC__ROLE_STREAM || !a->stats.pids[pid].packets ||
            !(simc_stream_type_is_video(info->stream_type) ||
              simc_stream_type_is_audio(info->stream_type)))
            continue;
        const char *why = simc__delay_blind(a, (uint16_t)pid);
        if (first)
            simc__text_put(out, "Delay of data, from arrival to decoding\n");
        first = false;
        simc__text_printf(out, "  PID 0x%04x ", pid);
        if (why)
            simc__text_printf(out, "not judged, because %s\n", why);
        else
            simc__text_printf(out, "%.1f to %.1f ms%s\n", info->delay_min_90khz / 90.0,
                              info->delay_max_90khz / 90.0, info->still ? ", still pictures" : "");
    }
}

/* Why a check has nothing to judge, where that is not plain from what it is for. */
static const char *unjudged(const struct simc__analyzer *a, size_t check)
{
    switch (check) {
    case SIMC__CHECK_BUFFER:
    case SIMC__CHECK_EMPTY_BUFFER:
        return a->limits.buffers ? ": see the buffers above" : ": wants --buffers";
    case SIMC__CHECK_DATA_DELAY:
        return ": see the delays above";
    case SIMC__CHECK_PCR_ACCURACY:
        return ": not a constant bit rate, or too short";
    case SIMC__CHECK_PCR_OFFSET:
        return a->arrival_ns ? ": see the PCRs above" : ": wants --bitrate, or a live input";
    case SIMC__CHECK_PCR_DRIFT:
        return ": see the PCRs above";
    case SIMC__CHECK_PCR_JITTER:
        return ": no limit is set (--pcr-jitter)";
    default:
        return "";
    }
}

static void put_checks(const struct simc__analyzer *a, struct simc_writer *out)
{
    unsigned failed = 0;
    simc__text_put(out, "TR 101 290\n");
    for (size_t i = 0; i < SIMC__CHECK_COUNT; i++) {
        const struct simc__check *check = &a->checks[i];
        failed += check->count > 0;
        simc__text_printf(out, "  %-6s %-34s ", simc__check_rows[i].number,
                          simc__check_rows[i].title);
        if (check->count)
            simc__text_printf(out, "%llu, first at packet %llu\n", (unsigned long long)check->count,
                              (unsigned long long)check->first_packet);
        else if (check->judged)
            simc__text_put(out, "good\n");
        else
            simc__text_printf(out, "not judged%s\n", unjudged(a, i));
    }
    if (!failed)
        return;
    simc__text_put(out, "Faults\n");
    for (unsigned i = 0; i < a->fault_count; i++) {
        const struct simc__fault *fault = &a->faults[i];
        simc__text_printf(out, "  %10.1f ms packet %llu ", simc__ms(fault->time_27mhz),
                          (unsigned long long)fault->packet);
        if (fault->pid != SIMC_PID_NULL)
            simc__text_printf(out, "PID 0x%04x ", fault->pid);
        simc__text_printf(out, "%s %s: %s: %lld\n", simc__check_rows[fault->check].number,
                          simc__check_rows[fault->check].title, fault->what,
                          (long long)fault->value);
    }
    if (a->fault_count == SIMC__FAULTS_MAX)
        simc__text_put(out, "  later ones are only counted\n");
}

void simc__analyzer_text(const struct simc__analyzer *a, struct simc_writer *out)
{
    put_overview(a, out);
    simc__text_put(out, a->service_count ? "Services\n" : "No services\n");
    for (unsigned i = 0; i < a->service_count; i++)
        put_service(a, out, &a->services[i]);
    if (a->has_cat)
        simc__text_put(out, a->cat_count ? "CAT\n" : "CAT without a CA system\n");
    for (unsigned i = 0; i < a->cat_count; i++)
        put_ca(out, &a->cat[i], "EMM");
    put_ca_streams(a, out);
    put_pids(a, out);
    put_pcrs(a, out);
    put_delays(a, out);
    put_buffers(a, out);
    put_checks(a, out);
}
