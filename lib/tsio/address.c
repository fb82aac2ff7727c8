/* SPDX-License-Identifier: BSL-1.0 */
/* Addresses of inputs and outputs as text: the table of kinds, the options as rows, the parser and
 * the printer. Configurations and command lines come through here. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "tsio/internal.h"

/* The grammar has room for more rows: what begins like one of them and has none is refused by name,
 * not taken for a file. */
const struct simc__tsio_kind_row simc__tsio_kinds[SIMC__TSIO_KIND_COUNT] = {
    [SIMC__TSIO_FILE] = {"file", "file:", false, &simc__tsio_input_file, &simc__tsio_output_file},
    [SIMC__TSIO_STANDARD] = {"standard", "-", false, &simc__tsio_input_file,
                             &simc__tsio_output_file},
    [SIMC__TSIO_PIPE] = {"pipe", "pipe:", false, &simc__tsio_input_file, &simc__tsio_output_file},
    [SIMC__TSIO_UDP] = {"udp", "udp://", true, &simc__tsio_input_udp, &simc__tsio_output_udp},
    [SIMC__TSIO_RTP] = {"rtp", "rtp://", true, &simc__tsio_input_udp, &simc__tsio_output_udp},
};

/* Behind the question mark of network addresses. */
static const struct option {
    const char *name;
    unsigned directions;
    bool is_text; /* an interface */
    size_t offset;
    uint32_t min, max, fallback_in, fallback_out;
} options[] = {
    {"interface", SIMC__TSIO_INPUT | SIMC__TSIO_OUTPUT, true,
     offsetof(struct simc__tsio_address, interface), 0, 0, 0, 0},
    {"ttl", SIMC__TSIO_OUTPUT, false, offsetof(struct simc__tsio_address, ttl), 1, 255, 0, 16},
    {"dscp", SIMC__TSIO_OUTPUT, false, offsetof(struct simc__tsio_address, dscp), 0, 63, 0, 0},
    {"buffer", SIMC__TSIO_INPUT | SIMC__TSIO_OUTPUT, false,
     offsetof(struct simc__tsio_address, buffer), 4096, 1 << 30, 4 << 20, 1 << 20},
    {"packets", SIMC__TSIO_OUTPUT, false, offsetof(struct simc__tsio_address, packets), 1,
     SIMC__TSIO_DATAGRAM_PACKETS, 0, SIMC__TSIO_DATAGRAM_PACKETS},
    {"early", SIMC__TSIO_OUTPUT, false, offsetof(struct simc__tsio_address, early_ms), 0, 10, 0, 0},
};

enum { OPTION_COUNT = sizeof options / sizeof options[0] };

static uint32_t *number_of(struct simc__tsio_address *address, const struct option *option)
{
    return (uint32_t *)(void *)((uint8_t *)address + option->offset);
}

/* An output's defaults for addresses that may be either. */
static uint32_t fallback_of(const struct option *option, unsigned directions)
{
    return directions & SIMC__TSIO_OUTPUT ? option->fallback_out : option->fallback_in;
}

const char *simc__tsio_kind_name(enum simc__tsio_kind kind)
{
    return (unsigned)kind < SIMC__TSIO_KIND_COUNT ? simc__tsio_kinds[kind].name : "?";
}

bool simc__tsio_can_wait(const struct simc__tsio_address *address)
{
    return !simc__tsio_kinds[address->kind].is_network;
}

socklen_t simc__tsio_sockaddr(const char *host, uint16_t port, struct sockaddr_storage *address)
{
    memset(address, 0, sizeof *address);
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)address) == 0)
        return sizeof(struct sockaddr_in);
    memset(address, 0, sizeof *address);
    if (uv_ip6_addr(host, port, (struct sockaddr_in6 *)address) == 0)
        return sizeof(struct sockaddr_in6);
    return 0;
}

/* ---- reading ---- */

/* Copies a piece of text. @return false: it is too long. */
static bool copy(char *into, size_t size, struct simc_slice text)
{
    if (text.size >= size)
        return false;
    memcpy(into, text.data, text.size);
    into[text.size] = '\0';
    return true;
}

static int refuse(char why[SIMC__TSIO_TEXT_SIZE], const char *format, struct simc_slice about,
                  const char *mend)
{
    char shown[81];
    size_t size = about.size < sizeof shown - 1 ? about.size : sizeof shown - 1;
    if (size)
        memcpy(shown, about.data, size);
    shown[size] = '\0';
    int len = snprintf(why, SIMC__TSIO_TEXT_SIZE, "'%s' %s", shown, format);
    if (mend && len >= 0 && len < SIMC__TSIO_TEXT_SIZE)
        snprintf(why + len, (size_t)(SIMC__TSIO_TEXT_SIZE - len), "; %s", mend);
    simc__text_disarm(why);
    return SIMC_ESYNTAX;
}

static int read_path(struct simc_slice text, struct simc__tsio_address *address,
                     char why[SIMC__TSIO_TEXT_SIZE])
{
    if (text.size == 0)
        return refuse(why, "has no path", text, "write file:PATH, pipe:PATH, - or udp://HOST:PORT");
    if (!copy(address->path, sizeof address->path, text))
        return refuse(why, "... is too long for a path", text, "1023 bytes are allowed");
    return 0;
}

/* Cuts `text` at the first `mark`: what is in front is returned, what is behind stays. Without a
 * mark, *found is false and nothing changes. */
static struct simc_slice cut(struct simc_slice *text, char mark, bool *found)
{
    const uint8_t *at = text->size ? memchr(text->data, mark, text->size) : NULL;
    *found = at != NULL;
    if (!at)
        return simc_slice(NULL, 0);
    struct simc_slice front = simc_slice(text->data, (size_t)(at - text->data));
    *text = simc_slice(at + 1, text->size - front.size - 1);
    return front;
}

/* An address in the form that stands in front of a port or an @: IPv6 in brackets. */
static int read_host(struct simc_slice text, char host[SIMC__TSIO_HOST_SIZE],
                     char why[SIMC__TSIO_TEXT_SIZE])
{
    struct sockaddr_storage address;
    bool has_brackets = text.size >= 2 && text.data[0] == '[' && text.data[text.size - 1] == ']';
    struct simc_slice bare = has_brackets ? simc_slice(text.data + 1, text.size - 2) : text;
    if (!copy(host, SIMC__TSIO_HOST_SIZE, bare) || strlen(host) != bare.size ||
        !simc__tsio_sockaddr(host, 0, &address))
        return refuse(why, "is no IPv4 or IPv6 address", text,
                      "names are not looked up; write 239.1.2.3 or [2001:db8::1]");
    if (has_brackets != (address.ss_family == AF_INET6))
        return refuse(why, "is written wrong", text,
                      "IPv6 stands in square brackets, IPv4 without them");
    return 0;
}

static int read_port(struct simc_slice text, uint16_t *port, char why[SIMC__TSIO_TEXT_SIZE])
{
    uint64_t value = 0;
    if (simc__text_read_uint(text, &value) || value < 1 || value > UINT16_MAX)
        return refuse(why, "is no port", text, "write a number from 1 to 65535");
    *port = (uint16_t)value;
    return 0;
}

static bool is_multicast(const char *host)
{
    struct sockaddr_storage address;
    if (!simc__tsio_sockaddr(host, 0, &address))
        return false;
    if (address.ss_family == AF_INET6)
        return ((struct sockaddr_in6 *)&address)->sin6_addr.s6_addr[0] == 0xff;
    return ntohl(((struct sockaddr_in *)&address)->sin_addr.s_addr) >> 28 == 0xe;
}

static bool is_ipv6(const char *host)
{
    return strchr(host, ':') != NULL;
}

/* [SOURCE@]HOST:PORT */
static int read_authority(struct simc_slice text, unsigned directions,
                          struct simc__tsio_address *address, char why[SIMC__TSIO_TEXT_SIZE])
{
    struct simc_slice whole = text;
    bool has_source = false;
    struct simc_slice source = cut(&text, '@', &has_source);
    if (has_source && source.size) {
        int error = read_host(source, address->source, why);
        if (error)
            return error;
    }
    size_t colon = text.size;
    while (colon > 0 && text.data[colon - 1] != ':')
        colon--;
    if (colon == 0 || (text.size && text.data[text.size - 1] == ']'))
        return refuse(why, "has no port", whole, "write HOST:PORT");
    struct simc_slice host = simc_slice(text.data, colon - 1);
    int error = read_port(simc_slice(text.data + colon, text.size - colon), &address->port, why);
    if (error)
        return error;
    if (host.size == 0 && directions == SIMC__TSIO_INPUT)
        host = simc_slice_text("0.0.0.0");
    error = read_host(host, address->host, why);
    if (error)
        return error;
    address->is_multicast = is_multicast(address->host);
    if (address->source[0] && is_ipv6(address->source) != is_ipv6(address->host))
        return refuse(why, "mixes IPv4 and IPv6", whole, "source and host are of one kind");
    if (address->source[0] && is_multicast(address->source))
        return refuse(why, "is no source", source, "a multicast address sends nothing");
    return 0;
}

static int read_interface(struct simc_slice value, char interface[SIMC__TSIO_HOST_SIZE],
                          char why[SIMC__TSIO_TEXT_SIZE])
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789.:-_%@";
    if (value.size == 0 || !copy(interface, SIMC__TSIO_HOST_SIZE, value) ||
        strspn(interface, allowed) != value.size)
        return refuse(why, "is no interface", value, "write its name or its address");
    return 0;
}

static int read_option(struct simc_slice text, unsigned directions, unsigned *seen,
                       struct simc__tsio_address *address, char why[SIMC__TSIO_TEXT_SIZE])
{
    struct simc_slice whole = text;
    bool has_value = false;
    struct simc_slice name = cut(&text, '=', &has_value);
    for (size_t i = 0; i < OPTION_COUNT && has_value; i++) {
        const struct option *option = &options[i];
        if (!simc_slice_equal(name, simc_slice_text(option->name)))
            continue;
        if (!(option->directions & directions))
            return refuse(why, "is no option of an input", name, "it belongs to an output");
        if (*seen & 1U << i)
            return refuse(why, "stands there twice", name, NULL);
        *seen |= 1U << i;
        if (option->is_text)
            return read_interface(text, address->interface, why);
        uint64_t value = 0;
        char range[64];
        snprintf(range, sizeof range, "%s is a number from %u to %u", option->name,
                 (unsigned)option->min, (unsigned)option->max);
        if (simc__text_read_uint(text, &value) || value < option->min || value > option->max)
            return refuse(why, "is out of range", whole, range);
        *number_of(address, option) = (uint32_t)value;
        return 0;
    }
    return refuse(why, "is no option", whole,
                  "there are interface=, buffer= and, for outputs, ttl=, dscp=, packets=");
}

static int read_network(struct simc_slice text, unsigned directions,
                        struct simc__tsio_address *address, char why[SIMC__TSIO_TEXT_SIZE])
{
    bool has_options = false;
    unsigned seen = 0;
    struct simc_slice rest = text, authority = cut(&rest, '?', &has_options);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (!options[i].is_text)
            *number_of(address, &options[i]) = fallback_of(&options[i], directions);
    }
    int error = read_authority(has_options ? authority : text, directions, address, why);
    while (has_options && !error) {
        struct simc_slice option = cut(&rest, '&', &has_options);
        error = read_option(has_options ? option : rest, directions, &seen, address, why);
    }
    return error;
}

/* The length of a scheme such as "udp:" at the front, 0: there is none. */
static size_t scheme_size(struct simc_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == ':')
            return i > 0 ? i + 1 : 0;
        if (!((c >= 'a' && c <= 'z') || (i > 0 && c >= '0' && c <= '9')))
            return 0;
    }
    return 0;
}

static bool starts_with(struct simc_slice text, const char *front)
{
    size_t size = strlen(front);
    return text.size >= size && memcmp(text.data, front, size) == 0;
}

int simc__tsio_address_read(const char *text, unsigned directions,
                            struct simc__tsio_address *address, char why[SIMC__TSIO_TEXT_SIZE])
{
    struct simc_slice whole = simc_slice_text(text);
    memset(address, 0, sizeof *address);
    why[0] = '\0';
    if (strcmp(text, "-") == 0) {
        address->kind = SIMC__TSIO_STANDARD;
        return 0;
    }
    size_t scheme = scheme_size(whole);
    if (!scheme) {
        address->kind = SIMC__TSIO_FILE;
        return read_path(whole, address, why);
    }
    for (unsigned i = 0; i < SIMC__TSIO_KIND_COUNT; i++) {
        const struct simc__tsio_kind_row *row = &simc__tsio_kinds[i];
        if (i == SIMC__TSIO_STANDARD || !starts_with(whole, row->scheme))
            continue;
        size_t size = strlen(row->scheme);
        struct simc_slice rest = simc_slice(whole.data + size, whole.size - size);
        address->kind = (enum simc__tsio_kind)i;
        return row->is_network ? read_network(rest, directions, address, why)
                               : read_path(rest, address, why);
    }
    refuse(why, "is no kind of address", simc_slice(whole.data, scheme),
           "there are file:, pipe:, -, udp:// and rtp://; a file of that name is ./NAME");
    return SIMC_EUNSUPPORTED;
}

/* ---- printing ---- */

static void put_host(struct simc_writer *out, const char *host)
{
    simc__text_printf(out, is_ipv6(host) ? "[%s]" : "%s", host);
}

void simc__tsio_address_put(struct simc_writer *out, const struct simc__tsio_address *address)
{
    const struct simc__tsio_kind_row *row = &simc__tsio_kinds[address->kind];
    simc__text_put(out, row->scheme);
    simc__text_put(out, address->path);
    if (!row->is_network)
        return;
    if (address->source[0]) {
        put_host(out, address->source);
        simc__text_put(out, "@");
    }
    put_host(out, address->host);
    simc__text_printf(out, ":%u", (unsigned)address->port);
    /* An input's numbers are all zero but the buffer. */
    unsigned directions = address->packets ? SIMC__TSIO_OUTPUT : SIMC__TSIO_INPUT;
    char mark = '?';
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &options[i];
        if (option->is_text && address->interface[0])
            simc__text_printf(out, "%c%s=%s", mark, option->name, address->interface);
        else if (!option->is_text && (option->directions & directions)) {
            uint32_t value;
            memcpy(&value, (const uint8_t *)address + option->offset, sizeof value);
            if (value == fallback_of(option, directions))
                continue;
            simc__text_printf(out, "%c%s=%u", mark, option->name, (unsigned)value);
        } else {
            continue;
        }
        mark = '&';
    }
}
