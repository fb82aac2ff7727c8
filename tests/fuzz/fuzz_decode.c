/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target of the decoder and printer. The first byte chooses interface and rules, the rest is a
 * message: it decodes or has a fault with a sentence, prints, parses back to the same bytes, and a
 * good one survives its typed struct. */
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

/* ---- printing ---- */

/* Prints into a block of exactly the size that was measured. Release it with free(). */
static struct simc_slice print(const struct simc_msg *msg, const struct simc_fault *fault,
                               const struct simc_print *how)
{
    struct simc_writer measure = simc_writer(NULL, 0);
    simc_msg_print(msg, fault, how, &measure);
    /* A spare byte for each long word, which is formatted in place with an end mark. */
    size_t capacity = measure.at + 1;
    uint8_t *text = malloc(capacity);
    require(text != NULL, "memory for the test");
    struct simc_writer out = simc_writer(text, capacity);
    simc_msg_print(msg, fault, how, &out);
    require(out.error == 0 && out.at == measure.at, "as long as measured");
    return simc_slice(text, out.at);
}

static void release(struct simc_slice text)
{
    uint8_t *memory;
    memcpy(&memory, &text.data, sizeof memory);
    free(memory);
}

static void check_text(const struct simc_msg *msg, const struct simc_fault *fault,
                       const struct simc_print *how)
{
    struct simc_slice text = print(msg, fault, how);
    struct simc_parse_fault why;
    size_t size = msg->bytes.size, used = 0, line = 1;
    uint8_t *bytes = malloc(size + 1);
    require(bytes != NULL, "memory for the test");
    struct simc_writer out = simc_writer(bytes, size);
    int error = simc_msg_parse(text, &out, &used, &line, &why);
    /* More than fits into a message_length parses only as far as that. */
    if (size <= SIMC_MSG_SIZE_MAX) {
        require(error == 0, "what is printed with its secrets parses");
        require(used == text.size, "and all of it");
        require(simc_slice_equal(simc_slice(bytes, out.at), msg->bytes), "to the same bytes");
    }
    free(bytes);
    release(text);
}

static void check_json(const struct simc_msg *msg, const struct simc_fault *fault,
                       const struct simc_print *how)
{
    struct simc_slice text = print(msg, fault, how);
    bool quoted = false;
    long depth = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        require(c >= 0x20 && c < 0x7f, "JSON without control characters");
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted)
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        require(depth > 0 || i + 1 == text.size, "one JSON value");
    }
    require(depth == 0 && !quoted, "JSON that is closed");
    release(text);
}

/* ---- typed structs ---- */

union any_struct {
#define TYPED(interface, name, type) struct simc_##interface##_##name interface##_##name;
#include "../unit/typed.def"
#undef TYPED
};

static int again(const struct simc_msg *msg, struct simc_writer *out)
{
    union any_struct any;
    int error = SIMC_ENOTFOUND;
    switch (msg->type) {
#define TYPED(interface, name, type)                                           \
    case type:                                                                 \
        error = simc_##interface##_##name##_get(msg, &any.interface##_##name); \
        return error                                                           \
                   ? error                                                     \
                   : simc_##interface##_##name##_put(out, msg->version, &any.interface##_##name);
#include "../unit/typed.def"
#undef TYPED
    default:
        return error;
    }
}

/* Through the struct, the parameters stand in the order of the rows and what was skipped is gone;
 * a second time nothing changes. */
static void check_typed(const struct simc_rules *rules, const struct simc_msg *msg)
{
    uint8_t *rooms[2];
    struct simc_msg current = *msg;
    size_t sizes[2] = {0, 0};
    int error = 0;
    for (int i = 0; i < 2; i++) {
        rooms[i] = malloc(msg->bytes.size + 1);
        require(rooms[i] != NULL, "memory for the test");
        struct simc_writer out = simc_writer(rooms[i], msg->bytes.size);
        if (!error)
            error = again(&current, &out);
        require(error == 0 || error == SIMC_ENOTFOUND, "a good message makes a struct and back");
        sizes[i] = error ? 0 : out.at;
        if (!error) {
            error = simc_msg_decode(rules, simc_slice(rooms[i], out.at), &current, NULL);
            require(error == 0 && current.skipped_count == 0, "a message without strangers");
        }
    }
    require(simc_slice_equal(simc_slice(rooms[0], sizes[0]), simc_slice(rooms[1], sizes[1])),
            "the same bytes again");
    require(error || msg->skipped_count || sizes[0] == msg->bytes.size, "no parameter is lost");
    free(rooms[0]);
    free(rooms[1]);
}

/* ---- the target ---- */

static void check_fault(const struct simc_msg *msg, const struct simc_fault *fault, int error)
{
    struct simc_writer sentence = simc_writer(NULL, 0);
    require(error == 0 || error == SIMC_EPROTO, "only two outcomes");
    require((error != 0) == (fault->kind != SIMC_FAULT_NONE), "a fault has a kind");
    require(msg->valid == !error, "valid without a fault");
    require(fault->offset <= msg->bytes.size, "the fault is in the message");
    simc_fault_text(fault, msg, &sentence);
    require(sentence.at > 0, "a sentence");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count;
    const struct simc_interface *const *interfaces = simc_interfaces(&count);
    if (size < 1)
        return 0;
    size_t chosen = data[0] & 7;
    const struct simc_rules rules = {.interface = chosen < count ? interfaces[chosen] : NULL,
                                     .versions = chosen == 7 ? 0xffffffff : 0,
                                     .strict = data[0] & 8,
                                     .unconfirmed = data[0] & 16,
                                     .transport =
                                         data[0] & 32 ? SIMC_TRANSPORT_UDP : SIMC_TRANSPORT_TCP};
    struct simc_msg msg;
    struct simc_fault fault;
    int error = simc_msg_decode(&rules, simc_slice(data + 1, size - 1), &msg, &fault);
    check_fault(&msg, &fault, error);
    const struct simc_print text = {.show_secrets = true, .plain = data[0] & 64};
    check_text(&msg, error ? &fault : NULL, &text);
    const struct simc_print json = {.form = SIMC_PRINT_JSON, .show_secrets = data[0] & 64};
    check_json(&msg, error ? &fault : NULL, &json);
    release(print(&msg, &fault, &(const struct simc_print){.form = SIMC_PRINT_TEXT}));
    if (!error && msg.row && msg.version < 32 && msg.interface->versions >> msg.version & 1)
        check_typed(&rules, &msg);
    return 0;
}
