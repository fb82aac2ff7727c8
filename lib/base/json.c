/* SPDX-License-Identifier: BSL-1.0 */
/* Writes JSON; see json.h. What opens a value - the comma and the name - stands in one function, so
 * that no caller can forget it. */
#include "base/json.h"

#include <stdio.h>

#include "base/text.h"

static uint32_t bit_of(const struct simc__json *json)
{
    return (uint32_t)1 << json->depth;
}

/* What stands in front of every value. @return false: not here, and the writer has failed. */
static bool begin_value(struct simc__json *json, const char *name)
{
    bool in_object = json->depth > 0 && (json->objects & bit_of(json)) != 0;
    bool is_second = (json->filled & bit_of(json)) != 0;
    if (in_object != (name != NULL) || (json->depth == 0 && is_second)) {
        simc_writer_fail(json->out, SIMC_EINVAL);
        return false;
    }
    if (is_second)
        simc_writer_u8(json->out, ',');
    json->filled |= bit_of(json);
    if (name) {
        simc__text_put_quoted(json->out, simc_slice_text(name));
        simc_writer_u8(json->out, ':');
    }
    return true;
}

static void open_nest(struct simc__json *json, const char *name, bool is_object)
{
    if (!begin_value(json, name))
        return;
    if (json->depth == SIMC__JSON_DEPTH_MAX) {
        simc_writer_fail(json->out, SIMC_EINVAL);
        return;
    }
    json->depth++;
    json->filled &= ~bit_of(json);
    json->objects = is_object ? json->objects | bit_of(json) : json->objects & ~bit_of(json);
    simc_writer_u8(json->out, is_object ? '{' : '[');
}

void simc__json_init(struct simc__json *json, struct simc_writer *out)
{
    const struct simc__json empty = {.out = out};
    *json = empty;
}

void simc__json_object(struct simc__json *json, const char *name)
{
    open_nest(json, name, true);
}

void simc__json_array(struct simc__json *json, const char *name)
{
    open_nest(json, name, false);
}

void simc__json_end(struct simc__json *json)
{
    if (json->depth == 0) {
        simc_writer_fail(json->out, SIMC_EINVAL);
        return;
    }
    simc_writer_u8(json->out, json->objects & bit_of(json) ? '}' : ']');
    json->depth--;
}

void simc__json_slice(struct simc__json *json, const char *name, struct simc_slice text)
{
    if (begin_value(json, name))
        simc__text_put_quoted(json->out, text);
}

void simc__json_text(struct simc__json *json, const char *name, const char *text)
{
    if (text)
        simc__json_slice(json, name, simc_slice_text(text));
    else
        simc__json_null(json, name);
}

void simc__json_format(struct simc__json *json, const char *name, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0)
        simc_writer_fail(json->out, SIMC_EINVAL);
    else
        simc__json_text(json, name, text);
}

void simc__json_uint(struct simc__json *json, const char *name, uint64_t value)
{
    if (begin_value(json, name))
        simc__text_printf(json->out, "%llu", (unsigned long long)value);
}

void simc__json_int(struct simc__json *json, const char *name, int64_t value)
{
    if (begin_value(json, name))
        simc__text_printf(json->out, "%lld", (long long)value);
}

void simc__json_bool(struct simc__json *json, const char *name, bool value)
{
    if (begin_value(json, name))
        simc__text_put(json->out, value ? "true" : "false");
}

void simc__json_null(struct simc__json *json, const char *name)
{
    if (begin_value(json, name))
        simc__text_put(json->out, "null");
}

void simc__json_scaled(struct simc__json *json, const char *name, uint64_t value, uint64_t per)
{
    if (begin_value(json, name))
        simc__text_put_scaled(json->out, value, per);
}

void simc__json_hex(struct simc__json *json, const char *name, uint64_t value, unsigned digits)
{
    if (begin_value(json, name))
        simc__text_printf(json->out, "\"0x%0*llx\"", (int)(digits < 16 ? digits : 16),
                          (unsigned long long)value);
}

void simc__json_bytes(struct simc__json *json, const char *name, struct simc_slice bytes)
{
    if (!begin_value(json, name))
        return;
    simc_writer_u8(json->out, '"');
    simc__text_put_hex(json->out, bytes);
    simc_writer_u8(json->out, '"');
}

void simc__json_secret(struct simc__json *json, const char *name, const struct simc_secret *secret)
{
    char fingerprint[SIMC_FINGERPRINT_SIZE];
    if (!secret || secret->size == 0) {
        simc__json_null(json, name);
        return;
    }
    simc_secret_fingerprint(secret, fingerprint);
    simc__json_text(json, name, fingerprint);
}

void simc__json_utc(struct simc__json *json, const char *name, uint64_t time_us)
{
    if (time_us == 0) {
        simc__json_null(json, name);
        return;
    }
    if (!begin_value(json, name))
        return;
    simc_writer_u8(json->out, '"');
    simc__text_put_utc(json->out, time_us, true);
    simc_writer_u8(json->out, '"');
}

int simc__json_finish(struct simc__json *json)
{
    if (json->depth != 0 || (json->filled & 1) == 0)
        simc_writer_fail(json->out, SIMC_EINVAL);
    return json->out->error;
}

void simc__text_put_scaled(struct simc_writer *out, uint64_t value, uint64_t per)
{
    uint64_t rest = per > 1 ? value % per : 0;
    simc__text_printf(out, "%llu", (unsigned long long)(per > 1 ? value / per : value));
    if (rest == 0)
        return;
    simc_writer_u8(out, '.');
    /* Digit by digit, until nothing is left: no needless zeros at the end. */
    for (uint64_t unit = per / 10; rest != 0 && unit != 0; unit /= 10) {
        simc_writer_u8(out, (uint8_t)('0' + rest / unit));
        rest %= unit;
    }
}
