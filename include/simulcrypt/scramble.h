/* SPDX-License-Identifier: BSL-1.0 */
/**
 * @file simulcrypt/scramble.h
 * @brief Scrambling and descrambling of transport stream packets, in place and in batches.
 *
 * A scrambler holds *slots*. A slot is what shares control words - a service, or one component of
 * it - and has two keys, even and odd. Batches of packets are scrambled under the slot and parity
 * that each job names, and descrambled under the slot that it names and the parity that stands in
 * the packet:
 *
 *     struct simc_scrambler_config config = {.slot_count = 16};
 *     struct simc_scrambler *scrambler;
 *     int error = simc_scrambler_new(&config, &scrambler);
 *     error = simc_scrambler_key_set(scrambler, 0, SIMC_PARITY_EVEN, SIMC_SCRAMBLING_CISSA, &cw);
 *     struct simc_scramble_job jobs[] = {{.packet = first, .slot = 0, .parity = SIMC_PARITY_EVEN},
 *                                        {.packet = second, .slot = 0, .parity =
 * SIMC_PARITY_EVEN}}; error = simc_scramble(scrambler, jobs, 2);
 *
 * What happens to a packet (188 bytes, at any address):
 *  - Each packet stands alone: no state goes from one packet to the next, so any cut of a stream
 *    into batches gives the same bytes, and a duplicate packet gives a duplicate.
 *  - Only payload bytes and the two bits of transport_scrambling_control (TSC) change. Adaptation
 *    fields stay clear. TSC is 10 for the even and 11 for the odd key.
 *  - A packet whose TSC is not 00 is never scrambled again; one without payload stays at 00.
 *  - A payload shorter than the cipher can take (see `payload_size_min`) is left as it is.
 *    Standards do not settle its TSC bits: we send 00, or the parity when the configuration says
 *    so, and a descrambler accepts both.
 *  - A packet that cannot be (no sync byte, adaptation_field_control 00, an adaptation field that
 *    leaves the packet) is counted and left alone. [H.222.0 2.4.3.2]
 *  - transport_error_indicator is not looked at: hiding a damaged payload is better than showing
 * it.
 *
 * Which packets may be scrambled at all is the caller's choice: null packets, PSI and SI, ECM and
 * EMM have to stay clear.
 *
 * Batches: hand over as many packets at once as there are, in any order; two jobs of one call must
 * not share bytes. AES wants 16 packets or more to be fast, with any mix of keys. CSA wants 128
 * packets of one key: packets are ordered by key while they wait, up to SIMC_SCRAMBLE_BATCH of them
 * in memory taken by simc_scrambler_new(), and none waits when the call returns.
 *
 * Engines do the arithmetic: one for the AES family and one for CSA. The fastest that this
 * processor can run is taken unless the configuration names one.
 *
 * | engine        | family | needs                                                              |
 * |---------------|--------|--------------------------------------------------------------------|
 * | vaes512       | AES    | x86-64 with VAES and AVX-512 (F, BW, VL, DQ); 16 packets at a time |
 * | aesni         | AES    | x86-64 with AES-NI and SSE4.1; 12 packets at a time                |
 * | evp           | AES    | any processor: OpenSSL, packet by packet                           |
 * | dvbcsa        | CSA    | libdvbcsa at run time; bit-sliced, single calls below 13 packets   |
 * | dvbcsa-single | CSA    | libdvbcsa at run time; packet by packet                            |
 *
 * A scrambler belongs to one thread at a time; different ones may be used at once.
 */
#ifndef SIMULCRYPT_SCRAMBLE_H
#define SIMULCRYPT_SCRAMBLE_H

#include "simulcrypt/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ----------------------------------------------------------------------------- algorithms -- */

/**
 * The algorithm rows: name, word for people and command lines, scrambling_mode of the
 * scrambling_descriptor (-1: none), bytes of the control word, of a cipher block, and of the
 * shortest payload that is changed. [EN 300 468 6.2.33]
 *
 * | row     | rule                                                                              |
 * |---------|-----------------------------------------------------------------------------------|
 * | CSA1    | DVB-CSA, control words of 48 free bits (bytes 3 and 7 are sums)                   |
 * | CSA2    | the same cipher, all 64 bits free                                                 |
 * | CISSA   | AES-128-CBC per packet, constant IV, last size % 16 bytes clear [TS 103 127 6]    |
 * | IDSA    | AES-128-CBC, zero IV, residual block termination [ATIS-0800006]: the last bytes,  |
 * |         | and payloads under 16 bytes, are XORed with AES(previous ciphertext or IV). SCTE  |
 * |         | 52 with AES has the same shape                                                    |
 * | AES_CBC | as CISSA with an IV of one's choice; 0xF0 is TSDuck's private scrambling_mode     |
 * | AES_ECB | each block alone, last size % 16 bytes clear; shows patterns, for laboratories    |
 */
#define SIMC_SCRAMBLING_ROWS(ROW)             \
    ROW(CSA1, "csa1", 0x01, 8, 8, 8)          \
    ROW(CSA2, "csa2", 0x02, 8, 8, 8)          \
    ROW(CISSA, "cissa", 0x10, 16, 16, 16)     \
    ROW(IDSA, "idsa", 0x70, 16, 16, 1)        \
    ROW(AES_CBC, "aes-cbc", 0xF0, 16, 16, 16) \
    ROW(AES_ECB, "aes-ecb", -1, 16, 16, 16)

#define SIMC__SCRAMBLING_ENUM(name, word, mode, cw_size, block_size, min) SIMC_SCRAMBLING_##name,
enum simc_scrambling { SIMC_SCRAMBLING_ROWS(SIMC__SCRAMBLING_ENUM) SIMC_SCRAMBLING_COUNT };
#undef SIMC__SCRAMBLING_ENUM

/** One row of #SIMC_SCRAMBLING_ROWS. */
struct simc_scrambling_info {
    enum simc_scrambling algorithm;
    const char *name;          /**< `"cissa"` */
    int mode;                  /**< scrambling_mode, or -1 */
    uint16_t cw_size;          /**< bytes */
    uint16_t block_size;       /**< bytes */
    uint16_t payload_size_min; /**< bytes; shorter payloads are not changed */
};

/** The row of an algorithm; NULL for a value outside the rows. */
SIMC_API const struct simc_scrambling_info *simc_scrambling_info(enum simc_scrambling algorithm);
/** The row with this name, or NULL. */
SIMC_API const struct simc_scrambling_info *simc_scrambling_by_name(const char *name);
/** The row with this scrambling_mode (0..255), or NULL. Without a scrambling_descriptor a service
 *  is CSA1, mode 1. */
SIMC_API const struct simc_scrambling_info *simc_scrambling_by_mode(uint8_t mode);

/**
 * Makes an eight-byte control word one of 48 free bits: byte 3 becomes the sum of bytes 0..2 and
 * byte 7 that of 4..6. Do this to CSA1 control words before they go to an ECMG, because some
 * receivers compute these bytes anew and others do not. @return 0, or SIMC_EINVAL: not eight bytes.
 */
SIMC_API int simc_csa_checksum_set(struct simc_secret *cw) SIMC_MUST_CHECK;
/** True for eight bytes whose sums are right. */
SIMC_API bool simc_csa_checksum_is_good(const struct simc_secret *cw);

/* ------------------------------------------------------------------------------- scrambler -- */

enum {
    SIMC_SCRAMBLE_PACKET_SIZE = 188, /**< bytes behind `packet` of a job */
    SIMC_SCRAMBLE_BATCH = 2048,      /**< packets that may wait for others of their key */
    SIMC_SCRAMBLE_SLOTS_MAX = 8192,  /**< most slots of a scrambler */
    SIMC_SCRAMBLE_WHY_SIZE = 256,    /**< bytes of the longest simc_scrambler_why() */
    SIMC_AES_IV_SIZE = 16,
};

/** Which of the two keys of a slot; the number is the low bit of TSC. */
enum simc_parity { SIMC_PARITY_EVEN = 0, SIMC_PARITY_ODD = 1 };

/** The TSC bits that are sent with a payload too short to be scrambled. */
enum simc_short_tsc {
    SIMC_SHORT_TSC_CLEAR,       /**< 00: the payload is clear, so say so */
    SIMC_SHORT_TSC_KEEP_PARITY, /**< 10 or 11 as its neighbours have, for receivers that want it */
};

/** What to do about the two sums in a CSA1 control word. CSA2 takes every control word as it is. */
enum simc_csa1_checksum {
    SIMC_CSA1_CHECKSUM_REPAIR, /**< make them right; counted when that changed something */
    SIMC_CSA1_CHECKSUM_CHECK,  /**< refuse a wrong one with SIMC_EPROTO */
    SIMC_CSA1_CHECKSUM_KEEP,   /**< use the control word as it is */
};

/** How a scrambler works. All but slot_count may be zero. */
struct simc_scrambler_config {
    uint32_t slot_count; /**< 1..SIMC_SCRAMBLE_SLOTS_MAX */
    enum simc_short_tsc short_tsc;
    enum simc_csa1_checksum csa1_checksum;
    uint8_t aes_cbc_iv[SIMC_AES_IV_SIZE]; /**< of SIMC_SCRAMBLING_AES_CBC */
    const char *aes_engine;               /**< its name; NULL: the fastest that can run */
    const char *csa_engine;               /**< its name; NULL: "dvbcsa" */
    const char *csa_library;              /**< file for dlopen; NULL: "libdvbcsa.so.1" */
};

struct simc_scrambler;

/**
 * Makes a scrambler with empty slots: it takes 1 KiB per slot and under 100 KiB beside.
 * @param config copied, with its texts. @param scrambler set on success, else NULL.
 * @return 0, SIMC_EINVAL (slot_count or an enum), SIMC_ENOTFOUND (no engine of this name in its
 *         family), SIMC_EUNSUPPORTED (this processor or build cannot run the engine), SIMC_ENOMEM.
 */
SIMC_API int simc_scrambler_new(const struct simc_scrambler_config *config,
                                struct simc_scrambler **scrambler) SIMC_MUST_CHECK;
/** Wipes all keys and releases everything. */
SIMC_API void simc_scrambler_free(struct simc_scrambler *scrambler);

/**
 * Makes sure that an algorithm can be used, at start-up rather than at the first key. CSA loads
 * its library here: file access, so not in a loop that must not wait.
 * @return 0, SIMC_EINVAL (no such algorithm), SIMC_EUNSUPPORTED (simc_scrambler_why() says what to
 *         install), SIMC_ENOMEM.
 */
SIMC_API int simc_scrambler_require(struct simc_scrambler *scrambler,
                                    enum simc_scrambling algorithm) SIMC_MUST_CHECK;
/** One sentence about the last SIMC_EUNSUPPORTED, without a full stop; "" before one. */
SIMC_API const char *simc_scrambler_why(const struct simc_scrambler *scrambler);
/** The name of the engine that serves an algorithm, NULL for an unknown algorithm. */
SIMC_API const char *simc_scrambler_engine(const struct simc_scrambler *scrambler,
                                           enum simc_scrambling algorithm);
/** The names of all engines of the family that serves an algorithm, best first; NULL behind the
 *  last. Not all can run here: see simc_scrambler_new(). */
SIMC_API const char *simc_scramble_engine_name(enum simc_scrambling algorithm, size_t index);

/**
 * Sets one key of a slot. The other parity stays as it is, so it can be in use meanwhile.
 * @param cw copied; the caller wipes its own.
 * @return 0, SIMC_EINVAL (slot, parity or algorithm unknown, or the wrong size of control word),
 *         SIMC_EPROTO (a wrong sum, with SIMC_CSA1_CHECKSUM_CHECK), SIMC_EUNSUPPORTED (see
 *         simc_scrambler_require()), SIMC_ENOMEM. After an error the key is not set.
 */
SIMC_API int simc_scrambler_key_set(struct simc_scrambler *scrambler, uint32_t slot,
                                    enum simc_parity parity, enum simc_scrambling algorithm,
                                    const struct simc_secret *cw) SIMC_MUST_CHECK;
/** Wipes one key of a slot; unknown slots are ignored. */
SIMC_API void simc_scrambler_key_wipe(struct simc_scrambler *scrambler, uint32_t slot,
                                      enum simc_parity parity);
/** True when this key of the slot is set. */
SIMC_API bool simc_scrambler_key_is_set(const struct simc_scrambler *scrambler, uint32_t slot,
                                        enum simc_parity parity);

/* --------------------------------------------------------------------------------- batches -- */

/** What became of a packet: the rows of #SIMC_SCRAMBLE_RESULT_ROWS, name, word, text. */
#define SIMC_SCRAMBLE_RESULT_ROWS(ROW)                                                \
    ROW(DONE, "done", "payload changed, TSC bits set or cleared")                     \
    ROW(SHORT, "short", "payload too short to be scrambled, bytes unchanged")         \
    ROW(NO_PAYLOAD, "no_payload", "adaptation field only; TSC bits are 00 now")       \
    ROW(SKIPPED, "skipped", "scrambled already, or not scrambled when descrambling")  \
    ROW(RESERVED, "reserved", "TSC 01 when descrambling, packet unchanged")           \
    ROW(NO_KEY, "no_key", "the slot is unknown or has no such key, packet unchanged") \
    ROW(MALFORMED, "malformed", "no transport stream packet, unchanged")

#define SIMC__SCRAMBLE_RESULT_ENUM(name, word, text) SIMC_SCRAMBLE_##name,
enum simc_scramble_result {
    SIMC_SCRAMBLE_RESULT_ROWS(SIMC__SCRAMBLE_RESULT_ENUM) SIMC_SCRAMBLE_RESULT_COUNT
};
#undef SIMC__SCRAMBLE_RESULT_ENUM

/** The word of a result, `"no_key"`; "?" outside the rows. */
SIMC_API const char *simc_scramble_result_name(enum simc_scramble_result result);

/** One packet of a batch. */
struct simc_scramble_job {
    uint8_t *packet; /**< SIMC_SCRAMBLE_PACKET_SIZE bytes, changed in place */
    uint32_t slot;
    uint8_t parity; /**< enum simc_parity; simc_descramble() reads it from TSC instead */
    uint8_t result; /**< out: enum simc_scramble_result */
};

/** Counts since simc_scrambler_new(), both directions together. */
struct simc_scramble_stats {
    uint64_t packets[SIMC_SCRAMBLE_RESULT_COUNT]; /**< by result */
    uint64_t payload_bytes;                       /**< payload of the packets that are DONE */
    uint64_t keys_set;
    uint64_t checksums_repaired; /**< CSA1 control words with a wrong sum */
};

/**
 * Scrambles packets in place. @param jobs `count` of them, each with its result afterwards.
 * @return 0, or SIMC_ENOMEM: the cipher library gave up in the middle (engine evp only); packets
 *         of this call whose result is DONE are damaged and must not be sent.
 */
SIMC_API int simc_scramble(struct simc_scrambler *scrambler, struct simc_scramble_job *jobs,
                           size_t count) SIMC_MUST_CHECK;
/** Descrambles packets in place, with the key of the parity that TSC names. @return as above. */
SIMC_API int simc_descramble(struct simc_scrambler *scrambler, struct simc_scramble_job *jobs,
                             size_t count) SIMC_MUST_CHECK;
/** The counters, borrowed from the scrambler. */
SIMC_API const struct simc_scramble_stats *simc_scrambler_stats(
    const struct simc_scrambler *scrambler);

#ifdef __cplusplus
}
#endif
#endif
