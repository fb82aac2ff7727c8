/* SPDX-License-Identifier: BSL-1.0 */
/* Opens the ECMs of CA profile 1: key, tag, payload. Receivers and `simulcrypt ecm` call it; all
 * checks that need no key are in ecm_read.c. */
#include <string.h>

#include "cas/internal.h"

struct simc_ecm_opener {
    struct simc__gcm gcm;
    struct simc_secret key; /* that the cipher has */
    simc_ecm_key_find *find;
    void *context;
    uint64_t counters[SIMC_ECM_REASON_COUNT];
};

/* ---- payload ---- */

/* What is wrong with a payload, before it is put into words. */
struct payload_fault {
    enum simc_ecm_reason reason;
    size_t at;
    const char *detail;
};

/* [cp, cw, cp, cw, ...] */
static void cws_read(struct simc__cbor_reader *reader, struct simc_ecm *ecm)
{
    size_t array_at = reader->at;
    uint64_t items = simc__cbor_array(reader, 2, 2 * SIMC_ECM_CWS_MAX);
    if (items % 2)
        simc__cbor_refuse(reader, SIMC__CBOR_RANGE, array_at);
    for (size_t i = 0; i < items / 2 && !reader->fault; i++) {
        size_t at = reader->at;
        ecm->cp_numbers[i] = (uint16_t)simc__cbor_uint(reader, 0, UINT16_MAX);
        for (size_t k = 0; k < i; k++) {
            if (ecm->cp_numbers[k] == ecm->cp_numbers[i])
                simc__cbor_refuse(reader, SIMC__CBOR_REFUSED, at);
        }
        at = reader->at;
        struct simc_slice cw = simc__cbor_bytes(reader, 8, 16);
        if (!reader->fault && cw.size != 8 && cw.size != 16)
            simc__cbor_refuse(reader, SIMC__CBOR_RANGE, at);
        if (simc_secret_set(&ecm->cws[i], cw) == 0)
            ecm->cw_count = (uint8_t)(i + 1);
    }
    simc__cbor_leave(reader);
}

/* Reads the value of a key. @return false: the key is not known and must be. */
static bool value_read(struct simc__cbor_reader *reader, uint64_t key, struct simc_ecm *ecm)
{
    struct simc_slice conditions;
    switch (key) {
    case SIMC__ECM_ISSUED:
        ecm->issued_s = (uint32_t)simc__cbor_uint(reader, 0, UINT32_MAX);
        break;
    case SIMC__ECM_EPOCH:
        ecm->lowest_epoch = (uint32_t)simc__cbor_uint(reader, 0, UINT32_MAX);
        break;
    case SIMC__ECM_CONTENT:
        ecm->has_content = true;
        ecm->content = (uint32_t)simc__cbor_uint(reader, 0, UINT32_MAX);
        break;
    case SIMC__ECM_CONDITIONS:
        conditions = simc__cbor_bytes(reader, 0, SIMC_ECM_CONDITIONS_MAX);
        ecm->has_conditions = true;
        ecm->conditions_size = (uint8_t)conditions.size;
        if (conditions.size)
            memcpy(ecm->conditions, conditions.data, conditions.size);
        break;
    case SIMC__ECM_CWS:
        cws_read(reader, ecm);
        break;
    default:
        if (key <= SIMC__CRITICAL_KEY_MAX)
            return false;
        simc__cbor_skip(reader);
    }
    return true;
}

/* Reads the map to its end or its first fault. @return the fault of the form or of a value. */
static enum simc__cbor_fault payload_values(struct simc__cbor_reader *reader, struct simc_ecm *ecm,
                                            uint64_t *met)
{
    bool all_known = true;
    simc__cbor_map(reader, 0, UINT64_MAX);
    for (uint64_t key; simc__cbor_key(reader, &key);) {
        if (key <= SIMC__CRITICAL_KEY_MAX)
            *met |= UINT64_C(1) << key;
        if (!value_read(reader, key, ecm)) {
            all_known = false;
            break;
        }
    }
    if (all_known)
        simc__cbor_leave(reader);
    else
        simc__cbor_refuse(reader, SIMC__CBOR_REFUSED, reader->at);
    return simc__cbor_finish(reader);
}

/* The offset of the first critical key that is not known, or SIZE_MAX. */
static size_t stranger_find(struct simc_slice payload)
{
    struct simc__cbor_reader reader;
    simc__cbor_reader_init(&reader, payload, 0, SIMC__CAS_DEPTH_MAX);
    simc__cbor_map(&reader, 0, UINT64_MAX);
    size_t at = reader.at;
    for (uint64_t key; simc__cbor_key(&reader, &key); at = reader.at) {
        if (key <= SIMC__CRITICAL_KEY_MAX && (key < SIMC__ECM_ISSUED || key > SIMC__ECM_CWS))
            return at;
        simc__cbor_skip(&reader);
    }
    return SIZE_MAX;
}

/* What is wrong with a payload of which only that is known: form first, then unknown keys, then
 * values. */
static struct payload_fault payload_blame(struct simc_slice payload, size_t at, const char *detail)
{
    struct simc__cbor_reader reader;
    simc__cbor_reader_init(&reader, payload, 0, SIMC__CAS_DEPTH_MAX);
    simc__cbor_skip(&reader);
    enum simc__cbor_fault form = simc__cbor_finish(&reader);
    if (form)
        return (struct payload_fault){SIMC_ECM_REASON_PAYLOAD, reader.fault_at,
                                      simc__cbor_fault_text(form)};
    size_t stranger_at = stranger_find(payload);
    if (stranger_at != SIZE_MAX)
        return (struct payload_fault){SIMC_ECM_REASON_CRITICAL, stranger_at, "an unknown key"};
    return (struct payload_fault){SIMC_ECM_REASON_VALUE, at, detail};
}

static struct payload_fault payload_check(struct simc_slice payload, struct simc_ecm *ecm)
{
    static const uint64_t needed =
        1u << SIMC__ECM_ISSUED | 1u << SIMC__ECM_EPOCH | 1u << SIMC__ECM_CWS;
    struct simc__cbor_reader reader;
    uint64_t met = 0;
    simc__cbor_reader_init(&reader, payload, 0, SIMC__CAS_DEPTH_MAX);
    enum simc__cbor_fault cbor = payload_values(&reader, ecm, &met);
    if (cbor)
        return payload_blame(payload, reader.fault_at, simc__cbor_fault_text(cbor));
    if ((met & needed) != needed)
        return payload_blame(payload, payload.size, "one of the keys 1, 2 and 5 is missing");
    return (struct payload_fault){SIMC_ECM_REASON_OPENED, 0, NULL};
}

enum simc_ecm_reason simc__ecm_payload_read(struct simc_slice payload, struct simc_ecm *ecm,
                                            struct simc_cas_fault *fault)
{
    struct payload_fault found = payload_check(payload, ecm);
    if (found.reason)
        simc__cas_fault_set(fault, (int)found.reason, found.at,
                            "%s (%s, at byte %zu of the payload)",
                            simc_ecm_reason_text(found.reason), found.detail, found.at);
    return found.reason;
}

/* ---- the opener ---- */

int simc_ecm_opener_new(simc_ecm_key_find *find, void *context, struct simc_ecm_opener **opener)
{
    *opener = NULL;
    if (!find)
        return SIMC_EINVAL;
    *opener = simc_calloc(1, sizeof **opener);
    if (!*opener)
        return SIMC_ENOMEM;
    (*opener)->find = find;
    (*opener)->context = context;
    return 0;
}

void simc_ecm_opener_free(struct simc_ecm_opener *opener)
{
    if (!opener)
        return;
    simc__gcm_fini(&opener->gcm);
    simc_secret_wipe(&opener->key);
    simc_free(opener);
}

const uint64_t *simc_ecm_opener_counters(const struct simc_ecm_opener *opener)
{
    return opener->counters;
}

static bool stream_fits(const struct simc_ecm_kid *kid, const struct simc_ecm_stream_id *stream)
{
    return !stream || ((!stream->has_package || stream->package == kid->package) &&
                       (!stream->has_super_cas_id || stream->super_cas_id == kid->super_cas_id) &&
                       (!stream->has_ecm_id || stream->ecm_id == kid->ecm_id));
}

/* Gives the cipher the key of a kid; most ECMs come with the key of the one before. */
static enum simc_ecm_reason key_set(struct simc_ecm_opener *opener, const struct simc_ecm_kid *kid)
{
    struct simc_secret key = {0};
    enum simc_ecm_reason reason = SIMC_ECM_REASON_OPENED;
    if (opener->find(opener->context, kid, &key) != 0 || key.size != SIMC_ECM_KEY_SIZE) {
        reason = SIMC_ECM_REASON_NO_KEY;
    } else if (!simc_secret_equal(&key, &opener->key)) {
        simc_secret_wipe(&opener->key);
        if (simc__gcm_key_set(&opener->gcm, &key, false) != 0)
            reason = SIMC_ECM_REASON_FAILED;
        else if (simc_secret_set(&opener->key, simc_secret_bytes(&key)) != 0)
            reason = SIMC_ECM_REASON_FAILED;
    }
    simc_secret_wipe(&key);
    return reason;
}

/* Fills a fault of the checks between envelope and payload, which concern the message as a whole.
 */
static enum simc_ecm_reason refuse(struct simc_cas_fault *fault, enum simc_ecm_reason reason,
                                   const struct simc_ecm_kid *kid)
{
    simc__cas_fault_set(fault, (int)reason, SIMC__ECM_PREFIX_SIZE,
                        "%s (package %lu version %lu, Super_CAS_id 0x%08lx, ECM_id 0x%04x)",
                        simc_ecm_reason_text(reason), (unsigned long)kid->package,
                        (unsigned long)kid->key_version, (unsigned long)kid->super_cas_id,
                        (unsigned)kid->ecm_id);
    return reason;
}

/* Checks the tag and reads what it protects. */
static enum simc_ecm_reason payload_open(struct simc_ecm_opener *opener,
                                         const struct simc_ecm_envelope *envelope,
                                         struct simc_ecm *ecm, struct simc_cas_fault *fault)
{
    uint8_t structure[SIMC__ENC_STRUCTURE_MAX], payload[SIMC_ECM_SECTION_MAX];
    struct simc_writer aad = simc_writer(structure, sizeof structure);
    enum simc_ecm_reason reason;
    simc__enc_structure_put(&aad, envelope->protected_map, envelope->prefix);
    int error = aad.error
                    ? SIMC_ENOMEM
                    : simc__gcm_open(&opener->gcm, envelope->nonce.data,
                                     simc_slice(structure, aad.at), envelope->ciphertext, payload);
    if (error)
        reason = refuse(fault, error == SIMC_EPROTO ? SIMC_ECM_REASON_TAG : SIMC_ECM_REASON_FAILED,
                        &envelope->kid);
    else
        reason = simc__ecm_payload_read(
            simc_slice(payload, envelope->ciphertext.size - SIMC_ECM_TAG_SIZE), ecm, fault);
    simc_wipe(payload, sizeof payload);
    return reason;
}

int simc_ecm_open(struct simc_ecm_opener *opener, struct simc_slice section,
                  const struct simc_ecm_stream_id *stream, struct simc_ecm *ecm,
                  struct simc_cas_fault *fault)
{
    struct simc_ecm_envelope envelope;
    simc_ecm_wipe(ecm);
    enum simc_ecm_reason reason = simc__ecm_envelope_read(section, &envelope, fault);
    if (!reason && !stream_fits(&envelope.kid, stream))
        reason = refuse(fault, SIMC_ECM_REASON_STREAM, &envelope.kid);
    if (!reason) {
        reason = key_set(opener, &envelope.kid);
        if (reason)
            refuse(fault, reason, &envelope.kid);
    }
    if (!reason)
        reason = payload_open(opener, &envelope, ecm, fault);
    opener->counters[reason]++;
    if (reason) {
        simc_ecm_wipe(ecm);
        return simc__ecm_reason_error(reason);
    }
    ecm->table_id = envelope.table_id;
    ecm->kid = envelope.kid;
    return 0;
}
