/* SPDX-License-Identifier: BSL-1.0 */
/* The parts of `simulcrypt ecm`: what the run shares, and the printing of one ECM. */
#ifndef SIMC__CLI_ECM_H
#define SIMC__CLI_ECM_H

#include "cli/commands.h"
#include "keys/keys.h"
#include "simulcrypt/cas.h"

extern const struct simc__command simc__command_ecm;

struct simc__ecm_run {
    bool json, show_secrets;
    const char *key_file;                    /* NULL: none */
    struct simc__keys *keys;                 /* NULL: ECMs stay closed */
    struct simc_ecm_opener *opener;          /* with the keys */
    const struct simc_ecm_stream_id *stream; /* what all ECMs are to be for; NULL: anything */
    uint64_t count, opened, faulty;
    uint64_t repeated; /* not printed again */
};

/* Where an ECM comes from. */
struct simc__ecm_place {
    const char *name; /* of the input */
    bool is_stream;   /* a transport stream: `packet` counts, else `offset` */
    uint64_t packet, offset;
};

/* Opens one section, if there are keys, and prints it. */
void simc__ecm_print(struct simc__ecm_run *run, const struct simc__ecm_place *place,
                     struct simc_slice section);
/* Prints that bytes were no ECM at all, which is a fault. */
void simc__ecm_print_fault(struct simc__ecm_run *run, const struct simc__ecm_place *place,
                           const char *format, ...) SIMC_PRINTF(3, 4);
/* Prints how many there were. */
void simc__ecm_print_summary(const struct simc__ecm_run *run);

#endif
