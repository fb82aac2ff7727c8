/* SPDX-License-Identifier: BSL-1.0 */
/* Datagrams of EMMGs on their way through muxd: sections and TS packets by TCP and UDP go in, and
 * what comes out of the engine must be exactly what was taken, byte for byte, in its order, nothing
 * twice and nothing lost. Run by libFuzzer, or over the corpus by the replay driver.
 *
 * Input: one byte of settings (bit 0 strict, bit 1 small allocations, bit 2 a small queue, bit 3 a
 * slow multiplex), then operations: one byte (low two bits: which, high bits: how) and what it
 * needs. See take_section() and take_packets(). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mux/emmg_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum operation { SECTIONS, PACKETS, UDP, TIME };

enum {
    CLIENT = 0x12340001,
    DATAGRAMS_MAX = 4,
    DATAGRAM_ROOM = 16384,
    STORE_SIZE = 1 << 20,
    ITEMS_MAX = 16384,
    OPERATIONS_MAX = 300,
    SECTION_ROOM = 4096,
    STEP_MS = 5,
    DRAIN_STEPS = 8000,
};

/* A section or packet that was taken. */
struct item {
    size_t at, size; /* in `store` */
    bool is_optional;
};

/* What a PID must bring. */
struct list {
    struct item items[ITEMS_MAX];
    size_t first, count;
    bool is_seen;
    uint8_t cc;
    uint8_t section[SECTION_ROOM];
    size_t size; /* of the section so far */
};

struct world {
    struct simc_reader in;
    struct simc__emmg_conf conf;
    struct simc__emmg_client_conf clients[1];
    uint8_t versions[1];
    struct simc__mux *mux;
    struct simc__emmg *emmg;
    struct simc__emmg_channel *channels[2]; /* by form: of sections, of packets */
    uint16_t pids[2];
    uint64_t now_ms, seed;
    struct list lists[2];
    uint8_t store[STORE_SIZE];
    size_t stored;
};

static struct world world;
static uint8_t rooms[DATAGRAMS_MAX][DATAGRAM_ROOM];
static struct simc_slice datagrams[DATAGRAMS_MAX];
static uint8_t message[SIMC_MSG_SIZE_MAX];

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "violated: %s\n", what);
        abort();
    }
}

/* ---- what comes out ---- */

/* The next item must be this one; those that perhaps were not taken may be left out. */
static void came(struct list *list, const uint8_t *bytes, size_t size)
{
    for (; list->first < list->count; list->first++) {
        const struct item *item = &list->items[list->first];
        if (item->size == size && memcmp(world.store + item->at, bytes, size) == 0) {
            list->first++;
            return;
        }
        require(item->is_optional, "the next one comes next, byte for byte");
    }
    require(false, "what comes out was taken");
}

static void section_bytes(struct list *list, const uint8_t *bytes, size_t size, bool may_begin)
{
    while (size > 0) {
        if (list->size == 0 && bytes[0] == 0xff) {
            for (size_t i = 0; i < size; i++)
                require(bytes[i] == 0xff, "only stuffing follows stuffing");
            return;
        }
        require(list->size > 0 || may_begin, "sections begin behind a pointer_field");
        size_t wanted = 3;
        if (list->size >= 3)
            wanted = 3u + ((list->section[1] & 0x0fu) << 8 | list->section[2]);
        size_t part = wanted - list->size < size ? wanted - list->size : size;
        require(list->size + part <= SECTION_ROOM, "a section has 4096 bytes at most");
        memcpy(list->section + list->size, bytes, part);
        list->size += part;
        bytes += part;
        size -= part;
        if (list->size < 3 ||
            list->size != 3u + ((list->section[1] & 0x0fu) << 8 | list->section[2]))
            continue;
        came(list, list->section, list->size);
        list->size = 0;
    }
}

static void section_packet(struct list *list, const uint8_t *packet)
{
    const uint8_t *payload = packet + 4;
    require((packet[3] & 0xf0) == 0x10, "packets of sections have a payload and no more");
    if (!(packet[1] & 0x40)) {
        require(list->size > 0, "without a pointer_field a section goes on");
        section_bytes(list, payload, 184, false);
        return;
    }
    size_t pointer = payload[0];
    require(pointer < 183, "the pointer_field points into the packet");
    require((list->size > 0) == (pointer > 0), "what is in front of it is the end of a section");
    section_bytes(list, payload + 1, pointer, false);
    require(list->size == 0, "the section ends where the pointer_field says");
    section_bytes(list, payload + 1 + pointer, 183 - pointer, true);
}

/* PID and continuity_counter are the mux's, all else is what was sent. */
static void other_packet(struct list *list, uint8_t *packet)
{
    packet[1] &= 0xe0;
    packet[2] = 0;
    packet[3] &= 0xf0;
    came(list, packet, SIMC_TS_SIZE);
}

static void look(const uint8_t *from)
{
    uint8_t packet[SIMC_TS_SIZE];
    uint16_t pid = simc_ts_pid(from);
    for (unsigned form = 0; form < 2; form++) {
        struct list *list = &world.lists[form];
        if (pid != world.pids[form])
            continue;
        memcpy(packet, from, sizeof packet);
        unsigned step = packet[3] & 0x10 ? 1 : 0, cc = packet[3] & 0xf;
        require(!list->is_seen || cc == ((list->cc + step) & 0xf), "the continuity is right");
        list->is_seen = true;
        list->cc = (uint8_t)cc;
        if (form == SIMC_DATAGRAM_PACKETS)
            other_packet(list, packet);
        else
            section_packet(list, packet);
    }
}

static void run(uint64_t steps)
{
    struct simc__mux_block block;
    for (; steps > 0; steps--) {
        world.now_ms += STEP_MS;
        simc__emmg_run(world.emmg, world.now_ms);
        while (simc__mux_run(world.mux, world.now_ms * 1000000, &block) == 0)
            for (size_t i = 0; i < block.count; i++)
                look(block.packets + i * SIMC_TS_SIZE);
    }
}

/* ---- what goes in ---- */

static uint8_t byte(void)
{
    return simc_reader_left(&world.in) ? simc_reader_u8(&world.in) : 0;
}

static void fill(uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        world.seed = world.seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
        out[i] = (uint8_t)(world.seed >> 56);
    }
}

static size_t take_raw(uint8_t *out)
{
    size_t size = byte();
    if (size > simc_reader_left(&world.in))
        size = simc_reader_left(&world.in);
    memcpy(out, simc_reader_slice(&world.in, size).data, size);
    return size;
}

/* One byte: 0x80 raw bytes; otherwise 0x40 a length that is wrong by one, 0x20 a byte too many, the
 * low two bits: how many more sections; then for each table_id and two bytes of size. */
static size_t take_section(uint8_t *out)
{
    uint8_t how = byte();
    size_t at = 0;
    if (how & 0x80)
        return take_raw(out);
    for (unsigned i = 0; i <= (how & 3u) && i < 3; i++) {
        uint8_t table_id = byte();
        size_t size = 3u + (size_t)(byte() << 8 | byte()) % 4094;
        size_t length = size - 3 + (how & 0x40 ? 1 : 0);
        fill(out + at, size);
        out[at] = table_id;
        out[at + 1] = (uint8_t)(0x70 | (length >> 8 & 0xf));
        out[at + 2] = (uint8_t)length;
        at += size;
    }
    return how & 0x20 ? at + 1 : at;
}

/* One byte: 0x80 raw bytes; otherwise 0x40 a wrong sync byte, 0x20 a byte too few, the low three
 * bits: how many more packets; then for each the bytes 1, 3 and 4 of it. */
static size_t take_packets(uint8_t *out)
{
    uint8_t how = byte();
    size_t at = 0;
    if (how & 0x80)
        return take_raw(out);
    for (unsigned i = 0; i <= (how & 7u); i++, at += SIMC_TS_SIZE) {
        fill(out + at, SIMC_TS_SIZE);
        out[at] = how & 0x40 && i == 0 ? 0x46 : 0x47;
        out[at + 1] = byte();
        out[at + 3] = byte();
        out[at + 4] = byte();
    }
    return how & 0x20 ? at - 1 : at;
}

/* ---- what should be taken ---- */

static bool are_sections(struct simc_slice datagram, bool is_strict)
{
    size_t at = 0, sections = 0;
    while (at + 3 <= datagram.size && datagram.data[at] != 0xff) {
        size_t length = (datagram.data[at + 1] & 0x0fu) << 8 | datagram.data[at + 2];
        if (length > 4093 || at + 3 + length > datagram.size)
            return false;
        at += 3 + length;
        sections++;
    }
    return at == datagram.size && sections > 0 && (sections == 1 || !is_strict);
}

static bool are_packets(struct simc_slice datagram)
{
    bool is_right = datagram.size > 0 && datagram.size % SIMC_TS_SIZE == 0;
    for (size_t at = 0; is_right && at < datagram.size; at += SIMC_TS_SIZE) {
        const uint8_t *packet = datagram.data + at;
        unsigned control = packet[3] >> 4 & 3;
        is_right = packet[0] == 0x47 && packet[3] >> 6 == 0 &&
                   (control == 1 || (control == 3 && packet[4] <= 182) ||
                    (control == 2 && packet[4] == 183));
    }
    return is_right;
}

static bool is_right(unsigned form, struct simc_slice datagram)
{
    return form == SIMC_DATAGRAM_PACKETS ? are_packets(datagram)
                                         : are_sections(datagram, world.conf.strict);
}

static void expect_item(unsigned form, const uint8_t *bytes, size_t size, bool is_optional)
{
    struct list *list = &world.lists[form];
    uint8_t *to = world.store + world.stored;
    require(list->count < ITEMS_MAX && world.stored + size <= STORE_SIZE, "the test has room");
    memcpy(to, bytes, size);
    if (form == SIMC_DATAGRAM_PACKETS) {
        to[1] &= 0xe0;
        to[2] = 0;
        to[3] &= 0xf0;
    }
    list->items[list->count++] = (struct item){world.stored, size, is_optional};
    world.stored += size;
}

static void expect_datagram(unsigned form, struct simc_slice datagram, bool is_optional)
{
    for (size_t at = 0, size; at < datagram.size; at += size) {
        size = SIMC_TS_SIZE;
        if (form == SIMC_DATAGRAM_SECTIONS)
            size = 3u + ((datagram.data[at + 1] & 0x0fu) << 8 | datagram.data[at + 2]);
        expect_item(form, datagram.data + at, size, is_optional);
    }
}

/* ---- messages ---- */

static void say(struct simc__emmg_channel *channel, size_t size)
{
    struct simc_session *session = simc__emmg_channel_session(channel);
    simc_session_feed(session, simc_slice(message, size), world.now_ms);
    simc__emmg_channel_events(channel, world.now_ms);
    /* A stream was opened: the next message is for the next turn. */
    while (simc__emmg_deadline_ms(world.emmg) <= world.now_ms) {
        simc__emmg_run(world.emmg, world.now_ms);
        simc__emmg_channel_events(channel, world.now_ms);
    }
    simc_session_sent(session, simc_session_output(session).size);
    require(simc_session_is_open(session), "data does not end a channel");
}

static struct simc__emmg_stream *find_stream(unsigned form, uint16_t id)
{
    struct simc__emmg_stream *stream = world.emmg->streams;
    while (stream && (stream->channel != world.channels[form] || stream->stream_id != id))
        stream = stream->next;
    require(stream != NULL, "the stream is open");
    return stream;
}

static uint16_t data_id_of(unsigned form, uint16_t id)
{
    return (uint16_t)(form * 10u + id);
}

static void send_data(unsigned form, uint16_t id, size_t count, bool is_udp)
{
    struct simc_writer out = simc_writer(message, sizeof message);
    const struct simc_emmg_data_provision provision = {
        .client_id = CLIENT,
        .has_data_channel_id = true,
        .data_channel_id = (uint16_t)(form + 1),
        .has_data_stream_id = true,
        .data_stream_id = id,
        .has_data_id = true,
        .data_id = data_id_of(form, id),
        .datagram = {.count = (uint32_t)count, .items = datagrams},
    };
    int error = is_udp ? simc_emmg_udp_write(3, CLIENT, provision.data_id, datagrams, count, &out)
                       : simc_emmg_data_provision_put(&out, 3, &provision);
    require(error == 0, "the message can be written");
    if (is_udp) {
        simc__emmg_udp(world.emmg, simc_slice(message, out.at), world.now_ms);
        simc__emmg_run(world.emmg, world.now_ms);
    } else {
        say(world.channels[form], out.at);
    }
}

/* Sends a message, and notes what of it must come out. */
static void provide(unsigned form, uint16_t id, size_t count, bool is_udp)
{
    struct simc__emmg_stream *stream = find_stream(form, id);
    struct simc__emmg_stream before = *stream;
    uint64_t right = 0, wrong = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size =
            form == SIMC_DATAGRAM_PACKETS ? take_packets(rooms[i]) : take_section(rooms[i]);
        datagrams[i] = simc_slice(rooms[i], size);
        *(is_right(form, datagrams[i]) ? &right : &wrong) += size;
    }
    send_data(form, id, count, is_udp);
    uint64_t dropped[SIMC__EMMG_DROP_COUNT];
    for (unsigned i = 0; i < SIMC__EMMG_DROP_COUNT; i++)
        dropped[i] = stream->dropped[i] - before.dropped[i];
    uint64_t inserted = stream->inserted - before.inserted;
    require(stream->received - before.received == right + wrong, "what comes is counted");
    require(dropped[SIMC__EMMG_DROP_NO_MULTIPLEX] == 0, "there is a multiplex");
    if (dropped[SIMC__EMMG_DROP_EXCESS]) {
        require(dropped[SIMC__EMMG_DROP_EXCESS] == right + wrong && inserted == 0,
                "a message beyond the allocation is dropped as a whole");
        return;
    }
    require(dropped[SIMC__EMMG_DROP_WRONG] == wrong, "what is wrong is dropped");
    require(inserted + dropped[SIMC__EMMG_DROP_FULL] == right, "what is right is taken");
    for (size_t i = 0; i < count; i++)
        if (is_right(form, datagrams[i]))
            expect_datagram(form, datagrams[i], dropped[SIMC__EMMG_DROP_FULL] > 0);
}

static bool has_room(void)
{
    return world.stored + (size_t)DATAGRAMS_MAX * DATAGRAM_ROOM <= STORE_SIZE &&
           world.lists[0].count + 256 * DATAGRAMS_MAX <= ITEMS_MAX;
}

static void operate(void)
{
    uint8_t how = byte();
    uint16_t id = (uint16_t)(1 + (how >> 2 & 1));
    size_t count = 1u + (how >> 3 & 3u);
    switch ((enum operation)(how & 3)) {
    case SECTIONS:
        provide(SIMC_DATAGRAM_SECTIONS, id, count, false);
        break;
    case PACKETS:
        provide(SIMC_DATAGRAM_PACKETS, 1, count, false);
        break;
    case UDP:
        provide(SIMC_DATAGRAM_SECTIONS, id, count, true);
        break;
    case TIME:
        run(1u + (how >> 2));
        break;
    }
}

/* ---- the world ---- */

static struct simc__mux *find(void *context, const char *multiplex)
{
    (void)context;
    return multiplex ? NULL : world.mux;
}

static void flush(void *context, struct simc__emmg_channel *channel)
{
    (void)context;
    (void)channel;
}

static void open_stream(unsigned form, uint16_t id)
{
    struct simc_writer out = simc_writer(message, sizeof message);
    const struct simc_emmg_stream_setup setup = {
        .client_id = CLIENT,
        .data_channel_id = (uint16_t)(form + 1),
        .data_stream_id = id,
        .has_data_id = true,
        .data_id = data_id_of(form, id),
        .data_type = SIMC_DATA_TYPE_EMM,
    };
    require(simc_emmg_stream_setup_put(&out, 3, &setup) == 0, "stream_setup can be written");
    say(world.channels[form], out.at);
    world.pids[form] = find_stream(form, id)->carrier->pid;
}

static void open_channel(unsigned form)
{
    static const struct simc__emmg_peer peer = {.address = "192.0.2.1:40000"};
    struct simc_writer out = simc_writer(message, sizeof message);
    const struct simc_emmg_channel_setup setup = {
        .client_id = CLIENT,
        .data_channel_id = (uint16_t)(form + 1),
        .section_tspkt_flag = (uint8_t)form,
    };
    require(simc__emmg_channel_new(world.emmg, &peer, world.now_ms, &world.channels[form]) == 0,
            "a connection is made");
    require(simc_emmg_channel_setup_put(&out, 3, &setup) == 0, "channel_setup can be written");
    say(world.channels[form], out.at);
}

static void begin(uint8_t how)
{
    static const struct simc__mux_input_config input = {.name = "in", .delay_ms = 200};
    const struct simc__mux_config config = {.name = "out",
                                            .timeline_id = 1,
                                            .rate = SIMC__MUX_CONSTANT,
                                            .bitrate = how & 8 ? 300000 : 4000000,
                                            .choice = SIMC__MUX_TRANSPARENT,
                                            .ts_id = 1,
                                            .network_id = 1,
                                            .program_limit = 1,
                                            .input_count = 1,
                                            .inputs = &input};
    const struct simc__emmg_environment environment = {.find = find, .flush = flush};
    char why[SIMC__MUX_TEXT_SIZE];
    world.versions[0] = 3;
    world.clients[0] = (struct simc__emmg_client_conf){
        .priority = 4,
        .bandwidth_kbitps = 65535,
        .default_bandwidth_kbitps = how & 2 ? 60 : 1000,
    };
    world.conf = (struct simc__emmg_conf){
        .versions = world.versions,
        .versions_count = 1,
        .strict = how & 1,
        .bandwidth_kbitps = 4000,
        .burst_ms = 1000,
        .clients = world.clients,
        .clients_count = 1,
        .limits = {.channels = 4,
                   .streams_per_channel = 4,
                   .streams = 8,
                   .message_length = 65535,
                   .faults = 32,
                   .queue = how & 4 ? 70000 : 262144},
        .timers = {.setup_ms = 30000, .close_ms = 1000, .test_ms = 5000},
    };
    require(simc__mux_new(&config, &world.mux, why) == 0, "an engine is made");
    require(simc__emmg_new(&environment, &world.conf, &world.emmg) == 0, "a server is made");
    open_channel(SIMC_DATAGRAM_SECTIONS);
    open_channel(SIMC_DATAGRAM_PACKETS);
    open_stream(SIMC_DATAGRAM_SECTIONS, 1);
    open_stream(SIMC_DATAGRAM_SECTIONS, 2);
    open_stream(SIMC_DATAGRAM_PACKETS, 1);
}

static bool is_empty(void)
{
    bool empty = true;
    for (const struct simc__emmg_carrier *carrier = world.emmg->carriers; carrier;
         carrier = carrier->next)
        empty = empty && simc__emmg_carrier_fill(carrier) == 0;
    return empty;
}

/* All that was taken comes out. */
static void end(void)
{
    unsigned steps = 0;
    while (!is_empty() && steps++ < DRAIN_STEPS)
        run(1);
    run(10);
    require(is_empty(), "the queues become empty");
    for (unsigned form = 0; form < 2; form++) {
        struct list *list = &world.lists[form];
        for (; list->first < list->count; list->first++)
            require(list->items[list->first].is_optional, "nothing that was taken is lost");
        require(list->size == 0, "no section is cut off");
        simc__emmg_channel_free(world.channels[form], "it left", world.now_ms);
    }
    simc__emmg_free(world.emmg);
    simc__mux_free(world.mux);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    for (unsigned form = 0; form < 2; form++) {
        struct list *list = &world.lists[form];
        list->first = list->count = list->size = 0;
        list->is_seen = false;
    }
    world.stored = 0;
    world.seed = 1;
    world.now_ms = 1000;
    world.in = simc_reader(simc_slice(data + 1, size - 1));
    begin(data[0]);
    for (unsigned i = 0; i < OPERATIONS_MAX && simc_reader_left(&world.in) && has_room(); i++)
        operate();
    end();
    return 0;
}
