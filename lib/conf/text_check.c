/* SPDX-License-Identifier: BSL-1.0 */
/* Checks that a configuration is text before the YAML parser sees it; see internal.h. What other
 * programs show differently from what we read ends here. */
#include "conf/internal.h"

struct scan {
    const uint8_t *p, *end;
    struct simc__conf_mark mark;
    struct simc__conf_faults *faults;
};

/* Reads one well-formed UTF-8 character (RFC 3629). @return its size, or 0. */
static size_t character(const uint8_t *p, const uint8_t *end, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = p[0] < 0x80             ? 1
                  : (p[0] & 0xe0) == 0xc0 ? 2
                  : (p[0] & 0xf0) == 0xe0 ? 3
                  : (p[0] & 0xf8) == 0xf0 ? 4
                                          : 0;
    if (size == 0 || (size_t)(end - p) < size)
        return 0;
    *code = size == 1 ? p[0] : p[0] & (0x7fU >> size);
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (p[i] & 0x3f);
    }
    bool good = *code >= least[size] && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff);
    return good ? size : 0;
}

/* Controls, line ends that editors do not count, characters that turn the direction of a line, and
 * those that have no meaning. */
static bool is_refused(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x00, 0x08},     {0x0b, 0x0c},     {0x0e, 0x1f},     {0x7f, 0x9f},     {0x061c, 0x061c},
        {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}, {0xfeff, 0xfeff}, {0xfffe, 0xffff},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    }
    return false;
}

/* @return the size of the character, or 0: its fault is noted. */
static size_t check_character(struct scan *s)
{
    uint32_t code = 0;
    size_t size = character(s->p, s->end, &code);
    const char *why = NULL;
    if (size == 0)
        why = "this byte is no UTF-8 text; save the file as UTF-8";
    else if (code == 0)
        why = "there is a NUL byte; a configuration is UTF-8 text";
    else if (code == '\r' && (s->end - s->p < 2 || s->p[1] != '\n'))
        why = "a carriage return without a line feed; end lines with LF or CR LF";
    else if (code == '%' && s->mark.column == 1)
        why = "a line that begins with % is a directive, and there are none; remove it";
    if (why)
        simc__conf_fault_add(s->faults, NULL, s->mark, "%s", why);
    else if (is_refused(code))
        simc__conf_fault_add(s->faults, NULL, s->mark,
                             "the invisible character U+%04X is not allowed; remove it",
                             (unsigned)code);
    else
        return size;
    return 0;
}

static void drop_mark(struct simc_slice *yaml)
{
    if (yaml->size >= 3 && yaml->data[0] == 0xef && yaml->data[1] == 0xbb && yaml->data[2] == 0xbf)
        *yaml = simc_slice(yaml->data + 3, yaml->size - 3);
}

static bool is_utf16(struct simc_slice yaml)
{
    return yaml.size >= 2 && ((yaml.data[0] == 0xff && yaml.data[1] == 0xfe) ||
                              (yaml.data[0] == 0xfe && yaml.data[1] == 0xff));
}

bool simc__conf_tree_is_text(struct simc_slice *yaml, struct simc__conf_faults *faults)
{
    const struct simc__conf_mark start = {1, 1}, whole = {0, 0};
    if (yaml->size > SIMC__CONF_FILE_MAX) {
        simc__conf_fault_add(faults, NULL, whole, "%zu bytes are too many; at most %d are read",
                             yaml->size, SIMC__CONF_FILE_MAX);
        return false;
    }
    if (is_utf16(*yaml)) {
        simc__conf_fault_add(faults, NULL, start, "this is UTF-16 text; save the file as UTF-8");
        return false;
    }
    drop_mark(yaml);
    if (yaml->size == 0)
        return true;
    struct scan scan = {yaml->data, yaml->data + yaml->size, start, faults};
    while (scan.p < scan.end) {
        size_t size = check_character(&scan);
        if (size == 0)
            return false;
        if (*scan.p == '\n') {
            scan.mark.line++;
            scan.mark.column = 1;
        } else {
            scan.mark.column++;
        }
        scan.p += size;
    }
    return true;
}
