/* SPDX-License-Identifier: BSL-1.0 */
/* What the `simulcrypt dab` verbs share: the configuration file, and reading ETI files and pipes.
 */
#ifndef SIMC__CLI_DAB_H
#define SIMC__CLI_DAB_H

#include "cli/commands.h"
#include "simulcrypt/dab.h"

extern const struct simc__command simc__command_dab_config_check;
extern const struct simc__command simc__command_dab_config_sample;
extern const struct simc__command simc__command_dab_inject;
extern const struct simc__command simc__command_dab_show;

/* ---- configuration ---- */

struct simc__conf;
struct simc__conf_table;

enum simc__dab_existing {
    SIMC__DAB_KEEP,   /* FIGs of type 6 that the input has stay */
    SIMC__DAB_REPLACE /* they are taken out */
};

enum simc__dab_id_bits { SIMC__DAB_ID_AUTO = 0, SIMC__DAB_ID_16 = 16, SIMC__DAB_ID_32 = 32 };

struct simc__dab_label {
    const char *text, *short_text; /* NULL: none */
};

struct simc__dab_conf_ca {
    bool enabled, displace;
    enum simc_dab_layout layout;
    enum simc__dab_existing existing;
    uint16_t *systems;
    size_t systems_count;
    uint32_t period_ms;
    unsigned short_cycles;
};

struct simc__dab_conf_service {
    const char *uid;
    uint32_t id;
    enum simc__dab_id_bits id_bits;
    struct simc__dab_label label;
    uint16_t ca_system;
    bool has_ca, has_label;
    const char *ca_int_char; /* hex digits; NULL: none */
};

struct simc__dab_conf_ensemble {
    uint16_t id;
    uint8_t ecc;
    bool has_ecc, has_label;
    struct simc__dab_label label;
    struct simc__dab_conf_ca ca;
};

struct simc__dab_conf {
    struct simc__dab_conf_ensemble ensemble;
    struct simc__dab_conf_service *services;
    size_t services_count;
};

/* A configuration as the library wants it. */
struct simc__dab_setup {
    struct simc__dab_conf conf;
    struct simc__conf *owner;
    struct simc_dab_service *services; /* as many as conf.services, in the same order */
    uint8_t *ca_int_chars;             /* what they point to */
    struct simc_dab_ca ca;
};

/* The rows of the configuration file. */
const struct simc__conf_table *simc__dab_conf_table(void);

/* Loads and checks a file; faults go to standard error, a line each.
 * @return 0, SIMC__EXIT_FOUND: the file has faults, SIMC__EXIT_TROUBLE: it cannot be read. */
int simc__dab_setup_open(struct simc__dab_setup *setup, const char *path);
/* Releases what is inside; a zeroed struct is fine. */
void simc__dab_setup_fini(struct simc__dab_setup *setup);

/* ---- ETI input ---- */

struct simc__dab_sink {
    /* Takes a piece. @param is_held it must be done with on return; others live until end(). */
    int (*take)(void *context, const struct simc_eti_piece *piece, bool is_held);
    /* All pieces of a block were handed over; its memory will be used again. May be NULL. */
    int (*end)(void *context);
    void *context;
};

/* Reads a file, or standard input for "-", to its end.
 * @param reader initialised by the callee; afterwards holds what was found.
 * @return 0, or what a sink returned; SIMC__EXIT_TROUBLE: reading failed, or there is no frame. */
int simc__dab_read(const char *path, bool tolerant, struct simc_eti_reader *reader,
                   const struct simc__dab_sink *sink);

/* The s of a plural. */
static inline const char *simc__dab_s(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* Frames as seconds, "100.800". */
static inline double simc__dab_seconds(uint64_t frames)
{
    return (double)frames * SIMC_DAB_FRAME_MS / 1000.0;
}

#endif
