/* SPDX-License-Identifier: BSL-1.0 */
/* Opens the ECMs of all PIDs that a PMT names, with whatever keys there are: one that opens is one
 * of ours and gives its control words to the groups that name its PID. receiver.c gives packets. */
#include <string.h>

#include "receiver/internal.h"

/* How much a key may be used outside of its window: clocks differ, and a period that is stretched
 * must stay decodable. */
enum { EARLY_S = 3600, LATE_S = 7 * 86400 };

/* A refusal that no repetition mends counts ten times; at this sum the ECM PID is given up. */
enum { REFUSALS_MAX = 20, REFUSAL_FOR_GOOD = 10 };

static bool is_for_good(int reason)
{
    switch (reason) {
    case SIMC_ECM_REASON_FORMAT:
    case SIMC_ECM_REASON_STREAM:
    case SIMC_ECM_REASON_NO_KEY:
    case SIMC_ECM_REASON_CRITICAL:
        return true;
    default:
        return reason >= SIMC_ECM_REASON_COUNT;
    }
}

/* ---- keys ---- */

static bool newer_in_use(const struct simc__receiver *receiver, uint32_t package, uint32_t version)
{
    for (size_t i = 0; i < SIMC__ECMS_MAX; i++) {
        const struct simc__ecm_pid *ecm = &receiver->ecms[i];
        if (ecm->used && ecm->has_key && ecm->key_package == package && ecm->key_version > version)
            return true;
    }
    return false;
}

static int judge_window(const struct simc__receiver *receiver,
                        const struct simc__package_key *found)
{
    const struct simc__ecm_pid *ecm = receiver->opening;
    uint64_t now_s = receiver->now_s;
    if (!now_s)
        return 0;
    if (now_s + EARLY_S < found->start_s)
        return SIMC__RECEIVER_REFUSAL_EARLY;
    if (now_s < found->end_s)
        return 0;
    /* Never in the middle of use. */
    if (ecm->has_key && ecm->key_package == found->package && ecm->key_version == found->version)
        return 0;
    if (newer_in_use(receiver, found->package, found->version) || now_s - found->end_s >= LATE_S)
        return SIMC__RECEIVER_REFUSAL_EXPIRED;
    return 0;
}

/* As simc_ecm_key_find. */
static int find(void *context, const struct simc_ecm_kid *kid, struct simc_secret *into)
{
    struct simc__receiver *receiver = context;
    const struct simc__key_source *keys = &receiver->config.rights.keys;
    struct simc__package_key found;
    if (kid->super_cas_id >> 16 != receiver->opening->ca.system_id) {
        receiver->key_refusal = SIMC__RECEIVER_REFUSAL_SYSTEM;
        return SIMC_ENOTFOUND;
    }
    int error = keys->find_version(keys->context, kid->package, kid->key_version, &found);
    if (error)
        return error;
    receiver->key_refusal = judge_window(receiver, &found);
    if (!receiver->key_refusal)
        *into = found.key;
    simc_wipe(&found, sizeof found);
    return receiver->key_refusal ? SIMC_ENOTFOUND : 0;
}

/* ---- outcomes ---- */

static bool names(const struct simc__group *group, uint16_t pid)
{
    for (unsigned i = 0; i < group->ca_count; i++) {
        if (group->cas[i].pid == pid)
            return true;
    }
    return false;
}

static const struct simc__ecm_pid *ecm_at(const struct simc__receiver *receiver, uint16_t pid)
{
    const struct simc__pid_row *row = &receiver->pids[pid];
    return row->kind == SIMC__PID_ECM ? &receiver->ecms[row->index] : NULL;
}

/* Gives up groups that no ECM PID has anything for. */
static void give_up(struct simc__receiver *receiver, uint16_t pid)
{
    for (size_t i = 0; i < SIMC__GROUPS_MAX; i++) {
        struct simc__group *group = &receiver->groups[i];
        const struct simc__period *period = simc__period_of(group, group->period);
        if (!group->used || group->hopeless || !names(group, pid) || (period && period->word >= 0))
            continue;
        bool hope = false;
        for (unsigned k = 0; k < group->ca_count && !hope; k++) {
            const struct simc__ecm_pid *ecm = ecm_at(receiver, group->cas[k].pid);
            hope = ecm && ecm->refusal_run < REFUSALS_MAX;
        }
        if (!hope)
            simc__group_give_up(receiver, group);
    }
}

static uint16_t program_of(const struct simc__receiver *receiver, uint16_t pid)
{
    for (size_t i = 0; i < SIMC__GROUPS_MAX; i++) {
        if (receiver->groups[i].used && names(&receiver->groups[i], pid))
            return receiver->services[receiver->groups[i].service].program;
    }
    return 0;
}

static void refuse(struct simc__receiver *receiver, struct simc__ecm_pid *ecm, int reason)
{
    ecm->stats.refused[reason]++;
    ecm->stats.last_refusal = reason;
    ecm->last_generation =
        receiver->config.rights.keys.generation(receiver->config.rights.keys.context);
    if (ecm->refusal_run < REFUSALS_MAX)
        ecm->refusal_run += is_for_good(reason) ? REFUSAL_FOR_GOOD : 1;
    if (ecm->refusal_run >= REFUSALS_MAX)
        give_up(receiver, ecm->ca.pid);
    if (ecm->told == reason)
        return;
    ecm->told = reason;
    simc__event(receiver, SIMC__RECEIVER_EVENT_ECM_REFUSED, program_of(receiver, ecm->ca.pid),
                ecm->ca.pid, "ECM on PID 0x%x refused: %s", ecm->ca.pid,
                simc__receiver_refusal_text(reason));
}

static void accept(struct simc__receiver *receiver, struct simc__ecm_pid *ecm)
{
    ecm->stats.opened++;
    ecm->stats.last_refusal = 0;
    ecm->refusal_run = 0;
    if (ecm->told == 0)
        return;
    ecm->told = 0;
    simc__event(receiver, SIMC__RECEIVER_EVENT_ECM_OPENED, program_of(receiver, ecm->ca.pid),
                ecm->ca.pid, "ECMs on PID 0x%x are opened with version %u of package %u",
                ecm->ca.pid, ecm->stats.key_version, ecm->stats.package);
}

/* ---- sections ---- */

static uint16_t own_cp(const struct simc_ecm *opened)
{
    for (unsigned i = 0; i < opened->cw_count; i++) {
        if ((opened->cp_numbers[i] & 1) == (opened->table_id & 1))
            return opened->cp_numbers[i];
    }
    return opened->cp_numbers[0];
}

/* Gives the control words to all groups. @return 0, or a refusal. */
static int hand_over(struct simc__receiver *receiver, struct simc__ecm_pid *ecm,
                     const struct simc_ecm *opened)
{
    int refusal = 0;
    ecm->last_done = true;
    for (size_t i = 0; i < SIMC__GROUPS_MAX; i++) {
        struct simc__group *group = &receiver->groups[i];
        if (!group->used || !group->can || !names(group, ecm->ca.pid))
            continue;
        int error = simc__group_words(receiver, group, opened, ecm->last_cp);
        if (error == SIMC_EINVAL)
            refusal = SIMC__RECEIVER_REFUSAL_CW_SIZE;
        else if (error == SIMC_EAGAIN)
            ecm->last_done = false;
    }
    return refusal;
}

/* @return 0, or why it was refused. */
static int open_section(struct simc__receiver *receiver, struct simc__ecm_pid *ecm,
                        struct simc_slice section)
{
    const struct simc_ecm_stream_id id = {.has_package = ecm->ca.has_private,
                                          .package = ecm->ca.package,
                                          .has_ecm_id = ecm->ca.has_private,
                                          .ecm_id = ecm->ca.ecm_id};
    struct simc_ecm_envelope envelope;
    struct simc_cas_fault fault;
    struct simc_ecm opened;
    int refusal = 0;
    receiver->opening = ecm;
    receiver->key_refusal = 0;
    if (simc_ecm_read(section, &envelope, NULL) == 0) {
        ecm->is_own = true;
        ecm->stats.package = envelope.kid.package;
        ecm->stats.key_version = envelope.kid.key_version;
        ecm->stats.ecm_id = envelope.kid.ecm_id;
    }
    if (simc_ecm_open(receiver->opener, section, &id, &opened, &fault))
        return receiver->key_refusal ? receiver->key_refusal : fault.reason;
    if (receiver->has_epoch && opened.lowest_epoch > receiver->epoch) {
        refusal = SIMC__RECEIVER_REFUSAL_EPOCH;
    } else {
        ecm->last_cp = own_cp(&opened);
        refusal = hand_over(receiver, ecm, &opened);
    }
    if (!refusal) {
        ecm->has_key = true;
        ecm->key_package = opened.kid.package;
        ecm->key_version = opened.kid.key_version;
    }
    simc_ecm_wipe(&opened);
    return refusal;
}

static void repeat(struct simc__receiver *receiver, const struct simc__ecm_pid *ecm)
{
    for (size_t i = 0; i < SIMC__GROUPS_MAX; i++) {
        struct simc__group *group = &receiver->groups[i];
        if (group->used && group->can && names(group, ecm->ca.pid))
            simc__group_repeat(receiver, group, ecm->last_cp);
    }
}

static void take_section(struct simc__receiver *receiver, struct simc__ecm_pid *ecm,
                         struct simc_slice section)
{
    const struct simc__key_source *keys = &receiver->config.rights.keys;
    bool is_same = simc_slice_equal(section, simc_slice(ecm->last, ecm->last_size));
    ecm->stats.sections++;
    ecm->stats.seen = true;
    ecm->stats.last_ms = simc__receiver_time_ms(receiver, receiver->tail);
    if (!is_same) {
        ecm->stats.changes++;
        memcpy(ecm->last, section.data, section.size);
        ecm->last_size = section.size;
    } else if (ecm->stats.last_refusal == 0 && ecm->last_done) {
        accept(receiver, ecm);
        repeat(receiver, ecm);
        return;
    } else if (ecm->stats.last_refusal && ecm->stats.last_refusal < SIMC_ECM_REASON_COUNT &&
               ecm->last_generation == keys->generation(keys->context)) {
        refuse(receiver, ecm, ecm->stats.last_refusal);
        return;
    }
    int refusal = open_section(receiver, ecm, section);
    if (refusal) {
        ecm->last_done = false;
        refuse(receiver, ecm, refusal);
    } else {
        accept(receiver, ecm);
    }
}

void simc__ecm_push(struct simc__receiver *receiver, struct simc__ecm_pid *ecm,
                    const uint8_t *packet)
{
    struct simc_slice section;
    int error;
    uint64_t too_long = ecm->sections.too_long;
    simc_section_assembler_push(&ecm->sections, packet);
    while ((error = simc_section_assembler_next(&ecm->sections, &section)) != SIMC_EAGAIN) {
        if (!error && section.size <= sizeof ecm->last)
            take_section(receiver, ecm, section);
    }
    if (ecm->sections.too_long == too_long)
        return;
    ecm->stats.sections++;
    ecm->stats.seen = true;
    ecm->stats.last_ms = simc__receiver_time_ms(receiver, receiver->tail);
    refuse(receiver, ecm, SIMC__RECEIVER_REFUSAL_TOO_LONG);
}

/* ---- life ---- */

int simc__ecms_init(struct simc__receiver *receiver)
{
    for (size_t i = 0; i < SIMC__ECMS_MAX; i++) {
        struct simc_section_assembler *sections = &receiver->ecms[i].sections;
        int error = simc_section_assembler_init(sections, SIMC_ECM_SECTION_MAX);
        if (error)
            return error;
        /* Foreign ECMs may be of the long form; whether they are good is not our business. */
        sections->no_crc = true;
    }
    return simc_ecm_opener_new(find, receiver, &receiver->opener);
}

void simc__ecms_fini(struct simc__receiver *receiver)
{
    for (size_t i = 0; i < SIMC__ECMS_MAX; i++)
        simc_section_assembler_fini(&receiver->ecms[i].sections);
    simc_ecm_opener_free(receiver->opener);
}
