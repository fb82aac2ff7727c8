/* SPDX-License-Identifier: BSL-1.0 */
/* Makes a pay television stream of one that `simulcrypt ts scramble` has scrambled: PMTs get their
 * descriptors, ECMs take the places of null packets. tests/scenarios/receive.t uses it.
 *
 *     receive-insert IN OUT WORDS KEYS MODE PROGRAM=PACKAGE[,PACKAGE]...
 *
 * WORDS is the file of control words, in hex, that the stream was scrambled with; a crypto period
 * ends with each change of parity. MODE is the scrambling_mode; "damage" behind it, as in
 * "16,damage", makes every ECM a bad one. ECM k of the i-th PROGRAM is on PID 0x600 + 16 i + k. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/keys.h"
#include "simulcrypt/cas.h"
#include "simulcrypt/psi.h"
#include "simulcrypt/ts.h"

enum { PROGRAMS = 4, ECMS = 3, WORDS = 64, SYSTEM = 0x4af1, EVERY = 150, FIRST_CP = 65534 };

struct ecm {
    uint32_t package;
    uint16_t pid, id;
    uint8_t cc;
    unsigned due;
    int period;
    struct simc_ecm_maker *maker;
    uint8_t packet[SIMC_TS_SIZE];
};

struct program {
    uint16_t program, pmt_pid;
    unsigned ecm_count;
    struct ecm ecms[ECMS];
};

static struct program programs[PROGRAMS];
static unsigned program_count, word_count;
static struct simc_secret words[WORDS];
static unsigned mode;
static bool damage;

static void die(const char *what)
{
    fprintf(stderr, "receive-insert: %s\n", what);
    exit(2);
}

static void read_words(const char *path)
{
    char line[256];
    FILE *in = fopen(path, "r");
    if (!in)
        die("no words");
    while (word_count < WORDS && fgets(line, sizeof line, in)) {
        struct simc_secret *word = &words[word_count];
        size_t size;
        line[strcspn(line, "\n")] = '\0';
        if (simc_hex_read(simc_slice_text(line), word->bytes, 16, &size, NULL) || !size)
            die("a bad word");
        word->size = (uint8_t)size;
        if (mode == SIMC_SCRAMBLING_MODE_CSA1) {
            word->bytes[3] = (uint8_t)(word->bytes[0] + word->bytes[1] + word->bytes[2]);
            word->bytes[7] = (uint8_t)(word->bytes[4] + word->bytes[5] + word->bytes[6]);
        }
        word_count++;
    }
    fclose(in);
}

static void read_program(const struct simc__keys *keys, const char *text)
{
    struct program *program = &programs[program_count];
    char *rest;
    program->program = (uint16_t)strtoul(text, &rest, 0);
    while ((*rest == '=' || *rest == ',') && program->ecm_count < ECMS) {
        size_t count;
        struct ecm *ecm = &program->ecms[program->ecm_count];
        ecm->package = (uint32_t)strtoul(rest + 1, &rest, 0);
        ecm->pid = (uint16_t)(0x600 + 16 * program_count + program->ecm_count);
        ecm->id = (uint16_t)(program->program * 16u + program->ecm_count++);
        ecm->due = 20 + 40 * program_count + 10 * program->ecm_count;
        ecm->period = -1;
        const struct simc__keys_entry *entry = simc__keys_of(keys, ecm->package, &count);
        if (!entry)
            die("no such package");
        const struct simc_ecm_maker_config config = {
            .key = entry->key, .package = ecm->package, .key_version = entry->version};
        if (simc_ecm_maker_new(&config, &ecm->maker))
            die("no maker");
    }
    program_count++;
}

/* ---- tables ---- */

static void read_pat(struct simc_slice bytes)
{
    struct simc_section section;
    struct simc_pat pat;
    struct simc_pat_entry entry;
    if (simc_section_read(bytes, &section) || simc_pat_read(&section, &pat))
        die("a bad PAT");
    while (simc_pat_next(&pat.programs, &entry) == 0) {
        for (unsigned i = 0; i < program_count; i++) {
            if (programs[i].program == entry.program)
                programs[i].pmt_pid = entry.pid;
        }
    }
}

static void change_pmt(const struct program *program, struct simc_slice bytes, uint8_t *packet)
{
    uint8_t made[SIMC_TS_PAYLOAD_MAX], common[128], cc = simc_ts_cc(packet);
    struct simc_writer out = simc_writer(made, sizeof made), to = simc_writer(packet, SIMC_TS_SIZE);
    struct simc_writer loop = simc_writer(common, sizeof common);
    struct simc_section section;
    struct simc_pmt pmt;
    struct simc_pmt_stream streams[8];
    size_t count = 0;
    if (simc_section_read(bytes, &section) || simc_pmt_read(&section, &pmt))
        die("a bad PMT");
    while (count < 8 && simc_pmt_next(&pmt.streams, &streams[count]) == 0)
        count++;
    for (unsigned i = 0; i < program->ecm_count; i++) {
        const struct ecm *ecm = &program->ecms[i];
        uint8_t own[6];
        struct simc_writer private_data = simc_writer(own, sizeof own);
        simc_writer_u32(&private_data, ecm->package);
        simc_writer_u16(&private_data, ecm->id);
        const struct simc_ca_descriptor ca = {SYSTEM, ecm->pid, simc_slice(own, sizeof own)};
        simc_ca_descriptor_put(&loop, &ca);
    }
    simc_scrambling_descriptor_put(&loop, (uint8_t)mode);
    pmt.descriptors = simc_slice(common, loop.at);
    if (simc_pmt_build(&out, &pmt, section.version, streams, count))
        die("the PMT is too long");
    const struct simc_slice whole = simc_slice(made, out.at);
    if (simc_sections_pack(&whole, 1, SIMC_SECTIONS_APART, program->pmt_pid, &cc, &to))
        die("the PMT does not fit a packet");
}

static void see_table(uint8_t *packet)
{
    struct simc_slice payload = simc_ts_payload(packet), rest;
    struct simc_slice section;
    if (!simc_ts_unit_start(packet) || payload.size < 2)
        return;
    rest = simc_slice(payload.data + 1, payload.size - 1);
    if (simc_section_next(&rest, &section))
        die("a table of several packets");
    if (simc_ts_pid(packet) == SIMC_PID_PAT)
        read_pat(section);
    for (unsigned i = 0; i < program_count; i++) {
        if (programs[i].pmt_pid == simc_ts_pid(packet))
            change_pmt(&programs[i], section, packet);
    }
}

/* ---- ECMs ---- */

static void make_ecm(const struct program *program, struct ecm *ecm, int period)
{
    uint8_t bytes[SIMC_ECM_SECTION_MAX], cc = 0;
    const unsigned at = (unsigned)period;
    const uint16_t cp = (uint16_t)(FIRST_CP + period);
    const struct simc_ecm_cw cws[] = {{cp, &words[at % word_count]},
                                      {(uint16_t)(cp + 1), &words[(at + 1) % word_count]}};
    const struct simc_ecm_input input = {.super_cas_id = SYSTEM << 16 | 1,
                                         .ecm_id = ecm->id,
                                         .cp_number = cp,
                                         .issued_s = 1764938624,
                                         .has_content = true,
                                         .content = program->program,
                                         .cws = cws,
                                         .cw_count = 2};
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    struct simc_writer packet = simc_writer(ecm->packet, sizeof ecm->packet);
    if (simc_ecm_make(ecm->maker, &input, &out, NULL))
        die("no ECM");
    if (damage)
        bytes[out.at - 5] ^= 4;
    const struct simc_slice section = simc_slice(bytes, out.at);
    if (simc_sections_pack(&section, 1, SIMC_SECTIONS_APART, ecm->pid, &cc, &packet))
        die("the ECM does not fit a packet");
    ecm->period = period;
}

static void take_place(uint8_t *packet, unsigned index, int period)
{
    for (unsigned i = 0; i < program_count; i++) {
        for (unsigned k = 0; k < programs[i].ecm_count; k++) {
            struct ecm *ecm = &programs[i].ecms[k];
            if (index < ecm->due)
                continue;
            if (ecm->period != period)
                make_ecm(&programs[i], ecm, period);
            memcpy(packet, ecm->packet, SIMC_TS_SIZE);
            simc_ts_set_cc(packet, ecm->cc++);
            ecm->due = index + EVERY;
            return;
        }
    }
}

static void run(FILE *in, FILE *out)
{
    uint8_t packet[SIMC_TS_SIZE];
    int period = 0, parity = 0; /* the first control word is an even one */
    for (unsigned index = 0; fread(packet, SIMC_TS_SIZE, 1, in) == 1; index++) {
        unsigned tsc = simc_ts_tsc(packet);
        if (tsc >= SIMC_TSC_EVEN && (int)(tsc & 1) != parity) {
            parity = !parity;
            period++;
        }
        uint16_t pid = simc_ts_pid(packet);
        bool is_table = pid == SIMC_PID_PAT;
        for (unsigned i = 0; i < program_count; i++)
            is_table = is_table || programs[i].pmt_pid == pid;
        if (is_table)
            see_table(packet);
        else if (pid == SIMC_PID_NULL)
            take_place(packet, index, period);
        if (fwrite(packet, SIMC_TS_SIZE, 1, out) != 1)
            die("cannot write");
    }
}

int main(int argc, char **argv)
{
    struct simc__conf_faults faults;
    struct simc__keys *keys;
    if (argc < 7 || argc > 6 + PROGRAMS)
        die("IN OUT WORDS KEYS MODE PROGRAM=PACKAGE[,PACKAGE]...");
    FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
    mode = (unsigned)strtoul(argv[5], NULL, 0);
    damage = strstr(argv[5], "damage") != NULL;
    read_words(argv[3]);
    if (!in || !out || simc__keys_open(argv[4], &keys, &faults))
        die("cannot open the files");
    for (int i = 6; i < argc; i++)
        read_program(keys, argv[i]);
    run(in, out);
    for (unsigned i = 0; i < program_count; i++) {
        for (unsigned k = 0; k < programs[i].ecm_count; k++)
            simc_ecm_maker_free(programs[i].ecms[k].maker);
    }
    simc__keys_free(keys);
    fclose(in);
    return fclose(out) ? 2 : 0;
}
