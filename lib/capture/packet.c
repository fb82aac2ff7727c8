/* SPDX-License-Identifier: BSL-1.0 */
/* One packet: link header, IPv4 or IPv6, TCP or UDP. capture.c hands packets in; datagrams leave as
 * events, TCP goes on to connection.c, and fragments take a turn through fragment.c.
 *
 * Sizes come in pairs here: what was captured (a slice) and what was on the wire. */
#include <string.h>

#include "capture/internal.h"

enum {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_MIN = 0x0600, /* smaller values are lengths of IEEE 802.3 frames */
    VLAN_TAGS_MAX = 4,

    PROTOCOL_HOP_BY_HOP = 0,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    PROTOCOL_ROUTING = 43,
    PROTOCOL_FRAGMENT = 44,
    PROTOCOL_AH = 51,
    PROTOCOL_DESTINATION = 60,
    PROTOCOL_MOBILITY = 135,

    OFFLOAD_SIZE_MAX = 1 << 20, /* of a packet without a length; systems stop at 512 KiB */

    IPV4_HEADER_SIZE = 20,
    IPV6_HEADER_SIZE = 40,
    TCP_HEADER_SIZE = 20,
    UDP_HEADER_SIZE = 8,

    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_ACK = 0x10,
};

/* ---- from the link header to the IP version ---- */

/* An EtherType behind which IP may follow, perhaps with VLAN tags before it: 4, 6 or 0. */
static unsigned ethertype_family(struct simc_reader *frame, uint16_t type)
{
    for (int tags = 0; type == 0x8100 || type == 0x88a8 || type == 0x9100; tags++) {
        if (tags == VLAN_TAGS_MAX)
            return 0;
        simc_reader_take(frame, 2);
        type = simc_reader_u16(frame);
    }
    return type == ETHERTYPE_IPV4 ? 4 : type == ETHERTYPE_IPV6 ? 6 : 0;
}

static unsigned ethernet_family(struct simc_reader *frame)
{
    simc_reader_take(frame, 12);
    uint16_t type = simc_reader_u16(frame);
    return type < ETHERTYPE_MIN ? 0 : ethertype_family(frame, type);
}

static unsigned sll_family(struct simc_reader *frame)
{
    simc_reader_take(frame, 14);
    uint16_t type = simc_reader_u16(frame);
    return ethertype_family(frame, type);
}

static unsigned sll2_family(struct simc_reader *frame)
{
    uint16_t type = simc_reader_u16(frame);
    simc_reader_take(frame, 18);
    return ethertype_family(frame, type);
}

/* The address family number of the system that captured; its byte order is not known. */
static unsigned loopback_family(struct simc_reader *frame)
{
    uint32_t family = simc_reader_u32(frame);
    if (family > 0xffff)
        family = family >> 24 | (family >> 8 & 0xff00);
    switch (family) {
    case 2:
        return 4;
    case 10: /* Linux */
    case 24: /* NetBSD, OpenBSD */
    case 28: /* FreeBSD */
    case 30: /* Darwin */
        return 6;
    }
    return 0;
}

static unsigned raw_family(struct simc_reader *frame)
{
    struct simc_reader ahead = *frame;
    unsigned version = simc_reader_u8(&ahead) >> 4;
    frame->error = ahead.error;
    return version == 4 || version == 6 ? version : 0;
}

static unsigned link_family(struct simc_reader *frame, uint32_t link_type)
{
    switch (link_type) {
    case SIMC__CAPTURE_LINK_ETHERNET:
        return ethernet_family(frame);
    case SIMC__CAPTURE_LINK_LINUX_SLL:
        return sll_family(frame);
    case SIMC__CAPTURE_LINK_LINUX_SLL2:
        return sll2_family(frame);
    case SIMC__CAPTURE_LINK_NULL_:
    case SIMC__CAPTURE_LINK_LOOP:
        return loopback_family(frame);
    case SIMC__CAPTURE_LINK_RAW:
        return raw_family(frame);
    case SIMC__CAPTURE_LINK_IPV4:
        return 4;
    case SIMC__CAPTURE_LINK_IPV6:
        return 6;
    }
    return 0;
}

/* ---- IP ---- */

/* A result of the header parsers below. */
enum outcome { GOOD, MALFORMED, CUT_HEADER, OTHER };

/* Sets the payload to the next bytes of the packet, `size` of them on the wire. */
static void payload_set(struct simc__ip *ip, const struct simc_reader *packet, size_t size)
{
    size_t captured = simc_reader_left(packet);
    ip->size = size;
    ip->payload = simc_slice(packet->data + packet->at, captured < size ? captured : size);
}

/* Removes headers from the front of the payload. */
static void payload_drop(struct simc__ip *ip, size_t size)
{
    ip->payload.data += size;
    ip->payload.size -= size;
    ip->size -= size;
}

/* @param wire_size bytes on the wire from the IP header on. [RFC 791 3.1] */
static enum outcome ipv4_read(struct simc__ip *ip, struct simc_reader *packet, size_t wire_size)
{
    unsigned first = simc_reader_u8(packet);
    if (!packet->error && first >> 4 != 4)
        return MALFORMED;
    simc_reader_take(packet, 1);
    size_t total = simc_reader_u16(packet);
    ip->id = simc_reader_u16(packet);
    unsigned flags_offset = simc_reader_u16(packet);
    simc_reader_take(packet, 1);
    ip->protocol = simc_reader_u8(packet);
    simc_reader_take(packet, 2);
    const uint8_t *from = simc_reader_take(packet, 4);
    const uint8_t *to = simc_reader_take(packet, 4);
    size_t header = (size_t)(first & 0xf) * 4;
    if (packet->error)
        return CUT_HEADER;
    if (header < IPV4_HEADER_SIZE)
        return MALFORMED;
    /* Segmentation offload hands over packets that are too long for the field: it is 0 then. */
    if (total == 0)
        total = wire_size;
    if (total < header || total > OFFLOAD_SIZE_MAX)
        return MALFORMED;
    simc_reader_take(packet, header - IPV4_HEADER_SIZE);
    if (packet->error)
        return CUT_HEADER;
    ip->from.family = ip->to.family = 4;
    memcpy(ip->from.address, from, 4);
    memcpy(ip->to.address, to, 4);
    ip->offset = (flags_offset & 0x1fff) * 8;
    ip->more = flags_offset & 0x2000;
    ip->fragment = ip->more || ip->offset;
    payload_set(ip, packet, total - header);
    return GOOD;
}

/* Steps over the extension headers up to a transport header, a fragment or something unknown.
 * A fragment that is none (offset 0, nothing follows) is stepped over too. [RFC 6946] */
static enum outcome extensions_read(struct simc__ip *ip)
{
    for (;;) {
        struct simc_reader header = simc_reader(ip->payload);
        uint8_t protocol = simc_reader_u8(&header);
        size_t size = simc_reader_u8(&header);
        unsigned offset_more;
        switch (ip->protocol) {
        case PROTOCOL_HOP_BY_HOP:
        case PROTOCOL_ROUTING:
        case PROTOCOL_DESTINATION:
        case PROTOCOL_MOBILITY:
            size = (size + 1) * 8;
            break;
        case PROTOCOL_AH:
            size = (size + 2) * 4;
            break;
        case PROTOCOL_FRAGMENT:
            size = 8;
            offset_more = simc_reader_u16(&header);
            ip->id = simc_reader_u32(&header);
            ip->offset = offset_more & 0xfff8;
            ip->more = offset_more & 1;
            ip->fragment = ip->offset || ip->more;
            break;
        default:
            return GOOD;
        }
        if (size > ip->size)
            return MALFORMED;
        if (header.error || size > ip->payload.size)
            return CUT_HEADER;
        ip->protocol = protocol;
        payload_drop(ip, size);
        if (ip->fragment)
            return GOOD;
    }
}

/* [RFC 8200 3] */
static enum outcome ipv6_read(struct simc__ip *ip, struct simc_reader *packet, size_t wire_size)
{
    unsigned first = simc_reader_u8(packet);
    if (!packet->error && first >> 4 != 6)
        return MALFORMED;
    simc_reader_take(packet, 3);
    size_t size = simc_reader_u16(packet);
    ip->protocol = simc_reader_u8(packet);
    simc_reader_take(packet, 1);
    const uint8_t *from = simc_reader_take(packet, 16);
    const uint8_t *to = simc_reader_take(packet, 16);
    if (packet->error)
        return CUT_HEADER;
    /* As with IPv4; jumbograms [RFC 2675] look the same. */
    if (size == 0 && wire_size > IPV6_HEADER_SIZE)
        size = wire_size - IPV6_HEADER_SIZE;
    if (size > OFFLOAD_SIZE_MAX)
        return MALFORMED;
    ip->from.family = ip->to.family = 6;
    memcpy(ip->from.address, from, 16);
    memcpy(ip->to.address, to, 16);
    payload_set(ip, packet, size);
    return extensions_read(ip);
}

/* ---- TCP and UDP ---- */

/* [RFC 9293 3.1] */
static enum outcome tcp_take(struct simc__capture *capture, struct simc__ip *ip)
{
    struct simc__tcp tcp = {.from = ip->from, .to = ip->to};
    struct simc_reader header = simc_reader(ip->payload);
    tcp.from.port = simc_reader_u16(&header);
    tcp.to.port = simc_reader_u16(&header);
    tcp.seq = simc_reader_u32(&header);
    tcp.ack = simc_reader_u32(&header);
    size_t header_size = (size_t)(simc_reader_u8(&header) >> 4) * 4;
    unsigned flags = simc_reader_u8(&header);
    if (ip->size < TCP_HEADER_SIZE)
        return MALFORMED;
    if (header.error)
        return CUT_HEADER;
    if (header_size < TCP_HEADER_SIZE || header_size > ip->size)
        return MALFORMED;
    /* Options tell us nothing: when the cut is in them, or behind, all that is lost is payload. */
    size_t there = header_size < ip->payload.size ? header_size : ip->payload.size;
    tcp.payload = simc_slice(ip->payload.data + there, ip->payload.size - there);
    tcp.size = ip->size - header_size;
    tcp.syn = flags & TCP_SYN;
    tcp.fin = flags & TCP_FIN;
    tcp.rst = flags & TCP_RST;
    tcp.has_ack = flags & TCP_ACK;
    SIMC__COUNT(capture, segments);
    if (tcp.payload.size < tcp.size)
        SIMC__COUNT(capture, cut_packets);
    simc__connection_take(capture, &tcp);
    return GOOD;
}

/* [RFC 768] */
static enum outcome udp_take(struct simc__capture *capture, struct simc__ip *ip)
{
    struct simc_reader header = simc_reader(ip->payload);
    struct simc__capture_event event = {
        .kind = SIMC__CAPTURE_DATAGRAM,
        .connection = SIMC__CAPTURE_NO_CONNECTION,
        .from = ip->from,
        .to = ip->to,
    };
    event.from.port = simc_reader_u16(&header);
    event.to.port = simc_reader_u16(&header);
    size_t size = simc_reader_u16(&header);
    simc_reader_take(&header, 2);
    if (ip->size < UDP_HEADER_SIZE)
        return MALFORMED;
    if (header.error)
        return CUT_HEADER;
    if (size == 0)
        size = ip->size;
    if (size < UDP_HEADER_SIZE || size > ip->size)
        return MALFORMED;
    size_t captured = ip->payload.size < size ? ip->payload.size : size;
    event.size = size - UDP_HEADER_SIZE;
    event.bytes = simc_slice(ip->payload.data + UDP_HEADER_SIZE, captured - UDP_HEADER_SIZE);
    event.cut = captured < size;
    SIMC__COUNT(capture, datagrams);
    if (event.cut)
        SIMC__COUNT(capture, cut_packets);
    simc__capture_emit(capture, &event, NULL);
    return GOOD;
}

static enum outcome ip_take(struct simc__capture *capture, struct simc__ip *ip)
{
    if (ip->fragment) {
        if (!simc__fragment_take(capture, ip))
            return GOOD;
        /* Only IPv6 can have more headers inside; another fragment header would be hostile. */
        if (ip->from.family == 6) {
            enum outcome outcome = extensions_read(ip);
            if (outcome != GOOD)
                return outcome;
            if (ip->fragment)
                return MALFORMED;
        }
    }
    if (ip->protocol == PROTOCOL_TCP)
        return tcp_take(capture, ip);
    if (ip->protocol == PROTOCOL_UDP)
        return udp_take(capture, ip);
    return OTHER;
}

void simc__packet_take(struct simc__capture *capture, uint32_t link_type,
                       struct simc_slice captured, size_t wire_size)
{
    if (wire_size < captured.size)
        wire_size = captured.size;
    struct simc_reader frame = simc_reader(captured);
    unsigned family = link_family(&frame, link_type);
    if (frame.error) {
        SIMC__COUNT(capture, cut_headers);
        return;
    }
    if (family == 0) {
        SIMC__COUNT(capture, not_ip);
        return;
    }
    /* From here on offsets count from the IP header. */
    struct simc__ip ip = {0};
    size_t ip_wire_size = wire_size - frame.at;
    enum outcome outcome =
        family == 4 ? ipv4_read(&ip, &frame, ip_wire_size) : ipv6_read(&ip, &frame, ip_wire_size);
    if (outcome == GOOD)
        outcome = ip_take(capture, &ip);
    if (outcome == MALFORMED)
        SIMC__COUNT(capture, malformed);
    else if (outcome == CUT_HEADER)
        SIMC__COUNT(capture, cut_headers);
    else if (outcome == OTHER)
        SIMC__COUNT(capture, not_tcp_udp);
}
