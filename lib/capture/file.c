/* SPDX-License-Identifier: BSL-1.0 */
/* Capture files: a thin layer that lets libpcap read packets out of pcap and pcapng files and hands
 * them to the follower. It is the only file here that knows libpcap. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <pcap/pcap.h>

#include "base/text.h"
#include "capture/internal.h"

enum { NAME_SIZE = 128 };

struct file {
    pcap_t *pcap;
    uint32_t link_type;
    uint64_t packets;     /* read so far */
    char name[NAME_SIZE]; /* for sentences */
};

/* libpcap says what went wrong in words only. What begins so in its words, and what we say. */
static const struct {
    const char *words;
    int error;
    const char *text; /* NULL: its own words */
} fault_rows[] = {
    {"unknown file format", SIMC_EPROTO, "this is not a capture file (pcap or pcapng)"},
    {"truncated dump file", SIMC_EPROTO, "the file is cut off"},
    {"truncated pcapng dump file", SIMC_EPROTO, "the file is cut off"},
    {"an interface has a type", SIMC_EUNSUPPORTED,
     "interfaces of different link types in one file cannot be read; take each out with "
     "tshark -r FILE -Y 'frame.interface_id == 0' -w A.pcapng and "
     "editcap -F pcap -T ether A.pcapng A.pcap (-T rawip for raw IP)"},
    {"error reading dump file", SIMC_EIO, NULL},
    {"out of memory", SIMC_ENOMEM, NULL},
};

static int fault_read(const char *words, const char **text)
{
    for (size_t i = 0; i < sizeof fault_rows / sizeof fault_rows[0]; i++) {
        if (strncmp(words, fault_rows[i].words, strlen(fault_rows[i].words)) == 0) {
            *text = fault_rows[i].text ? fault_rows[i].text : words;
            return fault_rows[i].error;
        }
    }
    *text = words;
    return SIMC_EPROTO;
}

/* libpcap gives its own numbers for what differs between systems. */
static bool link_type_read(int dlt, uint32_t *link_type)
{
#define LINK_NUMBER(name, number, text) number,
    static const uint32_t numbers[] = {SIMC__CAPTURE_LINK_ROWS(LINK_NUMBER)};
#undef LINK_NUMBER
    *link_type = dlt == DLT_RAW    ? SIMC__CAPTURE_LINK_RAW
                 : dlt == DLT_LOOP ? SIMC__CAPTURE_LINK_LOOP
                                   : (uint32_t)dlt;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i] == *link_type)
            return true;
    }
    return false;
}

/* Microseconds since 1970; times that no clock has ever shown become the nearest that counts. */
static uint64_t time_read(const struct pcap_pkthdr *header)
{
    int64_t seconds = header->ts.tv_sec, part = header->ts.tv_usec;
    /* The field of a pcap file counts to 2106, but libpcap takes it for a signed one. */
    if (seconds < 0 && seconds >= INT32_MIN)
        seconds += (int64_t)UINT32_MAX + 1;
    if (seconds < 0 || part < 0)
        return 0;
    if (seconds > INT64_MAX / 1000000 - 1 || part > INT32_MAX)
        return (uint64_t)INT64_MAX;
    return (uint64_t)seconds * 1000000 + (uint64_t)part;
}

static int file_read(void *context, struct simc__capture_packet *packet, char *why, size_t why_size)
{
    struct file *file = context;
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    int result = pcap_next_ex(file->pcap, &header, &bytes);
    if (result == PCAP_ERROR_BREAK)
        return SIMC_EEND;
    if (result != 1) {
        const char *text;
        int error = fault_read(pcap_geterr(file->pcap), &text);
        snprintf(why, why_size, "%s: packet %llu cannot be read: %s", file->name,
                 (unsigned long long)file->packets + 1, text);
        return error;
    }
    file->packets++;
    packet->link_type = file->link_type;
    packet->captured = simc_slice(bytes, header->caplen);
    packet->wire_size = header->len;
    packet->time_us = time_read(header);
    return 0;
}

static void file_close(void *context)
{
    struct file *file = context;
    pcap_close(file->pcap);
    simc_free(file);
}

/* The path as it may stand in a sentence on a terminal. */
static void name_write(char name[NAME_SIZE], const char *path)
{
    if (strcmp(path, "-") == 0)
        path = "standard input";
    struct simc_writer writer = simc_writer(name, NAME_SIZE);
    simc__text_put_escaped(&writer, simc_slice_text(path));
    simc_writer_u8(&writer, '\0');
    if (writer.error)
        snprintf(name, NAME_SIZE, "the file");
}

static void why_link_type(char *why, size_t why_size, const char *name, int dlt)
{
    const char *word = pcap_datalink_val_to_name(dlt);
    char supported[256];
    struct simc_writer writer = simc_writer(supported, sizeof supported);
#define LINK_TEXT(name, number, text) simc__text_put(&writer, number ? ", " text : text);
    SIMC__CAPTURE_LINK_ROWS(LINK_TEXT)
#undef LINK_TEXT
    simc_writer_u8(&writer, '\0');
    snprintf(why, why_size, "%s: link type %d (%s) is not supported; supported are %s", name, dlt,
             word ? word : "no name", supported);
}

static int file_open(const char *path, struct file *file, char *why, size_t why_size)
{
    char words[PCAP_ERRBUF_SIZE] = "";
    name_write(file->name, path);
    FILE *stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
    if (!stream) {
        snprintf(why, why_size, "%s: cannot be opened: %s", file->name, strerror(errno));
        return SIMC_EIO;
    }
    file->pcap =
        pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_MICRO, words);
    if (!file->pcap) {
        const char *text;
        int error = fault_read(words, &text);
        snprintf(why, why_size, "%s: %s", file->name, text);
        if (stream != stdin)
            fclose(stream);
        return error;
    }
    int dlt = pcap_datalink(file->pcap);
    if (!link_type_read(dlt, &file->link_type)) {
        why_link_type(why, why_size, file->name, dlt);
        pcap_close(file->pcap);
        return SIMC_EUNSUPPORTED;
    }
    return 0;
}

int simc__capture_open(const char *path, const struct simc__capture_limits *limits,
                       struct simc__capture **result, char *why, size_t why_size)
{
    *result = NULL;
    struct simc__capture *capture;
    int error = simc__capture_new(limits, &capture);
    if (error) {
        snprintf(why, why_size, "%s", simc_error_text(error));
        return error;
    }
    struct file *file = simc_calloc(1, sizeof *file);
    if (!file) {
        snprintf(why, why_size, "%s", simc_error_text(SIMC_ENOMEM));
        simc__capture_free(capture);
        return SIMC_ENOMEM;
    }
    error = file_open(path, file, why, why_size);
    if (error) {
        simc_free(file);
        simc__capture_free(capture);
        return error;
    }
    capture->source = (struct simc__capture_source){file_read, file_close, file};
    *result = capture;
    return 0;
}
