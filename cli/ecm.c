/* SPDX-License-Identifier: BSL-1.0 */
/* `simulcrypt ecm`: finds ECMs of CA profile 1 in hex digits, files and transport streams, and
 * opens them with a key file. This file finds them; ecm_print.c prints them. */
#include "cli/ecm.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/keys.h"
#include "cli/ts.h"
#include "sys/file.h"

enum { INPUT_SIZE_MAX = 64 << 20, HEX_SIZE_MAX = 1 << 20, HEADER_SIZE = 3, PID_MAX = 0x1ffe };
/* ECMs and EMMs of all CA systems. [13818 2.4.4.4, ETR 289] */
enum { TABLE_CA_FIRST = 0x80, TABLE_CA_LAST = 0x8f };

struct values {
    const char *key_file, *ts, *pid, *super_cas_id, *ecm_id;
    bool json, show_secrets, all;
};

/* ---- bytes: sections and packets, one after the other ---- */

/* The sections that end in a packet. @return whether the packet was one. */
static void take_packet(struct simc__ecm_run *run, struct simc__ecm_place *place,
                        struct simc_section_assembler *assembler, const uint8_t *packet)
{
    struct simc_slice section;
    /* Each ECM_datagram begins anew: its continuity_counter says nothing about the one before. */
    if (simc_ts_unit_start(packet))
        simc_section_assembler_reset(assembler);
    simc_section_assembler_push(assembler, packet);
    while (simc_section_assembler_next(assembler, &section) != SIMC_EAGAIN)
        simc__ecm_print(run, place, section);
}

/* @return how many bytes were packets. */
static size_t take_packets(struct simc__ecm_run *run, struct simc__ecm_place *place,
                           struct simc_slice bytes)
{
    struct simc_section_assembler assembler;
    size_t at = 0;
    uint64_t base = place->offset, before = run->count;
    if (simc_section_assembler_init(&assembler, SIMC_SECTION_SIZE_MAX)) {
        simc__ecm_print_fault(run, place, "no memory");
        return bytes.size;
    }
    assembler.no_crc = true;
    for (; bytes.size - at >= SIMC_TS_SIZE && bytes.data[at] == SIMC_TS_SYNC; at += SIMC_TS_SIZE) {
        place->offset = base + at;
        take_packet(run, place, &assembler, bytes.data + at);
    }
    place->offset = base;
    if (run->count == before)
        simc__ecm_print_fault(run, place, "these TS packets hold no whole section");
    simc_section_assembler_fini(&assembler);
    return at;
}

static void take_bytes(struct simc__ecm_run *run, const char *name, struct simc_slice bytes)
{
    struct simc__ecm_place place = {.name = name};
    if (bytes.size == 0)
        simc__ecm_print_fault(run, &place, "there are no bytes");
    for (size_t at = 0; at < bytes.size && !simc__cli_output_failed();) {
        struct simc_slice rest = simc_slice(bytes.data + at, bytes.size - at);
        size_t size = rest.size;
        place.offset = at;
        if (rest.data[0] == SIMC_TS_SYNC && rest.size >= SIMC_TS_SIZE) {
            size = take_packets(run, &place, rest);
        } else if (rest.data[0] == SIMC_TS_SYNC) {
            simc__ecm_print_fault(run, &place, "a TS packet has %d bytes, but only %zu are left",
                                  SIMC_TS_SIZE, rest.size);
        } else if (rest.data[0] < TABLE_CA_FIRST || rest.data[0] > TABLE_CA_LAST) {
            /* One fault for all of it: without a begin nothing tells where the next one is. */
            simc__ecm_print_fault(
                run, &place,
                "0x%02x begins neither an ECM (0x80, 0x81) nor a TS packet (0x47);"
                " the %zu bytes from here on are left out",
                rest.data[0], rest.size);
        } else {
            if (rest.size >= HEADER_SIZE) {
                size_t whole = HEADER_SIZE + ((rest.data[1] & 0xfu) << 8 | rest.data[2]);
                size = whole < rest.size ? whole : rest.size;
            }
            simc__ecm_print(run, &place, simc_slice(rest.data, size));
        }
        at += size;
    }
}

/* ---- hex digits and files ---- */

/* Digits, separators and comments behind '#', as `simulcrypt dump` reads them. In place: two digits
 * make one byte, so writing never overtakes reading. */
static int take_hex(struct simc__ecm_run *run, const char *name, uint8_t *text, size_t text_size)
{
    size_t size = 0, at = 0;
    for (size_t line = 1; at < text_size; line++) {
        size_t left = text_size - at, got = 0, bad_at = 0;
        const uint8_t *line_end = memchr(text + at, '\n', left);
        size_t line_size = line_end ? (size_t)(line_end - (text + at)) : left;
        const uint8_t *comment = memchr(text + at, '#', line_size);
        size_t digits = comment ? (size_t)(comment - (text + at)) : line_size;
        if (simc_hex_read(simc_slice(text + at, digits), text + size, digits, &got, &bad_at))
            return simc__cli_trouble("%s:%zu:%zu: here is no pair of hex digits", name, line,
                                     bad_at + 1);
        size += got;
        at += line_size < left ? line_size + 1 : line_size;
    }
    take_bytes(run, name, simc_slice(text, size));
    return SIMC__EXIT_GOOD;
}

/* No control characters and nothing above ASCII: no ECM is like that. */
static bool is_text(struct simc_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = bytes.data[i];
        if (c > 0x7e || (c < ' ' && c != '\n' && c != '\r' && c != '\t'))
            return false;
    }
    return bytes.size > 0;
}

static int take_file(struct simc__ecm_run *run, const char *path)
{
    char why[SIMC__FILE_WHY_SIZE];
    struct simc_buffer file;
    path = simc__cli_input(path);
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    int status = SIMC__EXIT_GOOD;
    simc_buffer_init(&file, INPUT_SIZE_MAX);
    if (simc__file_read(path, &file, why))
        status = simc__cli_trouble("%s", why);
    else if (is_text(simc_buffer_bytes(&file)))
        status = take_hex(run, name, file.memory + file.start, file.size);
    else
        take_bytes(run, name, simc_buffer_bytes(&file));
    simc_buffer_fini(&file);
    return status;
}

/* Operands that are no files are hex digits of one input: `ecm 80 70 71 ...`. */
static int take_operands(struct simc__ecm_run *run, const struct simc__operands *operands)
{
    struct simc_buffer hex;
    int status = SIMC__EXIT_GOOD;
    simc_buffer_init(&hex, HEX_SIZE_MAX);
    for (size_t i = 0; i < operands->count && !status; i++) {
        const char *operand = operands->items[i];
        struct simc_slice text = simc_slice_text(operand);
        bool is_file = strcmp(operand, "-") == 0 || strncmp(operand, "/dev/", 5) == 0 ||
                       access(operand, F_OK) == 0;
        bool is_hex = strspn(operand, "0123456789abcdefABCDEFxX:- \t\n") == text.size;
        if (is_file || strchr(operand, '/') || (!is_hex && strchr(operand, '.')))
            status = take_file(run, operand);
        else if (!is_hex)
            status = simc__cli_trouble("'%s' is neither a file nor hex digits", operand);
        else if (simc_buffer_append(&hex, text) || simc_buffer_append(&hex, simc_slice(" ", 1)))
            status = simc__cli_trouble("that is too much hex for a command line: use a file");
    }
    if (hex.size && !status)
        status = take_hex(run, "the command line", hex.memory + hex.start, hex.size);
    simc_buffer_fini(&hex);
    return status;
}

/* ---- transport streams ---- */

struct stream {
    struct simc__ecm_run *run;
    struct simc__ecm_place place;
    struct simc_section_assembler assembler;
    uint16_t pid;
    bool all;
    uint64_t packets, of_pid;
    size_t last_size;
    uint8_t last[SIMC_SECTION_SIZE_MAX]; /* the section before: ECMs are repeated all the time */
};

static void take_section(struct stream *s, struct simc_slice section)
{
    bool is_same = simc_slice_equal(section, simc_slice(s->last, s->last_size));
    if (is_same && !s->all) {
        s->run->repeated++;
        return;
    }
    memcpy(s->last, section.data, section.size);
    s->last_size = section.size;
    s->place.packet = s->packets - 1;
    simc__ecm_print(s->run, &s->place, section);
}

static int take_run(void *context, const struct simc_ts_sync *sync, const struct simc_ts_run *run)
{
    struct stream *s = context;
    (void)sync;
    for (size_t i = 0; i < run->count; i++) {
        const uint8_t *packet = run->data + i * run->stride;
        struct simc_slice section;
        s->packets++;
        if (simc_ts_pid(packet) != s->pid)
            continue;
        s->of_pid++;
        simc_section_assembler_push(&s->assembler, packet);
        while (simc_section_assembler_next(&s->assembler, &section) != SIMC_EAGAIN)
            take_section(s, section);
    }
    return simc__cli_output_failed() ? SIMC__EXIT_TROUBLE : SIMC__EXIT_GOOD;
}

static int take_stream(struct simc__ecm_run *run, const struct values *values)
{
    const struct simc__ts_options options = {0};
    uint64_t pid;
    if (!values->pid)
        return simc__cli_trouble("say which PID of %s carries the ECMs: --pid N ('simulcrypt ts "
                                 "analyze' lists them)",
                                 values->ts);
    if (simc__text_read_uint(simc_slice_text(values->pid), &pid) || pid > PID_MAX)
        return simc__cli_trouble("--pid is %s, but must be a number from 0 to 0x%x", values->pid,
                                 PID_MAX);
    struct stream *s = calloc(1, sizeof *s);
    if (!s || simc_section_assembler_init(&s->assembler, SIMC_SECTION_SIZE_MAX)) {
        free(s);
        return simc__cli_trouble("no memory");
    }
    s->run = run;
    s->place = (struct simc__ecm_place){.name = values->ts, .is_stream = true};
    s->assembler.no_crc = true;
    s->pid = (uint16_t)pid;
    s->all = values->all;
    int status = simc__ts_run(values->ts, &options, false, take_run, s);
    s->place.packet = s->packets;
    if (!status && s->of_pid == 0)
        simc__ecm_print_fault(run, &s->place, "no packet has PID 0x%04x", (unsigned)s->pid);
    else if (!status && (s->assembler.broken || s->assembler.bad_packets))
        simc__ecm_print_fault(run, &s->place, "%llu sections were cut off and %llu packets damaged",
                              (unsigned long long)s->assembler.broken,
                              (unsigned long long)s->assembler.bad_packets);
    simc_section_assembler_fini(&s->assembler);
    free(s);
    return status;
}

/* ---- the verb ---- */

static int find_key(void *context, const struct simc_ecm_kid *kid, struct simc_secret *secret)
{
    const struct simc__keys *keys = context;
    struct simc__package_key key;
    int error = simc__keys_find_version(keys, kid->package, kid->key_version, &key);
    if (!error)
        *secret = key.key;
    simc_secret_wipe(&key.key);
    return error;
}

static int read_stream_id(const struct values *values, struct simc_ecm_stream_id *id)
{
    uint64_t number;
    memset(id, 0, sizeof *id);
    if (values->super_cas_id) {
        if (simc__text_read_uint(simc_slice_text(values->super_cas_id), &number) ||
            number > UINT32_MAX)
            return simc__cli_trouble("--super-cas-id is %s, but must be a number of 32 bits, such "
                                     "as 0x12340001",
                                     values->super_cas_id);
        id->has_super_cas_id = true;
        id->super_cas_id = (uint32_t)number;
    }
    if (values->ecm_id) {
        if (simc__text_read_uint(simc_slice_text(values->ecm_id), &number) || number > UINT16_MAX)
            return simc__cli_trouble("--ecm-id is %s, but must be a number up to 65535",
                                     values->ecm_id);
        id->has_ecm_id = true;
        id->ecm_id = (uint16_t)number;
    }
    return SIMC__EXIT_GOOD;
}

static int check_usage(const struct values *values, const struct simc__operands *operands)
{
    if (values->ts && operands->count)
        return simc__cli_trouble("--ts names the input; '%s' is one too many", operands->items[0]);
    if (!values->ts && (values->pid || values->all))
        return simc__cli_trouble("--%s is for transport streams: --ts FILE",
                                 values->pid ? "pid" : "all");
    if (!values->key_file && (values->show_secrets || values->super_cas_id || values->ecm_id))
        return simc__cli_trouble("nothing is opened without keys: --key-file FILE");
    return SIMC__EXIT_GOOD;
}

static int run(const void *given, const struct simc__operands *operands)
{
    static const char *const standard_input[] = {"-"};
    const struct simc__operands from_stdin = {standard_input, 1};
    const struct values *values = given;
    struct simc_ecm_stream_id id;
    struct simc__ecm_run run = {.json = values->json, .show_secrets = values->show_secrets};
    int status = check_usage(values, operands);
    if (!status)
        status = read_stream_id(values, &id);
    if (!status && values->key_file) {
        run.key_file = values->key_file;
        run.stream = &id;
        status = simc__cli_keys_open(values->key_file, SIMC__EXIT_TROUBLE, &run.keys);
        if (!status && simc_ecm_opener_new(find_key, run.keys, &run.opener))
            status = simc__cli_trouble("no memory");
    }
    if (!status) {
        status = values->ts ? take_stream(&run, values)
                            : take_operands(&run, operands->count ? operands : &from_stdin);
        if (status == SIMC__EXIT_GOOD || run.count)
            simc__ecm_print_summary(&run);
    }
    simc_ecm_opener_free(run.opener);
    simc__keys_free(run.keys);
    return !status && run.faulty ? SIMC__EXIT_FOUND : status;
}

static const struct simc__option options[] = {
    {.name = "key-file",
     .letter = 'k',
     .type = SIMC__OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct values, key_file),
     .help = "open the ECMs with the keys of this file (see 'simulcrypt keys')"},
    {.name = "ts",
     .letter = 't',
     .type = SIMC__OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct values, ts),
     .help = "the input is a transport stream; also udp://ADDRESS:PORT"},
    {.name = "pid",
     .letter = 'p',
     .type = SIMC__OPTION_TEXT,
     .argument = "N",
     .offset = offsetof(struct values, pid),
     .help = "the PID of the transport stream that carries ECMs"},
    {.name = "all",
     .letter = 'a',
     .offset = offsetof(struct values, all),
     .help = "transport streams: print repetitions too"},
    {.name = "super-cas-id",
     .letter = 's',
     .type = SIMC__OPTION_TEXT,
     .argument = "ID",
     .offset = offsetof(struct values, super_cas_id),
     .help = "refuse ECMs that were made for another Super_CAS_id, as a receiver does"},
    {.name = "ecm-id",
     .letter = 'e',
     .type = SIMC__OPTION_TEXT,
     .argument = "ID",
     .offset = offsetof(struct values, ecm_id),
     .help = "refuse ECMs that were made for another ECM_id, as a receiver does"},
    {.name = "json",
     .letter = 'j',
     .offset = offsetof(struct values, json),
     .help = "a JSON object per ECM and line, and one with a summary"},
    {.name = "show-secrets",
     .offset = offsetof(struct values, show_secrets),
     .help = "print control words in clear instead of a fingerprint that is valid for this run"},
};

static const struct simc__example examples[] = {
    {"simulcrypt ecm --key-file keys.yaml 807071118353a201...", "what is in an ECM"},
    {"simulcrypt ecm -k keys.yaml --ts channel.ts --pid 0x0201",
     "the ECMs of a stream, each one once"},
    {"simulcrypt ecm ecm.bin", "what can be told without a key"},
};

static const struct simc__exit_row exits[] = {
    {SIMC__EXIT_GOOD, "every ECM is well formed, and with a key file every one was opened"},
    {SIMC__EXIT_FOUND, "there is a fault, or an ECM that the key file does not open"},
    {SIMC__EXIT_TROUBLE, "wrong usage, unreadable input or key file, or no way to write"},
};

const struct simc__command simc__command_ecm = {
    .name = "ecm",
    .summary = "decode ECMs of CA profile 1",
    .description =
        "Decodes ECMs that ecmgd has made: from hex digits on the command line, files with hex "
        "digits or bytes, standard input ('-', or no FILE), or a PID of a transport stream. ECMs "
        "may be sections or TS packets, several one after the other, such as the ECM_datagram of "
        "an ECM_response.\n\n"
        "Without keys it tells for which package, key version and ECM stream an ECM is. With a "
        "key file it checks and opens it: time of issue, epoch, content, conditions, and the "
        "control words, of which it shows fingerprints unless --show-secrets is given.",
    .operands = "[HEX|FILE...]",
    .operand_max = 100000,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .examples = examples,
    .example_count = sizeof examples / sizeof examples[0],
    .exits = exits,
    .exit_count = sizeof exits / sizeof exits[0],
    .values_size = sizeof(struct values),
    .run = run,
};
