/* SPDX-License-Identifier: BSL-1.0 */
/* DVB-CSA through libdvbcsa, bit-sliced or packet by packet; the packet walk calls it through its
 * two rows. The library is under the GPL, so it is neither linked nor are its headers used: who
 * has it installed gets it by dlopen at run time, and the prototypes below are ours. */
#include <dlfcn.h>
#include <string.h>

#include "base/text.h"
#include "scramble/engine.h"

enum {
    SINGLE = 0, /* the two contexts of a key */
    SLICED = 1,
    SINGLE_BELOW = 13, /* packets; a bit-sliced call costs as much as this many single ones */
    CW_SIZE = 8,
};

/* What the bit-sliced calls take: one row per packet, and a row of NULL behind them. */
struct batch_row {
    unsigned char *data;
    unsigned int size;
};

struct library {
    void *handle;
    void *(*single_new)(void);
    void (*single_free)(void *key);
    void (*single_set)(const unsigned char *cw, void *key);
    void (*single_encrypt)(const void *key, unsigned char *data, unsigned int size);
    void (*single_decrypt)(const void *key, unsigned char *data, unsigned int size);
    void *(*sliced_new)(void);
    void (*sliced_free)(void *key);
    void (*sliced_set)(const unsigned char *cw, void *key);
    void (*sliced_encrypt)(const void *key, const struct batch_row *rows, unsigned int size);
    void (*sliced_decrypt)(const void *key, const struct batch_row *rows, unsigned int size);
    unsigned int (*batch_size)(void);
    struct batch_row *rows; /* batch_size() + 1 */
    size_t row_count;       /* batch_size(), or our own limit */
};

/* Name of each function and its place in the struct above. POSIX makes a pointer of dlsym() good
 * for a function too, but ISO C has no cast for it: so its bytes are copied. */
#define LIBRARY_ROWS(ROW)                    \
    ROW("dvbcsa_key_alloc", single_new)      \
    ROW("dvbcsa_key_free", single_free)      \
    ROW("dvbcsa_key_set", single_set)        \
    ROW("dvbcsa_encrypt", single_encrypt)    \
    ROW("dvbcsa_decrypt", single_decrypt)    \
    ROW("dvbcsa_bs_key_alloc", sliced_new)   \
    ROW("dvbcsa_bs_key_free", sliced_free)   \
    ROW("dvbcsa_bs_key_set", sliced_set)     \
    ROW("dvbcsa_bs_encrypt", sliced_encrypt) \
    ROW("dvbcsa_bs_decrypt", sliced_decrypt) \
    ROW("dvbcsa_bs_batch_size", batch_size)

static void csa_close(void *state)
{
    struct library *library = (struct library *)state;
    if (!library)
        return;
    simc_free(library->rows);
    if (library->handle)
        dlclose(library->handle);
    simc_free(library);
}

/* The symbols, or the name of the first that is missing. */
static const char *library_bind(struct library *library)
{
#define LIBRARY_BIND(symbol, member)                                \
    {                                                               \
        void *found = dlsym(library->handle, symbol);               \
        if (!found)                                                 \
            return symbol;                                          \
        _Static_assert(sizeof library->member == sizeof found, ""); \
        memcpy(&library->member, &found, sizeof found);             \
    }
    LIBRARY_ROWS(LIBRARY_BIND)
#undef LIBRARY_BIND
    return NULL;
}

static int library_load(struct library *library, const char *file, struct simc_writer *why)
{
    library->handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library->handle) {
        const char *reason = dlerror();
        simc__text_printf(
            why, "DVB-CSA needs the library %s: install the Debian package libdvbcsa1 (%s)", file,
            reason ? reason : "dlopen gives no reason");
        return SIMC_EUNSUPPORTED;
    }
    const char *missing = library_bind(library);
    if (missing) {
        simc__text_printf(why, "%s is no libdvbcsa that we know: it has no %s", file, missing);
        return SIMC_EUNSUPPORTED;
    }
    library->row_count = library->batch_size();
    if (library->row_count == 0) {
        simc__text_printf(why, "%s is no libdvbcsa that we know: its batch size is 0", file);
        return SIMC_EUNSUPPORTED;
    }
    if (library->row_count > SIMC__CSA_BATCH_MAX)
        library->row_count = SIMC__CSA_BATCH_MAX;
    library->rows = simc_calloc(library->row_count + 1, sizeof *library->rows);
    return library->rows ? 0 : SIMC_ENOMEM;
}

static int csa_open(const char *file, void **state, struct simc_writer *why)
{
    struct library *library = simc_calloc(1, sizeof *library);
    if (!library)
        return SIMC_ENOMEM;
    int error = library_load(library, file ? file : "libdvbcsa.so.1", why);
    if (error) {
        csa_close(library);
        library = NULL;
    }
    *state = library;
    return error;
}

static void csa_key_fini(void *state, struct simc__key *key)
{
    const struct library *library = (const struct library *)state;
    if (key->context[SINGLE])
        library->single_free(key->context[SINGLE]);
    if (key->context[SLICED])
        library->sliced_free(key->context[SLICED]);
    key->context[SINGLE] = key->context[SLICED] = NULL;
}

static int csa_key_set(void *state, struct simc__key *key, const uint8_t *cw)
{
    const struct library *library = (const struct library *)state;
    if (!key->context[SINGLE])
        key->context[SINGLE] = library->single_new();
    if (!key->context[SLICED])
        key->context[SLICED] = library->sliced_new();
    if (!key->context[SINGLE] || !key->context[SLICED])
        return SIMC_ENOMEM;
    library->single_set(cw, key->context[SINGLE]);
    library->sliced_set(cw, key->context[SLICED]);
    return 0;
}

/* The size of the library's contexts is unknown to us; the key of zeros overwrites all of them. */
static void csa_key_wipe(void *state, struct simc__key *key)
{
    static const uint8_t zeros[CW_SIZE];
    const struct library *library = (const struct library *)state;
    if (key->context[SINGLE])
        library->single_set(zeros, key->context[SINGLE]);
    if (key->context[SLICED])
        library->sliced_set(zeros, key->context[SLICED]);
}

static void crypt_single(const struct library *library, const struct simc__span *spans,
                         size_t count, bool decrypt)
{
    for (size_t i = 0; i < count; i++) {
        const void *key = spans[i].key->context[SINGLE];
        if (decrypt)
            library->single_decrypt(key, spans[i].data, spans[i].size);
        else
            library->single_encrypt(key, spans[i].data, spans[i].size);
    }
}

/* One bit-sliced call. Its time depends on the longest payload, which it wants in whole blocks. */
static void crypt_batch(struct library *library, const struct simc__span *spans, size_t count,
                        bool decrypt)
{
    const void *key = spans[0].key->context[SLICED];
    unsigned int longest = 0;
    for (size_t i = 0; i < count; i++) {
        library->rows[i].data = spans[i].data;
        library->rows[i].size = spans[i].size;
        longest = spans[i].size > longest ? spans[i].size : longest;
    }
    library->rows[count].data = NULL;
    longest = (longest + 7) / 8 * 8;
    if (decrypt)
        library->sliced_decrypt(key, library->rows, longest);
    else
        library->sliced_encrypt(key, library->rows, longest);
}

static int crypt_sliced(struct library *library, const struct simc__span *spans, size_t count,
                        bool decrypt)
{
    if (count < SINGLE_BELOW)
        crypt_single(library, spans, count, decrypt);
    else
        crypt_batch(library, spans, count, decrypt);
    return 0;
}

static size_t sliced_batch_size(void *state)
{
    return ((const struct library *)state)->row_count;
}

static size_t single_batch_size(void *state)
{
    (void)state;
    return 1;
}

static int sliced_encrypt(void *state, const struct simc__span *spans, size_t count)
{
    return crypt_sliced((struct library *)state, spans, count, false);
}

static int sliced_decrypt(void *state, const struct simc__span *spans, size_t count)
{
    return crypt_sliced((struct library *)state, spans, count, true);
}

static int single_encrypt(void *state, const struct simc__span *spans, size_t count)
{
    crypt_single((const struct library *)state, spans, count, false);
    return 0;
}

static int single_decrypt(void *state, const struct simc__span *spans, size_t count)
{
    crypt_single((const struct library *)state, spans, count, true);
    return 0;
}

static bool csa_can_run(void)
{
    return true;
}

const struct simc__engine simc__engine_dvbcsa = {
    .name = "dvbcsa",
    .family = SIMC__FAMILY_CSA,
    .can_run = csa_can_run,
    .open = csa_open,
    .close = csa_close,
    .batch_size = sliced_batch_size,
    .key_set = csa_key_set,
    .key_wipe = csa_key_wipe,
    .key_fini = csa_key_fini,
    .encrypt = sliced_encrypt,
    .decrypt = sliced_decrypt,
};

const struct simc__engine simc__engine_dvbcsa_single = {
    .name = "dvbcsa-single",
    .family = SIMC__FAMILY_CSA,
    .can_run = csa_can_run,
    .open = csa_open,
    .close = csa_close,
    .batch_size = single_batch_size,
    .key_set = csa_key_set,
    .key_wipe = csa_key_wipe,
    .key_fini = csa_key_fini,
    .encrypt = single_encrypt,
    .decrypt = single_decrypt,
};
