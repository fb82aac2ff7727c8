/* SPDX-License-Identifier: BSL-1.0 */
/* Access criteria of CA profile 1: {1: package, ? 2: content, ? 3: conditions}. ECM generators read
 * what a scrambler hands over; `simulcrypt keys ac` writes them. */
#include <string.h>

#include "cas/internal.h"

enum { ENCODED_MAX = 96 }; /* all members with their longest heads: 80 bytes */

static int refuse(struct simc_cas_fault *fault, enum simc_access_criteria_reason reason,
                  size_t offset, const char *detail)
{
    simc__cas_fault_set(fault, (int)reason, offset,
                        "%s (%s, at byte %zu); `simulcrypt keys ac` prints the right ones",
                        simc_access_criteria_reason_text(reason), detail, offset);
    switch (reason) {
    case SIMC_ACCESS_CRITERIA_TOO_LONG:
        return SIMC_ETOOLONG;
    case SIMC_ACCESS_CRITERIA_FOREIGN:
    case SIMC_ACCESS_CRITERIA_UNKNOWN_KEY:
        return SIMC_EUNSUPPORTED;
    default:
        return SIMC_EPROTO;
    }
}

/* Reads the value of a key. @return false: the key is not known and must be. */
static bool value_read(struct simc__cbor_reader *reader, uint64_t key,
                       struct simc_access_criteria *criteria)
{
    struct simc_slice conditions;
    switch (key) {
    case SIMC__CRITERIA_PACKAGE:
        criteria->package = (uint32_t)simc__cbor_uint(reader, 0, UINT32_MAX);
        break;
    case SIMC__CRITERIA_CONTENT:
        criteria->has_content = true;
        criteria->content = (uint32_t)simc__cbor_uint(reader, 0, UINT32_MAX);
        break;
    case SIMC__CRITERIA_CONDITIONS:
        conditions = simc__cbor_bytes(reader, 0, SIMC_ECM_CONDITIONS_MAX);
        criteria->has_conditions = true;
        criteria->conditions_size = (uint8_t)conditions.size;
        if (conditions.size)
            memcpy(criteria->conditions, conditions.data, conditions.size);
        break;
    default:
        if (key <= SIMC__CRITICAL_KEY_MAX)
            return false;
        simc__cbor_skip(reader);
    }
    return true;
}

/* Reads the map. The first fault decides. */
static int map_read(struct simc_slice bytes, struct simc_access_criteria *criteria,
                    struct simc_cas_fault *fault)
{
    struct simc__cbor_reader reader;
    simc__cbor_reader_init(&reader, bytes, 0, SIMC__CAS_DEPTH_MAX);
    bool has_package = false;
    simc__cbor_map(&reader, 0, UINT64_MAX);
    enum simc__cbor_type first = simc__cbor_peek(&reader);
    if (reader.fault == SIMC__CBOR_TEXT || (first != SIMC__CBOR_NONE && first != SIMC__CBOR_UINT))
        return refuse(fault, SIMC_ACCESS_CRITERIA_FOREIGN, reader.at, "the first key is no number");
    size_t key_at = reader.at;
    for (uint64_t key; simc__cbor_key(&reader, &key); key_at = reader.at) {
        has_package = has_package || key == SIMC__CRITERIA_PACKAGE;
        if (!value_read(&reader, key, criteria))
            return refuse(fault, SIMC_ACCESS_CRITERIA_UNKNOWN_KEY, key_at,
                          "it may change what the others mean");
    }
    simc__cbor_leave(&reader);
    enum simc__cbor_fault cbor = simc__cbor_finish(&reader);
    if (cbor)
        return refuse(fault,
                      simc__cbor_is_malformed(cbor) ? SIMC_ACCESS_CRITERIA_MALFORMED
                                                    : SIMC_ACCESS_CRITERIA_BAD_VALUE,
                      reader.fault_at, simc__cbor_fault_text(cbor));
    if (!has_package)
        return refuse(fault, SIMC_ACCESS_CRITERIA_NO_PACKAGE, bytes.size, "no key 1");
    return 0;
}

int simc_access_criteria_read(struct simc_slice bytes, struct simc_access_criteria *criteria,
                              struct simc_cas_fault *fault)
{
    enum { MAJOR_MAP = 5 };
    memset(criteria, 0, sizeof *criteria);
    if (bytes.size == 0)
        return refuse(fault, SIMC_ACCESS_CRITERIA_EMPTY, 0, "length 0");
    if (bytes.size > SIMC_ACCESS_CRITERIA_SIZE_MAX)
        return refuse(fault, SIMC_ACCESS_CRITERIA_TOO_LONG, SIMC_ACCESS_CRITERIA_SIZE_MAX,
                      "the rest has no room in an ECM");
    if (bytes.data[0] >> 5 != MAJOR_MAP)
        return refuse(fault, SIMC_ACCESS_CRITERIA_FOREIGN, 0, "the first byte begins no map");
    int error = map_read(bytes, criteria, fault);
    if (error)
        memset(criteria, 0, sizeof *criteria);
    return error;
}

int simc_access_criteria_put(struct simc_writer *out, const struct simc_access_criteria *criteria)
{
    uint8_t bytes[ENCODED_MAX];
    struct simc_writer room = simc_writer(bytes, sizeof bytes);
    struct simc__cbor_writer writer;
    simc__cbor_writer_init(&writer, &room);
    if (criteria->conditions_size > SIMC_ECM_CONDITIONS_MAX)
        return SIMC_EINVAL;
    simc__cbor_put_map(&writer, 1u + criteria->has_content + criteria->has_conditions);
    simc__cbor_put_key(&writer, SIMC__CRITERIA_PACKAGE);
    simc__cbor_put_uint(&writer, criteria->package);
    if (criteria->has_content) {
        simc__cbor_put_key(&writer, SIMC__CRITERIA_CONTENT);
        simc__cbor_put_uint(&writer, criteria->content);
    }
    if (criteria->has_conditions) {
        simc__cbor_put_key(&writer, SIMC__CRITERIA_CONDITIONS);
        simc__cbor_put_bytes(&writer, simc_slice(criteria->conditions, criteria->conditions_size));
    }
    int error = simc__cbor_put_finish(&writer);
    if (error)
        return error;
    if (room.at > SIMC_ACCESS_CRITERIA_SIZE_MAX)
        return SIMC_ETOOLONG;
    simc_writer_slice(out, simc_slice(bytes, room.at));
    return out->error;
}
