/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target of the text form's parser. The input is a text of messages: each is refused with a
 * place and a reason, or its bytes print to a text that parses to the same bytes again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "violated: %s\n", what);
        abort();
    }
}

/* The text of a message in a block of its own. Release it with free(). */
static char *print(struct simc_slice bytes, size_t *size)
{
    const struct simc_rules rules = {.interface = NULL};
    const struct simc_print how = {.show_secrets = true};
    struct simc_msg msg;
    struct simc_fault fault;
    int error = simc_msg_decode(&rules, bytes, &msg, &fault);
    struct simc_writer measure = simc_writer(NULL, 0);
    simc_msg_print(&msg, error ? &fault : NULL, &how, &measure);
    char *text = malloc(measure.at + 1);
    require(text != NULL, "memory for the test");
    struct simc_writer out = simc_writer(text, measure.at + 1);
    simc_msg_print(&msg, error ? &fault : NULL, &how, &out);
    require(out.error == 0 && out.at == measure.at, "as long as measured");
    *size = out.at;
    return text;
}

static void check_bytes(struct simc_slice bytes)
{
    size_t sizes[2];
    char *first = print(bytes, &sizes[0]);
    uint8_t *room = malloc(bytes.size + 1);
    require(room != NULL, "memory for the test");
    struct simc_writer out = simc_writer(room, bytes.size);
    int error = simc_msg_parse(simc_slice(first, sizes[0]), &out, NULL, NULL, NULL);
    require(error == 0, "what is printed parses");
    require(simc_slice_equal(simc_slice(room, out.at), bytes), "to the same bytes");
    char *second = print(simc_slice(room, out.at), &sizes[1]);
    require(simc_slice_equal(simc_slice(first, sizes[0]), simc_slice(second, sizes[1])),
            "and prints to the same text");
    free(first);
    free(second);
    free(room);
}

/* Where a fault is said to be: a line of the text and a byte of that line, or its end. */
static void check_place(struct simc_slice text, size_t first_line,
                        const struct simc_parse_fault *fault)
{
    size_t line = first_line, at = 0;
    while (line < fault->line && at < text.size)
        line += text.data[at++] == '\n';
    require(line == fault->line, "the fault is on a line of the text");
    size_t end = at;
    while (end < text.size && text.data[end] != '\n')
        end++;
    require(fault->column >= 1 && fault->column <= end - at + 1, "and in a column of it");
    require(fault->text[0] && strnlen(fault->text, sizeof fault->text) < sizeof fault->text,
            "with a reason");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct simc_slice text = simc_slice(data, size);
    size_t line = 1;
    for (;;) {
        struct simc_parse_fault fault;
        struct simc_writer measure = simc_writer(NULL, 0);
        size_t used = 0, first_line = line;
        int measured = simc_msg_parse(text, &measure, &used, &line, &fault);
        if (measured == SIMC_ESYNTAX)
            check_place(text, first_line, &fault);
        require(measured == 0 || measured == SIMC_ENOSPC || measured == SIMC_EEND ||
                    measured == SIMC_ESYNTAX || measured == SIMC_ETOOLONG,
                "one of the known outcomes");
        if (measured != 0 && measured != SIMC_ENOSPC)
            return 0;
        uint8_t *room = malloc(measure.at + 1);
        require(room != NULL, "memory for the test");
        struct simc_writer out = simc_writer(room, measure.at);
        line = first_line;
        int error = simc_msg_parse(text, &out, &used, &line, &fault);
        require(error == 0 || error == SIMC_ETOOLONG, "what was measured fits");
        if (error == 0) {
            require(used > 0 && used <= text.size && line >= first_line, "the parser goes on");
            check_bytes(simc_slice(room, out.at));
        }
        free(room);
        if (error)
            return 0;
        text = simc_slice(text.data + used, text.size - used);
    }
}
