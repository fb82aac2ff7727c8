/* SPDX-License-Identifier: BSL-1.0 */
/* `simulcrypt encode`: the text form of messages to bytes. The other direction is dump. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "simulcrypt/msg.h"
#include "sys/file.h"

enum { INPUT_SIZE_MAX = 64 << 20 };

enum { OUTPUT_CLOSED = -1 }; /* besides the exit statuses: stop, and nothing is wrong */

enum form { FORM_HEX, FORM_BINARY };

struct values {
    unsigned form;
    const char *output;
};

static const char *const forms[] = {"hex", "binary", NULL};

static int write_message(int fd, enum form form, struct simc_slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    char line[2 * SIMC_MSG_SIZE_MAX + 1];
    if (form == FORM_BINARY)
        return simc__file_write(fd, bytes);
    for (size_t i = 0; i < bytes.size; i++) {
        line[2 * i] = digits[bytes.data[i] >> 4];
        line[2 * i + 1] = digits[bytes.data[i] & 0xf];
    }
    line[2 * bytes.size] = '\n';
    int error = simc__file_write(fd, simc_slice(line, 2 * bytes.size + 1));
    simc_wipe(line, 2 * bytes.size);
    return error;
}

/* The line on which the next message begins. @param line that of the text's first byte. */
static size_t message_line(struct simc_slice text, size_t line)
{
    bool in_comment = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        line += c == '\n';
        in_comment = c != '\n' && (in_comment || c == '#');
        if (!in_comment && c > ' ')
            break;
    }
    return line;
}

static int encode_text(const char *name, struct simc_slice text, const struct values *values,
                       int fd)
{
    uint8_t message[SIMC_MSG_SIZE_MAX];
    struct simc_parse_fault fault;
    size_t used, line = 1;
    for (;;) {
        struct simc_writer out = simc_writer(message, sizeof message);
        size_t first_line = message_line(text, line);
        int error = simc_msg_parse(text, &out, &used, &line, &fault);
        if (error)
            simc_wipe(message, sizeof message);
        if (error == SIMC_EEND)
            return SIMC__EXIT_GOOD;
        if (error == SIMC_ESYNTAX)
            return simc__cli_trouble("%s:%zu:%zu: %s", name, fault.line, fault.column, fault.text);
        if (error)
            return simc__cli_trouble("%s:%zu: the message is longer than %d bytes", name,
                                     first_line, SIMC_MSG_SIZE_MAX);
        error = write_message(fd, (enum form)values->form, simc_slice(message, out.at));
        simc_wipe(message, out.at);
        /* A reader that has seen enough (`| head`) is no trouble of ours. */
        if (error && errno == EPIPE)
            return OUTPUT_CLOSED;
        if (error)
            return simc__cli_trouble("cannot write the output: %s", strerror(errno));
        text = simc_slice(text.data + used, text.size - used);
    }
}

static int encode_file(const char *path, const struct values *values, int fd)
{
    char why[SIMC__FILE_WHY_SIZE];
    struct simc_buffer text;
    path = simc__cli_input(path);
    simc_buffer_init(&text, INPUT_SIZE_MAX);
    int status = simc__file_read(path, &text, why)
                     ? simc__cli_trouble("%s", why)
                     : encode_text(strcmp(path, "-") == 0 ? "standard input" : path,
                                   simc_buffer_bytes(&text), values, fd);
    simc_buffer_fini(&text);
    return status;
}

static int run(const void *given, const struct simc__operands *operands)
{
    const struct values *values = given;
    int fd = STDOUT_FILENO, status = SIMC__EXIT_GOOD;
    if (values->output) {
        fd = open(values->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (fd < 0)
            return simc__cli_trouble("cannot write %s: %s", values->output, strerror(errno));
    }
    if (operands->count == 0)
        status = encode_file("-", values, fd);
    for (size_t i = 0; i < operands->count && status == SIMC__EXIT_GOOD; i++)
        status = encode_file(operands->items[i], values, fd);
    if (fd != STDOUT_FILENO && close(fd) != 0 && status == SIMC__EXIT_GOOD)
        status = simc__cli_trouble("cannot write %s: %s", values->output, strerror(errno));
    return status == OUTPUT_CLOSED ? SIMC__EXIT_GOOD : status;
}

static const struct simc__option options[] = {
    {.name = "form",
     .letter = 'f',
     .type = SIMC__OPTION_CHOICE,
     .argument = "FORM",
     .choices = forms,
     .fallback = "hex",
     .offset = offsetof(struct values, form),
     .help = "what to write: a line of hex digits per message, or its bytes"},
    {.name = "output",
     .letter = 'o',
     .type = SIMC__OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct values, output),
     .help = "write there instead of standard output"},
};

static const struct simc__example examples[] = {
    {"simulcrypt dump --show-secrets capture.pcap | simulcrypt encode | simulcrypt dump -",
     "there and back: nothing is lost"},
    {"simulcrypt encode --form binary setup.txt | nc 127.0.0.1 2222 | simulcrypt dump -",
     "ask an ECMG and read its answer"},
};

static const struct simc__exit_row exits[] = {
    {SIMC__EXIT_GOOD, "everything was encoded"},
    {SIMC__EXIT_TROUBLE, "the text cannot be understood, or reading or writing failed"},
};

const struct simc__command simc__command_encode = {
    .name = "encode",
    .summary = "turn the text form of SimulCrypt messages into bytes",
    .description =
        "Reads messages in the text form that 'simulcrypt dump' prints, from files or standard "
        "input ('-', or no FILE), and writes their bytes. What is behind a '#' is a comment. "
        "A message looks like this:\n\n"
        "ECMG-SCS channel_setup version=3 { ECM_channel_id = 1 ... }\n\n"
        "with one parameter per line. Any value may be written bytes:HEX, whatever its type, and "
        "a line raw = bytes:HEX puts bytes that are no parameter into the message, so that faulty "
        "messages can be made too; length=N in the head overrules the message_length.",
    .operands = "[FILE...]",
    .operand_max = 1000,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .examples = examples,
    .example_count = sizeof examples / sizeof examples[0],
    .exits = exits,
    .exit_count = sizeof exits / sizeof exits[0],
    .values_size = sizeof(struct values),
    .run = run,
};
