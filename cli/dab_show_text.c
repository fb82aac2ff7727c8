/* SPDX-License-Identifier: BSL-1.0 */
/* Prints what `simulcrypt dab show` has found: a summary, FIG rates, CA fields, and FIGs of type 6
 * in both readings. dab_show.c calls it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/dab.h"
#include "cli/dab_show.h"

bool simc__dab_report_failed(const struct simc__dab_report *report)
{
    bool failed = report->fibs_crc_bad || report->fibs_malformed || report->unknown ||
                  (report->simple && report->en300401) || report->reader.skipped ||
                  report->reader.truncated;
    for (unsigned bit = 0; bit < SIMC_ETI_FAULT_COUNT; bit++)
        failed = failed || report->faults[bit];
    return failed;
}

/* ---- summary ---- */

static void print_faults(const struct simc__dab_report *report)
{
    for (unsigned bit = 0; bit < SIMC_ETI_FAULT_COUNT; bit++) {
        if (report->faults[bit])
            printf("fault: %llu frames: %s\n", (unsigned long long)report->faults[bit],
                   simc_eti_fault_text((enum simc_eti_fault)(1u << bit)));
    }
    if (report->reader.truncated)
        printf("fault: the last frame is cut off\n");
    if (report->reader.skipped)
        printf("fault: %llu bytes are no ETI\n", (unsigned long long)report->reader.skipped);
    if (report->fibs_crc_bad)
        printf("fault: %llu FIB%s with a wrong CRC\n", (unsigned long long)report->fibs_crc_bad,
               simc__dab_s(report->fibs_crc_bad));
    if (report->fibs_malformed)
        printf("fault: %llu malformed FIB%s\n", (unsigned long long)report->fibs_malformed,
               simc__dab_s(report->fibs_malformed));
    if (report->unknown)
        printf("fault: %llu FIG%s of type 6 of unknown layout\n",
               (unsigned long long)report->unknown, simc__dab_s(report->unknown));
    if (report->simple && report->en300401)
        printf("fault: both layouts of FIG 6 in one ensemble\n");
    if (report->fct_jumps)
        printf("note: the frame count FCT jumps %llu times\n",
               (unsigned long long)report->fct_jumps);
    if (report->contents_lost)
        printf("note: %llu FIGs are not listed: too many different ones\n",
               (unsigned long long)report->contents_lost);
}

static void print_summary(const struct simc__dab_report *report, const char *name)
{
    static const char *const modes[] = {"IV", "I", "II", "III"};
    printf("%s: %s, %llu frames, %.3f s\n", name, simc_eti_form_name(report->reader.form),
           (unsigned long long)report->frames, simc__dab_seconds(report->frames));
    if (report->ensemble_seen)
        printf("ensemble 0x%04X", report->ensemble);
    else
        printf("ensemble unknown");
    if (report->label[0])
        printf(" \"%s\"", report->label);
    if (report->good_frames)
        printf(", mode %s, %u streams", modes[report->last.mid], report->last.stream_count);
    printf("\n%llu FIBs, %llu bytes free\n", (unsigned long long)report->fibs,
           (unsigned long long)report->free_bytes);
}

/* ---- rates ---- */

static void print_interval(const struct simc__dab_rate *rate)
{
    if (rate->frames < 2)
        return;
    printf(", every %llu", (unsigned long long)rate->gap_min * SIMC_DAB_FRAME_MS);
    if (rate->gap_max != rate->gap_min)
        printf(" to %llu", (unsigned long long)rate->gap_max * SIMC_DAB_FRAME_MS);
    printf(" ms");
}

static void print_rates(const struct simc__dab_report *report)
{
    printf("\nFIGs\n");
    for (unsigned type = 0; type < SIMC__DAB_TYPES; type++) {
        for (unsigned extension = 0; extension < SIMC__DAB_EXTENSIONS; extension++) {
            const struct simc__dab_rate *rate = &report->rates[type][extension];
            char name[16];
            if (!rate->count)
                continue;
            if (type == 6 || type == 7)
                snprintf(name, sizeof name, "%u", type);
            else
                snprintf(name, sizeof name, "%u/%u", type, extension);
            printf("  %-5s %llu FIG%s, %llu frame%s", name, (unsigned long long)rate->count,
                   simc__dab_s(rate->count), (unsigned long long)rate->frames,
                   simc__dab_s(rate->frames));
            print_interval(rate);
            printf("\n");
        }
    }
}

/* ---- the contents, in the order in which they appeared ---- */

static int by_order(const void *a, const void *b)
{
    const struct simc__dab_content *x = *(const struct simc__dab_content *const *)a;
    const struct simc__dab_content *y = *(const struct simc__dab_content *const *)b;
    size_t size = x->size < y->size ? x->size : y->size;
    /* By FIG type and extension first, so that what belongs together stands together. */
    if ((x->bytes[0] ^ y->bytes[0]) >> 5)
        return (x->bytes[0] >> 5) - (y->bytes[0] >> 5);
    if (x->bytes[0] >> 5 == 0 && (x->bytes[1] ^ y->bytes[1]) & 0x1f)
        return (x->bytes[1] & 0x1f) - (y->bytes[1] & 0x1f);
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return memcmp(x->bytes + 1, y->bytes + 1, size - 1);
}

static void print_head(const struct simc__dab_content *content)
{
    printf("  ");
    for (size_t i = 0; i < content->size; i++)
        printf("%02x", content->bytes[i]);
    printf("  %llu time%s", (unsigned long long)content->rate.count,
           simc__dab_s(content->rate.count));
    print_interval(&content->rate);
    printf("\n");
}

static void print_ca_org(const struct simc_fig0_entry *entry)
{
    if (entry->has_ca_org)
        printf(", CAOrg 0x%04X (%s, SharedFlag 0x%02X%s)", entry->ca_org,
               simc_ca_mode_name(simc_ca_org_mode(entry->ca_org)),
               simc_ca_org_shared(entry->ca_org),
               simc_ca_org_shared(entry->ca_org) ? "" : ": invalid");
}

static void print_entry(const struct simc_fig0_entry *entry, bool is_32bit)
{
    static const char *const transports[] = {"stream audio", "stream data", "FIDC", "packet"};
    int digits = is_32bit ? 8 : 4;
    switch (entry->kind) {
    case SIMC_FIG0_SERVICE:
        printf("    service 0x%0*X: CAId %u%s", digits, (unsigned)entry->service, entry->ca_id,
               entry->ca_id ? "" : " (no access control)");
        break;
    case SIMC_FIG0_COMPONENT:
        printf("      %s %s %u%s: CA flag %d", transports[entry->transport],
               entry->transport == 3   ? "SCId"
               : entry->transport == 2 ? "FIDCId"
                                       : "sub-channel",
               entry->id, entry->primary ? ", primary" : "", entry->ca);
        break;
    case SIMC_FIG0_PACKET:
        printf("    SCId %u: sub-channel %u, packet address %u, DSCTy %u", entry->id,
               entry->sub_channel, entry->address, entry->type);
        break;
    case SIMC_FIG0_STREAM:
        printf("    %s %u", entry->in_fic ? "FIDCId" : "sub-channel", entry->id);
        break;
    case SIMC_FIG0_USER_APP:
        printf("    service 0x%0*X, component %u: user application %u, CA flag %d", digits,
               (unsigned)entry->service, entry->id, entry->user_app, entry->ca);
        break;
    }
    print_ca_org(entry);
    printf("\n");
}

static void print_fig0(const struct simc__dab_content *content)
{
    struct simc_fig0_reader reader;
    struct simc_fig0_entry entry;
    int error = simc_fig0_reader_init(&reader, simc_slice(content->bytes, content->size));
    printf("  FIG 0/%u%s%s", reader.extension, reader.next ? ", next configuration" : "",
           reader.other ? ", other ensemble" : "");
    print_head(content);
    while (!error && (error = simc_fig0_reader_next(&reader, &entry)) == 0)
        print_entry(&entry, reader.is_32bit);
    if (error != SIMC_EEND)
        printf("    malformed: an entry runs past the end of the FIG\n");
}

static void print_reading(const char *name, struct simc_slice bytes, enum simc_fig6_reading reading)
{
    struct simc_fig6 fig;
    int error = simc_fig6_read(bytes, reading, &fig);
    int digits = fig.is_32bit ? 8 : 4;
    printf("    %-10s  ", name);
    switch (fig.form) {
    case SIMC_FIG6_UNKNOWN:
        printf("cannot be read\n");
        return;
    case SIMC_FIG6_ORGANIZATION:
        printf("FIG 6/0 CA organization:");
        for (size_t i = 0; i < fig.count; i++)
            printf("%s 0x%04X", i ? "," : "", fig.entries[i].ca_system);
        break;
    case SIMC_FIG6_SERVICE:
        printf("FIG 6/1 CA service:");
        for (size_t i = 0; i < fig.count; i++)
            printf("%s 0x%0*X -> 0x%04X", i ? "," : "", digits, (unsigned)fig.entries[i].service,
                   fig.entries[i].ca_system);
        break;
    case SIMC_FIG6_SHORT:
        printf("short form: service 0x%0*X -> CA number %u", digits,
               (unsigned)fig.entries[0].service, fig.short_id);
        break;
    case SIMC_FIG6_LONG:
        printf("long form: service 0x%0*X -> CA number %u, CA system 0x%04X", digits,
               (unsigned)fig.entries[0].service, fig.short_id, fig.entries[0].ca_system);
        if (fig.ca_int_char.size)
            printf(", CAIntChar ");
        for (size_t i = 0; i < fig.ca_int_char.size; i++)
            printf("%02x", fig.ca_int_char.data[i]);
        break;
    }
    printf("%s%s", fig.next ? ", next configuration" : "", fig.other ? ", other ensemble" : "");
    if (fig.surplus)
        printf(", %u surplus bytes", fig.surplus);
    printf("%s\n", error ? " (malformed)" : "");
}

static void print_fig6(const struct simc__dab_content *content)
{
    struct simc_slice bytes = simc_slice(content->bytes, content->size);
    struct simc_fig6 fig;
    int error = simc_fig6_read(bytes, SIMC_FIG6_AS_AUTO, &fig);
    bool is_simple = fig.form == SIMC_FIG6_ORGANIZATION || fig.form == SIMC_FIG6_SERVICE;
    print_head(content);
    printf("    layout      %s\n", error ? "unknown" : is_simple ? "simple" : "EN 300 401");
    print_reading("simple", bytes, SIMC_FIG6_AS_SIMPLE);
    print_reading("EN 300 401", bytes, SIMC_FIG6_AS_EN300401);
}

void simc__dab_report_print(const struct simc__dab_report *report, const char *name)
{
    const struct simc__dab_content *contents[SIMC__DAB_CONTENTS_MAX];
    size_t count = 0, fig6_count = 0;
    for (size_t i = 0; i < SIMC__DAB_CONTENTS_MAX; i++) {
        if (report->contents[i].size)
            contents[count++] = &report->contents[i];
    }
    qsort(contents, count, sizeof contents[0], by_order);
    print_summary(report, name);
    print_faults(report);
    print_rates(report);
    printf("\nCA fields of the multiplex configuration\n");
    for (size_t i = 0; i < count; i++) {
        if (contents[i]->bytes[0] >> 5 == 0)
            print_fig0(contents[i]);
    }
    printf("\nFIG 6, conditional access\n");
    for (size_t i = 0; i < count; i++) {
        if (contents[i]->bytes[0] >> 5 == 6) {
            print_fig6(contents[i]);
            fig6_count++;
        }
    }
    if (!fig6_count)
        printf("  none\n");
}
