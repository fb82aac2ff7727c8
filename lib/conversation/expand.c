/* SPDX-License-Identifier: BSL-1.0 */
/* Puts variables and functions into texts: $name, $(expression), $cw(16). Messages, names and
 * requests of a conversation go through here. */
#include <string.h>

#include "conversation/reader.h"

enum { ARGUMENTS_MAX = 2, CPS_MAX = 255, CW_SIZE_MAX = 64 };

struct expander {
    const struct simc__conv_context *context;
    struct simc_slice text;
    size_t at;
    struct simc_buffer *out;
    bool *secret;
};

static int put(struct expander *e, const uint8_t *at, struct simc_slice bytes)
{
    int error = simc_buffer_append(e->out, bytes);
    if (error == SIMC_EFULL)
        return simc__conv_fail(e->context, at, "the text grows over %zu bytes here",
                               e->out->ceiling);
    if (error)
        e->context->trouble->error = error;
    return error;
}

static int put_number(struct expander *e, const uint8_t *at, long long number)
{
    char text[24];
    (void)simc__conv_format(text, sizeof text, "%lld", number);
    return put(e, at, simc_slice_text(text));
}

static int put_hex(struct expander *e, const uint8_t *at, struct simc_slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    char pair[2];
    int error = 0;
    for (size_t i = 0; !error && i < bytes.size; i++) {
        pair[0] = digits[bytes.data[i] >> 4];
        pair[1] = digits[bytes.data[i] & 0xf];
        error = put(e, at, simc_slice(pair, 2));
    }
    simc_wipe(pair, sizeof pair);
    return error;
}

/* A variable's number, or `fallback` when it has none. */
static int number_of(struct expander *e, const uint8_t *at, const char *name, int64_t fallback,
                     int64_t *value)
{
    const struct simc__conv_context *context = e->context;
    struct simc__conv_variable *variable =
        context->scope ? simc__conv_find(context->scope, simc_slice_text(name)) : NULL;
    *value = fallback;
    if (!variable)
        return 0;
    int error = simc__conv_evaluate(context, simc_slice(variable->value, variable->size), value);
    /* The value's own text is no place in the file. */
    if (error == SIMC_ESYNTAX)
        context->trouble->at = at;
    return error;
}

/* ---- control words ---- */

static uint64_t mix(uint64_t state)
{
    state += 0x9e3779b97f4a7c15u;
    state = (state ^ state >> 30) * 0xbf58476d1ce4e5b9u;
    state = (state ^ state >> 27) * 0x94d049bb133111ebu;
    return state ^ state >> 31;
}

static void fill(uint64_t seed, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(mix(seed + i / 8) >> 8 * (i % 8));
}

/* The same number gives the same control word in every message, as CW n+1 in CP n and n+1 has to
 * be. Those of 8 bytes have the check bytes of CSA1. */
static int put_cw(struct expander *e, const uint8_t *at, uint16_t cp_number)
{
    uint8_t cw[CW_SIZE_MAX] = {0};
    int64_t size, seed;
    int error = number_of(e, at, "cw_size", 8, &size);
    if (!error)
        error = number_of(e, at, "cw_seed", 0, &seed);
    if (error)
        return error;
    if (size < 0 || size > CW_SIZE_MAX)
        return simc__conv_fail(e->context, at, "cw_size is 0 to %d", CW_SIZE_MAX);
    fill((uint64_t)seed << 32 ^ (uint64_t)cp_number << 8, cw, (size_t)size);
    if (size == 8) {
        cw[3] = (uint8_t)(cw[0] + cw[1] + cw[2]);
        cw[7] = (uint8_t)(cw[4] + cw[5] + cw[6]);
    }
    *e->secret = true;
    error = put_hex(e, at, simc_slice(cw, (size_t)size));
    simc_wipe(cw, sizeof cw);
    return error;
}

/* The periods of `cws` and `cps`: those of CP n, or `count` from the first one on. */
static int periods(struct expander *e, const uint8_t *at, const int64_t *values, size_t count,
                   int64_t *first, int64_t *periods)
{
    int64_t lead, per_message;
    int error = number_of(e, at, "lead_CW", 1, &lead);
    if (!error)
        error = number_of(e, at, "CW_per_msg", 2, &per_message);
    if (error)
        return error;
    *first =
        count == 2 ? values[0] : (values[0] & 0xffff) + (lead & 0xff) - (per_message & 0xff) + 1;
    *periods = count == 2 ? values[1] : per_message;
    if (*periods < 0 || *periods > CPS_MAX)
        return simc__conv_fail(e->context, at, "0 to %d control words are possible", CPS_MAX);
    return 0;
}

static int function_cw(struct expander *e, const uint8_t *at, const int64_t *values, size_t count)
{
    if (count != 1)
        return simc__conv_fail(e->context, at, "cw has one argument, the CP number");
    return put_cw(e, at, (uint16_t)values[0]);
}

static int function_cws(struct expander *e, const uint8_t *at, const int64_t *values, size_t count)
{
    int64_t first, number;
    int error = periods(e, at, values, count, &first, &number);
    for (int64_t i = 0; !error && i < number; i++) {
        uint16_t cp_number = (uint16_t)((uint64_t)first + (uint64_t)i);
        error = put(e, at, simc_slice_text("CP_CW_combination = CP "));
        if (!error)
            error = put_number(e, at, cp_number);
        if (!error)
            error = put(e, at, simc_slice_text(" CW "));
        if (!error)
            error = put_cw(e, at, cp_number);
        if (!error)
            error = put(e, at, simc_slice_text("\n"));
    }
    return error;
}

static int function_cps(struct expander *e, const uint8_t *at, const int64_t *values, size_t count)
{
    int64_t first, number;
    int error = periods(e, at, values, count, &first, &number);
    for (int64_t i = 0; !error && i < number; i++) {
        error = i ? put(e, at, simc_slice_text(" ")) : 0;
        if (!error)
            error = put_number(e, at, (uint16_t)((uint64_t)first + (uint64_t)i));
    }
    return error;
}

/* ---- bytes ---- */

static int function_bytes(struct expander *e, const uint8_t *at, const int64_t *values,
                          size_t count)
{
    int error = 0;
    if (count != 1 || values[0] < 0 || values[0] > SIMC_MSG_SIZE_MAX)
        return simc__conv_fail(e->context, at, "bytes has one argument, 0 to %d",
                               SIMC_MSG_SIZE_MAX);
    for (int64_t i = 0; !error && i < values[0]; i++) {
        uint8_t byte = (uint8_t)i;
        error = put_hex(e, at, simc_slice(&byte, 1));
    }
    return error;
}

static int function_random(struct expander *e, const uint8_t *at, const int64_t *values,
                           size_t count)
{
    int error = 0;
    uint64_t seed = 0x52616e646f6du + (count == 2 ? mix((uint64_t)values[1]) : 0);
    if (values[0] < 0 || values[0] > SIMC_MSG_SIZE_MAX)
        return simc__conv_fail(e->context, at, "random gives 0 to %d bytes", SIMC_MSG_SIZE_MAX);
    for (int64_t i = 0; !error && i < values[0]; i++) {
        uint8_t byte = (uint8_t)(mix(seed + (uint64_t)i / 8) >> 8 * (i % 8));
        error = put_hex(e, at, simc_slice(&byte, 1));
    }
    return error;
}

static int function_hex(struct expander *e, const uint8_t *at, const int64_t *values, size_t count)
{
    uint8_t bytes[8];
    if (count != 2 || values[1] < 0 || values[1] > 8)
        return simc__conv_fail(e->context, at, "hex has two arguments: a number, and 0 to 8 bytes");
    for (int64_t i = 0; i < values[1]; i++)
        bytes[i] = (uint8_t)((uint64_t)values[0] >> 8 * (values[1] - 1 - i));
    return put_hex(e, at, simc_slice(bytes, (size_t)values[1]));
}

static const struct {
    const char *name;
    int (*put)(struct expander *e, const uint8_t *at, const int64_t *values, size_t count);
} functions[] = {
    {"cw", function_cw},       {"cws", function_cws},       {"cps", function_cps},
    {"bytes", function_bytes}, {"random", function_random}, {"hex", function_hex},
};

/* ---- texts ---- */

static int put_function(struct expander *e, struct simc_slice name)
{
    int64_t values[ARGUMENTS_MAX];
    size_t count;
    e->at++; /* the parenthesis */
    int error = simc__conv_arguments(e->context, e->text, &e->at, values, ARGUMENTS_MAX, &count);
    if (error)
        return error;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (!simc__conv_is(name, functions[i].name))
            continue;
        /* Without values the arguments are no real ones: names and syntax are all to be seen. */
        return e->context->scope ? functions[i].put(e, name.data, values, count) : 0;
    }
    return simc__conv_fail(e->context, name.data, "there is no function " SIMC__CONV_WORD,
                           SIMC__CONV_SHOW(name));
}

static int put_expression(struct expander *e)
{
    const uint8_t *at = e->text.data + e->at;
    int64_t value;
    size_t count;
    e->at++;
    int error = simc__conv_arguments(e->context, e->text, &e->at, &value, 1, &count);
    return error ? error : put_number(e, at, value);
}

static int put_variable(struct expander *e, struct simc_slice name)
{
    const struct simc__conv_variable *variable;
    int error = simc__conv_variable_get(e->context, name, &variable);
    if (error || !variable)
        return error;
    *e->secret = *e->secret || variable->secret;
    return put(e, name.data, simc_slice(variable->value, variable->size));
}

static int put_dollar(struct expander *e)
{
    const uint8_t *at = e->text.data + e->at++;
    uint8_t c = e->at < e->text.size ? e->text.data[e->at] : 0;
    if (c == '$') {
        e->at++;
        return put(e, at, simc_slice_text("$"));
    }
    if (c == '(')
        return put_expression(e);
    size_t start = e->at;
    while (e->at < e->text.size && simc__conv_is_letter(e->text.data[e->at]))
        e->at++;
    struct simc_slice name = simc_slice(e->text.data + start, e->at - start);
    if (name.size == 0)
        return simc__conv_fail(e->context, at,
                               "'$' stands before the name of a variable or '('; write $$ for '$'");
    if (e->at < e->text.size && e->text.data[e->at] == '(')
        return put_function(e, name);
    return put_variable(e, name);
}

int simc__conv_expand(const struct simc__conv_context *context, struct simc_slice text,
                      struct simc_buffer *out, bool *secret)
{
    struct expander e = {.context = context, .text = text, .out = out, .secret = secret};
    int error = 0;
    while (!error && e.at < text.size) {
        const uint8_t *dollar = memchr(text.data + e.at, '$', text.size - e.at);
        size_t end = dollar ? (size_t)(dollar - text.data) : text.size;
        error = put(&e, text.data + e.at, simc_slice(text.data + e.at, end - e.at));
        e.at = end;
        if (!error && dollar)
            error = put_dollar(&e);
    }
    return error;
}
