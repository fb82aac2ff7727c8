/* SPDX-License-Identifier: BSL-1.0 */
/* `simulcrypt dump`: decodes SimulCrypt messages from hex, files and network captures and explains
 * every fault to the byte. This file chooses the input; dump_*.c do the work. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/dump.h"
#include "sys/file.h"

enum { INPUT_SIZE_MAX = 1 << 30, TEXT_SIZE_MAX = 4 << 20 };

enum input { INPUT_AUTO, INPUT_HEX, INPUT_BINARY, INPUT_CAPTURE };

struct values {
    bool brief, json, show_secrets, strict, unconfirmed, udp;
    unsigned input;
    const char *interface;
    struct simc__option_texts ports;
};

static const char *const inputs[] = {"auto", "hex", "binary", "capture", NULL};

static bool is_capture_magic(struct simc_slice bytes)
{
    static const uint32_t magics[] = {0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1, 0x0a0d0d0a};
    struct simc_reader reader = simc_reader(bytes);
    uint32_t magic = simc_reader_u32(&reader);
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        if (!reader.error && magic == magics[i])
            return true;
    }
    return false;
}

/* Text of hex digits, separators and comments: no control characters and nothing above ASCII. */
static bool is_text(struct simc_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = bytes.data[i];
        if (c > 0x7e || (c < ' ' && c != '\n' && c != '\r' && c != '\t'))
            return false;
    }
    return bytes.size > 0;
}

static void dump_bytes(struct simc__dump *dump, struct simc_slice bytes, bool is_datagram)
{
    struct simc__dump_place place = {.is_datagram = is_datagram};
    struct simc__dump_stream stream;
    if (is_datagram) {
        const struct simc_interface *interface = NULL;
        simc__dump_message(dump, &place, bytes, SIMC_TRANSPORT_UDP, &interface);
        return;
    }
    simc__dump_stream_init(&stream);
    simc__dump_stream_data(dump, &stream, &place, bytes, true);
    place.offset = bytes.size;
    simc__dump_stream_end(dump, &stream, &place, true);
    simc__dump_stream_fini(&stream);
}

/* @param c what stands where a hex digit is missing; 0 at the line's end. */
static int bad_hex(const char *name, size_t line, size_t column, uint8_t c)
{
    if (c == 0 || strchr(" \t\r:-", c))
        return simc__cli_trouble("%s:%zu:%zu: a byte has two hex digits, and the second is missing",
                                 name, line, column);
    return simc__cli_trouble("%s:%zu:%zu: '%c' is no hex digit", name, line, column,
                             c > ' ' && c < 0x7f ? c : '?');
}

/* Hex text with comments behind '#'. It is read line by line, so that a fault has its place, and in
 * place: two digits make one byte, so writing never overtakes reading. */
static int dump_hex(struct simc__dump *dump, const char *name, struct simc_buffer *text,
                    bool is_datagram)
{
    uint8_t *p = text->memory ? text->memory + text->start : NULL;
    size_t size = 0, at = 0;
    for (size_t line = 1; at < text->size; line++) {
        size_t left = text->size - at, got = 0, bad_at = 0;
        const uint8_t *line_end = memchr(p + at, '\n', left);
        size_t line_size = line_end ? (size_t)(line_end - (p + at)) : left;
        const uint8_t *comment = memchr(p + at, '#', line_size);
        size_t digits = comment ? (size_t)(comment - (p + at)) : line_size;
        if (simc_hex_read(simc_slice(p + at, digits), p + size, digits, &got, &bad_at))
            return bad_hex(name, line, bad_at + 1, bad_at < digits ? p[at + bad_at] : 0);
        size += got;
        at += line_size < left ? line_size + 1 : line_size;
    }
    dump_bytes(dump, simc_slice(p, size), is_datagram);
    return SIMC__EXIT_GOOD;
}

/* True when a file begins like a capture; anything unreadable is reported by who reads it whole.
 * Only regular files are looked into: what is read from a pipe is gone. */
static bool is_capture_file(const char *path)
{
    uint8_t magic[4];
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool is_regular = fd >= 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    ssize_t size = is_regular ? read(fd, magic, sizeof magic) : -1;
    if (fd >= 0)
        close(fd);
    return size == sizeof magic && is_capture_magic(simc_slice(magic, sizeof magic));
}

/* A capture that came through a pipe and was not announced: what was read takes the place of
 * standard input, for libpcap to read again. */
static int dump_spooled_capture(struct simc__dump *dump, struct simc_slice bytes)
{
    int fd = memfd_create("capture", MFD_CLOEXEC);
    bool is_kept = fd >= 0 && simc__file_write(fd, bytes) == 0 && lseek(fd, 0, SEEK_SET) == 0 &&
                   dup2(fd, STDIN_FILENO) >= 0;
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (!is_kept)
        return simc__cli_trouble("cannot keep the capture from standard input (%s); say "
                                 "--input capture, then it is read piece by piece",
                                 strerror(error));
    return simc__dump_capture(dump, "-");
}

static int dump_file(struct simc__dump *dump, const char *path, const struct values *values)
{
    char why[SIMC__FILE_WHY_SIZE];
    struct simc_buffer file;
    path = simc__cli_input(path);
    bool is_stdin = strcmp(path, "-") == 0;
    enum input input = (enum input)values->input;
    if (input == INPUT_CAPTURE || (input == INPUT_AUTO && !is_stdin && is_capture_file(path)))
        return simc__dump_capture(dump, path);
    simc_buffer_init(&file, INPUT_SIZE_MAX);
    int status = SIMC__EXIT_GOOD;
    int error = simc__file_read(path, &file, why);
    struct simc_slice bytes = simc_buffer_bytes(&file);
    if (error)
        status = simc__cli_trouble("%s", why);
    else if (input == INPUT_AUTO && is_capture_magic(bytes))
        status = dump_spooled_capture(dump, bytes);
    else if (input == INPUT_HEX || (input == INPUT_AUTO && is_text(bytes)))
        status = dump_hex(dump, is_stdin ? "standard input" : path, &file, values->udp);
    else
        dump_bytes(dump, bytes, values->udp);
    simc_buffer_fini(&file);
    return status;
}

/* Operands that are no files are hex digits of one stream: `dump 03 00 01 00 0e ...`. */
static int dump_operands(struct simc__dump *dump, const struct simc__operands *operands,
                         const struct values *values)
{
    struct simc_buffer hex;
    int status = SIMC__EXIT_GOOD;
    simc_buffer_init(&hex, 2 * SIMC_MSG_SIZE_MAX + 65536);
    for (size_t i = 0; i < operands->count && status != SIMC__EXIT_TROUBLE; i++) {
        const char *operand = operands->items[i];
        if (simc__cli_output_failed())
            break;
        uint8_t bytes[SIMC_MSG_SIZE_MAX];
        size_t size, bad_at = 0;
        struct simc_slice text = simc_slice_text(operand);
        bool is_hex = values->input == INPUT_HEX || values->input == INPUT_AUTO;
        bool is_file = strcmp(operand, "-") == 0 || strncmp(operand, "/dev/", 5) == 0 ||
                       access(operand, F_OK) == 0;
        if (is_hex && !is_file) {
            int error = simc_hex_read(text, bytes, sizeof bytes, &size, &bad_at);
            is_file = error == SIMC_ESYNTAX && (strchr(operand, '/') || strchr(operand, '.'));
            if (error == SIMC_ESYNTAX && !is_file)
                status = bad_at == text.size && text.size > 0
                             ? simc__cli_trouble("'%s' is no file, and as hex digits it has half "
                                                 "a byte too much",
                                                 operand)
                             : simc__cli_trouble("'%s' is neither a file nor hex digits", operand);
            else if (!is_file && (error || simc_buffer_append(&hex, text)))
                status = simc__cli_trouble("that is too much hex for a command line: use a file");
        } else {
            is_file = true;
        }
        if (is_file)
            status = dump_file(dump, operand, values);
    }
    if (hex.size && status != SIMC__EXIT_TROUBLE)
        status = dump_hex(dump, "the command line", &hex, values->udp);
    simc_buffer_fini(&hex);
    return status;
}

static int read_ports(struct simc__dump *dump, const struct simc__option_texts *ports)
{
    for (size_t i = 0; i < ports->count; i++) {
        uint64_t port;
        if (simc__text_read_uint(simc_slice_text(ports->items[i]), &port) || port < 1 ||
            port > UINT16_MAX)
            return simc__cli_trouble("--port is %s, but must be 1 to 65535", ports->items[i]);
        dump->ports[dump->port_count++] = (uint16_t)port;
    }
    return SIMC__EXIT_GOOD;
}

static int read_interface(struct simc__dump *dump, const char *name)
{
    char known[128];
    struct simc_writer list = simc_writer(known, sizeof known - 1);
    dump->rules.interface = simc_interface_find(simc_slice_text(name));
    if (dump->rules.interface)
        return SIMC__EXIT_GOOD;
    size_t count;
    const struct simc_interface *const *interfaces = simc_interfaces(&count);
    for (size_t i = 0; i < count; i++)
        simc__text_printf(&list, "%s%s (%s)", i ? ", " : "", interfaces[i]->name,
                          interfaces[i]->id);
    known[list.error ? 0 : list.at] = '\0';
    return simc__cli_trouble("there is no interface '%s'; there are %s", name, known);
}

static void print_summary(const struct simc__dump *dump)
{
    char text[256];
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    unsigned long long messages = dump->message_count, faults = dump->fault_count;
    if (dump->form == SIMC__DUMP_JSON)
        simc__text_printf(&out,
                          "{\"summary\":{\"messages\":%llu,\"faults\":%llu,\"gaps\":%llu,"
                          "\"ignored\":%llu}}\n",
                          messages, faults, (unsigned long long)dump->gap_count,
                          (unsigned long long)dump->ignored_count);
    else
        simc__text_printf(&out, "# %llu message%s, %llu fault%s", messages,
                          messages == 1 ? "" : "s", faults, faults == 1 ? "" : "s");
    if (dump->form != SIMC__DUMP_JSON && dump->gap_count)
        simc__text_printf(&out, ", %llu gap%s", (unsigned long long)dump->gap_count,
                          dump->gap_count == 1 ? "" : "s");
    if (dump->form != SIMC__DUMP_JSON && dump->ignored_count)
        simc__text_printf(&out, "; %llu %s no SimulCrypt", (unsigned long long)dump->ignored_count,
                          dump->ignored_count == 1 ? "stream or datagram is"
                                                   : "streams or datagrams are");
    if (dump->form != SIMC__DUMP_JSON)
        simc_writer_u8(&out, '\n');
    simc__cli_write(simc_slice(text, out.at));
}

static int run(const void *given, const struct simc__operands *operands)
{
    static const char *const standard_input[] = {"-"};
    const struct simc__operands from_stdin = {standard_input, 1};
    const struct values *values = given;
    struct simc__dump dump = {.form = values->json    ? SIMC__DUMP_JSON
                                      : values->brief ? SIMC__DUMP_BRIEF
                                                      : SIMC__DUMP_TEXT,
                              .show_secrets = values->show_secrets,
                              .rules = {.strict = values->strict || values->unconfirmed,
                                        .unconfirmed = values->unconfirmed}};
    int status = read_ports(&dump, &values->ports);
    if (status == SIMC__EXIT_GOOD && values->interface)
        status = read_interface(&dump, values->interface);
    if (status != SIMC__EXIT_GOOD)
        return status;
    simc_buffer_init(&dump.text, TEXT_SIZE_MAX);
    status = dump_operands(&dump, operands->count ? operands : &from_stdin, values);
    if (dump.out_of_memory && status == SIMC__EXIT_GOOD)
        status = simc__cli_trouble("no memory");
    if (status != SIMC__EXIT_TROUBLE || dump.message_count)
        print_summary(&dump);
    simc_buffer_fini(&dump.text);
    if (status == SIMC__EXIT_GOOD && (dump.fault_count || dump.gap_count))
        status = SIMC__EXIT_FOUND;
    return status;
}

static const struct simc__option options[] = {
    {.name = "brief",
     .letter = 'b',
     .offset = offsetof(struct values, brief),
     .help = "a line per message"},
    {.name = "json",
     .letter = 'j',
     .offset = offsetof(struct values, json),
     .help = "a JSON object per message and line, and one with a summary"},
    {.name = "port",
     .letter = 'p',
     .type = SIMC__OPTION_TEXTS,
     .argument = "PORT",
     .offset = offsetof(struct values, ports),
     .help = "captures: look at this TCP or UDP port only, whatever it carries; without it, "
             "SimulCrypt is recognised by the first message of each stream"},
    {.name = "interface",
     .letter = 'i',
     .type = SIMC__OPTION_TEXT,
     .argument = "NAME",
     .offset = offsetof(struct values, interface),
     .help = "the interface, such as ECMG-SCS or ecmg, instead of the one that the message types "
             "tell"},
    {.name = "input",
     .letter = 'I',
     .type = SIMC__OPTION_CHOICE,
     .argument = "KIND",
     .choices = inputs,
     .fallback = "auto",
     .offset = offsetof(struct values, input),
     .help = "what the input is"},
    {.name = "udp",
     .letter = 'u',
     .offset = offsetof(struct values, udp),
     .help = "the input is one UDP datagram, not a byte stream"},
    {.name = "strict",
     .letter = 's',
     .offset = offsetof(struct values, strict),
     .help = "unknown messages and parameters are faults"},
    {.name = "unconfirmed",
     .letter = 'U',
     .offset = offsetof(struct values, unconfirmed),
     .help = "strict, and rules that no open source confirms are enforced too"},
    {.name = "show-secrets",
     .offset = offsetof(struct values, show_secrets),
     .help = "print control words in clear instead of a fingerprint that is valid for this run"},
};

static const struct simc__example examples[] = {
    {"simulcrypt dump 03 00 01 00 0e 00 0e 00 02 00 01 00 01 00 04 ab cd 00 01",
     "one message from the command line"},
    {"simulcrypt dump --port 2222 capture.pcapng", "what an ECMG and an SCS said to each other"},
    {"simulcrypt dump --json capture.pcap | jq 'select(.message.fault)'", "only the faulty ones"},
    {"tcpdump -U -i lo -w - port 2222 | simulcrypt dump --brief --input capture -",
     "live, a line per message"},
};

static const struct simc__exit_row exits[] = {
    {SIMC__EXIT_GOOD, "every message is clean"},
    {SIMC__EXIT_FOUND, "a message is faulty, a stream ends inside one, or bytes are missing"},
    {SIMC__EXIT_TROUBLE, "wrong usage, unreadable input, or the output could not be written"},
};

const struct simc__command simc__command_dump = {
    .name = "dump",
    .summary = "decode SimulCrypt messages and explain their faults",
    .description =
        "Decodes the messages of DVB SimulCrypt (ECMG-SCS, EMMG/PDG-MUX, EIS-SCS, (P)SIG-MUX, "
        "C(P)SIG-(P)SIG) from hex digits on the command line, files with hex digits or bytes, "
        "network captures (pcap and pcapng), or standard input ('-', or no FILE). Faults are "
        "explained in words, with the offset of the byte and the error_status that a receiver "
        "would answer.\n\n"
        "The text form can be read back by 'simulcrypt encode'. Control words are masked unless "
        "--show-secrets is given; an ECM_datagram is printed as it is, so mind what is in it when "
        "the ECMG makes test ECMs in clear.",
    .operands = "[FILE|HEX...]",
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
