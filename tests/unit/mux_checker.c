/* SPDX-License-Identifier: BSL-1.0 */
/* The checker of the mux's output: a naive reader that knows the norm and the test's orders, but no
 * code of the engine; OpenSSL opens what is scrambled. See mux_rig.h. */
#include "mux_rig.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "unit.h"

struct gather {
    uint8_t bytes[8192];
    size_t size;
    bool is_open;
};

/* Sections that are being put together: fixed PIDs, then those of PMTs. One checker at a time. */
static struct gather *gathers;
static EVP_CIPHER_CTX *cipher;

struct rig_checker *rig_checker_new(void)
{
    struct rig_checker *checker = (struct rig_checker *)calloc(1, sizeof *checker);
    ck_assert_ptr_nonnull(checker);
    free(gathers);
    gathers = (struct gather *)calloc(64, sizeof *gathers);
    ck_assert_ptr_nonnull(gathers);
    if (!cipher)
        cipher = EVP_CIPHER_CTX_new();
    checker->trace_pid = 0x1fff;
    return checker;
}

void rig_checker_free(struct rig_checker *checker)
{
    for (unsigned i = 0; checker && i < UNIT_COUNT(checker->words); i++)
        free(checker->words[i]);
    free(checker);
    free(gathers);
    gathers = NULL;
    EVP_CIPHER_CTX_free(cipher);
    cipher = NULL;
}

/* ---- expectations ---- */

static struct rig_word *word_new(struct rig_checker *checker, unsigned scg, uint64_t from_tick)
{
    if (!checker->words[scg]) {
        checker->words[scg] = (struct rig_word *)calloc(RIG_WORDS, sizeof(struct rig_word));
        ck_assert_ptr_nonnull(checker->words[scg]);
    }
    ck_assert_uint_lt(checker->word_counts[scg], RIG_WORDS);
    struct rig_word *word = &checker->words[scg][checker->word_counts[scg]++];
    word->from_tick = from_tick;
    return word;
}

void rig_expect_word(struct rig_checker *checker, unsigned scg, uint64_t from_tick, uint8_t parity,
                     const uint8_t cw[16])
{
    struct rig_word *word = word_new(checker, scg, from_tick);
    word->parity = parity;
    memcpy(word->cw, cw, 16);
}

void rig_expect_clear(struct rig_checker *checker, unsigned scg, uint64_t from_tick)
{
    word_new(checker, scg, from_tick)->is_clear = true;
}

void rig_expect_pid(struct rig_checker *checker, uint16_t pid, unsigned scg)
{
    checker->scg_of[pid] = (uint8_t)(scg + 1);
}

/* ---- sections ---- */

static uint32_t crc_of(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++)
        for (int bit = 7; bit >= 0; bit--) {
            uint32_t top = crc >> 31 ^ (uint32_t)(bytes[i] >> bit & 1);
            crc = crc << 1 ^ (top ? 0x04c11db7 : 0);
        }
    return crc;
}

static void note_interval(uint64_t *last, uint64_t *longest, uint64_t tick)
{
    if (*last != 0 && tick - *last > *longest)
        *longest = tick - *last;
    *last = tick;
}

/* Keeps the section and counts versions: the content changes with the version and only with it. */
static void keep(struct rig_checker *checker, const uint8_t *bytes, size_t size, uint8_t *kept,
                 uint16_t *kept_size, unsigned *versions)
{
    if (*kept_size == 0) {
        *versions = 1;
    } else {
        bool same_version = (kept[5] & 0x3e) == (bytes[5] & 0x3e);
        bool same = *kept_size == size && memcmp(kept, bytes, 5) == 0 &&
                    memcmp(kept + 6, bytes + 6, size - 10) == 0;
        if (same != same_version)
            checker->version_errors++;
        if (!same_version && ((kept[5] >> 1 & 31) + 1) % 32 != (bytes[5] >> 1 & 31))
            checker->version_errors++;
        *versions += !same_version;
    }
    memcpy(kept, bytes, size);
    *kept_size = (uint16_t)size;
}

static void read_pat(struct rig_checker *checker)
{
    checker->program_count = 0;
    for (size_t at = 8; at + 4 <= checker->pat_size - 4u; at += 4) {
        unsigned number = (unsigned)checker->pat[at] << 8 | checker->pat[at + 1];
        if (number == 0 || checker->program_count == RIG_PROGRAMS)
            continue;
        unsigned i = 0;
        while (i < RIG_PROGRAMS && checker->pmt_number[i] != number && checker->pmt_number[i] != 0)
            i++;
        if (i == RIG_PROGRAMS)
            continue;
        checker->pmt_number[i] = (uint16_t)number;
        checker->pmt_pid[i] = (uint16_t)((checker->pat[at + 2] & 0x1f) << 8 | checker->pat[at + 3]);
        checker->program_count++;
    }
}

static void section(struct rig_checker *checker, uint16_t pid, const uint8_t *bytes, size_t size,
                    uint64_t tick)
{
    if ((bytes[1] & 0x80) && crc_of(bytes, size) != 0) {
        checker->section_errors++;
        return;
    }
    if (size < 12 || size > 1024)
        return;
    if (pid == 0 && bytes[0] == 0) {
        keep(checker, bytes, size, checker->pat, &checker->pat_size, &checker->pat_versions);
        note_interval(&checker->pat_tick, &checker->pat_interval_max, tick);
        read_pat(checker);
    } else if (pid == 1 && bytes[0] == 1) {
        keep(checker, bytes, size, checker->cat, &checker->cat_size, &checker->cat_versions);
        if (checker->cat_first == 0)
            checker->cat_first = tick;
        note_interval(&checker->cat_tick, &checker->cat_interval_max, tick);
    } else if (pid == 0x11 && bytes[0] == 0x42) {
        keep(checker, bytes, size, checker->sdt, &checker->sdt_size, &checker->sdt_versions);
        if (checker->sdt_tick && tick - checker->sdt_tick < (uint64_t)25 * RIG_MS)
            checker->sdt_gap_errors++;
        note_interval(&checker->sdt_tick, &checker->sdt_interval_max, tick);
    }
    for (unsigned i = 0; i < RIG_PROGRAMS; i++) {
        unsigned number = (unsigned)bytes[3] << 8 | bytes[4];
        if (bytes[0] != 2 || checker->pmt_pid[i] != pid || checker->pmt_number[i] != number)
            continue;
        keep(checker, bytes, size, checker->pmt[i], &checker->pmt_size[i],
             &checker->pmt_versions[i]);
        note_interval(&checker->pmt_tick[i], &checker->pmt_interval_max[i], tick);
    }
}

static struct gather *gather_of(const struct rig_checker *checker, uint16_t pid)
{
    if (pid < 0x20)
        return &gathers[pid];
    for (unsigned i = 0; i < RIG_PROGRAMS; i++)
        if (checker->pmt_pid[i] == pid)
            return &gathers[0x20 + i];
    return NULL;
}

static void sections(struct rig_checker *checker, uint16_t pid, const uint8_t *packet,
                     uint64_t tick)
{
    struct gather *gather = gather_of(checker, pid);
    if (!gather || !(packet[3] & 0x10))
        return;
    unsigned at = packet[3] & 0x20 ? 5u + packet[4] : 4;
    if (at >= 188)
        return;
    if (packet[1] & 0x40) {
        unsigned pointer = packet[at++];
        if (gather->is_open && gather->size + pointer < sizeof gather->bytes) {
            memcpy(gather->bytes + gather->size, packet + at, pointer);
            gather->size += pointer;
        } else {
            gather->size = 0;
        }
        at += pointer;
    } else if (!gather->is_open) {
        return;
    }
    gather->is_open = true;
    if (gather->size + 188 - at > sizeof gather->bytes) {
        gather->is_open = false;
        gather->size = 0;
        return;
    }
    memcpy(gather->bytes + gather->size, packet + at, 188 - at);
    gather->size += 188 - at;
    while (gather->size >= 3 && gather->bytes[0] != 0xff) {
        size_t size = 3u + ((gather->bytes[1] & 0xfu) << 8 | gather->bytes[2]);
        if (gather->size < size)
            return;
        section(checker, pid, gather->bytes, size, tick);
        gather->size -= size;
        memmove(gather->bytes, gather->bytes + size, gather->size);
    }
    if (gather->size > 0 && gather->bytes[0] == 0xff) {
        gather->size = 0;
        gather->is_open = false;
    }
}

/* ---- packets ---- */

static bool is_pattern(const uint8_t *payload, size_t size)
{
    if (size < 8)
        return true;
    uint32_t unit = (uint32_t)payload[0] << 24 | (uint32_t)payload[1] << 16 |
                    (uint32_t)payload[2] << 8 | payload[3];
    for (size_t i = 4; i < size; i++)
        if (payload[i] != (uint8_t)(unit * 7 + i))
            return false;
    return true;
}

static const struct rig_word *word_at(const struct rig_checker *checker, unsigned scg,
                                      uint64_t tick)
{
    const struct rig_word *found = NULL;
    for (uint32_t i = 0; i < checker->word_counts[scg]; i++)
        if (checker->words[scg][i].from_tick <= tick)
            found = &checker->words[scg][i];
    return found;
}

static void payload(struct rig_checker *checker, struct rig_pid *pid, uint16_t number,
                    const uint8_t *packet, uint64_t tick)
{
    unsigned at = packet[3] & 0x20 ? 5u + packet[4] : 4;
    size_t size = 188 - at;
    unsigned tsc = packet[3] >> 6;
    const struct rig_word *word = word_at(checker, checker->scg_of[number] - 1u, tick);
    uint8_t open[184];
    memcpy(open, packet + at, size);
    bool is_short = size < 16;
    pid->short_payloads += is_short;
    if (is_short || !word || word->is_clear) {
        if (tsc != 0)
            checker->clear_errors++;
    } else if (tsc != 2u + word->parity) {
        checker->clear_errors++;
    } else {
        int length = 0;
        size_t whole = size - size % 16;
        ck_assert_int_eq(EVP_DecryptInit_ex(cipher, EVP_aes_128_cbc(), NULL, word->cw,
                                            (const uint8_t *)"DVBTMCPTAESCISSA"),
                         1);
        EVP_CIPHER_CTX_set_padding(cipher, 0);
        ck_assert_int_eq(EVP_DecryptUpdate(cipher, open, &length, packet + at, (int)whole), 1);
        if (!is_pattern(open, size))
            checker->decrypt_errors++;
    }
    if (tsc == 0 && !is_pattern(open, size))
        checker->payload_errors++;
    if (tsc & 2) {
        pid->scrambled++;
        if (pid->first_scrambled == 0)
            pid->first_scrambled = tick;
        pid->last_scrambled = tick;
    } else if (!is_short) {
        pid->clear_payloads++;
        if (pid->scrambled > 0 && pid->first_clear_after == 0)
            pid->first_clear_after = tick;
    }
}

static void pcr(struct rig_checker *checker, struct rig_pid *pid, const uint8_t *packet,
                uint64_t tick)
{
    const uint64_t wrap = UINT64_C(300) << 33;
    uint64_t base = (uint64_t)packet[6] << 25 | (uint64_t)packet[7] << 17 |
                    (uint64_t)packet[8] << 9 | (uint64_t)packet[9] << 1 | packet[10] >> 7;
    uint64_t value = base * 300 + (uint64_t)((packet[10] & 1) << 8 | packet[11]);
    bool is_new = packet[5] & 0x80;
    pid->pcr_announced += is_new;
    if (pid->pcrs > 0 && !is_new) {
        uint64_t ticks = tick - pid->pcr_tick;
        uint64_t distance = (value + wrap - pid->pcr_last) % wrap;
        int64_t expected = (int64_t)ticks + (int64_t)ticks / 1000 * checker->pcr_ppb / 1000000;
        int64_t error = (int64_t)distance - expected;
        if (distance > wrap / 2)
            error = -(int64_t)(wrap - distance) - expected;
        error = error < 0 ? -error : error;
        if (tick >= checker->skip_pcr_until) {
            if (error > pid->pcr_error_max)
                pid->pcr_error_max = error;
            if (ticks > pid->pcr_interval_max)
                pid->pcr_interval_max = ticks;
            if (error > (checker->pcr_tolerance ? checker->pcr_tolerance : 13))
                checker->pcr_errors++;
        }
    }
    pid->pcrs++;
    pid->pcr_last = value;
    pid->pcr_tick = tick;
}

static void check_packet(struct rig_checker *checker, const uint8_t *packet, uint64_t tick)
{
    uint16_t number = (uint16_t)((packet[1] & 0x1f) << 8 | packet[2]);
    struct rig_pid *pid = &checker->pids[number];
    checker->packets++;
    if (packet[0] != 0x47 || (packet[1] & 0x80))
        checker->sync_errors++;
    if (tick < checker->last_tick)
        checker->tick_errors++;
    checker->last_tick = tick;
    if (pid->packets++ == 0)
        pid->first_tick = tick;
    pid->last_tick = tick;
    pid->unit_starts += (packet[1] & 0x40) != 0;
    if (number == 0x1fff) {
        checker->nulls++;
        return;
    }
    bool has_payload = packet[3] & 0x10;
    uint8_t cc = packet[3] & 0xf;
    if (pid->seen && cc != ((pid->cc + has_payload) & 0xf))
        checker->cc_errors++;
    pid->seen = true;
    pid->cc = cc;
    if ((packet[3] & 0x20) && packet[4] >= 7 && (packet[5] & 0x10))
        pcr(checker, pid, packet, tick);
    if (checker->scg_of[number] != 0) {
        if (has_payload)
            payload(checker, pid, number, packet, tick);
    } else if ((packet[3] & 0xc0) != 0) {
        checker->clear_errors++;
    }
    if (number == checker->trace_pid && checker->trace_count < UNIT_COUNT(checker->trace_ticks)) {
        checker->trace_ticks[checker->trace_count] = tick;
        checker->trace_tags[checker->trace_count++] = packet[5 + 8];
    }
    sections(checker, number, packet, tick);
}

void rig_check(struct rig_checker *checker, const struct simc__mux_block *block)
{
    for (size_t i = 0; i < block->count; i++)
        check_packet(checker, block->packets + 188 * i, block->ticks[i]);
}

void rig_check_end(const struct rig_checker *checker)
{
    ck_assert_uint_eq(checker->sync_errors, 0);
    ck_assert_uint_eq(checker->tick_errors, 0);
    ck_assert_uint_eq(checker->cc_errors, 0);
    ck_assert_uint_eq(checker->section_errors, 0);
    ck_assert_uint_eq(checker->version_errors, 0);
    ck_assert_uint_eq(checker->sdt_gap_errors, 0);
    ck_assert_uint_eq(checker->clear_errors, 0);
    ck_assert_uint_eq(checker->decrypt_errors, 0);
    ck_assert_uint_eq(checker->payload_errors, 0);
    for (unsigned i = 0; i < RIG_PIDS; i++)
        ck_assert_msg(checker->pids[i].pcr_error_max <=
                          (checker->pcr_tolerance ? checker->pcr_tolerance : 13),
                      "PCRs of PID 0x%04x are up to %lld ticks off", i,
                      (long long)checker->pids[i].pcr_error_max);
    ck_assert_uint_eq(checker->pcr_errors, 0);
}

/* ---- PMT and SDT ---- */

static const uint8_t *pmt_of(const struct rig_checker *checker, unsigned program, size_t *size)
{
    for (unsigned i = 0; i < RIG_PROGRAMS; i++)
        if (checker->pmt_number[i] == program && checker->pmt_size[i] > 0) {
            *size = checker->pmt_size[i] - 4u;
            return checker->pmt[i];
        }
    *size = 0;
    return NULL;
}

static unsigned ca_of(const uint8_t *loop, size_t size, uint16_t ca_pids[8], int *mode)
{
    unsigned count = 0;
    for (size_t at = 0; at + 2 <= size; at += 2u + loop[at + 1]) {
        if (loop[at] == 0x09 && count < 8)
            ca_pids[count++] = (uint16_t)((loop[at + 4] & 0x1f) << 8 | loop[at + 5]);
        if (loop[at] == 0x65)
            *mode = loop[at + 2];
    }
    return count;
}

unsigned rig_pmt_ca(const struct rig_checker *checker, unsigned program, uint16_t component,
                    uint16_t ca_pids[8])
{
    size_t size;
    int mode;
    const uint8_t *pmt = pmt_of(checker, program, &size);
    if (!pmt)
        return 0;
    size_t loop = (pmt[10] & 0xfu) << 8 | pmt[11];
    if (component == 0)
        return ca_of(pmt + 12, loop, ca_pids, &mode);
    for (size_t at = 12 + loop; at + 5 <= size;) {
        unsigned pid = (pmt[at + 1] & 0x1fu) << 8 | pmt[at + 2];
        size_t length = (pmt[at + 3] & 0xfu) << 8 | pmt[at + 4];
        if (pid == component)
            return ca_of(pmt + at + 5, length, ca_pids, &mode);
        at += 5 + length;
    }
    return 0;
}

int rig_pmt_mode(const struct rig_checker *checker, unsigned program)
{
    size_t size;
    int mode = -1;
    uint16_t pids[8];
    const uint8_t *pmt = pmt_of(checker, program, &size);
    if (pmt)
        ca_of(pmt + 12, (pmt[10] & 0xfu) << 8 | pmt[11], pids, &mode);
    return mode;
}

unsigned rig_pmt_pids(const struct rig_checker *checker, unsigned program, uint16_t pids[64],
                      uint16_t *pcr_pid)
{
    size_t size;
    unsigned count = 0;
    const uint8_t *pmt = pmt_of(checker, program, &size);
    if (!pmt)
        return 0;
    *pcr_pid = (uint16_t)((pmt[8] & 0x1f) << 8 | pmt[9]);
    size_t at = 12 + ((pmt[10] & 0xfu) << 8 | pmt[11]);
    while (at + 5 <= size && count < 64) {
        pids[count++] = (uint16_t)((pmt[at + 1] & 0x1f) << 8 | pmt[at + 2]);
        at += 5 + ((pmt[at + 3] & 0xfu) << 8 | pmt[at + 4]);
    }
    return count;
}

int rig_sdt_free_ca(const struct rig_checker *checker, uint16_t service_id)
{
    for (size_t at = 11; at + 5 <= checker->sdt_size - 4u && checker->sdt_size > 0;) {
        unsigned id = (unsigned)checker->sdt[at] << 8 | checker->sdt[at + 1];
        if (id == service_id)
            return checker->sdt[at + 3] >> 4 & 1;
        at += 5 + ((checker->sdt[at + 3] & 0xfu) << 8 | checker->sdt[at + 4]);
    }
    return -1;
}
