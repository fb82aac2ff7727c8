/* SPDX-License-Identifier: BSL-1.0 */
/* Writes single values as they stand in a file, describes ranges, and compares values; see
 * internal.h. The printers and the comparison use it. */
#include <string.h>

#include "base/text.h"
#include "conf/internal.h"

/* ---- text ---- */

/* Words that YAML 1.1, or a reader of it, takes for something else than text. */
static bool is_reserved(struct simc_slice text)
{
    static const char *const words[] = {"null", "true", "false", "yes",  "no",  "on",
                                        "off",  "y",    "n",     ".inf", ".nan"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (simc__text_distance(text, simc_slice_text(words[i])) == 0)
            return true;
    }
    return false;
}

static bool is_letter(uint8_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* Letters, digits and a few signs that mean nothing to YAML where they stand. */
static bool needs_no_quotes(struct simc_slice text)
{
    static const char inside[] = "._/+-@%";
    bool has_letter = false, has_colon = false;
    if (text.size == 0 || is_reserved(text))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool digit = c >= '0' && c <= '9';
        bool colon = c == ':' && i > 0 && i + 1 < text.size;
        if (!is_letter(c) && !digit && !colon && (c == 0 || !strchr(inside, c)))
            return false;
        has_letter |= is_letter(c) || c == '/';
        has_colon |= colon;
    }
    uint8_t first = text.data[0];
    bool starts = is_letter(first) || first == '/' || first == '_';
    /* 10.0.0.1:2222 begins with a digit but has too many dots for any kind of number. */
    const uint8_t *dot = memchr(text.data, '.', text.size);
    bool dotted = dot && memchr(dot + 1, '.', text.size - (size_t)(dot - text.data) - 1);
    return starts ? has_letter : has_colon && dotted && first >= '0' && first <= '9';
}

void simc__conf_text_put(struct simc_writer *out, struct simc_slice text)
{
    if (needs_no_quotes(text))
        simc_writer_slice(out, text);
    else
        simc__text_put_quoted(out, text);
}

void simc__conf_fallback_put(struct simc_writer *out, const struct simc__conf_row *row,
                             const char *text)
{
    bool is_null = row->null_allowed && strcmp(text, "null") == 0;
    bool quoted = simc__conf_is_text(row->type) || row->type == SIMC__CONF_SECRET_INLINE;
    if (quoted && !is_null)
        simc__conf_text_put(out, simc_slice_text(text));
    else
        simc__text_put(out, text);
}

/* ---- values ---- */

static void put_address(struct simc_writer *out, const struct simc__conf_address *address)
{
    char text[300];
    struct simc_writer whole = simc_writer(text, sizeof text);
    bool ipv6 = address->kind == SIMC__CONF_HOST_IPV6;
    simc__text_printf(&whole, "%s%s%s:%u", ipv6 ? "[" : "", address->host, ipv6 ? "]" : "",
                      (unsigned)address->port);
    simc__conf_text_put(out, simc_slice(text, whole.error ? 0 : whole.at));
}

/* Never the secret itself. */
static void put_inline(struct simc_writer *out, const uint8_t *member)
{
    char text[SIMC_FINGERPRINT_SIZE];
    const struct simc_secret *secret;
    memcpy(&secret, member, sizeof secret);
    simc_secret_fingerprint(secret, text);
    simc__text_printf(out, "(secret %s)", text);
}

static void put_choice(struct simc_writer *out, const struct simc__conf_row *row, uint64_t value)
{
    for (const struct simc__conf_choice *choice = row->choices; choice->name; choice++) {
        if (choice->value == value) {
            simc__text_put(out, choice->name);
            return;
        }
    }
    simc__text_printf(out, "%llu", (unsigned long long)value);
}

void simc__conf_scalar_put(struct simc_writer *out, const struct simc__conf_row *row,
                           const uint8_t *values)
{
    const uint8_t *member = values + row->offset;
    struct simc__conf_address address;
    const char *text;
    bool flag;
    if (simc__conf_is_null(row, values)) {
        simc__text_put(out, "null");
        return;
    }
    switch (row->type) {
    case SIMC__CONF_BOOL:
        memcpy(&flag, member, sizeof flag);
        simc__text_put(out, flag ? "true" : "false");
        break;
    case SIMC__CONF_INT:
        simc__text_printf(out, "%lld", (long long)simc__conf_int_get(member, row->size));
        break;
    case SIMC__CONF_CHOICE:
        put_choice(out, row, simc__conf_uint_get(member, row->size));
        break;
    case SIMC__CONF_TEXT:
    case SIMC__CONF_PATH:
    case SIMC__CONF_SECRET_TEXT:
    case SIMC__CONF_SECRET_HEX: /* a secret begins with its path */
        memcpy(&text, member, sizeof text);
        simc__conf_text_put(out, simc_slice_text(text ? text : ""));
        break;
    case SIMC__CONF_SECRET_INLINE:
        put_inline(out, member);
        break;
    case SIMC__CONF_ADDRESS:
        memcpy(&address, member, sizeof address);
        put_address(out, &address);
        break;
    default:
        simc__conf_bound_put(out, row, simc__conf_uint_get(member, row->size));
        break;
    }
}

static bool text_equal(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

bool simc__conf_scalar_equal(const struct simc__conf_row *row, const uint8_t *a, const uint8_t *b)
{
    const uint8_t *x = a + row->offset, *y = b + row->offset;
    if (simc__conf_is_null(row, a) || simc__conf_is_null(row, b))
        return simc__conf_is_null(row, a) && simc__conf_is_null(row, b);
    if (row->type == SIMC__CONF_ADDRESS) {
        struct simc__conf_address p, q;
        memcpy(&p, x, sizeof p);
        memcpy(&q, y, sizeof q);
        return p.port == q.port && p.kind == q.kind && text_equal(p.host, q.host);
    }
    if (row->type == SIMC__CONF_SECRET_TEXT || row->type == SIMC__CONF_SECRET_HEX) {
        struct simc__conf_secret p, q;
        memcpy(&p, x, sizeof p);
        memcpy(&q, y, sizeof q);
        return text_equal(p.path, q.path) && p.value && q.value &&
               simc_secret_equal(p.value, q.value);
    }
    if (row->type == SIMC__CONF_SECRET_INLINE) {
        const struct simc_secret *p, *q;
        memcpy(&p, x, sizeof p);
        memcpy(&q, y, sizeof q);
        return simc_secret_equal(p, q);
    }
    if (simc__conf_is_text(row->type)) {
        const char *p, *q;
        memcpy(&p, x, sizeof p);
        memcpy(&q, y, sizeof q);
        return text_equal(p, q);
    }
    return memcmp(x, y, row->size) == 0; /* bool and integers have no padding */
}

/* ---- what a row accepts ---- */

static void put_bytes(struct simc_writer *out, const struct simc__conf_row *row, const char *what)
{
    uint64_t max = simc__conf_row_max(row);
    if (row->min == max)
        simc__text_printf(out, "%s of %llu bytes", what, (unsigned long long)max);
    else if (row->min)
        simc__text_printf(out, "%s of %llu to %llu bytes", what, (unsigned long long)row->min,
                          (unsigned long long)max);
    else
        simc__text_printf(out, "%s of at most %llu bytes", what, (unsigned long long)max);
}

static void put_bounds(struct simc_writer *out, const struct simc__conf_row *row, const char *what)
{
    /* What only the width of a member limits is no bound that a user should read. */
    bool open = !row->max && (row->size >= 8 || simc__conf_is_quantity(row->type) ||
                              row->type == SIMC__CONF_TIME);
    simc__text_put(out, what);
    if (!open || row->min) {
        simc__text_put(out, open ? ", at least " : ", ");
        simc__conf_bound_put(out, row, simc__conf_row_min(row));
    }
    if (!open) {
        simc__text_put(out, " to ");
        simc__conf_bound_put(out, row, simc__conf_row_max(row));
    }
    if (row->unit && row->type == SIMC__CONF_UINT)
        simc__text_printf(out, " %s", row->unit);
}

static void put_items(struct simc_writer *out, const struct simc__conf_row *row, const char *what)
{
    if (row->min)
        simc__text_printf(out, "%s, %llu to %llu", what, (unsigned long long)row->min,
                          (unsigned long long)row->max);
    else
        simc__text_printf(out, "%s, at most %llu", what, (unsigned long long)row->max);
    if (row->item && row->item->type != SIMC__CONF_MAP) {
        simc__text_put(out, "; each ");
        simc__conf_range_put(out, row->item);
    }
}

void simc__conf_range_put(struct simc_writer *out, const struct simc__conf_row *row)
{
    switch (row->type) {
    case SIMC__CONF_BOOL:
        simc__text_put(out, "true or false");
        break;
    case SIMC__CONF_UINT:
        put_bounds(out, row, "number");
        break;
    case SIMC__CONF_INT:
        simc__text_printf(out, "number, %lld to %lld%s%s", (long long)simc__conf_row_int_min(row),
                          (long long)simc__conf_row_int_max(row), row->unit ? " " : "",
                          row->unit ? row->unit : "");
        break;
    case SIMC__CONF_CHOICE:
        simc__text_put(out, "one of ");
        for (const struct simc__conf_choice *choice = row->choices; choice->name; choice++)
            simc__text_printf(out, "%s%s%s%s%s", choice == row->choices ? "" : ", ", choice->name,
                              choice->help ? " (" : "", choice->help ? choice->help : "",
                              choice->help ? ")" : "");
        break;
    case SIMC__CONF_DURATION:
        put_bounds(out, row, "duration");
        break;
    case SIMC__CONF_SIZE:
        put_bounds(out, row, "size");
        break;
    case SIMC__CONF_RATE:
        put_bounds(out, row, "bit rate");
        break;
    case SIMC__CONF_TIME:
        put_bounds(out, row, "time");
        break;
    case SIMC__CONF_TEXT:
        put_bytes(out, row, "text");
        break;
    case SIMC__CONF_PATH:
        simc__text_put(out, "path");
        break;
    case SIMC__CONF_ADDRESS:
        simc__text_put(out, "address:port");
        break;
    case SIMC__CONF_SECRET_TEXT:
        put_bytes(out, row, "path of a file with a text");
        break;
    case SIMC__CONF_SECRET_HEX:
        put_bytes(out, row, "path of a file with the hex digits");
        break;
    case SIMC__CONF_SECRET_INLINE:
        put_bytes(out, row, "hex digits");
        break;
    case SIMC__CONF_MAP:
        simc__text_put(out, "map");
        break;
    case SIMC__CONF_LIST:
        put_items(out, row, "list");
        break;
    case SIMC__CONF_ENTRIES:
        put_items(out, row, "map of named entries");
        break;
    case SIMC__CONF_TYPE_COUNT:
        break;
    }
    if (row->null_allowed)
        simc__text_put(out, ", or null");
}
