/* SPDX-License-Identifier: BSL-1.0 */
/* Reads what an ECM shows without a key: prefix, COSE headers, kid. simc_ecm_open() and programs
 * that show ECMs call it; the order of the checks is that of specs/ca-profile/ecm.md. */
#include <string.h>

#include "cas/internal.h"

enum { ITEMS_OF_COSE = 3 };

/* A header that was met. */
struct header {
    bool present;
    bool is_protected;
    size_t at; /* in the section */
    enum simc__cbor_type type;
    uint64_t number;         /* of SIMC__CBOR_UINT */
    struct simc_slice bytes; /* of SIMC__CBOR_BYTES */
};

struct headers {
    struct header alg, kid, iv;
    bool has_stranger; /* a label that is not of this profile, or stands in both maps */
    size_t stranger_at;
};

static enum simc_ecm_reason refuse(struct simc_cas_fault *fault, enum simc_ecm_reason reason,
                                   size_t offset, const char *detail)
{
    simc__cas_fault_set(fault, (int)reason, offset, "%s (%s, at byte %zu of the section)",
                        simc_ecm_reason_text(reason), detail, offset);
    return reason;
}

static enum simc_ecm_reason refuse_cbor(struct simc_cas_fault *fault,
                                        const struct simc__cbor_reader *reader, size_t base)
{
    return refuse(fault, SIMC_ECM_REASON_COSE, base + reader->fault_at,
                  simc__cbor_fault_text(reader->fault));
}

/* ---- section ---- */

static enum simc_ecm_reason prefix_read(struct simc_slice section, struct simc_cas_fault *fault)
{
    struct simc_reader reader = simc_reader(section);
    uint8_t table_id = simc_reader_u8(&reader);
    uint16_t length = simc_reader_u16(&reader);
    uint8_t format = simc_reader_u8(&reader);
    if (reader.error)
        return refuse(fault, SIMC_ECM_REASON_LENGTH, section.size, "it ends in its prefix");
    if (section.size > SIMC_ECM_SECTION_MAX)
        return refuse(fault, SIMC_ECM_REASON_LENGTH, SIMC_ECM_SECTION_MAX, "it goes on");
    if (section.size != SIMC__SECTION_HEADER_SIZE + (length & 0xfffu))
        return refuse(fault, SIMC_ECM_REASON_LENGTH, 1, "section_length says something else");
    if (table_id != SIMC_ECM_TABLE_EVEN && table_id != SIMC_ECM_TABLE_ODD)
        return refuse(fault, SIMC_ECM_REASON_TABLE, 0, "another kind of section");
    if (length >> 12 != SIMC__SECTION_BITS)
        return refuse(fault, SIMC_ECM_REASON_HEADER, 1, "it is no short section");
    if (format != SIMC_ECM_FORMAT)
        return refuse(fault, SIMC_ECM_REASON_FORMAT, 3, "another CA system or profile");
    return SIMC_ECM_REASON_OPENED;
}

/* ---- COSE headers ---- */

static void header_value_read(struct simc__cbor_reader *reader, struct header *header)
{
    header->type = simc__cbor_peek(reader);
    if (header->type == SIMC__CBOR_UINT)
        header->number = simc__cbor_uint(reader, 0, UINT64_MAX);
    else if (header->type == SIMC__CBOR_BYTES)
        header->bytes = simc__cbor_bytes(reader, 0, SIZE_MAX);
    else
        simc__cbor_skip(reader);
}

/* Which header a label names, or NULL. The label is read over. */
static struct header *header_of_label(struct simc__cbor_reader *reader, struct headers *headers)
{
    if (simc__cbor_peek(reader) != SIMC__CBOR_UINT) {
        simc__cbor_skip(reader);
        return NULL;
    }
    switch (simc__cbor_uint(reader, 0, UINT64_MAX)) {
    case SIMC__COSE_ALG:
        return &headers->alg;
    case SIMC__COSE_KID:
        return &headers->kid;
    case SIMC__COSE_IV:
        return &headers->iv;
    default:
        return NULL;
    }
}

/* Reads a map of headers to its end, whatever is in it: what is wrong with single headers is said
 * behind what is wrong with the whole message. */
static void headers_read(struct simc__cbor_reader *reader, size_t base, bool is_protected,
                         struct headers *headers)
{
    simc__cbor_map(reader, 0, UINT64_MAX);
    while (simc__cbor_more(reader)) {
        size_t at = base + reader->at;
        struct header stranger = {0};
        struct header *header = header_of_label(reader, headers);
        if (!header || header->present) {
            if (!headers->has_stranger)
                headers->stranger_at = at;
            headers->has_stranger = true;
            header = &stranger;
        }
        header->present = true;
        header->is_protected = is_protected;
        header->at = at;
        header_value_read(reader, header);
    }
    simc__cbor_leave(reader);
}

static bool header_is(const struct header *header, bool is_protected)
{
    return header->present && header->is_protected == is_protected;
}

/* Protected: alg and kid; unprotected: IV; nothing else. */
static enum simc_ecm_reason headers_check(const struct headers *headers,
                                          struct simc_ecm_envelope *envelope,
                                          struct simc_cas_fault *fault)
{
    size_t map_at = (size_t)(envelope->protected_map.data - envelope->prefix.data);
    if (headers->has_stranger)
        return refuse(fault, SIMC_ECM_REASON_HEADERS, headers->stranger_at,
                      "a header that does not belong there");
    if (!header_is(&headers->alg, true))
        return refuse(fault, SIMC_ECM_REASON_HEADERS, map_at, "alg is not in the protected map");
    if (!header_is(&headers->kid, true) || headers->kid.type != SIMC__CBOR_BYTES)
        return refuse(fault, SIMC_ECM_REASON_HEADERS, map_at,
                      "no byte string kid is in the protected map");
    if (!header_is(&headers->iv, false) || headers->iv.type != SIMC__CBOR_BYTES)
        return refuse(fault, SIMC_ECM_REASON_HEADERS, map_at + envelope->protected_map.size,
                      "no byte string IV is in the unprotected map");
    if (headers->alg.type != SIMC__CBOR_UINT || headers->alg.number != SIMC__COSE_A128GCM)
        return refuse(fault, SIMC_ECM_REASON_ALGORITHM, headers->alg.at, "alg is not 1");
    if (headers->iv.bytes.size != SIMC_ECM_NONCE_SIZE)
        return refuse(fault, SIMC_ECM_REASON_NONCE, headers->iv.at, "a wrong length");
    if (headers->kid.bytes.size != SIMC__ECM_KID_SIZE)
        return refuse(fault, SIMC_ECM_REASON_KID, headers->kid.at, "a wrong length");
    envelope->nonce = headers->iv.bytes;
    return SIMC_ECM_REASON_OPENED;
}

/* ---- the message ---- */

static void kid_read(struct simc_slice bytes, struct simc_ecm_kid *kid)
{
    struct simc_reader reader = simc_reader(bytes);
    kid->package = simc_reader_u32(&reader);
    kid->key_version = simc_reader_u32(&reader);
    kid->super_cas_id = simc_reader_u32(&reader);
    kid->ecm_id = simc_reader_u16(&reader);
}

/* [protected, unprotected, ciphertext], and the map within `protected`. */
static enum simc_ecm_reason cose_read(struct simc_ecm_envelope *envelope,
                                      struct simc_cas_fault *fault)
{
    struct headers headers = {0};
    size_t base = envelope->prefix.size;
    struct simc__cbor_reader reader;
    simc__cbor_reader_init(&reader, envelope->cose, 0, SIMC__CAS_DEPTH_MAX);
    simc__cbor_array(&reader, ITEMS_OF_COSE, ITEMS_OF_COSE);
    envelope->protected_map = simc__cbor_bytes(&reader, 0, SIZE_MAX);
    struct simc__cbor_reader behind = reader;
    if (simc__cbor_peek(&reader) != SIMC__CBOR_MAP)
        simc__cbor_refuse(&reader, SIMC__CBOR_TYPE, reader.at);
    simc__cbor_skip(&reader);
    envelope->ciphertext = simc__cbor_bytes(&reader, SIMC_ECM_TAG_SIZE, SIZE_MAX);
    simc__cbor_leave(&reader);
    if (simc__cbor_finish(&reader))
        return refuse_cbor(fault, &reader, base);

    /* The protected map first, so that a label in both maps is blamed on the unprotected one. */
    base = (size_t)(envelope->protected_map.data - envelope->prefix.data);
    simc__cbor_reader_init(&reader, envelope->protected_map, 0, SIMC__CAS_DEPTH_MAX);
    headers_read(&reader, base, true, &headers);
    if (simc__cbor_finish(&reader))
        return refuse_cbor(fault, &reader, base);
    headers_read(&behind, envelope->prefix.size, false, &headers);
    enum simc_ecm_reason reason = headers_check(&headers, envelope, fault);
    if (!reason)
        kid_read(headers.kid.bytes, &envelope->kid);
    return reason;
}

enum simc_ecm_reason simc__ecm_envelope_read(struct simc_slice section,
                                             struct simc_ecm_envelope *envelope,
                                             struct simc_cas_fault *fault)
{
    memset(envelope, 0, sizeof *envelope);
    enum simc_ecm_reason reason = prefix_read(section, fault);
    if (!reason) {
        envelope->table_id = section.data[0];
        envelope->prefix = simc_slice(section.data, SIMC__ECM_PREFIX_SIZE);
        envelope->cose =
            simc_slice(section.data + SIMC__ECM_PREFIX_SIZE, section.size - SIMC__ECM_PREFIX_SIZE);
        reason = cose_read(envelope, fault);
    }
    if (reason)
        memset(envelope, 0, sizeof *envelope);
    return reason;
}

int simc_ecm_read(struct simc_slice section, struct simc_ecm_envelope *envelope,
                  struct simc_cas_fault *fault)
{
    return simc__ecm_reason_error(simc__ecm_envelope_read(section, envelope, fault));
}
