/* SPDX-License-Identifier: BSL-1.0 */
/* A judge of scrambled transport streams that shares nothing with the libraries: it takes packets
 * apart by itself, descrambles CISSA with OpenSSL's EVP, and compares with the clear stream that
 * went in. The end-to-end scenarios call it.
 *
 *     ts-judge BITRATE ecms FILE PID...   a JSON line for each run of equal sections on these PIDs
 *     ts-judge BITRATE check CLEAR SCRAMBLED WORDS OUT[=IN]...
 *
 * WORDS has a line `CP HEX` for each control word. OUT is a PID of SCRAMBLED that shares control
 * words with the others named, IN the same PID in CLEAR (the same number when it is not given).
 * Which control word a run of equal parity has is found by trying; all of its packets must then
 * give the clear ones, byte for byte and in order. Ticks are 27 MHz since the first packet; BITRATE
 * is that of the stream that is judged, which has null packets. */
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PACKET = 188, PIDS = 8192, BLOCK = 16, NULL_PID = 0x1fff, SECTION = 4096, AHEAD = 64 };

static void die(const char *what, const char *which)
{
    fprintf(stderr, "ts-judge: %s: %s\n", what, which);
    exit(2);
}

static void *take(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        die("no memory", "");
    return memory;
}

/* ---- streams ---- */

struct stream {
    uint8_t *data;
    size_t count;
};

static unsigned pid_of(const uint8_t *packet)
{
    return (unsigned)(packet[1] & 0x1f) << 8 | packet[2];
}

static size_t payload_at(const uint8_t *packet)
{
    if (!(packet[3] & 0x10))
        return PACKET;
    size_t at = packet[3] & 0x20 ? 5 + (size_t)packet[4] : 4;
    return at < PACKET ? at : PACKET;
}

static uint64_t bitrate;

static uint64_t tick_of(size_t index)
{
    return index * UINT64_C(188) * 8 * 27000000 / bitrate;
}

static struct stream open_stream(const char *path)
{
    struct stream stream = {0};
    FILE *in = fopen(path, "rb");
    if (!in || fseek(in, 0, SEEK_END))
        die("cannot read", path);
    long size = ftell(in);
    rewind(in);
    stream.count = size > 0 ? (size_t)size / PACKET : 0;
    stream.data = take(stream.count, PACKET);
    if (fread(stream.data, PACKET, stream.count, in) != stream.count)
        die("cannot read", path);
    fclose(in);
    for (size_t i = 0; i < stream.count; i++)
        if (stream.data[i * PACKET] != 0x47)
            die("not whole packets from the first byte on", path);
    return stream;
}

/* ---- ecms: sections on some PIDs ---- */

struct sections {
    unsigned pid;
    uint8_t held[SECTION + PACKET];
    size_t size, begins, first, last, count;
    uint64_t gap_most;
    uint8_t now[SECTION];
    size_t now_size;
};

static void print_sections(const struct sections *of)
{
    if (!of->count)
        return;
    printf("{\"pid\":%u,\"first\":%zu,\"last\":%zu,\"first_tick\":%" PRIu64
           ",\"last_tick\":%" PRIu64 ",\"count\":%zu,\"gap_most\":%" PRIu64 ",\"section\":\"",
           of->pid, of->first, of->last, tick_of(of->first), tick_of(of->last), of->count,
           of->gap_most);
    for (size_t i = 0; i < of->now_size; i++)
        printf("%02x", of->now[i]);
    puts("\"}");
}

/* The section that is held is whole: another repetition, or another section. */
static void take_section(struct sections *of, size_t size)
{
    uint64_t gap = tick_of(of->begins) - tick_of(of->last);
    if (of->count && of->now_size == size && memcmp(of->now, of->held, size) == 0) {
        of->gap_most = gap > of->gap_most ? gap : of->gap_most;
    } else {
        print_sections(of);
        memcpy(of->now, of->held, size);
        of->now_size = size;
        of->first = of->begins;
        of->count = 0;
        of->gap_most = 0;
    }
    of->count++;
    of->last = of->begins;
}

static void push_section(struct sections *of, const struct stream *stream, size_t index)
{
    const uint8_t *packet = stream->data + index * PACKET;
    size_t at = payload_at(packet);
    if (packet[3] & 0xc0)
        die("a packet of sections is scrambled", "");
    if (at == PACKET)
        return;
    if (packet[1] & 0x40) {
        at += 1 + (size_t)packet[at];
        of->size = 0;
        of->begins = index;
    }
    if (at >= PACKET || of->size + PACKET - at > sizeof of->held)
        return;
    memcpy(of->held + of->size, packet + at, PACKET - at);
    of->size += PACKET - at;
    size_t want = of->size >= 3 ? 3 + ((size_t)(of->held[1] & 0x0f) << 8 | of->held[2]) : SIZE_MAX;
    if (of->held[0] != 0xff && want <= of->size) {
        take_section(of, want);
        of->size = 0;
        of->held[0] = 0xff;
    }
}

static int ecms(int argc, char **argv)
{
    struct stream stream = open_stream(argv[0]);
    struct sections *all = take((size_t)argc, sizeof *all);
    for (int i = 1; i < argc; i++)
        all[i].pid = (unsigned)strtoul(argv[i], NULL, 0);
    for (size_t k = 0; k < stream.count; k++)
        for (int i = 1; i < argc; i++)
            if (pid_of(stream.data + k * PACKET) == all[i].pid)
                push_section(&all[i], &stream, k);
    for (int i = 1; i < argc; i++)
        print_sections(&all[i]);
    free(all);
    free(stream.data);
    return 0;
}

/* ---- check: the control words ---- */

struct word {
    unsigned cp;
    EVP_CIPHER_CTX *context;
};

struct words {
    struct word *all;
    size_t count;
};

static const uint8_t cissa_iv[BLOCK] = "DVBTMCPTAESCISSA";

static struct words open_words(const char *path)
{
    struct words words = {take(65536, sizeof(struct word)), 0};
    FILE *in = fopen(path, "r");
    char hex[33];
    unsigned cp;
    if (!in)
        die("cannot read", path);
    while (words.count < 65536 && fscanf(in, "%u %32s", &cp, hex) == 2) {
        uint8_t key[BLOCK];
        for (size_t i = 0; i < BLOCK; i++) {
            char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
            key[i] = (uint8_t)strtoul(pair, NULL, 16);
        }
        struct word *word = &words.all[words.count++];
        word->cp = cp;
        word->context = EVP_CIPHER_CTX_new();
        if (!word->context ||
            EVP_DecryptInit_ex(word->context, EVP_aes_128_cbc(), NULL, key, cissa_iv) != 1 ||
            EVP_CIPHER_CTX_set_padding(word->context, 0) != 1)
            die("OpenSSL failed", path);
    }
    fclose(in);
    return words;
}

/* The payload of a packet in the clear. Returns its size. */
static size_t open_packet(const struct word *word, const uint8_t *packet, uint8_t clear[PACKET])
{
    size_t at = payload_at(packet), size = PACKET - at, whole = size / BLOCK * BLOCK;
    int done = 0;
    memcpy(clear, packet + at, size);
    if (word && whole &&
        (EVP_DecryptInit_ex(word->context, NULL, NULL, NULL, cissa_iv) != 1 ||
         EVP_DecryptUpdate(word->context, clear, &done, packet + at, (int)whole) != 1))
        die("OpenSSL failed", "decryption");
    return size;
}

/* ---- check: the clear stream, PID by PID ---- */

struct component {
    unsigned out, in;
    const uint8_t **packets; /* of the clear stream, those with a payload */
    size_t count, next;
    bool is_found;
    size_t seen, scrambled, is_short, mismatched, lost;
};

static void find_packets(struct component *component, const struct stream *clear)
{
    component->packets = take(clear->count, sizeof *component->packets);
    for (size_t i = 0; i < clear->count; i++) {
        const uint8_t *packet = clear->data + i * PACKET;
        if (pid_of(packet) == component->in && payload_at(packet) < PACKET)
            component->packets[component->count++] = packet;
    }
    if (!component->count)
        die("the clear stream has no packet of a PID", "check the OUT=IN arguments");
}

static bool is_equal(const uint8_t *packet, const uint8_t *payload, size_t size)
{
    size_t at = payload_at(packet);
    return PACKET - at == size && memcmp(packet + at, payload, size) == 0;
}

/* Where a payload is, from the expected place on (the clear stream may be a loop). -1: nowhere in
 * the next `most` packets. */
static long place_of(const struct component *component, const uint8_t *payload, size_t size,
                     size_t most)
{
    for (size_t ahead = 0; ahead < most && ahead < component->count; ahead++) {
        size_t index = (component->next + ahead) % component->count;
        if (is_equal(component->packets[index], payload, size))
            return (long)ahead;
    }
    return -1;
}

/* ---- check: runs of equal parity ---- */

struct run {
    int parity; /* -1: clear */
    const struct word *word;
    size_t first, last, packets;
};

static void print_run(const struct run *run)
{
    static bool is_next;
    if (!run->packets)
        return;
    printf("%s{\"parity\":%d,\"cp\":%d,\"first\":%zu,\"last\":%zu,\"first_tick\":%" PRIu64
           ",\"last_tick\":%" PRIu64 ",\"packets\":%zu}",
           is_next ? ",\n" : "", run->parity, run->word ? (int)run->word->cp : -1, run->first,
           run->last, tick_of(run->first), tick_of(run->last), run->packets);
    is_next = true;
}

/* The control word with which a packet gives what should come; the newest that does. */
static const struct word *find_word(const struct words *words, const struct component *component,
                                    const uint8_t *packet)
{
    uint8_t clear[PACKET];
    size_t most = component->is_found ? AHEAD : component->count;
    for (size_t i = words->count; i-- > 0;) {
        if ((words->all[i].cp & 1) != (packet[3] >> 6 & 1u))
            continue;
        size_t size = open_packet(&words->all[i], packet, clear);
        if (place_of(component, clear, size, most) >= 0)
            return &words->all[i];
    }
    return NULL;
}

static void compare(struct component *component, const struct word *word, const uint8_t *packet)
{
    uint8_t clear[PACKET];
    size_t size = open_packet(word, packet, clear);
    long ahead = place_of(component, clear, size, component->is_found ? AHEAD : component->count);
    if (ahead < 0) {
        component->mismatched++;
        ahead = 0;
    } else if (component->is_found) {
        component->lost += (size_t)ahead;
    }
    component->is_found = true;
    component->next = (component->next + (size_t)ahead + 1) % component->count;
}

static int check(int argc, char **argv)
{
    struct stream clear = open_stream(argv[0]), stream = open_stream(argv[1]);
    struct words words = open_words(argv[2]);
    struct component *of_pid[PIDS] = {0};
    struct run run = {.parity = -2};
    size_t inside = 0, mixed = 0, no_word = 0;
    bool was_scrambled = false;
    for (int i = 3; i < argc; i++) {
        char *in = strchr(argv[i], '=');
        struct component *component = take(1, sizeof *component);
        component->out = (unsigned)strtoul(argv[i], NULL, 0) & NULL_PID;
        component->in = in ? (unsigned)strtoul(in + 1, NULL, 0) & NULL_PID : component->out;
        find_packets(component, &clear);
        of_pid[component->out] = component;
    }
    printf("{\"runs\":[");
    for (size_t i = 0; i < stream.count; i++) {
        const uint8_t *packet = stream.data + i * PACKET;
        struct component *component = of_pid[pid_of(packet)];
        if (!component || payload_at(packet) == PACKET)
            continue;
        int parity = packet[3] & 0x80 ? packet[3] >> 6 & 1 : -1;
        component->seen++;
        if (parity < 0 && PACKET - payload_at(packet) < BLOCK) {
            component->is_short++; /* may be clear at any time */
            compare(component, NULL, packet);
            continue;
        }
        component->scrambled += parity >= 0;
        if (parity != run.parity) {
            const struct word *word = parity < 0 ? NULL : find_word(&words, component, packet);
            if (parity >= 0 && !word)
                no_word++;
            if (word && run.word && word->cp == run.word->cp)
                mixed++;
            print_run(&run);
            run = (struct run){.parity = parity, .word = word, .first = i};
        }
        run.last = i;
        run.packets++;
        inside += parity < 0 && was_scrambled;
        was_scrambled = was_scrambled || parity >= 0;
        if (parity < 0 || run.word)
            compare(component, run.word, packet);
    }
    print_run(&run);
    printf("],\n\"clear_behind_scrambled\":%zu,\"returned_words\":%zu,\"unknown_words\":%zu,\n"
           "\"pids\":{",
           inside, mixed, no_word);
    for (int i = 3, n = 0; i < argc; i++, n++) {
        const struct component *component = of_pid[(unsigned)strtoul(argv[i], NULL, 0) & NULL_PID];
        printf("%s\"%u\":{\"packets\":%zu,\"scrambled\":%zu,\"short\":%zu,\"mismatched\":%zu,"
               "\"lost\":%zu}",
               n ? ",\n" : "", component->out, component->seen, component->scrambled,
               component->is_short, component->mismatched, component->lost);
    }
    puts("}}");
    for (unsigned pid = 0; pid < PIDS; pid++) {
        if (of_pid[pid])
            free(of_pid[pid]->packets);
        free(of_pid[pid]);
    }
    for (size_t i = 0; i < words.count; i++)
        EVP_CIPHER_CTX_free(words.all[i].context);
    free(words.all);
    free(clear.data);
    free(stream.data);
    return 0;
}

int main(int argc, char **argv)
{
    bitrate = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    if (bitrate && argc >= 5 && strcmp(argv[2], "ecms") == 0)
        return ecms(argc - 3, argv + 3);
    if (bitrate && argc >= 7 && strcmp(argv[2], "check") == 0)
        return check(argc - 3, argv + 3);
    fputs("usage: ts-judge BITRATE ecms FILE PID...\n"
          "       ts-judge BITRATE check CLEAR SCRAMBLED WORDS OUT[=IN]...\n",
          stderr);
    return 2;
}
