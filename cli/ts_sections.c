/* SPDX-License-Identifier: BSL-1.0 */
/* `simulcrypt ts sections`: prints the sections of a transport stream, those of PSI, SI, ECM and
 * EMM by itself, others on request. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/ts.h"
#include "simulcrypt/psi.h"

enum { LINE_SIZE = 3 * SIMC_SECTION_SIZE_MAX, SEEN_MAX = 16384, WATCHED_MAX = 1024 };

struct values {
    struct simc__ts_options input;
    bool json, all, brief;
    struct simc__option_texts pids, tables;
};

/* A section that was printed already. */
struct seen {
    uint64_t key; /* 0: free */
    uint32_t crc;
};

struct sections {
    const struct values *values;
    struct simc_section_assembler *assemblers[SIMC_TS_PID_COUNT];
    unsigned watched;
    bool tables[256]; /* wanted table_ids; all of them when none is given */
    bool any_table, follow;
    struct seen seen[SEEN_MAX];
    uint64_t packets, faulty;
    uint8_t line[LINE_SIZE];
};

static int watch(struct sections *s, unsigned pid)
{
    if (pid >= SIMC_PID_NULL || s->assemblers[pid] || s->watched == WATCHED_MAX)
        return 0;
    struct simc_section_assembler *assembler = malloc(sizeof *assembler);
    if (!assembler || simc_section_assembler_init(assembler, SIMC_SECTION_SIZE_MAX) != 0) {
        free(assembler);
        return simc__cli_trouble("no memory");
    }
    s->assemblers[pid] = assembler;
    s->watched++;
    return 0;
}

static int watch_cas(struct sections *s, struct simc_slice loop)
{
    struct simc_descriptor descriptor;
    struct simc_ca_descriptor ca;
    int status = 0;
    while (!status && simc_descriptor_next(&loop, &descriptor) == 0) {
        if (descriptor.tag == SIMC_DESCRIPTOR_CA &&
            simc_ca_descriptor_read(descriptor.body, &ca) == 0)
            status = watch(s, ca.pid);
    }
    return status;
}

/* PAT, PMT and CAT name the PIDs of further sections. */
static int follow(struct sections *s, uint16_t pid, const struct simc_section *section)
{
    struct simc_pat pat;
    struct simc_pat_entry entry;
    struct simc_pmt pmt;
    struct simc_pmt_stream stream;
    struct simc_slice loop;
    int status = 0;
    if (pid == SIMC_PID_PAT && simc_pat_read(section, &pat) == 0) {
        while (!status && simc_pat_next(&pat.programs, &entry) == 0)
            status = watch(s, entry.pid);
    } else if (pid == SIMC_PID_CAT && simc_cat_read(section, &loop) == 0) {
        status = watch_cas(s, loop);
    } else if (simc_pmt_read(section, &pmt) == 0) {
        status = watch_cas(s, pmt.descriptors);
        while (!status && simc_pmt_next(&pmt.streams, &stream) == 0)
            status = watch_cas(s, stream.descriptors);
    }
    return status;
}

/* True when the same bytes were printed last for the same section. */
static bool is_repetition(struct sections *s, uint16_t pid, const struct simc_section *section)
{
    bool lettered = section->long_form;
    uint64_t key = UINT64_C(1) << 63 | (uint64_t)pid << 40 | (uint64_t)section->table_id << 32 |
                   (lettered ? (uint64_t)section->extension << 16 | section->number : 0);
    uint32_t crc = simc_crc32_update(1, section->bytes);
    size_t at = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 40);
    for (size_t i = 0; i < SEEN_MAX; i++, at++) {
        struct seen *seen = &s->seen[at % SEEN_MAX];
        if (seen->key && seen->key != key)
            continue;
        bool same = seen->key == key && seen->crc == crc;
        *seen = (struct seen){key, crc};
        return same;
    }
    return false;
}

static void put_text(const struct sections *s, struct simc_writer *out, uint16_t pid,
                     const struct simc_section *section, bool good)
{
    const char *name = simc_table_name(section->table_id);
    simc__text_printf(out, "packet %llu PID 0x%04x table_id 0x%02x %s, %zu bytes",
                      (unsigned long long)(s->packets - 1), pid, section->table_id,
                      name ? name : "private", section->bytes.size);
    if (section->long_form)
        simc__text_printf(out, ", extension 0x%04x version %u%s section %u of 0..%u",
                          section->extension, section->version, section->current ? "" : " (next)",
                          section->number, section->last_number);
    simc__text_put(out, good ? "\n" : ", CRC or length wrong\n");
    for (size_t at = 0; at < section->bytes.size && !s->values->brief; at += 32) {
        size_t left = section->bytes.size - at;
        simc__text_put(out, "  ");
        simc__text_put_hex(out, simc_slice(section->bytes.data + at, left < 32 ? left : 32));
        simc__text_put(out, "\n");
    }
}

static void put_json(const struct sections *s, struct simc_writer *out, uint16_t pid,
                     const struct simc_section *section, bool good)
{
    const char *name = simc_table_name(section->table_id);
    simc__text_printf(out, "{\"packet\":%llu,\"pid\":%u,\"table_id\":%u,\"name\":",
                      (unsigned long long)(s->packets - 1), pid, section->table_id);
    if (name)
        simc__text_put_quoted(out, simc_slice_text(name));
    else
        simc__text_put(out, "null");
    simc__text_printf(out, ",\"size\":%zu,\"good\":%s", section->bytes.size,
                      good ? "true" : "false");
    if (section->long_form)
        simc__text_printf(out,
                          ",\"extension\":%u,\"version\":%u,\"current\":%s,\"number\":%u,"
                          "\"last_number\":%u",
                          section->extension, section->version, section->current ? "true" : "false",
                          section->number, section->last_number);
    if (!s->values->brief) {
        simc__text_put(out, ",\"bytes\":\"");
        simc__text_put_hex(out, section->bytes);
        simc__text_put(out, "\"");
    }
    simc__text_put(out, "}\n");
}

static int take_section(struct sections *s, uint16_t pid, struct simc_slice bytes, bool good)
{
    struct simc_section section;
    if (simc_section_read(bytes, &section) != 0) {
        section.bytes = bytes; /* what is in front of the fault was read */
        good = false;
    }
    s->faulty += !good;
    int status = good && s->follow ? follow(s, pid, &section) : 0;
    if (status || (s->any_table && !s->tables[section.table_id]) ||
        (good && !s->values->all && is_repetition(s, pid, &section)))
        return status;
    struct simc_writer out = simc_writer(s->line, sizeof s->line);
    if (s->values->json)
        put_json(s, &out, pid, &section, good);
    else
        put_text(s, &out, pid, &section, good);
    simc__cli_write(simc_slice(s->line, out.error ? 0 : out.at));
    return simc__cli_output_failed() ? SIMC__EXIT_TROUBLE : 0;
}

static int take(void *context, const struct simc_ts_sync *sync, const struct simc_ts_run *run)
{
    struct sections *s = context;
    (void)sync;
    for (size_t i = 0; i < run->count; i++) {
        const uint8_t *packet = run->data + i * run->stride;
        uint16_t pid = simc_ts_pid(packet);
        struct simc_section_assembler *assembler = s->assemblers[pid];
        struct simc_slice section;
        int error, status = 0;
        s->packets++;
        if (!assembler)
            continue;
        simc_section_assembler_push(assembler, packet);
        while (!status && (error = simc_section_assembler_next(assembler, &section)) != SIMC_EAGAIN)
            status = take_section(s, pid, section, error == 0);
        if (status)
            return status;
    }
    return 0;
}

/* Reads the numbers of an option that may be given several times. */
static int read_numbers(const struct simc__option_texts *texts, uint64_t max, const char *what,
                        int (*use)(struct sections *, unsigned), struct sections *s)
{
    for (size_t i = 0; i < texts->count; i++) {
        uint64_t value;
        if (simc__text_read_uint(simc_slice_text(texts->items[i]), &value) != 0 || value > max)
            return simc__cli_trouble("%s is no %s: wanted is 0..%llu or hex as 0x1f",
                                     texts->items[i], what, (unsigned long long)max);
        int status = use(s, (unsigned)value);
        if (status)
            return status;
    }
    return 0;
}

static int want_table(struct sections *s, unsigned table_id)
{
    s->tables[table_id] = s->any_table = true;
    return 0;
}

static int start(struct sections *s)
{
    static const uint16_t known[] = {SIMC_PID_PAT, SIMC_PID_CAT, SIMC_PID_NIT, SIMC_PID_SDT,
                                     SIMC_PID_EIT, SIMC_PID_RST, SIMC_PID_TDT};
    int status = read_numbers(&s->values->tables, 255, "table_id", want_table, s);
    if (!status)
        status = read_numbers(&s->values->pids, SIMC_PID_NULL - 1, "PID", watch, s);
    s->follow = s->values->pids.count == 0;
    for (size_t i = 0; i < sizeof known / sizeof known[0] && s->follow && !status; i++)
        status = watch(s, known[i]);
    return status;
}

static int run(const void *arguments, const struct simc__operands *operands)
{
    const struct values *values = arguments;
    struct sections *s = calloc(1, sizeof *s);
    if (!s)
        return simc__cli_trouble("no memory");
    s->values = values;
    int status = start(s);
    if (!status)
        status = simc__ts_run(operands->items[0], &values->input, false, take, s);
    if (!status && s->faulty)
        status = SIMC__EXIT_FOUND;
    for (size_t pid = 0; pid < SIMC_TS_PID_COUNT; pid++) {
        if (s->assemblers[pid])
            simc_section_assembler_fini(s->assemblers[pid]);
        free(s->assemblers[pid]);
    }
    free(s);
    return status;
}

static const struct simc__option options[] = {
    {.name = "pid",
     .letter = 'p',
     .type = SIMC__OPTION_TEXTS,
     .argument = "PID",
     .offset = offsetof(struct values, pids),
     .help = "only this PID; may be given several times"},
    {.name = "table-id",
     .letter = 't',
     .type = SIMC__OPTION_TEXTS,
     .argument = "ID",
     .offset = offsetof(struct values, tables),
     .help = "only sections with this table_id; may be given several times"},
    {.name = "all",
     .letter = 'a',
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct values, all),
     .help = "print repetitions too, not only what is new or changed"},
    {.name = "brief",
     .letter = 'b',
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct values, brief),
     .help = "print the heads without the bytes"},
    {.name = "json",
     .letter = 'j',
     .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct values, json),
     .help = "print a JSON object per line"},
    {.name = "for",
     .type = SIMC__OPTION_UINT,
     .argument = "SECONDS",
     .max = UINT32_MAX,
     .offset = offsetof(struct values, input.seconds),
     .help = "stop after this time; 0: at the end of the input, or at Ctrl-C"},
    {.name = "packet-size",
     .type = SIMC__OPTION_UINT,
     .argument = "BYTES",
     .max = SIMC_TS_STRIDE_MAX,
     .offset = offsetof(struct values, input.packet_size),
     .help = "bytes from packet to packet: 188, 192 or 204; 0: find out"},
};

static const struct simc__example examples[] = {
    {"simulcrypt ts sections in.ts", "every table, ECM and EMM once per change"},
    {"simulcrypt ts sections --all --brief -t 0x80 -t 0x81 in.ts", "when ECMs were sent"},
};

static const struct simc__exit_row exits[] = {
    {SIMC__EXIT_GOOD, "all sections are whole"},
    {SIMC__EXIT_FOUND, "a section has a wrong CRC or length"},
    {SIMC__EXIT_TROUBLE, "the input cannot be read, or holds no packets"},
};

const struct simc__command simc__command_ts_sections = {
    .name = "ts sections",
    .summary = "print the sections of a transport stream",
    .description =
        "Puts sections together and prints their heads and bytes: PSI and SI, and the ECMs and "
        "EMMs that PMT and CAT name. With --pid only those PIDs are looked at. INPUT is a file, "
        "'-', or udp://[SOURCE@]GROUP:PORT[?INTERFACE], with or without RTP.",
    .operands = "INPUT",
    .operand_min = 1,
    .operand_max = 1,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .examples = examples,
    .example_count = sizeof examples / sizeof examples[0],
    .exits = exits,
    .exit_count = sizeof exits / sizeof exits[0],
    .values_size = sizeof(struct values),
    .run = run,
};
