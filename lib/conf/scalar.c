/* SPDX-License-Identifier: BSL-1.0 */
/* Reads words, numbers and quantities into members, with a hint for each way to get them wrong;
 * see internal.h. The row loader in load.c calls it for each scalar. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "conf/internal.h"

enum { SENTENCE_SIZE = 192, BOUND_SIZE = 40 };

bool simc__conf_wrong(struct simc__conf_loading *loading, const struct simc__conf_place *place,
                      const struct simc__conf_node *node, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    simc__conf_fault_addv(loading->faults, place, node->mark, format, arguments);
    va_end(arguments);
    return false;
}

static void bound(const struct simc__conf_row *row, uint64_t value, char text[BOUND_SIZE])
{
    struct simc_writer out = simc_writer(text, BOUND_SIZE - 1);
    simc__conf_bound_put(&out, row, value);
    text[out.error ? 0 : out.at] = '\0';
}

bool simc__conf_out_of_range(struct simc__conf_loading *loading,
                             const struct simc__conf_place *place, const struct simc__conf_row *row,
                             const struct simc__conf_node *node)
{
    char shown[SIMC__CONF_SHOWN_SIZE], min[BOUND_SIZE], max[BOUND_SIZE];
    bound(row, simc__conf_row_min(row), min);
    bound(row, simc__conf_row_max(row), max);
    return simc__conf_wrong(loading, place, node, "%s is not between %s and %s",
                            simc__conf_shown(node->text, shown), min, max);
}

static bool word_is_one_of(struct simc_slice text, const char *const *words)
{
    for (; *words; words++) {
        if (simc__text_distance(text, simc_slice_text(*words)) == 0)
            return true;
    }
    return false;
}

static bool load_bool(struct simc__conf_loading *l, const struct simc__conf_place *place,
                      const struct simc__conf_row *row, const struct simc__conf_node *node,
                      uint8_t *member)
{
    static const char *const yes[] = {"true", "yes", "on", "y", "1", "enabled", NULL};
    static const char *const no[] = {"false", "no", "off", "n", "0", "disabled", NULL};
    char shown[SIMC__CONF_SHOWN_SIZE];
    (void)row;
    bool value = simc_slice_equal(node->text, simc_slice_text("true"));
    if (value || simc_slice_equal(node->text, simc_slice_text("false"))) {
        memcpy(member, &value, sizeof value);
        return true;
    }
    simc__conf_shown(node->text, shown);
    if (word_is_one_of(node->text, yes))
        return simc__conf_wrong(l, place, node, "%s is not accepted; write true", shown);
    if (word_is_one_of(node->text, no))
        return simc__conf_wrong(l, place, node, "%s is not accepted; write false", shown);
    return simc__conf_wrong(l, place, node, "%s is neither true nor false", shown);
}

/* ---- numbers ---- */

static bool all_of(struct simc_slice text, const char *set)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == 0 || !strchr(set, text.data[i]))
            return false;
    }
    return text.size > 0;
}

static const char digits[] = "0123456789";

/* The digits alone, without separators, sign and leading zeros. @return false: too many. */
static bool bare_digits(struct simc_slice text, char bare[32])
{
    size_t at = 0;
    for (size_t i = 0; i < text.size; i++) {
        bool digit = text.data[i] >= '0' && text.data[i] <= '9';
        if (!digit || (at == 0 && text.data[i] == '0'))
            continue;
        if (at == 20)
            return false;
        bare[at++] = (char)text.data[i];
    }
    if (at == 0)
        bare[at++] = '0';
    bare[at] = '\0';
    return true;
}

/* Says what is wrong with text that the number readers refused. */
static bool no_number(struct simc__conf_loading *l, const struct simc__conf_place *place,
                      const struct simc__conf_row *row, const struct simc__conf_node *node)
{
    char shown[SIMC__CONF_SHOWN_SIZE], bare[32];
    struct simc_slice text = node->text, rest = text;
    if (rest.size > 1 && (rest.data[0] == '-' || rest.data[0] == '+'))
        rest = simc_slice(rest.data + 1, rest.size - 1);
    bool is_hex = rest.size > 2 && rest.data[0] == '0' && (rest.data[1] | 0x20) == 'x';
    simc__conf_shown(text, shown);
    const char *sign = rest.size < text.size && text.data[0] == '-' ? "-" : "";
    if (all_of(rest, digits) && rest.data[0] == '0' && rest.size > 1 && bare_digits(rest, bare))
        return simc__conf_wrong(l, place, node, "%s begins with a zero; write %s%s", shown, sign,
                                bare);
    if (all_of(rest, digits) ||
        (is_hex && all_of(simc_slice(rest.data + 2, rest.size - 2), "0123456789abcdefABCDEF"))) {
        if (row->type == SIMC__CONF_UINT && text.data[0] == '+')
            return simc__conf_wrong(l, place, node, "%s has a sign; write it without", shown);
        if (row->type == SIMC__CONF_UINT)
            return simc__conf_out_of_range(l, place, row, node);
        return simc__conf_wrong(l, place, node, "%s is not between %lld and %lld", shown,
                                (long long)simc__conf_row_int_min(row),
                                (long long)simc__conf_row_int_max(row));
    }
    if (all_of(rest, "0123456789_,' ") && strchr(digits, rest.data[0]) && bare_digits(rest, bare))
        return simc__conf_wrong(l, place, node, "%s holds separators; write %s%s", shown, sign,
                                bare);
    return simc__conf_wrong(
        l, place, node, "%s is no whole number; write decimal digits, or 0x and hex digits", shown);
}

static bool load_uint(struct simc__conf_loading *l, const struct simc__conf_place *place,
                      const struct simc__conf_row *row, const struct simc__conf_node *node,
                      uint8_t *member)
{
    uint64_t value;
    if (simc__text_read_uint(node->text, &value))
        return no_number(l, place, row, node);
    if (value < simc__conf_row_min(row) || value > simc__conf_row_max(row))
        return simc__conf_out_of_range(l, place, row, node);
    simc__conf_uint_set(member, row->size, value);
    return true;
}

static bool load_int(struct simc__conf_loading *l, const struct simc__conf_place *place,
                     const struct simc__conf_row *row, const struct simc__conf_node *node,
                     uint8_t *member)
{
    char shown[SIMC__CONF_SHOWN_SIZE];
    int64_t value, min = simc__conf_row_int_min(row), max = simc__conf_row_int_max(row);
    if (simc__text_read_int(node->text, &value))
        return no_number(l, place, row, node);
    if (value < min || value > max)
        return simc__conf_wrong(l, place, node, "%s is not between %lld and %lld",
                                simc__conf_shown(node->text, shown), (long long)min,
                                (long long)max);
    simc__conf_uint_set(member, row->size, (uint64_t)value);
    return true;
}

/* ---- choices ---- */

static bool load_choice(struct simc__conf_loading *l, const struct simc__conf_place *place,
                        const struct simc__conf_row *row, const struct simc__conf_node *node,
                        uint8_t *member)
{
    char shown[SIMC__CONF_SHOWN_SIZE], known[SENTENCE_SIZE];
    struct simc_writer list = simc_writer(known, sizeof known - 1);
    const char *nearest = NULL;
    unsigned least = (unsigned)(node->text.size < 40 ? node->text.size : 40) / 3 + 2;
    for (const struct simc__conf_choice *choice = row->choices; choice->name; choice++) {
        struct simc_slice name = simc_slice_text(choice->name);
        if (simc_slice_equal(name, node->text)) {
            simc__conf_uint_set(member, row->size, choice->value);
            return true;
        }
        unsigned distance = simc__text_distance(name, node->text);
        if (distance < least && distance < strlen(choice->name)) {
            least = distance;
            nearest = choice->name;
        }
        simc__text_printf(&list, "%s%s", choice == row->choices ? "" : ", ", choice->name);
    }
    known[list.error ? 0 : list.at] = '\0';
    simc__conf_shown(node->text, shown);
    if (nearest)
        return simc__conf_wrong(l, place, node, "%s is not known; did you mean %s?", shown,
                                nearest);
    return simc__conf_wrong(l, place, node, "%s is not one of: %s", shown, known);
}

/* ---- durations, sizes, rates ---- */

static bool no_quantity(struct simc__conf_loading *l, const struct simc__conf_place *place,
                        const struct simc__conf_row *row, const struct simc__conf_node *node)
{
    char shown[SIMC__CONF_SHOWN_SIZE], known[SENTENCE_SIZE];
    struct simc_writer list = simc_writer(known, sizeof known - 1);
    simc__conf_units_put(&list, row->type);
    known[list.error ? 0 : list.at] = '\0';
    simc__conf_shown(node->text, shown);
    if (all_of(node->text, digits) && node->text.size < 20)
        return simc__conf_wrong(l, place, node, "%s has no unit; write %s%s (units: %s)", shown,
                                shown, row->unit, known);
    if (node->text.size && node->text.data[0] == '-')
        return simc__conf_out_of_range(l, place, row, node);
    return simc__conf_wrong(l, place, node,
                            "%s is not %s (a whole number and a unit without a blank: %s)", shown,
                            simc__conf_type_word(row->type), known);
}

static bool load_quantity(struct simc__conf_loading *l, const struct simc__conf_place *place,
                          const struct simc__conf_row *row, const struct simc__conf_node *node,
                          uint8_t *member)
{
    char shown[SIMC__CONF_SHOWN_SIZE];
    size_t count = 0;
    uint64_t number;
    while (count < node->text.size && node->text.data[count] >= '0' &&
           node->text.data[count] <= '9')
        count++;
    struct simc_slice name = simc_slice(node->text.data + count, node->text.size - count);
    const struct simc__conf_unit *unit = simc__conf_unit_find(row->type, name);
    const struct simc__conf_unit *own = simc__conf_unit_find(row->type, simc_slice_text(row->unit));
    if (!unit || !own || count == 0)
        return no_quantity(l, place, row, node);
    if (count > 1 && node->text.data[0] == '0')
        return simc__conf_wrong(l, place, node, "%s begins with a zero; write it without",
                                simc__conf_shown(node->text, shown));
    if (simc__text_read_uint(simc_slice(node->text.data, count), &number) ||
        number > UINT64_MAX / unit->factor)
        return simc__conf_out_of_range(l, place, row, node);
    uint64_t amount = number * unit->factor, value = amount / own->factor;
    if (value < simc__conf_row_min(row) || value > simc__conf_row_max(row))
        return simc__conf_out_of_range(l, place, row, node);
    if (amount % own->factor)
        return simc__conf_wrong(l, place, node, "%s is finer than the unit of this value, %s",
                                simc__conf_shown(node->text, shown), own->name);
    simc__conf_uint_set(member, row->size, value);
    return true;
}

/* ---- all of them ---- */

struct scalar_type {
    bool quotes_allowed;
    bool (*load)(struct simc__conf_loading *l, const struct simc__conf_place *place,
                 const struct simc__conf_row *row, const struct simc__conf_node *node,
                 uint8_t *member);
};

static const struct scalar_type types[] = {
    [SIMC__CONF_BOOL] = {false, load_bool},
    [SIMC__CONF_UINT] = {false, load_uint},
    [SIMC__CONF_INT] = {false, load_int},
    [SIMC__CONF_CHOICE] = {true, load_choice},
    [SIMC__CONF_DURATION] = {true, load_quantity},
    [SIMC__CONF_SIZE] = {true, load_quantity},
    [SIMC__CONF_RATE] = {true, load_quantity},
    [SIMC__CONF_TIME] = {true, simc__conf_load_time},
    [SIMC__CONF_TEXT] = {true, simc__conf_load_text},
    [SIMC__CONF_PATH] = {true, simc__conf_load_path},
    [SIMC__CONF_ADDRESS] = {true, simc__conf_load_address},
    [SIMC__CONF_SECRET_TEXT] = {true, simc__conf_load_secret},
    [SIMC__CONF_SECRET_HEX] = {true, simc__conf_load_secret},
    [SIMC__CONF_SECRET_INLINE] = {true, simc__conf_load_inline},
};

bool simc__conf_scalar_load(struct simc__conf_loading *loading,
                            const struct simc__conf_place *place, const struct simc__conf_row *row,
                            const struct simc__conf_node *node, uint8_t *values)
{
    const struct scalar_type *type = &types[row->type];
    char shown[SIMC__CONF_SHOWN_SIZE];
    if (!node->plain && !type->quotes_allowed)
        return simc__conf_wrong(loading, place, node, "%s in quotes is text; write %s without them",
                                simc__conf_shown(node->text, shown),
                                simc__conf_type_word(row->type));
    return type->load(loading, place, row, node, values + row->offset);
}
