/* SPDX-License-Identifier: BSL-1.0 */
/* Variables, and expressions with them: numbers, comparisons, and/or/not. Statements and the
 * expansion of texts use it. */
#include <string.h>

#include "base/text.h"
#include "conversation/reader.h"

/* ---- variables ---- */

static struct simc__conv_variable *find_here(const struct simc__conv_scope *scope,
                                             struct simc_slice name)
{
    for (struct simc__conv_variable *v = scope->variables; v; v = v->next) {
        if (simc_slice_equal(v->name, name))
            return v;
    }
    return NULL;
}

struct simc__conv_variable *simc__conv_find(const struct simc__conv_scope *scope,
                                            struct simc_slice name)
{
    for (; scope; scope = scope->parent) {
        struct simc__conv_variable *v = find_here(scope, name);
        if (v)
            return v;
    }
    return NULL;
}

static void release(struct simc__conv_variable *variable)
{
    if (variable->value)
        simc_wipe(variable->value, variable->size);
    simc_free(variable->value);
    simc_free(variable);
}

int simc__conv_set(struct simc__conv_scope *scope, struct simc_slice name, struct simc_slice value,
                   bool secret)
{
    struct simc__conv_variable *variable = simc_calloc(1, sizeof *variable);
    char *text = simc_alloc(value.size + 1);
    if (!variable || !text) {
        simc_free(variable);
        simc_free(text);
        return SIMC_ENOMEM;
    }
    if (value.size)
        memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    *variable = (struct simc__conv_variable){
        .name = name, .value = text, .size = value.size, .secret = secret};
    struct simc__conv_variable **at = &scope->variables;
    while (*at && !simc_slice_equal((*at)->name, name))
        at = &(*at)->next;
    if (*at) {
        struct simc__conv_variable *old = *at;
        variable->next = old->next;
        release(old);
    }
    *at = variable;
    return 0;
}

void simc__conv_scope_fini(struct simc__conv_scope *scope)
{
    while (scope->variables) {
        struct simc__conv_variable *variable = scope->variables;
        scope->variables = variable->next;
        release(variable);
    }
}

/* ---- expressions ---- */

struct evaluator {
    const struct simc__conv_context *context;
    struct simc_slice text;
    size_t at;
    unsigned depth;
};

static int level_or(struct evaluator *e, int64_t *value);

static const uint8_t *here(const struct evaluator *e)
{
    return e->text.data ? e->text.data + e->at : NULL;
}

static uint8_t peek(struct evaluator *e)
{
    /* '$' marks a variable in texts; within an expression it may stand or not. */
    while (e->at < e->text.size && (e->text.data[e->at] <= ' ' || e->text.data[e->at] == '$'))
        e->at++;
    return e->at < e->text.size ? e->text.data[e->at] : 0;
}

static struct simc_slice word_of(struct evaluator *e)
{
    size_t start = e->at;
    while (e->at < e->text.size && simc__conv_is_letter(e->text.data[e->at]))
        e->at++;
    return simc_slice(e->text.data + start, e->at - start);
}

static bool take_word(struct evaluator *e, const char *word)
{
    size_t before = e->at;
    if (peek(e) && simc__conv_is(word_of(e), word))
        return true;
    e->at = before;
    return false;
}

static bool take(struct evaluator *e, const char *symbol)
{
    size_t size = strlen(symbol);
    (void)peek(e);
    if (e->text.size - e->at < size || memcmp(e->text.data + e->at, symbol, size) != 0)
        return false;
    e->at += size;
    return true;
}

int simc__conv_variable_get(const struct simc__conv_context *context, struct simc_slice name,
                            const struct simc__conv_variable **variable)
{
    *variable = NULL;
    if (!context->scope) {
        for (size_t i = 0; i < context->conversation->name_count; i++) {
            if (simc_slice_equal(context->conversation->names[i], name))
                return 0;
        }
        return simc__conv_fail(context, name.data, "there is no variable " SIMC__CONV_WORD,
                               SIMC__CONV_SHOW(name));
    }
    *variable = simc__conv_find(context->scope, name);
    if (*variable)
        return 0;
    return simc__conv_fail(context, name.data, "the variable " SIMC__CONV_WORD " has no value yet",
                           SIMC__CONV_SHOW(name));
}

static int variable_value(struct evaluator *e, struct simc_slice name, int64_t *value)
{
    const struct simc__conv_context *context = e->context;
    if (simc__conv_is(name, "true") || simc__conv_is(name, "false")) {
        *value = name.data[0] == 't';
        return 0;
    }
    *value = 1;
    const struct simc__conv_variable *variable;
    int error = simc__conv_variable_get(context, name, &variable);
    if (error || !variable)
        return error;
    struct simc_slice text = simc_slice(variable->value, variable->size);
    if (simc__conv_is(text, "true") || simc__conv_is(text, "false")) {
        *value = text.data[0] == 't';
        return 0;
    }
    if (simc__text_read_int(text, value))
        return simc__conv_fail(context, name.data,
                               "the variable " SIMC__CONV_WORD " holds no number",
                               SIMC__CONV_SHOW(name));
    return 0;
}

static int function_value(struct evaluator *e, struct simc_slice name, int64_t *value)
{
    bool is_min = simc__conv_is(name, "min");
    int64_t values[2];
    size_t count;
    if (!is_min && !simc__conv_is(name, "max"))
        return simc__conv_fail(e->context, name.data,
                               "there is no function " SIMC__CONV_WORD
                               " in expressions, only min and max",
                               SIMC__CONV_SHOW(name));
    if (++e->depth > SIMC__CONV_EXPRESSION_DEPTH)
        return simc__conv_fail(e->context, name.data, "the expression is too deep");
    e->at++; /* the parenthesis */
    for (count = 0; count < 2; count++) {
        int error = level_or(e, &values[count]);
        if (error)
            return error;
        if (!take(e, count ? ")" : ","))
            return simc__conv_fail(e->context, here(e), "min and max have two arguments");
    }
    e->depth--;
    *value = (values[0] < values[1]) == is_min ? values[0] : values[1];
    return 0;
}

static int primary(struct evaluator *e, int64_t *value)
{
    uint8_t c = peek(e);
    if (c == '(') {
        if (++e->depth > SIMC__CONV_EXPRESSION_DEPTH)
            return simc__conv_fail(e->context, here(e), "the expression is too deep");
        e->at++;
        int error = level_or(e, value);
        if (error)
            return error;
        e->depth--;
        return take(e, ")") ? 0 : simc__conv_fail(e->context, here(e), "')' is expected here");
    }
    const uint8_t *start = here(e);
    struct simc_slice word = word_of(e);
    if (word.size == 0)
        return simc__conv_fail(e->context, start, "a number or a variable is expected here");
    if (word.data[0] >= '0' && word.data[0] <= '9') {
        if (simc__text_read_int(word, value))
            return simc__conv_fail(e->context, start, SIMC__CONV_WORD " is no number",
                                   SIMC__CONV_SHOW(word));
        return 0;
    }
    if (e->at < e->text.size && e->text.data[e->at] == '(')
        return function_value(e, word, value);
    return variable_value(e, word, value);
}

static int unary(struct evaluator *e, int64_t *value)
{
    bool negative = false;
    while (take(e, "-"))
        negative = !negative;
    int error = primary(e, value);
    if (!error && negative && __builtin_sub_overflow((int64_t)0, *value, value))
        return simc__conv_fail(e->context, here(e), "the number is too large");
    return error;
}

static int divide(struct evaluator *e, int64_t right, bool modulo, int64_t *value)
{
    if (!e->context->scope) {
        *value = 1; /* a check without values cannot know the divisor */
        return 0;
    }
    if (right == 0 || (right == -1 && *value == INT64_MIN))
        return simc__conv_fail(e->context, here(e), "this divides by 0");
    *value = modulo ? *value % right : *value / right;
    return 0;
}

static int level_times(struct evaluator *e, int64_t *value)
{
    int error = unary(e, value);
    while (!error) {
        int64_t right = 0;
        uint8_t c = peek(e);
        if (c != '*' && c != '/' && c != '%')
            return 0;
        e->at++;
        error = unary(e, &right);
        if (error)
            return error;
        if (c != '*')
            error = divide(e, right, c == '%', value);
        else if (__builtin_mul_overflow(*value, right, value))
            error = simc__conv_fail(e->context, here(e), "the number is too large");
    }
    return error;
}

static int level_plus(struct evaluator *e, int64_t *value)
{
    int error = level_times(e, value);
    while (!error) {
        int64_t right = 0;
        uint8_t c = peek(e);
        if (c != '+' && c != '-')
            return 0;
        e->at++;
        error = level_times(e, &right);
        if (error)
            return error;
        if (c == '+' ? __builtin_add_overflow(*value, right, value)
                     : __builtin_sub_overflow(*value, right, value))
            error = simc__conv_fail(e->context, here(e), "the number is too large");
    }
    return error;
}

static int level_compare(struct evaluator *e, int64_t *value)
{
    static const char *const signs[] = {"!=", "<=", ">=", "==", "=", "<", ">"};
    int error = level_plus(e, value);
    for (size_t i = 0; !error && i < sizeof signs / sizeof signs[0]; i++) {
        if (!take(e, signs[i]))
            continue;
        int64_t left = *value, right;
        error = level_plus(e, &right);
        if (error)
            return error;
        bool less = left < right, equal = left == right;
        const bool results[] = {!equal, less || equal, !less, equal, equal, less, !less && !equal};
        *value = results[i];
        return 0;
    }
    return error;
}

static int level_not(struct evaluator *e, int64_t *value)
{
    bool negated = false, has_not = false;
    while (take_word(e, "not")) {
        negated = !negated;
        has_not = true;
    }
    int error = level_compare(e, value);
    if (!error && has_not)
        *value = (*value != 0) != negated;
    return error;
}

static int level_and(struct evaluator *e, int64_t *value)
{
    int error = level_not(e, value);
    while (!error && take_word(e, "and")) {
        int64_t right = 0;
        error = level_not(e, &right);
        *value = *value != 0 && right != 0;
    }
    return error;
}

static int level_or(struct evaluator *e, int64_t *value)
{
    int error = level_and(e, value);
    while (!error && take_word(e, "or")) {
        int64_t right = 0;
        error = level_and(e, &right);
        *value = *value != 0 || right != 0;
    }
    return error;
}

int simc__conv_evaluate(const struct simc__conv_context *context, struct simc_slice text,
                        int64_t *value)
{
    struct evaluator e = {.context = context, .text = text};
    *value = 0;
    int error = level_or(&e, value);
    if (!error && peek(&e))
        return simc__conv_fail(context, here(&e),
                               "the expression should end here (write +, -, =, and, or...)");
    return error;
}

int simc__conv_arguments(const struct simc__conv_context *context, struct simc_slice text,
                         size_t *at, int64_t values[], size_t most, size_t *count)
{
    struct evaluator e = {.context = context, .text = text, .at = *at};
    *count = 0;
    for (;;) {
        if (*count == most)
            return simc__conv_fail(context, here(&e), "at most %zu arguments are expected here",
                                   most);
        int error = level_or(&e, &values[*count]);
        if (error)
            return error;
        ++*count;
        *at = e.at;
        if (take(&e, ")")) {
            *at = e.at;
            return 0;
        }
        if (!take(&e, ","))
            return simc__conv_fail(context, here(&e), "',' or ')' is expected here");
    }
}
