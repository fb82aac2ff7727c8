/* SPDX-License-Identifier: BSL-1.0 */
/* DVB text to UTF-8 and back. Service names pass through here on their way to people.
 * [300468 annex A] */
#include "psi/charsets.h"
#include "simulcrypt/psi.h"

enum text_form {
    FORM_6937,  /* one byte a character, marks in front */
    FORM_TABLE, /* one byte a character */
    FORM_UCS2,  /* two bytes */
    FORM_UTF8,
    FORM_OPAQUE, /* no table here: bytes are escaped */
};

struct encoding {
    uint8_t selector;
    enum text_form form;
    const uint16_t *table; /* FORM_TABLE: the upper half */
};

/* By the first byte of a text. */
static const struct encoding first_byte_rows[] = {
    {0x01, FORM_TABLE, charset_8859_5},
    {0x02, FORM_TABLE, charset_8859_6},
    {0x03, FORM_TABLE, charset_8859_7},
    {0x04, FORM_TABLE, charset_8859_8},
    {0x05, FORM_TABLE, charset_8859_9},
    {0x06, FORM_TABLE, charset_8859_10},
    {0x07, FORM_TABLE, charset_8859_11},
    {0x09, FORM_TABLE, charset_8859_13},
    {0x0a, FORM_TABLE, charset_8859_14},
    {0x0b, FORM_TABLE, charset_8859_15},
    {0x11, FORM_UCS2, NULL},
    {0x15, FORM_UTF8, NULL},
};

/* By the third byte, behind 0x10 0x00. Part 1 is Unicode's own lower half and needs no table. */
static const struct encoding third_byte_rows[] = {
    {1, FORM_TABLE, NULL},
    {2, FORM_TABLE, charset_8859_2},
    {3, FORM_TABLE, charset_8859_3},
    {4, FORM_TABLE, charset_8859_4},
    {5, FORM_TABLE, charset_8859_5},
    {6, FORM_TABLE, charset_8859_6},
    {7, FORM_TABLE, charset_8859_7},
    {8, FORM_TABLE, charset_8859_8},
    {9, FORM_TABLE, charset_8859_9},
    {10, FORM_TABLE, charset_8859_10},
    {11, FORM_TABLE, charset_8859_11},
    {13, FORM_TABLE, charset_8859_13},
    {14, FORM_TABLE, charset_8859_14},
    {15, FORM_TABLE, charset_8859_15},
};

/* Control codes 0x80..0x9f, and the same above U+E000 in the wide forms. */
enum { CONTROL_EMPHASIS_ON = 0x86, CONTROL_EMPHASIS_OFF = 0x87, CONTROL_LINE_BREAK = 0x8a };

static void put_code(struct simc_writer *out, uint32_t code)
{
    if (code < 0x80) {
        simc_writer_u8(out, (uint8_t)code);
    } else if (code < 0x800) {
        simc_writer_u8(out, (uint8_t)(0xc0 | code >> 6));
        simc_writer_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
    } else {
        simc_writer_u8(out, (uint8_t)(0xe0 | code >> 12));
        simc_writer_u8(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
        simc_writer_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
    }
}

static void put_escape(struct simc_writer *out, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    const char escape[4] = {'\\', 'x', digits[byte >> 4], digits[byte & 0xf]};
    simc_writer_slice(out, simc_slice(escape, sizeof escape));
}

/* True: `code` was a control code of DVB and is dealt with. */
static bool put_control(struct simc_writer *out, uint32_t code)
{
    if (code == CONTROL_LINE_BREAK)
        simc_writer_u8(out, ' ');
    return code == CONTROL_LINE_BREAK || code == CONTROL_EMPHASIS_ON ||
           code == CONTROL_EMPHASIS_OFF;
}

static void put_byte(struct simc_writer *out, uint8_t byte, const uint16_t *table)
{
    if (byte >= 0x20 && byte < 0x7f) {
        simc_writer_u8(out, byte);
        return;
    }
    if (put_control(out, byte))
        return;
    uint16_t code = byte < CHARSET_FIRST ? 0 : table ? table[byte - CHARSET_FIRST] : byte;
    if (code)
        put_code(out, code);
    else
        put_escape(out, byte);
}

/* A diacritical mark stands in front of its letter. @return bytes used, 0: this is no mark. */
static size_t put_marked(struct simc_writer *out, const uint8_t *bytes, size_t left)
{
    uint16_t mark = (bytes[0] & 0xf0) == 0xc0 ? marks_6937[bytes[0] & 0xf] : 0;
    if (!mark || left < 2 || bytes[1] < 0x20 || bytes[1] >= 0x7f)
        return 0;
    for (size_t i = 0; i < sizeof composed_6937 / sizeof composed_6937[0]; i++) {
        if (composed_6937[i].mark == bytes[0] && composed_6937[i].letter == bytes[1]) {
            put_code(out, composed_6937[i].code);
            return 2;
        }
    }
    simc_writer_u8(out, bytes[1]);
    put_code(out, mark);
    return 2;
}

static void put_6937(struct simc_writer *out, struct simc_slice text)
{
    for (size_t i = 0; i < text.size;) {
        size_t used = put_marked(out, text.data + i, text.size - i);
        if (!used) {
            put_byte(out, text.data[i], charset_6937);
            used = 1;
        }
        i += used;
    }
}

static void put_ucs2(struct simc_writer *out, struct simc_slice text)
{
    struct simc_reader reader = simc_reader(text);
    while (simc_reader_left(&reader) >= 2) {
        uint16_t code = simc_reader_u16(&reader);
        bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
        if ((code >> 8) == 0xe0 && put_control(out, code & 0xff))
            continue;
        if (control || (code >= 0xd800 && code < 0xe000)) {
            put_escape(out, (uint8_t)(code >> 8));
            put_escape(out, (uint8_t)code);
        } else {
            put_code(out, code);
        }
    }
    if (simc_reader_left(&reader))
        put_escape(out, simc_reader_u8(&reader));
}

/* The size of the well-formed UTF-8 sequence at the start, or 0 (also for control codes). */
static size_t utf8_size(const uint8_t *p, size_t left)
{
    size_t size = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : 4;
    if (size == 1)
        return p[0] >= 0x20 && p[0] < 0x7f;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < size)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    bool wrong = (p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xe0 && p[1] < 0xa0) ||
                 (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
                 (p[0] == 0xf4 && p[1] > 0x8f);
    return wrong ? 0 : size;
}

static void put_utf8(struct simc_writer *out, struct simc_slice text)
{
    for (size_t i = 0; i < text.size;) {
        const uint8_t *p = text.data + i;
        size_t size = utf8_size(p, text.size - i);
        /* U+E080..U+E09F: 0xee 0x82 0x80..0x9f. */
        bool control = size == 3 && p[0] == 0xee && p[1] == 0x82 && put_control(out, p[2]);
        if (size == 0)
            put_escape(out, *p);
        else if (!control)
            simc_writer_slice(out, simc_slice(p, size));
        i += size ? size : 1;
    }
}

/* Finds the encoding and moves the text behind its selector. */
static struct encoding select_encoding(struct simc_slice *text)
{
    struct encoding encoding = {0, FORM_6937, NULL};
    if (text->size == 0 || text->data[0] >= 0x20)
        return encoding;
    encoding.form = FORM_OPAQUE;
    const struct encoding *rows = first_byte_rows;
    size_t count = sizeof first_byte_rows / sizeof first_byte_rows[0], skip = 1;
    uint8_t selector = text->data[0];
    if (selector == 0x10 && text->size >= 3 && text->data[1] == 0) {
        rows = third_byte_rows;
        count = sizeof third_byte_rows / sizeof third_byte_rows[0];
        selector = text->data[2];
        skip = 3;
    }
    for (size_t i = 0; i < count; i++) {
        if (rows[i].selector == selector) {
            encoding = rows[i];
            *text = simc_slice(text->data + skip, text->size - skip);
            break;
        }
    }
    return encoding;
}

void simc_dvb_text(struct simc_writer *out, struct simc_slice text)
{
    struct encoding encoding = select_encoding(&text);
    switch (encoding.form) {
    case FORM_6937:
        put_6937(out, text);
        break;
    case FORM_UCS2:
        put_ucs2(out, text);
        break;
    case FORM_UTF8:
        put_utf8(out, text);
        break;
    case FORM_TABLE:
        for (size_t i = 0; i < text.size; i++)
            put_byte(out, text.data[i], encoding.table);
        break;
    case FORM_OPAQUE:
        for (size_t i = 0; i < text.size; i++)
            put_escape(out, text.data[i]);
        break;
    }
}

void simc_dvb_text_put(struct simc_writer *out, struct simc_slice utf8)
{
    bool ascii = true;
    for (size_t i = 0; i < utf8.size; i++)
        ascii = ascii && utf8.data[i] >= 0x20 && utf8.data[i] < 0x7f;
    if (!ascii)
        simc_writer_u8(out, 0x15);
    simc_writer_slice(out, utf8);
}
