/* SPDX-License-Identifier: BSL-1.0 */
/* Every message of tests/vectors/simulcrypt/examples.txt goes the whole way: decoded, into its
 * typed struct and back, printed as text and parsed, printed as JSON; the bad ones have exactly the
 * fault that the file tells. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/msg.h"
#include "unit/unit.h"

enum { EXAMPLES_MAX = 200, LINE_MAX_SIZE = 256, ROOM = 16384 };

struct example {
    char name[32];
    char interface[32], message[48];
    struct simc_rules rules;
    uint32_t skipped;
    enum simc_fault_kind fault;
    unsigned status, offset;
    size_t size;
    uint8_t bytes[256];
};

static struct example examples[EXAMPLES_MAX];
static size_t example_count;

/* ---- reading the file ---- */

static enum simc_fault_kind kind_of(const char *name)
{
    static const char *const names[SIMC_FAULT_KIND_COUNT] = {
        [SIMC_FAULT_NONE] = "NONE",         [SIMC_FAULT_FRAMING] = "FRAMING",
        [SIMC_FAULT_VERSION] = "VERSION",   [SIMC_FAULT_MESSAGE_TYPE] = "MESSAGE_TYPE",
        [SIMC_FAULT_TOO_LONG] = "TOO_LONG", [SIMC_FAULT_PARAMETER_TYPE] = "PARAMETER_TYPE",
        [SIMC_FAULT_LENGTH] = "LENGTH",     [SIMC_FAULT_MISSING] = "MISSING",
        [SIMC_FAULT_TOO_MANY] = "TOO_MANY", [SIMC_FAULT_VALUE] = "VALUE",
    };
    for (size_t i = 0; i < UNIT_COUNT(names); i++) {
        if (strcmp(names[i], name) == 0)
            return (enum simc_fault_kind)i;
    }
    ck_abort_msg("no kind of fault: %s", name);
}

static void read_line(struct example *example, const char *line)
{
    char kind[32];
    size_t size = 0;
    if (sscanf(line, "name: %31s", example->name) == 1)
        return;
    if (sscanf(line, "message: %31s %47s", example->interface, example->message) == 2)
        return;
    if (sscanf(line, "skipped: %u", &example->skipped) == 1)
        return;
    if (sscanf(line, "fault: %31s %x %u", kind, &example->status, &example->offset) == 3) {
        example->fault = kind_of(kind);
    } else if (strncmp(line, "rules: ", 7) == 0) {
        example->rules.strict = strstr(line, "strict") != NULL;
        example->rules.unconfirmed = strstr(line, "unconfirmed") != NULL;
        if (strstr(line, "udp"))
            example->rules.transport = SIMC_TRANSPORT_UDP;
    } else if (strncmp(line, "hex: ", 5) == 0) {
        int error = simc_hex_read(simc_slice_text(line + 5), example->bytes + example->size,
                                  sizeof example->bytes - example->size, &size, NULL);
        unit_expect_error(error, 0);
        example->size += size;
    } else if (strncmp(line, "what: ", 6) != 0) {
        ck_abort_msg("a line that is not understood: %s", line);
    }
}

static void read_examples(void)
{
    const char *root = getenv("SIMC_SRCDIR");
    char path[1024], line[LINE_MAX_SIZE];
    snprintf(path, sizeof path, "%s/tests/vectors/simulcrypt/examples.txt", root ? root : "..");
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    bool within = false;
    example_count = 0;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        if (line[0] == '\0') {
            within = false;
            continue;
        }
        if (!within) {
            ck_assert_uint_lt(example_count, EXAMPLES_MAX);
            memset(&examples[example_count++], 0, sizeof examples[0]);
            within = true;
        }
        read_line(&examples[example_count - 1], line);
    }
    fclose(file);
}

/* ---- typed functions by message_type ---- */

union any_struct {
#define TYPED(interface, name, type) struct simc_##interface##_##name interface##_##name;
#include "unit/typed.def"
#undef TYPED
};

#define TYPED(interface, name, type)                                                              \
    static int again_##interface##_##name(const struct simc_msg *msg, struct simc_writer *out)    \
    {                                                                                             \
        union any_struct any;                                                                     \
        int error = simc_##interface##_##name##_get(msg, &any.interface##_##name);                \
        return error                                                                              \
                   ? error                                                                        \
                   : simc_##interface##_##name##_put(out, msg->version, &any.interface##_##name); \
    }
#include "unit/typed.def"
#undef TYPED

static const struct {
    uint16_t type;
    int (*again)(const struct simc_msg *msg, struct simc_writer *out);
} typed[] = {
#define TYPED(interface, name, type) {type, again_##interface##_##name},
#include "unit/typed.def"
#undef TYPED
};

/* ---- tests ---- */

static int decode(const struct example *example, struct simc_msg *msg, struct simc_fault *fault)
{
    return simc_msg_decode(&example->rules, simc_slice(example->bytes, example->size), msg, fault);
}

START_TEST(the_file_holds_every_interface_and_kind_of_fault)
{
    size_t count, good = 0;
    const struct simc_interface *const *interfaces = simc_interfaces(&count);
    for (size_t i = 0; i < count; i++) {
        bool seen = false;
        for (size_t k = 0; k < example_count; k++)
            seen = seen || strcmp(examples[k].interface, interfaces[i]->name) == 0;
        ck_assert_msg(seen, "no example of %s", interfaces[i]->name);
    }
    for (size_t i = 0; i < example_count; i++) {
        good += examples[i].fault == SIMC_FAULT_NONE;
        for (size_t k = 0; k < i; k++)
            ck_assert_str_ne(examples[i].name, examples[k].name);
    }
    ck_assert_uint_ge(good, 54);
    ck_assert_uint_ge(example_count, 74);
    /* Each message with a typed struct has an example. */
    for (size_t i = 0; i < UNIT_COUNT(typed); i++) {
        bool seen = false;
        for (size_t k = 0; k < example_count; k++)
            seen = seen || (examples[k].bytes[1] << 8 | examples[k].bytes[2]) == typed[i].type;
        ck_assert_msg(seen, "no example of message 0x%04x", typed[i].type);
    }
}
END_TEST

START_TEST(each_example_decodes_as_the_file_says)
{
    for (size_t i = 0; i < example_count; i++) {
        const struct example *example = &examples[i];
        struct simc_msg msg;
        struct simc_fault fault;
        int error = decode(example, &msg, &fault);
        if (fault.kind != example->fault || fault.error_status != example->status ||
            fault.offset != example->offset || error != (example->fault ? SIMC_EPROTO : 0))
            ck_abort_msg("%s: %s, %s, error_status 0x%04x at %u", example->name,
                         simc_error_name(error), simc_fault_kind_name(fault.kind),
                         fault.error_status, fault.offset);
        ck_assert_msg(msg.row && strcmp(msg.row->name, example->message) == 0 &&
                          strcmp(msg.interface->name, example->interface) == 0,
                      "%s: another message", example->name);
        ck_assert_msg(error || msg.skipped_count == example->skipped, "%s: %u skipped",
                      example->name, msg.skipped_count);
        ck_assert(msg.valid == !error);
        /* Without asking for the fault the answer is the same. */
        unit_expect_error(decode(example, &msg, NULL), error);
    }
}
END_TEST

START_TEST(parameters_written_one_by_one_give_the_same_bytes)
{
    for (size_t i = 0; i < example_count; i++) {
        struct simc_msg msg;
        struct simc_parameter parameter;
        uint8_t room[512];
        if (decode(&examples[i], &msg, NULL))
            continue;
        struct simc_writer out = simc_writer(room, sizeof room);
        size_t start = simc_msg_begin(&out, msg.version, msg.type);
        struct simc_parameter_cursor cursor = simc_msg_parameters(&msg);
        while (simc_parameter_next(&cursor, &parameter) == 0)
            simc_msg_put(&out, parameter.code, parameter.value);
        unit_expect_error(simc_msg_end(&out, start), 0);
        unit_expect_bytes(simc_slice(room, out.at), msg.bytes);
    }
}
END_TEST

START_TEST(typed_structs_give_the_same_bytes)
{
    size_t done = 0;
    for (size_t i = 0; i < example_count; i++) {
        struct simc_msg msg;
        uint8_t room[512];
        int error = decode(&examples[i], &msg, NULL);
        for (size_t k = 0; k < UNIT_COUNT(typed); k++) {
            struct simc_writer out = simc_writer(room, sizeof room);
            bool same = msg.row && msg.type == typed[k].type && !error;
            unit_expect_error(typed[k].again(&msg, &out), same ? 0 : SIMC_EINVAL);
            if (!same || msg.skipped_count)
                continue;
            unit_expect_bytes(simc_slice(room, out.at), msg.bytes);
            done++;
        }
    }
    ck_assert_uint_ge(done, 45);
}
END_TEST

START_TEST(the_text_form_gives_the_same_bytes)
{
    static char text[ROOM];
    for (size_t i = 0; i < example_count; i++) {
        for (int plain = 0; plain < 2; plain++) {
            struct simc_msg msg;
            struct simc_fault fault;
            struct simc_parse_fault bad;
            uint8_t room[512];
            size_t used = 0, line = 1;
            const struct simc_print how = {
                .show_secrets = true, .plain = plain != 0, .indent = plain ? 0 : 4};
            int error = decode(&examples[i], &msg, &fault);
            struct simc_writer out = simc_writer(text, sizeof text);
            simc_msg_print(&msg, error ? &fault : NULL, &how, &out);
            unit_expect_error(out.error, 0);
            struct simc_writer bytes = simc_writer(room, sizeof room);
            error = simc_msg_parse(simc_slice(text, out.at), &bytes, &used, &line, &bad);
            ck_assert_msg(error == 0, "%s:%zu:%zu: %s", examples[i].name, bad.line, bad.column,
                          bad.text);
            ck_assert_uint_eq(used, out.at);
            unit_expect_bytes(simc_slice(room, bytes.at), msg.bytes);
        }
    }
}
END_TEST

START_TEST(json_is_json)
{
    static char text[ROOM];
    for (size_t i = 0; i < example_count; i++) {
        for (int show = 0; show < 2; show++) {
            struct simc_msg msg;
            struct simc_fault fault;
            size_t fault_at = 0;
            const struct simc_print how = {.form = SIMC_PRINT_JSON, .show_secrets = show != 0};
            int error = decode(&examples[i], &msg, &fault);
            struct simc_writer out = simc_writer(text, sizeof text);
            simc_msg_print(&msg, error ? &fault : NULL, &how, &out);
            unit_expect_error(out.error, 0);
            ck_assert_msg(unit_json_is_valid(simc_slice(text, out.at), &fault_at),
                          "%s: no JSON at %zu: %.*s", examples[i].name, fault_at, (int)out.at,
                          text);
            ck_assert_ptr_null(memchr(text, '\n', out.at));
        }
    }
}
END_TEST

Suite *suite_examples(void);

Suite *suite_examples(void)
{
    Suite *suite = suite_create("examples");
    TCase *tcase = tcase_create("examples");
    tcase_add_unchecked_fixture(tcase, read_examples, NULL);
    tcase_add_test(tcase, the_file_holds_every_interface_and_kind_of_fault);
    tcase_add_test(tcase, each_example_decodes_as_the_file_says);
    tcase_add_test(tcase, parameters_written_one_by_one_give_the_same_bytes);
    tcase_add_test(tcase, typed_structs_give_the_same_bytes);
    tcase_add_test(tcase, the_text_form_gives_the_same_bytes);
    tcase_add_test(tcase, json_is_json);
    suite_add_tcase(suite, tcase);
    return suite;
}
