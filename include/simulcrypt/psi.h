/* SPDX-License-Identifier: BSL-1.0 */
/**
 * @file simulcrypt/psi.h
 * @brief Program specific and service information: sections, tables, descriptors, text.
 *
 * Parsing makes views of borrowed bytes and takes no memory: a struct for the fixed part, and a
 * slice per loop that a `_next` function eats up from the front. The `_next` functions return 0,
 * SIMC_EEND (the loop is at its end), or SIMC_EPROTO: what is left is no whole entry, and the loop
 * is at its end as well. Reserved bits are ignored. Building writes whole sections into a writer.
 * Clauses in brackets: ISO/IEC 13818-1 ("13818"), EN 300 468 ("300468"), ETR 289 ("289").
 */
#ifndef SIMULCRYPT_PSI_H
#define SIMULCRYPT_PSI_H

#include "simulcrypt/ts.h"

#ifdef __cplusplus
extern "C" {
#endif

/** table_ids. */
enum simc_table_id {
    SIMC_TABLE_PAT = 0x00,
    SIMC_TABLE_CAT = 0x01,
    SIMC_TABLE_PMT = 0x02,
    SIMC_TABLE_NIT_ACTUAL = 0x40,
    SIMC_TABLE_NIT_OTHER = 0x41,
    SIMC_TABLE_SDT_ACTUAL = 0x42,
    SIMC_TABLE_SDT_OTHER = 0x46,
    SIMC_TABLE_BAT = 0x4a,
    SIMC_TABLE_EIT_PF_ACTUAL = 0x4e,
    SIMC_TABLE_EIT_PF_OTHER = 0x4f,
    SIMC_TABLE_EIT_FIRST = 0x4e,
    SIMC_TABLE_EIT_LAST = 0x6f,
    SIMC_TABLE_TDT = 0x70,
    SIMC_TABLE_RST = 0x71,
    SIMC_TABLE_STUFFING = 0x72,
    SIMC_TABLE_TOT = 0x73,
    SIMC_TABLE_ECM_EVEN = 0x80, /**< 0x80 and 0x81 alternate when the ECM changes [289] */
    SIMC_TABLE_ECM_ODD = 0x81,
    SIMC_TABLE_CA_LAST = 0x8f, /**< 0x82..0x8f: EMMs and other private CA messages */
};

/** The short name of a table_id, `"PMT"`, or NULL. */
SIMC_API const char *simc_table_name(uint8_t table_id);
/** What a stream_type is, `"H.264 video"`, or NULL. */
SIMC_API const char *simc_stream_type_name(uint8_t stream_type);
/** True for the stream_types of pictures; and for those of sound below. */
SIMC_API bool simc_stream_type_is_video(uint8_t stream_type);
SIMC_API bool simc_stream_type_is_audio(uint8_t stream_type);
/** What a scrambling_mode is, `"DVB-CISSA version 1"`; never NULL. */
SIMC_API const char *simc_scrambling_mode_name(uint8_t scrambling_mode);
/** Whose a CA_system_id is, by the published blocks, or NULL. */
SIMC_API const char *simc_ca_system_name(uint16_t ca_system_id);
/** The name of a running_status 0..7; never NULL. */
SIMC_API const char *simc_running_status_name(uint8_t running_status);

/* -------------------------------------------------------------------------------- section -- */

/** A section taken apart. */
struct simc_section {
    struct simc_slice bytes; /**< all of it */
    struct simc_slice body;  /**< behind the header, without CRC */
    uint8_t table_id;
    bool long_form; /**< section_syntax_indicator: the five members below are there */
    uint16_t extension;
    uint8_t version;
    bool current; /**< current_next_indicator */
    uint8_t number, last_number;
};

/**
 * Takes a section apart. The CRC is not computed: simc_section_assembler_next() has done that.
 * @return 0, or SIMC_EPROTO: `bytes` is not as long as section_length says, or too short for its
 *         header and CRC.
 */
SIMC_API int simc_section_read(struct simc_slice bytes,
                               struct simc_section *section) SIMC_MUST_CHECK;
/** Cuts the next section off bytes that hold one behind the other, as the builders write them.
 *  @return 0, SIMC_EEND, SIMC_EPROTO. */
SIMC_API int simc_section_next(struct simc_slice *rest, struct simc_slice *section) SIMC_MUST_CHECK;

/** How a section starts; `table_id` decides about the bits and the length limit. */
struct simc_section_head {
    uint8_t table_id;
    uint16_t extension;
    uint8_t version; /**< 0..31 */
    bool next;       /**< current_next_indicator 0: the table is not valid yet */
    uint8_t number, last_number;
};

/** Starts a long section. @return to be given to simc_section_end(). */
SIMC_API size_t simc_section_begin(struct simc_writer *out, const struct simc_section_head *head);
/** Fills in the length and adds the CRC. @return 0, SIMC_ETOOLONG (over 1024 or 4096 bytes, as the
 *  table_id says), or the writer's error. The writer fails with the same. */
SIMC_API int simc_section_end(struct simc_writer *out, size_t start) SIMC_MUST_CHECK;

/* ---------------------------------------------------------------------------- descriptors -- */

enum simc_descriptor_tag {
    SIMC_DESCRIPTOR_CA = 0x09,
    SIMC_DESCRIPTOR_NETWORK_NAME = 0x40,
    SIMC_DESCRIPTOR_SERVICE = 0x48,
    SIMC_DESCRIPTOR_CA_IDENTIFIER = 0x53,
    SIMC_DESCRIPTOR_SCRAMBLING = 0x65,
};

enum {
    SIMC_CA_PRIVATE_MAX = 251, /**< private bytes of a CA_descriptor */
    SIMC_CA_IDENTIFIERS_MAX = 127,
};

struct simc_descriptor {
    uint8_t tag;
    struct simc_slice body;
};

/** The next descriptor of a loop. */
SIMC_API int simc_descriptor_next(struct simc_slice *rest,
                                  struct simc_descriptor *descriptor) SIMC_MUST_CHECK;
/** The first descriptor of a tag in a loop. @return 0, or SIMC_ENOTFOUND. */
SIMC_API int simc_descriptor_find(struct simc_slice loop, uint8_t tag,
                                  struct simc_descriptor *descriptor) SIMC_MUST_CHECK;
/** Writes one; over 255 bytes the writer fails with SIMC_ETOOLONG. */
SIMC_API void simc_descriptor_put(struct simc_writer *out, uint8_t tag, struct simc_slice body);

/** CA_descriptor: where the ECMs (in a PMT) or EMMs (in the CAT) of a CA system are. [13818
 *  2.6.16] */
struct simc_ca_descriptor {
    uint16_t system_id;
    uint16_t pid;
    struct simc_slice private_data;
};

/* Each `_read` takes the body of a descriptor and returns 0, or SIMC_EPROTO: it is too short. Each
 * `_put` writes the whole descriptor, and fails the writer with SIMC_EINVAL or SIMC_ETOOLONG when a
 * value does not fit its field. */
SIMC_API int simc_ca_descriptor_read(struct simc_slice body,
                                     struct simc_ca_descriptor *ca) SIMC_MUST_CHECK;
SIMC_API void simc_ca_descriptor_put(struct simc_writer *out, const struct simc_ca_descriptor *ca);

/** scrambling_mode values. [300468 6.2.34] */
enum simc_scrambling_mode {
    SIMC_SCRAMBLING_MODE_CSA1 = 0x01, /**< also when the descriptor is absent */
    SIMC_SCRAMBLING_MODE_CSA2 = 0x02,
    SIMC_SCRAMBLING_MODE_CSA3_STANDARD = 0x03,
    SIMC_SCRAMBLING_MODE_CSA3_MINIMAL = 0x04,
    SIMC_SCRAMBLING_MODE_CSA3_FULL = 0x05,
    SIMC_SCRAMBLING_MODE_CISSA1 = 0x10,
    SIMC_SCRAMBLING_MODE_IDSA = 0x70,
};

SIMC_API int simc_scrambling_descriptor_read(struct simc_slice body, uint8_t *mode) SIMC_MUST_CHECK;
SIMC_API void simc_scrambling_descriptor_put(struct simc_writer *out, uint8_t mode);

/** CA_identifier_descriptor: eats the next CA_system_id off its body. */
SIMC_API int simc_ca_identifier_next(struct simc_slice *body, uint16_t *system_id) SIMC_MUST_CHECK;
SIMC_API void simc_ca_identifier_put(struct simc_writer *out, const uint16_t *system_ids,
                                     size_t count);

/** service_descriptor; names are DVB text. [300468 6.2.33] */
struct simc_service_descriptor {
    uint8_t type;
    struct simc_slice provider, name;
};

SIMC_API int simc_service_descriptor_read(struct simc_slice body,
                                          struct simc_service_descriptor *service) SIMC_MUST_CHECK;
SIMC_API void simc_service_descriptor_put(struct simc_writer *out,
                                          const struct simc_service_descriptor *service);

/* ----------------------------------------------------------------------------------- text -- */

/**
 * Writes DVB text as UTF-8: ISO 6937 and 8859, UCS-2, UTF-8. Emphasis marks are dropped, the line
 * break becomes a space. Bytes in encodings that have no table here, unassigned ones and control
 * codes are written as `\xNN`. [300468 annex A]
 */
SIMC_API void simc_dvb_text(struct simc_writer *out, struct simc_slice text);
/** Writes UTF-8 as DVB text: ASCII as it is, else the UTF-8 form (0x15 in front). */
SIMC_API void simc_dvb_text_put(struct simc_writer *out, struct simc_slice utf8);

/* ----------------------------------------------------------------------------------- time -- */

/** A UTC time as seconds since 1970; the wire's "not defined" is the smallest value. */
#define SIMC_DVB_TIME_NONE INT64_MIN

/** Reads MJD and BCD time. @return 0, or SIMC_EPROTO: no such time of day. */
SIMC_API int simc_dvb_time_get(const uint8_t bytes[5], int64_t *time_s) SIMC_MUST_CHECK;
/** @return 0, or SIMC_EINVAL: outside 1858-11-17..2038-04-22. */
SIMC_API int simc_dvb_time_put(uint8_t bytes[5], int64_t time_s) SIMC_MUST_CHECK;

/* --------------------------------------------------------------------------------- tables -- */

/* Each `_read` returns 0, or SIMC_EPROTO: another table_id, or a length that does not fit. Each
 * `_build` writes whole sections with CRC one behind the other, as many as the entries need, and
 * returns 0, SIMC_EINVAL (a value that does not fit its field), SIMC_ETOOLONG (an entry is larger
 * than a section, or more than 256 sections would be needed), SIMC_ENOSPC (`out->at` tells the room
 * needed). Only a PMT cannot be split: one section per programme. `version` is taken modulo 32. */

struct simc_pat {
    uint16_t ts_id;
    struct simc_slice programs;
};

struct simc_pat_entry {
    uint16_t program; /**< 0: the PID is that of the NIT */
    uint16_t pid;
};

SIMC_API int simc_pat_read(const struct simc_section *section,
                           struct simc_pat *pat) SIMC_MUST_CHECK;
SIMC_API int simc_pat_next(struct simc_slice *programs,
                           struct simc_pat_entry *entry) SIMC_MUST_CHECK;
SIMC_API int simc_pat_build(struct simc_writer *out, uint16_t ts_id, unsigned version,
                            const struct simc_pat_entry *entries, size_t count) SIMC_MUST_CHECK;

/** The body of a CAT section is a descriptor loop. */
SIMC_API int simc_cat_read(const struct simc_section *section,
                           struct simc_slice *descriptors) SIMC_MUST_CHECK;
SIMC_API int simc_cat_build(struct simc_writer *out, unsigned version,
                            struct simc_slice descriptors) SIMC_MUST_CHECK;

struct simc_pmt {
    uint16_t program;
    uint16_t pcr_pid; /**< SIMC_PID_NULL: none */
    struct simc_slice descriptors;
    struct simc_slice streams;
};

struct simc_pmt_stream {
    uint8_t type;
    uint16_t pid;
    struct simc_slice descriptors;
};

SIMC_API int simc_pmt_read(const struct simc_section *section,
                           struct simc_pmt *pmt) SIMC_MUST_CHECK;
SIMC_API int simc_pmt_next(struct simc_slice *streams,
                           struct simc_pmt_stream *stream) SIMC_MUST_CHECK;
/** @param pmt its `streams` are not looked at. */
SIMC_API int simc_pmt_build(struct simc_writer *out, const struct simc_pmt *pmt, unsigned version,
                            const struct simc_pmt_stream *streams, size_t count) SIMC_MUST_CHECK;

/** NIT and BAT. */
struct simc_nit {
    uint8_t table_id;
    uint16_t id; /**< network_id or bouquet_id */
    struct simc_slice descriptors;
    struct simc_slice streams;
};

struct simc_nit_stream {
    uint16_t ts_id, network_id; /**< the latter: original_network_id */
    struct simc_slice descriptors;
};

SIMC_API int simc_nit_read(const struct simc_section *section,
                           struct simc_nit *nit) SIMC_MUST_CHECK;
SIMC_API int simc_nit_next(struct simc_slice *streams,
                           struct simc_nit_stream *stream) SIMC_MUST_CHECK;
/** @param nit its `streams` are not looked at; `descriptors` stand in the first section. */
SIMC_API int simc_nit_build(struct simc_writer *out, const struct simc_nit *nit, unsigned version,
                            const struct simc_nit_stream *streams, size_t count) SIMC_MUST_CHECK;

struct simc_sdt {
    uint8_t table_id;
    uint16_t ts_id, network_id;
    struct simc_slice services;
};

struct simc_sdt_service {
    uint16_t id;
    bool eit_schedule, eit_pf;
    bool free_ca_mode; /**< access to components may be controlled */
    uint8_t running_status;
    struct simc_slice descriptors;
};

SIMC_API int simc_sdt_read(const struct simc_section *section,
                           struct simc_sdt *sdt) SIMC_MUST_CHECK;
SIMC_API int simc_sdt_next(struct simc_slice *services,
                           struct simc_sdt_service *service) SIMC_MUST_CHECK;
SIMC_API int simc_sdt_build(struct simc_writer *out, const struct simc_sdt *sdt, unsigned version,
                            const struct simc_sdt_service *services, size_t count) SIMC_MUST_CHECK;

struct simc_eit {
    uint8_t table_id;
    uint16_t service_id, ts_id, network_id;
    uint8_t segment_last_number, last_table_id;
    struct simc_slice events;
};

struct simc_eit_event {
    uint16_t id;
    int64_t start_s;     /**< SIMC_DVB_TIME_NONE: not defined */
    uint32_t duration_s; /**< UINT32_MAX: not defined; at most 99:59:59 */
    uint8_t running_status;
    bool free_ca_mode;
    struct simc_slice descriptors;
};

SIMC_API int simc_eit_read(const struct simc_section *section,
                           struct simc_eit *eit) SIMC_MUST_CHECK;
SIMC_API int simc_eit_next(struct simc_slice *events, struct simc_eit_event *event) SIMC_MUST_CHECK;
/** Writes one section, because sections of an EIT have a meaning: present and following, or the
 *  three hours of a segment. An EIT p/f may be empty. */
SIMC_API int simc_eit_build(struct simc_writer *out, const struct simc_eit *eit, unsigned version,
                            uint8_t number, uint8_t last_number,
                            const struct simc_eit_event *events, size_t count) SIMC_MUST_CHECK;

/** TDT and TOT. */
struct simc_tot {
    uint8_t table_id;
    int64_t time_s;
    struct simc_slice descriptors; /**< TOT only */
};

SIMC_API int simc_tot_read(const struct simc_section *section,
                           struct simc_tot *tot) SIMC_MUST_CHECK;
SIMC_API int simc_tot_build(struct simc_writer *out, const struct simc_tot *tot) SIMC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
