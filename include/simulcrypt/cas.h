/* SPDX-License-Identifier: BSL-1.0 */
/**
 * @file simulcrypt/cas.h
 * @brief CA profile 1: making and opening ECMs, and the access criteria that tell what is in them.
 *
 * The format is described in specs/ca-profile/ecm.md. An ECM is a short DVB section: a clear prefix
 * of four bytes and one COSE_Encrypt0 message (AES-128-GCM) that holds control words for a package.
 *
 *     head-end                                         receiver
 *     simc_access_criteria_read()  package, conditions
 *     simc_ecm_maker_new()         one per thread      simc_ecm_opener_new()  one per thread
 *                                  and package key
 *     simc_ecm_make()              a section           simc_ecm_open()        control words
 *
 * simc_sections_pack() of simulcrypt/ts.h puts a section into packets.
 *
 * Neither making nor opening takes memory: both work in that of the maker, the opener and the
 * caller. Nothing here reads a clock. A maker or an opener belongs to one thread at a time;
 * different ones may be used at once, also with the same key.
 */
#ifndef SIMULCRYPT_CAS_H
#define SIMULCRYPT_CAS_H

#include "simulcrypt/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SIMC_ECM_TABLE_EVEN = 0x80, /**< table_id of the ECMs of crypto periods with even numbers */
    SIMC_ECM_TABLE_ODD = 0x81,
    SIMC_ECM_FORMAT = 0x11, /**< profile 1, layout 1 */

    SIMC_ECM_CWS_MAX = 8,         /**< control words of one ECM */
    SIMC_ECM_KEY_SIZE = 16,       /**< bytes of a package key */
    SIMC_ECM_NONCE_SIZE = 12,     /**< bytes: start id 8, counter 4 */
    SIMC_ECM_START_ID_SIZE = 8,   /**< bytes drawn from the random source */
    SIMC_ECM_TAG_SIZE = 16,       /**< bytes at the end of the ciphertext */
    SIMC_ECM_CONDITIONS_MAX = 64, /**< bytes */

    SIMC_ECM_PACKET_SECTION_MAX = 183, /**< bytes of a section that one TS packet carries */
    SIMC_ECM_SECTION_MAX = 256,        /**< bytes of the largest ECM section of this profile */

    SIMC_ACCESS_CRITERIA_SIZE_MAX = 64, /**< bytes, encoded */
    SIMC_CAS_FAULT_TEXT_SIZE = 256,
};

/* ---------------------------------------------------------------------------------- faults -- */

/**
 * Why something was refused. Each function that fills one says from which rows `reason` is.
 * Filling one costs a microsecond: who counts reasons only, passes NULL and looks at the counters.
 */
struct simc_cas_fault {
    int reason;
    size_t offset; /**< of the byte where it went wrong, in what `text` names */
    char text[SIMC_CAS_FAULT_TEXT_SIZE]; /**< a sentence without full stop and without secrets */
};

/* ------------------------------------------------------------------------- access criteria -- */

/** What a scrambler hands to the ECMG with each stream, opaque to itself: for whom it is. */
struct simc_access_criteria {
    uint32_t package; /**< whose key protects the ECM */
    bool has_content;
    uint32_t content; /**< id of the programme or title, for the receiver */
    bool has_conditions;
    uint8_t conditions_size;
    uint8_t conditions[SIMC_ECM_CONDITIONS_MAX]; /**< opaque; carried into the ECM as they are */
};

/** The rows of simc_access_criteria_read(): name, word, what it means. */
#define SIMC_ACCESS_CRITERIA_REASON_ROWS(ROW)                                               \
    ROW(GOOD, "good", "these are access criteria of profile 1")                             \
    ROW(EMPTY, "empty", "there are no bytes at all")                                        \
    ROW(TOO_LONG, "too long", "there are more than 64 bytes")                               \
    ROW(FOREIGN, "not ours", "the bytes are no CBOR map with numbers as keys")              \
    ROW(MALFORMED, "malformed", "the CBOR is damaged or not in its one deterministic form") \
    ROW(UNKNOWN_KEY, "unknown key", "a key from 1 to 63 is not known to this version")      \
    ROW(BAD_VALUE, "bad value", "a value has the wrong type or is out of its range")        \
    ROW(NO_PACKAGE, "no package", "the package is missing")

#define SIMC__ACCESS_CRITERIA_ENUM(name, word, text) SIMC_ACCESS_CRITERIA_##name,
enum simc_access_criteria_reason {
    SIMC_ACCESS_CRITERIA_REASON_ROWS(SIMC__ACCESS_CRITERIA_ENUM) SIMC_ACCESS_CRITERIA_REASON_COUNT
};
#undef SIMC__ACCESS_CRITERIA_ENUM

/** The word of a row, `"too long"`; `"?"` for other values. */
SIMC_API const char *simc_access_criteria_reason_word(enum simc_access_criteria_reason reason);
/** What a row means, without a full stop; `"?"` for other values. */
SIMC_API const char *simc_access_criteria_reason_text(enum simc_access_criteria_reason reason);

/**
 * Reads access criteria: a CBOR map {1: package, ? 2: content, ? 3: conditions}. Keys from 64 on
 * are skipped.
 * @param criteria filled on success, zeroed else.
 * @param fault NULL, or filled on failure: SIMC_ACCESS_CRITERIA_..., place and mend; its text
 * stands well behind "the access criteria cannot be used: ".
 * @return 0, SIMC_ETOOLONG (TOO_LONG), SIMC_EUNSUPPORTED (FOREIGN, UNKNOWN_KEY), SIMC_EPROTO (the
 *         rest). An ECMG answers each of them with stream_error 0x0011 (error_information 0x000D),
 *         but for EMPTY, which it may take as "none were sent".
 */
SIMC_API int simc_access_criteria_read(struct simc_slice bytes,
                                       struct simc_access_criteria *criteria,
                                       struct simc_cas_fault *fault) SIMC_MUST_CHECK;
/**
 * Writes access criteria in their one form: reading gives the same struct again.
 * @return 0, SIMC_ETOOLONG (they would take more than 64 bytes; nothing is written), SIMC_EINVAL
 *         (conditions_size is over SIMC_ECM_CONDITIONS_MAX), SIMC_ENOSPC.
 */
SIMC_API int simc_access_criteria_put(struct simc_writer *out,
                                      const struct simc_access_criteria *criteria) SIMC_MUST_CHECK;

/* ------------------------------------------------------------------------------------- kid -- */

/** What the kid of an ECM names: the key, and the ECM stream that it is for. Authenticated. */
struct simc_ecm_kid {
    uint32_t package;
    uint32_t key_version;
    uint32_t super_cas_id;
    uint16_t ecm_id;
};

/* ---------------------------------------------------------------------------------- making -- */

/**
 * Draws random bytes, for start ids. @return 0, or any error of SIMC_ERROR_ROWS.
 */
typedef int simc_random_source(void *context, void *memory, size_t size);

/** What a maker is for. */
struct simc_ecm_maker_config {
    const struct simc_secret *key; /**< SIMC_ECM_KEY_SIZE bytes; not needed after the call */
    uint32_t package;              /**< of the key */
    uint32_t key_version;
    simc_random_source *random; /**< NULL: that of OpenSSL, which is right outside of tests */
    void *random_context;
    uint32_t counter_start; /**< first value of the counter; 0 outside of tests */
};

struct simc_ecm_maker;

/**
 * Makes a maker, with a start id of its own: two makers never use the same nonce, wherever and
 * whenever they run (specs/ca-profile/ecm.md has the argument with numbers).
 * @param maker set on success, else NULL.
 * @return 0, SIMC_EINVAL (the size of the key, or all its bytes are zero), SIMC_EIO (the random
 * source failed, or gives the same again and again), SIMC_ENOMEM.
 */
SIMC_API int simc_ecm_maker_new(const struct simc_ecm_maker_config *config,
                                struct simc_ecm_maker **maker) SIMC_MUST_CHECK;
/** Wipes the key and releases everything; NULL is fine. */
SIMC_API void simc_ecm_maker_free(struct simc_ecm_maker *maker);
/** How many ECMs this maker has made. A key has to be replaced before the sum of all its makers
 *  comes to 2^32. */
SIMC_API uint64_t simc_ecm_maker_count(const struct simc_ecm_maker *maker);

/** A control word and its crypto period. */
struct simc_ecm_cw {
    uint16_t cp_number;
    const struct simc_secret *cw; /**< 8 or 16 bytes; borrowed for the call */
};

/** What goes into an ECM. */
struct simc_ecm_input {
    uint32_t super_cas_id;
    uint16_t ecm_id;
    uint16_t cp_number;    /**< of the crypto period that the ECM belongs to: gives the table_id */
    uint32_t issued_s;     /**< seconds since 1970, UTC */
    uint32_t lowest_epoch; /**< a receiver that has not seen this EMM epoch stops */
    bool has_content;
    uint32_t content;
    bool has_conditions;
    struct simc_slice conditions;  /**< at most SIMC_ECM_CONDITIONS_MAX bytes; borrowed */
    const struct simc_ecm_cw *cws; /**< in the order wanted; no cp_number twice */
    size_t cw_count;               /**< 1..SIMC_ECM_CWS_MAX */
    bool long_section; /**< allow up to SIMC_ECM_SECTION_MAX bytes, that is, two TS packets; else
                        *   SIMC_ECM_PACKET_SECTION_MAX */
};

/** Takes content and conditions over from access criteria (the conditions are borrowed). */
static inline void simc_ecm_input_criteria(struct simc_ecm_input *input,
                                           const struct simc_access_criteria *criteria)
{
    input->has_content = criteria->has_content;
    input->content = criteria->content;
    input->has_conditions = criteria->has_conditions;
    input->conditions = simc_slice(criteria->conditions, criteria->conditions_size);
}

/**
 * Makes an ECM and appends its section. No memory is taken.
 * @param fault NULL, or filled on failure with a sentence; its reason is the error returned.
 * @return 0; SIMC_EINVAL (a number of control words, a size or a repetition that the format cannot
 *         carry); SIMC_ETOOLONG (it does not fit the section: see `long_section`); SIMC_ENOSPC (it
 *         does not fit `out`, whose `at` then says how much room it takes); SIMC_EIO (a new start
 *         id was due and the random source failed; the next call tries again); SIMC_ENOMEM (OpenSSL
 *         failed). After an error nothing usable is in `out`, and no nonce was used twice.
 */
SIMC_API int simc_ecm_make(struct simc_ecm_maker *maker, const struct simc_ecm_input *input,
                           struct simc_writer *out, struct simc_cas_fault *fault) SIMC_MUST_CHECK;

/** Bytes of the section that simc_ecm_make() makes, without looking at its ceiling; 0 when the
 *  input cannot be made. The control words' numbers and sizes are looked at, never their bytes. */
SIMC_API size_t simc_ecm_size(const struct simc_ecm_input *input);
/**
 * Bytes of the largest section that can come up with these settings, for a check at configuration
 * time rather than in the night when an epoch passes 255: all CP numbers and times are counted with
 * their longest form. @param cw_size 8 or 16. @return 0 when an argument is out of its range.
 */
SIMC_API size_t simc_ecm_size_max(const struct simc_access_criteria *criteria, size_t cw_count,
                                  size_t cw_size, uint32_t lowest_epoch);

/* --------------------------------------------------------------------------------- opening -- */

/**
 * Why an ECM was not opened, in the order in which a receiver looks: name, word, what it means.
 * Everything up to NO_KEY is decided without a key, by bytes that anyone can write.
 */
#define SIMC_ECM_REASON_ROWS(ROW)                                                                 \
    ROW(OPENED, "opened", "the ECM was opened")                                                   \
    ROW(LENGTH, "length", "the section is shorter or longer than it says, or over 256 bytes")     \
    ROW(TABLE, "table_id", "table_id is not 0x80 or 0x81")                                        \
    ROW(HEADER, "section header", "the bits behind table_id are not 0111")                        \
    ROW(FORMAT, "format", "it is no ECM of profile 1: the format byte is not 0x11")               \
    ROW(COSE, "cose", "the COSE_Encrypt0 message is malformed or not in its deterministic form")  \
    ROW(HEADERS, "headers", "a COSE header is missing, in the wrong map, or not of this profile") \
    ROW(ALGORITHM, "algorithm", "the algorithm is not A128GCM")                                   \
    ROW(NONCE, "nonce", "the IV does not have 12 bytes")                                          \
    ROW(KID, "kid", "the kid does not have 14 bytes")                                             \
    ROW(STREAM, "wrong stream", "the kid names another ECM stream than this one")                 \
    ROW(NO_KEY, "no key", "there is no key for this package and version")                         \
    ROW(TAG, "tag", "the tag is wrong: damaged, forged, or sealed with another key")              \
    ROW(PAYLOAD, "payload", "what was sealed is malformed or not in its deterministic form")      \
    ROW(CRITICAL, "critical key", "a key from 1 to 63 is not known to this version")              \
    ROW(VALUE, "value", "a value is missing, has the wrong type or is out of its range")          \
    ROW(FAILED, "failed", "the cipher could not be run")

#define SIMC__ECM_REASON_ENUM(name, word, text) SIMC_ECM_REASON_##name,
enum simc_ecm_reason { SIMC_ECM_REASON_ROWS(SIMC__ECM_REASON_ENUM) SIMC_ECM_REASON_COUNT };
#undef SIMC__ECM_REASON_ENUM

/** The word of a row, `"no key"`; `"?"` for other values. */
SIMC_API const char *simc_ecm_reason_word(enum simc_ecm_reason reason);
/** What a row means, without a full stop; `"?"` for other values. */
SIMC_API const char *simc_ecm_reason_text(enum simc_ecm_reason reason);

/** What stands in an ECM for everybody to see. Borrowed from the section. Nothing of it is known to
 *  be true before the ECM is opened. */
struct simc_ecm_envelope {
    uint8_t table_id;
    struct simc_ecm_kid kid;
    struct simc_slice prefix;        /**< external_aad */
    struct simc_slice cose;          /**< the COSE_Encrypt0 message */
    struct simc_slice protected_map; /**< encoded */
    struct simc_slice nonce;         /**< SIMC_ECM_NONCE_SIZE bytes */
    struct simc_slice ciphertext;    /**< with its tag */
};

/**
 * Reads what is in the clear; needs no key.
 * @param section exactly one section. @param envelope filled on success, zeroed else.
 * @param fault NULL, or filled on failure: a row from LENGTH to KID; offsets in the section.
 * @return 0, SIMC_EPROTO, SIMC_EUNSUPPORTED (FORMAT, ALGORITHM).
 */
SIMC_API int simc_ecm_read(struct simc_slice section, struct simc_ecm_envelope *envelope,
                           struct simc_cas_fault *fault) SIMC_MUST_CHECK;

/** An ECM that was opened. Wipe it when it is no longer needed. */
struct simc_ecm {
    uint8_t table_id;
    struct simc_ecm_kid kid;
    uint32_t issued_s;     /**< seconds since 1970, UTC; any holder of the key can forge it */
    uint32_t lowest_epoch; /**< the EMM epoch that a receiver must have seen */
    bool has_content;
    uint32_t content;
    bool has_conditions;
    uint8_t conditions_size;
    uint8_t conditions[SIMC_ECM_CONDITIONS_MAX];
    uint8_t cw_count; /**< 1..SIMC_ECM_CWS_MAX */
    uint16_t cp_numbers[SIMC_ECM_CWS_MAX];
    struct simc_secret cws[SIMC_ECM_CWS_MAX]; /**< 8 or 16 bytes each */
};

/** Overwrites everything in it. */
static inline void simc_ecm_wipe(struct simc_ecm *ecm)
{
    simc_wipe(ecm, sizeof *ecm);
}

/** Which ECM stream a section is taken from, as its CA_descriptor says. What is not set is not
 *  compared. */
struct simc_ecm_stream_id {
    bool has_package, has_super_cas_id, has_ecm_id;
    uint32_t package;
    uint32_t super_cas_id;
    uint16_t ecm_id;
};

/** Finds the key of a kid's package and key version; the other members are not authenticated yet.
 *  @param key to be filled; wiped by the opener. @return 0, or SIMC_ENOTFOUND: there is none. */
typedef int simc_ecm_key_find(void *context, const struct simc_ecm_kid *kid,
                              struct simc_secret *key);

struct simc_ecm_opener;

/** Makes an opener. @param find called by simc_ecm_open(). @param opener set on success, else NULL.
 *  @return 0, SIMC_EINVAL (no `find`), SIMC_ENOMEM. */
SIMC_API int simc_ecm_opener_new(simc_ecm_key_find *find, void *context,
                                 struct simc_ecm_opener **opener) SIMC_MUST_CHECK;
/** Wipes keys and releases everything; NULL is fine. */
SIMC_API void simc_ecm_opener_free(struct simc_ecm_opener *opener);

/**
 * Opens an ECM: all checks in the order of the rows, the first that fails decides. No memory is
 * taken. A repetition is opened like the first sending: telling replays from repetitions is the
 * receiver's part (by the CP numbers).
 * @param section exactly one section. @param stream NULL: any.
 * @param ecm filled on success, wiped else.
 * @param fault NULL, or filled on failure: a row of #SIMC_ECM_REASON_ROWS; offsets in the section,
 *        from PAYLOAD on in the decrypted payload.
 * @return 0; SIMC_ENOTFOUND (STREAM, NO_KEY); SIMC_EUNSUPPORTED (FORMAT, ALGORITHM, CRITICAL);
 *         SIMC_ENOMEM (FAILED); SIMC_EPROTO (the rest).
 */
SIMC_API int simc_ecm_open(struct simc_ecm_opener *opener, struct simc_slice section,
                           const struct simc_ecm_stream_id *stream, struct simc_ecm *ecm,
                           struct simc_cas_fault *fault) SIMC_MUST_CHECK;
/** How often each reason came up: SIMC_ECM_REASON_COUNT numbers, valid as long as the opener. */
SIMC_API const uint64_t *simc_ecm_opener_counters(const struct simc_ecm_opener *opener);

#ifdef __cplusplus
}
#endif
#endif
