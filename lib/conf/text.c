/* SPDX-License-Identifier: BSL-1.0 */
/* Reads text, paths, addresses and the paths of secrets into members; see internal.h. The table in
 * scalar.c calls it. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "conf/internal.h"

static bool wrong_text(struct simc__conf_loading *l, const struct simc__conf_place *place,
                       const struct simc__conf_node *node, const char *what)
{
    char shown[SIMC__CONF_SHOWN_SIZE];
    return simc__conf_wrong(l, place, node, "%s %s", simc__conf_shown(node->text, shown), what);
}

bool simc__conf_has_controls(struct simc_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        const uint8_t *p = text.data + i;
        bool c1 = *p == 0xc2 && text.size - i > 1 && p[1] < 0xa0;
        bool none = *p == 0xef && text.size - i > 2 && p[1] == 0xbf && p[2] >= 0xbe;
        if (*p < 0x20 || *p == 0x7f || c1 || none)
            return true;
    }
    return false;
}

/* What text, paths and addresses have in common. */
static bool is_one_line(struct simc__conf_loading *l, const struct simc__conf_place *place,
                        const struct simc__conf_node *node, uint64_t min, uint64_t max)
{
    if (node->text.size < min && node->text.size == 0)
        return simc__conf_wrong(l, place, node, "the text must not be empty");
    if (node->text.size < min)
        return simc__conf_wrong(l, place, node,
                                "the text has %zu bytes, but must have at least %llu",
                                node->text.size, (unsigned long long)min);
    if (node->text.size > max)
        return simc__conf_wrong(l, place, node, "the text has %zu bytes, but may have at most %llu",
                                node->text.size, (unsigned long long)max);
    if (simc__conf_has_controls(node->text))
        return wrong_text(l, place, node,
                          "holds a line end or control character; write it on one line, without "
                          "| and >");
    return true;
}

static bool passes_check(struct simc__conf_loading *l, const struct simc__conf_place *place,
                         const struct simc__conf_row *row, const struct simc__conf_node *node)
{
    char why[SIMC__CONF_WHY_SIZE] = "";
    if (!row->check || row->check(node->text, why))
        return true;
    why[sizeof why - 1] = '\0';
    return wrong_text(l, place, node, why);
}

bool simc__conf_load_text(struct simc__conf_loading *loading, const struct simc__conf_place *place,
                          const struct simc__conf_row *row, const struct simc__conf_node *node,
                          uint8_t *member)
{
    if (!is_one_line(loading, place, node, row->min, simc__conf_row_max(row)) ||
        !passes_check(loading, place, row, node))
        return false;
    const char *copy = simc__conf_arena_text(loading->arena, node->text);
    memcpy(member, &copy, sizeof copy);
    return copy != NULL;
}

/* @return the path as a program opens it, or NULL. */
static const char *take_path(struct simc__conf_loading *l, const struct simc__conf_place *place,
                             const struct simc__conf_node *node)
{
    struct simc_slice text = node->text, folder = l->folder;
    if (text.data[0] == '~') {
        wrong_text(l, place, node, "begins with ~, which only shells understand; write the folder");
        return NULL;
    }
    if (text.data[0] == '/')
        return simc__conf_arena_text(l->arena, text);
    if (folder.size + text.size > SIMC__CONF_PATH_MAX) {
        wrong_text(l, place, node, "is too long together with the folder of the configuration");
        return NULL;
    }
    char *path = simc__conf_arena_take(l->arena, 1, folder.size + text.size + 1);
    if (!path)
        return NULL;
    if (folder.size)
        memcpy(path, folder.data, folder.size);
    memcpy(path + folder.size, text.data, text.size);
    return path;
}

bool simc__conf_load_path(struct simc__conf_loading *loading, const struct simc__conf_place *place,
                          const struct simc__conf_row *row, const struct simc__conf_node *node,
                          uint8_t *member)
{
    if (!is_one_line(loading, place, node, 1, SIMC__CONF_PATH_MAX) ||
        !passes_check(loading, place, row, node))
        return false;
    const char *path = take_path(loading, place, node);
    memcpy(member, &path, sizeof path);
    return path != NULL;
}

bool simc__conf_load_secret(struct simc__conf_loading *loading,
                            const struct simc__conf_place *place, const struct simc__conf_row *row,
                            const struct simc__conf_node *node, uint8_t *member)
{
    struct simc__conf_secret secret = {.line = node->mark.line, .column = node->mark.column};
    if (!is_one_line(loading, place, node, 1, SIMC__CONF_PATH_MAX) ||
        !passes_check(loading, place, row, node))
        return false;
    secret.path = take_path(loading, place, node);
    if (secret.path)
        secret.value = simc__conf_arena_take(loading->arena, 1, sizeof *secret.value);
    memcpy(member, &secret, sizeof secret);
    return secret.value != NULL;
}

/* ---- addresses ---- */

/* RFC 1123 2.1, and '_', which networks of containers use. */
static bool is_host_name(struct simc_slice host)
{
    size_t label = 0;
    for (size_t i = 0; i < host.size; i++) {
        uint8_t c = host.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool last = i + 1 == host.size || host.data[i + 1] == '.';
        if (c == '.') {
            if (label == 0)
                return false;
            label = 0;
            continue;
        }
        if (!letter && c != '_' && (c != '-' || label == 0 || last))
            return false;
        if (++label > 63)
            return false;
    }
    return host.size > 0 && host.size <= 253 && label > 0;
}

/* Digits and dots look like an IPv4 address; resolvers would take 1.2 for 1.0.0.2. */
static bool looks_ipv4(struct simc_slice host)
{
    size_t at = host.size;
    while (at > 0 && host.data[at - 1] >= '0' && host.data[at - 1] <= '9')
        at--;
    return at < host.size && (at == 0 || host.data[at - 1] == '.');
}

static bool is_ip(int family, struct simc_slice host)
{
    uint8_t binary[16];
    char text[64];
    const uint8_t *zone = memchr(host.data, '%', host.size);
    if (family == AF_INET6 && zone) {
        struct simc_slice name = simc_slice(zone + 1, host.size - (size_t)(zone - host.data) - 1);
        if (name.size > 15 || !is_host_name(name))
            return false;
        host.size = (size_t)(zone - host.data);
    }
    if (host.size >= sizeof text)
        return false;
    memcpy(text, host.data, host.size);
    text[host.size] = '\0';
    return inet_pton(family, text, binary) == 1;
}

/* Splits `host:port` and `[host]:port`. @return NULL, or what is wrong. */
static const char *split(struct simc_slice text, struct simc_slice *host, struct simc_slice *port)
{
    const uint8_t *colon = memrchr(text.data, ':', text.size);
    if (!colon)
        return "has no port; write host:port";
    size_t before = (size_t)(colon - text.data);
    *port = simc_slice(colon + 1, text.size - before - 1);
    *host = simc_slice(text.data, before);
    if (before == 0)
        return "has no host; write 0.0.0.0 or [::] for all interfaces";
    if (before == 1 && text.data[0] == '*')
        return "has no host; write 0.0.0.0 or [::] for all interfaces instead of *";
    if (text.data[0] == '[' && text.data[text.size - 1] == ']')
        return "has no port; write [host]:port";
    if (text.data[0] != '[' && memchr(text.data, ':', before))
        return "needs brackets around the IPv6 address, and quotes: \"[::1]:2222\"";
    return NULL;
}

static const char *classify(struct simc_slice *host, enum simc__conf_host *kind)
{
    if (host->data[0] == '[') {
        bool closed = host->size > 2 && host->data[host->size - 1] == ']';
        *host = simc_slice(host->data + 1, closed ? host->size - 2 : 0);
        *kind = SIMC__CONF_HOST_IPV6;
        return closed && is_ip(AF_INET6, *host) ? NULL : "holds no valid IPv6 address";
    }
    if (looks_ipv4(*host)) {
        *kind = SIMC__CONF_HOST_IPV4;
        return is_ip(AF_INET, *host) ? NULL : "holds no valid IPv4 address";
    }
    *kind = SIMC__CONF_HOST_NAME;
    return is_host_name(*host) ? NULL : "holds no valid host name";
}

bool simc__conf_load_address(struct simc__conf_loading *loading,
                             const struct simc__conf_place *place, const struct simc__conf_row *row,
                             const struct simc__conf_node *node, uint8_t *member)
{
    struct simc__conf_address address = {NULL, SIMC__CONF_HOST_NAME, 0};
    struct simc_slice host, port;
    uint64_t number, min = simc__conf_row_min(row), max = simc__conf_row_max(row);
    if (!is_one_line(loading, place, node, 1, SIMC__CONF_TEXT_MAX))
        return false;
    const char *why = split(node->text, &host, &port);
    if (!why)
        why = classify(&host, &address.kind);
    if (why)
        return wrong_text(loading, place, node, why);
    if (simc__text_read_uint(port, &number) || (port.size > 1 && (port.data[1] | 0x20) == 'x'))
        return wrong_text(loading, place, node, "holds no valid port; write host:port");
    if (number < min || number > max)
        return simc__conf_wrong(loading, place, node, "port %llu is not between %llu and %llu",
                                (unsigned long long)number, (unsigned long long)min,
                                (unsigned long long)max);
    address.port = (uint16_t)number;
    address.host = simc__conf_arena_text(loading->arena, host);
    memcpy(member, &address, sizeof address);
    return address.host != NULL;
}
