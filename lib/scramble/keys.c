/* SPDX-License-Identifier: BSL-1.0 */
/* The scrambler object: its engines and the keys in its slots, from making to wiping. Called at
 * start-up and at each change of control word, never on the packet path. */
#include <string.h>

#include "base/text.h"
#include "scramble/scrambler.h"

static const uint8_t cissa_iv[SIMC_AES_IV_SIZE] = "DVBTMCPTAESCISSA"; /* [TS 103 127 6] */

/* The engine with this name, or the first that can run here when there is no name. */
static int engine_choose(const struct simc__engine **engine, enum simc__family family,
                         const char *name)
{
    for (size_t i = 0; simc__engines[i]; i++) {
        const struct simc__engine *row = simc__engines[i];
        if (row->family != family || (name && strcmp(row->name, name) != 0))
            continue;
        bool can_run = row->can_run();
        if (name && !can_run)
            return SIMC_EUNSUPPORTED;
        if (can_run) {
            *engine = row;
            return 0;
        }
    }
    return name ? SIMC_ENOTFOUND : SIMC_EUNSUPPORTED;
}

static bool config_is_good(const struct simc_scrambler_config *config)
{
    return config->slot_count > 0 && config->slot_count <= SIMC_SCRAMBLE_SLOTS_MAX &&
           (unsigned)config->short_tsc <= SIMC_SHORT_TSC_KEEP_PARITY &&
           (unsigned)config->csa1_checksum <= SIMC_CSA1_CHECKSUM_KEEP;
}

static int memory_take(struct simc_scrambler *scrambler, const char *csa_library)
{
    size_t count = (size_t)scrambler->slot_count * 2;
    scrambler->keys_memory = simc_calloc(count + 1, sizeof *scrambler->keys);
    scrambler->csa_chain = simc_calloc(count, sizeof *scrambler->csa_chain);
    if (!scrambler->keys_memory || !scrambler->csa_chain)
        return SIMC_ENOMEM;
    uintptr_t over = (uintptr_t)scrambler->keys_memory % SIMC__KEY_ALIGN;
    uint8_t *start = (uint8_t *)scrambler->keys_memory + (over ? SIMC__KEY_ALIGN - over : 0);
    scrambler->keys = (struct simc__key *)(void *)start;
    if (csa_library) {
        size_t size = strlen(csa_library) + 1;
        scrambler->csa_library = simc_alloc(size);
        if (!scrambler->csa_library)
            return SIMC_ENOMEM;
        memcpy(scrambler->csa_library, csa_library, size);
    }
    return 0;
}

int simc_scrambler_new(const struct simc_scrambler_config *config,
                       struct simc_scrambler **scrambler)
{
    *scrambler = NULL;
    if (!config_is_good(config))
        return SIMC_EINVAL;
    const struct simc__engine *engine[SIMC__FAMILY_COUNT];
    int error = engine_choose(&engine[SIMC__FAMILY_AES], SIMC__FAMILY_AES, config->aes_engine);
    if (!error)
        error = engine_choose(&engine[SIMC__FAMILY_CSA], SIMC__FAMILY_CSA, config->csa_engine);
    if (error)
        return error;
    struct simc_scrambler *made = simc_calloc(1, sizeof *made);
    if (!made)
        return SIMC_ENOMEM;
    made->slot_count = config->slot_count;
    made->short_tsc = config->short_tsc;
    made->csa1_checksum = config->csa1_checksum;
    memcpy(made->aes_cbc_iv, config->aes_cbc_iv, sizeof made->aes_cbc_iv);
    memcpy(made->engine, engine, sizeof made->engine);
    made->csa.free_first = SIMC__CHAIN_END;
    error = memory_take(made, config->csa_library);
    if (error) {
        simc_scrambler_free(made);
        return error;
    }
    *scrambler = made;
    return 0;
}

/* Wipes a key. With `release` its contexts go too, else they wait for the next key. */
static void key_clear(struct simc_scrambler *scrambler, struct simc__key *key, bool release)
{
    const struct simc__engine *engine = key->engine;
    if (engine && engine->key_wipe)
        engine->key_wipe(scrambler->state[engine->family], key);
    if (engine && engine->key_fini && release)
        engine->key_fini(scrambler->state[engine->family], key);
    key->is_set = false;
    key->short_cut_size = 0;
    simc_wipe(&key->aes, sizeof key->aes);
    if (release)
        key->engine = NULL;
}

void simc_scrambler_free(struct simc_scrambler *scrambler)
{
    if (!scrambler)
        return;
    for (size_t i = 0; scrambler->keys && i < (size_t)scrambler->slot_count * 2; i++)
        key_clear(scrambler, &scrambler->keys[i], true);
    for (int family = 0; family < SIMC__FAMILY_COUNT; family++)
        if (scrambler->is_open[family] && scrambler->engine[family]->close)
            scrambler->engine[family]->close(scrambler->state[family]);
    simc_free(scrambler->keys_memory);
    simc_free(scrambler->csa_chain);
    simc_free(scrambler->csa_library);
    simc_free(scrambler);
}

/* The engine of a family, opened at first use. */
static int engine_open(struct simc_scrambler *scrambler, enum simc__family family)
{
    const struct simc__engine *engine = scrambler->engine[family];
    if (scrambler->is_open[family])
        return 0;
    int error = 0;
    if (engine->open) {
        struct simc_writer why = simc_writer(scrambler->why, sizeof scrambler->why - 1);
        error = engine->open(scrambler->csa_library, &scrambler->state[family], &why);
        size_t end = why.at < why.capacity ? why.at : why.capacity;
        scrambler->why[error == SIMC_EUNSUPPORTED ? end : 0] = '\0';
    }
    if (!error && engine->batch_size)
        scrambler->csa_batch_size = engine->batch_size(scrambler->state[family]);
    scrambler->is_open[family] = error == 0;
    return error;
}

int simc_scrambler_require(struct simc_scrambler *scrambler, enum simc_scrambling algorithm)
{
    if (!simc_scrambling_info(algorithm))
        return SIMC_EINVAL;
    return engine_open(scrambler, simc__family(algorithm));
}

const char *simc_scrambler_why(const struct simc_scrambler *scrambler)
{
    return scrambler->why;
}

const char *simc_scrambler_engine(const struct simc_scrambler *scrambler,
                                  enum simc_scrambling algorithm)
{
    if (!simc_scrambling_info(algorithm))
        return NULL;
    return scrambler->engine[simc__family(algorithm)]->name;
}

/* What the packet walk and the engine have to know about a key of this algorithm. */
static void key_describe(const struct simc_scrambler *scrambler, struct simc__key *key,
                         const struct simc_scrambling_info *info)
{
    static const uint8_t zeros[SIMC_AES_IV_SIZE];
    const uint8_t *iv = zeros;
    if (info->algorithm == SIMC_SCRAMBLING_CISSA)
        iv = cissa_iv;
    else if (info->algorithm == SIMC_SCRAMBLING_AES_CBC)
        iv = scrambler->aes_cbc_iv;
    memcpy(key->iv, iv, sizeof key->iv);
    key->family = (uint8_t)simc__family(info->algorithm);
    key->terminates = info->algorithm == SIMC_SCRAMBLING_IDSA;
    key->single_blocks = info->algorithm == SIMC_SCRAMBLING_AES_ECB;
    key->payload_size_min = info->payload_size_min;
    bool clear_rest = key->family == SIMC__FAMILY_AES && !key->terminates;
    key->clear_mask = clear_rest ? SIMC__AES_BLOCK - 1 : 0;
    bool short_cut = key->family == SIMC__FAMILY_AES && !key->single_blocks;
    key->short_cut_size =
        short_cut ? (uint16_t)(SIMC__PAYLOAD_MAX - (SIMC__PAYLOAD_MAX & key->clear_mask)) : 0;
}

/* A CSA1 control word as the configuration wants it, in `cw`. */
static int csa1_prepare(struct simc_scrambler *scrambler, struct simc_secret *cw)
{
    if (scrambler->csa1_checksum == SIMC_CSA1_CHECKSUM_KEEP || simc_csa_checksum_is_good(cw))
        return 0;
    if (scrambler->csa1_checksum == SIMC_CSA1_CHECKSUM_CHECK)
        return SIMC_EPROTO;
    scrambler->stats.checksums_repaired++;
    return simc_csa_checksum_set(cw);
}

static int key_make(struct simc_scrambler *scrambler, struct simc__key *key,
                    const struct simc_scrambling_info *info, struct simc_secret *cw)
{
    int error = engine_open(scrambler, simc__family(info->algorithm));
    if (!error && info->algorithm == SIMC_SCRAMBLING_CSA1)
        error = csa1_prepare(scrambler, cw);
    if (error)
        return error;
    key_describe(scrambler, key, info);
    key->engine = scrambler->engine[key->family];
    error = key->engine->key_set(scrambler->state[key->family], key, cw->bytes);
    if (error)
        key_clear(scrambler, key, true);
    key->is_set = error == 0;
    return error;
}

int simc_scrambler_key_set(struct simc_scrambler *scrambler, uint32_t slot, enum simc_parity parity,
                           enum simc_scrambling algorithm, const struct simc_secret *cw)
{
    if (slot >= scrambler->slot_count || (unsigned)parity > SIMC_PARITY_ODD)
        return SIMC_EINVAL;
    const struct simc_scrambling_info *info = simc_scrambling_info(algorithm);
    struct simc__key *key = &scrambler->keys[slot * 2 + parity];
    bool same_engine = info && key->engine == scrambler->engine[simc__family(algorithm)];
    key_clear(scrambler, key, !same_engine);
    if (!info || cw->size != info->cw_size)
        return SIMC_EINVAL;
    struct simc_secret copy;
    int error = simc_secret_set(&copy, simc_secret_bytes(cw));
    if (!error)
        error = key_make(scrambler, key, info, &copy);
    simc_secret_wipe(&copy);
    scrambler->stats.keys_set += error == 0;
    return error;
}

void simc_scrambler_key_wipe(struct simc_scrambler *scrambler, uint32_t slot,
                             enum simc_parity parity)
{
    if (slot < scrambler->slot_count && (unsigned)parity <= SIMC_PARITY_ODD)
        key_clear(scrambler, &scrambler->keys[slot * 2 + parity], false);
}

bool simc_scrambler_key_is_set(const struct simc_scrambler *scrambler, uint32_t slot,
                               enum simc_parity parity)
{
    return slot < scrambler->slot_count && (unsigned)parity <= SIMC_PARITY_ODD &&
           scrambler->keys[slot * 2 + parity].is_set;
}

const struct simc_scramble_stats *simc_scrambler_stats(const struct simc_scrambler *scrambler)
{
    return &scrambler->stats;
}
