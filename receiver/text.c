/* SPDX-License-Identifier: BSL-1.0 */
/* The receiver in words: why a service is not decoded. stats.c and the command line print it. */
#include "base/text.h"

#include <inttypes.h>

#include "receiver/internal.h"

static const struct simc__service *service_by(const struct simc__receiver *receiver,
                                              uint16_t program)
{
    for (size_t i = 0; i < receiver->service_count; i++) {
        if (receiver->services[i].used && receiver->services[i].program == program)
            return &receiver->services[i];
    }
    return NULL;
}

static const struct simc__ecm_pid *ecm_by(const struct simc__receiver *receiver, uint16_t pid)
{
    for (size_t i = 0; i < SIMC__ECMS_MAX; i++) {
        if (receiver->ecms[i].used && receiver->ecms[i].ca.pid == pid)
            return &receiver->ecms[i];
    }
    return NULL;
}

static void put_numbers(struct simc_writer *out, const uint32_t *numbers, size_t count,
                        const char *last)
{
    size_t shown =
        count < SIMC__RECEIVER_PACKAGES_MAX ? count : (size_t)SIMC__RECEIVER_PACKAGES_MAX;
    for (size_t i = 0; i < shown; i++)
        simc__text_printf(out, "%s%" PRIu32,
                          i == 0           ? ""
                          : i + 1 == count ? last
                                           : ", ",
                          numbers[i]);
    if (shown < count)
        simc__text_printf(out, " and %zu more", count - shown);
}

static void put_held(const struct simc__receiver *receiver, struct simc_writer *out)
{
    const struct simc__receiver_rights *rights = &receiver->config.rights;
    uint32_t packages[SIMC__RECEIVER_PACKAGES_MAX];
    size_t count = rights->packages(rights->context, packages, SIMC__RECEIVER_PACKAGES_MAX);
    simc__text_put(out, rights->origin ? rights->origin : "this receiver");
    if (count == 0) {
        simc__text_put(out, " has no package");
        return;
    }
    simc__text_put(out, count == 1 ? " has package " : " has packages ");
    put_numbers(out, packages, count, ", ");
}

/* ---- what stands in the way ---- */

struct view {
    const struct simc__receiver *receiver;
    const struct simc__service *service;
    const struct simc__group *group; /* one that is not opened */
};

/* The group of the service that is worst off. @return NULL: all are opened. */
static const struct simc__group *worst(const struct simc__receiver *receiver, size_t service)
{
    const struct simc__group *found = NULL;
    for (size_t i = 0; i < SIMC__GROUPS_MAX; i++) {
        const struct simc__group *group = &receiver->groups[i];
        const struct simc__period *period =
            group->period ? &group->periods[group->period % SIMC__PERIODS_MAX] : NULL;
        if (!group->used || group->service != service || (period && period->word >= 0))
            continue;
        if (!found || (!found->period && group->period))
            found = group;
    }
    return found;
}

/* All packages that would do, when each ECM PID lacks nothing but the key. */
static bool explain_packages(const struct view *view, struct simc_writer *out)
{
    uint32_t packages[SIMC__GROUP_CAS_MAX];
    size_t count = 0;
    for (unsigned i = 0; i < view->group->ca_count; i++) {
        const struct simc__ecm_pid *ecm = ecm_by(view->receiver, view->group->cas[i].pid);
        if (!ecm || !ecm->is_own)
            continue;
        if (ecm->stats.last_refusal != SIMC_ECM_REASON_NO_KEY)
            return false;
        bool known = false;
        for (size_t k = 0; k < count; k++)
            known = known || packages[k] == ecm->stats.package;
        if (!known)
            packages[count++] = ecm->stats.package;
    }
    if (!count)
        return false;
    uint32_t held[SIMC__RECEIVER_PACKAGES_MAX];
    const struct simc__receiver_rights *rights = &view->receiver->config.rights;
    size_t held_count = rights->packages(rights->context, held, SIMC__RECEIVER_PACKAGES_MAX);
    for (size_t k = 0; k < held_count && k < SIMC__RECEIVER_PACKAGES_MAX; k++) {
        if (held[k] != packages[0])
            continue;
        const struct simc__ecm_pid *ecm = ecm_by(view->receiver, view->group->cas[0].pid);
        simc__text_printf(out, "service %u needs version %" PRIu32 " of package %" PRIu32 "; ",
                          view->service->program, ecm ? ecm->stats.key_version : 0, packages[0]);
        simc__text_printf(out, "%s has the package, but not this version",
                          rights->origin ? rights->origin : "this receiver");
        return true;
    }
    simc__text_printf(out, "service %u needs package ", view->service->program);
    put_numbers(out, packages, count, " or ");
    simc__text_put(out, "; ");
    put_held(view->receiver, out);
    return true;
}

static void put_since(const struct view *view, struct simc_writer *out, uint64_t last_ms)
{
    uint64_t now_ms = view->receiver->stats.time_ms;
    uint64_t since_ms = now_ms > last_ms ? now_ms - last_ms : 0;
    simc__text_printf(out, "%" PRIu64 ".%" PRIu64 " s", since_ms / 1000, since_ms / 100 % 10);
}

/* One ECM PID after the other: the first that was refused, else one that is silent. */
static void explain_ecms(const struct view *view, struct simc_writer *out)
{
    enum { SILENT_MS = 500 };
    const struct simc__ecm_pid *silent = NULL, *refused = NULL;
    for (unsigned i = 0; i < view->group->ca_count; i++) {
        const struct simc__ecm_pid *ecm = ecm_by(view->receiver, view->group->cas[i].pid);
        if (!ecm)
            continue;
        if (!ecm->stats.seen || view->receiver->stats.time_ms > ecm->stats.last_ms + SILENT_MS)
            silent = silent && silent->stats.opened ? silent : ecm;
        else if (ecm->stats.last_refusal && (!refused || (ecm->is_own && !refused->is_own)))
            refused = ecm;
    }
    unsigned program = view->service->program;
    if (silent && (silent->stats.opened || !refused)) {
        simc__text_printf(out, "service %u: no ECM seen ", program);
        if (silent->stats.seen || view->receiver->clock.started) {
            simc__text_put(out, "for ");
            put_since(view, out, silent->stats.last_ms);
            simc__text_put(out, " ");
        }
        simc__text_printf(out, "on PID 0x%x", silent->ca.pid);
    } else if (refused) {
        simc__text_printf(out, "service %u: ECM on PID 0x%x refused: %s", program, refused->ca.pid,
                          simc__receiver_refusal_text(refused->stats.last_refusal));
        if (refused->is_own)
            simc__text_printf(out, " (package %" PRIu32 ", version %" PRIu32 ")",
                              refused->stats.package, refused->stats.key_version);
    } else if (view->service->stats.wrong) {
        simc__text_printf(out, "service %u: the control words of its ECMs do not open it", program);
    } else {
        simc__text_printf(out,
                          "service %u: its ECMs are opened, but hold no control word that opens "
                          "the packets on air",
                          program);
    }
}

static void explain_group(const struct view *view, struct simc_writer *out)
{
    const struct simc__group *group = view->group;
    unsigned program = view->service->program;
    if (!simc_scrambling_by_mode((uint8_t)group->mode))
        simc__text_printf(out, "service %u: scrambling mode 0x%02x (%s) is not supported", program,
                          (unsigned)group->mode, simc_scrambling_mode_name((uint8_t)group->mode));
    else if (!group->can)
        simc__text_printf(out, "service %u cannot be descrambled here: %s", program,
                          simc_scrambler_why(view->receiver->scrambler));
    else if (!explain_packages(view, out))
        explain_ecms(view, out);
}

/* What was not as it should be, though it is well now. */
static void explain_past(const struct simc__service *service, struct simc_writer *out)
{
    const struct simc__receiver_service_stats *stats = &service->stats;
    if (stats->lost)
        simc__text_printf(out, "service %u: %" PRIu64 " packets were not opened in time",
                          service->program, stats->lost);
}

void simc__receiver_why(const struct simc__receiver *receiver, uint16_t program,
                        struct simc_writer *out)
{
    const struct simc__service *service = service_by(receiver, program);
    if (!receiver->has_pat) {
        simc__text_put(out, "the stream has no PAT, so its services are not known");
    } else if (!service) {
        simc__text_printf(out, "service %u is not in the stream, which has", program);
        unsigned count = 0;
        for (size_t i = 0; i < receiver->service_count; i++) {
            if (receiver->services[i].used)
                simc__text_printf(out, "%s %u", count++ ? "," : "", receiver->services[i].program);
        }
        if (!count)
            simc__text_put(out, " none");
    } else if (!service->has_pmt) {
        simc__text_printf(out, "the PMT of service %u (PID 0x%x) never came", program,
                          service->pmt_pid);
    } else if (!service->stats.packets) {
        simc__text_printf(out, "no packet of service %u came", program);
    } else if (service->stats.scrambled && !service->has_ca) {
        if (service->own_ca_only)
            simc__text_printf(out,
                              "service %u is scrambled, but has no CA_descriptor with "
                              "CA_system_id 0x%04x",
                              program, receiver->config.ca_system_id);
        else
            simc__text_printf(out, "service %u is scrambled, but its PMT has no CA_descriptor",
                              program);
    } else if (service->stats.scrambled) {
        struct view view = {receiver, service,
                            worst(receiver, (size_t)(service - receiver->services))};
        if (view.group && view.group->period)
            explain_group(&view, out);
        else
            explain_past(service, out);
    }
}
