/* SPDX-License-Identifier: BSL-1.0 */
/* Makes the ECMs of CA profile 1: payload, COSE_Encrypt0 message, section. The ECM generator calls
 * it, once for each crypto period and stream; specs/ca-profile/ecm.md has the bytes. */
#include <string.h>

#include <openssl/rand.h>

#include "cas/internal.h"

enum {
    /* What stands in front of the ciphertext is the same in all ECMs of a maker but for five
     * places: prefix, second half of the kid, nonce, length of the ciphertext. That length is 33
     * to 214, so that its head always has two bytes. */
    STREAM_IN_KID = 8, /* where Super_CAS_id and ECM_id stand in the kid */
    PROTECTED_SIZE = 5 + SIMC__ECM_KID_SIZE,
    PROTECTED_AT = SIMC__ECM_PREFIX_SIZE + 2,
    STREAM_AT = PROTECTED_AT + 5 + STREAM_IN_KID,
    NONCE_AT = PROTECTED_AT + PROTECTED_SIZE + 3,
    HEAD_SIZE = NONCE_AT + SIMC_ECM_NONCE_SIZE + 2,
    /* The same for the Enc_structure, which ends with the prefix. */
    STRUCTURE_PROTECTED_AT = 11,
    STRUCTURE_STREAM_AT = STRUCTURE_PROTECTED_AT + 5 + STREAM_IN_KID,
    STRUCTURE_PREFIX_AT = STRUCTURE_PROTECTED_AT + PROTECTED_SIZE + 1,
    STRUCTURE_SIZE = STRUCTURE_PREFIX_AT + SIMC__ECM_PREFIX_SIZE,
};

struct simc_ecm_maker {
    struct simc__gcm gcm;
    uint32_t package;
    uint32_t key_version;
    simc_random_source *random;
    void *random_context;
    uint8_t start_id[SIMC_ECM_START_ID_SIZE];
    uint32_t counter; /* of the next ECM */
    bool needs_id;    /* the counter has wrapped: no nonce is left under this start id */
    uint64_t count;
    uint8_t head[HEAD_SIZE]; /* of every section */
    uint8_t structure[STRUCTURE_SIZE];
};

/* ---- nonces ---- */

static int random_openssl(void *context, void *memory, size_t size)
{
    (void)context;
    return RAND_bytes(memory, (int)size) == 1 ? 0 : SIMC_EIO;
}

/* Draws a start id. Two are drawn, and held against each other and the last one: a source that is
 * stuck would repeat nonces, which breaks GCM altogether, so it must be noticed here. */
static int start_id_draw(struct simc_ecm_maker *maker)
{
    uint8_t drawn[2][SIMC_ECM_START_ID_SIZE];
    int error = maker->random(maker->random_context, drawn, sizeof drawn);
    if (error)
        return SIMC_EIO;
    if (memcmp(drawn[0], drawn[1], sizeof drawn[0]) == 0 ||
        memcmp(drawn[0], maker->start_id, sizeof drawn[0]) == 0)
        return SIMC_EIO;
    memcpy(maker->start_id, drawn[0], sizeof drawn[0]);
    return 0;
}

/* The next nonce; it is used up, whatever becomes of the ECM. */
static int nonce_next(struct simc_ecm_maker *maker, uint8_t nonce[SIMC_ECM_NONCE_SIZE])
{
    if (maker->needs_id) {
        int error = start_id_draw(maker);
        if (error)
            return error;
        maker->needs_id = false;
    }
    struct simc_writer out = simc_writer(nonce, SIMC_ECM_NONCE_SIZE);
    simc_writer_slice(&out, simc_slice(maker->start_id, sizeof maker->start_id));
    simc_writer_u32(&out, maker->counter++);
    maker->needs_id = maker->counter == 0;
    return out.error;
}

/* ---- what is the same in all ECMs of a maker ---- */

void simc__enc_structure_put(struct simc_writer *out, struct simc_slice protected_map,
                             struct simc_slice external_aad)
{
    struct simc__cbor_writer writer;
    simc__cbor_writer_init(&writer, out);
    simc__cbor_put_array(&writer, 3);
    simc__cbor_put_text(&writer, simc_slice_text("Encrypt0"));
    simc__cbor_put_bytes(&writer, protected_map);
    simc__cbor_put_bytes(&writer, external_aad);
    simc_writer_fail(out, simc__cbor_put_finish(&writer));
}

static void protected_put(struct simc_writer *out, const struct simc_ecm_maker *maker)
{
    struct simc__cbor_writer writer;
    simc__cbor_writer_init(&writer, out);
    simc__cbor_put_map(&writer, 2);
    simc__cbor_put_key(&writer, SIMC__COSE_ALG);
    simc__cbor_put_uint(&writer, SIMC__COSE_A128GCM);
    simc__cbor_put_key(&writer, SIMC__COSE_KID);
    simc__cbor_put_bytes_head(&writer, SIMC__ECM_KID_SIZE);
    simc_writer_u32(out, maker->package);
    simc_writer_u32(out, maker->key_version);
    simc_writer_u32(out, 0); /* Super_CAS_id */
    simc_writer_u16(out, 0); /* ECM_id */
    simc_writer_fail(out, simc__cbor_put_finish(&writer));
}

/* Writes both, with zeros where they differ. The offsets are held against what was written. */
static int fixed_parts_make(struct simc_ecm_maker *maker)
{
    static const uint8_t zeros[SIMC_ECM_NONCE_SIZE];
    uint8_t bytes[PROTECTED_SIZE];
    struct simc_slice protected_map = simc_slice(bytes, sizeof bytes);
    struct simc_writer protect = simc_writer(bytes, sizeof bytes);
    struct simc_writer out = simc_writer(maker->head, sizeof maker->head);
    struct simc_writer structure = simc_writer(maker->structure, sizeof maker->structure);
    struct simc__cbor_writer writer;
    protected_put(&protect, maker);
    simc_writer_slice(&out, simc_slice(zeros, SIMC__ECM_PREFIX_SIZE));
    simc__cbor_writer_init(&writer, &out);
    simc__cbor_put_array(&writer, 3);
    simc__cbor_put_bytes(&writer, protected_map);
    simc__cbor_put_map(&writer, 1);
    simc__cbor_put_key(&writer, SIMC__COSE_IV);
    simc__cbor_put_bytes(&writer, simc_slice(zeros, SIMC_ECM_NONCE_SIZE));
    simc__cbor_put_bytes_head(&writer, UINT8_MAX);
    int error = simc__cbor_put_finish(&writer);
    simc__enc_structure_put(&structure, protected_map, simc_slice(zeros, SIMC__ECM_PREFIX_SIZE));
    if (error || protect.error || structure.error || out.at != HEAD_SIZE ||
        structure.at != STRUCTURE_SIZE)
        return SIMC_EINVAL;
    return 0;
}

/* ---- the maker ---- */

static bool key_is_usable(const struct simc_secret *key)
{
    static const struct simc_secret zero = {.size = SIMC_ECM_KEY_SIZE};
    return key && key->size == SIMC_ECM_KEY_SIZE && !simc_secret_equal(key, &zero);
}

int simc_ecm_maker_new(const struct simc_ecm_maker_config *config, struct simc_ecm_maker **maker)
{
    *maker = NULL;
    if (!key_is_usable(config->key))
        return SIMC_EINVAL;
    struct simc_ecm_maker *made = simc_calloc(1, sizeof *made);
    if (!made)
        return SIMC_ENOMEM;
    made->package = config->package;
    made->key_version = config->key_version;
    made->random = config->random ? config->random : random_openssl;
    made->random_context = config->random_context;
    made->counter = config->counter_start;
    int error = fixed_parts_make(made);
    if (!error)
        error = start_id_draw(made);
    if (!error)
        error = simc__gcm_key_set(&made->gcm, config->key, true);
    if (error) {
        simc_ecm_maker_free(made);
        return error;
    }
    *maker = made;
    return 0;
}

void simc_ecm_maker_free(struct simc_ecm_maker *maker)
{
    if (!maker)
        return;
    simc__gcm_fini(&maker->gcm);
    simc_free(maker);
}

uint64_t simc_ecm_maker_count(const struct simc_ecm_maker *maker)
{
    return maker->count;
}

/* ---- sizes ---- */

/* Why an input cannot be made, or NULL. */
static const char *input_fault(const struct simc_ecm_input *input)
{
    if (input->cw_count < 1 || input->cw_count > SIMC_ECM_CWS_MAX)
        return "an ECM carries 1 to 8 control words";
    if (input->has_conditions && input->conditions.size > SIMC_ECM_CONDITIONS_MAX)
        return "the conditions are longer than 64 bytes";
    for (size_t i = 0; i < input->cw_count; i++) {
        if (input->cws[i].cw->size != 8 && input->cws[i].cw->size != 16)
            return "a control word has neither 8 nor 16 bytes";
        for (size_t k = 0; k < i; k++) {
            if (input->cws[k].cp_number == input->cws[i].cp_number)
                return "there are two control words for one crypto period";
        }
    }
    return NULL;
}

static size_t payload_size(const struct simc_ecm_input *input)
{
    size_t size = 1;
    size += 1 + simc__cbor_head_size(input->issued_s);
    size += 1 + simc__cbor_head_size(input->lowest_epoch);
    if (input->has_content)
        size += 1 + simc__cbor_head_size(input->content);
    if (input->has_conditions)
        size += 1 + simc__cbor_head_size(input->conditions.size) + input->conditions.size;
    size += 1 + simc__cbor_head_size(2 * input->cw_count);
    for (size_t i = 0; i < input->cw_count; i++)
        size += simc__cbor_head_size(input->cws[i].cp_number) + 1 + input->cws[i].cw->size;
    return size;
}

static size_t section_size(size_t payload)
{
    return HEAD_SIZE + payload + SIMC_ECM_TAG_SIZE;
}

size_t simc_ecm_size(const struct simc_ecm_input *input)
{
    return input_fault(input) ? 0 : section_size(payload_size(input));
}

size_t simc_ecm_size_max(const struct simc_access_criteria *criteria, size_t cw_count,
                         size_t cw_size, uint32_t lowest_epoch)
{
    struct simc_secret cw = {.size = (uint8_t)(cw_size & 0xff)};
    struct simc_ecm_cw cws[SIMC_ECM_CWS_MAX];
    for (size_t i = 0; i < SIMC_ECM_CWS_MAX; i++)
        cws[i] = (struct simc_ecm_cw){(uint16_t)(UINT16_MAX - i), &cw};
    struct simc_ecm_input input = {
        .issued_s = UINT32_MAX, .lowest_epoch = lowest_epoch, .cws = cws, .cw_count = cw_count};
    simc_ecm_input_criteria(&input, criteria);
    return cw_size > 0xff ? 0 : simc_ecm_size(&input);
}

/* ---- bytes ---- */

static void payload_put(struct simc_writer *out, const struct simc_ecm_input *input)
{
    struct simc__cbor_writer writer;
    simc__cbor_writer_init(&writer, out);
    simc__cbor_put_map(&writer, 3u + input->has_content + input->has_conditions);
    simc__cbor_put_key(&writer, SIMC__ECM_ISSUED);
    simc__cbor_put_uint(&writer, input->issued_s);
    simc__cbor_put_key(&writer, SIMC__ECM_EPOCH);
    simc__cbor_put_uint(&writer, input->lowest_epoch);
    if (input->has_content) {
        simc__cbor_put_key(&writer, SIMC__ECM_CONTENT);
        simc__cbor_put_uint(&writer, input->content);
    }
    if (input->has_conditions) {
        simc__cbor_put_key(&writer, SIMC__ECM_CONDITIONS);
        simc__cbor_put_bytes(&writer, input->conditions);
    }
    simc__cbor_put_key(&writer, SIMC__ECM_CWS);
    simc__cbor_put_array(&writer, 2 * input->cw_count);
    for (size_t i = 0; i < input->cw_count; i++) {
        simc__cbor_put_uint(&writer, input->cws[i].cp_number);
        simc__cbor_put_bytes(&writer, simc_secret_bytes(input->cws[i].cw));
    }
    simc_writer_fail(out, simc__cbor_put_finish(&writer));
}

static void prefix_put(uint8_t prefix[SIMC__ECM_PREFIX_SIZE], uint16_t cp_number, size_t size)
{
    size_t length = size - SIMC__SECTION_HEADER_SIZE;
    struct simc_writer out = simc_writer(prefix, SIMC__ECM_PREFIX_SIZE);
    simc_writer_u8(&out, cp_number & 1 ? SIMC_ECM_TABLE_ODD : SIMC_ECM_TABLE_EVEN);
    simc_writer_u16(&out, (uint16_t)(SIMC__SECTION_BITS << 12 | length));
    simc_writer_u8(&out, SIMC_ECM_FORMAT);
}

static void stream_put(uint8_t *kid_part, const struct simc_ecm_input *input)
{
    struct simc_writer out = simc_writer(kid_part, SIMC__ECM_KID_SIZE - STREAM_IN_KID);
    simc_writer_u32(&out, input->super_cas_id);
    simc_writer_u16(&out, input->ecm_id);
}

/* Fills a section of a size that was computed before, and seals the payload in its place. */
static int section_put(struct simc_ecm_maker *maker, const struct simc_ecm_input *input,
                       uint8_t *section, size_t size)
{
    struct simc_writer payload =
        simc_writer(section + HEAD_SIZE, size - HEAD_SIZE - SIMC_ECM_TAG_SIZE);
    memcpy(section, maker->head, HEAD_SIZE);
    int error = nonce_next(maker, section + NONCE_AT);
    if (error)
        return error;
    prefix_put(section, input->cp_number, size);
    stream_put(section + STREAM_AT, input);
    section[HEAD_SIZE - 1] = (uint8_t)(size - HEAD_SIZE); /* bytes of ciphertext and tag */
    memcpy(maker->structure + STRUCTURE_PREFIX_AT, section, SIMC__ECM_PREFIX_SIZE);
    stream_put(maker->structure + STRUCTURE_STREAM_AT, input);
    payload_put(&payload, input);
    /* The size was computed and the input was checked, so that this cannot be. */
    if (payload.error || payload.at != payload.capacity)
        return SIMC_EINVAL;
    return simc__gcm_seal(&maker->gcm, section + NONCE_AT,
                          simc_slice(maker->structure, sizeof maker->structure), payload.data,
                          payload.at);
}

int simc_ecm_make(struct simc_ecm_maker *maker, const struct simc_ecm_input *input,
                  struct simc_writer *out, struct simc_cas_fault *fault)
{
    const char *why = input_fault(input);
    if (why) {
        simc__cas_fault_set(fault, SIMC_EINVAL, 0, "the ECM cannot be made: %s", why);
        return SIMC_EINVAL;
    }
    size_t size = section_size(payload_size(input));
    size_t ceiling = input->long_section ? SIMC_ECM_SECTION_MAX : SIMC_ECM_PACKET_SECTION_MAX;
    if (size > ceiling) {
        simc__cas_fault_set(fault, SIMC_ETOOLONG, 0,
                            "the ECM would take %zu bytes, %zu more than %s: carry fewer control "
                            "words, shorten the conditions%s",
                            size, size - ceiling,
                            input->long_section ? "an ECM section may have (256)"
                                                : "fit one TS packet (183)",
                            input->long_section ? "" : ", or allow long sections");
        return SIMC_ETOOLONG;
    }
    size_t at = out->at;
    uint8_t *section = simc_writer_room(out, size);
    if (!section) {
        simc__cas_fault_set(fault, SIMC_ENOSPC, 0, "the ECM needs room for %zu bytes", size);
        return out->error ? out->error : SIMC_ENOSPC;
    }
    int error = section_put(maker, input, section, size);
    if (error) {
        simc_wipe(section, size); /* control words in the clear may stand there */
        out->at = at;
        simc__cas_fault_set(fault, error, 0, "the ECM cannot be sealed: %s",
                            error == SIMC_EIO ? "the random source does not give a new start id"
                                              : "OpenSSL refuses to encrypt");
        return error;
    }
    maker->count++;
    return 0;
}
