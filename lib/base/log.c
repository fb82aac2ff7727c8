/* SPDX-License-Identifier: BSL-1.0 */
/* Log lines: levels, named fields, a JSON form for machines and a plain one for people. Where the
 * lines go is the program's business (lib/sys/log_sink.c). */
#include <string.h>

#include "base/text.h"
#include "simulcrypt/base.h"

/* Room that stays free for `,"cut":true}` and the line end. */
enum { TAIL_SIZE = 16 };

struct level_row {
    enum simc_log_level level;
    const char *name;
};

static const struct level_row levels[] = {
    {SIMC_LOG_ERROR, "error"}, {SIMC_LOG_WARNING, "warning"}, {SIMC_LOG_NOTICE, "notice"},
    {SIMC_LOG_INFO, "info"},   {SIMC_LOG_DEBUG, "debug"},
};

enum { LEVEL_COUNT = sizeof levels / sizeof levels[0] };

const char *simc_log_level_name(enum simc_log_level level)
{
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        if (levels[i].level == level)
            return levels[i].name;
    }
    return "?";
}

int simc_log_level_read(const char *name, enum simc_log_level *level)
{
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        if (strcmp(levels[i].name, name) == 0) {
            *level = levels[i].level;
            return 0;
        }
    }
    return SIMC_ENOTFOUND;
}

static void write_secret(struct simc_writer *line, const struct simc_secret *secret)
{
    char fingerprint[SIMC_FINGERPRINT_SIZE];
    if (!secret || secret->size == 0) {
        simc__text_put(line, "none");
        return;
    }
    simc_secret_fingerprint(secret, fingerprint);
    simc__text_put(line, fingerprint);
}

static void write_value(struct simc_writer *line, const struct simc_log_field *field, bool json)
{
    bool quoted = json && field->type != SIMC_LOG_FIELD_INT && field->type != SIMC_LOG_FIELD_UINT &&
                  field->type != SIMC_LOG_FIELD_TEXT;
    if (quoted)
        simc_writer_u8(line, '"');
    switch (field->type) {
    case SIMC_LOG_FIELD_TEXT:
        if (json || !simc__text_is_plain_word(field->bytes))
            simc__text_put_quoted(line, field->bytes);
        else
            simc_writer_slice(line, field->bytes);
        break;
    case SIMC_LOG_FIELD_INT:
        simc__text_printf(line, "%lld", (long long)field->integer);
        break;
    case SIMC_LOG_FIELD_UINT:
        simc__text_printf(line, "%llu", (unsigned long long)field->number);
        break;
    case SIMC_LOG_FIELD_HEX:
        simc__text_printf(line, "0x%0*llx", (int)(field->digits < 16 ? field->digits : 16),
                          (unsigned long long)field->number);
        break;
    case SIMC_LOG_FIELD_BYTES:
        simc__text_put_hex(line, field->bytes);
        break;
    case SIMC_LOG_FIELD_SECRET:
        write_secret(line, field->secret);
        break;
    }
    if (quoted)
        simc_writer_u8(line, '"');
}

static void write_head(struct simc_writer *line, const struct simc_log *log,
                       enum simc_log_level level, const char *message)
{
    bool json = log->form == SIMC_LOG_JSON;
    if (json)
        simc_writer_u8(line, '{');
    if (log->now_us) {
        uint64_t now_us = log->now_us(log->context);
        simc__text_put(line, json ? "\"time\":\"" : "");
        simc__text_put_utc(line, now_us, json);
        simc__text_put(line, json ? "\"," : " ");
    }
    if (json) {
        simc__text_printf(line, "\"level\":\"%s\",\"message\":", simc_log_level_name(level));
        simc__text_put_quoted(line, simc_slice_text(message));
    } else {
        simc__text_printf(line, "%-7s ", simc_log_level_name(level));
        simc__text_put_escaped(line, simc_slice_text(message));
    }
}

void simc_log_line(const struct simc_log *log, enum simc_log_level level, const char *message,
                   const struct simc_log_field *fields, size_t count)
{
    if (!log || level > log->level)
        return;
    char text[SIMC_LOG_LINE_MAX];
    struct simc_writer line = simc_writer(text, sizeof text - TAIL_SIZE);
    bool json = log->form == SIMC_LOG_JSON;
    bool cut = false;

    write_head(&line, log, level, message);
    if (line.error) {
        /* A message of several kilobytes: say that much and keep the line whole. */
        line = simc_writer(text, sizeof text - TAIL_SIZE);
        write_head(&line, log, level, "(a message too long for a log line)");
        cut = true;
    }
    for (size_t i = 0; i < count && !cut; i++) {
        struct simc_writer before = line;
        simc__text_printf(&line, json ? ",\"%s\":" : "%s%s=",
                          json ? fields[i].name
                          : i  ? " "
                               : "  ",
                          fields[i].name);
        write_value(&line, &fields[i], json);
        if (line.error) {
            line = before;
            cut = true;
        }
    }
    line.capacity = sizeof text;
    if (cut)
        simc__text_put(&line, json ? ",\"cut\":true" : " (cut)");
    simc__text_put(&line, json ? "}\n" : "\n");
    log->write(log->context, level, simc_slice(text, line.at));
}
